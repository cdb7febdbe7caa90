"""What others commit shows in a mount, and never under an open file."""

from __future__ import annotations

import mmap
import os
import stat

import pytest

from mountfs.model import Toggle
from mountfs.testing.mounts import Mounts, wait_until
from tests.mounted.film import Film

WITHIN = 1.0
"""Seconds in which a commit of another process has to show; the tests wait longer and then say so."""


def test_a_new_version_shows_within_a_second_and_an_open_file_stays(mounts: Mounts, film: Film):
    """Another process saves: the name has the new bytes, the handle and the mapping that were open the
    old ones.
    """
    old, new = b"old " * 500_000, b"new! " * 300_000
    film.write("shots/a.blend", old)
    mount = mounts.mount(film.path)
    path = mount.path / "shots/a.blend"
    number = path.stat().st_ino
    with open(path, "rb") as source, mmap.mmap(source.fileno(), 0, prot=mmap.PROT_READ) as view:
        start = source.read(1000)
        film.write("shots/a.blend", new)
        wait_until(lambda: path.stat().st_size == len(new), "the new version", seconds=5 * WITHIN)
        assert path.read_bytes() == new
        assert path.stat().st_ino != number
        assert start + source.read() == old
        assert view[:] == old
        assert os.fstat(source.fileno()).st_size == len(old)


def test_a_file_that_was_missed_is_found_as_soon_as_it_is_there(mounts: Mounts, film: Film):
    """Looking for a file before it exists does not hide it afterwards."""
    film.folder("shots")
    mount = mounts.mount(film.path)
    path = mount.path / "shots/render.exr"
    assert not path.exists()
    assert not path.exists()
    film.write("shots/render.exr", b"pixels")
    wait_until(path.exists, "the new file", seconds=5 * WITHIN)
    assert path.read_bytes() == b"pixels"
    assert os.listdir(mount.path / "shots") == ["render.exr"]


def test_renames_and_trash_show(mounts: Mounts, film: Film):
    """A folder that is renamed and a file that is trashed are so for whoever has looked at them."""
    film.write_all({"shots/a.txt": b"a", "shots/b.txt": b"b"})
    mount = mounts.mount(film.path)
    assert sorted(os.listdir(mount.path / "shots")) == ["a.txt", "b.txt"]
    asset = film.asset("shots/a.txt")
    assert asset is not None
    film.owner.trash(asset.id)
    wait_until(lambda: not (mount.path / "shots/a.txt").exists(), "the trash", seconds=5 * WITHIN)
    film.owner.rename(
        film.folder("shots"), "takes", "", film.owner.tree().collections[film.folder("shots")].parent
    )
    wait_until((mount.path / "takes").exists, "the rename", seconds=5 * WITHIN)
    assert not (mount.path / "shots").exists()
    assert os.listdir(mount.path / "takes") == ["b.txt"]


