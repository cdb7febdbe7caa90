"""A mount that dies at any of its steps, a machine that loses its power: nothing that was saved is lost.

A mount is killed in personal mode and at a studio in another process. What a power cut leaves is looked at in
personal mode: of what is durable on this machine a studio changes nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mountfs import mountlock, mountpoints
from mountfs.config import MountOptions
from mountfs.digest import xxh3_hex
from mountfs.errors import MountfsError
from mountfs.testing import saves
from mountfs.testing.crashing import copy_project
from mountfs.testing.disks import Point, Trace, left_at, reasons, rebuild
from mountfs.testing.mounts import BOUND, Mount, Mounts
from mountfs.workspace.disk import LocalDisk
from tests.mounted.asking import settle, states
from tests.mounted.film import Film, Home

OPTIONS = MountOptions(quiet_time=0.05, join_time=1.0, grace_time=5.0, idle_time=3600.0)
"""Versions are sent while the next files are saved."""

SAVES = list(saves.saves())

PATHS_SAVED = [path for save in SAVES for path in save.contents]

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Promise:
    """What has to be found of one file: the first content that may be its last, and those that may follow."""

    path: str
    kept: bytes | None
    """What was saved last, all of it; None: nothing was."""
    later: tuple[bytes, ...]
    """What was being saved after that."""
    synced: int
    """So many bytes at the beginning of the first of those are safe."""


def promises(entries: Sequence[Entry]) -> Iterator[Promise]:
    """What was promised by what has returned."""
    for path in saves.SIZES:
        kept = saves.content(path, 0) if path in saves.THERE else None
        later: list[bytes] = []
        synced = 0
        for entry in entries:
            if entry.get("path") != path:
                continue
            if entry["what"] == "synced":
                synced = entry["size"]
            elif not entry["done"]:
                later.append(SAVES[entry["number"]].contents[path])
            else:
                kept, later, synced = SAVES[entry["number"]].contents[path], [], 0
        yield Promise(path, kept, tuple(later), synced)


def start(mounts: Mounts, film: Film, *, program: str = "mountfs.testing.crashing") -> Mount:
    """The project with the files that are there, mounted."""
    film.write_all({f"{saves.FOLDER}/{path}": saves.content(path, 0) for path in saves.THERE})
    return film.mount(mounts, options=OPTIONS, program=program)


def save_all(mount: Mount, trace: Path) -> None:
    """Let the saves run as far as they come."""
    arguments = [mount.path, trace, mount.request.runtime_dir]
    done = subprocess.run(
        [sys.executable, "-m", "mountfs.testing.saves", *map(str, arguments)],
        timeout=BOUND,
        capture_output=True,
        check=False,
    )
    # What is mapped of a mount that dies takes its process along.
    assert done.returncode in (0, saves.ENDED, -signal.SIGBUS), done.stderr.decode()


def histories(project: Path) -> dict[str, list[str]]:
    """The checksums of every asset's versions, oldest first, by file name."""
    found: dict[str, list[str]] = {}
    with closing(sqlite3.connect(project)) as file:
        rows = file.execute(
            "SELECT asset.name || asset.extension, xxhash_checksum FROM asset"
            " JOIN asset_checkpoint ON asset_id = asset.id ORDER BY asset_checkpoint.created_at"
        )
        for path, checksum in rows:
            found.setdefault(path, []).append(checksum)
    return found


WHOLE = {
    xxh3_hex(content)
    for content in [
        *(saves.content(path, 0) for path in saves.THERE),
        *itertools.chain.from_iterable(save.contents.values() for save in SAVES),
    ]
}
"""The checksums of all contents that were ever saved."""


