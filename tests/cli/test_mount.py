"""``mountfs mount`` and ``umount``, and the commands that are asked about a path inside a mount."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs import cli, mountpoints
from mountfs.testing.mounts import wait_until
from tests.cli.running import Shell

pytestmark = pytest.mark.mounted


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Somewhere to mount; whatever is mounted there in the end is taken away."""
    folder = tmp_path / "mnt"
    folder.mkdir()
    yield folder
    while mountpoints.find(folder):
        subprocess.run(["fusermount3", "-uz", folder], check=True)


def test_mount_read_umount(shell: Shell, project: Path, work: Path, folder: Path):
    """When the command is done the mount answers, with every byte; when umount is done it has gone."""
    done = shell.run("mount", project, folder)
    assert f"film is mounted at {folder} (all of it" in done.out
    for path in work.rglob("*"):
        if path.is_file():
            assert (folder / path.relative_to(work)).read_bytes() == path.read_bytes()
    ran = subprocess.run([folder / "library" / "tool.sh"], capture_output=True, text=True, check=True)
    assert ran.stdout == "it runs\n"
    assert "is unmounted" in shell.run("umount", folder).out
    assert list(folder.iterdir()) == []


def test_commands_see_what_the_mount_sees(shell: Shell, with_bo: Path, folder: Path):
    """Asked about a path inside a mount, a command looks with the mount's eyes, from any folder."""
    mounted = shell.run("mount", with_bo, folder, "--as", "bo", "--json").json
    assert (mounted["username"], mounted["owner"]) == ("bo", False)
    assert os.listdir(folder) == ["shots"]
    assert [row[0] for row in shell.run("ls", folder).rows] == ["shots/"]
    assert shell.run("ls", folder / "shots" / "sh010").rows[0][5] == "bo"
    assert shell.run("log", folder / "shots/sh010/sh010.ma").rows[0][0] == "1"
    assert shell.run("show", "--json", folder).json["viewer"]["username"] == "bo"
    assert shell.run("show", "--json", folder / "shots/sh010/sh010.ma").json["may_checkpoint"] is True
    shell.run("export", folder, shell.home / "out")
    assert sum(path.is_file() for path in (shell.home / "out").rglob("*")) == 1
    link = shell.home / "link"
    link.symlink_to(folder)
    assert shell.run("log", link / "shots/sh010/sh010.ma").rows[0][0] == "1"


def test_a_hidden_name_answers_like_one_that_never_existed(shell: Shell, with_bo: Path, folder: Path):
    """Neither a command nor its error tells that there is something that Bo may not see."""
    shell.run("mount", with_bo, folder, "--as", "bo")
    for command in ("ls", "log", "show"):
        hidden = shell.run(command, folder / "notes.txt", code=cli.NOT_FOUND)
        absent = shell.run(command, folder / "nothing.txt", code=cli.NOT_FOUND)
        assert hidden.err == absent.err.replace("nothing.txt", "notes.txt")
        assert hidden.out == absent.out == ""
        outside = shell.run(command, f"{with_bo}:/notes.txt", "--as", "bo", code=cli.NOT_FOUND)
        assert outside.err == hidden.err


def test_an_import_shows_in_the_mount(shell: Shell, project: Path, work: Path, folder: Path):
    """What another process records appears, without mounting again."""
    shell.run("mount", project, folder)
    (work / "new.txt").write_text("new")
    shell.run("import", work, project)
    wait_until(lambda: (folder / "new.txt").exists(), "the new file")
    assert (folder / "new.txt").read_text() == "new"


def test_a_busy_mount_stays(shell: Shell, project: Path, folder: Path):
    """Nobody's open file is taken away; the command names who has it, and --lazy takes the mount anyway."""
    shell.run("mount", project, folder)
    with open(folder / "notes.txt") as file:
        assert "in use by" in shell.run("umount", folder, code=cli.MOUNT).err
        assert file.read() == "hello\n"
        shell.run("umount", "--lazy", folder)
    assert list(folder.iterdir()) == []


def test_a_dead_mount_is_found_and_mended(shell: Shell, project: Path, folder: Path):
    """After a crash the doctor names the dead mount with the command for it, and mounting again works."""
    pid = shell.run("mount", project, folder, "--json").json["pid"]
    os.kill(pid, signal.SIGKILL)
    assert mountpoints.wait_for_end(pid, 30)
    findings = shell.run("doctor", "--json", code=cli.INCOMPLETE).json
    dead = next(finding for finding in findings if str(folder) in finding["text"])
    assert (dead["level"], dead["mend"]) == ("problem", f"fusermount3 -uz {folder}")
    shell.run("mount", project, folder)
    assert (folder / "notes.txt").read_text() == "hello\n"
    shell.run("umount", folder)
    assert mountpoints.find(folder) is None


