"""Chunks are in their places, or nothing is read there: sizes that can be trusted.

Every case is asked the same question: laid out and read chunk by chunk, is each byte of the file either
right or refused?
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard
from sqlalchemy import select

from mountfs.digest import MAX_CHUNK, chunk_id, decode_frame, encode_frame
from mountfs.errors import ChunkCorrupt, ContentError, StorageUnavailable
from mountfs.interfaces import ChunkStore
from mountfs.model import CheckpointId, Chunk, ChunkId, ChunkRef
from mountfs.storage.chunk_sizes import ChunkSizes
from mountfs.storage.database import Database
from mountfs.storage.open import Project, open_project
from mountfs.storage.tables import asset_checkpoint, chunk, mountfs_chunk
from mountfs.testing.stores import CountingStore, FlakyStore, MemoryStore
from tests.storage.conftest import SAMPLES, copy_sample

SIZES = (70_000, 120_000, 50_000, 90_000, 30_000, 110_000)
RAWS = [random.Random(number).randbytes(size) for number, size in enumerate(SIZES)]
IDS = [chunk_id(raw) for raw in RAWS]
WHOLE = b"".join(RAWS)


def fill(project: Project) -> None:
    for name, raw in zip(IDS, RAWS, strict=True):
        project.chunks.put(name, encode_frame(raw))


def spoil(project: Project, name: ChunkId, data: bytes | None) -> None:
    """Give a chunk's row other bytes, or remove it."""
    statement = chunk.delete() if data is None else chunk.update().values(data=data, size=len(data))
    with project.database.writing() as connection:
        connection.execute(statement.where(chunk.c.hash == name))


def exchange(project: Project, one: ChunkId, other: ChunkId) -> None:
    first, second = (project.chunks.get(ref(name)) for name in (one, other))
    spoil(project, one, second)
    spoil(project, other, first)


def ref(name: ChunkId) -> ChunkRef:
    return ChunkRef(CheckpointId("c"), 0, Chunk(name, 0))


def readable(store: ChunkStore, layout: Sequence[Chunk], whole: bytes) -> list[bool]:
    """Which places of a layout are read; a byte that is read and is not the file's fails the test."""
    assert sum(each.size for each in layout) == len(whole)
    at, good = 0, []
    for each in layout:
        assert 0 < each.size <= MAX_CHUNK
        try:
            raw = decode_frame(store.get(ref(each.id)), each)
        except ContentError:
            good.append(False)
        else:
            assert raw == whole[at : at + each.size]
            good.append(True)
        at += each.size
    return good


def recorded(project: Project) -> dict[str, int]:
    with project.database.reading() as connection:
        rows = connection.execute(select(mountfs_chunk.c.hash, mountfs_chunk.c.raw_size)).all()
        return {row.hash: row.raw_size for row in rows}


@pytest.fixture
def filled(project: Project) -> Project:
    fill(project)
    return project


def test_unknown_chunks_are_verified_once_and_remembered(filled: Project, fresh: Path):
    """A file that another program wrote is laid out by looking at its chunks, for the first time only."""
    store = CountingStore(filled.chunks)
    sizes = ChunkSizes(filled.database, store, recorded=True)
    expected = tuple(map(Chunk, IDS, SIZES))
    assert sizes.layout(IDS, len(WHOLE)) == expected
    assert store.gets == dict.fromkeys(IDS, 1)
    assert recorded(filled) == dict(zip(IDS, SIZES, strict=True))
    with open_project(fresh, read_only=True) as later:
        again = CountingStore(later.chunks)
        assert ChunkSizes(later.database, again, recorded=True).layout(IDS, len(WHOLE)) == expected
        assert not again.gets


@pytest.mark.parametrize("has_table", [True, False])
def test_a_read_only_project_remembers_in_memory(filled: Project, fresh: Path, has_table: bool):
    """Where nothing may be written, chunks are still looked at only once."""
    filled.close()
    with open_project(fresh, read_only=True) as project:
        store = CountingStore(project.chunks)
        sizes = ChunkSizes(project.database, store, recorded=has_table)
        for _ in range(2):
            assert readable(project.chunks, sizes.layout(IDS, len(WHOLE)), WHOLE) == [True] * 6
            assert store.gets == dict.fromkeys(IDS, 1)


