"""What every `ChunkStore` does, whoever implements it: chunks in memory, in a project file, as files, and the
stores of the tests around one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from random import Random

import pytest

from mountfs.content.assemble import assemble
from mountfs.content.disk_cache import CachedStore, DiskCache, Limits
from mountfs.content.ingest import ingest
from mountfs.digest import chunk_id, decode_frame, encode_frame
from mountfs.errors import ChunkMissing
from mountfs.interfaces import ChunkStore
from mountfs.model import CheckpointId, Chunk, ChunkId, ChunkRef, Manifest
from mountfs.storage.create import FirstUser, create_project
from mountfs.storage.open import open_project
from mountfs.testing.stores import CountingStore, FlakyStore, MemoryStore, SlowStore

Maker = Callable[[Path, ExitStack], ChunkStore]


def _project(mode: str) -> Maker:
    def make(folder: Path, stack: ExitStack) -> ChunkStore:
        path = folder / "project.clst"
        chunks = folder / "chunks" if mode == "deflated" else None
        author = FirstUser("ada@example.org", "ada", "Ada", "Lovelace")
        create_project(path, name="P", author=author, mode=mode, storage_dir=chunks)
        return stack.enter_context(open_project(path, storage_dir=chunks)).chunks

    return make


def _cached(folder: Path, stack: ExitStack) -> ChunkStore:
    cache = DiskCache(folder / "cache", Limits(64 << 20, 0))
    stack.callback(cache.close)
    return CachedStore(MemoryStore(), cache)


def _without_room(folder: Path, stack: ExitStack) -> ChunkStore:
    cache = DiskCache(folder / "cache", Limits(0, 0))
    stack.callback(cache.close)
    return CachedStore(MemoryStore(), cache)


def _open_gate() -> SlowStore:
    store = SlowStore(MemoryStore())
    store.open()
    return store


STORES: dict[str, Maker] = {
    "memory": lambda _folder, _stack: MemoryStore(),
    "counting": lambda _folder, _stack: CountingStore(MemoryStore()),
    "flaky": lambda _folder, _stack: FlakyStore(MemoryStore(), lambda _call, _chunk: False),
    "slow": lambda _folder, _stack: _open_gate(),
    "cached": _cached,
    "cached without room": _without_room,
    "compact": _project("compact"),
    "deflated": _project("deflated"),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ChunkStore]:
    """Each kind of store, empty."""
    with ExitStack() as stack:
        yield STORES[request.param](tmp_path, stack)


RAWS = [b"x", b"line\n" * 10_000, Random(1).randbytes(700_000), bytes(8 * 1024 * 1024)]


def ref(chunk: Chunk, index: int = 0) -> ChunkRef:
    return ChunkRef(CheckpointId("c"), index, chunk)


def chunk_of(raw: bytes) -> Chunk:
    return Chunk(chunk_id(raw), len(raw))


def test_what_is_put_comes_back(store: ChunkStore) -> None:
    """A frame that was put is got byte for byte, and decodes to the chunk."""
    for raw in RAWS:
        store.put(chunk_id(raw), encode_frame(raw))
    for raw in reversed(RAWS):
        frame = store.get(ref(chunk_of(raw)))
        assert frame == encode_frame(raw)
        assert decode_frame(frame, chunk_of(raw)) == raw


def test_what_was_not_put_is_missing(store: ChunkStore) -> None:
    """An absent chunk is named as missing, and getting it says which one it is."""
    here, gone = chunk_of(b"here"), chunk_of(b"gone")
    assert store.missing([here.id, gone.id]) == {here.id, gone.id}
    store.put(here.id, encode_frame(b"here"))
    assert store.missing([here.id, gone.id]) == {gone.id}
    assert store.missing({here.id: None}.keys()) == set()
    assert store.missing([]) == set()
    with pytest.raises(ChunkMissing) as caught:
        store.get(ref(gone))
    assert caught.value.chunk == gone.id


def test_the_same_twice_is_no_error(store: ChunkStore) -> None:
    """Whoever is not sure whether a chunk arrived may put it again."""
    for _ in range(2):
        store.put(chunk_id(b"again"), encode_frame(b"again"))
    assert decode_frame(store.get(ref(chunk_of(b"again"))), chunk_of(b"again")) == b"again"


def test_asking_for_many_is_one_question(store: ChunkStore) -> None:
    """More names than a statement takes are answered all the same."""
    names = [chunk_id(b"%d" % number) for number in range(3000)]
    store.put(names[7], encode_frame(b"7"))
    assert store.missing(names) == {*names} - {names[7]}


def test_several_threads_at_once(store: ChunkStore) -> None:
    """Workers put and get different and the same chunks at the same time."""
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for number in range(12):
                raw = b"%d " % (number + seed % 2) * 500
                store.put(chunk_id(raw), encode_frame(raw))
                assert decode_frame(store.get(ref(chunk_of(raw))), chunk_of(raw)) == raw
                assert not store.missing([chunk_id(raw)])
        except BaseException as exc:  # noqa: BLE001 - a thread's failure is shown by the test's own thread
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_a_file_goes_in_and_comes_out(store: ChunkStore) -> None:
    """A file taken in is complete in the store, and its bytes come out again."""
    data = Random(2).randbytes(4_000_000) + bytes(2_000_000) + b"the end" * 1000
    taken = ingest(BytesIO(data), store)
    assert store.missing([chunk.id for chunk in taken.chunks]) == set()
    manifest = Manifest(CheckpointId("c"), taken.size, taken.xxh3, taken.chunks)
    assert b"".join(assemble(manifest, store)) == data
    assert ingest(BytesIO(data), store).new_bytes == 0


def test_names_are_not_paths(store: ChunkStore) -> None:
    """A name that is no hash is a chunk that is missing, whatever a path or a statement would make of it."""
    for name in ("", "../../../../etc/passwd", "'; DROP TABLE chunk; --", "A" * 64, "ü"):
        with pytest.raises(ChunkMissing):
            store.get(ref(Chunk(ChunkId(name), 10)))
