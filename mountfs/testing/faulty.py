"""The program behind a mount whose disk, or whose chunk store, fails exactly one call, or all of them.

    launch.start(request, program="mountfs.testing.faulty")

Files in the folder ``fault`` beside the mount point say which:

- ``disk``: ``7 ENOSPC`` fails the seventh change of the disk since the file is there, ``* EIO`` all of them;
- ``store``: ``7`` fails the seventh call of the chunk store, ``*`` all of them;
- ``fired``: has a line for every call that failed.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Collection as Many
from dataclasses import replace
from pathlib import Path

from mountfs import daemon
from mountfs.errors import StorageUnavailable
from mountfs.interfaces import ChunkStore
from mountfs.launch import MountRequest
from mountfs.model import ChunkId, ChunkRef
from mountfs.testing.disks import Call, FaultyDisk
from mountfs.testing.stores import StoreAround


class Fault:
    """Counts calls, and says which one is to fail."""

    def __init__(self, folder: Path, name: str) -> None:
        self._order = folder / name
        self._fired = folder / "fired"
        self._lock = threading.Lock()
        self._known = ""
        self._calls = 0

    def hits(self, what: str) -> str | None:
        """What is said of the fault, if it is this call's turn."""
        with self._lock:
            try:
                order = self._order.read_text(encoding="ascii")
            except FileNotFoundError:
                order = ""
            if order != self._known:
                self._known, self._calls = order, 0
            if not order:
                return None
            self._calls += 1
            which, _, how = order.partition(" ")
            if which not in ("*", str(self._calls)):
                return None
            with open(self._fired, "a", encoding="ascii") as fired:
                fired.write(f"{what} {self._calls}\n")
            return how

    def of_disk(self, call: Call) -> int | None:
        """The error number for a call of the disk. Reads do not count."""
        how = self.hits(f"{call.name} {call.why}") if call.changes else None
        return None if how is None else int(getattr(errno, how))


class FaultyStore(StoreAround):
    """A store that fails when it is told to."""

    def __init__(self, inner: ChunkStore, fault: Fault) -> None:
        super().__init__(inner)
        self._fault = fault

    def get(self, ref: ChunkRef) -> bytes:
        """The inner store's answer, or StorageUnavailable."""
        self._perhaps("get")
        return super().get(ref)

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame, or StorageUnavailable."""
        self._perhaps("put")
        super().put(chunk, frame)

    def missing(self, chunks: Many[ChunkId]) -> set[ChunkId]:
        """The inner store's answer, or StorageUnavailable."""
        self._perhaps("missing")
        return super().missing(chunks)

    def _perhaps(self, what: str) -> None:
        if self._fault.hits(what) is not None:
            raise StorageUnavailable("the store has an input/output error")


def run(request: MountRequest, ready: daemon.Ready) -> None:
    """As `mountfs.daemon.run`, with a disk and a store that may fail."""
    folder = request.mount_point.parent / "fault"
    folder.mkdir(exist_ok=True)
    disk, store = Fault(folder, "disk"), Fault(folder, "store")
    with daemon.opened(request) as parts:
        faulty = replace(
            parts,
            chunks=FaultyStore(parts.chunks, store),
            wrap_disk=lambda inner: FaultyDisk(inner, disk.of_disk),
        )
        daemon.serve(request, faulty, ready)


if __name__ == "__main__":
    daemon.main(run)
