"""One project file, open: snapshots to read, transactions to write, and news of other processes' commits.

Two ways in, because SQLite has two kinds of transaction and mixing them loses writes: one that begins by
reading and then wants to write has to fail when somebody wrote in between, or silently overwrite them.

- ``reading()``: BEGIN. Everything read inside is one snapshot; writers are not held up and hold up nobody.
- ``writing()``: BEGIN IMMEDIATE. The lock is taken first, so checks made inside still hold at the commit.
  Threads of this process queue at a lock of our own; other processes are waited for, for a bounded time.
  Keep it short: never hash, compress or transfer inside.

``fetching()`` and ``appending()`` are the same two for chunks, as bare sqlite3 connections without a layer
in between; what is appended is visible at once, and durable with the next ``writing()`` that commits.

The path has to lead to the file that was opened as long as anything is written: an editor, a restore from
backup or a synchronisation tool may have put another file there. It is looked at before each commit.

A file in a folder where nobody here may write has no place for SQLite's lock files. While no log lies
beside it, nobody has it open, and it is read "at rest", without locks; size, time and inode of file and log
are compared around each read, and when they moved it is opened anew.
"""

from __future__ import annotations

import os
import select
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from mountfs.errors import NotAProject, ProjectBusy, ProjectFileError, ProjectReplaced, StorageUnavailable
from mountfs.storage.connections import Access, connect, primary_code, translated
from mountfs.storage.watch import Bell, FolderWatch

_SOON = 0.002
"""Seconds after an event at which a waiter looks again: the log is written (which wakes) a moment before the
commit counts (which does not). The pause doubles as long as there is nothing."""

_WITHOUT_WATCH = 0.25
"""Seconds between two looks where the kernel has no watch to give."""

_Stamp = tuple[tuple[int, int, int, int] | None, ...]


