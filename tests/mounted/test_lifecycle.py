"""The life of a mount, for an ordinary user."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from mountfs.config import MountOptions
from mountfs.errors import MountError, NotFound
from mountfs.launch import start
from mountfs.testing.mounts import Mounts
from tests.mounted import lifecycle
from tests.mounted.film import Film


def test_mount_read_unmount(mounts: Mounts, film: Film):
    """A user mounts, reads and unmounts, and the folder is empty again."""
    lifecycle.mount_read_unmount(mounts, film)


def test_a_busy_mount_stays_and_names_who_holds_it(mounts: Mounts, film: Film):
    """Unmounting while a program has a file open changes nothing and says which program it is."""
    lifecycle.a_busy_mount_stays_and_names_who_holds_it(mounts, film)


def test_a_lazy_unmount_lets_open_files_finish(mounts: Mounts, film: Film):
    """Who has a file open when the mount is taken away reads it to its end."""
    lifecycle.a_lazy_unmount_lets_open_files_finish(mounts, film)


def test_a_killed_mount_is_replaced(mounts: Mounts, film: Film):
    """After kill -9 mounting again just works."""
    lifecycle.a_killed_mount_is_replaced(mounts, film)


def test_a_mount_killed_while_files_are_open_is_replaced(mounts: Mounts, film: Film):
    """After kill -9 mounting again works even while somebody still holds a file of the dead mount."""
    lifecycle.a_mount_killed_while_files_are_open_is_replaced(mounts, film)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_unmounts(mounts: Mounts, film: Film, number: signal.Signals):
    """Ending the program ends the mount; nothing dead is left behind."""
    lifecycle.a_signal_unmounts(mounts, film, number)


def test_what_cannot_be_mounted_on_is_refused(mounts: Mounts, film: Film, tmp_path: Path):
    """A folder that is not empty, is none, or is mounted already is left alone, and it is said why."""
    lifecycle.what_cannot_be_mounted_on_is_refused(mounts, film, tmp_path)


def test_a_second_mount_of_the_same_view_is_refused(mounts: Mounts, film: Film):
    """Two programs never work on one state directory; the second one is told where the first is."""
    lifecycle.a_second_mount_of_the_same_view_is_refused_with_the_place_of_the_first(mounts, film)


def test_a_path_with_odd_characters_can_be_mounted(mounts: Mounts, film: Film):
    """Blanks, commas and letters of other languages in a path are no obstacle."""
    lifecycle.a_path_with_odd_characters_can_be_mounted(mounts, film)


def test_an_unknown_user_is_not_mounted_for(mounts: Mounts, film: Film, tmp_path: Path):
    """A misspelt user name fails with one sentence, and nothing is mounted."""
    (tmp_path / "mnt").mkdir()
    with pytest.raises(NotFound):
        start(mounts.request(film.path, "nobody-of-this-name", options=MountOptions()))


def test_a_file_that_is_no_project_is_not_mounted(mounts: Mounts, tmp_path: Path):
    """A wrong file is named in the error, which is the same in the background as in front."""
    (tmp_path / "mnt").mkdir()
    (tmp_path / "x.clst").write_text("not a database")
    with pytest.raises(Exception, match=r"x\.clst") as caught:
        start(mounts.request(tmp_path / "x.clst", options=MountOptions()))
    assert not isinstance(caught.value, MountError)