def test_recorded_sizes_are_believed_without_looking(filled: Project):
    """Who cut the content knows the sizes: nothing is read before the first byte is wanted."""
    with filled.database.writing() as connection:
        filled.sizes.record(connection, map(Chunk, IDS, SIZES))
    store = CountingStore(filled.chunks)
    sizes = ChunkSizes(filled.database, store, recorded=True)
    assert [each.size for each in sizes.layout(IDS, len(WHOLE))] == list(SIZES)
    assert not store.gets
    with filled.database.writing() as connection:
        filled.sizes.record(connection, [Chunk(IDS[0], SIZES[0])])  # The same again is no error.


def test_sizes_are_recorded_with_the_transaction(filled: Project):
    """A record that is undone with its transaction leaves nothing behind."""

    def record_and_fail() -> None:
        with filled.database.writing() as connection:
            filled.sizes.record(connection, [Chunk(IDS[0], 1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record_and_fail()
    assert recorded(filled) == {}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE mountfs_chunk SET raw_size = raw_size + 1 WHERE hash = :a",
        "UPDATE mountfs_chunk SET raw_size = 0 WHERE hash = :a",
        "UPDATE mountfs_chunk SET raw_size = 'many' WHERE hash = :a",
        "UPDATE mountfs_chunk SET raw_size = CASE hash WHEN :a THEN :size_b ELSE :size_a END"
        " WHERE hash IN (:a, :b)",
        "UPDATE mountfs_chunk SET seal = 'x' WHERE hash = :a",
        "UPDATE mountfs_chunk SET hash = CASE hash WHEN :a THEN 't' WHEN :b THEN 'u' END"
        " WHERE hash IN (:a, :b)",
        "DELETE FROM mountfs_chunk WHERE hash = :a",
    ],
)
def test_a_damaged_record_is_not_believed(filled: Project, change: str):
    """A record that was changed, exchanged with another or lost is made again from the chunk itself."""
    filled.sizes.layout(IDS, len(WHOLE))
    values = {"a": IDS[1], "b": IDS[4], "size_a": SIZES[1], "size_b": SIZES[4]}
    with filled.database.writing() as connection:
        connection.exec_driver_sql(change, {key: values[key] for key in values if f":{key}" in change})
    sizes = ChunkSizes(filled.database, filled.chunks, recorded=True)
    assert [each.size for each in sizes.layout(IDS, len(WHOLE))] == list(SIZES)
    assert recorded(filled).items() >= dict(zip(IDS, SIZES, strict=True)).items()


def test_exchanged_rows_cost_only_themselves(filled: Project):
    """Two chunks under each other's names are refused, and all between and after them is in place."""
    exchange(filled, IDS[1], IDS[4])
    good = readable(filled.chunks, filled.sizes.layout(IDS, len(WHOLE)), WHOLE)
    assert good == [True, False, True, True, False, True]
    assert recorded(filled) == dict(zip(IDS, SIZES, strict=True))


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda _: None,
    "empty": lambda _: b"",
    "cut short": lambda frame: frame[: len(frame) // 2],
    "a bit": lambda frame: frame[:4000] + bytes([frame[4000] ^ 4]) + frame[4001:],
    "its header": lambda frame: frame[:5] + bytes([frame[5] ^ 1]) + frame[6:],
    "other content": lambda _: encode_frame(b"something else entirely"),
    "too large": lambda _: zstandard.ZstdCompressor().compress(bytes(MAX_CHUNK + 1)),
    "two frames": lambda frame: frame + frame,
    "nothing inside": lambda _: encode_frame(b""),
}


@pytest.mark.parametrize("place", [0, 2, 5])
@pytest.mark.parametrize("damage", DAMAGES)
def test_one_damaged_chunk_costs_only_itself(filled: Project, damage: str, place: int):
    """Whatever happened to one chunk, its own range is refused and every other byte is right."""
    spoil(filled, IDS[place], DAMAGES[damage](filled.chunks.get(ref(IDS[place]))))
    good = readable(filled.chunks, filled.sizes.layout(IDS, len(WHOLE)), WHOLE)
    assert good == [index != place for index in range(6)]


def test_a_damaged_chunk_that_repeats(filled: Project):
    """A chunk that is damaged and occurs several times costs its places, since its size can still be told."""
    ids = [IDS[0], IDS[1], IDS[2], IDS[1], IDS[1], IDS[3]]
    whole = b"".join(RAWS[IDS.index(each)] for each in ids)
    spoil(filled, IDS[1], b"junk")
    good = readable(filled.chunks, filled.sizes.layout(ids, len(whole)), whole)
    assert good == [True, False, True, False, False, True]


@pytest.mark.parametrize("damage", DAMAGES)
def test_several_damaged_chunks_cost_what_lies_between(filled: Project, damage: str):
    """When several chunks are lost, all between them is refused, and before and after is right."""
    for place in (1, 3):
        spoil(filled, IDS[place], DAMAGES[damage](filled.chunks.get(ref(IDS[place]))))
    layout = filled.sizes.layout(IDS, len(WHOLE))
    good = readable(filled.chunks, layout, WHOLE)
    assert good[0] is True
    assert good[-2:] == [True, True]
    assert not any(good[1:-2])
    assert layout[0].size == SIZES[0]
    assert layout[1].id.startswith(IDS[1])


def test_a_lost_span_may_be_larger_than_a_chunk(project: Project):
    """A long lost span is in pieces that each are no larger than a chunk may be."""
    raws = [random.Random(number).randbytes(5 * 2**20) for number in range(3)]
    ids = [chunk_id(raw) for raw in raws]
    last = b"the end"
    project.chunks.put(chunk_id(last), encode_frame(last))
    whole = b"".join(raws) + last
    good = readable(project.chunks, project.sizes.layout([*ids, chunk_id(last)], len(whole)), whole)
    assert good == [False, False, True]


def test_a_lost_span_stays_lost_when_its_chunks_come_back(filled: Project):
    """A layout made while chunks were missing never reads them into wrong places when they are back."""
    for place in (1, 2):
        spoil(filled, IDS[place], None)
    layout = filled.sizes.layout(IDS, len(WHOLE))
    fill(filled)
    assert readable(filled.chunks, layout, WHOLE) == [True, False, True, True, True]
    assert readable(filled.chunks, filled.sizes.layout(IDS, len(WHOLE)), WHOLE) == [True] * 6


@pytest.mark.parametrize(
    ("ids", "size"),
    [
        (IDS, len(WHOLE) + 1),
        (IDS, len(WHOLE) - 1),
        (IDS, 0),
        (IDS, -5),
        (IDS, 2**62),
        (IDS[:-1], len(WHOLE)),
        (IDS[1:], len(WHOLE)),
        ([*IDS, IDS[0]], len(WHOLE)),
        ([], 1),
        ([IDS[0]], 0),
        ([IDS[0]], MAX_CHUNK + 1),
        (IDS, "480000"),
        (IDS, None),
        (IDS, float(len(WHOLE))),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(filled: Project, ids: list[ChunkId], size: Any):
    """When hashes and size do not agree nothing is known to be in its place, so nothing is shown."""
    with pytest.raises(ContentError):
        filled.sizes.layout(ids, size)


@pytest.mark.parametrize("size", [1, 300_000, 480_001, 10 * MAX_CHUNK])
def test_a_wrong_size_with_a_damaged_chunk(filled: Project, size: int):
    """A size that leaves no room for a lost chunk, or too much, refuses the whole."""
    spoil(filled, IDS[2], None)
    if size == 480_001:
        # This one is possible: what comes before the lost chunk is right in any case.
        layout = filled.sizes.layout(IDS, size)
        assert readable(filled.chunks, layout[:2], WHOLE[: SIZES[0] + SIZES[1]]) == [True, True]
        return
    with pytest.raises(ContentError):
        filled.sizes.layout(IDS, size)


def test_small_files(filled: Project):
    """An empty file has no chunks; a file's only chunk is as long as the file, and is not looked at."""
    store = CountingStore(filled.chunks)
    sizes = ChunkSizes(filled.database, store, recorded=True)
    assert sizes.layout([], 0) == ()
    assert sizes.layout([IDS[0]], SIZES[0]) == (Chunk(IDS[0], SIZES[0]),)
    assert not store.gets
    wrong = sizes.layout([IDS[0]], SIZES[0] - 1)
    with pytest.raises(ChunkCorrupt):
        decode_frame(filled.chunks.get(ref(IDS[0])), wrong[0])


def test_frames_without_a_size_in_their_header(filled: Project):
    """A frame that does not say how long its content is has a size all the same."""
    bare = zstandard.ZstdCompressor(write_content_size=False).compress(RAWS[2])
    spoil(filled, IDS[2], bare)
    assert readable(filled.chunks, filled.sizes.layout(IDS, len(WHOLE)), WHOLE) == [True] * 6


def test_a_store_that_does_not_answer_is_no_damage(filled: Project):
    """A storage that is away is reported as such, and nothing is concluded about the content."""
    flaky = FlakyStore(filled.chunks, lambda call, _: call == "get")
    with pytest.raises(StorageUnavailable):
        ChunkSizes(filled.database, flaky, recorded=True).layout(IDS, len(WHOLE))
    assert readable(filled.chunks, filled.sizes.layout(IDS, len(WHOLE)), WHOLE) == [True] * 6


def test_a_writer_elsewhere_does_not_stop_reading(filled: Project, fresh: Path):
    """While the sizes cannot be written down they are kept in memory, and the file is read."""
    with Database(fresh, busy_seconds=0.05) as impatient, filled.database.writing():
        sizes = ChunkSizes(impatient, filled.chunks, recorded=True)
        assert sizes.layout(IDS, len(WHOLE)) == tuple(map(Chunk, IDS, SIZES))
        assert recorded(filled) == {}


def test_single_changes_never_show_wrong_bytes(filled: Project):
    """For random single changes of the chunk table, of a manifest or of its size, every byte is right or
    refused."""
    chance = random.Random(3)
    frames = {name: filled.chunks.get(ref(name)) for name in IDS}
    for _ in range(150):
        memory = MemoryStore()
        for name, frame in frames.items():
            memory.put(name, frame)
        ids, size = list(IDS), len(WHOLE)
        place, other = chance.randrange(6), chance.randrange(6)
        kind = chance.choice(["bit", "cut", "gone", "swap", "frame", "size", "manifest", "shorter"])
        frame = frames[IDS[place]]
        if kind == "bit":
            at = chance.randrange(len(frame))
            memory.frames[IDS[place]] = (
                frame[:at] + bytes([frame[at] ^ 1 << chance.randrange(8)]) + frame[at + 1 :]
            )
        elif kind == "cut":
            memory.frames[IDS[place]] = frame[: chance.randrange(len(frame))]
        elif kind == "gone":
            del memory.frames[IDS[place]]
        elif kind == "swap":
            memory.frames[IDS[place]] = frames[IDS[other]]
            memory.frames[IDS[other]] = frame
        elif kind == "frame":
            memory.frames[IDS[place]] = frames[IDS[other]]
        elif kind == "size":
            size ^= 1 << chance.randrange(40)
        elif kind == "manifest":
            ids[place] = ChunkId(ids[place][:-1] + "x")
        else:
            del ids[place]
        with_nothing_recorded = ChunkSizes(filled.database, memory, recorded=False)
        try:
            layout = with_nothing_recorded.layout(ids, size)
        except ContentError:
            assert kind in ("size", "shorter")
            continue
        assert kind not in ("size", "shorter")
        good = readable(memory, layout, WHOLE)
        lost = {place, other} if kind == "swap" and place != other else {place}
        if kind in ("swap", "frame") and place == other:
            lost = set()
        assert good == [index not in lost for index in range(6)] or kind == "bit", kind


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.stem)
def test_files_of_the_other_program(sample: Path, tmp_path: Path):
    """Every version in every project of the other program is laid out and readable to its last byte."""
    path = copy_sample(sample, tmp_path)
    storage = sample.parent / "deflated-storage"
    with open_project(path, storage_dir=storage, read_only=True) as project:
        with project.database.reading() as connection:
            rows = connection.execute(select(asset_checkpoint.c.chunks, asset_checkpoint.c.file_size)).all()
        for text, size in rows:
            ids = [ChunkId(each) for each in text.split(",")] if text else []
            layout = project.sizes.layout(ids, size)
            assert [each.id for each in layout] == ids
            assert sum(each.size for each in layout) == size
            for each in layout:
                decode_frame(project.chunks.get(ref(each.id)), each)
