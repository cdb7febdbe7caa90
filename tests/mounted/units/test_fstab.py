"""mount(8), fstab and automount points, for real: in a manager of their own (`managed`), where systemd can be
run so."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mountfs.testing.mounts import BOUND, wait_until
from tests.mounted.units import managed
from tests.mounted.units.managed import TARGET, UID, passwd

pytestmark = [pytest.mark.root, pytest.mark.slow]

__test__ = managed.can_be_had()

LOOKING = 4 * BOUND
"""Seconds for a look that makes a mount: it may wait for the end of the one before, which sends what was
saved."""


def test_a_line_of_fstab_is_mounted_by_mount(home: Path, film: Path):
    """``mount DIR`` and ``mount -a`` do what the line says, twice as well, and ``umount DIR`` ends it."""
    line = f"{film} {home}/film mountfs defaults,noexec,nofail,_netdev,x-systemd.automount,memory=64MiB 0 0\n"
    with managed.system_manager(home, {"test.target": TARGET}, {"fstab": line}) as manager:
        manager.run("mount", home / "film")
        shown = manager.run("findmnt", "-no", "SOURCE,OPTIONS", home / "film")
        assert shown.startswith(f"{film} rw,nosuid,nodev,noexec,")
        manager.run("mount", "-a")
        manager.run("sh", "-c", f"echo hello > {home}/film/a.txt")
        manager.run("mountfs", "wait", home / "film")
        manager.run("umount", home / "film")
        manager.run("mount", "-r", home / "film")
        assert manager.run("cat", home / "film/a.txt") == "hello\n"
        assert manager.attempt("touch", home / "film/b.txt").returncode == 1
        manager.run("umount", home / "film")


def test_a_user_may_mount_what_fstab_lets_them(home: Path, film: Path):
    """With the option ``user`` an ordinary user mounts, as themselves, and unmounts."""
    line = f"{film} {home}/film mountfs noauto,user 0 0\n"
    with managed.system_manager(
        home, {"test.target": TARGET}, {"fstab": line, "passwd": passwd(home)}
    ) as manager:
        manager.run("mount", home / "film", as_user=True)
        assert f"user_id={UID}" in manager.run("findmnt", "-no", "OPTIONS", home / "film")
        manager.run("sh", "-c", f"echo hello > {home}/film/a.txt", as_user=True)
        manager.run("umount", home / "film", as_user=True)
        assert manager.attempt("findmnt", home / "film").returncode == 1


def test_root_can_mount_for_a_user(home: Path, film: Path):
    """With ``setuid=USER`` the program behind the mount is the user's, whoever called mount(8)."""
    users = {"test.target": TARGET}, {"passwd": passwd(home)}
    with managed.system_manager(home, *users) as manager:
        manager.run("mount", "-t", "mountfs", "-o", "setuid=nobody", film, home / "film")
        manager.run("sh", "-c", f"echo hello > {home}/film/a.txt", as_user=True)
        assert "nobody" in manager.run("ps", "-o", "user=", "-C", "python3", "-C", "python").split()
        manager.run("umount", home / "film")


def test_what_mount_cannot_do_is_said(home: Path, film: Path):
    """Unknown options are refused with a list of those there are, and secrets that others could read."""
    with managed.system_manager(home, {"test.target": TARGET}, {}) as manager:
        for options, complaint in (
            ("memroy=1", "the option memroy is unknown; there are allow_other, as, "),
            ("password=x", "write credentials=FILE instead"),
            ("remount,ro", "umount, then mount again"),
            ("setuid=nobodyatall", "no such user"),
        ):
            done = manager.attempt("mount", "-t", "mountfs", "-o", options, film, home / "film")
            assert done.returncode == 1, options
            assert complaint in done.stderr
            assert done.stderr.count("\n") == 1
        missing = manager.attempt("mount", "-t", "mountfs", home / "no.clst", home / "film")
        assert (missing.returncode, missing.stderr.count("\n")) == (32, 1)
        assert manager.attempt("findmnt", home / "film").returncode == 1


def test_credentials_come_from_a_file_that_nobody_else_can_read(home: Path, film: Path):
    """Who looks is named in a private file; one that others can read is refused, with what mends it."""
    secret = home / "who"
    secret.write_text("username=root\n")
    with managed.system_manager(home, {"test.target": TARGET}, {}) as manager:
        mount = ("mount", "-t", "mountfs", "-o", f"credentials={secret}", film, home / "film")
        refused = manager.attempt(*mount)
        assert (refused.returncode, "chmod 600" in refused.stderr) == (1, True)
        os.chown(secret, 0, 0)
        secret.chmod(0o600)
        manager.run(*mount)
        assert "as seen by" not in refused.stdout
        shown = manager.run("mountfs", "show", "--json", home / "film")
        assert '"username": "root"' in shown
        manager.run("umount", home / "film")


def automount(home: Path, film: Path, options: str) -> tuple[dict[str, str], dict[str, str]]:
    """What a manager needs for a project at an automount point."""
    escaping = ["systemd-escape", "-p", str(home / "film")]
    name = subprocess.run(escaping, capture_output=True, text=True, check=True).stdout.strip()
    mount = f"What={film}\nWhere={home}/film\nType=mountfs\nOptions={options}\n"
    units = {
        "test.target": f"{TARGET}Requires={name}.automount\n",
        f"{name}.mount": f"{TARGET}[Mount]\n{mount}",
        f"{name}.automount": f"{TARGET}[Automount]\nWhere={home}/film\nTimeoutIdleSec=1\n",
    }
    return units, {"passwd": passwd(home)}


def test_an_automount_point_mounts_on_a_look_and_unmounts_at_rest(home: Path, film: Path):
    """Whoever looks into it finds the project mounted; left alone it goes, and nothing saved with it."""

    def kinds(first: str = "true") -> list[str]:
        # From the table alone: findmnt would look into the folder, which is then never at rest.
        script = f"{first}; cat /proc/self/mountinfo"
        table = manager.run("sh", "-c", script, seconds=LOOKING).splitlines()
        return [line.split(" - ")[1].split()[0] for line in table if line.split()[4] == str(home / "film")]

    settings = automount(home, film, "_netdev,nofail,quiet_time=0.1")
    with managed.system_manager(home, *settings) as manager:
        assert kinds() == ["autofs"]
        for word in ("first", "second"):
            # The folder is kept open until the table is read, or a busy machine has unmounted it by then.
            look = f"exec 3<{home}/film; echo {word} >> {home}/film/a.txt"
            assert kinds(look) == ["autofs", "fuse.mountfs"]
            wait_until(lambda: kinds() == ["autofs"], "the end of the mount", seconds=LOOKING)
        assert manager.run("cat", home / "film/a.txt", seconds=LOOKING) == "first\nsecond\n"


def test_an_automount_point_is_mounted_by_root_alone(home: Path, film: Path):
    """The kernel gives such a point to root, so setuid is refused at once, and whoever looked is not kept."""
    with managed.system_manager(home, *automount(home, film, "setuid=nobody")) as manager:
        looked = manager.attempt("ls", home / "film", seconds=LOOKING)
        assert (looked.returncode, "No such device" in looked.stderr) == (2, True)
