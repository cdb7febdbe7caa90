"""The program behind a mount, with a chunk store, a studio and a disk that get into trouble when a test asks.

    launch.start(request, program="mountfs.testing.troubled")

A test says so by files in the folder ``trouble`` beside the mount point, since it is another process:

- ``stall``: no chunk is handed out while it is there, as when a disk or a network hangs;
- ``stall-puts``: no chunk is stored while it is there;
- ``fail-puts``: storing a chunk is StorageUnavailable;
- ``fail``: every chunk is StorageUnavailable;
- ``bug``: the store raises what nobody expects;
- ``history-bug``: so does asking for a history;
- ``stall-publish``: the studio takes no version while it is there;
- ``stall-answers``: the studio makes folders, but does not say so while it is there;
- ``odd-names``: the tree has an asset ``odd`` that nobody can show (read when the mount begins);
- ``gets``: the store writes the id of every chunk it was asked for into it;
- ``disk``: calls of the disk for drafts fail: a line each, as in ``write ENOSPC``.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mountfs import daemon
from mountfs.errors import StorageUnavailable
from mountfs.interfaces import ChunkStore, Studio
from mountfs.launch import MountRequest
from mountfs.model import (
    AssetId,
    Checkpoint,
    ChunkId,
    ChunkRef,
    Collection,
    CollectionId,
    Proposal,
    Tree,
)
from mountfs.testing.disks import Call, FaultyDisk
from mountfs.testing.stores import StoreAround


class TroubledStore(StoreAround):
    """A store that looks for trouble before it answers."""

    def __init__(self, inner: ChunkStore, trouble: Path) -> None:
        super().__init__(inner)
        self._trouble = trouble
        self._lock = threading.Lock()

    def get(self, ref: ChunkRef) -> bytes:
        """The inner store's answer, or the trouble."""
        with self._lock, open(self._trouble / "gets", "a", encoding="ascii") as gets:
            gets.write(ref.chunk.id + "\n")
        pause = threading.Event()
        while (self._trouble / "stall").exists():
            pause.wait(0.01)
        if (self._trouble / "fail").exists():
            raise StorageUnavailable("the store does not answer")
        if (self._trouble / "bug").exists():
            raise ZeroDivisionError("a bug in the store")
        return super().get(ref)

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame in the inner store, once there is no trouble."""
        pause = threading.Event()
        while (self._trouble / "stall-puts").exists():
            pause.wait(0.01)
        if (self._trouble / "fail-puts").exists():
            raise StorageUnavailable("the store takes nothing")
        super().put(chunk, frame)


class TroubledStudio:
    """A studio that looks for trouble before it tells of history or the tree. The rest is the inner
    studio's.
    """

    def __init__(self, inner: Studio, trouble: Path) -> None:
        self._inner = inner
        self._trouble = trouble

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def tree(self) -> Tree:
        """The inner studio's answer, or the trouble."""
        tree = self._inner.tree()
        if not (self._trouble / "odd-names").exists():
            return tree
        nameless: Any = None
        odd = {one.id: replace(one, name=nameless) for one in tree.assets.values() if one.name == "odd"}
        return replace(tree, assets={**tree.assets, **odd})

    def publish(self, proposals: Sequence[Proposal]) -> Sequence[Checkpoint]:
        """The inner studio's answer, once there is no trouble."""
        pause = threading.Event()
        while (self._trouble / "stall-publish").exists():
            (self._trouble / "publishing").touch()
            pause.wait(0.01)
        return self._inner.publish(proposals)

    def make_collection(self, collection: CollectionId, name: str, parent: CollectionId) -> Collection:
        """The inner studio's answer, once there is no trouble."""
        made = self._inner.make_collection(collection, name, parent)
        pause = threading.Event()
        while (self._trouble / "stall-answers").exists():
            (self._trouble / "made").touch()
            pause.wait(0.01)
        return made

    def history(self, asset: AssetId) -> Sequence[Checkpoint]:
        """The inner studio's answer, or the trouble."""
        if (self._trouble / "history-bug").exists():
            raise ZeroDivisionError("a bug in the studio")
        return self._inner.history(asset)


def _fault(trouble: Path, call: Call) -> int | None:
    """The error number that a call of the disk fails with."""
    try:
        lines = (trouble / "disk").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return None
    faults = dict(line.split() for line in lines)
    return getattr(errno, faults[call.name]) if call.name in faults else None


def run(request: MountRequest, ready: daemon.Ready) -> None:
    """As `mountfs.daemon.run`, with trouble."""
    trouble = request.mount_point.parent / "trouble"
    trouble.mkdir(exist_ok=True)
    with daemon.opened(request) as parts:
        studio: Any = TroubledStudio(parts.studio, trouble)
        troubled = replace(
            parts,
            studio=studio,
            chunks=TroubledStore(parts.chunks, trouble),
            wrap_disk=lambda disk: FaultyDisk(disk, lambda call: _fault(trouble, call)),
        )
        daemon.serve(request, troubled, ready)


if __name__ == "__main__":
    daemon.main(run)
