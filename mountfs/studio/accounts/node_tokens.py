"""Node tokens: a machine's way into one project, to read.

A token never sees more than its maker: it stands for the maker's membership, looked up at each use, so it is
dead when they have left the project or the studio. It expires within 30 days at most, and it changes nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, insert, select

from mountfs.errors import LimitExceeded, NotFound, Unauthenticated
from mountfs.model import ProjectId
from mountfs.studio.accounts import naming, people
from mountfs.studio.accounts.desk import Desk, is_own_or_admin, require_admin, require_self_or_admin
from mountfs.studio.accounts.tables import account, labelled, membership, node_token
from mountfs.studio.accounts.tokens import token_hash
from mountfs.studio.accounts.values import (
    AccountId,
    Actor,
    Caller,
    MadeToken,
    NodeToken,
    NodeTokenId,
)

ENDED = "this session has ended, or never was: log in again"
"""What whoever shows a token is told that stands for nobody: of no kind, and for whatever reason."""

LIFETIME = 24 * 3600
MAX_LIFETIME = 30 * 24 * 3600
MAX_EACH = 1000
"""Tokens that one account may have at a time."""


class NodeTokens:
    """Tokens for machines."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def make(
        self,
        by: Actor,
        project: ProjectId,
        *,
        maker: AccountId | None = None,
        label: str = "",
        lifetime: int = LIFETIME,
    ) -> MadeToken:
        """A token for a project that the caller is in; the operator names the ``maker``, whose sight it has.
        NotFound when they are not in it; LimitExceeded for a lifetime that is none or longer than 30 days,
        and for too many tokens; AdminsOnly for a machine."""
        token = self._desk.new_token()
        whose = by.id if isinstance(by, Caller) else maker
        if whose is None:
            raise ValueError("the operator sees no project: a token has a maker")
        with self._desk.acting("make node token", by, project) as act:
            if not 0 < lifetime <= MAX_LIFETIME:
                raise LimitExceeded("a node token lasts up to 30 days")
            is_in = exists().where(membership.c.project_id == project, membership.c.account_id == whose)
            if not act.connection.execute(select(is_in)).scalar():
                raise NotFound("there is no such project")
            act.connection.execute(delete(node_token).where(node_token.c.expires_at <= act.now))
            mine = act.connection.execute(select(node_token.c.id).where(node_token.c.account_id == whose))
            if len(mine.all()) >= MAX_EACH:
                raise LimitExceeded("you have too many node tokens: revoke some")
            made = NodeToken(
                NodeTokenId(self._desk.new_id()),
                whose,
                project,
                naming.note(label),
                act.now,
                act.now + lifetime,
            )
            act.connection.execute(
                insert(node_token).values(
                    id=made.id,
                    token_hash=token_hash(token),
                    account_id=whose,
                    project_id=project,
                    label=made.label,
                    created_at=made.created_at,
                    expires_at=made.expires_at,
                )
            )
            act.detail.update(id=made.id, account=whose, label=made.label, expires=made.expires_at)
        return MadeToken(made, token)

    def of(
        self, by: Actor, who: AccountId | None = None, project: ProjectId | None = None
    ) -> tuple[NodeToken, ...]:
        """Tokens that have not expired, the newest first: one's own or, for an admin, of ``who`` or of
        everybody. AdminsOnly."""
        wanted: list[ColumnElement[bool]] = [node_token.c.expires_at > self._desk.now()]
        if who is not None:
            wanted.append(node_token.c.account_id == who)
        if project is not None:
            wanted.append(node_token.c.project_id == project)
        with self._desk.database.reading() as connection:
            if who is None:
                require_admin(connection, by)
            else:
                require_self_or_admin(connection, by, who)
            rows = connection.execute(
                select(node_token)
                .where(and_(*wanted))
                .order_by(node_token.c.created_at.desc(), node_token.c.id)
            )
            return tuple(map(_as_token, rows))

    def revoke(self, by: Actor, which: NodeTokenId) -> None:
        """End a token: one's own, or for an admin anybody's. NotFound, for others' too."""
        with self._desk.acting("revoke node token", by, which) as act:
            found = act.connection.execute(select(node_token).where(node_token.c.id == which)).one_or_none()
            if found is None or not is_own_or_admin(act.connection, by, AccountId(found.account_id)):
                raise NotFound("there is no such node token")
            act.connection.execute(delete(node_token).where(node_token.c.id == which))
            act.detail.update(account=found.account_id, project=found.project_id, label=found.label)


def bearer(connection: Connection, hashed: str) -> Caller:
    """Whom the node token of this hash stands for: its maker, as far as they are in its project now, if
    it has not expired. Unauthenticated."""
    row = connection.execute(
        select(*people.COLUMNS, *labelled(node_token))
        .join(node_token, node_token.c.account_id == account.c.id)
        .join(
            membership,
            and_(
                membership.c.account_id == node_token.c.account_id,
                membership.c.project_id == node_token.c.project_id,
            ),
        )
        .where(node_token.c.token_hash == hashed, account.c.removed_at.is_(None))
    ).one_or_none()
    if row is None:
        raise Unauthenticated(ENDED)
    return Caller(people.as_account(row), node_token=_as_token(row, "node_token_"))


def _as_token(row: Row[Any], prefix: str = "") -> NodeToken:
    value = row._mapping
    return NodeToken(
        NodeTokenId(value[f"{prefix}id"]),
        AccountId(value[f"{prefix}account_id"]),
        ProjectId(value[f"{prefix}project_id"]),
        value[f"{prefix}label"],
        value[f"{prefix}created_at"],
        value[f"{prefix}expires_at"],
    )
