"""Triggers, checks and keys of a project file, by what they do.

The same script of inserts, updates and deletes runs over a fresh project of ours, over each sample with the
triggers that its own program wrote, and over each sample after its triggers have become ours.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mountfs.storage.triggers import TRACKED

HOLDS_TEXT = {
    "config": ["name"],
    "asset_type": ["name"],
    "collection_type": ["name"],
    "dependency_type": ["name"],
    "tag": ["name"],
    "status": ["name"],
    "role": ["name"],
    "template": ["name"],
    "user": ["first_name", "last_name", "username", "email"],
    "collection": ["collection_type_id", "name"],
    "collection_assignee": ["collection_id"],
    "asset": ["asset_type_id", "name"],
    "workflow_link": ["collection_type_id"],
    "workflow_collection": ["workflow_id", "collection_type_id", "name"],
    "workflow_asset": ["workflow_id", "template_id", "asset_type_id", "name"],
}
"""Columns that must hold text of at least one character."""

_numbers = count(1)


@pytest.fixture
def connection(small_file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(small_file, isolation_level=None)) as opened:
        opened.row_factory = sqlite3.Row
        yield opened


@pytest.fixture
def ours(fresh: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(fresh, isolation_level=None)) as opened:
        opened.row_factory = sqlite3.Row
        yield opened


def add(connection: sqlite3.Connection, table: str, **given: Any) -> str:
    """Insert a row whose columns are given or made up; its id."""
    number = next(_numbers)
    row: dict[str, Any] = {}
    for _, name, kind, needed, default, _ in connection.execute(f'PRAGMA table_info("{table}")'):
        if name == "id":
            row[name] = f"id-{number}"
        elif needed and default is None:
            row[name] = number if kind == "INTEGER" else f"{name}-{number}"
    if table == "user":
        row |= {"first_name": "F", "last_name": "L", "username": f"u{number}"}
    if table in ("collection", "asset"):
        row |= {"parent_id": ""} if table == "collection" else {"collection_id": ""}
    row |= given
    marks = ", ".join("?" * len(row))
    columns = ", ".join(f'"{name}"' for name in row)
    connection.execute(f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', list(row.values()))
    return str(row.get("id"))


def one(connection: sqlite3.Connection, sql: str, *values: Any) -> Any:
    return connection.execute(sql, values).fetchone()[0]


@pytest.mark.parametrize("table", TRACKED)
def test_a_new_mtime_makes_a_row_unsynced(connection: sqlite3.Connection, table: str):
    """A row counts as changed for the server when its mtime moves, and only then."""
    row, other = add(connection, table, synced=1), add(connection, table, synced=1)
    key = "external_type" if "mapping" in table else "mtime"
    connection.execute(f'UPDATE "{table}" SET "{key}" = "{key}" WHERE id = ?', (row,))
    assert one(connection, f'SELECT synced FROM "{table}" WHERE id = ?', row) == 1
    connection.execute(f'UPDATE "{table}" SET mtime = mtime + 1 WHERE id = ?', (row,))
    assert one(connection, f'SELECT synced FROM "{table}" WHERE id = ?', row) == 0
    assert one(connection, f'SELECT synced FROM "{table}" WHERE id = ?', other) == 1


@pytest.mark.parametrize("table", TRACKED)
def test_a_deleted_row_leaves_a_tomb(connection: sqlite3.Connection, table: str):
    """Whoever synchronises learns what was deleted, when and from where."""
    row = add(connection, table)
    before = int(time.time())
    connection.execute(f'DELETE FROM "{table}" WHERE id = ?', (row,))
    tomb = connection.execute("SELECT * FROM tomb WHERE id = ?", (row,)).fetchone()
    assert (tomb["table_name"], tomb["synced"]) == (table, 0)
    assert before <= tomb["mtime"] <= time.time()


def test_a_second_tomb_is_refused_except_for_a_user(connection: sqlite3.Connection):
    """A user may be removed twice, keeping the first tomb; any other id dies once."""
    tag, user = add(connection, "tag"), add(connection, "user")
    for row in (tag, user):
        connection.execute("INSERT INTO tomb VALUES (?, 5, 'elsewhere', 1)", (row,))
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM tag WHERE id = ?", (tag,))
    assert one(connection, "SELECT count(*) FROM tag WHERE id = ?", tag) == 1
    connection.execute('DELETE FROM "user" WHERE id = ?', (user,))
    assert list(connection.execute("SELECT * FROM tomb WHERE id = ?", (user,)).fetchone()) == [
        user,
        5,
        "elsewhere",
        1,
    ]


def path_of(connection: sqlite3.Connection, collection: str) -> str:
    return str(one(connection, "SELECT collection_path FROM collection WHERE id = ?", collection))


def test_paths_follow_insert_rename_and_move(connection: sqlite3.Connection):
    """A collection's path and those of all below it are true after every change of name or parent."""
    top = add(connection, "collection", name="top-x")
    mid = add(connection, "collection", name="mid", parent_id=top)
    low = add(connection, "collection", name="low", parent_id=mid)
    other = add(connection, "collection", name="other-x")
    assert path_of(connection, low) == "/top-x/mid/low/"
    connection.execute("UPDATE collection SET name = 'MIDDLE' WHERE id = ?", (mid,))
    assert (path_of(connection, mid), path_of(connection, low)) == ("/top-x/MIDDLE/", "/top-x/MIDDLE/low/")
    connection.execute("UPDATE collection SET parent_id = ? WHERE id = ?", (other, mid))
    assert (path_of(connection, mid), path_of(connection, low)) == (
        "/other-x/MIDDLE/",
        "/other-x/MIDDLE/low/",
    )
    connection.execute("UPDATE collection SET parent_id = '', name = 'free-x' WHERE id = ?", (mid,))
    assert (path_of(connection, mid), path_of(connection, low)) == ("/free-x/", "/free-x/low/")
    assert (path_of(connection, top), path_of(connection, other)) == ("/top-x/", "/other-x/")


