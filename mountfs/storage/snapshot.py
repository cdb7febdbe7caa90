"""A copy of a project file as it was at one moment, while others read and write it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mountfs.errors import StorageUnavailable
from mountfs.storage.connections import ERRORS, translate
from mountfs.storage.database import Database

_STEP = 1024
"""Pages copied between two words about progress: 4 MiB."""


def snapshot(database: Database, target: Path, progress: Callable[[int, int], None]) -> None:
    """Copy the file to ``target``, which must not exist, page by page; durable when it returns.

    ``progress`` is told bytes done and bytes in all. Everything is read in one transaction, so that writers
    neither wait nor have the copy begin again, and rows keep their numbers (which VACUUM might change; of
    two rows of one second the number tells which came first).
    """
    try:
        with database.fetching() as source, closing(_new(target)) as copy:
            source.execute("BEGIN")
            try:
                page = int(source.execute("PRAGMA page_size").fetchone()[0])
                source.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # the moment

                def told(_: int, left: int, pages: int) -> None:
                    progress((pages - left) * page, pages * page)

                source.backup(copy, pages=_STEP, progress=told, sleep=0)
            finally:
                source.execute("ROLLBACK")
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except ERRORS as exc:
        raise translate(database.path, exc) from exc
    except OSError as exc:
        raise StorageUnavailable(f"{target} cannot be written: {exc.strerror}") from exc


def _new(path: Path) -> sqlite3.Connection:
    """A file that is worth nothing until it is whole, so no transaction has to protect it."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    return connection
