"""The cache on disk: what it saves, what stays, and that it never takes more than it may."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Set
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mountfs.content.disk_cache import CachedStore, DiskCache, Limits
from mountfs.digest import decode_frame, encode_frame
from mountfs.errors import ChunkCorrupt, LocalStateError, StorageUnavailable
from mountfs.interfaces import frames_of, put_all
from mountfs.model import CheckpointId, Chunk, ChunkRef
from mountfs.testing.mounts import wait_until
from mountfs.testing.stores import CountingStore, FlakyStore, MemoryStore

PIECE = 10_000
"""Raw bytes of the chunks of most tests, which cannot be compressed: 12 KiB on the disk, with their row."""
COST = 3 * 4096 + 256


_ticks = itertools.count()


def ref(chunk: Chunk) -> ChunkRef:
    return ChunkRef(CheckpointId("c"), 0, chunk)


def pieces(count: int, store: MemoryStore) -> list[Chunk]:
    return [store.add(random.Random(number).randbytes(PIECE)) for number in range(count)]


def files_in(folder: Path) -> dict[str, Path]:
    """All files of chunks, finished or not."""
    return {path.name: path for path in folder.glob("??/*")}


def taken(folder: Path) -> int:
    """The bytes of the disk that chunks take."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in files_in(folder).values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def opened(folder: Path, stack: ExitStack, most: int = 1 << 30, keep_free: int = 0) -> DiskCache:
    """A cache whose clock goes on with each look at it."""
    cache = DiskCache(folder, Limits(most, keep_free), now_ns=_ticks.__next__)
    stack.callback(cache.close)
    return cache


def is_cached(folder: Path, chunk: Chunk) -> bool:
    return chunk.id in files_in(folder)


def test_what_was_read_once_is_not_fetched_again(folder: Path, stack: ExitStack):
    """A second read, by this mount, a later or another one, costs no network."""
    origin = CountingStore(memory := MemoryStore())
    chunk = memory.add(b"content" * 1000)
    cache = opened(folder, stack)
    first, second = CachedStore(origin, cache), CachedStore(origin, opened(folder, stack))
    frames = [store.get(ref(chunk)) for store in (first, first, second)]
    assert frames == [memory.frames[chunk.id]] * 3
    assert first.get_decoded([ref(chunk)]) == [b"content" * 1000]
    assert origin.gets[chunk.id] == 1
    assert files_in(folder)[chunk.id].stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == files_in(folder)[chunk.id].parent.stat().st_mode & 0o777 == 0o700


def test_of_many_only_what_lacks_is_fetched(folder: Path, stack: ExitStack):
    """A batch asks the studio for what is not here, once each, and each error stays with its chunk."""
    memory = MemoryStore()
    chunks = pieces(6, memory)
    origin = CountingStore(FlakyStore(memory, lambda _, chunk: chunk == chunks[5].id))
    store = CachedStore(origin, opened(folder, stack))
    store.get(ref(chunks[0]))
    wanted = [ref(one) for one in (*chunks, chunks[1])]
    found = store.get_many(wanted)
    assert [frame for frame in found if isinstance(frame, bytes)] == [
        memory.frames[one.chunk.id] for one in wanted if one.chunk != chunks[5]
    ]
    assert isinstance(found[5], StorageUnavailable)
    assert set(origin.gets.values()) == {1}
    assert is_cached(folder, chunks[1])
    assert not is_cached(folder, chunks[5])


def test_what_is_uploaded_is_here_too(folder: Path, stack: ExitStack):
    """Whoever saves a file and opens it again fetches nothing."""
    origin = CountingStore(MemoryStore())
    store = CachedStore(origin, opened(folder, stack))
    raws = [b"one" * 100, b"two" * 100, random.Random(7).randbytes(50_000)]
    chunks = [MemoryStore().add(raw) for raw in raws]
    store.put(chunks[0].id, encode_frame(raws[0]))
    put_all(store, {chunk.id: encode_frame(raw) for chunk, raw in zip(chunks, raws, strict=True)})
    assert [decode_frame(store.get(ref(one)), one) for one in chunks] == raws
    assert not origin.gets
    assert store.missing([one.id for one in chunks]) == set()


