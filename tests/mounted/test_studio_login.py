"""Logging in on a desktop: a real keyring keeps the session, and mounts come up and go on with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mountfs import cli, mountpoints
from mountfs.testing.keyrings import DesktopKeyring
from mountfs.testing.mounts import BOUND, wait_until
from mountfs.testing.online import password_of
from tests.mounted.outpost import Outpost, outpost


@dataclass
class Desk:
    """Somebody at a desktop with a keyring, who types commands."""

    there: Outpost
    keyring: DesktopKeyring
    folder: Path

    def type(self, *words: str | Path, code: int = 0) -> str:
        """What a command says; it ends with this code."""
        done = subprocess.run(
            [sys.executable, "-m", "mountfs", *map(str, words)],
            env={**self.keyring.environ, "TMPDIR": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * BOUND,
            check=False,
        )
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def login(self) -> str:
        """Log in, with the password in a file."""
        file = self.folder / "password"
        file.touch(mode=0o600)
        file.write_text(password_of("ada"))
        said = self.type("login", self.url, "--as", "ada@harbor.example", "--password-file", file)
        file.unlink()
        return said

    @property
    def url(self) -> str:
        return self.there.proxy.url

    @property
    def mount_point(self) -> Path:
        return self.folder / "mnt"

    def mount(self, code: int = 0) -> str:
        """Mount the project."""
        what = f"{self.url}/{self.there.project}"
        return self.type("mount", what, self.mount_point, "-o", "desktop=off", code=code)

    def reach(self) -> dict[str, Any]:
        """What `mountfs status` says of the way to the studio."""
        (report,) = json.loads(self.type("status", self.mount_point, "--json"))
        found: dict[str, Any] = report["studio"]
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with outpost(tmp_path, {"a.bin": b"content"}) as there, DesktopKeyring() as keyring:
        made = Desk(there, keyring, tmp_path)
        made.mount_point.mkdir()
        try:
            yield made
        finally:
            if mountpoints.find(made.mount_point) is not None:
                made.type("umount", made.mount_point)


def secrets_of(desk: Desk) -> list[bytes]:
    """The tokens of all sessions that the keyring keeps for ada, as another program of hers may ask."""
    done = subprocess.run(
        [sys.executable, "-c", _ASK, desk.url],
        env=desk.keyring.environ,
        capture_output=True,
        timeout=BOUND,
        check=True,
    )
    return [done.stdout.strip()]


_ASK = """
import sys
from pathlib import Path
from mountfs.keys import Keys
print(Keys(Path.home()).find(sys.argv[1], "ada@harbor.example").token)
"""


def test_a_session_outlives_mounts_and_logins(desk: Desk):
    """Who has logged in once mounts again without a password, after the next login of the desktop, too; and
    the token is in no command line, no environment and no log."""
    desk.login()
    desk.mount()
    assert (desk.mount_point / "work" / "a.bin").read_bytes() == b"content"
    (token,) = secrets_of(desk)
    assert len(token) > 20
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                assert token not in (process / name).read_bytes()
            except OSError:
                continue  # somebody else's, or gone
    assert token not in Path("/proc/mounts").read_bytes()
    for file in (
        path for place in (desk.folder, Path(desk.keyring.environ["HOME"])) for path in place.rglob("*")
    ):
        if file.is_file() and not file.is_relative_to(desk.mount_point):
            assert token not in file.read_bytes(), file
    desk.type("umount", desk.mount_point)
    desk.keyring.stop()
    desk.keyring.start()
    desk.mount()
    assert (desk.mount_point / "work" / "a.bin").read_bytes() == b"content"


def test_a_login_hands_the_session_to_mounts_that_run(desk: Desk):
    """The session ends; status says so; who logs in again need not mount again, and what waits is sent."""
    desk.login()
    desk.mount()
    accounts = desk.there.online.house.accounts
    (token,) = secrets_of(desk)
    accounts.sessions.logout(accounts.sessions.authenticate(token.decode()))
    wait_until(lambda: desk.reach()["needs_login"], "the mount to hear of it")
    assert "log in again" in desk.type("status", desk.mount_point)
    (desk.mount_point / "work" / "a.bin").write_bytes(b"saved without a session")
    assert "wait on this machine" not in desk.login()
    desk.there.wait_for(lambda: desk.there.content("work/a.bin") == b"saved without a session", "the save")
    wait_until(lambda: desk.reach()["reached"], "the studio")


def test_a_locked_keyring_says_so(desk: Desk):
    """Nothing waits for a window that nobody sees: the command says what is locked, and what to do."""
    desk.login()
    desk.keyring.stop()
    desk.keyring.start(locked=True)
    said = desk.mount(code=cli.SETTINGS)
    assert "the keyring is locked" in said
    assert mountpoints.find(desk.mount_point) is None
    assert os.listdir(desk.mount_point) == []
