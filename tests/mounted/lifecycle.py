"""Mounting, unmounting, dying and coming back: the same for users and for root, so written once for both."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from mountfs import control, mountpoints
from mountfs.config import MountOptions
from mountfs.errors import MountError
from mountfs.launch import start
from mountfs.testing.mounts import BOUND, Mounts, running, wait_until
from tests.mounted.film import Film

HOLD = "import os,sys; f=open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def mount_read_unmount(mounts: Mounts, film: Film) -> None:
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path)
    assert (mount.path / "a.txt").read_bytes() == b"text"
    found = mountpoints.find(mount.path)
    assert found is not None
    assert found.is_ours
    assert control.mount_of(mount.path / "a.txt") == mount.path
    mount.unmount()
    assert mountpoints.find(mount.path) is None
    assert os.listdir(mount.path) == []


def a_busy_mount_stays_and_names_who_holds_it(mounts: Mounts, film: Film) -> None:
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path)
    with running(sys.executable, "-c", HOLD, mount.path / "a.txt") as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(MountError, match=f"in use by .*\\({holder.pid}\\)"):
            mountpoints.unmount(mount.path)
        assert (mount.path / "a.txt").read_bytes() == b"text"
    mount.unmount()


def a_lazy_unmount_lets_open_files_finish(mounts: Mounts, film: Film) -> None:
    film.write("a.bin", b"text" * 1_000_000)
    mount = mounts.mount(film.path)
    with open(mount.path / "a.bin", "rb") as source:
        mountpoints.unmount(mount.path, lazy=True)
        assert os.listdir(mount.path) == []
        assert source.read() == b"text" * 1_000_000
    assert mountpoints.wait_for_end(mount.mounted.pid, BOUND)


def a_killed_mount_is_replaced(mounts: Mounts, film: Film) -> None:
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path)
    (mount.path / "a.txt").stat()
    mount.signal(signal.SIGKILL)
    assert mountpoints.is_dead(mount.path)
    again = mounts.mount(film.path)
    assert again.mounted.pid != mount.mounted.pid
    assert (again.path / "a.txt").read_bytes() == b"text"
    again.unmount()
    assert mountpoints.find(mount.path) is None


def a_mount_killed_while_files_are_open_is_replaced(mounts: Mounts, film: Film) -> None:
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path)
    held = os.open(mount.path / "a.txt", os.O_RDONLY)
    try:
        mount.signal(signal.SIGKILL)
        again = mounts.mount(film.path)
        assert (again.path / "a.txt").read_bytes() == b"text"
    finally:
        with contextlib.suppress(OSError):  # closing it tells the dead program, which does not answer
            os.close(held)


def a_signal_unmounts(mounts: Mounts, film: Film, number: signal.Signals) -> None:
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path)
    mount.signal(number)
    assert mountpoints.find(mount.path) is None


def what_cannot_be_mounted_on_is_refused(mounts: Mounts, film: Film, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("x")
    (tmp_path / "file").write_text("x")
    for at, why in (("full", "not empty"), ("file", "not a folder"), ("nothing", "does not exist")):
        with pytest.raises(MountError, match=why):
            start(mounts.request(film.path, at=at, options=MountOptions()))
    mounts.mount(film.path)
    with pytest.raises(MountError, match="already mounted"):
        start(mounts.request(film.path, "ada", options=MountOptions()))
    assert (tmp_path / "full/file").read_text() == "x"


def a_second_mount_of_the_same_view_is_refused_with_the_place_of_the_first(
    mounts: Mounts, film: Film
) -> None:
    first = mounts.mount(film.path)
    (first.path.parent / "second").mkdir()
    with pytest.raises(MountError, match=f"already mounted.*{first.path}"):
        start(mounts.request(film.path, at="second", options=MountOptions()))
    first.unmount()
    mounts.mount(film.path, at="second")


def a_path_with_odd_characters_can_be_mounted(mounts: Mounts, film: Film) -> None:
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path, at="a place, with\ttab \\ and ünï")
    assert (mount.path / "a.txt").read_bytes() == b"text"
    wait_until(lambda: mountpoints.find(mount.path) is not None, "the mount in the table")
    mount.unmount()
