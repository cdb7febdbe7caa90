"""Logging in, and who a token belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select, update

from mountfs.errors import NameInvalid, NotFound, StudioUnavailable, Unauthenticated
from mountfs.studio.accounts import attempts, naming, node_tokens
from mountfs.studio.accounts.attempts import Attempt, Limits
from mountfs.studio.accounts.desk import (
    Act,
    Desk,
    Remembered,
    is_own_or_admin,
    record,
    require_self_or_admin,
)
from mountfs.studio.accounts.people import COLUMNS, as_account
from mountfs.studio.accounts.tables import account, labelled, session
from mountfs.studio.accounts.tokens import token_hash
from mountfs.studio.accounts.values import (
    NOWHERE,
    Account,
    AccountId,
    Actor,
    Caller,
    LoggedIn,
    Origin,
    Session,
    SessionId,
)

_WRONG = "the e-mail address or the password is wrong"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds: how long a session lasts unused, how long at all, and how exact its last use is known."""

    idle: int = 7 * 24 * 3600
    absolute: int = 90 * 24 * 3600
    seen_every: int = 60


class Sessions:
    """Sessions of people, and whom a token of any kind stands for."""

    def __init__(self, desk: Desk, limits: Limits, lifetimes: Lifetimes) -> None:
        self._desk = desk
        self._limits = limits
        self._lifetimes = lifetimes
        self._known: Remembered[Caller] = Remembered()

    def login(self, email: str, password: str, origin: Origin = NOWHERE) -> LoggedIn:
        """Begin a session. Unauthenticated when address or password is wrong, in the same words and as much
        time whether or not there is such an account; TooMany; StudioUnavailable when too many log in.
        """
        address = _address(email)
        # What is no address counts too, by what was typed, and belongs to nobody.
        kept, found, attempt = self._knock(address, address or email, origin)
        right = self._desk.passwords.is_right(kept, password)
        grown = right and kept is not None and self._desk.passwords.grew(kept)
        new_hash = self._desk.passwords.hashed(password) if grown else None
        with self._desk.database.writing() as connection:
            act = Act(connection, self._desk.now(), "", address)
            if right and found is not None and _has_still(connection, found, kept):
                attempts.succeeded(connection, attempt)
                if new_hash is not None:
                    connection.execute(
                        update(account).where(account.c.id == found.id).values(password_hash=new_hash)
                    )
                return self.begin(act, found, origin)
            record(act, "refused: login", origin, {"locks": True} if attempt.is_last else {})
        raise Unauthenticated(_WRONG)

    def begin(self, act: Act, whose: Account, origin: Origin) -> LoggedIn:
        """A new session, in the transaction of an act that found out who they are."""
        token = self._desk.new_token()
        made = Session(
            SessionId(self._desk.new_id()),
            whose.id,
            act.now,
            act.now,
            act.now + min(self._lifetimes.idle, self._lifetimes.absolute),
            naming.note(origin.device),
            naming.note(origin.address),
        )
        act.connection.execute(delete(session).where(~self._lives(act.now)))
        act.connection.execute(
            insert(session).values(
                id=made.id,
                token_hash=token_hash(token),
                account_id=whose.id,
                created_at=act.now,
                seen_at=act.now,
                device=made.device,
                address=made.address,
            )
        )
        act.actor, act.subject = whose.id, made.id
        record(act, "login", origin, {"device": made.device})
        return LoggedIn(Caller(whose, made, origin=origin), token)

    def authenticate(self, token: str, origin: Origin = NOWHERE) -> Caller:
        """Who a token stands for at this moment: a person in a session, or a machine with a node token.

        Unauthenticated, always in the same words. A session's last use is written at most once a minute, in a
        transaction of its own.
        """
        if not _TOKEN.fullmatch(token):
            raise Unauthenticated(node_tokens.ENDED)
        hashed, now = token_hash(token), self._desk.now()
        version = self._desk.database.version()
        found = self._known.get(version, hashed)
        if found is None:
            found = self._look_up(hashed)
            self._known.put(version, hashed, found)
        held = found.session or found.node_token
        if held is None or now >= held.expires_at:
            raise Unauthenticated(node_tokens.ENDED)
        session_ = found.session
        if session_ is not None and now - session_.seen_at >= self._lifetimes.seen_every:
            session_ = self._see(session_, now)
        return replace(found, session=session_, origin=origin)

    def of(self, by: Actor, who: AccountId) -> tuple[Session, ...]:
        """Somebody's sessions, the last used first: one's own, or for an admin anybody's."""
        with self._desk.database.reading() as connection:
            require_self_or_admin(connection, by, who)
            rows = connection.execute(
                select(session)
                .where(session.c.account_id == who, self._lives(self._desk.now()))
                .order_by(session.c.seen_at.desc(), session.c.created_at.desc(), session.c.id)
            )
            return tuple(self._as_session(row) for row in rows)

    def logout(self, by: Caller) -> None:
        """End the session that the caller is in."""
        if by.session is not None:
            self.revoke(by, by.session.id)

    def revoke(self, by: Actor, which: SessionId) -> None:
        """End a session: one's own, or for an admin anybody's. NotFound, for others' too."""
        with self._desk.acting("end session", by, which) as act:
            whose = act.connection.execute(select(session.c.account_id).where(session.c.id == which)).scalar()
            if whose is None or not is_own_or_admin(act.connection, by, AccountId(whose)):
                raise NotFound("there is no such session")
            act.connection.execute(delete(session).where(session.c.id == which))
            act.detail["account"] = whose

    def revoke_all(self, by: Actor, who: AccountId) -> int:
        """Log somebody out everywhere, this session too: oneself, or an admin anybody. How many ended."""
        with self._desk.acting("end all sessions", by, who) as act:
            require_self_or_admin(act.connection, by, who)
            ended = act.connection.execute(delete(session).where(session.c.account_id == who)).rowcount
            act.detail["sessions"] = ended
        return ended

    def _knock(
        self, address: str, counted: str, origin: Origin
    ) -> tuple[str | None, Account | None, Attempt]:
        with self._desk.database.writing() as connection:
            attempt = attempts.begin(connection, self._limits, self._desk.now(), counted, origin.address)
            row = connection.execute(
                select(account).where(account.c.email == address, account.c.removed_at.is_(None))
            ).one_or_none()
        return (None, None, attempt) if row is None else (row.password_hash, as_account(row), attempt)

    def _look_up(self, hashed: str) -> Caller:
        """Whom the token of this hash stands for, if it has not expired. Unauthenticated."""
        with self._desk.database.reading() as connection:
            row = connection.execute(
                select(*COLUMNS, *labelled(session))
                .join(session, session.c.account_id == account.c.id)
                .where(session.c.token_hash == hashed, account.c.removed_at.is_(None))
            ).one_or_none()
            if row is not None:
                return Caller(as_account(row), self._as_session(row, "session_"))
            return node_tokens.bearer(connection, hashed)

    def _lives(self, now: int) -> ColumnElement[bool]:
        return and_(
            session.c.seen_at > now - self._lifetimes.idle,
            session.c.created_at > now - self._lifetimes.absolute,
        )

    def _see(self, found: Session, now: int) -> Session:
        """Write down that a session is in use. Not worth an error: the next request tries again."""
        try:
            with self._desk.database.writing() as connection:
                connection.execute(
                    update(session)
                    .where(session.c.id == found.id, session.c.seen_at < now)
                    .values(seen_at=now)
                )
        except StudioUnavailable:
            return found
        return self._expiring(found, seen_at=now)

    def _expiring(self, found: Session, seen_at: int) -> Session:
        ends = min(seen_at + self._lifetimes.idle, found.created_at + self._lifetimes.absolute)
        return replace(found, seen_at=seen_at, expires_at=ends)

    def _as_session(self, row: Row[Any], prefix: str = "") -> Session:
        value = row._mapping
        found = Session(
            SessionId(value[f"{prefix}id"]),
            AccountId(value[f"{prefix}account_id"]),
            value[f"{prefix}created_at"],
            value[f"{prefix}seen_at"],
            0,
            value[f"{prefix}device"],
            value[f"{prefix}address"],
        )
        return self._expiring(found, found.seen_at)


def _has_still(connection: Connection, who: Account, kept: str | None) -> bool:
    """Whether nobody changed the password, or removed the account, while it was being verified."""
    same = select(account.c.id).where(account.c.id == who.id, account.c.password_hash == kept)
    return connection.execute(same).scalar() is not None


def _address(typed: str) -> str:
    """The address that was typed, in the form it is kept in; empty if it is none. (What is none may be a
    password in the wrong field, and is written down nowhere.)"""
    try:
        return naming.email_address(typed)
    except NameInvalid:
        return ""
