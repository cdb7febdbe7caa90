"""Taking files in: read once, cut as the format says, and only what the store lacks is put."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from io import BytesIO
from itertools import accumulate
from pathlib import Path

import pytest

from mountfs.content.assemble import assemble
from mountfs.content.ingest import ingest
from mountfs.content.pipeline import BUFFER_SIZE, BUFFERS, Ingested
from mountfs.digest import chunk_id, encode_frame, frame_content_size, xxh3_hex
from mountfs.errors import ChecksumMismatch, ChunkCorrupt, ChunkMissing, ContentError, StorageUnavailable
from mountfs.model import EMPTY_XXH3, CheckpointId, ChunkId, Manifest
from mountfs.testing.stores import CountingStore, FlakyStore, MemoryStore, StoreAround
from tests.content.cutting import GENERATED

MIB = 1024 * 1024


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def manifest_of(taken: Ingested) -> Manifest:
    return Manifest(CheckpointId("c"), taken.size, taken.xxh3, taken.chunks)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Every thread that taking a file in started has ended when it returned or raised."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("name", GENERATED)
def test_a_file_becomes_its_chunks_and_comes_back(name: str) -> None:
    """What is taken in has the format's cuts and checksum, and assembles to the same bytes."""
    make, ends = GENERATED[name]
    data, store = make(), MemoryStore()
    taken = ingest(BytesIO(data), store)
    assert list(accumulate(chunk.size for chunk in taken.chunks)) == ends
    assert (taken.size, taken.xxh3) == (len(data), xxh3_hex(data))
    assert [chunk.id for chunk in taken.chunks] == [
        chunk_id(data[end - chunk.size : end]) for chunk, end in zip(taken.chunks, ends, strict=True)
    ]
    assert b"".join(assemble(manifest_of(taken), store)) == data
    assert taken.new_bytes == sum({chunk.id: chunk.size for chunk in taken.chunks}.values())


@pytest.mark.parametrize("size", [0, 1, 512 * 1024, 512 * 1024 + 1, BUFFER_SIZE, 5 * BUFFER_SIZE + 1])
def test_sizes_around_the_buffers(size: int) -> None:
    """Nothing is lost or repeated where one buffer ends and the next begins."""
    data, store = noise(size), MemoryStore()
    taken = ingest(BytesIO(data), store)
    assert (taken.size, taken.xxh3) == (size, xxh3_hex(data))
    assert b"".join(assemble(manifest_of(taken), store)) == data


def test_an_empty_file_has_no_chunks() -> None:
    """An empty file is recorded without chunks and with the checksum of nothing."""
    store = MemoryStore()
    assert ingest(BytesIO(), store) == Ingested(0, EMPTY_XXH3, (), 0)
    assert not store.frames


def test_only_what_is_missing_is_put() -> None:
    """A second version puts the changed chunks and no others; the same file again puts none."""
    store = CountingStore(MemoryStore())
    old = noise(9 * MIB)
    first = ingest(BytesIO(old), store)
    assert first.new_bytes == first.size
    assert set(store.puts.values()) == {1}
    store.puts.clear()
    again = ingest(BytesIO(old), store)
    assert (again.chunks, again.new_bytes) == (first.chunks, 0)
    changed = ingest(BytesIO(old[: 4 * MIB] + b"!" + old[4 * MIB :]), store)
    new = set(changed.chunks) - set(first.chunks)
    assert set(store.puts) == {chunk.id for chunk in new}
    assert changed.new_bytes == sum(chunk.size for chunk in new) < 4 * MIB


class Trickle(BytesIO):
    """A source that gives a few bytes at a time, as a pipe does."""

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # narrower than io's
        return super().readinto(buffer[:70_001])


def test_short_reads_change_nothing() -> None:
    """A source may give fewer bytes than it is asked for."""
    data = noise(3 * MIB)
    assert ingest(Trickle(data), MemoryStore()) == ingest(BytesIO(data), MemoryStore())