def test_an_upload_that_fails_is_not_kept(folder: Path, stack: ExitStack):
    """What the studio has not taken is the mount's business, and takes no room here."""
    cache = opened(folder, stack)
    store = CachedStore(FlakyStore(MemoryStore(), lambda call, _: call == "put"), cache)
    with pytest.raises(StorageUnavailable):
        store.put(Chunk(MemoryStore().add(b"x").id, 1).id, encode_frame(b"x"))
    assert cache.held == 0


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other", "link", "folder"])
def test_what_is_damaged_is_fetched_again(
    folder: Path, stack: ExitStack, caplog: pytest.LogCaptureFixture, damage: str
):
    """Nobody gets a wrong byte from a bad disk, or notices more than one line in the log."""
    origin = CountingStore(memory := MemoryStore())
    chunk, other = pieces(2, memory)
    store = CachedStore(origin, opened(folder, stack))
    good = store.get(ref(chunk))
    file = files_in(folder)[chunk.id]
    match damage:
        case "flip":
            file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        case "cut":
            file.write_bytes(good[:100])
        case "empty":
            file.write_bytes(b"")
        case "other":
            file.write_bytes(memory.frames[other.id])
        case "link":
            file.unlink()
            file.symlink_to("/dev/zero")
        case "folder":
            file.unlink()
            file.mkdir()
    assert [store.get(ref(chunk)) for _ in range(3)] == [good] * 3
    assert len(caplog.records) == 1
    assert origin.gets[chunk.id] == 2


def test_what_arrives_damaged_is_not_kept(folder: Path, stack: ExitStack):
    """Wrong bytes under a chunk's name reach neither the reader nor the disk."""
    memory = MemoryStore()
    chunk, other = pieces(2, memory)
    memory.frames[chunk.id] = memory.frames[other.id]
    cache = opened(folder, stack)
    with pytest.raises(ChunkCorrupt):
        CachedStore(memory, cache).get(ref(chunk))
    assert cache.held == 0
    assert files_in(folder) == {}


def test_the_longest_unused_goes_first(folder: Path, stack: ExitStack):
    """What is read now and then stays; what nobody has read for long makes room."""
    chunks = pieces(6, memory := MemoryStore())
    cache = opened(folder, stack, most=4 * COST)
    store = CachedStore(memory, cache)
    for chunk in chunks[:4]:
        store.get(ref(chunk))
    store.get(ref(chunks[0]))
    store.get(ref(chunks[4]))
    assert [is_cached(folder, one) for one in chunks] == [True, False, True, True, True, False]
    assert cache.held == 4 * COST