def test_a_parent_that_is_not_there(connection: sqlite3.Connection):
    """Inserting below an unknown parent is refused; moving there puts the collection at the top."""
    with pytest.raises(sqlite3.IntegrityError):
        add(connection, "collection", name="orphan", parent_id="nowhere")
    moved = add(connection, "collection", name="moved", parent_id=add(connection, "collection", name="from"))
    connection.execute("UPDATE collection SET parent_id = 'nowhere' WHERE id = ?", (moved,))
    assert path_of(connection, moved) == "/moved/"


def test_a_path_change_is_no_change_of_those_below(connection: sqlite3.Connection):
    """Renaming a folder leaves mtime and synced of what is in it alone."""
    top = add(connection, "collection", name="busy")
    low = add(connection, "collection", name="low", parent_id=top, synced=1, mtime=7)
    connection.execute("UPDATE collection SET name = 'busier', mtime = 99 WHERE id = ?", (top,))
    row = connection.execute("SELECT mtime, synced, collection_path FROM collection WHERE id = ?", (low,))
    assert tuple(row.fetchone()) == (7, 1, "/busier/low/")


def test_wildcards_in_names_reach_nobody_else(ours: sqlite3.Connection):
    """A name with `_` or `%` in it is a name: renaming it does not touch paths that would match a pattern."""
    pattern = add(ours, "collection", name="a_c")
    everything = add(ours, "collection", name="%")
    victim = add(ours, "collection", name="low", parent_id=add(ours, "collection", name="abc"))
    beginning = add(ours, "collection", name="low", parent_id=add(ours, "collection", name="A_C "))
    below = add(ours, "collection", name="low", parent_id=pattern)
    ours.execute("UPDATE collection SET name = 'x' WHERE id = ?", (pattern,))
    ours.execute("UPDATE collection SET name = 'y' WHERE id = ?", (everything,))
    assert path_of(ours, victim) == "/abc/low/"
    assert path_of(ours, beginning) == "/A_C /low/"
    assert path_of(ours, below) == "/x/low/"


def test_a_rename_of_case_only_counts(ours: sqlite3.Connection):
    """Names compare without case, and yet the path shows the case that was asked for."""
    top = add(ours, "collection", name="sets")
    low = add(ours, "collection", name="low", parent_id=top)
    ours.execute("UPDATE collection SET name = 'SETS' WHERE id = ?", (top,))
    assert (path_of(ours, top), path_of(ours, low)) == ("/SETS/", "/SETS/low/")


def test_a_ring_of_parents_ends(ours: sqlite3.Connection):
    """A file in which folders are each other's parents still lets them be renamed and moved out."""
    first = add(ours, "collection", name="first")
    second = add(ours, "collection", name="second", parent_id=first)
    ours.execute("UPDATE collection SET parent_id = ? WHERE id = ?", (second, first))
    ours.execute("UPDATE collection SET name = 'again' WHERE id = ?", (second,))
    ours.execute("UPDATE collection SET parent_id = '' WHERE id = ?", (first,))
    assert (path_of(ours, first), path_of(ours, second)) == ("/first/", "/first/again/")
    assert len(ours.execute("SELECT * FROM collection_hierarchy").fetchall()) == 2


