"""Where the room goes, and how it is given back: unreferenced content, the trash, old versions."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

from mountfs import cli
from mountfs.cli.in_use import versions_in_use
from mountfs.errors import MountError
from mountfs.mountpoints import FILE_SYSTEM, Mount
from mountfs.storage.open import open_project
from mountfs.storage.unreferenced import GRACE
from mountfs.testing.mounts import running
from tests.cli.running import Shell
from tests.cli.test_copies import contents
from tests.cli.test_verify import chunks_of, edit

DAY = 86400


def ask(project: Path, statement: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(project)) as connection:
        return connection.execute(statement, values).fetchall()


def age_notes(project: Path, seconds: int = GRACE) -> None:
    """As if the notes had been made that long ago."""
    edit(project, "UPDATE mountfs_unreferenced SET seen_at = seen_at - ?", seconds)


@pytest.fixture(params=["compact", "deflated"])
def store(request: pytest.FixtureRequest, shell: Shell, work: Path, tmp_path: Path) -> tuple[Path, list[Any]]:
    """A project of either storage, and what has to be said to open it."""
    project = tmp_path / "store.clst"
    more: list[str | Path] = []
    if request.param == "deflated":
        more = ["--storage-dir", tmp_path / "chunks"]
        shell.run("init", project, "--storage", "deflated", *more)
    else:
        shell.run("init", project)
    shell.run("import", work, project, *more)
    return project, more


def purged(shell: Shell, project: Path, path: str, more: list[Any]) -> list[str]:
    """Remove a file for good; the chunks that only it had."""
    name = path.rpartition("/")[2].partition(".")[0]
    chunks = chunks_of(project, name)
    shell.run("trash", f"{project}:{path}", *more)
    shell.run("purge", project, "--yes", project.name, *more)
    return chunks


def stored(project: Path, more: list[Any]) -> set[str]:
    """The chunks that are really there."""
    if not more:
        return {name for (name,) in ask(project, "SELECT hash FROM chunk")}
    rows = {name for (name,) in ask(project, "SELECT hash FROM chunk_ref")}
    files = {path.name for path in Path(more[1]).rglob("*") if path.is_file()}
    assert rows <= files
    return files


def test_content_goes_a_week_after_it_was_first_seen_unreferenced(
    shell: Shell, store: tuple[Path, list[Any]]
):
    """A run notes, later runs wait, and only one after 7 days removes, and only with the name typed."""
    project, more = store
    before = contents(shell, project, *more)
    gone = set(purged(shell, project, "/library/fox.bin", more))
    everything = stored(project, more)
    assert gone <= everything
    for _ in range(2):
        assert "0 chunks may go" in shell.run("gc", project, "--yes", project.name, *more).out
    age_notes(project, GRACE - 60)
    assert shell.run("gc", project, "--json", "--yes", project.name, *more).json["ripe"]["count"] == 0
    assert stored(project, more) == everything
    age_notes(project, 60)
    assert shell.run("gc", "-n", "--json", project, *more).json["ripe"]["count"] == len(gone)
    done = shell.run("gc", project, *more)
    assert f"--yes {project.name}" in done.err
    assert stored(project, more) == everything
    assert " removed (" in shell.run("gc", project, "--yes", project.name, *more).out
    if more:  # files go when they have lain without a row for as long
        assert gone <= stored(project, more)
        for name in gone:
            (file,) = Path(more[1]).rglob(name)
            old = time.time() - GRACE - 60
            os.utime(file, (old, old))
        shell.run("gc", project, "--yes", project.name, *more)
    assert stored(project, more) == everything - gone
    del before["library/fox.bin"]
    assert contents(shell, project, *more) == before
    shell.run("verify", project, *more)


def test_what_is_stored_again_is_not_removed(shell: Shell, store: tuple[Path, list[Any]], work: Path):
    """A file that is imported again just before its old content would go has all of its content after."""
    project, more = store
    purged(shell, project, "/library/fox.bin", more)
    shell.run("gc", project, *more)
    age_notes(project)
    shell.run("import", work, project, *more)
    assert "0 chunks removed" not in shell.run("gc", project, "--yes", project.name, *more).out
    assert contents(shell, project, *more)["library/fox.bin"] == (work / "library/fox.bin").read_bytes()
    assert ask(project, "SELECT * FROM mountfs_unreferenced") == []


def test_the_trash_and_templates_keep_their_content(shell: Shell, project: Path):
    """What can be brought back, or begun from, is not unreferenced."""
    (chunk,) = chunks_of(project, "notes")
    shell.run("trash", f"{project}:/notes.txt")
    assert shell.run("gc", "--json", project).json["noted"]["count"] == 0
    shell.run("purge", project, "--yes", project.name)
    edit(
        project,
        "INSERT INTO template (id, mtime, name, extension, xxhash_checksum, file_size, chunks)"
        " VALUES ('t', 1, 'Shot', '.txt', '', 6, ?)",
        chunk,
    )
    assert shell.run("gc", "--json", project).json["noted"]["count"] == 0
    edit(project, "DELETE FROM template")
    assert shell.run("gc", "--json", project).json["noted"]["count"] == 1


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mountfs_snapshot (id TEXT, checkpoint_id TEXT)",
        "CREATE TABLE review (id TEXT, chunks TEXT)",
        "UPDATE asset_checkpoint SET chunks = x'00' WHERE rowid = 1",
    ],
)
def test_nothing_goes_when_something_cannot_be_enumerated(shell: Shell, project: Path, statement: str):
    """A table that may name chunks, and that nobody here knows, or a damaged list: nothing is even noted."""
    edit(project, "INSERT INTO chunk (hash, data, size) VALUES ('00', x'00', 1)")
    edit(project, statement)
    for words in (["-n"], [], ["--yes", project.name]):
        shell.run("gc", project, *words, code=cli.PROJECT_FILE)
    assert ask(project, "SELECT * FROM mountfs_unreferenced") == []


def test_a_journal_that_cannot_be_read_keeps_everything(shell: Shell, project: Path):
    """What unsent work stands on is not known then, so neither command does anything."""
    (project_id,) = ask(project, "SELECT value FROM config WHERE name = 'project_id'")[0]
    folder = shell.home / "state" / "mountfs" / "mounts" / project_id / "owner"
    folder.mkdir(parents=True)
    (folder / "journal.db").write_bytes(b"not a database at all" * 100)
    shell.run("trash", f"{project}:/notes.txt")
    for command in ("gc", "purge"):
        err = shell.run(command, project, "--yes", project.name, code=cli.UNAVAILABLE).err
        assert "journal.db cannot be read" in err
    assert ask(project, "SELECT count(*) FROM asset WHERE trashed")[0] == (1,)


def test_what_is_purged_is_gone(shell: Shell, project: Path):
    """A folder goes with all that is in it, and leaves no row behind; the rest is as it was."""
    before = contents(shell, project)
    shell.run("trash", f"{project}:/shots")
    shell.run("trash", f"{project}:/notes.txt")
    listed = shell.run("purge", "-n", project)
    assert listed.out.split() == ["/notes.txt", "/shots"]
    assert "would remove 3 files, 2 folders, 3 versions" in listed.err
    assert len(shell.run("trash", "--list", project).rows) == 2
    done = shell.run("purge", "--json", f"{project}:/shots", "--yes", project.name).json
    assert (done["removed"], done["files"], done["folders"]) == (True, 2, 2)
    assert [row[0] for row in shell.run("trash", "--list", project).rows] == ["/notes.txt"]
    for table, count in (("asset", 4), ("asset_checkpoint", 4), ("mountfs_checkpoint", 4), ("collection", 1)):
        assert ask(project, f"SELECT count(*) FROM {table}") == [(count,)], table
    ((_, detail),) = ask(project, "SELECT act, detail FROM mountfs_audit WHERE act = 'purge'")
    assert "/shots" in detail
    shell.run("restore", f"{project}:/notes.txt")
    assert contents(shell, project) == {
        name: content for name, content in before.items() if not name.startswith("shots/")
    }


def test_a_single_version_is_purged(shell: Shell, project: Path, work: Path):
    """A version in the trash goes, its file stays with the others."""
    (work / "notes.txt").write_text("second\n")
    shell.run("import", work, project)
    edit(project, "UPDATE asset_checkpoint SET trashed = 1 WHERE file_size = 6")
    done = shell.run("purge", "--json", project, "--yes", project.name).json
    assert (done["files"], done["versions"]) == (0, 1)
    assert len(shell.run("log", f"{project}:/notes.txt").rows) == 1


def test_nothing_is_purged_without_the_name(shell: Shell, project: Path):
    """Neither nobody's nor another name lets anything go, nor what came into the trash a day ago."""
    shell.run("trash", f"{project}:/notes.txt")
    assert f"add --yes {project.name}" in shell.run("purge", project).err
    assert "nothing was removed" in shell.run("purge", project, "--yes", "other", code=cli.USAGE).err
    assert "nothing from there" in shell.run("purge", project, "--days", "2", "--yes", project.name).err
    shell.run("restore", f"{project}:/notes.txt")


