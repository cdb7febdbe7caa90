"""Columns, types and checks: a project file's exact shape on SQLite, and a sensible one on PostgreSQL.

A project file is shared with another program, so the *declared* types have to be the ones it knows
(`DATETIME` for a column of integers, `BOOLEAN`, a column with no type at all), while the values are what
that program really writes: text and integers. SQLAlchemy's own date types would convert; these declare and
leave alone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CLOB,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Text,
    false,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.types import Boolean, UserDefinedType


class Declared(UserDefinedType[Any]):
    """A type that is only a word in the table's definition: values pass unchanged in both directions."""

    cache_ok = True

    def __init__(self, word: str) -> None:
        self.word = word

    def get_col_spec(self, **_: Any) -> str:
        """The word as it stands in CREATE TABLE; it may be empty."""
        return self.word


TEXT = Text()
NOCASE = Text(collation="NOCASE")
"""Text compared without regard to ASCII case. A PostgreSQL schema needs a collation of this name."""

INTEGER = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits everywhere: SQLite's INTEGER is wide, PostgreSQL's is not."""

MOMENT = Text().with_variant(Declared("DATETIME"), "sqlite")
"""A time written as RFC 3339 text."""

SECONDS = BigInteger().with_variant(Declared("DATETIME"), "sqlite")
"""A time written as integer Unix seconds, in a column declared as a date."""

UNTYPED = Text().with_variant(Declared(""), "sqlite")
LONG_TEXT = Text().with_variant(CLOB(), "sqlite")
FLAG = Boolean()


class _HoldsText(ColumnElement[bool]):
    """Whether a column holds text of at least one character: not NULL, not a blob, not empty."""

    inherit_cache = False

    def __init__(self, column: str) -> None:
        self.column_name = column
        self.type = Boolean()


@compiles(_HoldsText)
def _holds_text(element: _HoldsText, compiler: SQLCompiler, **_: Any) -> str:
    name = compiler.preparer.quote(element.column_name)
    return f"coalesce(length({name}), 0) > 0"


@compiles(_HoldsText, "sqlite")
def _holds_text_sqlite(element: _HoldsText, compiler: SQLCompiler, **_: Any) -> str:
    # SQLite stores a blob in any column, so the kind has to be asked for.
    name = compiler.preparer.quote(element.column_name)
    return f"CASE typeof({name}) WHEN 'text' THEN length({name}) > 0 ELSE 0 END"


def not_empty(column: str) -> CheckConstraint:
    """A check that the column holds text of at least one character."""
    return CheckConstraint(_HoldsText(column))


metadata = MetaData()
"""All tables of a project."""


def id_column() -> Column[str]:
    """The primary key: text, and nullable, which is an oversight that has become part of the format."""
    return Column("id", TEXT, primary_key=True, nullable=True)


def mtime_column() -> Column[int]:
    """When the row last changed, Unix seconds."""
    return Column("mtime", INTEGER, nullable=False)


def flag(name: str) -> Column[bool]:
    """Yes or no; no by default."""
    return Column(name, FLAG, nullable=False, server_default=false())


def words(name: str, default: str | None = None) -> Column[str]:
    """Text that is never NULL, perhaps with a default."""
    given = None if default is None else text(f"'{default}'")
    return Column(name, TEXT, nullable=False, server_default=given)


def name_column(name: str = "name") -> Column[str]:
    """A name: never NULL, compared without regard to case."""
    return Column(name, NOCASE, nullable=False)


def link(column: str, target: str, on_delete: str | None = None) -> ForeignKeyConstraint:
    """A foreign key, declared and not enforced: "none" is the empty string, which no row has."""
    return ForeignKeyConstraint([column], [target], ondelete=on_delete)
