"""The eight views through which the other program reads a project, by what they show.

The same small production is written into files of both programs; every view shows the same rows of it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.storage.test_effects import add


@pytest.fixture
def connection(small_file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(small_file, isolation_level=None)) as opened:
        opened.row_factory = sqlite3.Row
        add(opened, "asset_type", id="scene", name="scene-x", icon="icon-x")
        add(opened, "collection_type", id="shot", name="shot-x", icon="shot-icon")
        add(opened, "dependency_type", id="needs", name="needs-x")
        add(opened, "user", id="eva", first_name="Eva", last_name="Ek", username="eva-x", email="eva@x")
        add(opened, "user", id="max", first_name="Max", last_name="Mo", username="max-x", email="max@x")
        opened.execute("INSERT INTO preview VALUES ('pic', x'010203', '.png')")
        add(opened, "tag", id="hero", name="hero-x")
        add(opened, "collection", id="seq", name="seq-x", collection_type_id="shot", preview_id="pic")
        add(opened, "collection", id="sh1", name="sh1", parent_id="seq", collection_type_id="shot")
        add(opened, "collection", id="lost", name="lost-x", collection_type_id="unknown")
        for person in ("eva", "max"):
            add(opened, "collection_assignee", collection_id="sh1", assignee_id=person)
        add(
            opened,
            "asset",
            id="anim",
            name="anim",
            extension=".blend",
            collection_id="sh1",
            asset_type_id="scene",
            assignee_id="eva",
            assigner_id="max",
            preview_id="pic",
        )
        add(opened, "asset", id="root", name="root-x", extension="", asset_type_id="scene")
        add(opened, "asset", id="gone", name="gone-x", extension="", asset_type_id="scene", assignee_id="who")
        add(opened, "asset", id="odd", name="odd-x", extension="", asset_type_id="unknown")
        add(opened, "asset_tag", asset_id="anim", tag_id="hero")
        add(opened, "asset_tag", asset_id="anim", tag_id="unknown")
        add(
            opened,
            "asset_dependency",
            asset_id="anim",
            dependency_id="root",
            dependency_type_id="needs",
        )
        add(
            opened,
            "asset_dependency",
            asset_id="anim",
            dependency_id="nobody",
            dependency_type_id="unknown",
        )
        add(
            opened,
            "collection_dependency",
            asset_id="anim",
            dependency_id="seq",
            dependency_type_id="needs",
        )
        yield opened


def rows(connection: sqlite3.Connection, view: str, key: str) -> dict[str, dict[str, Any]]:
    return {row[key]: dict(row) for row in connection.execute(f"SELECT * FROM {view}")}


def parts(value: str) -> list[Any]:
    return sorted(json.loads(value), key=repr)


def test_full_asset(connection: sqlite3.Connection):
    """An asset comes with type, folder, picture, people, tags and needs; one of unknown type does not."""
    found = rows(connection, "full_asset", "id")
    assert "odd" not in found
    anim = found["anim"]
    assert (anim["name"], anim["extension"], anim["collection_id"]) == ("anim", ".blend", "sh1")
    assert (anim["asset_type_icon"], anim["asset_type_name"]) == ("icon-x", "scene-x")
    assert (anim["collection_name"], anim["collection_path"]) == ("sh1", "/seq-x/sh1/")
    assert anim["asset_path"] == "/seq-x/sh1/anim"
    assert (anim["preview_extension"], anim["preview"]) == (".png", b"\1\2\3")
    assert (anim["assignee_name"], anim["assignee_email"]) == ("Eva Ek", "eva@x")
    assert (anim["assigner_name"], anim["assigner_email"]) == ("Max Mo", "max@x")
    assert parts(anim["tags"]) == [{"id": "hero", "name": "hero-x"}, {"id": None, "name": None}]
    assert parts(anim["dependencies"]) == [
        {"id": "nobody", "type_id": "unknown", "type_name": None},
        {"id": "root", "type_id": "needs", "type_name": "needs-x"},
    ]
    assert parts(anim["collection_dependencies"]) == [
        {"id": "seq", "type_id": "needs", "type_name": "needs-x"}
    ]
    root = found["root"]
    assert (root["asset_path"], root["collection_path"], root["collection_name"]) == ("/root-x", "", "")
    assert (root["preview"], root["preview_extension"]) == (None, "")
    people = ("assignee_name", "assignee_email", "assigner_name", "assigner_email")
    assert [root[each] for each in people] == [""] * 4
    assert [root[each] for each in ("tags", "dependencies", "collection_dependencies")] == ["[]"] * 3
    assert [found["gone"][each] for each in people] == [" ", "", "", ""]


def test_full_collection(connection: sqlite3.Connection):
    """A collection comes with its type, picture and assignees; one of no known type not at all."""
    found = rows(connection, "full_collection", "id")
    assert "lost" not in found
    assert (found["seq"]["preview"], found["seq"]["assignee_ids"]) == (b"\1\2\3", "[]")
    assert (found["sh1"]["collection_type_name"], found["sh1"]["collection_type_icon"]) == (
        "shot-x",
        "shot-icon",
    )
    assert parts(found["sh1"]["assignee_ids"]) == ["eva", "max"]
    assert found["sh1"]["preview"] is None


def test_the_smaller_views(connection: sqlite3.Connection):
    """People, tags, dependencies and folders are each shown by a view of their own."""
    people = rows(connection, "asset_assignees", "asset_id")
    assert people["anim"]["assignee_name"] == "Eva Ek"
    assert people["root"] == {
        "asset_id": "root",
        "assignee_name": " ",
        "assignee_email": "",
        "assigner_name": " ",
        "assigner_email": "",
    }
    assert "odd" in people
    assert parts(rows(connection, "asset_tags", "asset_id")["anim"]["tags"])[0]["id"] == "hero"
    assert len(parts(rows(connection, "asset_dependencies", "asset_id")["anim"]["dependencies"])) == 2
    needs = rows(connection, "asset_collection_dependencies", "asset_id")
    assert parts(needs["anim"]["collection_dependencies"])[0]["id"] == "seq"
    assigned = rows(connection, "collection_assignees", "collection_id")
    assert parts(assigned["sh1"]["assignee_ids"]) == ["eva", "max"]
    assert "seq" not in assigned
    folders = rows(connection, "collection_hierarchy", "id")
    assert folders["sh1"] == {
        "id": "sh1",
        "name": "sh1",
        "parent_id": "seq",
        "collection_path": "/seq-x/sh1/",
    }
