"""What stands in a project file besides rows: foreign input, and some of it code.

A trigger runs whenever we write, a view whenever somebody reads it, so neither is believed. `survey` looks
and changes nothing; it names every trigger that is not one of ours by name. `mend` is for a file about to
be written: inside one transaction every trigger and view of a known name that differs from ours, in text or
in the table it stands on, is replaced, missing ones are made, and afterwards the file's triggers are
exactly ours, or nothing has happened.

A file can lie about its own schema: the rows of ``sqlite_schema`` can be edited so that a trigger is called
a table, or is listed under another name than the one it has. Therefore the statement of each row is looked
at as well as its type, and tables are judged by what SQLite made of them.

Views of unknown names stay and are never read. Unknown tables, columns and indexes stay.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from sqlalchemy import Connection, Table
from sqlalchemy.exc import OperationalError

from mountfs.errors import ForeignSchema, NotAProject
from mountfs.storage.connections import primary_code
from mountfs.storage.tables import (
    FORMAT_TABLES,
    KEPT_TABLES,
    OUR_TABLES,
    chunk_ref,
    create_tables,
    project_storage,
)
from mountfs.storage.triggers import TRIGGERS
from mountfs.storage.views import VIEWS

_MAY_LACK = {table.name for table in (*KEPT_TABLES, chunk_ref, project_storage)}
"""Tables that an otherwise whole project may not have: reading does without them, writing makes them."""

_BEGINNINGS = {
    "table": ("CREATE TABLE ", "CREATE VIRTUAL TABLE "),
    "index": ("CREATE INDEX ", "CREATE UNIQUE INDEX "),
    "view": ("CREATE VIEW ",),
    "trigger": ("CREATE TRIGGER ",),
}
"""How SQLite begins the statement that it keeps of each type, whatever was typed."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found: triggers that are none of ours, and which of our own tables can be used."""

    unknown_triggers: tuple[str, ...]
    our_tables: frozenset[str]


def survey(connection: Connection) -> Survey:
    """Look at the schema without changing anything.

    NotAProject when a table or column is missing or is no ordinary table, ForeignSchema when the list of
    what is in the file has been forged.
    """
    unknown = []
    for kind, name, _, statement in _schema_rows(connection):
        if statement is not None and not statement.startswith(_BEGINNINGS.get(kind, ("\0",))):
            raise ForeignSchema(f"the project file lists {name!r} as {kind} and defines it as something else")
        if kind == "trigger" and name.lower() not in TRIGGERS:
            unknown.append(name)
    kinds = _table_kinds(connection)
    for table in FORMAT_TABLES:
        if table.name not in kinds and table.name in _MAY_LACK:
            continue
        if kinds.get(table.name) != "table":
            raise NotAProject(f"this is not a project file: it has no table {table.name!r}")
        if missing := _missing_columns(connection, table):
            raise NotAProject(
                f"this is not a project file: table {table.name!r} has no column {missing[0]!r}"
            )
    ours = frozenset(
        table.name
        for table in OUR_TABLES
        if kinds.get(table.name) == "table" and not _missing_columns(connection, table)
    )
    if odd := sorted({table.name for table in OUR_TABLES} & set(kinds) - ours):
        raise ForeignSchema(f"the project file has a table {odd[0]!r} of a shape that nobody here knows")
    return Survey(tuple(sorted(unknown)), ours)


def mend(connection: Connection) -> None:
    """Make triggers and views ours, and make what is missing. Call it inside a writing transaction.

    ForeignSchema names a trigger that is not known; the caller's transaction then has to be undone.
    """
    refuse_unknown(survey(connection))
    build(connection)


def build(connection: Connection) -> None:
    """Make every table, index, trigger and view that is not there, and triggers and views ours.

    ForeignSchema when something else has one of their names.
    """
    try:
        _build(connection)
    except OperationalError as exc:
        if primary_code(exc) != sqlite3.SQLITE_ERROR:
            raise
        raise ForeignSchema(f"the project file cannot be brought in order: {exc.orig}") from exc


def _build(connection: Connection) -> None:
    create_tables(connection, (*FORMAT_TABLES, *OUR_TABLES))
    rows = _schema_rows(connection)
    found = {(kind, name.lower()): (table, statement) for kind, name, table, statement in rows}
    spelled = {name.lower(): name for _, name, _, _ in rows}
    for trigger in TRIGGERS.values():
        current = found.get(("trigger", trigger.name))
        if current == (trigger.table, trigger.sql):
            continue
        if current is not None:
            connection.exec_driver_sql(f"DROP TRIGGER {_quoted(spelled[trigger.name])}")
        connection.exec_driver_sql(trigger.sql)
    for view in VIEWS.values():
        current = found.get(("view", view.name))
        if current is not None and current[1] == view.sql:
            continue
        if current is not None:
            connection.exec_driver_sql(f"DROP VIEW {_quoted(spelled[view.name])}")
        connection.exec_driver_sql(view.sql)
    now = {(name, table, sql) for kind, name, table, sql in _schema_rows(connection) if kind == "trigger"}
    if strange := now ^ {(trigger.name, trigger.table, trigger.sql) for trigger in TRIGGERS.values()}:
        raise ForeignSchema(f"trigger {min(strange)[0]!r} of the project file could not be replaced")


def refuse_unknown(found: Survey) -> None:
    """Raise ForeignSchema if the file has a trigger that nobody here knows."""
    if found.unknown_triggers:
        names = ", ".join(map(repr, found.unknown_triggers))
        raise ForeignSchema(
            f"the project file carries code that mountfs does not know (trigger {names}) and is not written; "
            "it can be opened read-only"
        )


def _schema_rows(connection: Connection) -> list[tuple[str, str, str, str | None]]:
    rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_schema").all()
    return [(str(kind), str(name), str(table), sql) for kind, name, table, sql in rows]


def _table_kinds(connection: Connection) -> dict[str, str]:
    rows = connection.exec_driver_sql("PRAGMA main.table_list").all()
    return {row.name: row.type for row in rows}


def _missing_columns(connection: Connection, table: Table) -> list[str]:
    rows = connection.exec_driver_sql(f"PRAGMA main.table_info({_quoted(table.name)})").all()
    present = {row.name.lower() for row in rows}
    return [column.name for column in table.columns if column.name not in present]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
