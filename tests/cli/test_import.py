"""``mountfs import`` and ``mountfs export``: folders in and out, byte for byte."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from mountfs import cli
from tests.cli.conftest import BIG
from tests.cli.running import Shell


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, with the bytes of files."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def names(shell: Shell, project: Path, folder: str = "/") -> list[str]:
    return [row[0] for row in shell.run("ls", f"{project}:{folder}").rows]


def test_what_is_imported_comes_out_again(shell: Shell, project: Path, work: Path, tmp_path: Path):
    """A person gets back every byte, name, time and execute bit that they put in."""
    target = tmp_path / "out"
    done = shell.run("export", project, target)
    assert "6 files in 3 folders" in done.out
    assert contents(target) == contents(work)
    assert (target / "library" / "tool.sh").stat().st_mode & 0o111
    for name in ("notes.txt", "library/fox.bin", "empty"):
        assert (target / name).stat().st_mtime_ns == (work / name).stat().st_mtime_ns
        assert not (target / name).stat().st_mode & 0o111


@pytest.mark.parametrize("storage", ["compact", "deflated"])
def test_both_storages_hold_the_same(shell: Shell, work: Path, tmp_path: Path, storage: str):
    """Where the content lies makes no difference to who reads it."""
    project, target, chunks = tmp_path / "p.clst", tmp_path / "out", tmp_path / "chunks"
    place: list[str | Path] = ["--storage-dir", chunks] if storage == "deflated" else []
    shell.run("init", project, "--storage", storage, *place)
    shell.run("import", work, project, *place)
    shell.run("export", project, target, *place)
    assert contents(target) == contents(work)
    assert "all as recorded" in shell.run("verify", project, *place).out
    if storage == "deflated":
        shell.run("export", project, tmp_path / "none", code=cli.UNAVAILABLE)


def test_again_takes_only_what_changed(shell: Shell, project: Path, work: Path):
    """A second run reads nothing that is as before, and gives a version to what is not."""
    assert "0 files new, 0 changed, 6 unchanged; 0 B read" in shell.run("import", work, project).out
    (work / "notes.txt").write_text("changed\n")
    os.utime(work / "shots/sh010/sh010.ma")  # touched, not changed
    (work / "library" / "new.txt").write_text("new\n")
    done = shell.run("import", work, project, "-m", "second delivery", "--json").json
    assert (done["new"], done["changed"], done["unchanged"]) == (1, 1, 5)
    versions = shell.run("log", f"{project}:/notes.txt", "--json").json
    assert [version["number"] for version in versions] == [2, 1]
    assert versions[0]["comment"] == "second delivery"
    assert len(shell.run("log", f"{project}:/shots/sh010/sh010.ma").rows) == 1


def test_becoming_executable_is_a_change(shell: Shell, project: Path, work: Path):
    """A script that can be run now can be run by everybody who gets it."""
    (work / "notes.txt").chmod(0o755)
    assert "1 changed" in shell.run("import", work, project).out
    assert shell.run("show", f"{project}:/notes.txt", "--json").json["version"]["executable"]


def test_what_is_gone_stays_in_the_project(shell: Shell, project: Path, work: Path):
    """An import never takes anything away from anybody."""
    shutil.rmtree(work / "library")
    shell.run("import", work, project)
    assert "library/" in names(shell, project)


def test_what_tools_leave_is_ignored(shell: Shell, project: Path, work: Path):
    """Backups and locks do not become assets, nor does anything that makes programs run code."""
    for name in ("fox.blend1", "notes.txt~", ".~lock.notes.txt#", ".envrc", "x.desktop"):
        (work / name).write_text("x")
    (work / ".git").mkdir()
    (work / ".git" / "config").write_text("x")
    done = shell.run("import", work, project, "--json").json
    assert done["ignored"] == 6
    assert done["left_out"] == []
    assert done["new"] == 0


def test_what_is_no_file_is_left_out_and_said(shell: Shell, project: Path, work: Path):
    """Symlinks, pipes and sockets stay outside; a person reads that they do, and it is no failure."""
    (work / "link").symlink_to("/etc/passwd")
    (work / "folder-link").symlink_to(work / "library")
    os.mkfifo(work / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(work / "socket"))
        done = shell.run("import", work, project)
    assert "left out: link: a symlink stays outside" in done.err
    assert "left out: pipe: a named pipe stays outside" in done.err
    assert len(done.err.splitlines()) == 4
    assert "link" not in names(shell, project)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (b"bad\xff.txt", "UTF-8"),
        (b"line\nbreak", "control"),
        ("e\u0301.txt".encode(), "NFC"),
        (b" blank", "white space"),
        ("gpj.\u202eexe".encode(), "direction"),
        (b".checkpoints", "reserved"),
        (b"NOTES.TXT", "differs only in case from notes.txt"),
    ],
)
def test_a_name_no_project_can_hold_is_reported(
    shell: Shell, project: Path, work: Path, name: bytes, says: str
):
    """The file is named with the reason, the rest is taken, and a script can tell what is missing."""
    Path(os.fsdecode(os.fsencode(work) + b"/" + name)).write_text("x")
    (work / "other.txt").write_text("x")
    done = shell.run("import", work, project, code=cli.INCOMPLETE)
    assert says in done.err
    assert len(done.err.splitlines()) == 1
    assert "other.txt" in names(shell, project)
    assert len(names(shell, project)) == 5


def test_a_file_where_the_project_has_a_folder_is_reported(shell: Shell, project: Path, work: Path):
    """Neither takes the other's place."""
    shutil.rmtree(work / "library")
    (work / "library").write_text("a file now")
    (work / "notes.txt").unlink()
    (work / "notes.txt").mkdir()
    (work / "notes.txt" / "x").write_text("x")
    done = shell.run("import", work, project, code=cli.INCOMPLETE)
    assert "library: the project has a folder of this name" in done.err
    assert "notes.txt: the project has a file of this name" in done.err


