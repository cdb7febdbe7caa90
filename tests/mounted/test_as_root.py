"""The life of a mount, for root."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from mountfs import mountpoints
from mountfs.testing.mounts import Mounts, running
from tests.mounted import lifecycle
from tests.mounted.film import Film

pytestmark = pytest.mark.root


def test_mount_read_unmount(mounts: Mounts, film: Film):
    """Root mounts, reads and unmounts, and the folder is empty again."""
    lifecycle.mount_read_unmount(mounts, film)


def test_a_busy_mount_stays_and_names_who_holds_it(mounts: Mounts, film: Film):
    """Unmounting while a program has a file open changes nothing and says which program it is."""
    lifecycle.a_busy_mount_stays_and_names_who_holds_it(mounts, film)


def test_a_lazy_unmount_lets_open_files_finish(mounts: Mounts, film: Film):
    """Who has a file open when the mount is taken away reads it to its end."""
    lifecycle.a_lazy_unmount_lets_open_files_finish(mounts, film)


def test_a_copy_in_another_mount_namespace_does_not_keep_an_unmounted_project(mounts: Mounts, film: Film):
    """Who unmounts can mount again at once, though a container or service started since has a copy."""
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path)
    with running(
        "unshare",
        "--mount",
        "--propagation",
        "unchanged",
        "sh",
        "-c",
        f"mount --make-private {mount.path}; echo copied; read wait",
    ) as copy:
        assert copy.stdout is not None
        assert copy.stdout.readline() == b"copied\n"
        mount.unmount()
        again = mounts.mount(film.path)
        assert (again.path / "a.txt").read_bytes() == b"text"
        again.unmount()


def test_a_killed_mount_is_replaced(mounts: Mounts, film: Film):
    """After kill -9 mounting again just works, and leaves no second mount under the first."""
    lifecycle.a_killed_mount_is_replaced(mounts, film)


def test_a_mount_killed_while_files_are_open_is_replaced(mounts: Mounts, film: Film):
    """After kill -9 mounting again works even while somebody still holds a file of the dead mount."""
    lifecycle.a_mount_killed_while_files_are_open_is_replaced(mounts, film)


def test_a_signal_unmounts(mounts: Mounts, film: Film):
    """Ending the program ends the mount; nothing dead is left behind."""
    lifecycle.a_signal_unmounts(mounts, film, signal.SIGTERM)


def test_what_cannot_be_mounted_on_is_refused(mounts: Mounts, film: Film, tmp_path: Path):
    """A folder that is not empty, is none, or is mounted already is left alone, and it is said why."""
    lifecycle.what_cannot_be_mounted_on_is_refused(mounts, film, tmp_path)


def test_the_kernel_reads_ahead_a_mebibyte(mounts: Mounts, film: Film):
    """Where it is permitted, one stream gets its speed."""
    mount = mounts.mount(film.path)
    found = mountpoints.find(mount.path)
    assert found is not None
    assert mount.mounted.read_ahead_kb == 1024
    assert Path(f"/sys/class/bdi/{found.device}/read_ahead_kb").read_text().strip() == "1024"


def test_bytes_nobody_may_have_are_refused_to_root_too(mounts: Mounts, film: Film):
    """Mode bits do not stop root; the mount does."""
    bo = film.add_user("bo", "vendor", frozenset())
    film.write("a.txt", b"text", assignee=bo)
    mount = mounts.mount(film.path, "bo")
    assert (mount.path / "a.txt").stat().st_mode & 0o777 == 0
    with pytest.raises(PermissionError):
        os.open(mount.path / "a.txt", os.O_RDONLY)
