"""Chunk stores for tests: one in memory, and others around any store that count, fail or wait.

All are real stores and pass the contract suite of `ChunkStore`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from collections.abc import Collection as Many

from mountfs.digest import chunk_id, encode_frame
from mountfs.errors import ChunkMissing, StorageUnavailable
from mountfs.interfaces import ChunkStore
from mountfs.model import Chunk, ChunkId, ChunkRef


class MemoryStore:
    """Chunks in a dict. ``frames`` is open to tests that damage or remove one."""

    def __init__(self) -> None:
        self.frames: dict[ChunkId, bytes] = {}

    def get(self, ref: ChunkRef) -> bytes:
        """The frame of a chunk. ChunkMissing."""
        try:
            return self.frames[ref.chunk.id]
        except KeyError:
            raise ChunkMissing(ref.chunk.id) from None

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame; the first one of a name stays."""
        self.frames.setdefault(chunk, frame)

    def missing(self, chunks: Many[ChunkId]) -> set[ChunkId]:
        """Which of these are not kept."""
        return {chunk for chunk in chunks if chunk not in self.frames}

    def add(self, raw: bytes) -> Chunk:
        """Keep raw bytes as one chunk."""
        chunk = Chunk(chunk_id(raw), len(raw))
        self.put(chunk.id, encode_frame(raw))
        return chunk


class StoreAround:
    """Passes everything to another store; the stores below change one thing each."""

    def __init__(self, inner: ChunkStore) -> None:
        self.inner = inner

    def get(self, ref: ChunkRef) -> bytes:
        """The inner store's answer."""
        return self.inner.get(ref)

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame in the inner store."""
        self.inner.put(chunk, frame)

    def missing(self, chunks: Many[ChunkId]) -> set[ChunkId]:
        """The inner store's answer."""
        return self.inner.missing(chunks)


class CountingStore(StoreAround):
    """Counts how often each chunk is got and put, and how many calls run at the same time."""

    def __init__(self, inner: ChunkStore) -> None:
        super().__init__(inner)
        self.gets: Counter[ChunkId] = Counter()
        self.puts: Counter[ChunkId] = Counter()
        self.running = 0
        self.most_running = 0
        self._lock = threading.Lock()

    def get(self, ref: ChunkRef) -> bytes:
        """The inner store's answer, counted, even if it is an error."""
        with self._lock:
            self.gets[ref.chunk.id] += 1
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            return super().get(ref)
        finally:
            with self._lock:
                self.running -= 1

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame, counted."""
        with self._lock:
            self.puts[chunk] += 1
        super().put(chunk, frame)


class FlakyStore(StoreAround):
    """Fails the calls that ``fails`` picks by their name and chunk, as a disk or a network does."""

    def __init__(self, inner: ChunkStore, fails: Callable[[str, ChunkId], bool]) -> None:
        super().__init__(inner)
        self.fails = fails

    def _perhaps(self, call: str, chunk: ChunkId) -> None:
        if self.fails(call, chunk):
            raise StorageUnavailable(f"the store does not answer ({call} of {chunk})")

    def get(self, ref: ChunkRef) -> bytes:
        """The inner store's answer, or StorageUnavailable."""
        self._perhaps("get", ref.chunk.id)
        return super().get(ref)

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame, or StorageUnavailable."""
        self._perhaps("put", chunk)
        super().put(chunk, frame)

    def missing(self, chunks: Many[ChunkId]) -> set[ChunkId]:
        """The inner store's answer, or StorageUnavailable if any of the chunks is picked."""
        for chunk in chunks:
            self._perhaps("missing", chunk)
        return super().missing(chunks)


class SlowStore(StoreAround):
    """Answers no ``get`` before a test lets it: `arrived` counts who waits, `open` lets through.

    Events, not times: a test that forgets to open the gate fails with StorageUnavailable after ``patience``
    seconds instead of hanging.
    """

    def __init__(self, inner: ChunkStore, *, patience: float = 30.0) -> None:
        super().__init__(inner)
        self.patience = patience
        self._state = threading.Condition()
        self._open = False
        self._opened: set[ChunkId] = set()
        self.arrived: list[ChunkId] = []

    def open(self, *chunks: ChunkId) -> None:
        """Let these chunks through, now and later; without any, all of them."""
        with self._state:
            self._open = self._open or not chunks
            self._opened.update(chunks)
            self._state.notify_all()

    def wait_for_arrivals(self, count: int) -> None:
        """Block until so many gets have come in, in all."""
        with self._state:
            if not self._state.wait_for(lambda: len(self.arrived) >= count, self.patience):
                raise AssertionError(f"{len(self.arrived)} gets came in, not {count}")

    def get(self, ref: ChunkRef) -> bytes:
        """The inner store's answer, once the test lets it through."""
        with self._state:
            self.arrived.append(ref.chunk.id)
            self._state.notify_all()
            if not self._state.wait_for(lambda: self._open or ref.chunk.id in self._opened, self.patience):
                raise StorageUnavailable("nobody opened the gate of a slow store")
        return super().get(ref)
