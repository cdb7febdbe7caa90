"""The unit of a mount, for real: in a user's manager of its own (`managed`), where systemd can be run so."""

from __future__ import annotations

from pathlib import Path

import pytest

from mountfs.testing.mounts import wait_until
from tests.mounted.units import managed
from tests.mounted.units.managed import UNITS, Manager

pytestmark = [pytest.mark.root, pytest.mark.slow]

__test__ = managed.can_be_had()


def drop_in(home: Path, text: str) -> None:
    """Change the unit as a user does."""
    folder = home / ".config" / "systemd" / "user" / "mountfs@film.service.d"
    folder.mkdir()
    (folder / "test.conf").write_text(f"[Service]\n{text}\n")


def names(manager: Manager, project: Path) -> list[str]:
    """The files in a project that nobody has mounted."""
    listed = manager.run("mountfs", "ls", f"{project}:/", as_user=True)
    return [line.split("\t")[0] for line in listed.splitlines()]


def test_the_unit_mounts_and_unmounts(home: Path, film: Path):
    """A started instance answers at once, says what it shows, and is stopped when what was saved is sent."""
    with managed.user_manager(home) as manager:
        manager.systemctl("start", "mountfs@film")
        assert manager.run("findmnt", "-no", "FSTYPE", home / "film") == "fuse.mountfs\n"
        assert manager.property("mountfs@film", "StatusText") == f"film is mounted at {home}/film"
        manager.run("sh", "-c", f"echo hello > {home}/film/a.txt", as_user=True)
        manager.systemctl("stop", "mountfs@film")
        assert manager.property("mountfs@film", "Result") == "success"
        assert manager.attempt("findmnt", home / "film").returncode == 1
        assert names(manager, film) == ["a.txt"]


@pytest.mark.usefixtures("film")
def test_a_killed_mount_is_mounted_again(home: Path):
    """Whoever's mount dies has it back by itself: the dead one is cleaned away before the start."""
    drop_in(home, "RestartSec=100ms")
    with managed.user_manager(home) as manager:
        manager.systemctl("start", "mountfs@film")
        manager.run("sh", "-c", f"echo hello > {home}/film/a.txt; sync {home}/film/a.txt", as_user=True)
        manager.systemctl("kill", "--kill-whom=main", "--signal=KILL", "mountfs@film")
        wait_until(lambda: manager.property("mountfs@film", "NRestarts") == "1", "a restart")
        wait_until(lambda: manager.property("mountfs@film", "ActiveState") == "active", "the mount")
        assert manager.run("cat", home / "film/a.txt", as_user=True) == "hello\n"


@pytest.mark.usefixtures("film")
def test_a_mount_that_hangs_is_replaced(home: Path):
    """The watchdog hears the event loop itself: a program that is stopped is taken for hung."""
    drop_in(home, "WatchdogSec=3\nRestartSec=100ms")
    with managed.user_manager(home) as manager:
        manager.systemctl("start", "mountfs@film")
        first = manager.property("mountfs@film", "MainPID")
        manager.systemctl("kill", "--kill-whom=main", "--signal=STOP", "mountfs@film")
        wait_until(lambda: manager.property("mountfs@film", "NRestarts") == "1", "a restart")
        wait_until(lambda: manager.property("mountfs@film", "ActiveState") == "active", "the mount")
        assert manager.property("mountfs@film", "MainPID") != first
        assert manager.run("ls", home / "film", as_user=True) == ""


@pytest.mark.usefixtures("film")
def test_a_stop_while_a_file_is_open_keeps_what_was_written(home: Path):
    """The end of a session takes the mount from a program that has a file open, and loses nothing of it."""
    with managed.user_manager(home) as manager:
        manager.systemctl("start", "mountfs@film")
        writing = f"exec 3>{home}/film/a.txt; echo hello >&3; sync {home}/film/a.txt; echo; exec sleep 1000"
        manager.run("systemd-run", "--user", "--unit=writer", "sh", "-c", writing, as_user=True)
        reading = ("cat", home / "film/a.txt")
        wait_until(lambda: manager.attempt(*reading, as_user=True).stdout == "hello\n", "the writing")
        manager.systemctl("stop", "mountfs@film")
        assert manager.attempt("findmnt", home / "film").returncode == 1
        manager.systemctl("stop", "writer")
        manager.systemctl("start", "mountfs@film")
        assert manager.run("cat", home / "film/a.txt", as_user=True) == "hello\n"


def test_a_mount_that_was_made_by_hand_is_left_alone(home: Path, film: Path):
    """Whoever has mounted the project already keeps that mount when the unit is started, and fails, too."""
    drop_in(home, "Restart=no")
    with managed.user_manager(home) as manager:
        manager.run("mountfs", "mount", film, home / "film", as_user=True)
        started = manager.attempt("systemctl", "--user", "start", "mountfs@film", as_user=True)
        assert started.returncode != 0
        wait_until(lambda: manager.property("mountfs@film", "ActiveState") == "failed", "the end of the unit")
        manager.run("sh", "-c", f"echo hello > {home}/film/a.txt", as_user=True)
        manager.run("mountfs", "umount", home / "film", as_user=True)


def test_a_dead_mount_is_not_left_by_a_unit_that_is_not_started_again(home: Path, film: Path):
    """When starting again is given up, programs find an empty folder instead of a broken one."""
    drop_in(home, "Restart=no")
    with managed.user_manager(home) as manager:
        manager.systemctl("start", "mountfs@film")
        manager.systemctl("kill", "--kill-whom=main", "--signal=KILL", "mountfs@film")
        wait_until(lambda: manager.property("mountfs@film", "ActiveState") == "failed", "the end of the unit")
        assert manager.run("ls", home / "film", as_user=True) == ""
        assert manager.attempt("findmnt", home / "film").returncode == 1
    assert film.exists()


def test_an_instance_without_a_file_says_which_it_lacks(home: Path):
    """Whoever starts an instance that was not set up finds the file to write in its status."""
    with managed.user_manager(home) as manager:
        done = manager.attempt("systemctl", "--user", "start", "mountfs@other", as_user=True)
        assert done.returncode != 0
        assert "environment" in manager.property("mountfs@other", "Result") or "resources" in (
            manager.property("mountfs@other", "Result")
        )


def test_the_unit_is_clean(home: Path):
    """systemd has nothing to say about the unit."""
    with managed.user_manager(home) as manager:
        done = manager.attempt(
            "systemd-analyze", "verify", "--user", UNITS / "mountfs@.service", as_user=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