def test_what_a_draft_stands_on_stays(shell: Shell, project: Path):
    """A version that unsent work was made from is not purged, and neither is what it is in."""
    ((project_id,),) = ask(project, "SELECT value FROM config WHERE name = 'project_id'")
    ((version,),) = ask(
        project, "SELECT k.id FROM asset_checkpoint k JOIN asset ON asset.id = asset_id WHERE name = 'sh010'"
    )
    folder = shell.home / "state" / "mountfs" / "mounts" / project_id / "owner"
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "journal.db")) as journal:
        journal.execute("CREATE TABLE record (kind TEXT, id TEXT, body TEXT)")
        journal.execute(
            "INSERT INTO record VALUES ('draft', '1', ?)", (f'{{"base_checkpoint": {{"id": "{version}"}}}}',)
        )
        journal.commit()
    shell.run("trash", f"{project}:/shots")
    done = shell.run("purge", "--json", project, "--yes", project.name).json
    assert (done["removed"], done["in_use"]) == (False, ["/shots"])
    shell.run("restore", f"{project}:/shots")


def test_where_the_room_goes(shell: Shell, project: Path, work: Path):
    """A file's unique part is what would be free without it; two files of the same content have none."""
    (work / "copy.bin").write_bytes((work / "library/fox.bin").read_bytes())
    shell.run("import", work, project)
    done = shell.run("du", "--json", project).json
    parts = {part["asset"]: part for part in done["parts"]}
    fox, copy, notes = (parts[name] for name in ("/library/fox.bin", "/copy.bin", "/notes.txt"))
    assert fox["stored"] == copy["stored"] == copy["shared"] > 0
    assert fox["unique"] == copy["unique"] == 0
    assert notes["unique"] == notes["stored"] > 0
    assert done["total"]["unique"] == done["total"]["stored"]
    inside = shell.run("du", "--json", f"{project}:/library").json["total"]
    assert inside["shared"] == fox["stored"]
    rows = shell.run("du", project, "--limit", "1").rows
    assert [row[5] for row in rows] == ["/copy.bin", "/ in all"]
    assert all(int(number) >= 0 for number in rows[0][:5])