def check(mount: Mount, project: Path, entries: Sequence[Entry], *, seconds: float = BOUND) -> None:
    """What was promised is there, in a mount that came after; what it has to send, so soon."""
    answer = settle(mount, seconds=seconds)
    assert answer["refused"] == []
    recorded = histories(project)
    folder = mount.path / saves.FOLDER
    local = {path.removeprefix(f"{saves.FOLDER}/"): state for path, state in states(mount).items()}
    for path, checksums in recorded.items():
        assert set(checksums) <= WHOLE, f"{path} has a version that nobody saved"
        assert len(set(checksums)) == len(checksums), f"{path} has a version twice"
    for name in os.listdir(folder):
        (folder / name).read_bytes()
    if any(entry["what"] == "unmounted" for entry in entries):
        assert (folder / "aside.tmp").read_bytes() == saves.ASIDE
    for promise in promises(entries):
        path = promise.path
        checksums = recorded.get(path, [])
        there = folder / path
        shown = there.read_bytes() if there.exists() else None
        if promise.kept is not None:
            allowed = [promise.kept, *promise.later]
            is_recorded = any(xxh3_hex(content) in checksums for content in allowed)
            assert is_recorded or shown in allowed, f"{path} is lost: {local.get(path)}"
            assert shown is not None, f"{path} has gone"
        if not promise.later:
            assert shown == promise.kept, f"{path} is not what was saved last: {local.get(path)}"
            assert not local.get(path) or shown is None or checksums[-1:] != [xxh3_hex(shown)], (
                f"{path} is recorded, and still counts as {local[path]}"
            )
        elif promise.synced:
            assert shown is not None
            assert shown[: promise.synced] == promise.later[0][: promise.synced], f"{path} is not synced"


def work_on(mount: Mount, project: Path) -> None:
    """Save each file once more: what was recovered is a good base for that."""
    there = [path for path in saves.SIZES if (mount.path / saves.FOLDER / path).exists()]
    for path in there:
        (mount.path / saves.FOLDER / path).write_bytes(saves.with_hash(path.encode()))
    answer = settle(mount)
    assert answer["refused"] == []
    recorded = histories(project)
    for path in there:
        assert recorded[path][-1] == xxh3_hex(saves.with_hash(path.encode()))


# Killed


def count_of_changes(entries: Sequence[Entry]) -> int:
    """How many changes of the disk a trace has."""
    return sum(
        entry["what"] in ("create", "write", "truncate", "sync", "remove", "keep", "commit")
        for entry in entries
    )


def kill_at(folder: Path, number: int, home: Home) -> None:
    """Save until the mount dies at this change of its disk; then look."""
    (folder / "crash").mkdir(parents=True)
    (folder / "crash/last").write_text(str(number))
    film = home(folder)
    with Mounts(folder) as mounts:
        mount = start(mounts, film)
        said = folder / "said"
        save_all(mount, said)
        with contextlib.suppress(MountfsError):  # it is dead, or dies now
            settle(mount)
        with contextlib.suppress(ProcessLookupError):  # or it was done before it came to that number
            mount.signal(signal.SIGKILL)
        assert mountpoints.wait_for_end(mount.mounted.pid, BOUND)
        entries = Trace.entries(said)
        again = film.mount(mounts, options=OPTIONS)
        check(again, film.path, entries)
        work_on(again, film.path)
        again.unmount()
    film.close()


@pytest.mark.parametrize("number", [1, 4, 8, *range(11, 160, 14)])
@pytest.mark.parametrize("home", ["file"], indirect=True)
def test_a_killed_mount_has_lost_nothing(tmp_path: Path, number: int, home: Home):
    """Whenever it dies, every save that has returned is there whole, and no version is there twice."""
    kill_at(tmp_path / "killed", number, home)


@pytest.mark.parametrize("number", [2, *range(18, 160, 28)])
@pytest.mark.parametrize("home", ["studio"], indirect=True)
def test_a_killed_mount_of_a_studio_has_lost_nothing(tmp_path: Path, number: int, home: Home):
    """The same, where the project is at a studio."""
    kill_at(tmp_path / "killed", number, home)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_mount_killed_at_every_step_has_lost_nothing(tmp_path: Path, recording: Recording, home: Home):
    """The same, for every number."""
    for number in range(1, count_of_changes(recording.entries) + 10):
        kill_at(tmp_path / f"{number}", number, home)


