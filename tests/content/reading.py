"""A library with a reader, for tests: content in memory, and the stores around it that count or wait."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio
import trio.testing

from mountfs.content.library import DEFAULT_BUDGET, ContentLibrary
from mountfs.digest import xxh3_hex
from mountfs.interfaces import ChunkStore
from mountfs.model import CheckpointId, Chunk, Manifest
from mountfs.testing.stores import MemoryStore, SlowStore

KIB = 1024
MIB = 1024 * KIB


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that repeat nowhere."""
    return random.Random(seed).randbytes(size)


def store_file(store: MemoryStore, name: str, data: bytes, sizes: Sequence[int]) -> Manifest:
    """Keep data as chunks of the given sizes; the last size repeats until the end."""
    chunks: list[Chunk] = []
    start = 0
    while start < len(data):
        size = sizes[min(len(chunks), len(sizes) - 1)]
        chunks.append(store.add(data[start : start + size]))
        start += size
    return Manifest(CheckpointId(name), len(data), xxh3_hex(data), tuple(chunks))


@asynccontextmanager
async def library_of(
    store: ChunkStore, *, budget: int = DEFAULT_BUDGET, workers: int = 2, failure_rest: float = 60.0
) -> AsyncIterator[ContentLibrary]:
    """A library at work, and stopped afterwards."""
    library = ContentLibrary(store, budget=budget, workers=workers, failure_rest=failure_rest)
    async with trio.open_nursery() as nursery:
        await nursery.start(library.run)
        yield library
        nursery.cancel_scope.cancel()


async def arrivals(slow: SlowStore, count: int) -> None:
    """Wait until so many chunks are being fetched."""
    await trio.to_thread.run_sync(slow.wait_for_arrivals, count)


async def settled() -> None:
    """Wait until no task of the loop has anything to do."""
    await trio.testing.wait_all_tasks_blocked()


async def settled_threads(library: ContentLibrary) -> None:
    """Wait until the workers have nothing to do."""
    with trio.fail_after(30):
        while library.busy:
            await trio.lowlevel.checkpoint()
