"""Bytes that are not there or not right: an error for whoever needs them, and for nobody else."""

from __future__ import annotations

import logging

import pytest
import trio

from mountfs.content.library import ContentLibrary
from mountfs.digest import encode_frame
from mountfs.errors import ChecksumMismatch, ChunkCorrupt, ChunkMissing, ContentError, StorageUnavailable
from mountfs.model import CheckpointId, ChunkRef, Manifest
from mountfs.testing.stores import CountingStore, FlakyStore, MemoryStore, SlowStore, StoreAround
from tests.content.reading import KIB, MIB, arrivals, library_of, noise, settled, store_file


async def test_a_bad_chunk_is_an_error_for_its_ranges_only() -> None:
    """Ranges that need a damaged or missing chunk fail; all others are right, in this file and in others."""
    memory, data = MemoryStore(), noise(3 * MIB)
    manifest = store_file(memory, "c", data, [MIB])
    other = store_file(memory, "d", data[MIB:], [MIB])
    memory.frames[manifest.chunks[0].id] = encode_frame(b"x" * MIB)
    del memory.frames[manifest.chunks[2].id]
    async with library_of(memory) as library:
        reader = library.open(manifest)
        for error, offset, length in [
            (ChunkCorrupt, 0, 1),
            (ChunkCorrupt, MIB - 1, 2),
            (ChunkMissing, 2 * MIB - 1, 2),
            (ChunkMissing, 3 * MIB - 1, 1),
        ]:
            with pytest.raises(error):
                await reader.read(offset, length)
            assert reader.read_nowait(offset, length) is None
        assert await reader.read(MIB, MIB) == data[MIB : 2 * MIB]
        assert await library.open(other).read(0, MIB) == data[MIB : 2 * MIB]


async def test_a_failure_is_remembered_for_a_moment_and_then_tried_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A loop on a bad chunk does not hammer the store; when the store is well again, so is the file."""
    autojump_clock.autojump_threshold = float("inf")
    memory, data = MemoryStore(), noise(MIB)
    manifest = store_file(memory, "c", data, [MIB])
    ill = True
    counting = CountingStore(FlakyStore(memory, lambda _call, _chunk: ill))
    async with library_of(counting, failure_rest=5.0) as library:
        reader = library.open(manifest)
        for _ in range(20):
            with pytest.raises(StorageUnavailable):
                await reader.read(0, 10)
        assert sum(counting.gets.values()) == 1
        ill = False
        autojump_clock.jump(4.9)
        with pytest.raises(StorageUnavailable):
            await reader.read(0, 10)
        autojump_clock.jump(0.2)
        assert await reader.read(0, 10) == data[:10]
        assert sum(counting.gets.values()) == 2


async def test_a_bad_chunk_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log has one line for a bad chunk, however often it is read."""
    memory = MemoryStore()
    manifest = store_file(memory, "the checkpoint", noise(2 * MIB), [MIB])
    del memory.frames[manifest.chunks[1].id]
    async with library_of(memory, failure_rest=0) as library:
        reader = library.open(manifest)
        for _ in range(5):
            with pytest.raises(ChunkMissing):
                await reader.read(MIB, 10)
    (line,) = caplog.records
    assert line.levelno == logging.ERROR
    assert "the checkpoint, chunk number 2" in line.getMessage()


async def test_a_bug_in_a_store_is_an_error_of_the_read(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected exception reaches those who wait, with a traceback in the log, and the library lives."""

    class Buggy(StoreAround):
        def get(self, ref: ChunkRef) -> bytes:
            if ref.index == 0:
                raise ZeroDivisionError("a bug")
            return super().get(ref)

    memory, data = MemoryStore(), noise(2 * MIB)
    manifest = store_file(memory, "c", data, [MIB])
    async with library_of(Buggy(memory)) as library:
        reader = library.open(manifest)
        with pytest.raises(ZeroDivisionError):
            await reader.read(0, 10)
        assert await reader.read(MIB, 10) == data[MIB : MIB + 10]
    assert caplog.records[0].exc_info


async def test_a_file_read_whole_is_checked_whole(caplog: pytest.LogCaptureFixture) -> None:
    """Right chunks in the wrong order are found out at the end of a sequential read, and logged once."""
    memory, data = MemoryStore(), noise(3 * MIB)
    good = store_file(memory, "c", data, [MIB])
    first, second, third = good.chunks
    wrong = Manifest(CheckpointId("wrong"), good.size, good.xxh3, (second, first, third))
    async with library_of(memory) as library:
        for manifest in (good, wrong):
            reader = library.open(manifest)
            for offset in range(0, 3 * MIB - 256 * KIB, 256 * KIB):
                await reader.read(offset, 256 * KIB)
            if manifest is good:
                assert await reader.read(3 * MIB - 256 * KIB, MIB) == data[-256 * KIB :]
            else:
                for _ in range(2):
                    assert reader.read_nowait(3 * MIB - 256 * KIB, MIB) is None
                    with pytest.raises(ChecksumMismatch):
                        await reader.read(3 * MIB - 256 * KIB, MIB)
    assert [record.getMessage().split()[1] for record in caplog.records] == ["wrong"]


async def test_sizes_that_do_not_add_up_are_refused_at_once() -> None:
    """A manifest whose chunks are not as long as the file gives no bytes at all."""
    memory = MemoryStore()
    good = store_file(memory, "c", noise(5000), [1000])
    async with library_of(memory) as library:
        with pytest.raises(ContentError):
            library.open(Manifest(good.checkpoint, good.size + 1, good.xxh3, good.chunks))


async def test_what_was_prefetched_in_vain_is_told_to_who_reads() -> None:
    """A missing chunk among many prefetched does no harm before somebody reads it."""
    memory = MemoryStore()
    files = [store_file(memory, str(n), noise(1000, n), [MIB]) for n in range(3)]
    del memory.frames[files[1].chunks[0].id]
    async with library_of(memory) as library:
        await library.prefetch(files)
        assert await library.open(files[0]).read(0, 10) == noise(1000, 0)[:10]
        with pytest.raises(ChunkMissing):
            await library.open(files[1]).read(0, 10)


async def test_after_the_end_reads_say_so() -> None:
    """Readers who wait when the library stops, and those who come later, get an error and do not hang."""
    memory = MemoryStore()
    manifest = store_file(memory, "c", noise(MIB), [300 * KIB])
    store = SlowStore(memory)
    library = ContentLibrary(store, workers=1)
    told: list[Exception] = []

    async def one(offset: int) -> None:
        try:
            await library.open(manifest).read(offset, 10)
        except StorageUnavailable as exc:
            told.append(exc)

    async with trio.open_nursery() as readers, trio.open_nursery() as nursery:
        await nursery.start(library.run)
        readers.start_soon(one, 0)
        readers.start_soon(one, 400 * KIB)
        await arrivals(store, 1)
        await settled()
        nursery.cancel_scope.cancel()
        store.open()
    assert len(told) == 1
    with pytest.raises(StorageUnavailable):
        await library.open(manifest).read(900 * KIB, 10)
    await library.prefetch([manifest])
