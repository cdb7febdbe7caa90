"""Somebody forgot their password: a link with a token, from an admin, with which they choose another.

The old password works until then. Nobody but the person learns the new one; that an admin could use the link
themselves cannot be prevented where there is no e-mail, but not go unseen: the audit has both acts, every
session of the account ends, and the password its owner knows is none any more.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from mountfs.errors import NotFound
from mountfs.studio.accounts import attempts, people
from mountfs.studio.accounts.attempts import Limits
from mountfs.studio.accounts.desk import Desk, require_admin
from mountfs.studio.accounts.passwords import require_strong
from mountfs.studio.accounts.tables import account, recovery, session
from mountfs.studio.accounts.tokens import token_hash
from mountfs.studio.accounts.values import NOWHERE, Account, AccountId, Actor, OfferedRecovery, Origin

LIFETIME = 24 * 3600

_DEAD = "this link was used or has expired, or never was: ask for another one"


class Recovery:
    """Choosing another password without the old one."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self._desk = desk
        self._limits = limits

    def offer(self, by: Actor, who: AccountId) -> OfferedRecovery:
        """A token with which somebody chooses another password, once, within a day. An earlier one is dead.
        AdminsOnly, NotFound."""
        token = self._desk.new_token()
        with self._desk.acting("offer recovery", by, who) as act:
            require_admin(act.connection, by)
            whose = people.find(act.connection, who)
            expires_at = act.now + LIFETIME
            act.connection.execute(
                delete(recovery).where(
                    (recovery.c.account_id == whose.id) | (recovery.c.expires_at <= act.now)
                )
            )
            act.connection.execute(
                insert(recovery).values(
                    account_id=whose.id, token_hash=token_hash(token), expires_at=expires_at
                )
            )
        return OfferedRecovery(whose, expires_at, token)

    def accept(self, token: str, password: str, origin: Origin = NOWHERE) -> Account:
        """Choose another password: all sessions of the account end, and it is no longer locked. NotFound,
        always in the same words, which counts as a failed login from that address (TooMany); WeakPassword."""
        with self._desk.database.writing() as connection:
            attempt = attempts.begin(connection, self._limits, self._desk.now(), "", origin.address)
            whose = _find(connection, token, self._desk.now())
            if whose is not None:
                attempts.succeeded(connection, attempt)
        if whose is None:
            raise NotFound(_DEAD)
        require_strong(password, whose.email)
        made = self._desk.passwords.hashed(password)
        with self._desk.acting("recover account", None, whose.id, origin) as act:
            found = _find(act.connection, token, act.now)
            if found is None:
                raise NotFound(_DEAD)
            act.actor = found.id
            act.connection.execute(delete(recovery).where(recovery.c.account_id == found.id))
            act.connection.execute(update(account).where(account.c.id == found.id).values(password_hash=made))
            ended = act.connection.execute(delete(session).where(session.c.account_id == found.id))
            act.detail["sessions"] = ended.rowcount
            attempts.forget(act.connection, found.email)
        return found


def _find(connection: Connection, token: str, now: int) -> Account | None:
    row = connection.execute(
        select(*people.COLUMNS)
        .join(recovery, recovery.c.account_id == account.c.id)
        .where(
            recovery.c.token_hash == token_hash(token),
            recovery.c.expires_at > now,
            account.c.removed_at.is_(None),
        )
    ).one_or_none()
    return None if row is None else people.as_account(row)
