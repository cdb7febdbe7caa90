"""Moving assets between folders: nobody sees more for it."""

from __future__ import annotations

import os

import pytest

from mountfs.config import MountOptions
from mountfs.control import ask
from mountfs.model import ALL_TOGGLES
from mountfs.testing.mounts import Mounts
from tests.mounted.film import Film

SOON = MountOptions(quiet_time=0.1, grace_time=0.3)


def test_a_move_that_would_show_an_asset_to_someone_new_is_refused_at_once(mounts: Mounts, film: Film):
    """What is moved into a shared folder would be everybody's; the file stays where it is, and as it is."""
    bo = film.add_user("bo", "artist", ALL_TOGGLES)
    film.write("shots/a.txt", b"mine", assignee=bo)
    film.write("lib/b.txt", b"everybody's")
    film.owner.share(film.folder("lib"))
    mount = mounts.mount(film.path, "bo", options=SOON)
    with pytest.raises(PermissionError):
        os.rename(mount.path / "shots/a.txt", mount.path / "lib/a.txt")
    assert (mount.path / "shots/a.txt").read_bytes() == b"mine"
    assert os.listdir(mount.path / "lib") == ["b.txt"]


def test_a_move_within_what_the_same_people_see_is_a_rename(mounts: Mounts, film: Film):
    """Nobody new sees it, so the asset moves along with its history."""
    film.write("shots/a.txt", b"mine")
    film.write("other/c.txt", b"")
    mount = mounts.mount(film.path, options=SOON)
    os.rename(mount.path / "shots/a.txt", mount.path / "other/a.txt")
    assert (mount.path / "other/a.txt").read_bytes() == b"mine"
    ask(mount.path, {"op": "wait", "path": "", "timeout": 20}, runtime_dir=mount.request.runtime_dir)
    moved = film.asset("other/a.txt")
    assert moved is not None
    assert moved.head is not None
    assert moved.head.number == 1
    assert film.asset("shots/a.txt") is None
