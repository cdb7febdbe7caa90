"""Taking a changed file in by its segments: the chunks of the whole, and work only around what changed."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mountfs.content import recut
from mountfs.content.assemble import assemble
from mountfs.content.ingest import ingest
from mountfs.content.pipeline import Ingested
from mountfs.content.recut import ingest_segments
from mountfs.content.segments import BASE, ZERO, Elsewhere, Local, Segment, SegmentSource, split
from mountfs.digest import MAX_CHUNK, encode_frame, xxh3_hex
from mountfs.errors import ChecksumMismatch, ChunkCorrupt, ChunkMissing, StorageUnavailable
from mountfs.model import CheckpointId, ChunkId, ChunkRef, Manifest
from mountfs.testing.stores import CountingStore, FlakyStore, MemoryStore
from tests.content.reading import KIB, MIB, noise, store_file


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Every thread that taking a file in started has ended when it returned or raised."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


class Own:
    """A file of this machine, which gives at most so many bytes at a time and says what was read."""

    def __init__(self, content: bytes | bytearray, most: int = 1 << 30) -> None:
        self.content = content
        self.most = most
        self.read: list[tuple[int, int]] = []

    def pread(self, offset: int, length: int) -> bytes:
        data = bytes(self.content[offset : offset + min(length, self.most)])
        self.read.append((offset, offset + len(data)))
        return data


@dataclass
class Edited:
    """A content that is edited, beside what a draft would know of it."""

    content: bytearray
    segments: list[Segment]
    base_limit: int

    @classmethod
    def of(cls, base: bytes) -> Edited:
        return cls(bytearray(base), [Segment(0, len(base), BASE)] if base else [], len(base))

    def write(self, start: int, data: bytes) -> None:
        if start > len(self.content):
            self.resize(start)
        self.content[start : start + len(data)] = data
        self._put(start, start + len(data), Own(self.content))

    def resize(self, size: int) -> None:
        """Cut off, or lengthen with zeros; what was cut off never comes back."""
        before = len(self.content)
        if size < before:
            del self.content[size:]
            self.segments = self._part(0, size)
        elif size > before:
            self.content.extend(bytes(size - before))
            self._put(before, size, ZERO)

    def _put(self, start: int, end: int, origin: Local | Elsewhere) -> None:
        if start < end:
            after = self._part(end, max(end, len(self.content)))
            self.segments = [*self._part(0, start), Segment(start, end, origin), *after]

    def _part(self, begin: int, stop: int) -> list[Segment]:
        cut = (Segment(max(one.start, begin), min(one.end, stop), one.origin) for one in self.segments)
        return [one for one in cut if one.start < one.end]


def kept(data: bytes, store: MemoryStore) -> Manifest:
    taken = ingest(BytesIO(data), store)
    return Manifest(CheckpointId("base"), taken.size, taken.xxh3, taken.chunks)


def expect_same_as_whole(edited: Edited, base: Manifest, store: MemoryStore) -> Ingested:
    """Take it in by segments, and compare with taking in all of it."""
    told: list[int] = []
    size = len(edited.content)
    taken = ingest_segments(size, edited.segments, base, store, progress=told.append)
    whole = ingest(BytesIO(edited.content), MemoryStore())
    assert (taken.size, taken.xxh3, taken.chunks) == (whole.size, whole.xxh3, whole.chunks)
    assert sum(told) == size
    assert not store.missing({chunk.id for chunk in taken.chunks})
    return taken


BASE_CONTENTS: dict[str, Callable[[], bytes]] = {
    "noise": lambda: noise(11 * MIB + 77, 1),
    "zeros": lambda: bytes(20 * MIB + 3),
    "noise between zeros": lambda: bytes(9 * MIB) + noise(3 * MIB, 2) + bytes(9 * MIB),
    "period": lambda: noise(96 * KIB, 3) * 120,
    "small": lambda: noise(600 * KIB, 4),
    "smaller": lambda: noise(500 * KIB, 5),
    "tiny": lambda: b"a note",
    "empty": bytes,
}
BASES = {name: make() for name, make in BASE_CONTENTS.items()}
STORE = MemoryStore()
MANIFESTS = {name: kept(data, STORE) for name, data in BASES.items()}


def edit(edited: Edited, base: Manifest, rng: random.Random) -> None:
    """One change of any kind and size, at a boundary of the base or anywhere."""
    boundary = sum(chunk.size for chunk in base.chunks[: rng.randint(0, len(base.chunks))])
    anywhere = rng.randint(0, max(base.size, rng.choice([10, 700 * KIB, 3 * MIB])))
    place = max(0, rng.choice([anywhere, anywhere, boundary + rng.randint(-1, 1)]))
    length = int(2 ** rng.uniform(0, 21.5))
    act = rng.choice(["write", "write", "write", "append", "resize"])
    if act == "write":
        edited.write(place, rng.randbytes(length))
    elif act == "append":
        edited.write(len(edited.content), rng.randbytes(length))
    else:
        edited.resize(place)


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("seed", range(12))
def test_the_chunks_are_those_of_the_whole(name: str, seed: int) -> None:
    """However a file was changed, its chunks and checksum are those that reading all of it gives."""
    rng = random.Random(f"{name} {seed}")
    base = MANIFESTS[name]
    store = MemoryStore()
    store.frames.update(STORE.frames)
    edited = Edited.of(BASES[name])
    for _ in range(rng.choice([1, 1, 2, 4])):
        edit(edited, base, rng)
        expect_same_as_whole(edited, base, store)


def test_an_edit_in_the_middle_costs_what_lies_around_it() -> None:
    """An artist who changes 1 MiB of a large file waits for a few chunks, not for the file."""
    store = MemoryStore()
    data = noise(64 * MIB, 6)
    base = kept(data, store)
    counting = CountingStore(store)
    edited = Edited.of(data)
    edited.write(30 * MIB + 5, noise(MIB, 7))
    taken = ingest_segments(len(data), edited.segments, base, counting)
    assert taken.chunks == ingest(BytesIO(edited.content), MemoryStore()).chunks
    work = taken.work
    assert 1 <= work.new_chunks == sum(counting.puts.values()) <= 4
    assert work.cut_bytes == sum(chunk.size for chunk in taken.chunks if chunk not in base.chunks) < 8 * MIB
    assert work.reused_chunks == len(taken.chunks) - work.new_chunks
    assert taken.new_bytes == work.cut_bytes
    assert work.local_bytes == MIB
    assert work.base_bytes == len(data)
    assert work.base_checked < 8 * MIB
    assert set(counting.gets.values()) == {1}


def test_equal_content_costs_nothing() -> None:
    """A file that is all its base's again is answered from the base's manifest."""
    store = CountingStore(MemoryStore())
    data = noise(3 * MIB, 8)
    base = kept(data, MemoryStore())
    told: list[int] = []
    segments = [Segment(0, MIB, BASE), Segment(MIB, 3 * MIB, BASE)]
    taken = ingest_segments(3 * MIB, segments, base, store, progress=told.append)
    assert taken == Ingested(base.size, base.xxh3, base.chunks, 0)
    assert (store.gets.total(), store.puts.total(), sum(told)) == (0, 0, 3 * MIB)


@pytest.mark.parametrize("size", [0, 5, 600 * KIB, 20 * MIB])
def test_new_content_needs_no_base(size: int) -> None:
    """A file that was written anew is taken in from the local file alone, each byte read once."""
    own = Own(noise(size, 9), most=100_001)
    store = CountingStore(MemoryStore())
    segments = [Segment(0, size, own)] if size else []
    taken = ingest_segments(size, segments, None, store)
    assert taken == ingest(BytesIO(own.content), MemoryStore())
    assert sum(end - start for start, end in own.read) == size == taken.work.local_bytes
    assert own.read == sorted(own.read)
    assert not store.gets


def test_a_base_that_was_cut_otherwise_serves_as_well() -> None:
    """A version that another program cut by another rule can be changed too."""
    store = MemoryStore()
    data = noise(9 * MIB, 10)
    base = store_file(store, "base", data, [300 * KIB])
    edited = Edited.of(data)
    edited.write(4 * MIB, noise(2 * MIB, 11))
    taken = ingest_segments(len(data), edited.segments, base, store)
    made = Manifest(CheckpointId("new"), taken.size, taken.xxh3, taken.chunks)
    assert b"".join(assemble(made, store)) == edited.content
    assert taken.work.reused_chunks > 10


def changed(data: bytes, start: int = 12 * MIB, length: int = MIB) -> Edited:
    edited = Edited.of(data)
    edited.write(start, noise(length, 99))
    return edited


def damage(store: MemoryStore, base: Manifest, index: int) -> None:
    """Other bytes of the same size under a chunk's name."""
    chunk = base.chunks[index]
    store.frames[chunk.id] = encode_frame(noise(chunk.size, 12345))


