"""Hard use of one file in a mount: every byte is what it has to be, through remounts and kills."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable

import pytest

from mountfs.config import MountOptions
from mountfs.digest import xxh3_hex
from mountfs.testing.fsx_process import drive
from mountfs.testing.mounts import Mount, Mounts, wait_until
from tests.mounted.asking import settle, states
from tests.mounted.film import Film

LATER = MountOptions(quiet_time=3600.0, join_time=3600.0, empty_rest=3600.0, idle_time=3600.0)
"""No version is sent while the file is worked on, unless the mount ends."""

AT_ONCE = MountOptions(quiet_time=0.0, empty_rest=0.0, idle_time=0.0)
"""A version after each close, and while the file is open."""

MANY_CHUNKS = 24 << 20


def exercise(
    mounts: Mounts, film: Film, options: MountOptions, *, seed: int, count: int, every: int, largest: int
) -> None:
    """Drive one file, with remounts of all kinds, and see that its newest version is what is in it."""
    mounted = [mounts.mount(film.path, options=options)]
    ends: list[Callable[[Mount], None]] = [
        lambda mount: mount.signal(signal.SIGKILL),
        lambda mount: mount.unmount(),
        lambda mount: mount.signal(signal.SIGTERM),
    ]
    turns = itertools.cycle(ends[seed % 3 :] + ends[: seed % 3])

    def remount() -> None:
        next(turns)(mounted[-1])
        mounted.append(mounts.mount(film.path, options=options))

    path = mounted[0].path / "file.bin"
    content = drive(path, seed=seed, count=count, remount=remount, remount_every=every, largest=largest)
    assert len(mounted) > 1
    answer = settle(mounted[-1])
    assert answer["refused"] == []
    asset = film.asset("file.bin")
    assert asset is not None
    assert asset.head is not None
    assert (asset.head.size, asset.head.xxh3) == (len(content), xxh3_hex(content))
    assert path.read_bytes() == content


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("options", [LATER, AT_ONCE], ids=["later", "at-once"])
def test_a_file_is_what_was_written_to_it(mounts: Mounts, film: Film, options: MountOptions, seed: int):
    """Reads, writes, mappings, truncation and several handles at once, with the mount killed in between."""
    exercise(mounts, film, options, seed=seed, count=600, every=200, largest=256 << 10)


def test_a_file_cut_off_by_its_name_has_the_new_length(mounts: Mounts, film: Film):
    """truncate(2) alone is a change, though nothing was written: for readers, and as a version."""
    film.write("file.bin", b"0123456789")
    mount = mounts.mount(film.path, options=LATER)
    path = mount.path / "file.bin"
    os.truncate(path, 4)
    with open(path, "r+b") as file:
        file.seek(8)
        file.write(b"89")
    assert path.read_bytes() == b"0123\0\0\0\x0089"
    os.truncate(path, 2)
    settle(mount)
    asset = film.asset("file.bin")
    assert asset is not None
    assert asset.head is not None
    assert asset.head.xxh3 == xxh3_hex(b"01")


def test_a_changed_file_stays_so_when_its_folder_is_read(mounts: Mounts, film: Film):
    """What is made ready for whoever reads file after file is never the old content of a changed one."""
    names = [f"{number:02}.txt" for number in range(24)]
    film.write_all(dict.fromkeys(names, b"old " * 1000))
    mount = mounts.mount(film.path, options=LATER)
    for name in names[3:]:
        (mount.path / name).write_bytes(b"new " * 1000)
    wait_until(lambda: {state for state, _ in states(mount).values()} == {"waiting"}, "the last release")
    os.fsync(folder := os.open(mount.path, os.O_RDONLY))  # that they were closed is noted
    os.close(folder)
    for _ in range(2):
        for name in names:
            (mount.path / name).read_bytes()
        assert {(mount.path / name).read_bytes() for name in names[3:]} == {b"new " * 1000}
        mount.signal(signal.SIGKILL)
        mount = mounts.mount(film.path, options=LATER)
        os.listdir(mount.path)
    settle(mount)
    asset = film.asset(names[-1])
    assert asset is not None
    assert asset.head is not None
    assert asset.head.xxh3 == xxh3_hex(b"new " * 1000)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(100, 120))
@pytest.mark.parametrize("options", [LATER, AT_ONCE], ids=["later", "at-once"])
def test_a_file_is_what_was_written_to_it_at_length(
    mounts: Mounts, film: Film, options: MountOptions, seed: int
):
    """The same, for long."""
    exercise(mounts, film, options, seed=seed, count=10_000, every=1000, largest=256 << 10)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(200, 203))
def test_a_file_of_many_chunks_is_what_was_written_to_it(mounts: Mounts, film: Film, seed: int):
    """Where a version has many chunks, those of the base are cut again around what was touched."""
    film.write("file.bin", bytes(range(251)) * (MANY_CHUNKS // 251))
    exercise(mounts, film, AT_ONCE, seed=seed, count=1000, every=100, largest=MANY_CHUNKS)
