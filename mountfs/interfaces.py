"""The two seams of mountfs: ``Studio`` (who, what, which) and ``ChunkStore`` (bytes by name).

Both are **synchronous and blocking**: one call is one transaction or one transfer, and whoever runs an event
loop makes one thread hop for it (`trio.to_thread.run_sync` with a named limiter). So the same object serves a
command line, a server's worker thread and the mount, and cancelling the waiter never leaves half a
transaction. Implementations may be called from several threads at once.
"""

from __future__ import annotations

from collections.abc import Collection as Many
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from mountfs.model import (
    AssetId,
    Changes,
    Checkpoint,
    CheckpointId,
    ChunkId,
    ChunkRef,
    Collection,
    CollectionId,
    Cursor,
    Manifest,
    Proposal,
    Tree,
    Viewer,
)


class Studio(Protocol):
    """One project as one viewer may see and change it. Already bound: no method takes a user.

    What the viewer may not see raises `NotFound`, the same as what never existed.
    """

    def viewer(self) -> Viewer:
        """Whose eyes these answers are for."""

    def tree(self) -> Tree:
        """All that is visible now."""

    def changes(self, since: Cursor, wait: float = 0.0) -> Changes:
        """What is different since ``since``; with ``wait``, block at most that long (seconds) for news."""

    def manifest(self, checkpoint: CheckpointId) -> Manifest:
        """The chunks of a checkpoint of a visible asset. NotPermitted without `pull_chunk`, and for a
        checkpoint that is not the asset's head also without `view_checkpoint`."""

    def manifests(self, checkpoints: Sequence[CheckpointId]) -> Mapping[CheckpointId, Manifest]:
        """The manifests of several checkpoints in one go, for whoever reads many small files.

        What `manifest` would refuse or could not make out is left out; ask it for the reason.
        """

    def history(self, asset: AssetId) -> Sequence[Checkpoint]:
        """All checkpoints of a visible asset that are not trashed, newest first. NotPermitted without
        `view_checkpoint`."""

    def needed_for(self, what: AssetId | CollectionId) -> Sequence[AssetId]:
        """The visible assets that a visible thing and all below it depends on, transitively, without
        itself."""

    def publish(self, proposals: Sequence[Proposal]) -> Sequence[Checkpoint]:
        """Accept finished versions, all of them or none, in one transaction. Their chunks must be stored.

        Offering the same proposal again (same ids, manifest and author) answers as the first time.
        """

    def make_collection(self, collection: CollectionId, name: str, parent: CollectionId) -> Collection:
        """A new collection with an id chosen by the caller. The same again answers as the first time."""

    def rename(self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId) -> None:
        """Give an asset or a collection (whose extension is empty) another name, another parent, or both."""

    def check_rename(
        self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId
    ) -> None:
        """Raise what `rename` would raise, and change nothing."""

    def trash(self, what: AssetId | CollectionId) -> None:
        """Move an asset or a collection to the trash."""

    def set_status(self, asset: AssetId, status: str) -> None:
        """Give an asset a status, by its short name."""

    def ignore_list(self) -> Sequence[str]:
        """The project's patterns for names that stay local."""


@runtime_checkable
class BulkStudio(Protocol):
    """What a Studio may offer too: the same act on many things for less than one after another."""

    def trash_assets(self, assets: Sequence[AssetId]) -> None:
        """Move assets to the trash, all of them or none, in one transaction."""


class ChunkStore(Protocol):
    """Chunks by name, as zstd frames. What is inside a frame is checked by whoever decodes it."""

    def get(self, ref: ChunkRef) -> bytes:
        """The frame of a chunk. ChunkMissing, StorageUnavailable."""

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame. Durable when it returns, or within the next `publish`; the same twice is no error."""

    def missing(self, chunks: Many[ChunkId]) -> set[ChunkId]:
        """Which of these must still be put before a manifest may name them."""


@runtime_checkable
class BatchStore(Protocol):
    """What a ChunkStore may offer too: several chunks for less than one after another."""

    def get_many(self, refs: Sequence[ChunkRef]) -> list[bytes | Exception]:
        """For each chunk its frame, or what `get` would raise. Best asked for a few small chunks: all
        frames are in memory together."""


@runtime_checkable
class DecodingStore(Protocol):
    """What a ChunkStore may offer too: raw bytes, by whoever has to decode and verify frames anyway."""

    def get_decoded(self, refs: Sequence[ChunkRef]) -> list[bytes | Exception]:
        """For each chunk its raw bytes, verified, or why they cannot be had."""


@runtime_checkable
class BulkStore(Protocol):
    """What a ChunkStore may offer too: keeping many small chunks for less than one after another."""

    def put_many(self, frames: Mapping[ChunkId, bytes]) -> None:
        """Keep frames, as `ChunkStore.put` does each; after an error some may be kept."""


def put_all(store: ChunkStore, frames: Mapping[ChunkId, bytes]) -> None:
    """Keep frames, in as few requests as the store allows."""
    if isinstance(store, BulkStore):
        store.put_many(frames)
        return
    for chunk, frame in frames.items():
        store.put(chunk, frame)


def frames_of(store: ChunkStore, refs: Sequence[ChunkRef]) -> list[bytes | Exception]:
    """For each chunk its frame, or why it cannot be had, in as few requests as the store allows."""
    if len(refs) > 1 and isinstance(store, BatchStore):
        return store.get_many(refs)
    return [frame_of(store, ref) for ref in refs]


def frame_of(store: ChunkStore, ref: ChunkRef) -> bytes | Exception:
    """The frame of a chunk, or why it cannot be had."""
    try:
        return store.get(ref)
    except Exception as exc:  # noqa: BLE001 - it belongs to whoever wants this chunk, not to the others
        return exc