def test_room_by_version_and_author(shell: Shell, with_bo: Path, work: Path):
    """Every version has a line, those in the trash too, and every author."""
    (work / "notes.txt").write_text("second\n")
    shell.run("import", work, with_bo)
    shell.run("trash", f"{with_bo}:/notes.txt")
    done = shell.run("du", "--json", "--by", "checkpoint", with_bo).json
    mine = [part for part in done["parts"] if part["checkpoint"].startswith("/notes.txt")]
    assert {part["checkpoint"] for part in mine} == {"/notes.txt@1", "/notes.txt@2"}
    assert all(part["trashed"] for part in mine)
    (author,) = shell.run("du", "--json", "--by", "user", with_bo).json["parts"]
    assert author["versions"] == 7


def test_room_of_what_one_sees(shell: Shell, with_bo: Path, work: Path):
    """Somebody is told of their files only, and nothing of what these share with hidden ones."""
    (work / "same.ma").write_bytes((work / "shots/sh010/sh010.ma").read_bytes())
    shell.run("import", work, with_bo)
    done = shell.run("du", "--json", "--as", "bo", with_bo).json
    assert [part["asset"] for part in done["parts"]] == ["/shots/sh010/sh010.ma"]
    assert done["total"]["shared"] == done["parts"][0]["shared"] == 0
    hidden = shell.run("du", "--as", "bo", f"{with_bo}:/library", code=cli.NOT_FOUND).err
    missing = shell.run("du", "--as", "bo", f"{with_bo}:/nowhere", code=cli.NOT_FOUND).err
    assert hidden.replace("library", "nowhere") == missing