# Without power


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole run of the saves: its trace, and the folder with the copies of the project."""

    entries: list[dict[str, Any]]
    folder: Path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """All saves, in peace."""
    folder = tmp_path_factory.mktemp("recording")
    crash = folder / "crash"
    crash.mkdir()
    (crash / "trace").touch()
    film = Film(folder / "film.clst")
    with Mounts(folder) as mounts:
        mount = start(mounts, film)
        save_all(mount, crash / "trace")
        settle(mount)
        entries = Trace.entries(crash / "trace")
        check(mount, film.path, entries)
        assert sum(entry["what"] == "save" and entry["done"] for entry in entries) == len(PATHS_SAVED)
        mount.unmount()
        Trace(crash / "trace").add("unmounted")
    film.close()
    return Recording(Trace.entries(crash / "trace"), crash)


def cut_at(
    folder: Path, recording: Recording, end: int, *, without: str | None = None, removes: bool
) -> None:
    """Mount what a power cut after so many entries leaves, and look."""
    entries = recording.entries[:end]
    point = left_at(entries, without=without, removes=removes)
    folder.mkdir(parents=True)
    project = folder / "film.clst"
    copies = [entry["copy"] for entry in entries if entry["what"] == "project"]
    copy_project(recording.folder / f"project.{copies[-1]}.clst", project)
    with Mounts(folder) as mounts:
        request = mounts.request(project, options=OPTIONS)
        put_back(point, request.state_dir, project)
        mount = mounts.mount(project, options=OPTIONS)
        # Without a precaution there may be something that never can be sent.
        check(mount, project, entries, seconds=BOUND if without is None else 5.0)
        work_on(mount, project)
        mount.unmount()


def put_back(point: Point, state_dir: Path, project: Path) -> None:
    """Make the state folder of a mount what a power cut leaves."""
    with closing(sqlite3.connect(project)) as file:
        (project_id,) = file.execute("SELECT value FROM config WHERE name = 'project_id'").fetchone()
    with mountlock.held(state_dir, project_id, mountlock.OWNER, state_dir) as folder:
        disk = LocalDisk(folder)
        rebuild(point, disk)
        disk.close()


def moments(entries: Sequence[Entry]) -> list[int]:
    """After which entries something is different: what is on the disk, or what was promised."""
    return [
        number
        for number, entry in enumerate(entries, 1)
        if entry["what"] in ("sync", "project", "remove", "keep")
        or (entry["what"] == "commit" and entry["durable"])
        or (entry["what"] == "save" and entry["done"])
        or entry["what"] in ("synced", "unmounted")
    ]


def first_mounted(entries: Sequence[Entry]) -> int:
    """After how many entries there is a project."""
    return next(number for number, entry in enumerate(entries, 1) if entry["what"] == "project")


def test_a_machine_that_lost_its_power_has_lost_nothing(tmp_path: Path, recording: Recording):
    """With everything gone that was not synced, every save that has returned is there whole."""
    points = [end for end in moments(recording.entries) if end >= first_mounted(recording.entries)]
    for end in points[:: max(1, len(points) // 12)]:
        cut_at(tmp_path / f"{end}", recording, end, removes=bool(end % 2))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_machine_that_lost_its_power_at_any_moment_has_lost_nothing(tmp_path: Path, recording: Recording):
    """The same at every moment, with files that were removed and with files that came back."""
    for end in moments(recording.entries):
        for removes in (False, True):
            cut_at(tmp_path / f"{end}{removes}", recording, end, removes=removes)


# With one of its precautions left out


PRECAUTIONS = {
    "sync flushed": "save",
    "commit flushed": "save",
    "sync synced": "synced",
    "commit synced": "synced",
    "sync sealed": "commit",
    "commit renamed onto": "save",
    "commit before publishing": "project",
    "commit published": "remove",
    "commit finished": "unmounted",
}
"""All that a mount makes durable, and why; and after what a power cut is worst without it."""


def test_these_are_all_precautions(recording: Recording):
    """What is made durable for another reason has to be tried, too."""
    assert reasons(recording.entries) == set(PRECAUTIONS)


@pytest.mark.parametrize("without", PRECAUTIONS)
def test_each_precaution_is_needed(tmp_path: Path, recording: Recording, without: str):
    """Without it there is a moment at which a power cut breaks a promise, and with it there is none then."""
    removes = PRECAUTIONS[without] == "remove"
    for end in telling_moments(recording.entries, without, removes=removes):
        try:
            cut_at(tmp_path / f"{end}", recording, end, without=without, removes=removes)
        except (AssertionError, MountfsError, OSError):
            cut_at(tmp_path / "with", recording, end, removes=removes)
            return
    pytest.fail(f"nobody misses {without!r}")


def telling_moments(entries: Sequence[Entry], without: str, *, removes: bool) -> Iterator[int]:
    """Moments at which a power cut leaves something else without a precaution."""
    for end in moments(entries):
        if end >= first_mounted(entries) and entries[end - 1]["what"] == PRECAUTIONS[without]:
            left = left_at(entries[:end], removes=removes)
            if left != left_at(entries[:end], without=without, removes=removes):
                yield end
