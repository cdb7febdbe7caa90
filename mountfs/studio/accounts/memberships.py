"""Which accounts are in which projects, and under which user id they appear there.

Who may bring somebody in or send them away is for the project to say, with its roles: whoever calls here has
asked it. The project's own list of people is another database. So that no crash between the two leaves
anybody half in, a membership remembers what the project has still to be told (`joining_as`), until `settle`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select, update

from mountfs.errors import NameTaken, NotFound
from mountfs.model import ProjectId, UserId
from mountfs.studio.accounts import people
from mountfs.studio.accounts.desk import Desk, Remembered, require_admin
from mountfs.studio.accounts.tables import account, labelled, membership, node_token
from mountfs.studio.accounts.values import Account, AccountId, Actor, Membership


class Memberships:
    """Being in projects. None of this asks for a right in them; see the module."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: Remembered[Membership] = Remembered()

    def of(self, who: AccountId) -> tuple[Membership, ...]:
        """Somebody's projects, the oldest membership first."""
        with self._desk.database.reading() as connection:
            rows = connection.execute(
                select(membership)
                .where(membership.c.account_id == who)
                .order_by(membership.c.added_at, membership.c.project_id)
            )
            return tuple(map(_as_membership, rows))

    def get(self, project: ProjectId, who: AccountId) -> Membership:
        """One membership. NotFound."""
        version, key = self._desk.database.version(), json.dumps((project, who))
        found = self._known.get(version, key)  # each request for a project asks for this
        if found is None:
            with self._desk.database.reading() as connection:
                found = _get(connection, project, who)
            self._known.put(version, key, found)
        return found

    def in_project(self, project: ProjectId) -> tuple[tuple[Membership, Account], ...]:
        """Everybody in a project, by username."""
        with self._desk.database.reading() as connection:
            rows = connection.execute(
                select(*people.COLUMNS, *labelled(membership))
                .join(membership, membership.c.account_id == account.c.id)
                .where(membership.c.project_id == project)
                .order_by(account.c.username)
            )
            return tuple((_as_membership(row, "membership_"), people.as_account(row)) for row in rows)

    def unsettled(self, project: ProjectId) -> tuple[tuple[Membership, Account], ...]:
        """Whom the project has still to be told of."""
        return tuple(each for each in self.in_project(project) if each[0].joining_as is not None)

    def add(
        self,
        by: Actor,
        project: ProjectId,
        who: AccountId,
        *,
        user: UserId | None = None,
        joining_as: str | None = None,
    ) -> Membership:
        """Bring somebody into a project: as a user that it has already (``user``, after an import), or as a
        new one with a role (``joining_as``). NotFound for no such account, NameTaken when they are in it."""
        with self._desk.acting("add member", by, who) as act:
            act.detail.update(project=project)
            people.find(act.connection, who)
            made = join(act.connection, act.now, project, who, user=user, joining_as=joining_as)
            act.detail.update(user=made.user, role=joining_as)
        return made

    def found(self, by: Actor, first: AccountId, name: str, make: Callable[[], ProjectId]) -> Membership:
        """Begin a project, and be its first member as the user of one's own id. AdminsOnly; NotFound for no
        such account. ``make`` makes its file, while nobody else can change the book: a file that is left by a
        crash just then is a project that nobody is in."""
        with self._desk.acting("make project", by) as act:
            require_admin(act.connection, by)
            people.find(act.connection, first)
            project = make()
            act.subject = project
            act.detail.update(name=name, first=first)
            return join(act.connection, act.now, project, first)

    def settle(self, project: ProjectId, who: AccountId) -> None:
        """The project has been told. No row in the audit: joining has one."""
        with self._desk.database.writing() as connection:
            connection.execute(update(membership).where(_is(project, who)).values(joining_as=None))

    def remove(self, by: Actor, project: ProjectId, who: AccountId) -> None:
        """Send somebody away, which ends their node tokens for the project. NotFound."""
        with self._desk.acting("remove member", by, who) as act:
            act.detail.update(project=project)
            _get(act.connection, project, who)
            act.connection.execute(delete(membership).where(_is(project, who)))
            ended = act.connection.execute(
                delete(node_token).where(node_token.c.project_id == project, node_token.c.account_id == who)
            )
            act.detail["node_tokens"] = ended.rowcount


def join(
    connection: Connection,
    now: int,
    project: ProjectId,
    who: AccountId,
    *,
    user: UserId | None = None,
    joining_as: str | None = None,
) -> Membership:
    """Make a membership in the transaction of an act. NameTaken when they are in the project already, or
    somebody else is that user."""
    made = Membership(project, who, user or UserId(who), now, joining_as)
    in_it = select(membership.c.account_id).where(
        membership.c.project_id == project,
        (membership.c.account_id == who) | (membership.c.user_id == made.user),
    )
    if connection.execute(in_it).first() is not None:
        raise NameTaken("they are in this project already")
    connection.execute(
        insert(membership).values(
            project_id=project, account_id=who, user_id=made.user, added_at=now, joining_as=joining_as
        )
    )
    return made


def _is(project: ProjectId, who: AccountId) -> ColumnElement[bool]:
    return and_(membership.c.project_id == project, membership.c.account_id == who)


def _get(connection: Connection, project: ProjectId, who: AccountId) -> Membership:
    row = connection.execute(select(membership).where(_is(project, who))).one_or_none()
    if row is None:
        raise NotFound("they are not in this project")
    return _as_membership(row)


def _as_membership(row: Row[Any], prefix: str = "") -> Membership:
    value = row._mapping
    return Membership(
        ProjectId(value[f"{prefix}project_id"]),
        AccountId(value[f"{prefix}account_id"]),
        UserId(value[f"{prefix}user_id"]),
        value[f"{prefix}added_at"],
        value[f"{prefix}joining_as"],
    )