@pytest.mark.parametrize("whose", ["mine", "somebody else's"])
def test_a_mount_that_cannot_be_asked_keeps_everything(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, whose: str
):
    """What is not sent there is not known: nothing is removed, if it is a mount of this very file, and not
    of another project that has the same name."""
    ((name,),) = ask(project, "SELECT value FROM config WHERE name = 'project_name'")
    uid = os.geteuid() + (whose != "mine")
    there = Mount(tmp_path / "there", FILE_SYSTEM, name, "0:99", uid)
    monkeypatch.setattr("mountfs.cli.in_use.mounts", lambda: [there])
    other = Path(shutil.copy(project, tmp_path / "other.clst"))
    opener = (
        "import pathlib, sys; from mountfs.storage.open import open_project\n"
        "with open_project(pathlib.Path(sys.argv[1])): print(flush=True); input()"
    )
    with open_project(project, read_only=True) as opened:
        assert versions_in_use(tmp_path, opened) == frozenset()
        for file, refused in ((other, False), (project, True)):
            with running(sys.executable, "-c", opener, file) as mounted:
                assert mounted.stdout is not None
                assert mounted.stdout.readline() == b"\n"
                expected = pytest.raises(MountError, match="cannot be asked") if refused else nullcontext()
                with expected:
                    assert versions_in_use(tmp_path, opened) == frozenset()


def test_what_cannot_be_told_keeps_everything(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Without the log, nobody keeps a lock, so who has the file open is not known: nothing is removed while
    a project of its name is mounted by somebody who does not answer."""
    assert ask(project, "PRAGMA journal_mode = DELETE") == [("delete",)]
    ((name,),) = ask(project, "SELECT value FROM config WHERE name = 'project_name'")
    there = Mount(tmp_path / "there", FILE_SYSTEM, name, "0:99", os.geteuid() + 1)
    monkeypatch.setattr("mountfs.cli.in_use.mounts", lambda: [there])
    with open_project(project, read_only=True) as opened, pytest.raises(MountError, match="cannot be asked"):
        versions_in_use(tmp_path, opened)


def history_of_days(project: Path, ages: list[float], comments: dict[int, str]) -> None:
    """Versions of the notes that are so many days old, the first one first."""
    midday = int(time.time()) // DAY * DAY + DAY // 2
    ((asset, *row),) = ask(
        project,
        "SELECT asset_id, chunks, file_size, xxhash_checksum, author_id, id FROM asset_checkpoint"
        " WHERE file_size = 6",
    )
    edit(project, "UPDATE asset_checkpoint SET created_at = ? WHERE id = ?", midday - ages[0] * DAY, row[-1])
    for number, age in enumerate(ages[1:], 2):
        edit(
            project,
            "INSERT INTO asset_checkpoint (id, created_at, mtime, asset_id, xxhash_checksum, time_modified,"
            " file_size, chunks, comment, author_id, group_id) VALUES (?, ?, 1, ?, ?, 1, ?, ?, ?, ?, 'g')",
            f"version-{number}",
            int(midday - age * DAY),
            asset,
            row[2],
            row[1],
            row[0],
            comments.get(number, ""),
            row[3],
        )


def test_old_versions_are_thinned_out(shell: Shell, project: Path):
    """Kept are the first, the newest, those with a comment, a week of all and two months of days."""
    ages = [400, 300, 200, 100, 59.2, 59.1, 59, 30, 6.2, 6.1, 6, 1]
    history_of_days(project, ages, {3: "delivered"})
    listed = shell.run("thin", "-n", project)
    assert [row[0] for row in listed.rows] == [f"/notes.txt@{number}" for number in (2, 4, 5, 6)]
    assert "would put into the trash: 4 versions" in listed.err
    assert "add --yes" in shell.run("thin", project).err
    assert len(shell.run("log", f"{project}:/notes.txt").rows) == len(ages)
    assert shell.run("thin", "--json", project, "--yes", project.name).json["trashed"]
    assert [int(row[0]) for row in shell.run("log", f"{project}:/notes.txt").rows] == [
        12,
        11,
        10,
        9,
        8,
        7,
        3,
        1,
    ]
    assert "nothing to thin out" in shell.run("thin", project, "--yes", project.name).err
    acts = ask(project, "SELECT act, detail FROM mountfs_audit WHERE act = 'trash checkpoint'")
    assert acts == [("trash checkpoint", '{"because": "thin"}')] * 4
    ((who,),) = ask(project, "SELECT DISTINCT username FROM user JOIN mountfs_audit ON actor_id = user.id")
    shell.run("undo", project, "--by", who, "--since", "1h", code=cli.INCOMPLETE)  # they made the files, too
    assert len(shell.run("log", f"{project}:/notes.txt").rows) == len(ages)


def test_nobody_thins_out_without_the_right(shell: Shell, with_bo: Path):
    """It needs the right to remove versions, and reaches only what is visible."""
    shell.run("thin", "-n", "--as", "bo", with_bo, code=cli.REFUSED)
    assert "nothing to thin out" in shell.run("thin", with_bo, "--yes", with_bo.name).err
