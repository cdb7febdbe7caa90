"""The studio's people: who is in, what they may do in the studio, and that somebody always runs it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, select, update

from mountfs.errors import NameTaken, NotFound, RoleRule, WrongPassword
from mountfs.studio.accounts import attempts, naming
from mountfs.studio.accounts.attempts import Limits
from mountfs.studio.accounts.desk import Desk, require_admin, require_self_or_admin
from mountfs.studio.accounts.passwords import require_strong
from mountfs.studio.accounts.tables import account, invitation, membership, node_token, recovery, session
from mountfs.studio.accounts.values import Account, AccountId, Actor, Caller, StudioRole

COLUMNS = [column for column in account.c if column is not account.c.password_hash]
"""What is read of an account. The hash of its password is read only where one is verified."""


class People:
    """Accounts. Every act is by somebody: a `Caller` or the `Operator`."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self._desk = desk
        self._limits = limits

    def all(self, by: Actor, *, removed: bool = False) -> tuple[Account, ...]:
        """Everybody, by username; those who were removed too if asked for. AdminsOnly."""
        with self._desk.database.reading() as connection:
            require_admin(connection, by)
            chosen = select(*COLUMNS).order_by(account.c.username, account.c.created_at)
            if not removed:
                chosen = chosen.where(account.c.removed_at.is_(None))
            return tuple(map(as_account, connection.execute(chosen)))

    def find(self, who: str) -> Account:
        """Somebody who is here, by id, e-mail address or username. NotFound. For those who may know: it asks
        for no right."""
        with self._desk.database.reading() as connection:
            return find(connection, who)

    def get(self, ids: frozenset[AccountId]) -> dict[AccountId, Account]:
        """These accounts, removed ones too, as far as there are such."""
        found = {}
        with self._desk.database.reading() as connection:
            for one in ids:
                row = connection.execute(select(*COLUMNS).where(account.c.id == one)).one_or_none()
                if row is not None:
                    found[one] = as_account(row)
        return found

    def edit(
        self,
        by: Actor,
        who: AccountId,
        *,
        name: str | None = None,
        username: str | None = None,
        email: str | None = None,
    ) -> Account:
        """Change what somebody is called: oneself, or an admin anybody. NameTaken, NameInvalid."""
        wanted = {
            **({"name": naming.person_name(name)} if name is not None else {}),
            **({"username": naming.username(username)} if username is not None else {}),
            **({"email": naming.email_address(email)} if email is not None else {}),
        }
        with self._desk.acting("edit account", by, who) as act:
            require_self_or_admin(act.connection, by, who)
            find(act.connection, who)
            require_free(act.connection, wanted.get("email"), wanted.get("username"), besides=who)
            if wanted:
                act.connection.execute(update(account).where(account.c.id == who).values(**wanted))
            act.detail.update(wanted)
            return find(act.connection, who)

    def set_role(self, by: Actor, who: AccountId, role: StudioRole) -> Account:
        """Make somebody an admin of the studio, or no longer. RoleRule for the last admin."""
        with self._desk.acting("set studio role", by, who) as act:
            require_admin(act.connection, by)
            was = find(act.connection, who)
            act.connection.execute(update(account).where(account.c.id == who).values(role=role.value))
            _require_an_admin(act.connection)
            act.detail.update(role=role.value, before=was.role.value)
            return find(act.connection, who)

    def remove(self, by: Actor, who: AccountId) -> None:
        """End all that somebody holds: sessions, node tokens, memberships, and the invitations they made.
        Oneself, or an admin anybody; RoleRule for the last admin. The row stays, without a password."""
        with self._desk.acting("remove account", by, who) as act:
            require_self_or_admin(act.connection, by, who)
            was = find(act.connection, who)
            projects = act.connection.execute(
                select(membership.c.project_id).where(membership.c.account_id == who)
            ).scalars()
            act.detail.update(email=was.email, projects=sorted(projects))
            for table, column in (
                (session, session.c.account_id),
                (node_token, node_token.c.account_id),
                (membership, membership.c.account_id),
                (recovery, recovery.c.account_id),
                (invitation, invitation.c.made_by),
            ):
                done = act.connection.execute(delete(table).where(column == who))
                act.detail[table.name] = done.rowcount
            act.connection.execute(
                update(account).where(account.c.id == who).values(removed_at=act.now, password_hash=None)
            )
            _require_an_admin(act.connection)

    def change_password(self, by: Caller, old: str, new: str) -> None:
        """Take another password, which ends all other sessions of the account. WrongPassword if the old one
        is, which counts as a failed login (TooMany); WeakPassword."""
        require_strong(new, by.account.email)
        with self._desk.database.writing() as connection:
            attempt = attempts.begin(
                connection, self._limits, self._desk.now(), by.account.email, by.origin.address
            )
            kept = connection.execute(select(account.c.password_hash).where(account.c.id == by.id)).scalar()
        right = self._desk.passwords.is_right(kept, old)
        made = self._desk.passwords.hashed(new) if right else None
        with self._desk.acting("change password", by, by.id) as act:
            if made is None:
                raise WrongPassword("the old password is wrong")
            # Two changes at once: the second was let in with a password that is none any more.
            changed = act.connection.execute(
                update(account)
                .where(account.c.id == by.id, account.c.password_hash == kept)
                .values(password_hash=made)
            )
            if changed.rowcount != 1:
                raise WrongPassword("the old password is wrong")
            attempts.succeeded(act.connection, attempt)
            act.connection.execute(delete(recovery).where(recovery.c.account_id == by.id))
            mine = by.session.id if by.session is not None else ""
            ended = act.connection.execute(
                delete(session).where(session.c.account_id == by.id, session.c.id != mine)
            )
            act.detail["sessions"] = ended.rowcount

    def let_in_again(self, by: Actor, who: AccountId) -> None:
        """Forget the failed logins of somebody who is locked out. AdminsOnly."""
        with self._desk.acting("unlock account", by, who) as act:
            require_admin(act.connection, by)
            attempts.forget(act.connection, find(act.connection, who).email)


