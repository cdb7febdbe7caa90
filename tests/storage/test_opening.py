"""Which files are opened, which are refused, and that a refused one is not touched."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from mountfs.errors import (
    ForeignSchema,
    NotAProject,
    ProjectFileError,
    StorageUnavailable,
    WrongVersion,
)
from mountfs.storage.create import create_project
from mountfs.storage.open import open_project
from mountfs.storage.tables import config
from tests.storage.conftest import ADA, SAMPLES, copy_sample
from tests.storage.shapes import recorded, shape_of


def edit(path: Path, *statements: str) -> None:
    """Change a file behind everybody's back, then fold the log away so that the file is all there is."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def forge(path: Path, statement: str) -> None:
    edit(path, "PRAGMA writable_schema = ON", statement)


def fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def value(path: Path, sql: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchone()[0]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.stem)
@pytest.mark.parametrize("read_only", [True, False])
def test_files_of_the_other_program_open(sample: Path, read_only: bool, tmp_path: Path):
    """Every project of the other program opens, for reading and for writing, without a warning."""
    path = copy_sample(sample, tmp_path)
    with open_project(path, read_only=read_only, storage_dir=tmp_path) as project:
        assert (project.version, project.warnings) == ("1.9", [])
        assert project.name == sample.stem
        assert project.mode == ("deflated" if sample.stem == "deflated" else "compact")


def test_an_unknown_trigger_refuses_the_file_and_is_named(fresh: Path):
    """A file that brings code nobody knows is not written, not even a byte of it."""
    edit(fresh, "CREATE TRIGGER steal AFTER INSERT ON asset BEGIN DELETE FROM role; END")
    before = fingerprint(fresh)
    with pytest.raises(ForeignSchema, match="'steal'"):
        open_project(fresh)
    assert fingerprint(fresh) == before
    with open_project(fresh, read_only=True) as project:
        assert "steal" in project.warnings[0]
    assert fingerprint(fresh) == before


EVIL = "BEGIN DELETE FROM role; END"


@pytest.mark.parametrize(
    "statements",
    [
        ["DROP TRIGGER asset_update", f"CREATE TRIGGER asset_update AFTER UPDATE ON asset {EVIL}"],
        ["DROP TRIGGER asset_update", f"CREATE TRIGGER asset_update AFTER INSERT ON config {EVIL}"],
        ["DROP TRIGGER asset_update", f'CREATE TRIGGER "ASSET_Update" BEFORE UPDATE ON asset {EVIL}'],
        ["DROP TRIGGER user_delete", "DROP VIEW full_asset", "DROP VIEW asset_tags"],
        ["DROP VIEW asset_tags", "CREATE VIEW Asset_Tags AS SELECT 1 AS asset_id, 2 AS tags"],
        ["DROP INDEX idx_asset_collection"],
    ],
    ids=["other body", "other table", "other case", "missing", "other view", "missing index"],
)
def test_what_has_a_known_name_becomes_ours(fresh: Path, statements: list[str]):
    """Triggers and views of the names we know do what we know, whatever the file had under those names."""
    edit(fresh, *statements)
    open_project(fresh).close()
    shape, expected = shape_of(fresh), recorded()
    assert shape["views"] == expected["views"]
    assert shape["triggers"] == expected["triggers"]
    assert {row[0] for row in shape["tables"]["asset"]["indexes"]} == {
        row[0] for row in expected["tables"]["asset"]["indexes"]
    }
    edit(
        fresh,
        "INSERT INTO config VALUES ('k', '', 1, 0)",
        "INSERT INTO asset (id, created_at, mtime, name, extension, status_id, asset_type_id)"
        " VALUES ('a', '', 1, 'a', '', 's', 't')",
        "UPDATE asset SET mtime = 2",
    )
    assert value(fresh, "SELECT count(*) FROM role") == 6


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO sqlite_schema VALUES ('table', 'harmless', 'harmless', 0, "
        f"'CREATE TRIGGER harmless AFTER INSERT ON asset {EVIL}')",
        "UPDATE sqlite_schema SET sql = replace(sql, 'asset_update', 'other') WHERE name = 'asset_update'",
        "UPDATE sqlite_schema SET type = 'view' WHERE name = 'asset_update'",
        "UPDATE sqlite_schema SET sql = 'garbage' WHERE name = 'asset_update'",
        "UPDATE sqlite_schema SET name = 'status_update' WHERE name = 'asset_update'",
        "UPDATE sqlite_schema SET tbl_name = 'role' WHERE name = 'asset_update'",
    ],
    ids=[
        "a trigger listed as a table",
        "another name inside",
        "a trigger listed as a view",
        "no statement",
        "two of one name",
        "another table inside",
    ],
)
def test_a_forged_list_of_contents_refuses_the_file(fresh: Path, statement: str):
    """A file that lies about what is in it is not written: its list is compared with what it defines."""
    forge(fresh, statement)
    before = fingerprint(fresh)
    with pytest.raises((ForeignSchema, NotAProject)):
        open_project(fresh)
    assert fingerprint(fresh) == before


