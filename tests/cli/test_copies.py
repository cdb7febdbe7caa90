"""Copies of a whole project: backups, clones, and the same project with its chunks elsewhere."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from mountfs import cli
from mountfs.model import Toggle
from mountfs.storage.open import open_project
from mountfs.studio.service import StudioService
from mountfs.testing.projects import add_files
from tests.cli.running import Shell
from tests.cli.test_verify import chunks_of, edit


def contents(shell: Shell, project: Path, *more: str | Path) -> dict[str, bytes]:
    """Every file of a project with its bytes, as an export writes them."""
    folder = shell.home / f"out{len(list(shell.home.glob('out*')))}"
    shell.run("export", project, folder, *more)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def deflated(shell: Shell, work: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A project whose chunks lie in a folder, with the work in it."""
    project, chunks = tmp_path / "series.clst", tmp_path / "chunks"
    shell.run("init", project, "--storage", "deflated", "--storage-dir", chunks)
    shell.run("import", work, project, "--storage-dir", chunks)
    return project, chunks


def test_a_backup_is_the_whole_project(shell: Shell, project: Path, tmp_path: Path):
    """Every file and version is in it, nothing of the project changed, and nothing else is left behind."""
    copy = tmp_path / "copies" / "film.clst"
    copy.parent.mkdir()
    done = shell.run("backup", project, copy)
    assert "6 files, 6 versions" in done.out
    assert done.out.rstrip().endswith("verified")
    assert [path.name for path in copy.parent.iterdir()] == ["film.clst"]
    assert contents(shell, copy) == contents(shell, project)
    shell.run("verify", copy)


def test_a_backup_replaces_nothing(shell: Shell, project: Path, tmp_path: Path):
    """What has the name already stays, byte for byte; a dry run says so too, and makes nothing."""
    copy = tmp_path / "copy.clst"
    assert shell.run("backup", "-n", project, copy).out.startswith("would copy")
    assert not copy.exists()
    copy.write_bytes(b"something else")
    for words in (["backup"], ["backup", "--dry-run"]):
        assert "exists already" in shell.run(*words, project, copy, code=cli.PROJECT_FILE).err
    assert copy.read_bytes() == b"something else"
    assert "ends in .clst" in shell.run("backup", project, tmp_path / "copy.zip", code=cli.USAGE).err


def test_a_backup_of_a_project_in_a_folder(shell: Shell, deflated: tuple[Path, Path], tmp_path: Path):
    """The chunks are copied into a folder beside it; one that is there and damaged is copied again."""
    project, chunks = deflated
    copy, copied = tmp_path / "copy.clst", tmp_path / "copy.chunks"
    done = shell.run("backup", "--json", project, copy, "--storage-dir", chunks).json
    assert done["chunk_folder"] == str(copied)
    assert contents(shell, copy, "--storage-dir", copied) == contents(shell, project, "--storage-dir", chunks)
    copy.unlink()
    one = next(path for path in copied.rglob("*") if path.is_file())
    one.write_bytes(b"x" * one.stat().st_size)
    shell.run("backup", project, copy, "--storage-dir", chunks)
    shell.run("verify", copy, "--storage-dir", copied)


def test_a_backup_of_a_damaged_project_is_made_and_told(shell: Shell, project: Path, tmp_path: Path):
    """Damage in the project is no reason to have no backup of the rest; the exit code and a line tell."""
    chunk = chunks_of(project, "fox")[-1]
    edit(project, "UPDATE chunk SET data = zeroblob(length(data)) WHERE hash = ?", chunk)
    done = shell.run("backup", project, tmp_path / "copy.clst", code=cli.DAMAGED)
    assert "damaged in the project too: /library/fox.bin" in done.err
    assert "as good as the project" in done.out
    shell.run("export", tmp_path / "copy.clst:/shots", tmp_path / "shots")


def test_a_backup_while_somebody_writes(shell: Shell, project: Path, tmp_path: Path):
    """Whoever saves meanwhile is not held up, and the backup is the project at one moment."""
    stop = threading.Event()
    made: list[str] = []

    def write() -> None:
        with open_project(project) as opened:
            service = StudioService(opened)
            owner = service.for_owner(service.author())
            while not stop.is_set():
                name = f"more/{len(made)}.txt"
                add_files(owner, {name: name.encode() * 5000})
                made.append(name)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            shell.run("backup", project, tmp_path / f"copy{number}.clst")
    finally:
        stop.set()
        writer.join(60)
    assert made
    for number in range(3):
        shell.run("verify", tmp_path / f"copy{number}.clst")
        with closing(sqlite3.connect(tmp_path / f"copy{number}.clst")) as copy:
            rows = copy.execute("SELECT count(*) FROM asset").fetchone()
            assert rows == copy.execute("SELECT count(*) FROM asset_checkpoint").fetchone()


