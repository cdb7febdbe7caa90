"""``mount.mountfs``: options in the words of mount(8). The way from mount(8) on is in tests/mounted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs import mountpoints
from mountfs.cli import mount_helper
from mountfs.cli.mount_helper import FAILED, WRONG, Asked, become, parse, username_in
from mountfs.config import MountOptions
from mountfs.errors import ConfigError
from tests.cli.running import Shell


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("defaults", Asked()),
        ("rw,noauto,user,_netdev,nofail,x-systemd.automount,comment=mine,relatime", Asked(options="rw")),
        ("ro,memory=64MiB,as=bo", Asked(options="ro,memory=64MiB", username="bo")),
        ('storage_dir="/srv/a,b",xattr', Asked(options="xattr", storage_dir=Path("/srv/a,b"))),
        ("credentials=/etc/film.who", Asked(credentials=Path("/etc/film.who"))),
        ("noexec,nosuid,nodev,setuid=ada", Asked(options="noexec", mounter="ada")),
    ],
)
def test_what_fstab_says_is_sorted_out(text: str, asked: Asked):
    """What is about the line is left out, what is about the mount is kept."""
    assert parse([text]) == asked


@pytest.mark.parametrize("option", [*MountOptions.__dataclass_fields__])
def test_every_mount_option_can_stand_in_fstab(option: str):
    """Whoever knows `mountfs mount -o` knows fstab."""
    assert parse([f"{option}=1"]).options == f"{option}=1"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("memroy=1", "the option memroy is unknown; there are allow_other, as, close, credentials, "),
        ("password=x", "write credentials=FILE instead"),
        ("rw,token=x", "write credentials=FILE instead"),
        ("username=ada", "write credentials=FILE instead"),
        ("suid", "always nosuid and nodev"),
        ("remount", "umount, then mount again"),
        ("credentials=who", "needs a full path"),
        ("as", "as=USERNAME"),
        ("setuid", "setuid=USER"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write_instead(text: str, complaint: str):
    """No option does nothing, and no secret stands where everybody can read it."""
    with pytest.raises(ConfigError, match=complaint):
        parse([text])


def test_sloppy_leaves_out_what_is_unknown_and_no_more():
    """``-s`` is mount(8)'s word for options of another system; a secret is still refused."""
    assert parse(["vers=3,ro"], sloppy=True) == Asked(options="ro")
    with pytest.raises(ConfigError):
        parse(["password=x"], sloppy=True)


@pytest.mark.parametrize(
    ("text", "mode", "complaint"),
    [
        ("username=ada\n", 0o640, "chmod 600"),
        ("username=ada\npassword=x\n", 0o600, "one line"),
        ("\n# nobody\n", 0o600, "names nobody"),
        ("username=\n", 0o600, "one line"),
        ("\udcff", 0o600, "cannot be read"),
    ],
)
def test_credentials_are_private_and_say_who(tmp_path: Path, text: str, mode: int, complaint: str):
    """A file that others can read, or that says something else, is refused with what to do."""
    path = tmp_path / "who"
    path.write_bytes(text.encode(errors="surrogateescape"))
    path.chmod(mode)
    with pytest.raises(ConfigError, match=complaint):
        username_in(path)


def test_credentials_name_whose_eyes(tmp_path: Path):
    """The name comes from the file; a link to somebody else's file is not followed."""
    path = tmp_path / "who"
    path.write_text("# for the farm\nusername = ada\n")
    path.chmod(0o600)
    assert username_in(path) == "ada"
    (tmp_path / "link").symlink_to(path)
    for other in (tmp_path / "link", tmp_path / "missing", tmp_path):
        with pytest.raises(ConfigError):
            username_in(other)


def test_only_root_becomes_somebody_else():
    """An ordinary user mounts as themselves."""
    if os.geteuid() != 0:
        with pytest.raises(ConfigError, match="only root"):
            become("root", {})
    with pytest.raises(ConfigError, match="no such user"):
        become("nobody-at-all", {})


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Somewhere to mount; unmounted in the end."""
    folder = tmp_path / "mnt"
    folder.mkdir()
    yield folder
    while mountpoints.find(folder):
        subprocess.run(["fusermount3", "-uz", folder], check=True)


def helper(shell: Shell, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program as mount(8) does."""
    code = "from mountfs.cli.mount_helper import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env=shell.environ,
    )


@pytest.mark.mounted
def test_the_program_mounts_and_says_no_word(shell: Shell, project: Path, folder: Path):
    """mount(8) prints nothing when all is well; the table shows the file that fstab names."""
    done = helper(shell, project, folder, "-o", "rw,user", "-t", "mountfs", "-v")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = mountpoints.find(folder)
    assert found is not None
    assert (found.source, found.is_ours) == (str(project), True)
    again = helper(shell, project, folder)
    assert again.returncode == FAILED
    assert "already mounted" in again.stderr


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["one"],
        ["a.clst", "b", "c"],
        ["/a.clst", "/b", "-o"],
        ["/a.clst", "/b", "--help"],
        ["/a.clst", "/b", "-N", "7"],
        ["/a.clst", "/b", "-f", "-o", "memory=1"],
    ],
)
def test_a_wrong_call_is_told_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]):
    """Whoever calls it by hand, or mistypes a line of fstab, reads what is wrong."""
    assert mount_helper.run(words) == WRONG
    assert capsys.readouterr().err.count("\n") == 1


def test_a_line_of_fstab_can_be_tried(capsys: pytest.CaptureFixture[str]):
    """``mount -f`` looks at the options and mounts nothing."""
    assert mount_helper.run(["/no/such.clst", "/no/where", "-f", "-o", "ro"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("source", ["film.clst", "/no/such.clst"])
def test_what_cannot_be_mounted_is_told_in_one_line(shell: Shell, folder: Path, source: str):
    """A project that is not there, or has no full path, is mount(8)'s exit code 32."""
    done = helper(shell, source, folder)
    assert done.returncode == FAILED
    assert done.stderr.count("\n") == 1
