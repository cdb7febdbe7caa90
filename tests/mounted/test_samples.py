"""Project files of another program, where they are at hand: every file reads with the checksum it
recorded.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import xxhash

from mountfs.testing.mounts import Mounts

SAMPLES = Path(__file__).parents[2] / ".." / "shared" / "clst"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.clst"))


def mounted_copy(name: str, mounts: Mounts, folder: Path, username: str | None = None) -> tuple[Path, Any]:
    """Mount a copy of a sample; its folder, and what the other program lists in it.

    The list has assets below trashed collections too, which nobody is shown.
    """
    for path in SAMPLES.glob(f"{name}.clst*"):
        shutil.copy(path, folder)
        (folder / path.name).chmod(0o644)
    storage_dir = SAMPLES / f"{name}-storage"
    mount = mounts.mount(
        folder / f"{name}.clst", username, storage_dir=storage_dir if storage_dir.exists() else None
    )
    listed = json.loads((SAMPLES / f"{name}.json").read_text())
    with sqlite3.connect(folder / f"{name}.clst") as database:
        trashed = [
            path for (path,) in database.execute("SELECT collection_path FROM collection WHERE trashed")
        ]
    database.close()
    listed["assets"] = [one for one in listed["assets"] if not one["path"].startswith(tuple(trashed))]
    return mount.path, listed


def files_below(folder: Path) -> set[str]:
    return {f"/{path.relative_to(folder)}" for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_a_sample_reads_with_its_recorded_checksum(name: str, mounts: Mounts, tmp_path: Path):
    """A project that another program wrote is read whole: each name it lists is there, and nothing else."""
    folder, listed = mounted_copy(name, mounts, tmp_path)
    expected = {asset["path"] + (".url" if asset["is_link"] else "") for asset in listed["assets"]}
    assert files_below(folder) == expected
    for asset in listed["assets"]:
        path = folder / asset["path"].lstrip("/")
        if asset["is_link"]:
            assert asset["pointer"] in path.with_name(path.name + ".url").read_text()
            continue
        newest = asset["checkpoints"][0]
        content = path.read_bytes()
        assert (len(content), xxhash.xxh3_64_hexdigest(content)) == (newest["size"], newest["xxh3"])
        assert path.stat().st_mtime == newest["mtime"]


@pytest.mark.parametrize("name", NAMES)
def test_every_version_of_a_sample_is_in_its_history(name: str, mounts: Mounts, tmp_path: Path):
    """All checkpoints that the other program lists can be read, oldest first by name."""
    folder, listed = mounted_copy(name, mounts, tmp_path)
    for asset in listed["assets"]:
        if asset["is_link"]:
            continue
        history = folder / ".checkpoints" / asset["path"].lstrip("/")
        sums = [xxhash.xxh3_64_hexdigest(path.read_bytes()) for path in sorted(history.iterdir())]
        assert sums == [checkpoint["xxh3"] for checkpoint in reversed(asset["checkpoints"])]


@pytest.mark.parametrize("username", ["ann"] if "production" in NAMES else [])
def test_a_user_of_a_sample_sees_at_least_what_the_other_program_shows(
    username: str, mounts: Mounts, tmp_path: Path
):
    """A user finds in the mount what they are shown elsewhere."""
    folder, listed = mounted_copy("production", mounts, tmp_path, username)
    links = {asset["path"] for asset in listed["assets"] if asset["is_link"]}
    shown = {path + (".url" if path in links else "") for path in listed["users"][username]["sees_assets"]}
    assert shown <= files_below(folder)
