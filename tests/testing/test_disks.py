"""The disks that tests use: they do what a disk does, and a trace of one tells what a power cut leaves."""

from __future__ import annotations

import errno
import multiprocessing
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mountfs.testing.disks import (
    DiskAround,
    DyingDisk,
    FaultyDisk,
    RecordedDisk,
    Trace,
    left_at,
    reasons,
    rebuild,
)
from mountfs.workspace.disk import Change, LocalDisk


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path / "state"


def save(disk: DiskAround, draft: int, content: bytes, *, durable: bool = True) -> None:
    """As a mount saves: bytes, then the journal that names them."""
    disk.create(draft)
    disk.write(draft, 0, content)
    disk.sync(draft, "flushed")
    disk.commit([Change("draft", str(draft), {"size": len(content)})], durable=durable, why="closed")


def recorded(place: Path, work: Callable[[RecordedDisk], None]) -> list[dict[str, object]]:
    """What is noted of some work."""
    disk = RecordedDisk(LocalDisk(place), Trace(place / "trace"))
    work(disk)
    disk.close()
    return Trace.entries(place / "trace")


def test_what_was_synced_is_left_and_nothing_else(place: Path):
    """A later write, an unsynced draft and a commit that is not durable are gone after a power cut."""

    def work(disk: RecordedDisk) -> None:
        save(disk, 1, b"kept")
        disk.write(1, 0, b"lost")
        disk.create(2)
        disk.write(2, 0, b"lost too")
        disk.commit([Change("draft", "2", {})], durable=False, why="noted")

    entries = recorded(place, work)
    point = left_at(entries)
    assert point.drafts == {1: b"kept"}
    assert point.commits == [[Change("draft", "1", {"size": 4})]]


def test_a_sync_covers_what_was_written_before_it_began(place: Path):
    """Bytes that come while the disk is busy are not part of it."""
    trace = Trace(place / "trace")
    entries: list[dict[str, Any]] = [
        {"what": "create", "draft": 1},
        {"what": "write", "draft": 1, "offset": 2, "data": b"ab".hex()},
        {"what": "begin", "draft": 1},
        {"what": "write", "draft": 1, "offset": 0, "data": b"xy".hex()},
        {"what": "sync", "draft": 1, "why": "flushed"},
    ]
    for entry in entries:
        trace.add(**entry)
    assert left_at(Trace.entries(place / "trace")).drafts == {1: b"\0\0ab"}


def test_each_durable_commit_keeps_those_before_it(place: Path):
    """A commit that was not durable becomes so with the next that is."""

    def work(disk: RecordedDisk) -> None:
        disk.commit([Change("file", "1", {})], durable=False, why="noted")
        disk.commit([Change("file", "2", {})], durable=True, why="closed")
        disk.commit([Change("file", "3", {})], durable=False, why="noted")

    entries = recorded(place, work)
    assert [len(left_at(entries[:end]).commits) for end in range(4)] == [0, 0, 2, 2]


def test_a_reason_that_is_left_out_keeps_nothing(place: Path):
    """Only what other reasons made durable is left."""

    def work(disk: RecordedDisk) -> None:
        save(disk, 1, b"one")
        disk.commit([Change("file", "1", {})], durable=True, why="closed+renamed")

    entries = recorded(place, work)
    assert reasons(entries) == {"sync flushed", "commit closed", "commit renamed"}
    assert left_at(entries, without="sync flushed").drafts == {}
    assert len(left_at(entries, without="commit closed").commits) == 2
    assert len(left_at(entries[:-1], without="commit closed").commits) == 0


def test_a_removed_file_may_be_there_again(place: Path):
    """Unless the disk was quick."""

    def work(disk: RecordedDisk) -> None:
        save(disk, 1, b"one")
        disk.remove(1)

    entries = recorded(place, work)
    assert left_at(entries).drafts == {1: b"one"}
    assert left_at(entries, removes=True).drafts == {}


def test_what_is_left_can_be_mounted_again(place: Path, tmp_path: Path):
    """A rebuilt disk says what the real one would."""

    def work(disk: RecordedDisk) -> None:
        save(disk, 1, b"one")
        save(disk, 2, b"")
        disk.commit([Change("draft", "2", None)], durable=True, why="closed")

    entries = recorded(place, work)
    again = LocalDisk(tmp_path / "again")
    rebuild(left_at(entries), again)
    assert again.drafts() == [1, 2]
    assert again.read(1, 0, 10) == b"one"
    assert list(again.records()) == [Change("draft", "1", {"size": 3})]
    again.close()


def test_a_faulty_disk_does_nothing_when_it_fails(place: Path):
    """The caller gets the error, and the next call finds the disk as it was."""
    full = FaultyDisk(LocalDisk(place), lambda call: errno.ENOSPC if call.name == "write" else None)
    full.create(1)
    with pytest.raises(OSError, match="No space left"):
        full.write(1, 0, b"one")
    assert full.read(1, 0, 10) == b""
    full.close()


def _save_twice(place: Path, last: int) -> None:
    disk = DyingDisk(LocalDisk(place), last)
    save(disk, 1, b"one")
    save(disk, 2, b"two")


def test_a_dying_disk_takes_its_process_along_before_the_change(place: Path):
    """Everything before that number is done, and nothing after it."""
    process = multiprocessing.get_context("spawn").Process(target=_save_twice, args=(place, 6))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    disk = LocalDisk(place)
    assert disk.drafts() == [1, 2]
    assert disk.read(2, 0, 10) == b""
    assert [record.id for record in disk.records()] == ["1"]
    disk.close()
