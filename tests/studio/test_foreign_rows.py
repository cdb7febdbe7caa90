"""Rows that no program should have written: each costs itself at most, and nobody a crash."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mountfs.content.assemble import assemble
from mountfs.errors import ContentError, MountfsError
from mountfs.model import AssetId, Checkpoint, CheckpointId, ChunkId, Tree
from mountfs.storage.integrity import recorded
from mountfs.storage.open import Project, open_project
from mountfs.studio.bound import BoundStudio
from mountfs.studio.outline import Outline
from mountfs.studio.reading import CatalogueReader
from mountfs.studio.service import StudioService
from tests.studio.test_reading import contents

ODDITIES: tuple[object, ...] = (
    None,
    b"\xff\x00",
    "",
    "no number \x00\u202e/..",
    "9999-12-31T23:59:59+14:00",
    1.5,
    float("inf"),
    2**63 - 1,
    -(2**63),
)
"""What SQLite keeps in any column, whatever the column's type."""

VICTIMS = {
    "asset": "name = 'fox_look'",
    "asset_checkpoint": "asset_id = (SELECT id FROM asset WHERE name = 'fox_look')",
    "mountfs_checkpoint": "checkpoint_id = (SELECT version.id FROM asset_checkpoint version"
    " JOIN asset ON asset.id = version.asset_id WHERE name = 'fox_look')",
    "collection": "name = 'owl'",
    "collection_assignee": "rowid = 1",
    "asset_dependency": "rowid = 1",
    "collection_dependency": "rowid = 1",
    "user": "username = 'val'",
    "role": "name = 'artist'",
    "status": "name = 'todo'",
    "tomb": "rowid = 1",
    "config": "name = 'ignore_list'",
}


def loosen(path: Path) -> None:
    """Make the file one that a program without rules has made: any column may be without a value."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO tomb (id, mtime, table_name) VALUES ('dead', 1, 'asset')")
        connection.execute("INSERT INTO config (name, value, mtime) VALUES ('ignore_list', '[\"*.tmp\"]', 1)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table'"
        )


def oddities(path: Path, table: str) -> Iterator[str]:
    """Write each oddity into each column of one row in turn; says what it has written."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        where = VICTIMS[table]
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        (number, *before) = connection.execute(f'SELECT rowid, * FROM "{table}" WHERE {where}').fetchone()
        for column, old in zip(columns, before, strict=True):
            for oddity in ODDITIES:
                connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (oddity, number))
                yield f"{column} = {oddity!r}"
            connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (old, number))
        yield "all as it was"


def bytes_of(studio: BoundStudio, project: Project) -> dict[AssetId, bytes | None]:
    """What is in each file that somebody sees; None for what is told to be damaged."""
    found: dict[AssetId, bytes | None] = {}
    for id_, asset in studio.tree().assets.items():
        try:
            found[id_] = (
                b"".join(assemble(studio.manifest(asset.head.id), project.chunks)) if asset.head else b""
            )
        except ContentError:
            found[id_] = None
    return found


def require_ordinary(version: Checkpoint) -> None:
    """Whoever gets a version may do with its numbers what they do with any."""
    assert 0 <= version.size < 2**63
    assert -(2**63) <= version.mtime_ns < 2**63
    datetime.fromtimestamp(version.created_at, UTC)


def look_at_everything(project: Project, studio: BoundStudio) -> Tree:
    tree = studio.tree()
    list(Outline(tree).walk())
    for moment in (
        *(asset.created_at for asset in tree.assets.values()),
        *(folder.created_at for folder in tree.collections.values()),
        *(folder.mtime for folder in tree.collections.values()),
    ):
        datetime.fromtimestamp(moment, UTC)
    heads = [asset.head.id for asset in tree.assets.values() if asset.head]
    studio.manifests(heads)
    if tree.viewer.owner:
        for asset in tree.assets:
            for version in studio.history(asset):
                require_ordinary(version)
        studio.trash_listing()
        with project.database.reading() as connection:
            list(recorded(connection))
    studio.ignore_list()
    return tree


@pytest.mark.parametrize("table", VICTIMS)
def test_a_row_of_any_content_costs_itself_only(harbor_file: Path, tmp_path: Path, table: str):
    """Whatever stands in a row, the owner and an artist see the project, and other files are as they were."""
    path = tmp_path / "harbor.clst"
    path.write_bytes(harbor_file.read_bytes())
    loosen(path)
    with open_project(path, read_only=True) as project:
        service = StudioService(project)
        owner = service.for_owner(service.author())
        artist = service.for_user("bo")
        before = bytes_of(owner, project)
        victim = next(asset.id for asset in owner.tree().assets.values() if asset.name == "fox_look")
        others = {id_: content for id_, content in before.items() if id_ != victim}
        reader = CatalogueReader(project.database, blink=0.0)
        for written in oddities(path, table):
            try:
                look_at_everything(project, owner)
                look_at_everything(project, artist)
                look_at_everything(project, StudioService(project).for_user("bo"))
                reader.catch_up()
                fresh = CatalogueReader(project.database)
                fresh.catch_up()
                assert contents(reader.catalogue) == contents(fresh.catalogue)
                if table != "collection":
                    now = bytes_of(owner, project)
                    assert {id_: now.get(id_) for id_ in before if id_ != victim} == others
                    assert now.get(victim) in (None, b"", before[victim])
            except MountfsError as exc:
                pytest.fail(f"{table}: {written}: {exc!r}")
            except Exception as exc:
                raise AssertionError(f"{table}: {written}") from exc
        assert bytes_of(owner, project) == before


def test_a_manifest_that_is_no_text_is_damage(harbor_file: Path, tmp_path: Path):
    """Whoever reads a file whose list of chunks is a blob is told that it is damaged; the rest of a batch is
    there."""
    path = tmp_path / "harbor.clst"
    path.write_bytes(harbor_file.read_bytes())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            f"UPDATE asset_checkpoint SET chunks = x'ff00' WHERE {VICTIMS['asset_checkpoint']}"
        )
    with open_project(path) as project:
        service = StudioService(project)
        studio = service.for_owner(service.author())
        heads = {asset.name: asset.head.id for asset in studio.tree().assets.values() if asset.head}
        with pytest.raises(ContentError, match="damaged"):
            studio.manifest(heads["fox_look"])
        assert studio.manifests(list(heads.values())).keys() == set(heads.values()) - {heads["fox_look"]}
        with pytest.raises(ContentError, match="damaged"):
            studio.revert(heads["fox_look"])
        with pytest.raises(ContentError, match="damaged"):
            studio.manifest(CheckpointId(""))
        artist = service.for_user("bo")
        assert artist.chunks.missing([ChunkId("0" * 64)]) == {"0" * 64}