def test_umount_clears_a_dead_mount(shell: Shell, project: Path, folder: Path):
    """The same command ends a mount whether its program lives or not."""
    pid = shell.run("mount", project, folder, "--json").json["pid"]
    os.kill(pid, signal.SIGKILL)
    assert mountpoints.wait_for_end(pid, 30)
    shell.run("umount", folder)
    assert mountpoints.find(folder) is None


def test_in_the_foreground(shell: Shell, project: Path, folder: Path):
    """With -f the command serves until it is unmounted, and ends with 0."""
    process = subprocess.Popen(
        shell.command("mount", "-f", project, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=shell.environ,
    )
    assert process.stdout is not None
    with process:
        try:
            assert "film is mounted" in process.stdout.readline()
            assert (folder / "notes.txt").read_text() == "hello\n"
            shell.run("umount", folder)
            assert process.wait(30) == cli.OK
        finally:
            process.kill()


def test_a_runtime_folder_with_a_long_name(shell: Shell, project: Path, folder: Path):
    """A socket's name has 107 bytes at most, and a folder's as many as somebody likes."""
    deep = shell.home / ("long" * 40)
    shell.configure(f'runtime_dir = "{deep}"\n')
    shell.run("mount", project, folder)
    assert shell.run("ls", folder).rows
    shell.run("umount", folder)


@pytest.mark.parametrize(
    "options",
    ["memroy=1", "memory=1", "memory=99999999999999GiB", "workers=100000", "close=never", "deadline=x"],
)
def test_a_wrong_mount_option(shell: Shell, project: Path, folder: Path, options: str):
    """A misspelt option is an error, and nothing is mounted."""
    shell.run("mount", project, folder, "-o", options, code=cli.SETTINGS)
    assert mountpoints.find(folder) is None


def test_options_are_taken(shell: Shell, project: Path, folder: Path):
    """Several -o and commas add up."""
    shell.run("mount", project, folder, "-o", "ro,workers=1", "-o", "memory=32MiB")
    assert (folder / "notes.txt").read_text() == "hello\n"


def test_what_cannot_be_mounted(shell: Shell, project: Path, folder: Path):
    """Each reason has its code and its sentence: a folder that is full, missing, taken; a user who is not."""
    assert "does not exist" in shell.run("mount", project, folder / "none", code=cli.MOUNT).err
    (folder / "file").write_text("mine")
    assert "not empty" in shell.run("mount", project, folder, code=cli.MOUNT).err
    (folder / "file").unlink()
    stranger = shell.run("mount", project, folder, "--as", "stranger", code=cli.NOT_FOUND).err
    assert "no user 'stranger' in this project" in stranger
    assert "mountfs user list PROJECT.clst" in stranger
    shell.run("mount", folder / "none.clst", folder, code=cli.PROJECT_FILE)
    shell.run("mount", project, folder)
    assert "already mounted" in shell.run("mount", project, folder, code=cli.MOUNT).err
    other = folder.with_name("other")
    other.mkdir()
    assert str(folder) in shell.run("mount", project, other, code=cli.MOUNT).err


def test_what_cannot_be_written_can_be_looked_at(shell: Shell, project: Path, folder: Path):
    """A newer program's file is not saved into, and whoever tries is told how to mount it all the same."""
    with sqlite3.connect(project) as connection:
        connection.execute("UPDATE config SET value = '1.10' WHERE name = 'version'")
    connection.close()
    assert "mount it with -o ro" in shell.run("mount", project, folder, code=cli.PROJECT_FILE).err
    done = shell.run("mount", project, folder, "-o", "ro")
    assert "read-only)" in done.out
    assert "newer than 1.9" in done.err
    assert (folder / "notes.txt").read_text() == "hello\n"
    with pytest.raises(OSError, match="Read-only"):
        (folder / "notes.txt").write_text("no")


def test_umount_of_what_is_not_mounted(shell: Shell, folder: Path):
    """A mistyped folder is told, and one that belongs to another file system is left alone."""
    assert "not a mount of mountfs" in shell.run("umount", folder, code=cli.MOUNT).err
    assert "not a mount of mountfs" in shell.run("umount", "/", code=cli.MOUNT).err
