"""The studio's book, put together: one object for everything the studio knows about people."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert, select, update

from mountfs.errors import StudioDataError
from mountfs.studio.accounts.attempts import Limits
from mountfs.studio.accounts.audit import Audit
from mountfs.studio.accounts.bootstrap import Bootstrap
from mountfs.studio.accounts.database import FILE_NAME, StudioDatabase, make_database
from mountfs.studio.accounts.desk import Desk, Remembered, require_admin
from mountfs.studio.accounts.invitations import Invitations
from mountfs.studio.accounts.memberships import Memberships
from mountfs.studio.accounts.node_tokens import NodeTokens
from mountfs.studio.accounts.passwords import Passwords
from mountfs.studio.accounts.people import People
from mountfs.studio.accounts.recovery import Recovery
from mountfs.studio.accounts.sessions import Lifetimes, Sessions
from mountfs.studio.accounts.settings import Settings
from mountfs.studio.accounts.tables import SCHEMA_VERSION, invitation, node_token, recovery, session, studio
from mountfs.studio.accounts.tokens import Entropy, new_id, new_token, token_hash
from mountfs.studio.accounts.values import Operator


def create(
    folder: Path, *, clock: Callable[[], float] = time.time, entropy: Entropy = secrets.token_bytes
) -> str:
    """Make the book of a new studio in a folder, which becomes 0700. The secret that makes the first admin is
    told here and never again. StudioDataError when there is a studio already, ConfigError when the folder
    is somebody else's."""
    secret = new_token(entropy)
    make_database(
        folder,
        lambda connection: connection.execute(
            insert(studio).values(
                id=new_id(entropy),
                epoch=new_id(entropy),
                schema_version=SCHEMA_VERSION,
                created_at=int(clock()),
                bootstrap_hash=token_hash(secret),
            )
        ),
    )
    return secret


class Accounts:
    """An open book. Usable from any thread; every call is one transaction, and none is held while a password
    is hashed. ``clock`` gives Unix seconds, ``entropy`` random bytes.

    Any call may raise StudioUnavailable (another writer for too long: try again) and StorageUnavailable.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        entropy: Entropy = secrets.token_bytes,
        passwords: Passwords | None = None,
        limits: Limits | None = None,
        lifetimes: Lifetimes | None = None,
        busy_seconds: float = 5.0,
    ) -> None:
        self._database = StudioDatabase(folder / FILE_NAME, busy_seconds=busy_seconds)
        self._desk = Desk(
            self._database, clock=clock, entropy=entropy, passwords=passwords or Passwords(entropy)
        )
        self._identity: Remembered[tuple[str, str]] = Remembered()
        allowed = limits or Limits()
        self.people = People(self._desk, allowed)
        self.sessions = Sessions(self._desk, allowed, lifetimes or Lifetimes())
        self.bootstrap = Bootstrap(self._desk, allowed)
        self.invitations = Invitations(self._desk, allowed)
        self.recovery = Recovery(self._desk, allowed)
        self.memberships = Memberships(self._desk)
        self.node_tokens = NodeTokens(self._desk)
        self.audit = Audit(self._desk)
        self.settings = Settings(self._desk)

    def identity(self) -> tuple[str, str]:
        """The studio's id, which never changes, and its epoch, which a restore changes."""
        version = self._database.version()
        found = self._identity.get(version, "")
        if found is None:
            with self._database.reading() as connection:
                row = connection.execute(select(studio.c.id, studio.c.epoch)).one()
            found = (row.id, row.epoch)
            self._identity.put(version, "", found)
        return found

    def new_epoch(self, by: Operator) -> str:
        """This book was restored from a backup: sessions, node tokens, invitations and recoveries end, so
        that what was revoked or used up since does not work again, and whoever comes again sees by the epoch
        that the past is another."""
        with self._desk.acting("restore", by) as act:
            require_admin(act.connection, by)
            epoch = self._desk.new_id()
            act.connection.execute(update(studio).values(epoch=epoch))
            for table in (session, node_token, invitation, recovery):
                act.detail[table.name] = act.connection.execute(table.delete()).rowcount
            act.subject = epoch
        return epoch

    def require_whole(self) -> None:
        """StudioDataError for a book that is damaged."""
        with self._database.reading() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise StudioDataError(f"{self._database.path} is damaged: {found}")

    def close(self) -> None:
        """Close the file. Twice is no error."""
        self._database.close()

    def __enter__(self) -> Accounts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
