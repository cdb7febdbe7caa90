"""The one place where a mount's local state reaches the disk: the files of drafts, and the journal.

Everything that must survive goes through a `Disk`, so a test can count its writes, cut them off, or leave a
sync out. `LocalDisk` is the real one, in the state directory of one mount::

    journal.db      records: (kind, id) → JSON, in SQLite
    drafts/17       the bytes of draft 17, at their places in the file; sparse

A commit is one transaction of the journal. One that is not durable survives the end of this program, but
perhaps not that of the machine; a durable one is on the disk when it returns, with all before it.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mountfs.config import private_folder
from mountfs.errors import LocalStateError

Bytes = bytes | bytearray | memoryview

_OPEN_FILES = 128
"""Files of drafts that are kept open."""

_FORMAT = 1
"""The version of the journal's records; a program reads those up to its own."""

_WAL_PAGES = 2000
"""Pages of the journal's log until they are carried over into its file."""


@dataclass(frozen=True, slots=True)
class Change:
    """One record of the journal gets this body; None: there is no such record any more."""

    kind: str
    id: str
    body: Mapping[str, Any] | None


class Disk(Protocol):
    """What drafts and the journal ask of a disk. Every call may raise OSError, and may be made in any
    thread.
    """

    def create(self, draft: int) -> None:
        """Make the empty file of a draft."""

    def write(self, draft: int, offset: int, data: Bytes) -> None:
        """Put bytes into a draft's file, all of them."""

    def read(self, draft: int, offset: int, length: int) -> bytes:
        """Bytes of a draft's file: fewer only at its end."""

    def truncate(self, draft: int, size: int) -> None:
        """Cut a draft's file off."""

    def sync(self, draft: int, why: str) -> None:
        """When it returns, the draft's bytes and its name are on the disk. ``why`` names the caller's
        reason.
        """

    def remove(self, draft: int) -> None:
        """Remove a draft's file; it may not be there."""

    def keep(self, draft: int, place: Path) -> None:
        """Move a draft's file to another place on the same disk."""

    def commit(self, changes: Sequence[Change], *, durable: bool, why: str) -> None:
        """Write records, all or none. ``why`` names the caller's reason."""

    def records(self) -> Iterator[Change]:
        """All records there are."""

    def drafts(self) -> list[int]:
        """The drafts that have files."""

    def is_nearly_full(self) -> bool:
        """Whether there is little room left: what is not needed should go."""

    def close(self) -> None:
        """Let everything go."""