def test_a_name_that_is_taken_by_something_else(fresh: Path):
    """A table in the place of a view of ours is not dropped for it, so the file is not written."""
    edit(fresh, "DROP VIEW full_asset", "CREATE TABLE full_asset (mine TEXT)")
    before = fingerprint(fresh)
    with pytest.raises(ForeignSchema, match="full_asset"):
        open_project(fresh)
    assert fingerprint(fresh) == before


def test_a_path_of_any_bytes(fresh: Path):
    """A project opens whatever bytes and signs are in its path."""
    folder = Path(os.fsdecode(os.fsencode(fresh.parent) + b"/ a?b#c%41 \xff\xc3"))
    folder.mkdir()
    path = fresh.rename(folder / "ä?.clst")
    with open_project(path) as project:
        assert project.name == "Fresh"
    assert [each.name for each in folder.iterdir()] == ["ä?.clst"]


def test_tables_must_be_tables(fresh: Path):
    """A view in the place of a table, which could be anything, makes the file no project."""
    edit(fresh, "ALTER TABLE asset_tag RENAME TO real_tag", "CREATE VIEW asset_tag AS SELECT * FROM real_tag")
    with pytest.raises(NotAProject, match="asset_tag"):
        open_project(fresh)


@pytest.mark.parametrize("table", ["asset", "chunk", "config", "role"])
def test_a_missing_table_or_column(fresh: Path, table: str):
    """A file without one of the tables, or without a column of it, is no project, and the table is named."""
    copy = fresh.with_name("copy.clst")
    shutil.copyfile(fresh, copy)
    edit(fresh, *_undress(fresh), f"DROP TABLE {table}")
    with pytest.raises(NotAProject, match=f"'{table}'"):
        open_project(fresh)
    edit(copy, *_undress(copy), f"ALTER TABLE {table} RENAME COLUMN {_last(copy, table)} TO x")
    with pytest.raises(NotAProject, match=f"'{table}'"):
        open_project(copy, read_only=True)


def _undress(path: Path) -> list[str]:
    """Statements that drop all triggers and views, which would stand in the way of changing a table."""
    shape = shape_of(path)
    return [f"DROP {kind[:-1]} {name}" for kind in ("triggers", "views") for name in shape[kind]]


def _last(path: Path, table: str) -> str:
    return str(value(path, f"SELECT name FROM pragma_table_info('{table}') ORDER BY cid DESC LIMIT 1"))


def test_without_a_storage_table_chunks_are_in_the_file(fresh: Path):
    """A project that does not say where its chunks lie keeps them itself, and gets the table when written."""
    edit(fresh, "DROP TABLE project_storage", "DROP TABLE integration_project")
    with open_project(fresh, read_only=True) as project:
        assert project.mode == "compact"
    with open_project(fresh) as project:
        assert project.mode == "compact"
    assert shape_of(fresh)["tables"] == recorded()["tables"]


@pytest.mark.parametrize(
    "content", [b"", b"not a database at all" * 500, b"SQLite format 3\0" + b"\xff" * 5000]
)
@pytest.mark.parametrize("read_only", [True, False])
def test_what_is_no_database(tmp_path: Path, content: bytes, read_only: bool):
    """A file of something else is refused in a sentence, and stays what it is."""
    path = tmp_path / "scene.clst"
    path.write_bytes(content)
    with pytest.raises(NotAProject, match=r"scene\.clst|not a project"):
        open_project(path, read_only=read_only)
    assert path.read_bytes() == content


def test_no_file_and_a_folder(tmp_path: Path):
    """A path that leads nowhere, or to a folder, is no project, and nothing is made there."""
    for path in (tmp_path / "none.clst", tmp_path):
        with pytest.raises((NotAProject, StorageUnavailable)):
            open_project(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", [0.02, 0.3, 0.7])
def test_a_truncated_file(fresh: Path, part: float):
    """A file that lost its end is refused or read; in no case does anything but a plain error come out."""
    data = fresh.read_bytes()
    fresh.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ProjectFileError):
        open_project(fresh)


