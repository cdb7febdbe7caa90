"""A check of a project walks over everything it records, and SQLite's own check is heard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mountfs.model import ChunkId
from mountfs.storage.integrity import chunk_list, damage, recorded
from mountfs.storage.open import Project, open_project
from tests.storage.conftest import SAMPLES, copy_sample


def add_checkpoint(project: Project, name: str, asset: str, created_at: int, chunks: object = "") -> None:
    with project.database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO asset_checkpoint (id, created_at, mtime, asset_id, xxhash_checksum, time_modified,"
            " file_size, chunks, author_id, trashed) VALUES (?, ?, 0, ?, 'x', 0, 0, ?, '', ?)",
            (name, created_at, asset, chunks, name.startswith("trashed")),
        )


def add_asset(project: Project, name: str, folder: str) -> None:
    with project.database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO asset (id, created_at, mtime, name, extension, status_id, asset_type_id,"
            " collection_id) VALUES (?1, '', 0, ?1, '.txt', 's', 't', ?2)",
            (name, folder),
        )


def add_folder(project: Project, name: str, parent: str) -> None:
    with project.database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO collection (id, created_at, mtime, name, collection_type_id, parent_id)"
            " VALUES (?1, '', 0, ?1, 't', ?2)",
            (name, parent),
        )


def test_numbers_and_paths(project: Project):
    """Versions are numbered by age, trashed ones included, and come with the path that people know."""
    add_folder(project, "A", "")
    add_folder(project, "B", "A")
    add_asset(project, "deep", "B")
    add_asset(project, "top", "")
    add_checkpoint(project, "third", "deep", 30)
    add_checkpoint(project, "trashed second", "deep", 20)
    add_checkpoint(project, "first", "deep", 10, "a,b,a")
    add_checkpoint(project, "only", "top", 5)
    with project.database.reading() as connection:
        found = list(recorded(connection))
    assert [(each.path, each.number, each.checkpoint, each.trashed) for each in found] == [
        ("/A/B/deep.txt", 1, "first", False),
        ("/A/B/deep.txt", 2, "trashed second", True),
        ("/A/B/deep.txt", 3, "third", False),
        ("/top.txt", 1, "only", False),
    ]
    assert found[0].chunks == ("a", "b", "a")


def test_rings_and_lost_things_have_a_path_too(project: Project):
    """What hangs in a ring of folders, or in none, is still listed."""
    add_folder(project, "A", "")
    add_folder(project, "B", "A")
    add_asset(project, "ringed", "B")
    add_asset(project, "orphan", "nowhere")
    with project.database.writing() as connection:
        connection.exec_driver_sql("UPDATE collection SET parent_id = 'B' WHERE id = 'A'")
    for name in ("ringed", "orphan", "vanished"):
        add_checkpoint(project, name, name, 1)
    with project.database.reading() as connection:
        paths = {str(each.checkpoint): each.path for each in recorded(connection)}
    assert paths["orphan"] == "/…/orphan.txt"
    assert paths["vanished"] == "/…/asset vanished"
    assert paths["ringed"].startswith("/…/")
    assert paths["ringed"].endswith("/B/ringed.txt")


@pytest.mark.parametrize(
    ("value", "chunks"), [("", ()), ("a", ("a",)), ("a,b", ("a", "b")), (b"a,b", ()), (None, ()), (5, ())]
)
def test_chunk_lists(value: object, chunks: tuple[ChunkId, ...]):
    """A list of chunks is text; what is none has no chunks."""
    assert chunk_list(value) == chunks


def test_a_sound_file_has_no_damage(project: Project):
    """SQLite finds nothing wrong with a new project."""
    assert damage(project.database) == []


def test_damage_is_named(fresh: Path):
    """A page that holds nonsense is found and said, in whatever table it is."""
    with open_project(fresh) as project:
        for number in range(300):
            add_asset(project, f"asset-{number}", "")
    data = bytearray(fresh.read_bytes())
    at = data.index(b"asset-150")
    page = at - at % 4096
    data[page : page + 100] = b"\xaa" * 100
    fresh.write_bytes(data)
    with open_project(fresh, read_only=True) as project:
        assert damage(project.database)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.stem)
def test_files_of_the_other_program(sample: Path, tmp_path: Path):
    """Every path and version that the other program lists is walked over, with its size and checksum."""
    listed = json.loads(sample.with_suffix(".json").read_text())
    path = copy_sample(sample, tmp_path)
    with open_project(path, read_only=True, storage_dir=tmp_path) as project:
        assert damage(project.database) == []
        with project.database.reading() as connection:
            found = {(each.path, each.size, each.xxh3) for each in recorded(connection)}
    for asset in listed["assets"]:
        for checkpoint in asset["checkpoints"]:
            assert (asset["path"], checkpoint["size"], checkpoint["xxh3"]) in found
