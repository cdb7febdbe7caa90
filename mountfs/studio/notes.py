"""What a studio notes for itself beside a project's file: an SQLite file of its own.

All of it can be found out again, or done again by whoever did it: it is in no backup, and a file that is
damaged, or another version's, is made anew. So nothing waits for the disk here. Without a path it is a
temporary file that ends with the process.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mountfs.errors import StorageUnavailable

log = logging.getLogger(__name__)

_BUSY = 10.0
"""Seconds to wait for another process."""


class Notes:
    """One file of notes with these tables. ``version`` is that of their form. Opened when it is first needed.
    Usable from any thread."""

    def __init__(self, path: Path | None, version: int, schema: Sequence[str]) -> None:
        self._path = path
        self._version = version
        self._schema = schema
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction. StorageUnavailable."""
        with self._lock:
            try:
                db = self._open()
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as exc:
                raise self._unusable(exc) from exc

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The notes as they are. StorageUnavailable."""
        with self._lock:
            try:
                yield self._open()
            except sqlite3.Error as exc:
                raise self._unusable(exc) from exc

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            try:
                self._db = self._connect()
            except sqlite3.DatabaseError as exc:
                if isinstance(exc, sqlite3.OperationalError) or self._path is None:
                    raise
                self._remove(exc)
                self._db = self._connect()
        return self._db

    def _connect(self) -> sqlite3.Connection:
        if self._path is not None:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        db = sqlite3.connect(self._path or "", isolation_level=None, check_same_thread=False, timeout=_BUSY)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")
            db.execute("BEGIN IMMEDIATE")
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if found not in (0, self._version):
                raise sqlite3.DatabaseError(f"its form is {found}")
            if not found:
                for statement in self._schema:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {self._version}")
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
        return db

    def _unusable(self, why: sqlite3.Error) -> StorageUnavailable:
        """What to raise. A file that turns out to be damaged is made anew the next time."""
        is_damaged = isinstance(why, sqlite3.DatabaseError) and not isinstance(why, sqlite3.OperationalError)
        if is_damaged and self._db is not None and self._path is not None:
            self._db.close()
            self._db = None
            self._remove(why)
        return StorageUnavailable(f"the studio's notes {self._path} cannot be used: {why}")

    def _remove(self, why: sqlite3.Error) -> None:
        assert self._path is not None
        log.warning("the notes %s are made anew: %s", self._path, why)
        for ending in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