def chunk_at(base: Manifest, offset: int) -> int:
    end = 0
    for index, chunk in enumerate(base.chunks):
        end += chunk.size
        if offset < end:
            return index
    raise AssertionError("beyond the end")


LARGE = noise(24 * MIB, 13)


@pytest.fixture
def stored() -> tuple[MemoryStore, Manifest]:
    store = MemoryStore()
    return store, kept(LARGE, store)


@pytest.mark.parametrize("offset", [0, 11 * MIB, 24 * MIB - 1])
def test_damage_that_is_only_streamed_is_found(stored: tuple[MemoryStore, Manifest], offset: int) -> None:
    """A checksum is never recorded of bytes that are not the base's, though nobody names them anew."""
    store, base = stored
    damage(store, base, chunk_at(base, offset))
    with pytest.raises(ChecksumMismatch):
        ingest_segments(base.size, changed(LARGE).segments, base, store)


def test_damage_that_would_be_cut_is_found(stored: tuple[MemoryStore, Manifest]) -> None:
    """Damaged bytes of the base never become a new chunk, and the damaged chunk is named."""
    store, base = stored
    index = chunk_at(base, 12 * MIB)
    damage(store, base, index)
    before = set(store.frames)
    with pytest.raises(ChunkCorrupt) as caught:
        ingest_segments(base.size, changed(LARGE).segments, base, store)
    assert caught.value.chunk == base.chunks[index].id
    assert set(store.frames) == before


