"""Reading content: each chunk is fetched once, verified, and kept within the budget."""

from __future__ import annotations

import random

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from mountfs.content.library import DEFAULT_BUDGET, ContentLibrary, OpenContent
from mountfs.content.shelf import OVERHEAD
from mountfs.digest import MAX_CHUNK
from mountfs.errors import StorageUnavailable
from mountfs.model import EMPTY_XXH3, CheckpointId, ChunkRef, Manifest
from mountfs.testing.stores import CountingStore, FlakyStore, MemoryStore, SlowStore, StoreAround
from tests.content.reading import KIB, MIB, arrivals, library_of, noise, settled, store_file

LEAST_BUDGET = MAX_CHUNK + OVERHEAD


async def test_any_range_reads_as_the_file() -> None:
    """Ranges inside a chunk, across chunks, at the ends and beyond give what a file would."""
    store, data = MemoryStore(), noise(10_000)
    manifest = store_file(store, "c", data, [1, 999, 3000])
    rng = random.Random(1)
    async with library_of(store) as library:
        reader = library.open(manifest)
        for _ in range(300):
            offset, length = rng.randrange(11_000), rng.choice([0, 1, 10, 4096, 20_000])
            assert bytes(await reader.read(offset, length)) == data[offset : offset + length]
            nowait = reader.read_nowait(offset, length)
            assert nowait is not None
            assert bytes(nowait) == data[offset : offset + length]
        assert await reader.read(-1, 5) == b""


async def test_an_empty_file_reads_as_nothing() -> None:
    """A file without chunks is at its end at once."""
    async with library_of(MemoryStore()) as library:
        reader = library.open(Manifest(CheckpointId("c"), 0, EMPTY_XXH3, ()))
        assert await reader.read(0, 4096) == b""
        assert reader.read_nowait(0, 4096) == b""


async def test_a_read_inside_one_chunk_copies_nothing() -> None:
    """What the kernel gets is a view of the decoded chunk."""
    store = MemoryStore()
    manifest = store_file(store, "c", noise(9000), [5000])
    async with library_of(store) as library:
        reader = library.open(manifest)
        first, second = await reader.read(10, 100), reader.read_nowait(50, 100)
        assert isinstance(first, memoryview)
        assert isinstance(second, memoryview)
        assert first.obj is second.obj


async def test_one_fetch_serves_all_who_wait() -> None:
    """Fifty readers of one chunk cost one fetch."""
    memory, data = MemoryStore(), noise(600 * KIB)
    manifest = store_file(memory, "c", data, [MIB])
    store = SlowStore(CountingStore(memory))
    counting = store.inner
    assert isinstance(counting, CountingStore)
    answers: list[bytes | memoryview] = []

    async def one(library: ContentLibrary) -> None:
        answers.append(await library.open(manifest).read(0, MIB))

    async with library_of(store) as library, trio.open_nursery() as readers:
        for _ in range(50):
            readers.start_soon(one, library)
        await arrivals(store, 1)
        await settled()
        store.open()
    assert answers == [data] * 50
    assert sum(counting.gets.values()) == 1


async def test_a_cancelled_reader_takes_nothing_from_others() -> None:
    """Who gives up waiting neither stops the fetch that others wait for nor loses it for later."""
    memory, data = MemoryStore(), noise(600 * KIB)
    manifest = store_file(memory, "c", data, [MIB])
    counting = CountingStore(memory)
    store = SlowStore(counting)
    async with library_of(store) as library:
        scopes = [trio.CancelScope() for _ in range(3)]
        answers: list[bytes | memoryview] = []

        async def one(scope: trio.CancelScope) -> None:
            with scope:
                answers.append(await library.open(manifest).read(5, 10))

        async with trio.open_nursery() as readers:
            for scope in scopes:
                readers.start_soon(one, scope)
            await arrivals(store, 1)
            await settled()
            scopes[0].cancel()
            await settled()
            scopes[1].cancel()
            await settled()
            store.open()
        assert answers == [data[5:15]]
        assert sum(counting.gets.values()) == 1


async def test_a_fetch_nobody_waits_for_any_more_is_kept() -> None:
    """All waiters of a running fetch give up; the next reader finds the chunk."""
    memory, data = MemoryStore(), noise(600 * KIB)
    manifest = store_file(memory, "c", data, [MIB])
    counting = CountingStore(memory)
    store = SlowStore(counting)
    async with library_of(store) as library:
        reader = library.open(manifest)
        async with trio.open_nursery() as readers:
            readers.start_soon(reader.read, 0, 10)
            await arrivals(store, 1)
            readers.cancel_scope.cancel()
        store.open()
        assert await reader.read(0, 10) == data[:10]
        assert sum(counting.gets.values()) == 1


async def test_a_queued_fetch_nobody_waits_for_is_never_made() -> None:
    """Readers who give up before their fetch began cost the store nothing."""
    memory = MemoryStore()
    files = [store_file(memory, str(n), noise(300 * KIB, n), [MIB]) for n in range(6)]
    store = SlowStore(memory)
    async with library_of(store, workers=1) as library:
        async with trio.open_nursery() as readers:
            readers.start_soon(library.open(files[0]).read, 0, 10)
            await arrivals(store, 1)
            async with trio.open_nursery() as impatient:
                for manifest in files[1:5]:
                    impatient.start_soon(library.open(manifest).read, 0, 10)
                await settled()
                impatient.cancel_scope.cancel()
            store.open()
        assert await library.open(files[5]).read(0, 10) == noise(300 * KIB, 5)[:10]
        assert set(store.arrived) == {files[0].chunks[0].id, files[5].chunks[0].id}