@pytest.mark.parametrize("version", ["1.2", "1.8", "1.8.3"])
@pytest.mark.parametrize("read_only", [True, False])
def test_an_older_version_is_sent_to_its_own_program(fresh: Path, version: str, read_only: bool):
    """An older file is refused with what to do about it."""
    edit(fresh, f"UPDATE config SET value = '{version}' WHERE name = 'version'")
    with pytest.raises(WrongVersion, match="open it once in Clustta"):
        open_project(fresh, read_only=read_only)


@pytest.mark.parametrize("version", ["0.9", "1.1", "new", "1", "1.9beta"])
def test_versions_that_nobody_can_use(fresh: Path, version: str):
    """What is too old for anybody, or no version, is refused."""
    edit(fresh, f"UPDATE config SET value = '{version}' WHERE name = 'version'")
    with pytest.raises(WrongVersion):
        open_project(fresh, read_only=True)


@pytest.mark.parametrize("version", ["1.10", "2.0", "1.11.2"])
def test_a_newer_version_is_only_read(fresh: Path, version: str):
    """A newer file may follow rules that we would break: it is read with a warning, and not written."""
    edit(fresh, f"UPDATE config SET value = '{version}' WHERE name = 'version'")
    before = fingerprint(fresh)
    with pytest.raises(WrongVersion, match="read-only"):
        open_project(fresh)
    assert fingerprint(fresh) == before
    with open_project(fresh, read_only=True) as project:
        assert version in project.warnings[0]
        assert project.version == version


@pytest.mark.parametrize("identity", ["", "../../etc", "a/b", ".", "x" * 200])
def test_a_project_id_is_an_id(fresh: Path, identity: str):
    """The id becomes part of paths: one that is none is refused, wherever it would have led."""
    edit(fresh, f"UPDATE config SET value = '{identity}' WHERE name = 'project_id'")
    with pytest.raises(NotAProject, match="id"):
        open_project(fresh, read_only=True)


def test_configuration_may_be_bytes(fresh: Path):
    """Values written as blobs are the text they hold."""
    edit(fresh, "UPDATE config SET value = CAST(value AS BLOB), name = upper(name)")
    with open_project(fresh) as project:
        assert (project.name, project.version) == ("Fresh", "1.9")


def test_what_nobody_knows_survives(fresh: Path):
    """Tables, columns, indexes and views of others stay, with all that is in them."""
    edit(
        fresh,
        "CREATE TABLE plugin (id TEXT, data BLOB)",
        "INSERT INTO plugin VALUES ('p', x'00ff')",
        "CREATE INDEX plugin_index ON plugin (id)",
        "CREATE VIEW plugin_view AS SELECT count(*) AS many FROM plugin",
        "ALTER TABLE asset ADD COLUMN plugin_note TEXT DEFAULT 'kept'",
        "INSERT INTO asset (id, created_at, mtime, name, extension, status_id, asset_type_id)"
        " SELECT 'a', '', 1, 'a', '', 's', id FROM asset_type",
    )
    with open_project(fresh) as project, project.database.writing() as connection:
        connection.exec_driver_sql("UPDATE asset SET mtime = 2")
    assert value(fresh, "SELECT data FROM plugin") == b"\0\xff"
    assert value(fresh, "SELECT many FROM plugin_view") == 1
    assert value(fresh, "SELECT plugin_note FROM full_asset") == "kept"
    assert value(fresh, "SELECT count(*) FROM sqlite_schema WHERE name = 'plugin_index'") == 1


def test_our_tables_of_another_shape(fresh: Path):
    """A table with our name and another shape is not ours, and its file is not written."""
    edit(fresh, "DROP TABLE mountfs_chunk", "CREATE TABLE mountfs_chunk (hash TEXT, size INTEGER)")
    with pytest.raises(ForeignSchema, match="mountfs_chunk"):
        open_project(fresh)


def test_reading_changes_nothing(fresh: Path):
    """A project opened read-only stays as it is, byte for byte, and a write is refused."""
    edit(fresh, "DROP TABLE mountfs_chunk", "DROP TRIGGER asset_update")
    before = fingerprint(fresh)
    with open_project(fresh, read_only=True) as project:
        with project.database.reading() as connection:
            assert len(connection.execute(select(config)).all()) == 6
        with pytest.raises(ProjectFileError, match="read-only"), project.database.writing():
            pass
        assert project.sizes.layout([], 0) == ()
    assert fingerprint(fresh) == before


