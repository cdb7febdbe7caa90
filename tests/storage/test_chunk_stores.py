"""Chunks in the file and chunks as files keep what they are given, and say what they do not have."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import zstandard
from sqlalchemy import func, select

from mountfs.digest import MAX_CHUNK, MAX_FRAME, chunk_id, decode_frame, encode_frame
from mountfs.errors import ChunkCorrupt, ChunkMissing, StorageUnavailable
from mountfs.interfaces import frames_of
from mountfs.model import CheckpointId, Chunk, ChunkId, ChunkRef
from mountfs.storage.create import create_project
from mountfs.storage.open import Project, open_project
from mountfs.storage.tables import chunk, chunk_ref
from tests.storage.conftest import ADA, SAMPLES, copy_sample
from tests.storage.processes import running

RAW = b"what an artist made " * 500
ID = chunk_id(RAW)
FRAME = encode_frame(RAW)


def ref(name: str, size: int = 0) -> ChunkRef:
    return ChunkRef(CheckpointId("c"), 0, Chunk(ChunkId(name), size))


@pytest.fixture
def deflated(tmp_path: Path) -> Iterator[Project]:
    path, storage = tmp_path / "deflated.clst", tmp_path / "chunks"
    create_project(path, name="D", author=ADA, mode="deflated", storage_dir=storage)
    with open_project(path, storage_dir=storage) as opened:
        yield opened


@pytest.fixture(params=["project", "deflated"], ids=["compact", "deflated"])
def store(request: pytest.FixtureRequest) -> Project:
    opened: Project = request.getfixturevalue(request.param)
    return opened


def file_of(project: Project, name: ChunkId) -> Path:
    return project.path.parent / "chunks" / project.id / "chunks" / name[:2] / name[2:4] / name


def test_what_is_put_is_got(store: Project):
    """A frame comes back byte for byte, at once and for a later process."""
    store.chunks.put(ID, FRAME)
    assert store.chunks.get(ref(ID)) == FRAME
    store.close()
    folder = store.path.parent / "chunks"
    with open_project(store.path, storage_dir=folder if folder.exists() else None, read_only=True) as again:
        assert again.chunks.get(ref(ID)) == FRAME
        assert again.chunks.missing([ID]) == set()


def test_what_was_never_put_is_missing(store: Project):
    """A chunk that is not there is said to be missing, whatever its name looks like."""
    for name in (ID, "", "x", "../../../etc/passwd", "A" * 64, f"{ID}?", "ü" * 64):
        with pytest.raises(ChunkMissing):
            store.chunks.get(ref(name))
        assert store.chunks.missing([ChunkId(name)]) == {ChunkId(name)}


def test_several_at_once_are_what_they_are_one_by_one(store: Project):
    """Whoever asks for many chunks gets each frame, or its own error, in the order of the questions."""
    raws = [bytes([number]) * (500 + number) for number in range(40)]
    for raw in raws:
        store.chunks.put(chunk_id(raw), encode_frame(raw))
    refs = [ref(chunk_id(raw), len(raw)) for raw in raws]
    refs[7:7] = [ref(ID, len(RAW)), refs[3], ref("../x")]
    answers = frames_of(store.chunks, refs)
    assert [type(answer) for answer in answers] == [
        ChunkMissing if place in (7, 9) else bytes for place in range(43)
    ]
    for one, answer in zip(refs, answers, strict=True):
        if isinstance(answer, bytes):
            assert answer == store.chunks.get(one)


def test_missing_tells_apart(store: Project):
    """Of many names, exactly those not stored are missing, also of more than one statement can hold."""
    store.chunks.put(ID, FRAME)
    absent = {chunk_id(str(number).encode()) for number in range(2500)}
    assert store.chunks.missing([ID, *absent]) == absent
    assert store.chunks.missing([]) == set()


def test_the_same_twice_is_no_error(store: Project):
    """Storing a chunk again changes nothing; another frame of the same bytes does not replace the first."""
    store.chunks.put(ID, FRAME)
    store.chunks.put(ID, FRAME)
    store.chunks.put(ID, zstandard.ZstdCompressor(level=9, write_checksum=True).compress(RAW))
    assert store.chunks.get(ref(ID)) == FRAME


@pytest.mark.parametrize("damaged", [b"", b"junk", FRAME[:-3], encode_frame(b"other content")])
def test_a_damaged_chunk_is_replaced(store: Project, damaged: bytes):
    """Storing a chunk again mends it, so that whoever still has the content can bring it back."""
    store.chunks.put(ID, FRAME)
    if store.mode == "compact":
        with store.database.writing() as connection:
            connection.execute(chunk.update().values(data=damaged))
    else:
        file_of(store, ID).write_bytes(damaged)
    if not damaged or (store.mode == "deflated" and len(damaged) != len(FRAME)):
        assert store.chunks.missing([ID]) == {ID}
    store.chunks.put(ID, FRAME)
    assert store.chunks.get(ref(ID)) == FRAME
    assert store.chunks.missing([ID]) == set()


def test_rows_are_those_of_the_format(project: Project, deflated: Project):
    """The other program finds a chunk by its hash, and its size is that of the frame."""
    for each in (project, deflated):
        each.chunks.put(ID, FRAME)
    with project.database.reading() as connection:
        assert connection.execute(select(chunk)).all() == [(ID, FRAME, len(FRAME))]
    with deflated.database.reading() as connection:
        ((name, key, size, created_at),) = connection.execute(select(chunk_ref)).all()
        assert connection.execute(select(func.count()).select_from(chunk)).scalar() == 0
    assert (name, size) == (ID, len(FRAME))
    assert key == f"{deflated.id}/chunks/{ID[:2]}/{ID[2:4]}/{ID}"
    assert isinstance(created_at, int)
    assert (deflated.path.parent / "chunks" / key).read_bytes() == FRAME


def test_many_threads_store_at_once(store: Project):
    """Chunks of several workers all arrive, the same one from all of them too."""
    raws = [os.urandom(2000) for _ in range(40)]

    def work() -> None:
        for raw in raws:
            store.chunks.put(chunk_id(raw), encode_frame(raw))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for raw in raws:
        frame = store.chunks.get(ref(chunk_id(raw)))
        assert decode_frame(frame, Chunk(chunk_id(raw), len(raw))) == raw


def test_the_largest_chunk_that_does_not_compress(store: Project):
    """The format's largest chunk passes, with what its frame adds to it."""
    raw = os.urandom(MAX_CHUNK)
    frame = encode_frame(raw)
    assert len(raw) < len(frame) <= MAX_FRAME
    store.chunks.put(chunk_id(raw), frame)
    assert store.chunks.get(ref(chunk_id(raw))) == frame