def test_a_file_that_grows_is_recorded_as_it_was_read(tmp_path: Path) -> None:
    """Size, checksum and chunks agree with each other although the file changes while it is read."""
    path = tmp_path / "growing"
    path.write_bytes(noise(3 * MIB))
    grown = 0

    def grow(_count: int) -> None:
        nonlocal grown
        grown += 1
        with path.open("ab") as file:
            file.write(noise(MIB // 2, grown) if grown < 8 else b"")

    store = MemoryStore()
    with path.open("rb") as source:
        taken = ingest(source, store, progress=grow)
    whole = b"".join(assemble(manifest_of(taken), store))
    assert taken.size == len(whole) > 3 * MIB
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize("size", [0, 1000, 20 * MIB])
def test_progress_adds_up(size: int) -> None:
    """Whoever shows a progress bar is told every byte once, in their own thread."""
    told: list[int] = []

    def progress(count: int) -> None:
        assert threading.current_thread() is threading.main_thread()
        told.append(count)

    ingest(BytesIO(noise(size)), MemoryStore(), progress=progress)
    assert sum(told) == size


class Broken(BytesIO):
    """A source that fails after some reads."""

    def __init__(self, data: bytes, reads: int) -> None:
        super().__init__(data)
        self.reads = reads

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # narrower than io's
        self.reads -= 1
        if self.reads < 0:
            raise OSError(5, "Input/output error")
        return super().readinto(buffer)


@pytest.mark.parametrize("reads", [0, 1, 2, 9, 20])
def test_an_error_of_the_source_stops_everything(reads: int) -> None:
    """A disk that fails while a file is read is reported, and nothing goes on behind it."""
    with pytest.raises(OSError, match="Input/output"):
        ingest(Broken(noise(60 * MIB), reads), MemoryStore())


@pytest.mark.parametrize("call", ["put", "missing"])
@pytest.mark.parametrize("nth", [0, 3, 40])
def test_an_error_of_the_store_stops_everything(call: str, nth: int) -> None:
    """A store that fails at any time is reported, and nothing goes on behind it."""
    calls = 0

    def fails(name: str, _chunk: ChunkId) -> bool:
        nonlocal calls
        calls += name == call
        return calls > nth

    with pytest.raises(StorageUnavailable):
        ingest(BytesIO(noise(70 * MIB)), FlakyStore(MemoryStore(), fails))


def test_an_error_of_the_progress_stops_everything() -> None:
    """Ctrl-C in a progress bar ends the work at once."""

    def interrupt(_count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(BytesIO(noise(30 * MIB)), MemoryStore(), progress=interrupt)


def test_a_slow_store_holds_reading_back() -> None:
    """Never more has been read and not yet put than the buffers hold."""
    far_ahead, read, put = threading.Event(), 0, 0

    class Slow(StoreAround):
        def put(self, chunk: ChunkId, frame: bytes) -> None:
            nonlocal put
            assert far_ahead.wait(30)
            super().put(chunk, frame)
            put += frame_content_size(frame[:18]) or 0

    class Counting(BytesIO):
        def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # narrower than io's
            nonlocal read
            count = super().readinto(buffer)
            read += count
            assert read - put <= BUFFERS * BUFFER_SIZE
            if read >= BUFFER_SIZE:
                far_ahead.set()
            return count

    data = noise(60 * MIB)
    source = Counting(data)
    taken = ingest(source, Slow(MemoryStore()))
    assert far_ahead.is_set()
    assert taken.size == read == put == len(data)


def test_assembling_checks_every_chunk_and_the_whole() -> None:
    """An export is right or an error: missing and damaged chunks, a wrong order, a wrong checksum."""
    store = MemoryStore()
    taken = ingest(BytesIO(noise(4 * MIB)), store)
    good = manifest_of(taken)
    first, second, *rest = taken.chunks
    for wrong in (
        Manifest(good.checkpoint, good.size, good.xxh3, (second, first, *rest)),
        Manifest(good.checkpoint, good.size, EMPTY_XXH3, good.chunks),
        Manifest(good.checkpoint, good.size + 1, good.xxh3, good.chunks),
        Manifest(good.checkpoint, good.size, good.xxh3, good.chunks[:-1]),
    ):
        with pytest.raises(ChecksumMismatch):
            list(assemble(wrong, store))
    store.frames[second.id] = encode_frame(b"something else")
    with pytest.raises(ChunkCorrupt):
        list(assemble(good, store))
    del store.frames[first.id]
    with pytest.raises(ChunkMissing) as caught:
        list(assemble(good, store))
    assert isinstance(caught.value, ContentError)
    assert caught.value.chunk == first.id
