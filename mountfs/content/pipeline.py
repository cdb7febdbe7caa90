"""Bytes into a chunk store: cut, named, compressed and kept, on all cores.

Three parties work at the same time. The *caller's thread* reads into a buffer, takes the bytes into the XXH3
of the whole, and cuts. The *workers* compute SHA-256 of each chunk where it lies in the buffer, and compress.
The *keeper*, one thread, settles one buffer after another: it asks the store which of the buffer's chunks are
missing, has only those compressed, and has them put by a few *writers*, since most of what a store does is to
wait for a disk. Then the buffer is free again; its last bytes, which no cut has ended yet, were copied to the
beginning of the next one before.

So memory is bounded by the buffers and by the frames of the one buffer that is being settled: 48 MiB, however
large the file is and however slow the store. All of Python's part of the work is per chunk; reading, cutting,
hashing and compressing run without the interpreter's lock.

A chunk that is known already can stand between two cuts. Then it costs its XXH3 only.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import TracebackType
from typing import Protocol, Self

import xxhash

from mountfs.content._cutter import Cutter
from mountfs.digest import chunk_id, encode_frame
from mountfs.interfaces import ChunkStore
from mountfs.model import Chunk

BUFFERS = 3
BUFFER_SIZE = 12 * 1024 * 1024
"""Bytes. More than the largest chunk, or a buffer might never hold a whole one."""

READ_SIZE = 2 * 1024 * 1024
"""Bytes read before they are cut: small enough that they are still in the processor's cache then."""

WRITERS = 4
"""Puts at the same time. A store of files waits for the disk at each: four at once took a third as long."""


class ByteSource(Protocol):
    """What can be ingested: a file opened for reading bytes, a ``BytesIO``."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer as far as possible; how many bytes, 0 at the end."""


@dataclass(frozen=True, slots=True)
class Work:
    """What it took. Bytes are those of content, not of frames, if nothing else is said."""

    local_bytes: int = 0
    """Read from local files of a changed file."""
    base_bytes: int = 0
    """Of the base, fetched and decompressed."""
    base_checked: int = 0
    """Of these, those whose SHA-256 was computed."""
    cut_bytes: int = 0
    """Cut, and named by their SHA-256."""
    frame_bytes: int = 0
    """Size of the frames that were put."""
    new_chunks: int = 0
    """Chunks that were compressed and put."""
    reused_chunks: int = 0
    """Chunks taken over from the base as they are."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Ingested:
    """What was read.

    ``size`` in bytes, XXH3 of the whole, chunks in order; ``new_bytes``: raw bytes the store did not have,
    which are those that were compressed.
    """

    size: int
    xxh3: str
    chunks: tuple[Chunk, ...]
    new_bytes: int
    work: Work = field(default=Work(), compare=False)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the store did not have of one batch."""

    raw_bytes: int
    frame_bytes: int
    chunks: int


class _Batch:
    """The chunks that lie in one buffer, in order."""

    def __init__(self, buffer: bytearray) -> None:
        self.buffer = buffer
        self.view = memoryview(buffer)
        self.pieces: list[memoryview] = []
        self.names: list[Future[Chunk]] = []


