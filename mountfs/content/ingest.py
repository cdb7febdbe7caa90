"""A file's bytes into a chunk store, each read once (`pipeline` says how)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

from mountfs.content._cutter import MINIMUM
from mountfs.content.pipeline import ByteSource, Ingested, Pipeline, Work, fill
from mountfs.digest import chunk_id, encode_frame, xxh3_hex
from mountfs.interfaces import ChunkStore
from mountfs.model import Chunk


def ingest(
    source: ByteSource, store: ChunkStore, *, progress: Callable[[int], None] | None = None
) -> Ingested:
    """Read ``source`` to its end, and put the chunks that the store does not have yet.

    What is recorded is what was read, whatever happens to the file meanwhile. ``progress`` is told, in the
    caller's thread, the bytes of each step. The first error of the source (OSError), of the store, or of
    ``progress`` stops everything and is raised; chunks already put stay, unreferenced. When this returns or
    raises, no thread of it runs any more.
    """
    started = time.perf_counter()
    told = progress or nobody_listens
    first = bytearray(MINIMUM + 1)
    size = fill(source, memoryview(first))
    if size <= MINIMUM:
        told(size)
        taken = _ingest_one(memoryview(first)[:size], store)
    else:
        with Pipeline(store, told) as pipeline:
            pipeline.read(BytesIO(first))
            pipeline.read(source)
            taken = pipeline.finish()
    return replace(taken, work=replace(taken.work, seconds=time.perf_counter() - started))


def nobody_listens(_count: int) -> None:
    """The progress of a caller who does not want to know."""


def _ingest_one(raw: memoryview, store: ChunkStore) -> Ingested:
    """A file of at most the minimum chunk size: one chunk, or none. Threads would not pay."""
    if not raw:
        return Ingested(0, xxh3_hex(raw), (), 0)
    chunk = Chunk(chunk_id(raw), len(raw))
    if not store.missing((chunk.id,)):
        return Ingested(chunk.size, xxh3_hex(raw), (chunk,), 0, Work(cut_bytes=chunk.size))
    frame = encode_frame(raw)
    store.put(chunk.id, frame)
    work = Work(cut_bytes=chunk.size, frame_bytes=len(frame), new_chunks=1)
    return Ingested(chunk.size, xxh3_hex(raw), (chunk,), chunk.size, work)
