"""A file's bytes into a chunk store, in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import xxhash

from mountfs.content._cutter import Cutter
from mountfs.digest import chunk_id, encode_frame
from mountfs.interfaces import ChunkStore
from mountfs.model import Chunk

READ_SIZE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ingested:
    """What was read: size in bytes, XXH3 of the whole, chunks in order; bytes (raw) the store did not have."""

    size: int
    xxh3: str
    chunks: tuple[Chunk, ...]
    new_bytes: int


def ingest(source: BinaryIO, store: ChunkStore, *, progress: Callable[[int], None] | None = None) -> Ingested:
    """Read ``source`` to its end, and put the chunks that the store does not have yet.

    ``progress`` is told the bytes of each step. Errors of the source (OSError) and of the store pass through.
    """
    cutter = Cutter()
    whole = xxhash.xxh3_64()
    chunks: list[Chunk] = []
    new_bytes = 0
    pending = bytearray()

    def end_chunk(raw: bytes) -> None:
        nonlocal new_bytes
        chunk = Chunk(chunk_id(raw), len(raw))
        chunks.append(chunk)
        if store.missing([chunk.id]):
            store.put(chunk.id, encode_frame(raw))
            new_bytes += chunk.size

    while piece := source.read(READ_SIZE):
        whole.update(piece)
        begin = 0
        for end in cutter.cuts(piece):
            pending += piece[begin:end]
            end_chunk(bytes(pending))
            pending.clear()
            begin = end
        pending += piece[begin:]
        if progress is not None:
            progress(len(piece))
    if pending:
        end_chunk(bytes(pending))
    return Ingested(sum(chunk.size for chunk in chunks), whole.hexdigest(), tuple(chunks), new_bytes)
