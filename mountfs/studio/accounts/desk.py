"""What every subject of the book works with: the database, a clock, randomness, and how an act is recorded.

An act is one transaction. Its row in the audit is written in it, and so is the row of a refusal: what the act
had changed by then is taken back to a savepoint first, so that the refusal is all that stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sqlalchemy import Connection, insert, select

from mountfs.errors import AdminsOnly, NotFound, Refused, Unauthenticated
from mountfs.studio.accounts import tables
from mountfs.studio.accounts.database import StudioDatabase
from mountfs.studio.accounts.passwords import Passwords
from mountfs.studio.accounts.tokens import Entropy, new_id, new_token
from mountfs.studio.accounts.values import AccountId, Actor, Operator, Origin, StudioRole

MAX_SUBJECT = 256
"""Characters of an act's subject that the audit keeps: it may be any text that somebody asked for."""

Known = TypeVar("Known")


class Remembered(Generic[Known]):
    """What was read of the book, for as long as nobody has committed anything to it.

    Not a cache that could be stale: whoever asks has asked for the book's version just now.
    """

    def __init__(self) -> None:
        self._at: tuple[int, dict[str, Known]] = (-1, {})

    def get(self, version: int, key: str) -> Known | None:
        """What was read at this version."""
        known, found = self._at
        return found.get(key) if known == version else None

    def put(self, version: int, key: str, value: Known) -> None:
        """Remember what was read since that version was asked for."""
        at = self._at  # once: another thread may put another version in its place at any moment
        if at[0] != version:
            at = self._at = (version, {})
        at[1][key] = value


@dataclass(slots=True)
class Act:
    """An act, in its transaction. What is put into ``subject`` and ``detail`` goes into its audit row."""

    connection: Connection
    now: int
    actor: str
    subject: str
    detail: dict[str, object] = field(default_factory=dict)


class Desk:
    """The collaborators that all subjects share. ``clock`` gives Unix seconds."""

    def __init__(
        self,
        database: StudioDatabase,
        *,
        clock: Callable[[], float],
        entropy: Entropy,
        passwords: Passwords,
    ) -> None:
        self.database = database
        self.passwords = passwords
        self._clock = clock
        self._entropy = entropy

    def now(self) -> int:
        """Unix seconds."""
        return int(self._clock())

    def new_id(self) -> str:
        """A random id."""
        return new_id(self._entropy)

    def new_token(self) -> str:
        """A new secret."""
        return new_token(self._entropy)

    @contextmanager
    def acting(
        self, name: str, by: Actor | None, subject: str = "", origin: Origin | None = None
    ) -> Iterator[Act]:
        """The transaction of an act, recorded as ``name``, or as refused if it raises what a refusal is.

        ``by`` is None for somebody who is not known yet; then ``origin`` tells where they are. An error that
        is no refusal leaves nothing.
        """
        where = origin or (by.origin if by is not None else Origin())
        refusal: Refused | NotFound | Unauthenticated | None = None
        with self.database.writing() as connection:
            act = Act(connection, self.now(), by.name_in_audit if by is not None else "", subject)
            savepoint = connection.begin_nested()
            try:
                if by is not None:
                    require_here(connection, by)
                yield act
            except (Refused, NotFound, Unauthenticated) as exc:
                savepoint.rollback()
                refusal = exc
                record(act, f"refused: {name}", where, {"why": type(exc).__name__})
            else:
                savepoint.commit()
                record(act, name, where, act.detail)
        if refusal is not None:
            raise refusal


def record(act: Act, name: str, origin: Origin, detail: dict[str, object]) -> None:
    """Add a row to the audit, in the transaction of what it tells of."""
    told = {**detail, "address": origin.address} if origin.address else detail
    act.connection.execute(
        insert(tables.audit).values(
            at=act.now,
            actor=act.actor,
            act=name,
            subject=act.subject[:MAX_SUBJECT],
            detail=json.dumps(told, sort_keys=True, ensure_ascii=False),
            request=origin.request,
        )
    )


def require_here(connection: Connection, by: Actor) -> None:
    """Unauthenticated when a caller was removed, or a session ended, after the request had begun; and for
    machines, which change nothing."""
    if isinstance(by, Operator):
        return
    if by.node_token is not None or by.session is None:
        raise AdminsOnly("a node token reads one project, and does nothing else")
    found = connection.execute(
        select(tables.account.c.removed_at)
        .join(tables.session, tables.session.c.account_id == tables.account.c.id)
        .where(tables.session.c.id == by.session.id, tables.account.c.id == by.id)
    ).one_or_none()
    if found is None or found.removed_at is not None:
        raise Unauthenticated("this session has ended: log in again")


def require_admin(connection: Connection, by: Actor) -> None:
    """AdminsOnly unless the caller is an admin of the studio at this moment, or its operator."""
    if isinstance(by, Operator):
        return
    if by.node_token is None:
        who = tables.account.c
        role = connection.execute(select(who.role).where(who.id == by.id, who.removed_at.is_(None))).scalar()
        if role == StudioRole.ADMIN:
            return
    raise AdminsOnly("this is for the admins of the studio")


def require_self_or_admin(connection: Connection, by: Actor, account: AccountId) -> None:
    """AdminsOnly unless it is about the caller's own, or the caller is an admin."""
    if isinstance(by, Operator) or by.node_token is not None or by.id != account:
        require_admin(connection, by)


def is_own_or_admin(connection: Connection, by: Actor, account: AccountId) -> bool:
    """The same, for answers that must not tell that there is such a thing."""
    try:
        require_self_or_admin(connection, by, account)
    except AdminsOnly:
        return False
    return True
