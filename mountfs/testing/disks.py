"""Disks around a disk: one that fails when a test says so, one that dies, and one that notes what it does.

From such notes `left_at` works out what a power cut leaves at its worst: nothing is on the disk but what was
synced. `rebuild` makes a disk of that.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mountfs.workspace.disk import Bytes, Change, Disk

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a disk that changes something, or a read."""

    name: str
    draft: int | None = None
    why: str = ""
    more: Mapping[str, Any] | None = None
    """What a trace needs besides."""

    @property
    def changes(self) -> bool:
        """Whether it is none of those that only look."""
        return self.name != "read"


class DiskAround:
    """Passes every call to another disk by way of `around`, which the disks below make something of."""

    def __init__(self, inner: Disk) -> None:
        self.inner = inner

    def around(self, call: Call, act: Callable[[], T]) -> T:  # noqa: ARG002  # for those that look
        """Do it."""
        return act()

    def create(self, draft: int) -> None:
        """As the inner disk."""
        self.around(Call("create", draft), lambda: self.inner.create(draft))

    def write(self, draft: int, offset: int, data: Bytes) -> None:
        """As the inner disk."""
        call = Call("write", draft, more={"offset": offset, "data": data})
        self.around(call, lambda: self.inner.write(draft, offset, data))

    def read(self, draft: int, offset: int, length: int) -> bytes:
        """As the inner disk."""
        return self.around(Call("read", draft), lambda: self.inner.read(draft, offset, length))

    def truncate(self, draft: int, size: int) -> None:
        """As the inner disk."""
        call = Call("truncate", draft, more={"size": size})
        self.around(call, lambda: self.inner.truncate(draft, size))

    def sync(self, draft: int, why: str) -> None:
        """As the inner disk."""
        self.around(Call("sync", draft, why), lambda: self.inner.sync(draft, why))

    def remove(self, draft: int) -> None:
        """As the inner disk."""
        self.around(Call("remove", draft), lambda: self.inner.remove(draft))

    def keep(self, draft: int, place: Path) -> None:
        """As the inner disk."""
        self.around(Call("keep", draft), lambda: self.inner.keep(draft, place))

    def commit(self, changes: Sequence[Change], *, durable: bool, why: str) -> None:
        """As the inner disk."""
        call = Call("commit", None, why, {"changes": changes, "durable": durable})
        self.around(call, lambda: self.inner.commit(changes, durable=durable, why=why))

    def records(self) -> Iterator[Change]:
        """As the inner disk."""
        return self.inner.records()

    def drafts(self) -> list[int]:
        """As the inner disk."""
        return self.inner.drafts()

    def is_nearly_full(self) -> bool:
        """As the inner disk."""
        return self.inner.is_nearly_full()

    def close(self) -> None:
        """As the inner disk."""
        self.inner.close()


class FaultyDisk(DiskAround):
    """Fails the calls for which ``fault`` has an error number; nothing has happened then."""

    def __init__(self, inner: Disk, fault: Callable[[Call], int | None]) -> None:
        super().__init__(inner)
        self._fault = fault

    def around(self, call: Call, act: Callable[[], T]) -> T:
        """Do it, or OSError."""
        number = self._fault(call)
        if number is not None:
            raise OSError(number, os.strerror(number))
        return act()


class DyingDisk(DiskAround):
    """Kills its own process when its ``last`` change would begin; the first is number 1."""

    def __init__(self, inner: Disk, last: int) -> None:
        super().__init__(inner)
        self._last = last
        self._lock = threading.Lock()
        self._begun = 0

    def around(self, call: Call, act: Callable[[], T]) -> T:
        """Do it, or die."""
        if call.changes:
            with self._lock:
                self._begun += 1
                if self._begun == self._last:
                    os.kill(os.getpid(), signal.SIGKILL)
        return act()