def test_an_assignment_shows_in_the_mode_bits_and_a_lost_one_hides_the_file(mounts: Mounts, film: Film):
    """A user who is given a task sees that they may write it; one it is taken from no longer sees it."""
    bo = film.add_user("bo", "artist")
    film.write("shots/mine.blend", b"mine", assignee=bo)
    film.write("shots/next.blend", b"next", assignee=film.owner.viewer().person.id)
    mount = mounts.mount(film.path, "bo")
    path = mount.path / "shots/next.blend"
    assert not path.exists()
    assert stat.S_IMODE((mount.path / "shots/mine.blend").stat().st_mode) == 0o644
    asset = film.asset("shots/next.blend")
    assert asset is not None
    film.owner.assign(asset.id, bo)
    wait_until(path.exists, "the new task", seconds=5 * WITHIN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    with open(path, "rb") as source:
        film.owner.unassign(asset.id, bo)
        wait_until(lambda: not path.exists(), "the loss of the task", seconds=5 * WITHIN)
        assert os.listdir(mount.path / "shots") == ["mine.blend"]
        with pytest.raises(PermissionError):
            source.read()


def test_a_role_that_changes_shows_in_the_mode_bits(mounts: Mounts, film: Film):
    """Attributes that the kernel was told for an hour are told again when the rights change."""
    bo = film.add_user("bo", "artist")
    film.write("shots/mine.blend", b"mine", assignee=bo)
    mount = mounts.mount(film.path, "bo")
    path = mount.path / "shots/mine.blend"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    film.owner.edit_role("artist", frozenset({Toggle.PULL_CHUNK}))
    wait_until(lambda: stat.S_IMODE(path.stat().st_mode) == 0o444, "the new mode", seconds=5 * WITHIN)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o555
    film.owner.edit_role("artist", frozenset())
    wait_until(lambda: stat.S_IMODE(path.stat().st_mode) == 0, "the new mode", seconds=5 * WITHIN)
    with pytest.raises(PermissionError):
        path.read_bytes()


def test_a_version_in_the_trash_is_gone_from_the_history(mounts: Mounts, film: Film):
    """Old or newest, a trashed version is not found any more by whoever looked at it a moment ago."""
    first, _, third = (film.write("a.txt", content) for content in (b"one", b"two", b"three"))
    mount = mounts.mount(film.path)
    history = mount.path / ".checkpoints/a.txt"
    one, two, three = (history / name for name in sorted(os.listdir(history)))
    assert [path.read_bytes() for path in (one, two, three)] == [b"one", b"two", b"three"]
    film.owner.trash_checkpoint(third.id)
    wait_until(lambda: not three.exists(), "the trash of the newest", seconds=5 * WITHIN)
    film.owner.trash_checkpoint(first.id)
    wait_until(lambda: not one.exists(), "the trash of an old one", seconds=5 * WITHIN)
    assert two.read_bytes() == b"two"
    assert os.listdir(history) == [two.name]


def test_history_is_lost_with_the_right_to_it(mounts: Mounts, film: Film):
    """Who sits in a history when their role loses view_checkpoint finds nothing there any more."""
    bo = film.add_user("bo", "artist", frozenset({Toggle.PULL_CHUNK, Toggle.VIEW_CHECKPOINT}))
    content = os.urandom(24 << 20)
    film.write("a.bin", content, assignee=bo)
    film.write("a.bin", b"two", assignee=bo)
    mount = mounts.mount(film.path, "bo")
    history = mount.path / ".checkpoints/a.bin"
    inside = os.open(history, os.O_RDONLY | os.O_DIRECTORY)
    first = sorted(os.listdir(history))[0]
    version = os.open(first, os.O_RDONLY | os.O_DIRECT, dir_fd=inside)
    try:
        assert os.pread(version, 4096, 0) == content[:4096]
        film.owner.edit_role("artist", frozenset({Toggle.PULL_CHUNK}))
        wait_until(lambda: not history.exists(), "the loss of the right", seconds=5 * WITHIN)
        with pytest.raises(OSError, match=r"Permission denied|No such file"):
            os.open(first, os.O_RDONLY, dir_fd=inside)
        with pytest.raises(PermissionError):
            os.pread(version, 4096, 20 << 20)
        assert (mount.path / "a.bin").read_bytes() == b"two"
    finally:
        os.close(version)
        os.close(inside)


def test_a_listing_is_fixed_when_it_is_opened(mounts: Mounts, film: Film):
    """Whoever is in the middle of a listing gets every name once, whatever is committed meanwhile."""
    names = [f"frame.{number:05}.txt" for number in range(600)]
    film.write_all({f"frames/{name}": b"" for name in names})
    mount = mounts.mount(film.path)
    with os.scandir(mount.path / "frames") as listing:
        first = next(listing).name
        film.write("frames/frame.00000a.txt", b"")
        wait_until((mount.path / "frames/frame.00000a.txt").exists, "the new file", seconds=5 * WITHIN)
        rest = [entry.name for entry in listing]
    assert [first, *rest] == names