def test_workflow_links_make_no_ring(connection: sqlite3.Connection):
    """A workflow cannot contain itself by way of others, however long the way; what makes no ring is fine."""

    def link(above: str, below: str) -> None:
        add(connection, "workflow_link", workflow_id=above, linked_workflow_id=below)

    for above, below in [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d"), ("x", "a")]:
        link(above, below)
    for above, below in [("b", "a"), ("d", "a"), ("d", "b"), ("a", "x"), ("d", "x")]:
        with pytest.raises(sqlite3.IntegrityError):
            link(above, below)
    assert one(connection, "SELECT count(*) FROM workflow_link") == 5


@pytest.mark.parametrize(
    ("table", "column"), [(table, each) for table, columns in HOLDS_TEXT.items() for each in columns]
)
@pytest.mark.parametrize("value", ["", b"bytes", None, "\0nul"], ids=["empty", "blob", "null", "nul"])
def test_names_and_types_hold_text(connection: sqlite3.Connection, table: str, column: str, value: object):
    """What must hold text refuses what only looks like it, before and after a good value."""
    with pytest.raises(sqlite3.IntegrityError):
        add(connection, table, **{column: value})
    add(connection, table, **{column: "good-value"})


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("asset", ("created_at", "description", "extension", "pointer", "status_id", "collection_id")),
        ("asset_checkpoint", ("id", "chunks", "comment", "xxhash_checksum", "author_id")),
        ("workflow", ("name",)),
        ("workflow_link", ("name", "workflow_id")),
        ("status", ("short_name", "color")),
        ("asset_dependency", ("asset_id", "dependency_id")),
    ],
)
def test_other_columns_take_what_is_empty(
    connection: sqlite3.Connection, table: str, columns: tuple[str, ...]
):
    """Only the columns that must hold text refuse an empty one."""
    for column in columns:
        connection.execute("BEGIN")
        add(connection, table, **{column: ""})
        connection.execute("ROLLBACK")


def test_a_project_has_one_storage_of_a_known_mode(connection: sqlite3.Connection):
    """There is one row, and it says one of three words."""
    for mode in ("compact", "deflated", "object_storage"):
        connection.execute("UPDATE project_storage SET mode = ?", (mode,))
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE project_storage SET mode = 'elsewhere'")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO project_storage VALUES (2, 'compact', 0)")
    assert one(connection, "SELECT count(*) FROM project_storage") == 1


def test_names_are_unique_without_regard_to_case(connection: sqlite3.Connection):
    """Two siblings differ in more than case; in another folder, or with another extension, a name is free."""
    folder = add(connection, "collection", name="Folder-x")
    add(connection, "asset", name="Scene", extension=".blend", collection_id=folder)
    add(connection, "asset", name="Scene", extension=".blend")
    add(connection, "asset", name="scene", extension=".usda", collection_id=folder)
    add(connection, "asset", name="scene", extension=".BLEND", collection_id=folder)
    add(connection, "collection", name="folder-x", parent_id=folder)
    with pytest.raises(sqlite3.IntegrityError):
        add(connection, "asset", name="SCENE", extension=".blend", collection_id=folder)
    with pytest.raises(sqlite3.IntegrityError):
        add(connection, "collection", name="FOLDER-X")


def test_defaults(connection: sqlite3.Connection):
    """What is not given is empty, off, or the format's own default: never NULL where the format says so."""
    asset = add(connection, "asset")
    row = connection.execute("SELECT * FROM asset WHERE id = ?", (asset,)).fetchone()
    assert [row[name] for name in ("description", "pointer", "assignee_id", "assigner_id", "preview_id")] == [
        ""
    ] * 5
    assert [row[name] for name in ("is_resource", "is_link", "trashed", "synced")] == [0] * 4
    status = add(connection, "status")
    assert one(connection, "SELECT color FROM status WHERE id = ?", status) == "#cccccc"
    project = add(connection, "integration_project")
    assert one(connection, "SELECT enabled FROM integration_project WHERE id = ?", project) == 1
    assert one(connection, "SELECT sync_options FROM integration_project WHERE id = ?", project) == "{}"
