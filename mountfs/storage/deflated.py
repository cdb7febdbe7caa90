"""Chunks as files: ``<root>/<project>/chunks/<hh>/<hh>/<hash>``, and a row in ``chunk_ref`` for each.

A file appears under its name only when all of it is on the disk: written beside it, synchronised, renamed,
and the folder synchronised; only then is the row written. So a row never promises a file that a crash could
take away, and a file without a row is one that nothing names yet.

Where a file lies is computed from the chunk's hash. The ``storage_key`` of a row is written for others and
never followed.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from collections.abc import Collection as Many
from pathlib import Path

from mountfs.errors import ChunkCorrupt, ChunkMissing, StorageUnavailable
from mountfs.model import ChunkId, ChunkRef, ProjectId
from mountfs.storage.batches import batches
from mountfs.storage.connections import translated
from mountfs.storage.database import Database
from mountfs.storage.frames import MAX_FRAME, holds

_HASH = re.compile(r"[0-9a-f]{64}")


class DeflatedChunks:
    """The ChunkStore of a `deflated` project, whose files are below ``root``."""

    def __init__(
        self,
        database: Database,
        root: Path,
        project: ProjectId,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._root = root
        self._project = project
        self._clock = clock

    def get(self, ref: ChunkRef) -> bytes:
        """The frame. ChunkMissing without its file, StorageUnavailable when the folder is not there."""
        return self._read(ref.chunk.id)

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame; its file is durable when this returns, its row with the next publication."""
        if not self._is_sound(chunk, frame):
            self._write(chunk, frame)
        size = self._path(chunk).stat().st_size
        with self._database.appending() as connection:
            connection.execute(
                "INSERT INTO chunk_ref (hash, storage_key, size, created_at) VALUES (?1, ?2, ?3, ?4)"
                " ON CONFLICT (hash) DO UPDATE SET size = excluded.size WHERE size <> excluded.size",
                (chunk, self._key(chunk), size, int(self._clock())),
            )

    def missing(self, chunks: Many[ChunkId]) -> set[ChunkId]:
        """Those without a row or without a file of the size that the row says."""
        absent = set(chunks)
        with translated(self._database.path), self._database.fetching() as connection:
            for batch in batches(absent.copy()):
                marks = ",".join("?" * len(batch))
                rows = connection.execute(
                    f"SELECT hash, size FROM chunk_ref WHERE hash IN ({marks})", batch
                ).fetchall()
                absent.difference_update(ChunkId(name) for name, size in rows if self._has(name, size))
        return absent

    def _key(self, chunk: ChunkId) -> str:
        return f"{self._project}/chunks/{chunk[:2]}/{chunk[2:4]}/{chunk}"

    def _path(self, chunk: ChunkId) -> Path:
        # A hash comes out of a file that somebody else wrote: it must not become a way out of the folder.
        if _HASH.fullmatch(chunk) is None:
            raise ChunkMissing(chunk)
        return self._root / self._key(chunk)

    def _has(self, chunk: str, size: int) -> bool:
        try:
            found = self._path(ChunkId(chunk)).lstat()
        except (OSError, ChunkMissing):
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == size > 0

    def _read(self, chunk: ChunkId) -> bytes:
        path = self._path(chunk)
        try:
            # A FIFO or a device in its place must neither block nor be read.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            if not self._root.is_dir():
                raise StorageUnavailable(f"the folder of the chunks, {self._root}, is not there") from None
            raise ChunkMissing(chunk) from None
        except OSError as exc:
            if exc.errno == errno.ELOOP:
                raise ChunkCorrupt(chunk, "its file is a link") from exc
            raise StorageUnavailable(f"{path} cannot be read: {exc.strerror}") from exc
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FRAME:
                raise ChunkCorrupt(chunk, "its file is not one of a chunk")
            return os.read(descriptor, MAX_FRAME)
        except OSError as exc:
            raise StorageUnavailable(f"{path} cannot be read: {exc.strerror}") from exc
        finally:
            os.close(descriptor)

    def _is_sound(self, chunk: ChunkId, frame: bytes) -> bool:
        try:
            there = self._read(chunk)
        except (ChunkMissing, ChunkCorrupt):
            return False
        return there == frame or holds(there, chunk)

    def _write(self, chunk: ChunkId, frame: bytes) -> None:
        path = self._path(chunk)
        try:
            _make_folders(path.parent, self._root)
            temporary = path.with_name(f".{chunk}.{secrets.token_hex(4)}")
            try:
                with open(temporary, "xb") as file:
                    file.write(frame)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.rename(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            sync_folder(path.parent)
        except OSError as exc:
            raise StorageUnavailable(f"{path} cannot be written: {exc.strerror}") from exc


def _make_folders(folder: Path, root: Path) -> None:
    """Make a folder and those above it up to ``root``, each one durable in its parent."""
    if folder == root or folder.is_dir():
        return
    _make_folders(folder.parent, root)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
