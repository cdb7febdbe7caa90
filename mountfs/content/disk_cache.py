"""Chunks on a disk of this machine, shared by all mounts of a user, so that nothing is fetched twice.

A frame lies in ``<folder>/<hh>/<hash>``, written beside its name and then renamed. It is not synchronised:
whatever is read back is verified, and what is damaged is fetched again. `cache_index` knows what there is and
how much room it takes; room is reserved there before a chunk is fetched, so that the limits hold at every
moment, whatever other mounts do. Room is counted in the blocks of the disk, with a little for each row; the
index itself (about a megabyte for ten thousand chunks) is not.

`CachedStore` is a store around a store that looks here first. Where there is no room, or the disk fails, it
works without. A cache decides nothing about who may see what: whoever asks for a chunk has been told of it by
the studio.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import shutil
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mountfs.config import private_folder
from mountfs.content.cache_index import CacheIndex, Room
from mountfs.content.verifying import verified
from mountfs.digest import MAX_CHUNK, decode_frame
from mountfs.errors import ChunkCorrupt, LocalStateError
from mountfs.interfaces import ChunkStore, put_all
from mountfs.model import Chunk, ChunkId, ChunkRef

log = logging.getLogger(__name__)

T = TypeVar("T")

_HASH = re.compile(r"[0-9a-f]{64}")

_BLOCK = 4096
_ROW = 256
"""Bytes of the index that a chunk takes."""

_TOUCHED = 512
"""Chunks that are read until the index is told of it."""

_REPORTED = 1024


def _most(raw_size: int) -> int:
    """The bytes that the frame of a chunk may have: a little more than the chunk, if it cannot be
    compressed."""
    return raw_size + raw_size // 128 + 1024


def _cost(length: int) -> int:
    """The room that a file of this length takes."""
    return -(-length // _BLOCK) * _BLOCK + _ROW


@dataclass(frozen=True, slots=True)
class Limits:
    """What a cache may take: ``most`` bytes, and only while ``keep_free`` bytes stay free on its disk."""

    most: int
    keep_free: int

    @classmethod
    def of_disk(cls, folder: Path) -> Limits:
        """A fifth of the disk that a folder is on, as long as a twentieth of it (10 GiB at most) is free."""
        found = os.statvfs(folder)
        size = found.f_blocks * found.f_frsize
        return cls(size // 5, min(size // 20, 10 << 30))


class DiskCache:
    """The cache in a folder of this user's. LocalStateError if it cannot be used; later faults of the disk
    are logged once, and then it is as if nothing were cached.

    Any number of processes and threads may use one folder at the same time. ``now_ns`` is the clock by which
    the longest unused is known.
    """

    def __init__(
        self, folder: Path, limits: Limits | None = None, *, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._now_ns = now_ns
        self._touched: dict[ChunkId, int] = {}
        self._touching = threading.Lock()
        self._complained: set[str] = set()
        self._reported: set[ChunkId] = set()
        try:
            self._folder = private_folder(folder)
            self._limits = limits or Limits.of_disk(folder)
            self._shared = os.open(
                folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
        except OSError as exc:
            raise LocalStateError(f"the cache in {folder} cannot be used: {exc.strerror}") from exc
        try:
            self._index = self._open()
        except (OSError, sqlite3.Error) as exc:
            os.close(self._shared)
            raise LocalStateError(f"the cache in {folder} cannot be used: {exc}") from exc

    def close(self) -> None:
        """Let go; what is held by this process may be evicted."""
        self._attempt("closing", self._flush, None)
        alone = True
        try:
            fcntl.flock(self._shared, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            alone = False
        in_order = alone and not self._complained
        self._attempt("closing", lambda: self._index.close(in_order=in_order), None)
        os.close(self._shared)

    def _open(self) -> CacheIndex:
        """The index, counted anew if nobody else has it and whoever had it last did not close it."""
        try:
            fcntl.flock(self._shared, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._shared, fcntl.LOCK_SH)  # somebody counts; that ends
            index = CacheIndex(self._folder, self._size_of, self._remove)
            index.begin()
            index.bury_dead()
            return index
        try:
            index = self._counted()
        except sqlite3.DatabaseError as exc:
            is_full = getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            if isinstance(exc, sqlite3.OperationalError) and not is_full:
                raise
            log.warning("the index of the cache in %s is made anew: %s", self._folder, exc)
            for name in ("index.db", "index.db-wal", "index.db-shm"):
                (self._folder / name).unlink(missing_ok=True)
            for chunk in self._files() if is_full else ():  # the disk gets back what lies here
                self._remove(chunk)
            index = self._counted()
        fcntl.flock(self._shared, fcntl.LOCK_SH)
        return index

    def _counted(self) -> CacheIndex:
        index = CacheIndex(self._folder, self._size_of, self._remove)
        try:
            if index.begin():
                index.bury_dead()
            else:
                index.recount(self._files(), self._now_ns())
        except BaseException:
            with suppress(OSError, sqlite3.Error):
                index.close(in_order=False)
            raise
        return index

    # Chunks

    def read(self, chunk: Chunk) -> tuple[bytes, bytes] | None:
        """A chunk's frame and its raw bytes, verified; None if it is not here. One that is damaged is
        removed."""
        if not _HASH.fullmatch(chunk.id):
            return None
        frame = self._attempt("reading", lambda: self._read_file(chunk.id), None)
        if frame is None:
            return None
        try:
            raw = decode_frame(frame, chunk)
        except ChunkCorrupt as exc:
            if chunk.id not in self._reported and len(self._reported) < _REPORTED:
                self._reported.add(chunk.id)
                log.warning("a chunk in the cache is damaged, it is fetched again: %s", exc)
            self.evict([chunk.id])
            return None
        with self._touching:
            self._touched[chunk.id] = self._now_ns()
            many = len(self._touched) >= _TOUCHED
        if many:
            self._attempt("noting what is used", self._flush, None)
        return frame, raw

    def reserve(self, sizes: Mapping[ChunkId, int]) -> set[ChunkId]:
        """Room for chunks of these raw sizes, before they are fetched; for which of them there is. Each of
        those is then for `keep` or `release`."""
        costs = {
            chunk: _cost(_most(size))
            for chunk, size in sizes.items()
            if _HASH.fullmatch(chunk) and 0 <= size <= MAX_CHUNK
        }

        def reserve() -> set[ChunkId]:
            self._flush()
            return self._index.reserve(costs, self._room, self._now_ns())

        return self._attempt("making room", reserve, set())

    def keep(self, frames: Mapping[ChunkId, tuple[bytes, int]]) -> None:
        """Frames, with the raw sizes of their chunks, for which room was reserved."""
        costs: dict[ChunkId, int] = {}

        def write() -> None:
            for chunk, (frame, size) in frames.items():
                if len(frame) <= _most(size):
                    self._write_file(chunk, frame)
                    costs[chunk] = _cost(len(frame))

        self._attempt("writing", write, None)
        if costs:
            self._attempt("writing", lambda: self._index.arrived(costs, self._now_ns()), None)
        self.release(frames.keys() - costs.keys())

    def release(self, chunks: Collection[ChunkId]) -> None:
        """Chunks for which room was reserved do not come."""
        if chunks:
            self._attempt("making room", lambda: self._index.release(chunks), None)

    def add(self, frames: Mapping[ChunkId, bytes]) -> None:
        """Keep frames that were made here, as far as there is room."""
        reserved = self.reserve({chunk: min(len(frame), MAX_CHUNK) for chunk, frame in frames.items()})
        self.keep({chunk: (frames[chunk], len(frames[chunk])) for chunk in reserved})

    def evict(self, chunks: Collection[ChunkId]) -> int:
        """Remove chunks, whoever wants them to stay: what is out of sight is not kept. The bytes that this
        frees."""
        names = [chunk for chunk in chunks if _HASH.fullmatch(chunk)]
        return self._attempt("removing", lambda: self._index.discard(names), 0)

    def has(self, chunks: Collection[ChunkId]) -> bool:
        """Whether all of these lie here; they are not looked into."""
        return all(_HASH.fullmatch(chunk) and self._path(chunk).is_file() for chunk in chunks)

    # What stays

    @contextmanager
    def hold(self, chunks: Collection[ChunkId]) -> Iterator[None]:
        """Chunks of what is open are not evicted to make room, while this runs and this process lives."""
        names = [chunk for chunk in chunks if _HASH.fullmatch(chunk)]

        def hold() -> bool:
            self._index.hold(names)
            return True

        is_held = self._attempt("holding", hold, False)
        try:
            yield
        finally:
            if is_held:
                self._attempt("holding", lambda: self._index.let_go(names), None)

    def pin(self, key: str, chunks: Collection[ChunkId]) -> None:
        """These chunks, instead of any others under this key, stay once they are here, until `unpin`.
        LocalStateError."""
        names = [chunk for chunk in chunks if _HASH.fullmatch(chunk)]
        self._demand(lambda: self._index.pin(key, names))

    def unpin(self, key: str) -> None:
        """What was pinned under a key may be evicted. LocalStateError."""
        self._demand(lambda: self._index.unpin(key))

    def pins(self) -> dict[str, tuple[int, int, int]]:
        """For each key how many chunks are pinned, how many of them are here, and the bytes these take."""
        return self._demand(self._index.pins)

    @property
    def held(self) -> int:
        """Bytes that are taken or reserved, by all processes; never more than the limit."""
        return self._attempt("counting", self._index.totals, (0, 0))[0]

    @property
    def limits(self) -> Limits:
        """What it may take."""
        return self._limits

    # Files

    def _path(self, chunk: ChunkId) -> Path:
        return self._folder / chunk[:2] / chunk

    def _beside(self, chunk: ChunkId) -> Path:
        # Only one process at a time has a row for a chunk that is coming, so one name is enough.
        return self._folder / chunk[:2] / f".{chunk}"

    def _read_file(self, chunk: ChunkId) -> bytes | None:
        try:
            descriptor = os.open(
                self._path(chunk), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            )
        except FileNotFoundError:
            return None
        except OSError as exc:
            if exc.errno == errno.ELOOP:
                return b""  # a link, which is no frame
            raise
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > _most(MAX_CHUNK):
                return b""
            return os.read(descriptor, found.st_size)
        finally:
            os.close(descriptor)

    def _write_file(self, chunk: ChunkId, frame: bytes) -> None:
        beside = self._beside(chunk)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(beside, flags, 0o600)
        except FileNotFoundError:
            beside.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(beside, flags, 0o600)
        try:
            view = memoryview(frame)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
        beside.rename(self._path(chunk))

    def _size_of(self, chunk: ChunkId) -> int | None:
        try:
            return _cost(self._path(chunk).lstat().st_size)
        except FileNotFoundError:
            return None

    def _remove(self, chunk: ChunkId) -> None:
        for path in (self._path(chunk), self._beside(chunk)):
            try:
                path.unlink(missing_ok=True)
            except IsADirectoryError:
                shutil.rmtree(path)

    def _files(self) -> dict[ChunkId, int]:
        """All chunks in their files, with the room these take. Unfinished ones are removed."""
        found: dict[ChunkId, int] = {}
        for number in range(256):
            with suppress(FileNotFoundError), os.scandir(self._folder / f"{number:02x}") as entries:
                for entry in entries:
                    if _HASH.fullmatch(entry.name):
                        found[ChunkId(entry.name)] = _cost(entry.stat(follow_symlinks=False).st_size)
                    else:
                        os.unlink(entry.path)
        return found

    def _room(self) -> Room:
        found = os.statvfs(self._folder)
        return Room(self._limits.most, found.f_bavail * found.f_frsize - self._limits.keep_free)

    def _flush(self) -> None:
        with self._touching:
            touched, self._touched = self._touched, {}
        if touched:
            self._index.touch(touched)

    def _attempt(self, what: str, act: Callable[[], T], otherwise: T) -> T:
        """What an act answers. A fault of the cache's disk is told once; whoever reads goes on without."""
        try:
            return act()
        except (OSError, sqlite3.Error) as exc:
            kind = f"{type(exc).__name__} {getattr(exc, 'errno', None) or exc}"
            if kind not in self._complained and len(self._complained) < _REPORTED:
                self._complained.add(kind)
                log.warning("the cache in %s fails (%s), going on without: %s", self._folder, what, exc)
            return otherwise

    def _demand(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except (OSError, sqlite3.Error) as exc:
            raise LocalStateError(f"the cache in {self._folder} cannot be used: {exc}") from exc


class CachedStore:
    """A chunk store whose chunks are also on a disk of this machine."""

    def __init__(self, inner: ChunkStore, cache: DiskCache) -> None:
        self._inner = inner
        self._cache = cache

    def get(self, ref: ChunkRef) -> bytes:
        """The frame of a chunk: the cache's, or the inner store's. ChunkCorrupt instead of a bad one."""
        (found,) = self._fetch([ref])
        if isinstance(found, Exception):
            raise found
        return found[0]

    def get_many(self, refs: Sequence[ChunkRef]) -> list[bytes | Exception]:
        """For each chunk what `get` answers or raises; the inner store is asked once for all that lack."""
        return [one if isinstance(one, Exception) else one[0] for one in self._fetch(refs)]

    def get_decoded(self, refs: Sequence[ChunkRef]) -> list[bytes | Exception]:
        """For each chunk its raw bytes, verified, or what `get` raises."""
        return [one if isinstance(one, Exception) else one[1] for one in self._fetch(refs)]

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame in the inner store, and here: whoever made it is likely to read it."""
        self._inner.put(chunk, frame)
        self._cache.add({chunk: frame})

    def put_many(self, frames: Mapping[ChunkId, bytes]) -> None:
        """The same for several."""
        put_all(self._inner, frames)
        self._cache.add(frames)

    def missing(self, chunks: Collection[ChunkId]) -> set[ChunkId]:
        """The inner store's answer: what this machine has says nothing about that."""
        return self._inner.missing(chunks)

    def _fetch(self, refs: Sequence[ChunkRef]) -> list[tuple[bytes, bytes] | Exception]:
        found: dict[Chunk, tuple[bytes, bytes] | Exception] = {}
        lacking: dict[Chunk, ChunkRef] = {}
        for ref in refs:
            if ref.chunk in found or ref.chunk in lacking:
                continue
            if (here := self._cache.read(ref.chunk)) is not None:
                found[ref.chunk] = here
            else:
                lacking[ref.chunk] = ref
        if lacking:
            found.update(self._fetch_lacking(list(lacking.values())))
        return [found[ref.chunk] for ref in refs]

    def _fetch_lacking(
        self, refs: Sequence[ChunkRef]
    ) -> Iterator[tuple[Chunk, tuple[bytes, bytes] | Exception]]:
        reserved = self._cache.reserve({ref.chunk.id: ref.chunk.size for ref in refs})
        kept: dict[ChunkId, tuple[bytes, int]] = {}
        try:
            for ref, outcome in zip(refs, verified(self._inner, refs), strict=True):
                if not isinstance(outcome, Exception) and ref.chunk.id in reserved:
                    kept[ref.chunk.id] = outcome[0], ref.chunk.size
                yield ref.chunk, outcome
        finally:
            self._cache.keep(kept)
            self._cache.release(reserved - kept.keys())