async def test_cancelling_at_any_await_leaves_the_library_sound() -> None:
    """A reader cancelled at its first, second, … wait harms neither the next read nor the accounts."""
    data = noise(5 * MIB)
    memory = MemoryStore()
    manifest = store_file(memory, "c", data, [600 * KIB])
    for wait in range(12):
        async with library_of(memory, budget=LEAST_BUDGET) as library:
            reader = library.open(manifest)
            async with trio.open_nursery() as nursery:

                async def give_up(turns: int, nursery: trio.Nursery = nursery) -> None:
                    for _ in range(turns):
                        await trio.lowlevel.checkpoint()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(give_up, wait)
                nursery.start_soon(reader.read, 0, len(data))
            assert await reader.read(100, 3 * MIB) == data[100 : 100 + 3 * MIB]
            library.close()
            assert library.held <= LEAST_BUDGET


async def test_the_budget_holds_while_many_wait() -> None:
    """A hundred readers of large chunks wait for room, within the memory, and all are answered."""
    memory = MemoryStore()
    files = [store_file(memory, str(n), noise(3 * MIB, n), [3 * MIB]) for n in range(25)]
    counting = CountingStore(memory)

    class Watching(StoreAround):
        def get(self, ref: ChunkRef) -> bytes:
            assert library.held <= LEAST_BUDGET
            return super().get(ref)

    done = 0

    async def one(reader: OpenContent, seed: int) -> None:
        nonlocal done
        for offset in (0, 2 * MIB, MIB):
            assert bytes(await reader.read(offset, 9)) == noise(3 * MIB, seed)[offset : offset + 9]
            assert library.held <= LEAST_BUDGET
        done += 1

    async with (
        library_of(Watching(counting), budget=LEAST_BUDGET, workers=3) as library,
        trio.open_nursery() as readers,
    ):
        for seed, manifest in enumerate(files * 4):
            readers.start_soon(one, library.open(manifest), seed % 25)
    assert done == 100


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_any_readers_get_the_right_bytes_within_the_budget(data: st.DataObject) -> None:
    """Readers that run, hop, give up and close in any order get the right bytes, within the budget."""
    files = data.draw(st.integers(1, 4))
    sizes = [data.draw(st.integers(1, 30)) * 100 * KIB for _ in range(files)]
    moves = data.draw(
        st.lists(
            st.tuples(
                st.integers(0, files - 1),
                st.sampled_from(["run", "run", "hop", "give up", "prefetch", "close"]),
                st.integers(0, 3_000_000),
                st.sampled_from([1, 4096, 128 * KIB, MIB, 4 * MIB]),
            ),
            min_size=1,
            max_size=40,
        )
    )
    bad = data.draw(st.booleans())

    async def play() -> None:
        memory = MemoryStore()
        contents = [noise(size, n) for n, size in enumerate(sizes)]
        manifests = [store_file(memory, str(n), each, [600 * KIB]) for n, each in enumerate(contents)]
        broken = manifests[0].chunks[-1].id if bad else None
        store = FlakyStore(memory, lambda _call, chunk: chunk == broken)
        budget = LEAST_BUDGET
        async with library_of(store, budget=budget) as library, trio.open_nursery() as nursery:

            async def watch() -> None:
                while True:
                    assert 0 <= library.held <= budget
                    await trio.lowlevel.checkpoint()

            nursery.start_soon(watch)
            readers = [library.open(manifest) for manifest in manifests]
            places = [0] * files

            async def check(n: int, offset: int, length: int) -> None:
                try:
                    got = readers[n].read_nowait(offset, length)
                    if got is None:
                        got = await readers[n].read(offset, length)
                    assert bytes(got) == contents[n][offset : offset + length]
                except StorageUnavailable:
                    assert n == 0
                    assert bad

            for n, move, offset, length in moves:
                if move == "close":
                    readers[n].close()
                    readers[n] = library.open(manifests[n])
                elif move == "prefetch":
                    await library.prefetch(manifests)
                elif move == "give up":
                    with trio.move_on_after(0):
                        await check(n, offset, length)
                    nursery.start_soon(check, n, offset, length)
                else:
                    places[n] = offset if move == "hop" else places[n]
                    await check(n, places[n], length)
                    places[n] += length
            nursery.cancel_scope.cancel()
        library.close()
        assert library.held == 0

    trio.run(play)


async def test_closing_lets_the_memory_go() -> None:
    """After close nothing is held, and reads go on."""
    memory, data = MemoryStore(), noise(3 * MIB)
    manifest = store_file(memory, "c", data, [MIB])
    async with library_of(memory) as library:
        reader = library.open(manifest)
        await reader.read(0, 3 * MIB)
        assert library.held > 3 * MIB
        reader.close()
        library.close()
        assert library.held == 0
        assert await reader.read(5, 5) == data[5:10]


def test_a_budget_below_one_chunk_is_refused() -> None:
    """A library that could never hold the largest chunk is not made."""
    with pytest.raises(ValueError, match="one chunk"):
        ContentLibrary(MemoryStore(), budget=MAX_CHUNK)
    assert DEFAULT_BUDGET == 96 * MIB