class Database:
    """An open project file. Usable from any thread.

    ``busy_seconds`` bounds the wait for another writer. ``patrol_seconds`` is how often a waiter looks for
    commits that no event tells of: a network file system sends none. Raises NotAProject when there is no such
    file.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        busy_seconds: float = 10.0,
        patrol_seconds: float = 1.0,
    ) -> None:
        self.path = path.absolute()
        self.read_only = read_only
        self._busy_seconds = busy_seconds
        self._patrol_seconds = patrol_seconds
        self._real = self.path.resolve()
        self._identity = self._look()
        self._turn = threading.Lock()
        self._epoch = 0
        self._closed = False
        self._wake = Bell()
        self._clock_lock = threading.Lock()
        try:
            with translated(self.path):
                self._settle()
                self._writers = self._engine(Access.WRITE, "BEGIN IMMEDIATE")
                self._appenders = self._engine(Access.APPEND, "BEGIN IMMEDIATE")
        except BaseException:
            self._wake.ring()
            raise

    # Reading

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot. NotAProject for a damaged file, StorageUnavailable when the disk does not answer."""
        with self._steady() as readers, readers.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def fetching(self) -> Iterator[sqlite3.Connection]:
        """A bare connection: each statement sees the newest commit. SQLite's errors pass untranslated.

        Connections are kept in a list of our own: a chunk of 64 KiB takes SQLite 25 us, and the pool of the
        engines another 45.
        """
        self._check_open()
        self._follow()
        generation = self._fetchers
        try:
            connection = generation.pop()
        except IndexError:
            connection = self._connect(self._read_access)
        try:
            yield connection
        finally:
            if generation is self._fetchers and not self._closed:
                generation.append(connection)
            else:
                connection.close()

    # Writing

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first moment; durable when it has committed.

        Committed at the end, undone by an exception. ProjectBusy when another writer holds the lock too
        long, ProjectReplaced when the path leads elsewhere by now, ProjectFileError when opened read-only.
        """
        with self._my_turn(), self._writers.connect() as connection, connection.begin():
            self._check_identity()
            yield connection
            self._check_identity()

    @contextmanager
    def appending(self) -> Iterator[sqlite3.Connection]:
        """The same as a bare connection, and durable only with the next ``writing()`` that commits."""
        with self._my_turn():
            pooled = self._appenders.raw_connection()
            try:
                driver = pooled.driver_connection
                assert isinstance(driver, sqlite3.Connection)
                driver.execute("BEGIN IMMEDIATE")
                self._check_identity()
                yield driver
                self._check_identity()
                driver.commit()
            finally:
                pooled.close()  # The pool rolls back whatever is not committed.

    def use_log(self) -> None:
        """Make sure that the file is in WAL mode, which lets readers and a writer work at the same time."""
        with self._my_turn():
            connection = self._connect(Access.WRITE)
            try:
                mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            finally:
                connection.close()
        if mode != "wal":
            raise StorageUnavailable(f"{self.path} lies where SQLite cannot share it between processes")

    # News

    def data_version(self) -> int:
        """A number that differs from an earlier one when anybody has committed in between.

        ProjectReplaced when the path leads elsewhere: what is committed there would never be told here.
        """
        self._check_open()
        self._check_identity()
        self._follow()
        with translated(self.path), self._clock_lock:
            self._check_open()  # somebody else may have closed it just now
            return self._epoch << 32 | int(self._clock.execute("PRAGMA data_version").fetchone()[0])

    def wait_for_commit(self, timeout: float, since: int | None = None) -> None:
        """Return when somebody has committed after ``since`` (a data version; now, if not given), after
        ``timeout`` seconds, or when the database is or was closed. It may also return for no reason.
        ProjectReplaced, within a patrol of its happening."""
        deadline = time.monotonic() + timeout
        with self._wake.listening() as wake:
            if wake is None:
                return
            try:
                known = self.data_version() if since is None else since
                try:
                    watch = FolderWatch(self._real.parent, self._real.name)
                except OSError:
                    self._wait(None, wake, deadline, known)
                else:
                    with watch:
                        self._wait(watch, wake, deadline, known)
            except ProjectFileError:
                if not self._closed:
                    raise

    def _wait(self, watch: FolderWatch | None, wake: int, deadline: float, known: int) -> None:
        pause = self._patrol_seconds
        while not self._closed and self.data_version() == known:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            if watch is None:
                poll = select.poll()
                poll.register(wake, select.POLLIN)
                poll.poll(min(left, _WITHOUT_WATCH) * 1000)
            elif watch.wait(min(left, pause), wake):
                pause = _SOON
            else:
                pause = min(2 * pause, self._patrol_seconds)

    def close(self) -> None:
        """Close every connection and let waiters go. Twice is no error."""
        if self._closed:
            return
        self._closed = True
        self._wake.ring()
        for engine in (self._readers, self._writers, self._appenders):
            engine.dispose()
        _close_all(self._fetchers)
        with self._clock_lock:
            self._clock.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The file under it

    def _look(self) -> tuple[int, int]:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            raise NotAProject(f"there is no project file at {self.path}") from None
        except OSError as exc:
            raise NotAProject(f"{self.path} cannot be opened: {exc.strerror}") from exc
        if not stat.S_ISREG(found.st_mode):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
            raise NotAProject(f"{self.path} is {what}; a project is one file, NAME.clst")
        return (found.st_dev, found.st_ino)

    def _check_identity(self) -> None:
        try:
            same = self._look() == self._identity
        except NotAProject:
            same = False
        if not same:
            raise ProjectReplaced(
                f"{self.path} is no longer the file that was opened: it was replaced, moved or deleted, and "
                "what happens to it from now on does not show; unmount the project and mount it again"
            )

    def _check_open(self) -> None:
        if self._closed:
            raise ProjectFileError(f"{self.path} has been closed here")

    def _connect(self, access: Access) -> sqlite3.Connection:
        self._check_identity()
        connection = connect(self._real, access, busy_seconds=self._busy_seconds)
        try:
            self._check_identity()
        except ProjectReplaced:
            connection.close()
            raise
        return connection

    def _engine(self, access: Access, begin: str) -> Engine:
        engine = create_engine(
            "sqlite://",
            creator=lambda: self._connect(access),
            poolclass=QueuePool,
            pool_size=8 if access not in (Access.WRITE, Access.APPEND) else 1,
            max_overflow=-1,
        )

        @event.listens_for(engine, "begin")
        def say_begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        self._check_open()
        if self.read_only:
            raise ProjectFileError(f"{self.path} was opened read-only")
        if not self._turn.acquire(timeout=self._busy_seconds):
            raise ProjectBusy(f"{self.path} is being written by another task of this program")
        try:
            with translated(self.path):
                yield
        finally:
            self._turn.release()

    # Read-only files, perhaps at rest

    @contextmanager
    def _steady(self) -> Iterator[Engine]:
        self._check_open()
        stamp = self._follow()
        with translated(self.path):
            yield self._readers
        if stamp is not None and stamp != self._stamp():
            raise ProjectBusy(f"{self.path} changed while it was being read; try again")

    def _settle(self) -> None:
        """Choose how the file is read, and open the connection that watches for commits."""
        access = Access.READ_ONLY if self.read_only else Access.READ
        self._rest: _Stamp | None = None
        try:
            self._clock = self._first(access)
        except sqlite3.OperationalError as exc:
            if not self.read_only or primary_code(exc) not in (
                sqlite3.SQLITE_CANTOPEN,
                sqlite3.SQLITE_READONLY,
            ):
                raise
            self._rest = self._stamp()
            access = Access.AT_REST
            log = self._rest[1]
            if log is not None and log[2] > 0:
                raise ProjectFileError(
                    f"{self.path} has changes waiting in {self.path.name}-wal, and its folder cannot be "
                    "written: open the project once where its folder is writable, or copy both files"
                ) from exc
            self._clock = self._first(access)
        self._read_access = access
        self._readers = self._engine(access, "BEGIN")
        self._fetchers: list[sqlite3.Connection] = []

    def _first(self, access: Access) -> sqlite3.Connection:
        connection = self._connect(access)
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    def _follow(self) -> _Stamp | None:
        """For a file read at rest: what it looks like now, after opening it anew if that changed."""
        if self._rest is None:
            return None
        with self._clock_lock, translated(self.path):
            if self._rest is not None and self._rest != self._stamp():
                self._check_identity()
                self._readers.dispose()
                self._clock.close()
                self._epoch += 1
                self._settle()
            return self._rest

    def _stamp(self) -> _Stamp:
        return tuple(map(_looks, (self._real, self._real.with_name(self._real.name + "-wal"))))


def _close_all(connections: list[sqlite3.Connection]) -> None:
    while connections:
        connections.pop().close()


def _looks(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