class LocalDisk:
    """A disk in a folder of this machine. LocalStateError if it cannot be used."""

    def __init__(self, folder: Path) -> None:
        self._folder = private_folder(folder / "drafts")
        self._directory = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._lock = threading.Lock()
        self._files: OrderedDict[int, int] = OrderedDict()
        self._unnamed: set[int] = set()
        """Drafts whose names are not on the disk yet."""
        self._journal_lock = threading.Lock()
        self._journal = _open_journal(folder / "journal.db")
        self._durable = True

    def create(self, draft: int) -> None:
        """Make the empty file of a draft."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with self._lock:
            self._files[draft] = os.open(str(draft), flags, 0o600, dir_fd=self._directory)
            self._unnamed.add(draft)
            self._close_old()

    def write(self, draft: int, offset: int, data: Bytes) -> None:
        """Put bytes into a draft's file."""
        view = memoryview(data)
        with self._lock:
            file = self._file(draft)
            while len(view):
                count = os.pwrite(file, view, offset)
                view, offset = view[count:], offset + count

    def read(self, draft: int, offset: int, length: int) -> bytes:
        """Bytes of a draft's file."""
        with self._lock:
            return os.pread(self._file(draft), length, offset)

    def truncate(self, draft: int, size: int) -> None:
        """Cut a draft's file off."""
        with self._lock:
            os.ftruncate(self._file(draft), size)

    def sync(self, draft: int, why: str) -> None:  # noqa: ARG002  # for disks that count
        """Have a draft's bytes and name on the disk."""
        with self._lock:
            file = os.dup(self._file(draft))
            unnamed = draft in self._unnamed
        try:
            os.fdatasync(file)
            if unnamed:
                os.fsync(self._directory)
        finally:
            os.close(file)
        self._unnamed.discard(draft)

    def remove(self, draft: int) -> None:
        """Remove a draft's file."""
        with self._lock:
            self._forget(draft)
            with suppress(FileNotFoundError):
                os.unlink(str(draft), dir_fd=self._directory)

    def keep(self, draft: int, place: Path) -> None:
        """Move a draft's file to another place."""
        with self._lock:
            self._forget(draft)
            os.rename(str(draft), place, src_dir_fd=self._directory)

    def commit(self, changes: Sequence[Change], *, durable: bool, why: str) -> None:
        """Write records, all or none."""
        with self._journal_lock:
            try:
                if durable != self._durable:
                    self._journal.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                    self._durable = durable
                if durable and not changes:  # something has to be written for the log to be synced
                    changes = [Change("sync", "", {"why": why})]
                self._journal.execute("BEGIN IMMEDIATE")
                try:
                    for change in changes:
                        self._write(change)
                    self._journal.execute("COMMIT")
                except BaseException:
                    if self._journal.in_transaction:
                        self._journal.execute("ROLLBACK")
                    raise
            except sqlite3.Error as exc:
                raise _as_os_error(exc) from exc

    def records(self) -> Iterator[Change]:
        """All records there are."""
        with self._journal_lock:
            rows = self._journal.execute("SELECT kind, id, body FROM record ORDER BY rowid").fetchall()
        return (Change(kind, id_, json.loads(body)) for kind, id_, body in rows)

    def drafts(self) -> list[int]:
        """The drafts that have files."""
        return sorted(int(name) for name in os.listdir(self._directory) if name.isdecimal())

    def is_nearly_full(self) -> bool:
        """Whether less than a twentieth of the disk is free."""
        try:
            found = os.fstatvfs(self._directory)
        except OSError:
            return False
        return found.f_bavail * 20 < found.f_blocks

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            for file in self._files.values():
                os.close(file)
            self._files.clear()
        os.close(self._directory)
        self._journal.close()

    def _write(self, change: Change) -> None:
        key = (change.kind, change.id)
        if change.body is None:
            self._journal.execute("DELETE FROM record WHERE kind = ? AND id = ?", key)
            return
        self._journal.execute(
            "INSERT INTO record (kind, id, body) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (*key, json.dumps(change.body, separators=(",", ":"))),
        )

    def _file(self, draft: int) -> int:
        file = self._files.get(draft)
        if file is None:
            flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
            file = self._files[draft] = os.open(str(draft), flags, dir_fd=self._directory)
            self._close_old()
        else:
            self._files.move_to_end(draft)
        return file

    def _close_old(self) -> None:
        while len(self._files) > _OPEN_FILES:
            os.close(self._files.popitem(last=False)[1])

    def _forget(self, draft: int) -> None:
        file = self._files.pop(draft, None)
        if file is not None:
            os.close(file)
        self._unnamed.discard(draft)


def _open_journal(path: Path) -> sqlite3.Connection:
    try:
        journal = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        os.chmod(path, 0o600)
        journal.execute("PRAGMA journal_mode = WAL")
        journal.execute("PRAGMA synchronous = FULL")
        journal.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        journal.execute(
            "CREATE TABLE IF NOT EXISTS record"
            " (kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id))"
        )
        (version,) = journal.execute("PRAGMA user_version").fetchone()
        if version == 0:
            journal.execute(f"PRAGMA user_version = {_FORMAT}")
        found = journal.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as exc:
        raise LocalStateError(f"{path} cannot be used: {exc}") from exc
    if version > _FORMAT:
        raise LocalStateError(f"{path} was written by a newer mountfs: mount with that, or update this one")
    if found != ("ok",):
        raise LocalStateError(
            f"{path} is damaged: {found[0]}. Move its folder aside, mount again, and look for what was not"
            " sent in its folder drafts"
        )
    return journal


def _as_os_error(exc: sqlite3.Error) -> OSError:
    """What a disk says by way of SQLite, as the error that it was."""
    code = getattr(exc, "sqlite_errorcode", None)
    number = errno.ENOSPC if code is not None and code & 0xFF == sqlite3.SQLITE_FULL else errno.EIO
    return OSError(number, f"the journal cannot be written: {exc}")