class Pipeline:
    """The threads and buffers that one content goes through; leaving the context ends them all.

    ``told`` is told, in the caller's thread, the bytes of each step. The first error of a source, the store
    or ``told`` is raised by whatever is called next.
    """

    def __init__(self, store: ChunkStore, told: Callable[[int], None]) -> None:
        self._store = store
        self._told = told
        self._workers = ThreadPoolExecutor(max(2, os.cpu_count() or 2), "ingest-worker")
        self._keeper = ThreadPoolExecutor(1, "ingest-keeper")
        self._writers = ThreadPoolExecutor(WRITERS, "ingest-writer")
        self._free: SimpleQueue[bytearray] = SimpleQueue()
        self._unused = BUFFERS
        self._settled: list[Future[_Kept]] = []
        self._chunks: list[Chunk | Future[Chunk]] = []
        self._whole = xxhash.xxh3_64()
        self._cutter = Cutter()
        self._batch = self._new_batch()
        self._begin = 0
        """Where in the buffer the chunk begins that no cut has ended yet."""
        self._end = 0
        """Where in the buffer the bytes end that were read."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an error the keeper may be waiting for a worker: cancelling the workers' queue wakes it.
        self._keeper.shutdown(wait=False, cancel_futures=exc is not None)
        self._workers.shutdown(wait=True, cancel_futures=exc is not None)
        self._writers.shutdown(wait=True, cancel_futures=exc is not None)
        self._keeper.shutdown(wait=True)

    @property
    def is_at_cut(self) -> bool:
        """Whether a chunk ends with the last byte so far, or there is none yet."""
        return self._begin == self._end

    def read(self, source: ByteSource) -> None:
        """Take in a source to its end, as the next bytes."""
        while count := fill(source, self._batch.view[self._end : self._end + READ_SIZE]):
            self._told(count)
            fresh = self._batch.view[self._end : self._end + count]
            self._whole.update(fresh)
            for length in self._cutter.cuts(fresh):
                self._end_chunk(self._end + length)
            self._end += count
            if self._end == BUFFER_SIZE:
                self._turn_over()

    def reuse(self, chunk: Chunk, raw: bytes) -> None:
        """Take in a known chunk as the next bytes. Only after a cut, and only if the next cut is its end."""
        assert self.is_at_cut
        self._whole.update(raw)
        self._chunks.append(chunk)
        self._told(len(raw))

    def finish(self) -> Ingested:
        """All was read: what it was, once the store has it."""
        if not self.is_at_cut:
            self._end_chunk(self._end)
        self._settle()
        kept = [future.result() for future in self._settled]
        chunks = tuple(chunk if isinstance(chunk, Chunk) else chunk.result() for chunk in self._chunks)
        known = [chunk for chunk in self._chunks if isinstance(chunk, Chunk)]
        size = sum(chunk.size for chunk in chunks)
        work = Work(
            cut_bytes=size - sum(chunk.size for chunk in known),
            frame_bytes=sum(part.frame_bytes for part in kept),
            new_chunks=sum(part.chunks for part in kept),
            reused_chunks=len(known),
        )
        return Ingested(size, self._whole.hexdigest(), chunks, sum(part.raw_bytes for part in kept), work)

    def _new_batch(self) -> _Batch:
        """An empty batch, as soon as a buffer is free; an error of an earlier batch is raised here."""
        if self._unused:
            self._unused -= 1
            return _Batch(bytearray(BUFFER_SIZE))
        buffer = self._free.get()
        for future in self._settled:
            if future.done():
                future.result()
        return _Batch(buffer)

    def _end_chunk(self, end: int) -> None:
        piece = self._batch.view[self._begin : end]
        self._begin = end
        name = self._workers.submit(_name, piece)
        self._batch.pieces.append(piece)
        self._batch.names.append(name)
        self._chunks.append(name)

    def _turn_over(self) -> None:
        """The buffer is full: go on in another one, which begins with the bytes that no cut has ended."""
        rest = self._batch.view[self._begin : self._end]
        following = self._new_batch()
        following.view[: len(rest)] = rest
        self._settle()
        self._batch, self._begin, self._end = following, 0, len(rest)

    def _settle(self) -> None:
        self._settled.append(self._keeper.submit(self._keep, self._batch))

    def _keep(self, batch: _Batch) -> _Kept:
        """In the keeper: have the store keep what it lacks of a batch, then let the buffer go."""
        try:
            pieces = {name.result().id: piece for name, piece in zip(batch.names, batch.pieces, strict=True)}
            lacking = self._store.missing(pieces.keys())
            frames = [
                (name, self._workers.submit(encode_frame, piece))
                for name, piece in pieces.items()
                if name in lacking
            ]
            size = 0
            puts = []
            for name, frame in frames:
                size += len(frame.result())
                puts.append(self._writers.submit(self._store.put, name, frame.result()))
            for put in puts:
                put.result()
            return _Kept(sum(len(pieces[name]) for name in lacking), size, len(frames))
        finally:
            self._free.put(batch.buffer)


def fill(source: ByteSource, view: memoryview) -> int:
    """Read until the view is full or the source ends; the number of bytes."""
    filled = 0
    while filled < len(view) and (count := source.readinto(view[filled:])):
        filled += count
    return filled


def _name(raw: memoryview) -> Chunk:
    return Chunk(chunk_id(raw), len(raw))
