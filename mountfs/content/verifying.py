"""Chunks from a store that is far away: verified as they come, and fetched once more if they came damaged.

What is damaged on its way is whole where it lies, so a second look costs nobody anything; what is damaged
there stays so, and is ChunkCorrupt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from mountfs.digest import decode_frame
from mountfs.errors import ChunkCorrupt
from mountfs.interfaces import ChunkStore, frame_of, frames_of, put_all
from mountfs.model import ChunkId, ChunkRef

Verified = tuple[bytes, bytes]
"""The frame of a chunk, and its raw bytes."""


def verified(store: ChunkStore, refs: Sequence[ChunkRef]) -> Iterator[Verified | Exception]:
    """For each chunk its frame and raw bytes, or why they cannot be had; in as few requests as possible."""
    for ref, frame in zip(refs, frames_of(store, refs), strict=True):
        outcome = _decoded(frame, ref)
        if isinstance(outcome, ChunkCorrupt):
            outcome = _decoded(frame_of(store, ref), ref)
        yield outcome


def _decoded(frame: bytes | Exception, ref: ChunkRef) -> Verified | Exception:
    if isinstance(frame, Exception):
        return frame
    try:
        return frame, decode_frame(frame, ref.chunk)
    except ChunkCorrupt as exc:
        return exc


class VerifyingStore:
    """A chunk store around one that is far away."""

    def __init__(self, inner: ChunkStore) -> None:
        self._inner = inner

    def get(self, ref: ChunkRef) -> bytes:
        """The frame of a chunk. What the inner store raises; ChunkCorrupt instead of a bad one."""
        (found,) = verified(self._inner, [ref])
        if isinstance(found, Exception):
            raise found
        return found[0]

    def get_decoded(self, refs: Sequence[ChunkRef]) -> list[bytes | Exception]:
        """For each chunk its raw bytes, or what `get` raises."""
        return [one if isinstance(one, Exception) else one[1] for one in verified(self._inner, refs)]

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame in the inner store."""
        self._inner.put(chunk, frame)

    def put_many(self, frames: Mapping[ChunkId, bytes]) -> None:
        """The same for several."""
        put_all(self._inner, frames)

    def missing(self, chunks: Collection[ChunkId]) -> set[ChunkId]:
        """The inner store's answer."""
        return self._inner.missing(chunks)
