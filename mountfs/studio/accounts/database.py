"""studio.db, open: snapshots to read, transactions to write. Made whole or not at all.

As with a project file there are two ways in. ``reading()`` is one snapshot. ``writing()`` takes the write
lock with its first statement (BEGIN IMMEDIATE), so that what is checked inside still holds at the commit;
threads of this process queue at a lock of our own, other processes are waited for, for a bounded time.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from mountfs.config import private_folder
from mountfs.errors import NotFound, ProjectFileError, StorageUnavailable, StudioDataError, StudioUnavailable
from mountfs.storage.appear import appear, remove, require_free, unfinished_name
from mountfs.storage.connections import ERRORS, Access, connect, primary_code
from mountfs.studio.accounts.tables import SCHEMA_VERSION, metadata, studio

FILE_NAME = "studio.db"

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_DISK = {
    *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM),
}


class StudioDatabase:
    """An open studio.db. Usable from any thread. ``busy_seconds`` bounds the wait for another writer.

    StudioDataError when there is none, or it is none that this program can use.
    """

    def __init__(self, path: Path, *, busy_seconds: float = 5.0) -> None:
        self.path = path.absolute()
        self._busy_seconds = busy_seconds
        self._turn = threading.Lock()
        self._identity = self._look()
        self._clock_lock = threading.Lock()
        self._clock: sqlite3.Connection | None = None
        self._readers = self._engine(Access.READ, "BEGIN", 8)
        self._writers = self._engine(Access.WRITE, "BEGIN IMMEDIATE", 1)
        try:
            self._check_version()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot."""
        with self._translated(), self._readers.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first moment. Committed at the end, undone by an
        exception. StudioUnavailable when somebody else holds the lock for too long."""
        if not self._turn.acquire(timeout=self._busy_seconds):
            raise StudioUnavailable("the studio is busy: try again in a moment")
        try:
            with self._translated(), self._writers.connect() as connection, connection.begin():
                self._check_identity()
                yield connection
                self._check_identity()
        finally:
            self._turn.release()

    def version(self) -> int:
        """A number that differs from an earlier one when anybody has committed in between, in this process or
        another: what was read since it was asked for still holds while it is the same. It costs a few
        microseconds, where a statement through the engine costs hundreds."""
        with self._translated(), self._clock_lock:
            if self._clock is None:
                self._clock = connect(self.path, Access.READ, busy_seconds=self._busy_seconds)
            return int(self._clock.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close every connection that is not in use. Twice is no error."""
        with self._clock_lock:
            if self._clock is not None:
                self._clock.close()
                self._clock = None
        self._readers.dispose()
        self._writers.dispose()

    def _check_version(self) -> None:
        with self.reading() as connection:
            try:
                version = connection.execute(select(studio.c.schema_version)).scalar()
            except DBAPIError as exc:
                if primary_code(exc) == sqlite3.SQLITE_ERROR:  # no such table
                    raise StudioDataError(f"{self.path} is no studio's book") from exc
                raise
        if version is None:
            raise StudioDataError(f"{self.path} is no studio's book")
        if version != SCHEMA_VERSION:
            raise StudioDataError(
                f"{self.path} was written by another version of mountfs (its schema is {version}, this "
                f"program's {SCHEMA_VERSION})"
            )

    def _look(self) -> tuple[int, int]:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            raise StudioDataError(
                f"there is no studio in {self.path.parent}: make one with `mountfs studio create`"
            ) from None
        except OSError as exc:
            raise StudioDataError(f"{self.path} cannot be opened: {exc.strerror}") from exc
        return (found.st_dev, found.st_ino)

    def _check_identity(self) -> None:
        if self._look() != self._identity:
            raise StudioDataError(f"{self.path} was replaced while it was open: start the studio again")

    def _engine(self, access: Access, begin: str, connections: int) -> Engine:
        def opened() -> sqlite3.Connection:
            connection = connect(self.path, access, busy_seconds=self._busy_seconds)
            connection.execute("PRAGMA foreign_keys = ON")
            return connection

        engine = create_engine(
            "sqlite://",
            creator=opened,
            poolclass=QueuePool,
            pool_size=connections,
            max_overflow=-1,
            hide_parameters=True,  # an error's text would quote hashes and addresses
        )
        _say(engine, begin)
        return engine

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except UnicodeEncodeError as exc:
            # What a client sends may hold half a character, which nothing that is kept here does.
            raise NotFound("there is nothing of that name") from exc
        except ERRORS as exc:
            code = primary_code(exc)
            if code in _BUSY:
                raise StudioUnavailable("the studio is busy: try again in a moment") from exc
            if code in _DAMAGED:
                raise StudioDataError(f"{self.path} is damaged, or no database") from exc
            if code in _DISK:
                raise StorageUnavailable(
                    f"{self.path} cannot be read or written: is the disk full or away?"
                ) from exc
            raise


def make_database(folder: Path, fill: Callable[[Connection], object]) -> Path:
    """Make studio.db in a folder of 0700, with a first content, and readable by its owner only.

    StudioDataError when there is one already.
    """
    path = private_folder(folder.absolute()) / FILE_NAME
    temporary = unfinished_name(path)
    try:
        require_free(path)
        remove(temporary)
        # SQLite gives its log files the mode of the file that they belong to.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        _build(temporary, fill)
        appear(temporary, path)
    except ProjectFileError as exc:
        raise StudioDataError(str(exc)) from exc
    except (OSError, *ERRORS) as exc:
        raise StorageUnavailable(f"{path} cannot be made: {exc}") from exc
    finally:
        remove(temporary)
    return path


def _build(path: Path, fill: Callable[[Connection], object]) -> None:
    connection = connect(path, Access.WRITE)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        engine = create_engine(
            "sqlite://", creator=lambda: connection, poolclass=QueuePool, hide_parameters=True
        )
        _say(engine, "BEGIN IMMEDIATE")
        with engine.begin() as writing:
            metadata.create_all(writing)
            fill(writing)
        engine.dispose()
    finally:
        connection.close()


def _say(engine: Engine, begin: str) -> None:
    @event.listens_for(engine, "begin")
    def say_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
