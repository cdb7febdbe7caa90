"""A project file has the shape that both programs expect, by every PRAGMA that tells."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

from mountfs.storage.create import create_project
from tests.storage.conftest import ADA
from tests.storage.shapes import recorded, shape_of, start_of


def test_every_file_has_the_recorded_shape(any_file: Path):
    """Tables, keys, indexes, views and triggers are the format's, whoever made or opened the file."""
    expected = recorded()
    shape = shape_of(any_file)
    assert shape["tables"].keys() == expected["tables"].keys()
    for name, table in expected["tables"].items():
        assert shape["tables"][name] == table, name
    assert shape["views"] == expected["views"]
    assert shape["triggers"] == expected["triggers"]
    assert shape["pragmas"] == expected["pragmas"]


def test_the_recorded_shape_is_whole():
    """What files are compared with has the format's 28 tables, 65 indexes, 47 triggers and 8 views."""
    expected = recorded()
    assert len(expected["tables"]) == 28
    assert sum(len(table["indexes"]) for table in expected["tables"].values()) == 65
    assert len(expected["triggers"]) == 47
    assert len(expected["views"]) == 8


def test_a_fresh_project_begins_like_every_other(fresh: Path):
    """Configuration keys, roles with their toggles, statuses and types are those a new project has."""
    assert start_of(fresh) == recorded()["start"]


def test_ids_and_times_come_from_whom_they_are_asked(tmp_path: Path):
    """Ids are random UUIDs, each its own, and every row carries the time at which the project was made."""
    path = tmp_path / "p.clst"
    given: list[str] = []

    def new_id() -> str:
        given.append(str(uuid.uuid4()))
        return given[-1]

    create_project(path, name="P", author=ADA, clock=lambda: 1795247115.75, new_id=new_id)
    connection = sqlite3.connect(path)
    ids = []
    for table in ("role", "status", "dependency_type", "asset_type", "collection_type", "user"):
        for row_id, mtime in connection.execute(f'SELECT id, mtime FROM "{table}"'):
            ids.append(row_id)
            assert mtime == 1795247115
    added = connection.execute("SELECT added_at, typeof(added_at), photo FROM user").fetchall()
    stored = connection.execute("SELECT value FROM config WHERE name = 'project_id'").fetchone()
    connection.close()
    assert sorted([*ids, stored[0]]) == sorted(given)
    assert len(set(given)) == len(given)
    assert added == [("2026-11-21T07:45:15Z", "text", b"")]
