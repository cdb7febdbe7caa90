"""Logging in at a studio, and mounting what is there, as somebody types it."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from mountfs import cli, mountpoints
from mountfs.storage.open import open_project
from mountfs.testing.mounts import bounded
from mountfs.testing.online import OPERATOR, OnlineStudio, online_studio, password_of
from mountfs.testing.projects import production
from mountfs.wire.settings import SettingsFacts
from tests.cli.running import Done, Shell

pytestmark = pytest.mark.mounted


@pytest.fixture
def online(tmp_path: Path) -> Iterator[OnlineStudio]:
    """A studio with one production and its people."""
    file = tmp_path / "harbor.clst"
    production(file).close()
    with open_project(file, read_only=True) as project:
        id_ = project.id
    with online_studio(tmp_path / "studio") as running:
        running.adopt(file, id_)
        yield running


@pytest.fixture
def typing(shell: Shell) -> Iterator[Shell]:
    """Somebody whose tokens are kept in a file of theirs."""
    settings = shell.home / "config" / "mountfs"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "config.toml").write_text(f'[studio]\ntoken_file = "{shell.home}/token"\nany_folder = true\n')
    yield shell
    for mount in reversed(mountpoints.mounts()):
        if mount.path.is_relative_to(shell.home):
            bounded(partial(shell.run, "umount", "--lazy", str(mount.path)))


def login(typing: Shell, online: OnlineStudio, username: str) -> Done:
    secret = typing.home / f"secret of {username}"
    secret.touch(mode=0o600)
    secret.write_text(password_of(username) + "\n")
    return typing.run(
        "login", online.url, "--as", f"{username}@harbor.example", "--password-file", str(secret)
    )


def test_a_session_from_its_beginning_to_its_end(typing: Shell, online: OnlineStudio):
    """Somebody logs in, is listed, mounts by the project's name, and is nobody after logging out."""
    assert "as ann" in login(typing, online, "ann").out
    assert stat.S_IMODE((typing.home / "token").stat().st_mode) == 0o600
    (me,) = typing.run("whoami", "--json").json
    assert (me["username"], me["state"]) == ("ann", "logged in")
    (session,) = typing.run("sessions", online.url, "--json").json
    assert session["current"]
    (typing.home / "mnt").mkdir()
    mounted = typing.run("mount", f"{online.url}/HARBOR", str(typing.home / "mnt"), "--json").json
    assert (mounted["project_name"], mounted["owner"]) == ("harbor", False)
    assert "anim.blend" in typing.run("ls", f"{typing.home}/mnt/sequences/sq010/sh010").out
    typing.run("umount", str(typing.home / "mnt"))
    typing.run("logout", online.url)
    assert typing.run("whoami", code=cli.NOT_LOGGED_IN).err.startswith("mountfs: you are not logged in")
    assert typing.run("sessions", online.url, code=cli.NOT_LOGGED_IN).out == ""


def test_all_projects_are_folders_of_one(typing: Shell, online: OnlineStudio):
    """Without a project's name each project is mounted at a folder of its own."""
    login(typing, online, "ann")
    (typing.home / "all").mkdir()
    typing.run("mount", online.url, str(typing.home / "all"))
    assert (typing.home / "all" / "harbor" / "library").is_dir()


def test_projects_are_mounted_where_the_studio_says(typing: Shell, online: OnlineStudio):
    """The same place for everybody, unless they name another; never among their own files."""
    login(typing, online, "ann")
    project = f"{online.url}/harbor"
    asked = typing.run("mount", project, code=cli.MOUNT).err
    assert "/studio is not a folder of yours" in asked
    assert "sudo install -d -o" in asked
    settings = online.house.accounts.settings
    settings.change(OPERATOR, SettingsFacts(3, "/srv/films"))
    assert "/srv/films is not a folder of yours" in typing.run("mount", project, code=cli.MOUNT).err
    typing.environ["HOME"] = "/srv/films/ann"
    assert "where your own files are" in typing.run("mount", project, code=cli.MOUNT).err


def test_the_token_is_in_no_output(typing: Shell, online: OnlineStudio):
    """What opens the studio is never shown, and never a word of a command line."""
    said = login(typing, online, "ann")
    token = (typing.home / "token").read_text().split()[-1]
    (typing.home / "mnt").mkdir()
    mounted = typing.run("mount", f"{online.url}/harbor", str(typing.home / "mnt"), "--json")
    info = json.loads(mounted.out)
    command_line = Path(f"/proc/{info['pid']}/cmdline").read_bytes()
    environment = Path(f"/proc/{info['pid']}/environ").read_bytes()
    table = Path("/proc/self/mountinfo").read_text()
    for text in (said.out + said.err, mounted.out + mounted.err, table):
        assert token not in text
    assert token.encode() not in command_line + environment
    for log in typing.home.rglob("*.log"):
        assert token not in log.read_text()


def test_what_is_wrong_is_said_in_one_line(typing: Shell, online: OnlineStudio, tmp_path: Path):
    """A wrong password, an unknown project, an open password file, a studio that is not there: one line each,
    and nothing is kept."""
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("not this one\n")
    as_ann = ("login", online.url, "--as", "ann@harbor.example", "--password-file", str(wrong))
    assert typing.run(*as_ann, code=cli.NOT_LOGGED_IN).err.count("\n") == 1
    wrong.chmod(0o644)
    assert "chmod 600" in typing.run(*as_ann, code=cli.SETTINGS).err
    wrong.chmod(0o600)
    nowhere = ("login", "http://127.0.0.1:1", "--as", "ann@harbor.example", "--password-file", str(wrong))
    assert "cannot be reached" in typing.run(*nowhere, code=cli.UNAVAILABLE).err
    in_the_clear = ("login", "http://studio.example", "--as", "ann@x.example", "--password-file", str(wrong))
    assert "https://" in typing.run(*in_the_clear, code=cli.SETTINGS).err
    assert not (typing.home / "token").exists()
    login(typing, online, "ann")
    (typing.home / "mnt").mkdir()
    asked = typing.run("mount", f"{online.url}/other", str(typing.home / "mnt"), code=cli.NOT_FOUND)
    assert "there are: harbor" in asked.err


def test_everywhere_is_everywhere(typing: Shell, online: OnlineStudio):
    """Logging out everywhere ends the sessions of all machines."""
    login(typing, online, "ann")
    elsewhere = online.line("ann")
    typing.run("logout", online.url, "--everywhere")
    with pytest.raises(Exception, match="session"):
        elsewhere.ask("GET", "/projects", list)


def test_a_machine_mounts_with_what_it_was_given(typing: Shell, online: OnlineStudio):
    """A farm's machine, whose manager hands it a token, mounts read-only what its maker sees."""
    (project,) = online.house.hosting.ids()
    made = online.house.accounts.node_tokens.make(online.caller("ann"), project, label="node 7")
    handed = typing.home / "credentials"
    handed.mkdir()
    (handed / "mountfs-token").touch(mode=0o600)
    (handed / "mountfs-token").write_text(made.token + "\n")
    typing.environ["CREDENTIALS_DIRECTORY"] = str(handed)
    mnt = typing.home / "mnt"
    mnt.mkdir()
    typing.run("mount", f"{online.url}/harbor", str(mnt), "-o", "ro")
    assert (mnt / "sequences" / "sq010" / "sh010" / "anim.blend").read_bytes()
    with pytest.raises(OSError, match="Read-only"):
        (mnt / "new.txt").write_text("no")
