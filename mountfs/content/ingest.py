"""A file's bytes into a chunk store: read once, cut, named, compressed and kept, on all cores.

Three parties work at the same time. The *caller's thread* reads into a buffer, takes the bytes into the XXH3
of the whole, and cuts. The *workers* compute SHA-256 of each chunk where it lies in the buffer, and compress.
The *keeper*, one thread, settles one buffer after another: it asks the store which of the buffer's chunks are
missing, has only those compressed, and has them put by a few *writers*, since most of what a store does is to
wait for a disk. Then the buffer is free again; its last bytes, which no cut has ended yet, were copied to the
beginning of the next one before.

So memory is bounded by the buffers and by the frames of the one buffer that is being settled: 48 MiB, however
large the file is and however slow the store. All of Python's part of the work is per chunk; reading, cutting,
hashing and compressing run without the interpreter's lock.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import Protocol, Self

import xxhash

from mountfs.content._cutter import MINIMUM, Cutter
from mountfs.digest import chunk_id, encode_frame, xxh3_hex
from mountfs.interfaces import ChunkStore
from mountfs.model import Chunk, ChunkId

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
class Ingested:
    """What was read.

    ``size`` in bytes, XXH3 of the whole, chunks in order; ``new_bytes``: raw bytes the store did not have.
    """

    size: int
    xxh3: str
    chunks: tuple[Chunk, ...]
    new_bytes: int


def ingest(
    source: ByteSource, store: ChunkStore, *, progress: Callable[[int], None] | None = None
) -> Ingested:
    """Read ``source`` to its end, and put the chunks that the store does not have yet.

    What is recorded is what was read, whatever happens to the file meanwhile. ``progress`` is told, in the
    caller's thread, the bytes of each step. The first error of the source (OSError), of the store, or of
    ``progress`` stops everything and is raised; chunks already put stay, unreferenced. When this returns or
    raises, no thread of it runs any more.
    """
    told = progress or _nobody_listens
    first = bytearray(MINIMUM + 1)
    size = _fill(source, memoryview(first))
    if size <= MINIMUM:
        told(size)
        return _ingest_one(memoryview(first)[:size], store)
    with _Pipeline(store) as pipeline:
        return pipeline.take_in(source, first, told)


def _nobody_listens(_count: int) -> None:
    """The progress of a caller who does not want to know."""


def _fill(source: ByteSource, view: memoryview) -> int:
    """Read until the view is full or the source ends; the number of bytes."""
    filled = 0
    while filled < len(view) and (count := source.readinto(view[filled:])):
        filled += count
    return filled


def _ingest_one(raw: memoryview, store: ChunkStore) -> Ingested:
    """A file of at most the minimum chunk size: one chunk, or none. Threads would not pay."""
    if not raw:
        return Ingested(0, xxh3_hex(raw), (), 0)
    chunk = Chunk(chunk_id(raw), len(raw))
    is_new = bool(store.missing((chunk.id,)))
    if is_new:
        store.put(chunk.id, encode_frame(raw))
    return Ingested(chunk.size, xxh3_hex(raw), (chunk,), chunk.size if is_new else 0)


class _Batch:
    """The chunks that lie in one buffer, in order."""

    def __init__(self, buffer: bytearray) -> None:
        self.buffer = buffer
        self.view = memoryview(buffer)
        self.pieces: list[memoryview] = []
        self.names: list[Future[ChunkId]] = []


@dataclass(frozen=True, slots=True)
class _Settled:
    """What remains of a batch when the store has its chunks."""

    chunks: tuple[Chunk, ...]
    new_bytes: int


class _Pipeline:
    """The threads and buffers of one `ingest` call; leaving the context ends them all."""

    def __init__(self, store: ChunkStore) -> None:
        self._store = store
        self._workers = ThreadPoolExecutor(max(2, os.cpu_count() or 2), "ingest-worker")
        self._keeper = ThreadPoolExecutor(1, "ingest-keeper")
        self._writers = ThreadPoolExecutor(WRITERS, "ingest-writer")
        self._free: SimpleQueue[bytearray] = SimpleQueue()
        self._unused = BUFFERS
        self._settled: list[Future[_Settled]] = []

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

    def take_in(self, source: ByteSource, first: bytearray, told: Callable[[int], None]) -> Ingested:
        """The bytes already read, which are more than the smallest chunk, and the rest of the source."""
        cutter = Cutter()
        whole = xxhash.xxh3_64()
        batch = self._new_batch()
        batch.view[: len(first)] = first
        begin, read, count = 0, 0, len(first)
        while count:
            told(count)
            whole.update(batch.view[read : read + count])
            for end in cutter.cuts(batch.view[read : read + count]):
                self._end_chunk(batch, begin, read + end)
                begin = read + end
            read += count
            if read == BUFFER_SIZE:
                rest = batch.view[begin:]
                following = self._new_batch()
                following.view[: len(rest)] = rest
                begin, read = 0, len(rest)
                self._settle(batch)
                batch = following
            count = _fill(source, batch.view[read : read + READ_SIZE])
        if begin < read:
            self._end_chunk(batch, begin, read)
        self._settle(batch)
        settled = [future.result() for future in self._settled]
        chunks = tuple(chunk for part in settled for chunk in part.chunks)
        size = sum(chunk.size for chunk in chunks)
        return Ingested(size, whole.hexdigest(), chunks, sum(part.new_bytes for part in settled))

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

    def _end_chunk(self, batch: _Batch, begin: int, end: int) -> None:
        piece = batch.view[begin:end]
        batch.pieces.append(piece)
        batch.names.append(self._workers.submit(chunk_id, piece))

    def _settle(self, batch: _Batch) -> None:
        self._settled.append(self._keeper.submit(self._keep, batch))

    def _keep(self, batch: _Batch) -> _Settled:
        """In the keeper: have the store keep what it lacks of a batch, then let the buffer go."""
        try:
            pieces = {name.result(): piece for name, piece in zip(batch.names, batch.pieces, strict=True)}
            lacking = self._store.missing(pieces.keys())
            frames = [
                (name, self._workers.submit(encode_frame, piece))
                for name, piece in pieces.items()
                if name in lacking
            ]
            puts = [self._writers.submit(self._store.put, name, frame.result()) for name, frame in frames]
            for put in puts:
                put.result()
            return _Settled(
                tuple(
                    Chunk(name.result(), len(piece))
                    for name, piece in zip(batch.names, batch.pieces, strict=True)
                ),
                sum(len(pieces[name]) for name in lacking),
            )
        finally:
            self._free.put(batch.buffer)
