"""How SQLite is opened here: one place for every flag, limit and pragma, and for translating its errors.

A process that has a project file open must touch it only through SQLite. POSIX locks belong to the process
and the file, not to a descriptor: opening the database (or its `-shm`) with a plain `open()` and closing it
again would silently drop SQLite's locks, and another process could then write into the middle of our
transaction. So the file's identity is asked with `stat`, never through a descriptor of our own.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.exc import DBAPIError

from mountfs.errors import NotAProject, ProjectBusy, ProjectFileError, StorageUnavailable

MAX_VALUE = 128 * 2**20
"""Longest text or blob accepted, in bytes: a manifest of 1 TiB is half of it, a chunk a sixteenth."""

WAL_PAGES = 16384
"""Pages in the write-ahead log before a commit copies them back: 64 MiB, so that an import is not one
synchronisation of the disk for every few chunks."""

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 2**20,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 10,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
}


class Access(Enum):
    """What a connection may do."""

    READ_ONLY = "read-only"
    """For a file that nobody here writes: opened so that not even SQLite can."""

    AT_REST = "at rest"
    """For a read-only file in a folder where no lock files can be made: read without any locking, which is
    right only while nobody writes. Whoever opens so must check that."""

    READ = "read"
    """One snapshot at a time of a file that this process may also write."""

    WRITE = "write"
    """Durable: a commit returns when the disk has it."""

    APPEND = "append"
    """Like WRITE, but a commit is durable only with the next one through a WRITE connection (the log is one
    file, and its synchronisation covers all that was appended before)."""


_MODES = {
    Access.READ_ONLY: "mode=ro",
    Access.AT_REST: "mode=ro&immutable=1",
    Access.READ: "mode=rw",
    Access.WRITE: "mode=rw",
    Access.APPEND: "mode=rw",
}


def connect(path: Path, access: Access, *, busy_seconds: float = 10.0) -> sqlite3.Connection:
    """Open a connection in SQLite's autocommit mode: a transaction begins when BEGIN is said.

    The connection may be used from any thread, one at a time. Raises sqlite3.Error; see `translated`.
    """
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path))}?{_MODES[access]}",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.text_factory = _text
    try:
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA recursive_triggers = OFF")
        connection.execute("PRAGMA temp_store = MEMORY")
        if access in (Access.WRITE, Access.APPEND):
            connection.execute(f"PRAGMA synchronous = {'FULL' if access is Access.WRITE else 'NORMAL'}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_PAGES * 4096}")
        else:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _text(raw: bytes) -> str:
    # A damaged byte in one name must cost that name, not every listing that it is in.
    return raw.decode("utf-8", "replace")


_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_TOOBIG}
_OTHER_SHAPE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISMATCH}
"""A table or column is not there, or a number in one is too big to be added up. The statements are our own
and fit every project, so it is the file that is another."""
_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_DISK = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM}


def primary_code(error: BaseException) -> int:
    """SQLite's primary result code of an error of sqlite3 or SQLAlchemy; -1 when there is none."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    return int(getattr(error, "sqlite_errorcode", -1)) & 0xFF if hasattr(error, "sqlite_errorcode") else -1


ERRORS = (sqlite3.Error, DBAPIError, UnicodeDecodeError)
"""What comes out of SQLite: the last when it quotes damaged bytes in the text of an error."""


def translate(path: Path, error: Exception) -> Exception:
    """The error of ours that says what SQLite said (one of `ERRORS`); the same error if it is about the
    statement itself."""
    if isinstance(error, UnicodeDecodeError):
        return NotAProject(f"{path} is damaged: its schema is no text; `mountfs verify` tells more")
    code = primary_code(error)
    if code in _BUSY:
        return ProjectBusy(f"{path} is locked by another process; try again when it has finished writing")
    if code in _DAMAGED:
        said = error.orig if isinstance(error, DBAPIError) else error
        return NotAProject(
            f"{path} is not a project file, or it is damaged ({said}); `mountfs verify` tells more"
        )
    if code in _OTHER_SHAPE:
        said = error.orig if isinstance(error, DBAPIError) else error
        return NotAProject(f"{path} is not, or no longer, of the shape that a project file has ({said})")
    if code in _READ_ONLY:
        return ProjectFileError(
            f"{path} cannot be written: check the permissions of the file and of its folder"
        )
    if code in _DISK:
        said = error.orig if isinstance(error, DBAPIError) else error
        return StorageUnavailable(f"{path} cannot be read or written ({said}); is the disk full or away?")
    return error


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Let no SQLite error about the file itself leave untranslated. A broken constraint passes as it is."""
    try:
        yield
    except ERRORS as exc:
        ours = translate(path, exc)
        if ours is exc:
            raise
        raise ours from exc