PUT_AND_STOP = """
from mountfs.digest import chunk_id, encode_frame
import logging
folder = path.parent / "chunks"
with open_project(path, storage_dir=folder if folder.exists() else None) as project:
    for number in range(100):
        raw = b"%d" % number
        project.chunks.put(chunk_id(raw), encode_frame(raw))
    ready()
    wait()
"""


def test_a_killed_writer_leaves_whole_chunks(store: Project):
    """After kill -9 every chunk that was put is whole, and the file is sound."""
    store.close()
    with running(PUT_AND_STOP, store.path) as process:
        process.kill()
        process.wait(60)
    folder = store.path.parent / "chunks"
    with open_project(store.path, storage_dir=folder if folder.exists() else None) as project:
        for number in range(100):
            raw = b"%d" % number
            assert decode_frame(project.chunks.get(ref(chunk_id(raw))), Chunk(chunk_id(raw), len(raw))) == raw
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_row_that_holds_no_bytes(project: Project):
    """A row whose content is text is damage, not content."""
    project.chunks.put(ID, FRAME)
    with project.database.writing() as connection:
        connection.exec_driver_sql("UPDATE chunk SET data = 'text'")
    assert project.chunks.missing([ID]) == {ID}
    with pytest.raises(ChunkCorrupt):
        project.chunks.get(ref(ID))
    assert [type(answer) for answer in frames_of(project.chunks, [ref(ID, 9), ref("x", 9)])] == [
        ChunkCorrupt,
        ChunkMissing,
    ]


