"""Random projects on real mounts: each user finds exactly what the rule of visibility gives them."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from mountfs.config import MountOptions
from mountfs.testing.mounts import Mounts
from mountfs.testing.projects import new_project
from mountfs.testing.rows import Rows, random_project
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
def test_each_user_finds_what_the_plain_rule_gives_them(mounts: Mounts, tmp_path: Path, seed: int):
    """The folders of a mount are the closure of what its user is assigned and shares, whatever the
    project.
    """
    path = tmp_path / "random.clst"
    with new_project(path) as project:
        heap = random_project(Rows(project), random.Random(seed), size=14)
    rows = closure.Rows(path)
    for number, user in enumerate([None, *heap.users[:3]]):
        seen = closure.seen(rows, user)
        mount = mounts.mount(path, user, at=f"mnt{number}", options=MountOptions(xattr=True))
        assets, folders = walked(mount.path)
        assert assets == seen.assets
        assert folders == len(seen.collections)
