"""What is quickly known of tables, by which a change of their rows is noticed."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Boolean, Connection, func, inspect, select, type_coerce
from sqlalchemy.types import NullType

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


class Signature(NamedTuple):
    """What is quickly known of a table: its number of rows, the highest row number, the sum of its mtimes,
    and the sums of its flags."""

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
        return (self._rows, self._mtimes) == (table.rows, table.mtimes) and self._trashed in table.flags


def read_signatures(connection: Connection) -> dict[str, Signature]:
    """The signatures of all tables that matter, by name; of those that are there."""
    there = set(inspect(connection).get_table_names())
    found = {}
    for table in (*WATCHED, *_INDIFFERENT):
        if table.name not in there:
            continue
        if table in _INDIFFERENT:
            last = connection.execute(select(func.max(rows.ROW_NUMBER)).select_from(table)).scalar()
            found[table.name] = Signature(0, last or 0, 0, ())
            continue
        flags = [column for column in table.c if isinstance(column.type, Boolean) and column.name != "synced"]
        sums = (func.sum(type_coerce(column, NullType())) for column in (table.c.mtime, *flags))
        count, last, mtimes, *rest = connection.execute(
            select(func.count(), func.max(rows.ROW_NUMBER), *sums).select_from(table)
        ).one()
        found[table.name] = Signature(count, last or 0, mtimes or 0, tuple(rest))
    return found
