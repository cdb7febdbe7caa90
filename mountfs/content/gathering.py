"""Many small files into a store: their chunks are kept together, not one by one.

A store that is a database has one transaction for each request, and whoever follows it is woken each time.
"""

from __future__ import annotations

import threading
from collections.abc import Collection as Many

from mountfs.interfaces import ChunkStore, put_all
from mountfs.model import ChunkId, ChunkRef

_TOGETHER = 8 << 20
"""Bytes of frames that are kept in one go."""


class GatheringStore:
    """A `ChunkStore` around a `ChunkStore` that keeps what is put when it is enough, or when told to."""

    def __init__(self, inner: ChunkStore) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._gathered: dict[ChunkId, bytes] = {}
        self._size = 0

    def get(self, ref: ChunkRef) -> bytes:
        """The frame of a chunk."""
        return self._gathered.get(ref.chunk.id) or self._inner.get(ref)

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame, sooner or later."""
        with self._lock:
            if chunk not in self._gathered:
                self._gathered[chunk] = frame
                self._size += len(frame)
            full = self._size >= _TOGETHER
        if full:
            self.flush()

    def missing(self, chunks: Many[ChunkId]) -> set[ChunkId]:
        """Which of these must still be put."""
        with self._lock:
            unknown = [chunk for chunk in chunks if chunk not in self._gathered]
        return self._inner.missing(unknown) if unknown else set()

    def flush(self) -> None:
        """Keep all that was put so far. What the inner store raises; it is all put again the next time."""
        with self._lock:
            if self._gathered:
                put_all(self._inner, self._gathered)
                self._gathered, self._size = {}, 0
