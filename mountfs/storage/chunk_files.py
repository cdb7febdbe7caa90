"""Frames as files: ``<root>/<project>/chunks/<hh>/<hh>/<hash>``.

A file appears under its name only when all of it is on the disk: written beside it, synchronised, renamed,
and the folder synchronised. Where a file lies is computed from the chunk's hash, which must be one: it may
come out of a file that somebody else wrote, and must not become a way out of the folder.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from mountfs.digest import MAX_FRAME
from mountfs.errors import ChunkCorrupt, ChunkMissing, StorageUnavailable
from mountfs.model import ChunkId, ProjectId
from mountfs.storage.frames import holds

_HASH = re.compile(r"[0-9a-f]{64}")


class ChunkFiles:
    """The files of one project's chunks, below ``root``."""

    def __init__(self, root: Path, project: ProjectId) -> None:
        self.root = root
        self._project = project

    def key(self, chunk: ChunkId) -> str:
        """Where a chunk's file lies, relative to the root."""
        return f"{self._project}/chunks/{chunk[:2]}/{chunk[2:4]}/{chunk}"

    def size(self, chunk: ChunkId) -> int | None:
        """The length of a chunk's file; None if there is none that could be one."""
        try:
            found = self._path(chunk).lstat()
        except (OSError, ChunkMissing):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def read(self, chunk: ChunkId) -> bytes:
        """The frame. ChunkMissing without its file, ChunkCorrupt when something else is in its place,
        StorageUnavailable when the folder is not there."""
        path = self._path(chunk)
        try:
            # A FIFO or a device in its place must neither block nor be read.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            if not self.root.is_dir():
                raise StorageUnavailable(f"the folder of the chunks, {self.root}, is not there") from None
            raise ChunkMissing(chunk) from None
        except OSError as exc:
            if exc.errno == errno.ELOOP:
                raise ChunkCorrupt(chunk, "its file is a link") from exc
            raise StorageUnavailable(f"{path} cannot be read: {exc.strerror}") from exc
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FRAME:
                raise ChunkCorrupt(chunk, "its file is not one of a chunk")
            return os.read(descriptor, found.st_size)  # frames appear whole, and never change
        except OSError as exc:
            raise StorageUnavailable(f"{path} cannot be read: {exc.strerror}") from exc
        finally:
            os.close(descriptor)

    def is_sound(self, chunk: ChunkId, frame: bytes | None = None) -> bool:
        """Whether a file that is there may stay: it is this frame, or another one of the chunk."""
        try:
            there = self.read(chunk)
        except (ChunkMissing, ChunkCorrupt):
            return False
        return there == frame or holds(there, chunk)

    def write(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame; durable when this returns. StorageUnavailable."""
        path = self._path(chunk)
        try:
            _make_folders(path.parent, self.root)
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

    def remove(self, chunk: ChunkId) -> None:
        """Remove a chunk's file; it may not be there. StorageUnavailable."""
        try:
            self._path(chunk).unlink(missing_ok=True)
        except OSError as exc:
            raise StorageUnavailable(f"a chunk cannot be removed: {exc.strerror}") from exc

    def listing(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every file in the places of chunks, by name: also those that writers left unfinished, whose names
        begin with a dot. StorageUnavailable."""
        try:
            for folder in self._folders(self._folders([self.root / self._project / "chunks"])):
                for entry in os.scandir(folder):
                    if entry.is_file(follow_symlinks=False):
                        yield entry.name, entry.stat(follow_symlinks=False)
        except OSError as exc:
            raise StorageUnavailable(f"{exc.filename} cannot be listed: {exc.strerror}") from exc

    def remove_unfinished(self, name: str) -> None:
        """Remove what a writer that died left, by the name that `listing` gave."""
        chunk = ChunkId(name[1:65])
        if name.startswith(".") and name[65:66] == "." and "/" not in name:
            self._path(chunk).with_name(name).unlink(missing_ok=True)

    def _folders(self, above: Iterator[Path] | list[Path]) -> Iterator[Path]:
        for folder in above:
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except FileNotFoundError:
                continue
            yield from (Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))

    def _path(self, chunk: ChunkId) -> Path:
        if _HASH.fullmatch(chunk) is None:
            raise ChunkMissing(chunk)
        return self.root / self.key(chunk)


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
