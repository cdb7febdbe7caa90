"""What is fetched before it is asked for, and that it is fetched once."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
import trio

from mountfs.errors import ChecksumMismatch, StorageUnavailable
from mountfs.model import EMPTY_XXH3, ChunkId, Manifest
from mountfs.testing.stores import CountingStore, FlakyStore, MemoryStore, SlowStore
from tests.content.reading import KIB, MIB, arrivals, library_of, noise, settled, settled_threads, store_file


@pytest.mark.parametrize("length", [4 * KIB, 128 * KIB, 1 * MIB])
async def test_sequential_reads_decode_each_chunk_once(length: int) -> None:
    """A file larger than the budget, read in order in whatever steps, is decoded exactly once."""
    data = noise(24 * MIB)
    memory = MemoryStore()
    manifest = store_file(memory, "c", data, [700 * KIB, 512 * KIB, 1500 * KIB, 900 * KIB])
    store = CountingStore(memory)
    async with library_of(store, budget=12 * MIB) as library:
        reader = library.open(manifest)
        for offset in range(0, len(data), length):
            part = reader.read_nowait(offset, length)
            if part is None:
                part = await reader.read(offset, length)
            assert part == data[offset : offset + length]
            assert library.held <= 12 * MIB
        assert store.gets == dict.fromkeys((chunk.id for chunk in manifest.chunks), 1)


async def test_small_random_reads_decode_each_chunk_once() -> None:
    """As long as a file fits into the budget, reads in any order decode no chunk twice."""
    memory, data = MemoryStore(), noise(8 * MIB)
    manifest = store_file(memory, "c", data, [600 * KIB])
    store = CountingStore(memory)
    rng = random.Random(2)
    async with library_of(store, budget=12 * MIB) as library:
        reader = library.open(manifest)
        for _ in range(400):
            offset = rng.randrange(len(data))
            assert await reader.read(offset, 4096) == data[offset : offset + 4096]
        assert set(store.gets.values()) == {1}


async def test_a_runner_is_read_ahead_of_in_growing_windows() -> None:
    """A reader that goes on finds more and more chunks ready; nothing is fetched ahead of its first read."""
    memory, data = MemoryStore(), noise(16 * MIB)
    manifest = store_file(memory, "c", data, [600 * KIB])
    store = CountingStore(memory)
    async with library_of(store) as library:
        reader = library.open(manifest)
        await reader.read(0, 4096)
        await settled()
        assert len(store.gets) == 1
        reached = []
        for offset in range(4096, 5 * 600 * KIB, 4096):
            await reader.read(offset, 4096)
            await settled_threads(library)
            reached.append(len(store.gets) - 1 - offset // (600 * KIB))
        assert reached == sorted(reached)
        assert (reached[0], reached[-1]) == (1, 16)


async def test_hops_fetch_what_they_touch_and_nothing_else() -> None:
    """A tool that reads headers here and there causes no read-ahead."""
    memory, data = MemoryStore(), noise(30 * MIB)
    manifest = store_file(memory, "c", data, [600 * KIB])
    store = CountingStore(memory)
    async with library_of(store) as library:
        reader = library.open(manifest)
        for offset in (0, 9 * MIB, 4 * MIB, 25 * MIB, 13 * MIB):
            assert await reader.read(offset, 512) == data[offset : offset + 512]
        await settled_threads(library)
        assert sum(store.gets.values()) == 5


async def test_a_hop_is_answered_before_the_read_ahead_it_leaves() -> None:
    """Whoever jumps does not wait for what was to be read ahead at the old place, and that is not fetched."""
    memory, data = MemoryStore(), noise(30 * MIB)
    manifest = store_file(memory, "c", data, [600 * KIB])
    store = SlowStore(memory)
    ids = [chunk.id for chunk in manifest.chunks]
    async with library_of(store, workers=1) as library:
        reader = library.open(manifest)
        store.open(*ids[:3])
        for offset in range(0, 2 * 600 * KIB, 64 * KIB):
            await reader.read(offset, 64 * KIB)
        await arrivals(store, 4)
        assert store.arrived[3] == ids[3]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader.read, 20 * MIB, 512)
            await settled()
            store.open()
        assert store.arrived[4:] == [ids[20 * MIB // (600 * KIB)]]


async def test_requests_out_of_order_are_still_a_run() -> None:
    """The kernel has two requests on their way in any order: that ends neither a run nor the checksum."""
    memory, data = MemoryStore(), noise(12 * MIB)
    manifest = store_file(memory, "c", data, [600 * KIB])
    wrong = Manifest(manifest.checkpoint, manifest.size, EMPTY_XXH3, manifest.chunks)
    store = CountingStore(memory)
    async with library_of(store) as library:
        reader = library.open(wrong)
        steps = list(range(0, len(data), MIB))
        for one, other in zip(steps[::2], steps[1::2], strict=True):
            assert await reader.read(other, MIB - 1) == data[other : other + MIB - 1]
            assert await reader.read(one, MIB - 1) == data[one : one + MIB - 1]
        with pytest.raises(ChecksumMismatch):
            await reader.read(11 * MIB, MIB)
        assert set(store.gets.values()) == {1}


async def test_many_small_files_are_fetched_in_few_hops() -> None:
    """Small files of a folder are all ready after one call, and none is fetched twice."""
    memory = MemoryStore()
    contents = [noise(random.Random(n).randrange(1, 40_000), n) for n in range(200)]
    files = [store_file(memory, str(n), each, [MIB]) for n, each in enumerate(contents)]
    store = CountingStore(memory)
    async with library_of(store) as library:
        await library.prefetch(files)
        await library.prefetch(files)
        for manifest, content in zip(files, contents, strict=True):
            assert library.open(manifest).read_nowait(0, MIB) == content
    assert set(store.gets.values()) == {1}


async def test_prefetching_never_takes_more_than_its_share() -> None:
    """Asking for far too much in advance fills a quarter of the memory, without an error."""
    memory = MemoryStore()
    files = [store_file(memory, str(n), noise(MIB, n), [MIB]) for n in range(40)]
    async with library_of(memory, budget=32 * MIB) as library:
        await library.prefetch(files)
        assert 6 * MIB <= library.held <= 8 * MIB


async def test_readers_that_run_share_what_may_be_unread() -> None:
    """Many readers that run side by side never have fetched ahead what is then thrown away unread."""
    memory = MemoryStore()
    files = [store_file(memory, str(n), noise(6 * MIB, n), [600 * KIB]) for n in range(8)]
    store = CountingStore(memory)
    async with library_of(store, budget=24 * MIB) as library, trio.open_nursery() as nursery:

        async def run(n: int) -> None:
            reader = library.open(files[n])
            for offset in range(0, 6 * MIB, 128 * KIB):
                assert await reader.read(offset, 128 * KIB) == noise(6 * MIB, n)[offset : offset + 128 * KIB]
            reader.close()

        for n in range(8):
            nursery.start_soon(run, n)
    assert sum(store.gets.values()) <= 1.1 * sum(len(each.chunks) for each in files)


async def test_a_dead_store_is_not_asked_for_every_chunk_ahead() -> None:
    """Chunks that just failed are left out of read-ahead until somebody wants them again."""
    memory = MemoryStore()
    manifest = store_file(memory, "c", noise(6 * MIB), [600 * KIB])
    bad = manifest.chunks[2].id
    counting = CountingStore(FlakyStore(memory, lambda _call, chunk: chunk == ChunkId(bad)))
    async with library_of(counting) as library:
        for _ in range(3):
            reader = library.open(manifest)
            for offset in range(0, 2 * 600 * KIB, 64 * KIB):
                with suppress(StorageUnavailable):
                    await reader.read(offset, 64 * KIB)
            await settled_threads(library)
        assert counting.gets[bad] == 1