def test_what_is_open_or_pinned_stays(folder: Path, stack: ExitStack):
    """Room is never made by what somebody reads just now or asked to have here."""
    chunks = pieces(9, memory := MemoryStore())
    cache = opened(folder, stack, most=4 * COST + COST // 2)
    store = CachedStore(memory, cache)
    cache.pin("film:/shots", [chunks[0].id])
    with cache.hold([chunks[1].id]), cache.hold([chunks[1].id, chunks[2].id]):
        for chunk in chunks:
            store.get(ref(chunk))
        assert all(is_cached(folder, one) for one in chunks[:3])
    assert cache.pins() == {"film:/shots": (1, 1, COST)}
    for chunk in chunks[3:]:
        store.get(ref(chunk))
    assert [is_cached(folder, one) for one in chunks[:3]] == [True, False, False]
    cache.unpin("film:/shots")
    for chunk in chunks[3:]:
        store.get(ref(chunk))
    assert not is_cached(folder, chunks[0])


def test_when_all_stays_nothing_more_is_kept(folder: Path, stack: ExitStack):
    """A full cache of pinned files is no reason to fail: the rest is read without."""
    chunks = pieces(5, memory := MemoryStore())
    cache = opened(folder, stack, most=3 * COST)
    store = CachedStore(memory, cache)
    cache.pin("all", [one.id for one in chunks])
    assert [store.get(ref(one)) for one in chunks] == [memory.frames[one.id] for one in chunks]
    assert len(files_in(folder)) == 3
    assert cache.held <= 3 * COST


def test_what_is_out_of_sight_is_removed(folder: Path, stack: ExitStack):
    """Evicting removes what was open and pinned too: what may not be seen is not kept."""
    chunks = pieces(2, memory := MemoryStore())
    cache = opened(folder, stack)
    store = CachedStore(memory, cache)
    cache.pin("key", [chunks[0].id])
    with cache.hold([chunks[0].id]):
        store.get_many([ref(one) for one in chunks])
        assert cache.evict([chunks[0].id, "../../etc/passwd"]) == COST  # type: ignore[list-item]  # no chunk
    assert list(files_in(folder)) == [chunks[1].id]
    assert cache.held == COST


def test_what_a_dead_process_held_may_go(folder: Path, stack: ExitStack):
    """A mount that was killed keeps nothing in the cache, though others go on."""
    chunks = pieces(6, memory := MemoryStore())
    cache = DiskCache(folder, Limits(3 * COST, 0))
    stack.callback(cache.close)
    with running("hold", folder, 3 * COST) as killed:  # it holds all that fits
        assert killed.stdout is not None
        killed.stdout.readline()
        killed.kill()
        killed.wait()
    store = CachedStore(memory, cache)
    for chunk in chunks[3:]:
        store.get(ref(chunk))
    assert is_cached(folder, chunks[5])
    assert not is_cached(folder, chunks[0])


def test_the_disk_keeps_some_room(folder: Path, stack: ExitStack):
    """Where the disk is nearly full, the cache takes nothing, and reading works."""
    (chunk,) = pieces(1, memory := MemoryStore())
    cache = opened(folder, stack, keep_free=1 << 60)
    store = CachedStore(memory, cache)
    assert store.get(ref(chunk)) == store.get(ref(chunk)) == memory.frames[chunk.id]
    assert cache.held == 0


def test_limits_are_those_of_the_disk(tmp_path: Path):
    """Nobody has to set anything: a fifth of the disk, and some of it always stays free."""
    found = os.statvfs(tmp_path)
    size = found.f_blocks * found.f_frsize
    assert Limits.of_disk(tmp_path) == Limits(size // 5, min(size // 20, 10 << 30))


def test_a_disk_that_fails_is_done_without(folder: Path, stack: ExitStack, caplog: pytest.LogCaptureFixture):
    """When nothing can be written, everything is read as if there were no cache, with one line in the log."""
    chunks = pieces(3, memory := MemoryStore())
    cache = opened(folder, stack)
    store = CachedStore(memory, cache)
    for chunk in chunks:
        (folder / chunk.id[:2]).write_text("in the place of a folder")
    for _ in range(2):
        assert [store.get(ref(one)) for one in chunks] == [memory.frames[one.id] for one in chunks]
    assert len(caplog.records) == 1


@pytest.mark.root
def test_a_disk_that_is_full(folder: Path, caplog: pytest.LogCaptureFixture):
    """A full disk costs the cache, not the reader."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    try:
        chunks = pieces(200, memory := MemoryStore())
        with ExitStack() as stack:
            store = CachedStore(memory, opened(folder, stack))
            for _ in range(2):
                assert [store.get(ref(one)) for one in chunks] == [memory.frames[one.id] for one in chunks]
        with ExitStack() as stack:
            store = CachedStore(memory, opened(folder, stack))
            assert [store.get(ref(one)) for one in chunks] == [memory.frames[one.id] for one in chunks]
    finally:
        subprocess.run(["umount", folder], check=True)
    assert len(caplog.records) <= 5  # at most two each time, and one more


def test_an_index_that_is_damaged_is_made_anew(folder: Path, caplog: pytest.LogCaptureFixture):
    """What is on the disk is still found after its index was lost or overwritten."""
    chunks = pieces(4, memory := MemoryStore())
    origin = CountingStore(memory)
    for damage in (b"damage" * 1000, None):
        with ExitStack() as stack:
            frames_of(CachedStore(origin, opened(folder, stack)), [ref(one) for one in chunks])
        for path in folder.glob("index.db-*"):
            path.unlink()
        if damage is None:
            (folder / "index.db").unlink()
        else:
            (folder / "index.db").write_bytes(damage)
    with ExitStack() as stack:
        cache = opened(folder, stack)
        frames_of(CachedStore(origin, cache), [ref(one) for one in chunks])
        assert cache.held == 4 * COST
    assert set(origin.gets.values()) == {1}
    assert len(caplog.records) == 1


def test_a_folder_that_cannot_be_one(tmp_path: Path):
    """Where there can be no cache at all, whoever wanted one is told why."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "index.db").mkdir()
    with pytest.raises(LocalStateError, match="cannot be used"):
        DiskCache(tmp_path / "cache", Limits(1 << 20, 0))


# Several processes

WORKING = """
import random, sys
from pathlib import Path
from mountfs.content.disk_cache import CachedStore, DiskCache, Limits
from mountfs.model import CheckpointId, ChunkRef
from mountfs.testing.stores import MemoryStore

what, folder, most, seed, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), *map(int, sys.argv[4:])
cache = DiskCache(folder, Limits(most, 0))
memory = MemoryStore()
if what == "hold":
    chunks = [memory.add(random.Random(number).randbytes(10_000)) for number in range(3)]
    with cache.hold([one.id for one in chunks]):
        CachedStore(memory, cache).get_many([ChunkRef(CheckpointId("c"), 0, one) for one in chunks])
        print("holding", flush=True)
        sys.stdin.read()
chunks = [memory.add(random.Random(n).randbytes(random.Random(n).randrange(1, 60_000))) for n in range(120)]
refs = [ChunkRef(CheckpointId("c"), 0, one) for one in chunks]
store = CachedStore(memory, cache)
dice = random.Random(seed)
print("working", flush=True)
for number in range(rounds):
    some = dice.sample(refs, dice.randrange(1, 9))
    assert store.get_many(some) == [memory.frames[one.chunk.id] for one in some]
    if dice.random() < 0.1:
        store.put(some[0].chunk.id, memory.frames[some[0].chunk.id])
    if dice.random() < 0.1:
        cache.evict([one.chunk.id for one in some])
cache.close()
"""


def running(what: str, folder: Path, most: int, seed: int = 0, rounds: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKING, what, str(folder), str(most), str(seed), str(rounds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_never_take_more_than_the_limit(folder: Path):
    """At no instant do two mounts that fill one cache have more on the disk than it may have."""
    most = 1 << 20
    folder.mkdir(mode=0o700)
    checks, fullest = 0, 0
    with running("work", folder, most, 1, 120) as first, running("work", folder, most, 2, 120) as second:
        both = (first, second)
        for process in both:
            assert process.stdout is not None
            process.stdout.readline()
        while any(process.poll() is None for process in both):
            for process in both:  # an instant, while which nothing moves
                process.send_signal(signal.SIGSTOP)
            for process in both:
                wait_until(partial(is_still, process), "a process that stands still")
            fullest = max(fullest, taken(folder))
            assert taken(folder) <= most
            checks += 1
            for process in both:
                process.send_signal(signal.SIGCONT)
    assert [process.returncode for process in both] == [0, 0]
    assert checks > 5
    assert fullest > most * 3 // 4
    with ExitStack() as stack:
        assert taken(folder) <= opened(folder, stack, most).held <= most


def is_other(folder: Path, before: Set[str]) -> bool:
    return files_in(folder).keys() != before


def is_still(process: subprocess.Popen[str]) -> bool:
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] in "TtZX"


@pytest.mark.parametrize("alone", [True, False], ids=["nobody else", "somebody else has it"])
def test_after_a_kill_everything_is_accounted_for(folder: Path, alone: bool):
    """A mount that is killed while it fills the cache leaves it within its limit, and usable as before."""
    most = 1 << 20
    with ExitStack() as stack:
        other = None if alone else opened(folder, stack, most)
        for seed in range(6):
            with running("work", folder, most, seed, 1_000_000) as process:
                assert process.stdout is not None
                process.stdout.readline()
                before = files_in(folder).keys()
                wait_until(partial(is_other, folder, before), "work")
                process.kill()
            assert taken(folder) <= most
        cache = other or opened(folder, stack, most)
        chunks = pieces(100, memory := MemoryStore())
        store = CachedStore(memory, cache)
        assert [store.get(ref(one)) for one in chunks] == [memory.frames[one.id] for one in chunks]
        again = opened(folder, stack, most)  # whoever comes clears up
        assert taken(folder) <= again.held <= most
        rows = dict(rows_in(folder))
        assert sum(rows.values()) == again.held >= taken(folder) + 256 * len(files_in(folder))
        # Who was killed between a file and its row has left a row too much: it goes as the longest unused.
        assert rows.keys() >= files_in(folder).keys()
        assert not alone or rows.keys() == files_in(folder).keys()


def rows_in(folder: Path) -> list[tuple[str, int]]:
    index = sqlite3.connect(folder / "index.db")
    try:
        return [(chunk.hex(), cost) for chunk, cost in index.execute("SELECT chunk, cost FROM entry")]
    finally:
        index.close()


# Against a model


class CacheMachine(RuleBasedStateMachine):
    """A cache of 8 chunks at most, beside what is known of it: right bytes, the limit, and what stays."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="cache-"))
        self.memory = MemoryStore()
        self.chunks = pieces(14, self.memory)
        self.pinned: dict[str, set[int]] = {}
        self.held: list[tuple[set[int], ExitStack]] = []
        self.stack = ExitStack()
        self.open()

    def open(self) -> None:
        self.cache = opened(self.folder, self.stack, 8 * COST)
        self.store = CachedStore(self.memory, self.cache)

    def there(self) -> set[int]:
        names = files_in(self.folder)
        return {number for number, chunk in enumerate(self.chunks) if chunk.id in names}

    def kept(self) -> set[int]:
        """What must not be evicted by itself."""
        return set().union(*self.pinned.values(), *(numbers for numbers, _ in self.held))

    some = st.sets(st.integers(0, 13), min_size=1, max_size=4)

    @rule(numbers=some)
    def get(self, numbers: set[int]) -> None:
        before = self.there() & self.kept()
        refs = [ref(self.chunks[number]) for number in sorted(numbers)]
        assert self.store.get_many(refs) == [self.memory.frames[one.chunk.id] for one in refs]
        assert before <= self.there()
        if len(self.kept() | numbers) <= 5:  # beside what stays there is room for the most that is reserved
            assert numbers <= self.there()

    @rule(number=st.integers(0, 13))
    def put(self, number: int) -> None:
        before = self.there() & self.kept()
        chunk = self.chunks[number]
        self.store.put(chunk.id, self.memory.frames[chunk.id])
        assert before <= self.there()

    @rule(numbers=some)
    def evict(self, numbers: set[int]) -> None:
        self.cache.evict([self.chunks[number].id for number in numbers])
        assert not numbers & self.there()

    @rule(number=st.integers(0, 13), cut=st.booleans())
    def damage(self, number: int, cut: bool) -> None:
        path = files_in(self.folder).get(self.chunks[number].id)
        if path is not None:
            path.write_bytes(b"" if cut else bytes(path.stat().st_size))

    @rule(number=st.integers(0, 13))
    def remove(self, number: int) -> None:
        if (path := files_in(self.folder).get(self.chunks[number].id)) is not None:
            path.unlink()

    @rule(key=st.sampled_from("ab"), numbers=some)
    def pin(self, key: str, numbers: set[int]) -> None:
        self.cache.pin(key, [self.chunks[number].id for number in numbers])
        self.pinned[key] = numbers

    @rule(key=st.sampled_from("ab"))
    def unpin(self, key: str) -> None:
        self.cache.unpin(key)
        self.pinned.pop(key, None)

    @rule(numbers=some)
    def hold(self, numbers: set[int]) -> None:
        holding = ExitStack()
        holding.enter_context(self.cache.hold([self.chunks[number].id for number in numbers]))
        self.held.append((numbers, holding))

    @rule()
    def let_go(self) -> None:
        if self.held:
            self.held.pop(0)[1].close()

    @rule()
    def reopen(self) -> None:
        for _, holding in self.held:
            holding.close()
        self.held.clear()
        before = self.there()
        self.stack.close()
        self.open()
        assert self.there() == before

    @invariant()
    def adds_up(self) -> None:
        assert taken(self.folder) <= self.cache.held <= 8 * COST
        assert sum(cost for _, cost in rows_in(self.folder)) == self.cache.held
        assert not [name for name in files_in(self.folder) if name.startswith(".")]
        assert self.cache.pins().keys() == self.pinned.keys()

    def teardown(self) -> None:
        for _, holding in self.held:
            holding.close()
        self.stack.close()
        shutil.rmtree(self.folder)


CacheMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestCacheAgainstModel = CacheMachine.TestCase
