"""What a project's rows may hold when they come from outside: the one check of each value of each row.

A project file is foreign input, and SQLite keeps whatever was put into a column. Whoever reads such a file is
careful; a studio's own files hold only what can be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Boolean, Column, Connection, LargeBinary, Table, inspect, select

from mountfs.errors import NotAProject
from mountfs.model import UserId
from mountfs.storage import kept_tables, tables
from mountfs.storage.columns import INTEGER, SECONDS
from mountfs.studio import rows

Values = dict[str, Any]

COPIED = (
    *(tables.role, tables.user, tables.status, tables.asset_type, tables.collection_type),
    *(tables.dependency_type, tables.tag, tables.preview, tables.collection, tables.collection_assignee),
    *(tables.asset, tables.asset_checkpoint, tables.mountfs_checkpoint, tables.asset_dependency),
    *(tables.collection_dependency, tables.asset_tag, tables.template),
    *(kept_tables.workflow, kept_tables.workflow_link),
    *(kept_tables.workflow_collection, kept_tables.workflow_asset),
)
"""The tables whose rows move. Not the audit, which tells what a studio saw happen; nor how the file was kept
in step with other copies."""

SETTINGS = ("ignore_list", "project_icon")
"""What of the configuration moves too."""

_ID = re.compile(r"[!-~]{1,128}")
_CHUNKS = re.compile(r"(?:[0-9a-f]{64}(?:,[0-9a-f]{64})*)?")
_XXH3 = re.compile(r"[0-9a-f]{0,16}")
_LONGEST = 1 << 20
_WIDEST = 1 << 63

_SHAPES: dict[str, re.Pattern[str]] = {
    "id": _ID,
    "chunks": _CHUNKS,
    "xxhash_checksum": _XXH3,
    "checkpoint_id": _ID,
}


def checked_rows(connection: Connection, table: Table, people: frozenset[UserId]) -> Iterator[Values]:
    """The rows of a table, each value as its column wants it. NotAProject, naming what is wrong.

    Who is nobody in the file is nobody.
    """
    if not inspect(connection).has_table(table.name):
        return
    there = {str(column["name"]) for column in inspect(connection).get_columns(table.name)}
    columns = [column for column in table.c if column.name in there]
    checks = [(column.name, _check_of(column)) for column in columns]
    statement = select(*map(rows.raw, columns))
    if table is not tables.mountfs_checkpoint:
        statement = statement.order_by(rows.ROW_NUMBER)
    for found in connection.execute(statement).mappings():
        row = dict(found)
        for name, check in checks:
            if not check(row[name]):
                raise NotAProject(
                    f"{table.name}.{name} of {str(row.get('id', ''))[:40]!r} holds what it cannot: "
                    f"{str(row[name])[:40]!r}; nothing was moved in"
                )
        for name in ("assignee_id", "assigner_id", "author_id"):
            if name in row and row[name] not in people:
                row[name] = ""
        if "synced" in row:
            row["synced"] = 0
        yield row


def _check_of(column: Column[Any]) -> Callable[[object], bool]:
    check = _kind_of(column)
    return lambda value: (value is None and bool(column.nullable) and column.name != "id") or check(value)


def _kind_of(column: Column[Any]) -> Callable[[object], bool]:
    if isinstance(column.type, Boolean):
        return lambda value: type(value) is int and value in (0, 1)
    if isinstance(column.type, LargeBinary):
        return lambda value: isinstance(value, bytes | str)
    if column.type in (INTEGER, SECONDS):
        return lambda value: type(value) is int and -_WIDEST <= value < _WIDEST
    shape = _SHAPES.get(column.name)
    if shape is not None:
        return lambda value: isinstance(value, str) and shape.fullmatch(value) is not None
    return lambda value: isinstance(value, str) and len(value) <= _LONGEST and "\0" not in value
