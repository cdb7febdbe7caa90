"""What others commit shows in a mount, and never under an open file."""

from __future__ import annotations

import mmap
import os

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
