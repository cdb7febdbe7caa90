"""Random projects on real mounts: each user finds exactly what the rule of visibility gives them, wherever
the project is."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from mountfs.config import MountOptions
from mountfs.testing.mounts import Mounts
from mountfs.testing.rows import Rows, random_project
from tests.mounted.film import Home
from tests.studio import closure


def walked(top: Path) -> tuple[set[str], int]:
    """The ids of the assets that a walk finds, and how many folders. No asset is found twice."""
    assets: list[str] = []
    folders = 0
    for folder, names, files in os.walk(top):
        folders += len(names)
        assets += [os.getxattr(Path(folder) / name, "user.mountfs.asset").decode() for name in files]
    assert len(assets) == len(set(assets))
    return set(assets), folders


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_each_user_finds_what_the_plain_rule_gives_them(
    home: Home, mounts: Mounts, tmp_path: Path, seed: int
):
    """The folders of a mount are the closure of what its user is assigned and shares, whatever the
    project.
    """
    film = home(tmp_path)
    heap = random_project(Rows(film.project), random.Random(seed), size=14)
    rows = closure.Rows(film.path)
    names = {each.id: each.username for each in film.service.people()}
    for number, user in enumerate([film.service.author(""), *heap.users[:3]]):
        username = names[user] if number else None
        mount = film.mount(mounts, username, at=f"mnt{number}", options=MountOptions(xattr=True))
        seen = closure.seen(rows, None if mount.mounted.owner else user)
        assets, folders = walked(mount.path)
        assert assets == seen.assets
        assert folders == len(seen.collections)
    film.close()