def add(
    desk: Desk,
    connection: Connection,
    now: int,
    *,
    email: str,
    name: str,
    role: StudioRole,
    password_hash: str,
    username: str | None = None,
) -> Account:
    """Make an account in the transaction of an act; the caller has decided that it may be. NameTaken."""
    chosen = username or naming.username_from(email, lambda one: _is_taken(connection, one))
    require_free(connection, email, chosen)
    made = Account(AccountId(desk.new_id()), email, chosen, name, role, now)
    connection.execute(
        insert(account).values(
            id=made.id,
            email=email,
            username=chosen,
            name=name,
            role=role.value,
            password_hash=password_hash,
            created_at=now,
        )
    )
    return made


def as_account(row: Row[Any]) -> Account:
    """An account from its row."""
    return Account(
        AccountId(row.id),
        row.email,
        row.username,
        row.name,
        StudioRole(row.role),
        row.created_at,
        row.removed_at,
    )


def find(connection: Connection, who: str) -> Account:
    """Somebody who is here, by id, e-mail address or username. NotFound."""
    plain = who.strip().lower()
    for column, wanted in ((account.c.id, who), (account.c.email, plain), (account.c.username, plain)):
        row = connection.execute(
            select(*COLUMNS).where(column == wanted, account.c.removed_at.is_(None))
        ).one_or_none()
        if row is not None:
            return as_account(row)
    raise NotFound(f"there is nobody called {who!r} in this studio")


def require_free(connection: Connection, email: str | None, username: str | None, besides: str = "") -> None:
    """NameTaken when somebody who is here has this address or username."""
    for column, wanted, what in (
        (account.c.email, email, "e-mail address"),
        (account.c.username, username, "username"),
    ):
        if (
            wanted is not None
            and connection.execute(
                select(
                    exists().where(column == wanted, account.c.removed_at.is_(None), account.c.id != besides)
                )
            ).scalar()
        ):
            raise NameTaken(f"somebody in the studio has the {what} {wanted} already")


def has_admin(connection: Connection) -> bool:
    """Whether anybody runs the studio."""
    admins = select(func.count()).where(account.c.role == "admin", account.c.removed_at.is_(None))
    return bool(connection.execute(admins).scalar_one())


def _require_an_admin(connection: Connection) -> None:
    if not has_admin(connection):
        raise RoleRule("at least one admin of the studio stays: make somebody else one first")


def _is_taken(connection: Connection, username: str) -> bool:
    taken = exists().where(account.c.username == username, account.c.removed_at.is_(None))
    return bool(connection.execute(select(taken)).scalar())