def test_content_moves_out_of_the_file_and_back(shell: Shell, project: Path, tmp_path: Path):
    """The same project either way: every file, every version, and a file that shrinks."""
    before, size = contents(shell, project), project.stat().st_size
    chunks = tmp_path / "chunks"
    more = ("--storage-dir", chunks)
    assert "5 chunks" in shell.run("convert", "-n", project, "deflated", *more).out
    assert not chunks.exists()
    assert (
        "is deflated: 5 chunks verified, 5 of them copied"
        in shell.run("convert", project, "deflated", *more).out
    )
    assert "deflated already" in shell.run("convert", project, "deflated", *more).out
    assert contents(shell, project, *more) == before
    shell.run("verify", project, *more)
    shell.run("ls", project, code=cli.UNAVAILABLE)
    assert project.stat().st_size <= size
    done = shell.run("convert", "--json", project, "compact", *more).json
    assert (done["was"], done["mode"], done["chunks"]) == ("deflated", "compact", 5)
    shell.run("verify", project)
    assert contents(shell, project) == before
    assert next(chunks.rglob("*/chunks/*")), "a backup may stand on the files"


def test_a_project_in_use_is_not_converted(shell: Shell, project: Path, tmp_path: Path):
    """Whoever has it open, even only to read, would go on looking in the old place."""
    more = ("--storage-dir", tmp_path / "chunks")
    for read_only in (True, False):
        with open_project(project, read_only=read_only) as opened:
            opened.database.data_version()
            err = shell.run("convert", project, "deflated", *more, code=cli.PROJECT_FILE).err
            assert "unmount or close it" in err
            shell.run("convert", "-n", project, "deflated", *more, code=cli.PROJECT_FILE)
    shell.run("convert", project, "deflated", *more)


def test_a_damaged_project_is_not_converted(shell: Shell, project: Path, tmp_path: Path):
    """What is damaged is named, and the project stays as it is; mended, it is converted from there."""
    (chunk,) = chunks_of(project, "notes")
    with closing(sqlite3.connect(project)) as file:
        ((frame,),) = file.execute("SELECT data FROM chunk WHERE hash = ?", (chunk,))
    edit(project, "UPDATE chunk SET data = zeroblob(length(data)) WHERE hash = ?", chunk)
    more = ("--storage-dir", tmp_path / "chunks")
    assert chunk in shell.run("convert", project, "deflated", *more, code=cli.DAMAGED).err
    shell.run("ls", project)
    edit(project, "UPDATE chunk SET data = ? WHERE hash = ?", frame, chunk)
    shell.run("convert", project, "deflated", *more)
    shell.run("verify", project, *more)
    assert "name the folder" in shell.run("convert", project, "deflated", code=cli.USAGE).err


def test_a_clone_is_the_project_without_its_trash(shell: Shell, project: Path, work: Path, tmp_path: Path):
    """Every visible file and version is in it, under an id of its own; the project is as it was."""
    (work / "notes.txt").write_text("second\n")
    shell.run("import", work, project)
    shell.run("trash", f"{project}:/shots")
    clone = tmp_path / "copies" / "mine.clst"
    clone.parent.mkdir()
    assert "4 files in 1 folder, 5 versions" in shell.run("clone", "-n", project, clone).out
    assert not list(clone.parent.iterdir())
    done = shell.run("clone", "--json", project, clone).json
    assert (done["files"], done["folders"], done["versions"]) == (4, 1, 5)
    assert [path.name for path in clone.parent.iterdir()] == ["mine.clst"]
    assert contents(shell, clone) == contents(shell, project)
    assert shell.run("log", f"{clone}:/notes.txt").out == shell.run("log", f"{project}:/notes.txt").out
    shell.run("verify", clone)
    ids = {shell.run("show", "--json", f"{each}:/").json["project"]["id"] for each in (clone, project)}
    assert len(ids) == 2
    for table in ("tomb", "mountfs_audit"):
        with closing(sqlite3.connect(clone)) as file:
            assert file.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    assert "exists already" in shell.run("clone", project, clone, code=cli.PROJECT_FILE).err
    shell.run("clone", f"{project}:/library", tmp_path / "part.clst", code=cli.USAGE)


def test_a_clone_of_what_one_sees(shell: Shell, with_bo: Path, tmp_path: Path):
    """Somebody's clone holds their file and the way to it, and not one byte that tells of the rest."""
    clone = tmp_path / "bo.clst"
    shell.run("clone", with_bo, clone, "--as", "bo")
    assert contents(shell, clone) == contents(shell, with_bo, "--as", "bo")
    raw = clone.read_bytes()
    for secret in (b"notes", b"library", b"hello\n", b"fox", b"tool"):
        assert secret not in raw
    shell.run("verify", clone)
    with open_project(clone) as opened:
        service = StudioService(opened)
        assert Toggle.ADD_USER in service.for_user("bo").viewer().may
    shell.run("revert", "--as", "bo", f"{clone}:/shots/sh010/sh010.ma@1")


def test_a_damaged_project_is_not_cloned(shell: Shell, project: Path, tmp_path: Path):
    """What is damaged is named, and nothing has the clone's name; mended, it is cloned from where it was."""
    (chunk,) = chunks_of(project, "notes")
    with closing(sqlite3.connect(project)) as file:
        ((frame,),) = file.execute("SELECT data FROM chunk WHERE hash = ?", (chunk,))
    edit(project, "UPDATE chunk SET data = zeroblob(length(data)) WHERE hash = ?", chunk)
    clone = tmp_path / "mine.clst"
    assert chunk in shell.run("clone", project, clone, code=cli.DAMAGED).err
    assert not clone.exists()
    edit(project, "UPDATE chunk SET data = ? WHERE hash = ?", frame, chunk)
    assert 0 < shell.run("clone", "--json", project, clone).json["copied"] < 5
    assert contents(shell, clone) == contents(shell, project)
