"""The tables of the studio's book, on SQLite and on PostgreSQL.

Times are integer Unix seconds, hashes of tokens lower-case hex SHA-256. What is secret is in no column:
passwords are argon2id hashes, tokens their SHA-256, which is enough for 32 random bytes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
)

SCHEMA_VERSION = 1

_WIDE = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits everywhere. SQLite numbers rows by itself only in a column declared INTEGER."""

metadata = MetaData()


def _text(name: str, *also: Any, null: bool = False, unique: bool = False) -> Column[str]:
    return Column(name, Text, *also, nullable=null, unique=unique)


def _time(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, _WIDE, nullable=null)


def _key(name: str, *also: Any) -> Column[str]:
    return Column(name, Text, *also, primary_key=True, nullable=False)


studio = Table(
    "studio",
    metadata,
    _key("id"),
    _text("epoch"),
    Column("schema_version", _WIDE, nullable=False),
    _time("created_at"),
    _text("bootstrap_hash", null=True),
)
"""One row: which studio this is, which epoch of it, and the hash of the secret that makes the first admin."""

setting = Table("setting", metadata, _key("name"), _text("value"))
"""What was set for those who mount; what has no row is as usual."""

account = Table(
    "account",
    metadata,
    _key("id"),
    _text("email"),
    _text("username"),
    _text("name"),
    _text("role", CheckConstraint("role IN ('admin', 'user')")),
    _text("password_hash", null=True),
    _time("created_at"),
    _time("removed_at", null=True),
    CheckConstraint(
        "(password_hash IS NULL) = (removed_at IS NOT NULL)", name="only_who_is_here_has_a_password"
    ),
)
"""People. Somebody who was removed keeps the row, for the audit, and no password; their address and username
are free again."""

for _column in (account.c.email, account.c.username):
    _here = account.c.removed_at.is_(None)
    Index(f"one_{_column.name}", _column, unique=True, sqlite_where=_here, postgresql_where=_here)

session = Table(
    "session",
    metadata,
    _key("id"),
    _text("token_hash", unique=True),
    Column("account_id", Text, ForeignKey("account.id"), nullable=False, index=True),
    _time("created_at"),
    _time("seen_at"),
    _text("device"),
    _text("address"),
)

node_token = Table(
    "node_token",
    metadata,
    _key("id"),
    _text("token_hash", unique=True),
    Column("account_id", Text, ForeignKey("account.id"), nullable=False, index=True),
    _text("project_id"),
    _text("label"),
    _time("created_at"),
    _time("expires_at"),
)

invitation = Table(
    "invitation",
    metadata,
    _key("id"),
    _text("token_hash", unique=True),
    _text("email"),
    _text("role", CheckConstraint("role IN ('admin', 'user')")),
    _text("project_id", null=True),
    _text("project_role", null=True),
    _text("made_by"),
    _time("created_at"),
    _time("expires_at"),
    CheckConstraint("(project_id IS NULL) = (project_role IS NULL)", name="a_project_and_a_role_in_it"),
)
"""Open invitations. One that was used, revoked or has expired is no row any more; the audit tells of it."""

recovery = Table(
    "recovery",
    metadata,
    Column("account_id", Text, ForeignKey("account.id"), primary_key=True, nullable=False),
    _text("token_hash", unique=True),
    _time("expires_at"),
)
"""Links for people who forgot their passwords: one each at most."""

membership = Table(
    "membership",
    metadata,
    _key("project_id"),
    Column("account_id", Text, ForeignKey("account.id"), primary_key=True, nullable=False, index=True),
    _text("user_id"),
    _time("added_at"),
    _text("joining_as", null=True),
    UniqueConstraint("project_id", "user_id"),
)

login_failure = Table(
    "login_failure",
    metadata,
    Column("id", _WIDE, primary_key=True, autoincrement=True),
    _time("at"),
    _text("account_key"),
    _text("address_key"),
    Index("login_failure_account", "account_key", "at"),
    Index("login_failure_address", "address_key", "at"),
)
"""Logins that failed, or are being tried, within the last quarter of an hour."""

audit = Table(
    "audit",
    metadata,
    Column("id", _WIDE, primary_key=True, autoincrement=True),
    Column("at", _WIDE, nullable=False, index=True),
    Column("actor", Text, nullable=False, index=True),
    Column("act", Text, nullable=False, index=True),
    Column("subject", Text, nullable=False, index=True),
    _text("detail"),
    _text("request"),
    sqlite_autoincrement=True,
)
"""What was done and what was refused: rows that are added and never changed."""


@event.listens_for(audit, "after_create")
def _guard_audit(_: Table, connection: Connection, **__: Any) -> None:
    if connection.dialect.name != "sqlite":
        return  # elsewhere the studio's own role is not given the right to change this table
    for verb in ("UPDATE", "DELETE"):
        connection.exec_driver_sql(
            f"CREATE TRIGGER audit_keeps_on_{verb.lower()} BEFORE {verb} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END"
        )


def labelled(table: Table) -> list[ColumnElement[Any]]:
    """A table's columns, each with the table's name before its own, to be read beside another table's."""
    return [column.label(f"{table.name}_{column.name}") for column in table.c]