def test_damage_is_found_where_cutting_goes_on_beyond_the_change() -> None:
    """An unchanged chunk that no cut leads to is verified by its own name before it is cut."""
    data = b"\xff" * MAX_CHUNK + bytes(3 * MAX_CHUNK) + noise(3 * MIB, 14)  # its first cuts are 8 MiB apart
    store = MemoryStore()
    base = kept(data, store)
    edited = changed(data, 4 * MIB, MIB)
    taken = expect_same_as_whole(edited, base, store)
    assert taken.work.base_checked > 30 * MIB
    damage(store, base, 1)
    with pytest.raises(ChunkCorrupt) as caught:
        ingest_segments(len(data), edited.segments, base, store)
    assert caught.value.chunk == base.chunks[1].id


def test_where_most_was_replaced_each_chunk_is_verified(stored: tuple[MemoryStore, Manifest]) -> None:
    """Chunks that nobody needs are not fetched for a checksum when there are many of them."""
    store, base = stored
    edited = changed(LARGE, 2 * MIB, 12 * MIB)
    counting = CountingStore(store)
    taken = ingest_segments(base.size, edited.segments, base, counting)
    assert taken.chunks == ingest(BytesIO(edited.content), MemoryStore()).chunks
    assert taken.work.base_checked == taken.work.base_bytes < 15 * MIB
    assert counting.gets.total() < len(base.chunks)
    last = len(base.chunks) - 1
    damage(store, base, last)
    with pytest.raises(ChunkCorrupt) as caught:
        ingest_segments(base.size, edited.segments, base, store)
    assert caught.value.chunk == base.chunks[last].id


@pytest.mark.parametrize("is_missing", [False, True])
def test_what_was_replaced_may_be_damaged(stored: tuple[MemoryStore, Manifest], is_missing: bool) -> None:
    """Whoever writes over a damaged part of a file can save that."""
    store, base = stored
    edited = changed(LARGE, 12 * MIB, 4 * MIB)
    index = chunk_at(base, 14 * MIB)
    if is_missing:
        del store.frames[base.chunks[index].id]
    else:
        store.frames[base.chunks[index].id] = b"no frame"
    taken = expect_same_as_whole(edited, base, store)
    assert taken.work.base_checked == taken.work.base_bytes < base.size


def test_a_base_with_a_wrong_record_is_refused(stored: tuple[MemoryStore, Manifest]) -> None:
    """A base whose size or checksum was recorded wrong leads to no new version."""
    store, base = stored
    edited = changed(LARGE)
    with pytest.raises(ChecksumMismatch):
        ingest_segments(base.size, edited.segments, replace(base, xxh3=xxh3_hex(b"other")), store)
    with pytest.raises(ChecksumMismatch):
        ingest_segments(base.size, edited.segments, replace(base, chunks=base.chunks[:-1]), store)


def test_a_missing_chunk_is_reported(stored: tuple[MemoryStore, Manifest]) -> None:
    """A base that is not all there leads to no new version, and the chunk is named."""
    store, base = stored
    del store.frames[base.chunks[-1].id]
    with pytest.raises(ChunkMissing) as caught:
        ingest_segments(base.size, changed(LARGE).segments, base, store)
    assert caught.value.chunk == base.chunks[-1].id


