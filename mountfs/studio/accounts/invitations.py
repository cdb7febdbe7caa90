"""Invitations: the only way in, but for the first admin. A link with a token, which works once, for a week.

Whoever holds the token decides on name and password, so nobody else ever knows the password. The address is
the invitation's, and cannot be chosen by whoever accepts it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from mountfs.errors import NameTaken, NotFound
from mountfs.model import ProjectId
from mountfs.studio.accounts import attempts, memberships, naming, people
from mountfs.studio.accounts.attempts import Limits
from mountfs.studio.accounts.desk import Desk, require_admin
from mountfs.studio.accounts.passwords import require_strong
from mountfs.studio.accounts.tables import invitation
from mountfs.studio.accounts.tokens import token_hash
from mountfs.studio.accounts.values import (
    NOWHERE,
    Account,
    Actor,
    Caller,
    Invitation,
    InvitationId,
    Invited,
    Membership,
    Operator,
    Origin,
    StudioRole,
)

LIFETIME = 7 * 24 * 3600

_DEAD = "this invitation was used, withdrawn or has expired, or never was: ask for another one"


class Invitations:
    """Asking people in."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self._desk = desk
        self._limits = limits

    def invite(
        self,
        by: Actor,
        email: str,
        *,
        role: StudioRole = StudioRole.USER,
        project: ProjectId | None = None,
        project_role: str | None = None,
    ) -> Invited:
        """Ask somebody in, perhaps into a project too, with a role there that the project knows. AdminsOnly;
        NameTaken for somebody who is here; NameInvalid. An earlier invitation of the same person into the
        same project, or into none, is withdrawn: there is one link that works."""
        address = naming.email_address(email)
        if (project is None) != (project_role is None):
            raise ValueError("a project and a role in it go together")
        token = self._desk.new_token()
        with self._desk.acting("invite", by, address) as act:
            require_admin(act.connection, by)
            people.require_free(act.connection, address, None)
            made = Invitation(
                InvitationId(self._desk.new_id()),
                address,
                role,
                project,
                project_role,
                by.name_in_audit if isinstance(by, Operator) else by.id,
                act.now,
                act.now + LIFETIME,
            )
            act.connection.execute(
                delete(invitation).where(
                    (invitation.c.expires_at <= act.now)
                    | (
                        (invitation.c.email == address)
                        & invitation.c.project_id.is_not_distinct_from(project)
                    )
                )
            )
            act.connection.execute(
                insert(invitation).values(
                    id=made.id,
                    token_hash=token_hash(token),
                    email=address,
                    role=role.value,
                    project_id=project,
                    project_role=project_role,
                    made_by=made.made_by,
                    created_at=made.created_at,
                    expires_at=made.expires_at,
                )
            )
            act.detail.update(id=made.id, role=role.value, project=project, project_role=project_role)
        return Invited(made, token)

    def open(self, by: Actor) -> tuple[Invitation, ...]:
        """Invitations that still work, the newest first. AdminsOnly."""
        with self._desk.database.reading() as connection:
            require_admin(connection, by)
            rows = connection.execute(
                select(invitation)
                .where(invitation.c.expires_at > self._desk.now())
                .order_by(invitation.c.created_at.desc(), invitation.c.id)
            )
            return tuple(map(_as_invitation, rows))

    def revoke(self, by: Actor, which: InvitationId) -> None:
        """Withdraw an invitation. AdminsOnly, NotFound."""
        with self._desk.acting("withdraw invitation", by, which) as act:
            require_admin(act.connection, by)
            found = act.connection.execute(
                delete(invitation).where(invitation.c.id == which).returning(invitation.c.email)
            ).scalar()
            if found is None:
                raise NotFound("there is no such invitation")
            act.detail["email"] = found

    def look(self, token: str, origin: Origin = NOWHERE) -> Invitation:
        """What a token invites to, for the person who holds it. NotFound, always in the same words, which
        counts as a failed login from that address (TooMany)."""
        with self._desk.database.writing() as connection:
            attempt = attempts.begin(connection, self._limits, self._desk.now(), "", origin.address)
            found = _find(connection, token, self._desk.now())
            if found is not None:
                attempts.succeeded(connection, attempt)
        if found is None:
            raise NotFound(_DEAD)
        return found

    def accept(
        self,
        token: str,
        *,
        name: str,
        password: str,
        username: str | None = None,
        origin: Origin = NOWHERE,
    ) -> tuple[Account, Membership | None]:
        """Come in: make the account and, if the invitation says so, the membership, which the project is then
        to be told of (see `Memberships`). NotFound as for `look`; NameInvalid, WeakPassword; NameTaken when
        the address or username is somebody's by now (see `join`)."""
        called = naming.person_name(name)
        chosen = naming.username(username) if username else None
        asked = self.look(token, origin)
        require_strong(password, asked.email)
        password_hash = self._desk.passwords.hashed(password)
        with self._desk.acting("accept invitation", None, asked.id, origin) as act:
            asked = _take(act.connection, token, act.now)
            made = people.add(
                self._desk,
                act.connection,
                act.now,
                email=asked.email,
                name=called,
                role=asked.role,
                password_hash=password_hash,
                username=chosen,
            )
            act.actor = made.id
            act.detail.update(email=made.email, role=made.role.value, project=asked.project)
            joined = _join(act.connection, act.now, asked, made)
        return made, joined

    def join(self, by: Caller, token: str) -> Membership | None:
        """Accept an invitation as somebody who is here already: it brings them into its project. NotFound,
        also when it was meant for somebody else."""
        with self._desk.acting("accept invitation", by) as act:
            me = people.find(act.connection, by.id)
            asked = _take(act.connection, token, act.now)
            act.subject = asked.id
            if asked.email != me.email:
                raise NotFound(_DEAD)
            act.detail.update(project=asked.project)
            return _join(act.connection, act.now, asked, me)


def _find(connection: Connection, token: str, now: int) -> Invitation | None:
    row = connection.execute(
        select(invitation).where(invitation.c.token_hash == token_hash(token), invitation.c.expires_at > now)
    ).one_or_none()
    return None if row is None else _as_invitation(row)


def _take(connection: Connection, token: str, now: int) -> Invitation:
    """The invitation, which is used by this: it works once."""
    found = _find(connection, token, now)
    if found is None:
        raise NotFound(_DEAD)
    connection.execute(delete(invitation).where(invitation.c.id == found.id))
    return found


def _join(connection: Connection, now: int, asked: Invitation, who: Account) -> Membership | None:
    if asked.project is None:
        return None
    try:
        return memberships.join(connection, now, asked.project, who.id, joining_as=asked.project_role)
    except NameTaken:
        return None  # somebody else brought them in meanwhile


def _as_invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        InvitationId(row.id),
        row.email,
        StudioRole(row.role),
        None if row.project_id is None else ProjectId(row.project_id),
        row.project_role,
        row.made_by,
        row.created_at,
        row.expires_at,
    )
