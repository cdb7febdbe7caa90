"""The project's chunks as far as one viewer reaches: a ChunkStore around the project's own.

Getting a chunk goes through a checkpoint, and each time it is looked anew whether its asset is visible and
the role allows it: who has been taken off an asset gets nothing further, whatever they opened before. (An
open file stays on its version: what was the newest when its manifest was given out is not history.) What is
missing is answered from the same view, so that it says nothing about hidden content.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection as Many
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mountfs.digest import MAX_CHUNK, decode_frame, frame_content_size
from mountfs.errors import ChunkCorrupt, ChunkMissing, MountfsError
from mountfs.interfaces import ChunkStore, frames_of, put_all
from mountfs.model import AssetId, CheckpointId, Chunk, ChunkId, ChunkRef
from mountfs.rights import may_read, may_see_history
from mountfs.studio.change import nothing
from mountfs.studio.manifests import Lately, Recorded, Sent, lately, recorded, visible_chunks
from mountfs.studio.permissions import NEEDS, Act, require

if TYPE_CHECKING:
    from mountfs.studio.view import View

_TEMPLATES = frozenset({*NEEDS[Act.ADD_TEMPLATE], *NEEDS[Act.REPLACE_TEMPLATE]})
"""The rights with which content may be brought that is nobody's version."""

_KEPT_CHUNKS = 200_000
"""How many chunk ids of manifests are remembered: about 30 MB."""


class ChunkView:
    """One viewer's chunks. Usable from any thread."""

    def __init__(self, view: View, store: ChunkStore, sent: Sent) -> None:
        self._view = view
        self._store = store
        self._sent = sent
        self._lock = threading.Lock()
        self._manifests: OrderedDict[CheckpointId, tuple[Recorded, tuple[ChunkId, ...]]] = OrderedDict()
        self._kept = 0

    def get(self, ref: ChunkRef) -> bytes:
        """The frame. NotFound unless it is in a checkpoint of an asset that is visible now; NotPermitted."""
        if not self._view.is_owner:
            self._require_in_reach(ref)
        return self._store.get(ref)

    def get_many(self, refs: Sequence[ChunkRef]) -> list[bytes | Exception]:
        """The frames, or what `get` would raise."""
        if self._view.is_owner:
            return frames_of(self._store, refs)
        out_of_reach: dict[ChunkRef, Exception] = {}
        for ref in refs:
            try:
                self._require_in_reach(ref)
            except MountfsError as exc:
                out_of_reach[ref] = exc
        frames = iter(frames_of(self._store, [ref for ref in refs if ref not in out_of_reach]))
        return [out_of_reach.get(ref) or next(frames) for ref in refs]

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame, after a look into it unless the owner brings it. NotPermitted, ChunkCorrupt."""
        self._look_into(chunk, frame)
        self._store.put(chunk, frame)

    def put_many(self, frames: Mapping[ChunkId, bytes]) -> None:
        """The same for many."""
        for chunk, frame in frames.items():
            self._look_into(chunk, frame)
        put_all(self._store, frames)

    def require_room(self, chunks: int, length: int) -> None:
        """QuotaExceeded unless the viewer may send so many chunks, and bytes of them, before a version of
        theirs has what they sent before."""
        if not self._view.is_owner:
            self._sent.uploads.require_room(self._view.viewer().person.id, chunks, length)

    def require_putting(self) -> None:
        """NotPermitted unless the viewer may bring content at all."""
        viewer = self._view.viewer()
        if not self._view.is_owner and not _TEMPLATES & viewer.may:
            require(viewer, Act.PUBLISH)

    def _look_into(self, chunk: ChunkId, frame: bytes) -> None:
        if not self._view.is_owner:
            self.require_putting()
            viewer = self._view.viewer()
            size = frame_content_size(frame)
            if size is None or not 0 < size <= MAX_CHUNK:
                raise ChunkCorrupt(chunk, "the frame does not say how much it holds, or too much")
            decode_frame(frame, Chunk(chunk, size))
            self._sent.uploads.add(viewer.person.id, chunk, len(frame))

    def missing(self, chunks: Many[ChunkId]) -> set[ChunkId]:
        """Those that the viewer must put before a manifest of theirs may name them."""
        absent = self._store.missing(chunks)
        if self._view.is_owner:
            return absent
        viewer = self._view.viewer()
        unknown = set(chunks) - absent
        unknown -= self._sent.uploads.among(viewer.person.id, unknown)
        if unknown and may_read(viewer):
            index, old_ones = self._sent.index, may_see_history(viewer)
            index.follow()
            # Nobody else is held up meanwhile: what is seen by then is asked again when a version is offered.
            with self._view.snapshot() as (connection, sight):
                unknown -= visible_chunks(connection, index, sight, unknown, self._lately, old_ones=old_ones)
        return absent | unknown

    def _lately(self, assets: set[AssetId]) -> Mapping[AssetId, Lately]:
        with self._view.looking() as (_, catalogue, _):
            return lately(catalogue, assets)

    def in_reach(self, checkpoint: CheckpointId) -> tuple[ChunkId, ...]:
        """The chunks of a checkpoint, in their order, for whoever may have its content now. NotFound,
        NotPermitted."""
        version, chunks = self._manifest(checkpoint)
        self._view.require_in_reach(version)
        return chunks

    def _require_in_reach(self, ref: ChunkRef) -> None:
        chunks = self.in_reach(ref.checkpoint)
        if ref.chunk.id not in chunks:
            # A piece of what is lost has a name that no store knows (see `storage.chunk_sizes`).
            raise ChunkMissing(ref.chunk.id) if ref.chunk.id.endswith("?") else nothing()

    def _manifest(self, checkpoint: CheckpointId) -> tuple[Recorded, tuple[ChunkId, ...]]:
        """A checkpoint's chunks. They never change, so they are read once; whose they are is asked again."""
        with self._lock:
            if checkpoint in self._manifests:
                self._manifests.move_to_end(checkpoint)
                return self._manifests[checkpoint]
        with self._view.looking() as (connection, _, _):
            version = recorded(connection, [checkpoint]).get(checkpoint)
        if version is None or version.trashed:
            raise nothing()
        chunks = version.chunk_ids()
        with self._lock:
            self._manifests[checkpoint] = (version._replace(chunks=""), chunks)
            self._kept += len(chunks) + 1
            while self._kept > _KEPT_CHUNKS and len(self._manifests) > 1:
                _, (_, gone) = self._manifests.popitem(last=False)
                self._kept -= len(gone) + 1
        return version, chunks