def test_a_file_that_cannot_be_read_is_reported(shell: Shell, project: Path, work: Path):
    """One closed file does not keep the others out."""
    (work / "secret.txt").write_text("x")
    (work / "secret.txt").chmod(0)
    (work / "closed").mkdir(mode=0)
    (work / "other.txt").write_text("x")
    if os.geteuid() == 0:
        return  # root reads everything
    done = shell.run("import", work, project, code=cli.INCOMPLETE)
    assert "secret.txt: cannot be read" in done.err
    assert "closed: cannot be read" in done.err
    assert "other.txt" in names(shell, project)


def test_the_project_file_may_lie_in_the_folder(shell: Shell, work: Path):
    """A project never swallows itself."""
    project = work / "film.clst"
    shell.run("init", project)
    shell.run("import", work, project)
    assert "film.clst" not in names(shell, project)


def test_stopped_and_run_again(shell: Shell, tmp_path: Path):
    """Ctrl-C in the middle leaves a whole project with some of the files; the next run completes it."""
    work, project = tmp_path / "many", tmp_path / "p.clst"
    work.mkdir()
    for number in range(500):
        (work / f"{number:04d}.txt").write_bytes(BIG[: 60_000 + number])
    shell.run("init", project)
    process = subprocess.Popen(
        shell.command("import", work, project),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=shell.environ,
        cwd=shell.home,
    )
    log = project.with_name("p.clst-wal")
    while process.poll() is None and (not log.exists() or log.stat().st_size < 400_000):
        pass  # until some chunks have been written
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == cli.STOPPED, err
    assert "so far" in err
    assert "all as recorded" in shell.run("verify", project).out
    shell.run("import", work, project)
    assert len(names(shell, project)) == 500
    assert "500 unchanged" in shell.run("import", work, project).out


def test_a_missing_folder_is_code_3(shell: Shell, project: Path, tmp_path: Path):
    """Scripts tell a mistyped folder from an empty one."""
    assert "No such file" in shell.run("import", tmp_path / "nowhere", project, code=cli.NOT_FOUND).err
    shell.run("import", project, project, code=cli.NOT_FOUND)


def test_an_export_never_replaces_anything(shell: Shell, project: Path, tmp_path: Path):
    """A folder that holds something is refused, and stays as it is."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    assert "not empty" in shell.run("export", project, tmp_path / "out", code=cli.REFUSED).err
    assert contents(tmp_path / "out") == {"mine": b"mine"}


def test_a_part_can_be_exported(shell: Shell, project: Path, work: Path, tmp_path: Path):
    """A folder or one file of a project comes out by itself."""
    shell.run("export", f"{project}:/shots", tmp_path / "shots")
    assert contents(tmp_path / "shots") == contents(work / "shots")
    shell.run("export", f"{project}:/library/fox.bin", tmp_path / "fox")
    assert contents(tmp_path / "fox") == {"fox.bin": BIG}
    shell.run("export", f"{project}:/none", tmp_path / "none", code=cli.NOT_FOUND)


def test_what_is_imported_is_handed_out(shell: Shell, tmp_path: Path):
    """Whoever takes a folder into a project says whose it is and what is for all, and reads who sees what."""
    work = tmp_path / "work"
    for name in ("shots/anim.blend", "assets/wood.png"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(name)
    file = tmp_path / "film.clst"
    shell.run("init", file)
    for username in ("bo", "eve"):
        shell.run("user", "add", file, username, "--email", f"{username}@harbor.example", "--role", "artist")
    done = shell.run("import", work, file, "--assign", "bo", "--library", "assets", "--json").json
    sees = done["sees"]
    assert (done["assigned"], sees["bo"], sees["eve"]) == (1, 2, 1)
    assert shell.run("import", work, file, "--assign", "no-such-person", code=3).err