def test_damage_in_one_place_of_the_file(fresh: Path):
    """A page of the file that is destroyed costs the chunks it held; other chunks are still read."""
    raws = [os.urandom(300_000) for _ in range(6)]
    with open_project(fresh) as project:
        for raw in raws:
            project.chunks.put(chunk_id(raw), encode_frame(raw))
    data = bytearray(fresh.read_bytes())
    middle = data.index(raws[3][150_000:150_040])
    page = middle - middle % 4096
    data[page : page + 4096] = b"\xff" * 4096
    fresh.write_bytes(data)
    good = 0
    with open_project(fresh, read_only=True) as project:
        for raw in raws:
            try:
                decode_frame(project.chunks.get(ref(chunk_id(raw))), Chunk(chunk_id(raw), len(raw)))
                good += 1
            except ChunkCorrupt:
                assert raw == raws[3]
        together = frames_of(project.chunks, [ref(chunk_id(raw), len(raw)) for raw in raws])
    assert good == 5
    for raw, frame in zip(raws, together, strict=True):
        if raw != raws[3]:
            assert isinstance(frame, bytes)
            assert decode_frame(frame, Chunk(chunk_id(raw), len(raw))) == raw


def test_a_file_is_on_the_disk_before_its_row_is_written(deflated: Project, monkeypatch: pytest.MonkeyPatch):
    """The order is: file written and synchronised, renamed, folder synchronised, row: a crash between any two
    of them leaves no row without its file, and no half file under a chunk's name."""
    order: list[str] = []
    real_sync, real_rename, real_append = os.fsync, Path.rename, deflated.database.appending

    def sync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        order.append("sync folder" if path.is_dir() else "sync file")
        assert path.name != ID
        real_sync(descriptor)

    def rename(self: Path, target: Path) -> Path:
        order.append("rename")
        assert self.parent == target.parent
        return real_rename(self, target)

    def append():
        order.append("row")
        return real_append()

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(deflated.database, "appending", append)
    deflated.chunks.put(ID, FRAME)
    assert order[-4:] == ["sync file", "rename", "sync folder", "row"]
    assert set(order[:-4]) == {"sync folder"}  # The folders made on the way.


def test_a_full_disk_leaves_nothing_under_the_name(deflated: Project, monkeypatch: pytest.MonkeyPatch):
    """When the disk refuses, the error says where, and neither file nor row nor leftover remains."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageUnavailable, match="No space left"):
        deflated.chunks.put(ID, FRAME)
    monkeypatch.undo()
    assert deflated.chunks.missing([ID]) == {ID}
    assert not [each for each in (deflated.path.parent / "chunks").rglob("*") if each.is_file()]


def test_a_storage_folder_that_went_away(deflated: Project):
    """When the whole folder is gone, the storage is unavailable; no chunk is called missing for that."""
    deflated.chunks.put(ID, FRAME)
    shutil.rmtree(deflated.path.parent / "chunks")
    with pytest.raises(StorageUnavailable):
        deflated.chunks.get(ref(ID))


@pytest.mark.parametrize("kind", ["fifo", "link", "folder", "huge"])
def test_what_lies_in_a_chunks_place_is_not_followed(deflated: Project, tmp_path: Path, kind: str):
    """A pipe, a link, a folder or a huge file under a chunk's name neither blocks nor is read."""
    deflated.chunks.put(ID, FRAME)
    path = file_of(deflated, ID)
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        (tmp_path / "secret").write_bytes(FRAME)
        path.symlink_to(tmp_path / "secret")
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
        os.truncate(path, MAX_FRAME + 1)
    assert deflated.chunks.missing([ID]) == {ID}
    with pytest.raises(ChunkCorrupt):
        deflated.chunks.get(ref(ID))


@pytest.mark.parametrize(
    "sample", [each for each in SAMPLES if each.stem == "deflated"], ids=lambda each: each.stem
)
def test_chunk_files_of_the_other_program(sample: Path, tmp_path: Path):
    """Chunks lie where the other program puts them, so each finds those of the other."""
    storage = sample.parent / "deflated-storage"
    with open_project(copy_sample(sample, tmp_path), storage_dir=storage, read_only=True) as project:
        with project.database.reading() as connection:
            rows = connection.execute(
                select(chunk_ref.c.hash, chunk_ref.c.storage_key, chunk_ref.c.size)
            ).all()
        assert len(rows) == 20
        for name, key, size in rows:
            frame = project.chunks.get(ref(name))
            assert frame == (storage / key).read_bytes()
            assert len(frame) == size
        assert project.chunks.missing([ChunkId(row[0]) for row in rows]) == set()