def test_opening_again_writes_nothing(fresh: Path):
    """A file that is in order is not rewritten by being opened, so that others see no change."""
    open_project(fresh).close()
    before = fingerprint(fresh)
    open_project(fresh).close()
    assert fingerprint(fresh) == before


def test_a_deflated_project_asks_for_its_folder(tmp_path: Path):
    """Without the folder of its chunks, or with one that is not there, a project names the option."""
    path = tmp_path / "d.clst"
    create_project(path, name="D", author=ADA, mode="deflated", storage_dir=tmp_path / "chunks")
    with pytest.raises(StorageUnavailable, match="--storage-dir"):
        open_project(path)
    with pytest.raises(StorageUnavailable, match="--storage-dir"):
        open_project(path, storage_dir=tmp_path / "elsewhere")
    open_project(path, storage_dir=tmp_path / "chunks").close()


def test_an_object_store_is_not_reachable_yet(fresh: Path):
    """A project whose chunks are in an object store says so instead of failing at the first read."""
    edit(fresh, "UPDATE project_storage SET mode = 'object_storage'")
    with pytest.raises(StorageUnavailable, match="object store"):
        open_project(fresh)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that any user can reach, unlike those of a test run by root."""
    with tempfile.TemporaryDirectory(prefix="mountfs-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        Path(folder).chmod(0o700)


AS_NOBODY = """
import os, sys
from pathlib import Path
from mountfs.storage.open import open_project
from mountfs.errors import MountfsError
def remote(project):
    with project.database.reading() as connection:
        return connection.exec_driver_sql("SELECT value FROM config WHERE name = 'remote'").scalar()
open_project(Path(sys.argv[1]), read_only=True).close()  # imports all that it needs while it still may
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
assert not os.access(Path(sys.argv[2]).parent, os.W_OK)
try:
    with open_project(Path(sys.argv[2]), read_only=True) as project:
        version = project.database.data_version()
        print(project.name, remote(project), flush=True)
        if sys.stdin.readline():
            project.database.wait_for_commit(60, version)
            print(remote(project))
except MountfsError as exc:
    print(type(exc).__name__, exc)
"""


def as_nobody(fresh: Path, path: Path, said: str = "") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(fresh), str(path)],
        input=said,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_folder_where_nothing_may_be_written(fresh: Path, open_to_all: Path):
    """Who may read the file and write nowhere beside it can read the project, and leaves no trace."""
    path = open_to_all / "p.clst"
    shutil.copyfile(fresh, path)
    path.chmod(0o444)
    open_to_all.chmod(0o555)
    assert as_nobody(fresh, path) == ["Fresh "]
    assert os.listdir(open_to_all) == ["p.clst"]


def test_a_log_that_cannot_be_read_is_not_overlooked(fresh: Path, open_to_all: Path):
    """If changes wait in a log that this user cannot use, they are told, and are not shown an old state."""
    path = open_to_all / "p.clst"
    shutil.copyfile(fresh, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE config SET value = 'new' WHERE name = 'remote'")
        connection.commit()
        kept = (path.read_bytes(), path.with_name("p.clst-wal").read_bytes())
    for name, data in zip(("p.clst", "p.clst-wal"), kept, strict=True):
        (open_to_all / name).write_bytes(data)
    open_to_all.chmod(0o555)
    (said,) = as_nobody(fresh, path)
    assert said.startswith("ProjectFileError")
    assert "p.clst-wal" in said


def test_a_writer_who_comes_later_is_seen(fresh: Path, open_to_all: Path):
    """A reader in a folder it cannot write sees what a writer commits after it has opened the file."""
    path = open_to_all / "p.clst"
    shutil.copyfile(fresh, path)
    open_to_all.chmod(0o555)
    process = subprocess.Popen(
        [sys.executable, "-c", AS_NOBODY, str(fresh), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "Fresh \n"
        open_to_all.chmod(0o755)
        with open_project(path) as project:
            with project.database.writing() as connection:
                connection.execute(config.update().where(config.c.name == "remote").values(value="now"))
            open_to_all.chmod(0o555)
            said, _ = process.communicate("\n", timeout=60)
        assert said == "now\n"
    finally:
        process.kill()
        process.wait()