@pytest.mark.parametrize("call", ["get", "put", "missing"])
@pytest.mark.parametrize("nth", [0, 1, 6])
def test_an_error_of_the_store_stops_everything(
    stored: tuple[MemoryStore, Manifest], call: str, nth: int
) -> None:
    """A store that fails at any time is reported, and nothing goes on behind it."""
    store, base = stored
    lock, calls = threading.Lock(), 0

    def fails(name: str, _chunk: ChunkId) -> bool:
        nonlocal calls
        with lock:
            calls += name == call
            return calls > nth

    edited = changed(LARGE, 20 * KIB, 3 * MIB)
    edited.write(9 * MIB, noise(12 * MIB, 16))
    with pytest.raises(StorageUnavailable):
        ingest_segments(base.size, edited.segments, base, FlakyStore(store, fails))


class Broken:
    """A local file on a disk that fails."""

    def pread(self, offset: int, length: int) -> bytes:
        raise OSError(5, f"Input/output error at {offset} of {length}")


@pytest.mark.parametrize("local", [Broken(), Own(b"")], ids=["broken", "too short"])
@pytest.mark.parametrize("start", [0, 12 * MIB])
@pytest.mark.parametrize("length", [1, 8 * MIB])
def test_an_error_of_a_local_file_stops_everything(
    stored: tuple[MemoryStore, Manifest], local: Local, start: int, length: int
) -> None:
    """A disk that fails, or a file that lost its bytes, is reported and never taken for zeros."""
    store, base = stored
    end = start + length
    segments = [Segment(0, start, BASE), Segment(start, end, local), Segment(end, base.size, BASE)]
    with pytest.raises(OSError, match=r"Input/output|no bytes"):
        ingest_segments(base.size, segments, base, store)
    with pytest.raises(OSError, match=r"Input/output|no bytes"):
        ingest_segments(length, [Segment(0, length, local)], None, store)


def test_an_error_of_the_progress_stops_everything(stored: tuple[MemoryStore, Manifest]) -> None:
    """Ending a mount ends the work at once."""
    store, base = stored

    def interrupt(_count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest_segments(base.size, changed(LARGE).segments, base, store, progress=interrupt)


def test_reading_ahead_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the base is, only so much of it is asked for before it is used."""
    store = MemoryStore()
    data = noise(60 * MIB, 17)
    base = kept(data, store)
    asked, most = 0, 0
    told: list[int] = [0]

    class Measuring(ThreadPoolExecutor):
        """Notes what is asked for when it is, whenever the threads come to it."""

        def submit(self, job: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            nonlocal asked, most
            asked += next(value.chunk.size for value in args if isinstance(value, ChunkRef))
            most = max(most, asked - sum(told))
            return super().submit(job, *args, **kwargs)

    monkeypatch.setattr(recut, "ThreadPoolExecutor", Measuring)
    edited = changed(data, 59 * MIB, 10)
    ingest_segments(len(data), edited.segments, base, store, progress=told.append)
    assert asked == sum(told) == len(data)
    assert recut.AHEAD // 2 < most <= recut.AHEAD + MAX_CHUNK


def test_segments_that_do_not_fit_are_refused() -> None:
    """A mistake of the caller never becomes a version."""
    base = kept(b"0123456789", MemoryStore())
    for size, segments, over in [
        (5, [], base),
        (5, [Segment(0, 4, ZERO)], base),
        (5, [Segment(0, 6, ZERO)], base),
        (5, [Segment(1, 5, ZERO)], base),
        (5, [Segment(0, 3, ZERO), Segment(2, 5, ZERO)], base),
        (5, [Segment(0, 5, ZERO), Segment(5, 3, ZERO)], base),
        (11, [Segment(0, 11, BASE)], base),
        (5, [Segment(0, 5, BASE)], None),
    ]:
        with pytest.raises(ValueError, match="segment"):
            ingest_segments(size, segments, over, MemoryStore())


@given(st.lists(st.integers(0, 40), max_size=6), st.lists(st.integers(0, 40), max_size=6))
def test_splitting_loses_nothing(cuts: list[int], bounds: list[int]) -> None:
    """Segments that are split at any places describe the same bytes."""
    data = random.Random(1).randbytes(40)
    ends = sorted({*cuts, 40})
    segments = [Segment(start, end, Own(data)) for start, end in zip([0, *ends], ends, strict=False)]
    for part, begin, stop in zip(
        split(segments, [0, *sorted(bounds), 40]),
        [0, *sorted(bounds)],
        [*sorted(bounds), 40],
        strict=True,
    ):
        found = bytearray(stop - begin)
        source, done = SegmentSource(part), 0
        while count := source.readinto(memoryview(found)[done:]):
            done += count
        assert done == stop - begin
        assert found == data[begin:stop]
