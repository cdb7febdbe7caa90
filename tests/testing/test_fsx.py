"""The exerciser of one file: it agrees with a real file system, and catches every kind of wrong one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mountfs.testing.file_calls import Calls, Mapping
from mountfs.testing.fsx import Difference, Exerciser, Limits
from mountfs.testing.fsx_process import drive

SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_disk_is_what_it_has_to_be(tmp_path: Path, seed: int):
    """On a file system that is right no seed finds a difference, and the model is what is in the file."""
    exerciser = Exerciser(tmp_path / "file", seed=seed)
    exerciser.run(2000)
    assert (tmp_path / "file").read_bytes() == exerciser.model


def test_the_same_seed_makes_the_same_calls(tmp_path: Path):
    """A difference that a seed found can be looked for again."""
    contents = []
    for name in ("one", "two"):
        exerciser = Exerciser(tmp_path / name, seed=5)
        exerciser.run(500)
        contents.append(exerciser.model)
    assert contents[0] == contents[1]


def test_a_file_that_is_there_is_kept(tmp_path: Path):
    """What was in a file before is part of what has to be there."""
    (tmp_path / "file").write_bytes(b"before" * 1000)
    exerciser = Exerciser(tmp_path / "file", seed=0)
    assert exerciser.model == b"before" * 1000
    exerciser.run(100)


def test_whoever_drives_is_asked_to_remount_while_nothing_is_open(tmp_path: Path):
    """In a process of its own, too, with as many remounts as were asked for, about."""
    remounts = []

    def remount() -> None:
        remounts.append((tmp_path / "file").stat().st_size)

    content = drive(tmp_path / "file", seed=1, count=2000, remount=remount, remount_every=200)
    assert 2 < len(remounts) < 50
    assert content == (tmp_path / "file").read_bytes()


def test_a_remount_that_loses_bytes_is_told_with_the_seed_and_the_last_calls(tmp_path: Path):
    """Whoever reads the failure can repeat it."""

    def remount() -> None:
        os.truncate(tmp_path / "file", 0)

    with pytest.raises(Difference, match=r"(?s)seed 2, call \d+, file: the size.*remount"):
        drive(tmp_path / "file", seed=2, count=5000, remount=remount, remount_every=50)


class LosesTheLastByte(Calls):
    def write(self, handle: int, offset: int, data: bytes) -> int:
        super().write(handle, offset, data[:-1])
        return len(data)


class WritesPagesOnly(Calls):
    """A write that begins inside a page takes what is before it along, as zeros."""

    def write(self, handle: int, offset: int, data: bytes) -> int:
        super().write(handle, offset // 4096 * 4096, bytes(offset % 4096) + data)
        return len(data)


class GrowsWithoutCutting(Calls):
    """What was cut off comes back when the file grows again."""

    def __init__(self) -> None:
        self.cut = b""

    def truncate(self, target: int | Path, size: int) -> None:
        old = self.size(target)
        path = target if isinstance(target, Path) else Path(f"/proc/self/fd/{target}")
        if size < old:
            self.cut = path.read_bytes()
        super().truncate(target, size)
        if size > old:
            with open(path, "r+b") as file:
                file.seek(old)
                file.write(self.cut[old:size])


class IgnoresTheFlagToEmpty(Calls):
    def open(self, path: Path, flags: int) -> int:
        return super().open(path, flags & ~os.O_TRUNC)


class AppendsWhereItWas(Calls):
    """Appends at the end there was when the file was opened."""

    def __init__(self) -> None:
        self.ends: dict[int, int] = {}

    def open(self, path: Path, flags: int) -> int:
        handle = super().open(path, flags & ~os.O_APPEND)
        self.ends[handle] = self.size(handle)
        return handle

    def append(self, handle: int, data: bytes) -> int:
        return self.write(handle, self.ends[handle], data)


class ForgetsHoles(Calls):
    """A write beyond the end leaves something in between."""

    def write(self, handle: int, offset: int, data: bytes) -> int:
        end = self.size(handle)
        if offset > end:
            super().write(handle, end, b"x" * (offset - end))
        return super().write(handle, offset, data)


class Private(Mapping):
    """A mapping whose bytes never reach the file."""

    def write(self, start: int, data: bytes) -> None:
        pass


class ForgetsMappings(Calls):
    def map(self, handle: int, length: int, *, writable: bool) -> Mapping:
        return Private(handle, length, writable=writable)


class FailsOnce(Calls):
    def __init__(self) -> None:
        self.calls = 0

    def sync(self, handle: int, *, data_only: bool) -> None:
        self.calls += 1
        if self.calls == 20:
            raise OSError(5, "Input/output error")
        super().sync(handle, data_only=data_only)


@pytest.mark.parametrize(
    "wrong",
    [
        LosesTheLastByte,
        WritesPagesOnly,
        GrowsWithoutCutting,
        IgnoresTheFlagToEmpty,
        AppendsWhereItWas,
        ForgetsHoles,
        ForgetsMappings,
        FailsOnce,
    ],
)
def test_a_wrong_file_system_is_caught(tmp_path: Path, wrong: type[Calls]):
    """Whatever is wrong with it, every seed finds it."""
    for seed in SEEDS:
        with pytest.raises(Difference):
            Exerciser(tmp_path / f"file{seed}", seed=seed, calls=wrong(), limits=Limits(file=64 << 10)).run(
                2000
            )