class Trace:
    """A file of what happened, an entry a line, written by as many processes as like to."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def add(self, what: str, **more: Any) -> None:
        """Write an entry."""
        line = json.dumps({"what": what, **more}).encode() + b"\n"
        assert os.write(self._file, line) == len(line)

    @staticmethod
    def entries(path: Path) -> list[dict[str, Any]]:
        """What was written into such a file."""
        return [json.loads(line) for line in path.read_bytes().splitlines()]


class RecordedDisk(DiskAround):
    """Notes each change in a trace once it is done; a sync also when it begins, since it covers what was
    written before that.
    """

    def __init__(self, inner: Disk, trace: Trace) -> None:
        super().__init__(inner)
        self._trace = trace
        self._lock = threading.Lock()

    def around(self, call: Call, act: Callable[[], T]) -> T:
        """Do it and note it."""
        if not call.changes:
            return act()
        if call.name in ("sync", "commit"):  # they take long, and nobody waits for them to write a draft
            if call.name == "sync":
                self._trace.add("begin", draft=call.draft)
            return self._noted(call, act)
        with self._lock:  # what is noted first was done first
            return self._noted(call, act)

    def _noted(self, call: Call, act: Callable[[], T]) -> T:
        answer = act()
        self._trace.add(call.name, draft=call.draft, why=call.why, **_plain(call.more or {}))
        return answer


def _plain(more: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(more)
    if "data" in plain:
        plain["data"] = bytes(plain["data"]).hex()
    if "changes" in plain:
        plain["changes"] = [[one.kind, one.id, one.body] for one in plain["changes"]]
    return plain


@dataclass(frozen=True, slots=True)
class Point:
    """What a power cut leaves: ``drafts`` with their bytes, and the transactions of the journal."""

    drafts: Mapping[int, bytes]
    commits: Sequence[Sequence[Change]]


def left_at(
    entries: Iterable[Mapping[str, Any]], *, without: str | None = None, removes: bool = False
) -> Point:
    """What is on the disk after a power cut, when nothing reached it by itself.

    ``without``: what was synced or committed for this reason (one of `reasons`) was not made durable.
    ``removes``: removed files are gone, although nothing made sure of that; the disk may do that too.
    """
    written: dict[int, bytearray] = {}
    begun: dict[int, bytes] = {}
    kept: dict[int, bytes] = {}
    commits: list[list[Change]] = []
    durable = 0
    for entry in entries:
        what: str = entry["what"]
        draft: int = entry.get("draft") or 0
        if what == "create":
            written[draft] = bytearray()
        elif what == "write":
            data = bytes.fromhex(entry["data"])
            bytes_ = written[draft]
            bytes_.extend(bytes(max(0, entry["offset"] - len(bytes_))))
            bytes_[entry["offset"] : entry["offset"] + len(data)] = data
        elif what == "truncate":
            bytes_ = written[draft]
            del bytes_[entry["size"] :]
            bytes_.extend(bytes(entry["size"] - len(bytes_)))
        elif what == "begin":
            begun[draft] = bytes(written[draft])
        elif what == "sync" and _reasons(entry) - {without}:
            kept[draft] = begun[draft]
        elif what in ("remove", "keep") and removes:
            kept.pop(draft, None)
        elif what == "commit":
            commits.append([Change(*change) for change in entry["changes"]])
            if entry["durable"] and _reasons(entry) - {without}:
                durable = len(commits)
    return Point(kept, commits[:durable])


def rebuild(point: Point, disk: Disk) -> None:
    """Put what a power cut leaves on an empty disk."""
    for draft, content in point.drafts.items():
        disk.create(draft)
        disk.write(draft, 0, content)
    for changes in point.commits:
        disk.commit(changes, durable=False, why="rebuilt")


def reasons(entries: Iterable[Mapping[str, Any]]) -> set[str]:
    """What was made durable, and why, in the words of the program: ``sync flushed``, ``commit sealed``."""
    found: set[str] = set()
    for entry in entries:
        if entry["what"] == "sync" or (entry["what"] == "commit" and entry["durable"]):
            found |= _reasons(entry)
    return found


def _reasons(entry: Mapping[str, Any]) -> set[str]:
    return {f"{entry['what']} {why}" for why in entry["why"].split("+")}
