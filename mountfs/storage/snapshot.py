"""A copy of a project file as it was at one moment, while others read and write it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mountfs.errors import StorageUnavailable
from mountfs.storage.connections import ERRORS, Access, connect, translate
from mountfs.storage.database import Database

_STEP = 1024
"""Pages copied between two words about progress: 4 MiB."""


def snapshot(database: Database, target: Path, progress: Callable[[int, int], None]) -> None:
    """Copy the file to ``target``, which must not exist, page by page; durable when it returns.

    ``progress`` is told bytes done and bytes in all. Everything is read in one transaction, so that writers
    neither wait nor have the copy begin again, and rows keep their numbers (which VACUUM might change; of
    two rows of one second the number tells which came first).
    """
    with _translated(database.path, target), database.fetching() as source:
        _copy(source, target, progress, at_rest=False)


def snapshot_at_rest(path: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    """The same of any database of ours. Nothing is written beside the copy when it is opened to be read, so
    that it can lie in an archive."""
    with _translated(path, target), closing(connect(path, Access.READ)) as source:
        _copy(source, target, progress, at_rest=True)


def _copy(
    source: sqlite3.Connection, target: Path, progress: Callable[[int, int], None], *, at_rest: bool
) -> None:
    with closing(_new(target)) as copy:
        source.execute("BEGIN")
        try:
            page = int(source.execute("PRAGMA page_size").fetchone()[0])
            source.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # the moment

            def told(_: int, left: int, pages: int) -> None:
                progress((pages - left) * page, pages * page)

            source.backup(copy, pages=_STEP, progress=told, sleep=0)
        finally:
            source.execute("ROLLBACK")
        if at_rest:
            copy.execute("PRAGMA journal_mode = DELETE")
    descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(path: Path, target: Path) -> Iterator[None]:
    try:
        yield
    except ERRORS as exc:
        raise translate(path, exc) from exc
    except OSError as exc:
        raise StorageUnavailable(f"{target} cannot be written: {exc.strerror}") from exc


def _new(path: Path) -> sqlite3.Connection:
    """A file that is worth nothing until it is whole, so no transaction has to protect it."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    return connection
