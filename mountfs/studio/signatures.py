"""What is quickly known of tables, by which a change of their rows is noticed."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    func,
    inspect,
    select,
    type_coerce,
)

from mountfs.errors import NotAProject
from mountfs.storage import tables
from mountfs.studio import rows

_BIG = (tables.asset, tables.asset_checkpoint)
SMALL = (
    tables.collection,
    tables.collection_assignee,
    tables.asset_dependency,
    tables.collection_dependency,
    tables.user,
    tables.role,
    tables.status,
)
WATCHED = (*_BIG, *SMALL)
_INDIFFERENT = (
    tables.chunk,
    tables.chunk_ref,
    tables.mountfs_audit,
    tables.tomb,
)
"""Tables whose growth explains a commit but changes nothing here. Chunks arrive often."""
_MAY_LACK = (tables.chunk_ref, tables.mountfs_audit)


_WRAP = 1 << 36
"""Of each number only what is below this is added up (as seconds, two thousand years): SQLite refuses a sum
that does not fit 64 bits, and a foreign row may hold any number."""


class Signature(NamedTuple):
    """What is quickly known of a table: its number of rows, the highest row number, the sum of its mtimes and
    the sums of its flags, each summand modulo `_WRAP`."""

    rows: int
    last: int
    mtimes: int
    flags: tuple[int, ...]


NOTHING = (0, 0, 0)


class Totals:
    """The signature of a table as far as it follows from what is in memory: how many rows, the sum of their
    mtimes, and how many are trashed. Kept as rows come and go, for adding up takes long."""

    def __init__(self) -> None:
        self._rows = self._mtimes = self._trashed = 0

    def swap(self, old: tuple[int, int, int], new: tuple[int, int, int]) -> None:
        """Rows of these totals take the place of others."""
        self._rows += new[0] - old[0]
        self._mtimes += new[1] - old[1]
        self._trashed += new[2] - old[2]

    def fit(self, table: Signature) -> bool:
        """Whether a table can be made of these rows."""
        same_mtimes = (self._mtimes - table.mtimes) % _WRAP == 0
        return self._rows == table.rows and same_mtimes and self._trashed in table.flags


def read_signatures(connection: Connection) -> dict[str, Signature]:
    """The signatures of all tables that matter, by name. NotAProject without one that every project has."""
    there = set(inspect(connection).get_table_names())
    found = {}
    for table in (*WATCHED, *_INDIFFERENT):
        if table.name not in there:
            if table in _MAY_LACK:
                continue
            raise NotAProject(f"the project file has no table {table.name!r} any more")
        if table in _INDIFFERENT:
            last = connection.execute(_last(table)).scalar()
            found[table.name] = Signature(0, last or 0, 0, ())
            continue
        count, last, mtimes, *rest = connection.execute(_sums(table)).one()
        found[table.name] = Signature(count, last or 0, mtimes or 0, tuple(rest))
    return found


@cache
def _last(table: Table) -> Select[Any]:
    return select(func.max(rows.ROW_NUMBER)).select_from(table)


@cache
def _sums(table: Table) -> Select[Any]:
    """Made once: making it takes longer than what it asks for in a small project."""
    flags = [column for column in table.c if isinstance(column.type, Boolean) and column.name != "synced"]
    sums = (func.sum(_wrapped(column)) for column in (table.c.mtime, *flags))
    return select(func.count(), func.max(rows.ROW_NUMBER), *sums).select_from(table)


def _wrapped(column: ColumnElement[Any]) -> ColumnElement[int]:
    return type_coerce(column, Integer).bitwise_and(_WRAP - 1)
