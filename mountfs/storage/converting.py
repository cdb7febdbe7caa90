"""The same project with its chunks elsewhere: from the file into a folder, or back.

Every chunk is copied to its new place first, compared there with its SHA-256, and only then the mode is
changed, in one transaction of somebody who has the file alone; then the old rows go, and the file shrinks.
Stopped at any time, the project is whole in one mode or the other, and the next run goes on: what is in its
new place is not copied again, and what was left of the old is removed.

Mounts and other programs look at the mode when they open the file. So nobody may have it open when it
changes: SQLite itself tells, by giving the file to a connection alone or not at all.

The files of a project that has gone back into its file stay where they are: a backup or another copy of the
project may still stand on them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from mountfs.errors import ChunkCorrupt, ContentError, ProjectBusy
from mountfs.interfaces import ChunkStore
from mountfs.model import CheckpointId, Chunk, ChunkRef
from mountfs.storage.collecting import stored_chunks
from mountfs.storage.compact import CompactChunks
from mountfs.storage.connections import primary_code, translated
from mountfs.storage.deflated import DeflatedChunks
from mountfs.storage.frames import holds
from mountfs.storage.open import open_project
from mountfs.storage.project import Project

_TABLES = {"compact": "chunk", "deflated": "chunk_ref"}
_PATIENCE = 2.0
"""Seconds for whoever has the file open for a moment only."""

_WORTH_SHRINKING = 256
"""Pages: below a megabyte the file stays as it is."""

_TOGETHER = 64
"""Old rows that go in one transaction: of chunks, up to half a gigabyte."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What was done. ``copied`` chunks and their ``bytes``; ``there`` were in their new place already."""

    mode: str
    chunks: int
    copied: int
    there: int
    bytes: int


class Conversion:
    """One run over one project file. ``storage_dir`` is where a `deflated` project has, or gets, its chunks.

    ``begin`` is told the bytes ahead, ``advance`` those done.
    """

    def __init__(
        self,
        path: Path,
        mode: str,
        storage_dir: Path,
        *,
        begin: Callable[[int], None],
        advance: Callable[[int], None],
    ) -> None:
        self._path = path
        self._mode = mode
        self._storage_dir = storage_dir.absolute()
        self._begin = begin
        self._advance = advance

    def check(self) -> tuple[str, int, int]:
        """The mode now, how many chunks are ahead, and their bytes. ProjectBusy when somebody has the file
        open."""
        with _alone(self._path):
            pass
        with open_project(self._path, storage_dir=self._storage_dir, read_only=True) as project:
            stored = stored_chunks(project) if project.mode != self._mode else {}
            return project.mode, len(stored), sum(stored.values())

    def run(self) -> Converted:
        """Convert, or finish what was begun. ProjectBusy when somebody has the file open; ChunkCorrupt for a
        chunk that is damaged, and then nothing has changed but what was copied."""
        with _alone(self._path):
            pass
        copied = there = size = 0
        with open_project(self._path, storage_dir=self._storage_dir) as project:
            was = project.mode
            if was != self._mode:
                copied, there, size = self._copy(project)
        with _alone(self._path) as connection:
            if was != self._mode:
                self._switch(connection, _TABLES[was])
            self._tidy(connection)
        return Converted(self._mode, copied + there, copied, there, size)

    def _copy(self, project: Project) -> tuple[int, int, int]:
        target = self._target(project)
        stored = stored_chunks(project)
        self._begin(sum(stored.values()))
        absent = target.missing(stored)
        copied = size = 0
        for name, length in stored.items():
            ref = ChunkRef(CheckpointId(""), 0, Chunk(name, 0))
            frame = project.chunks.get(ref)
            if not holds(frame, name):
                raise ChunkCorrupt(name, "nothing was converted; mountfs verify tells what it belongs to")
            if name in absent or not _is_there(target, ref):
                target.put(name, frame)
                copied += 1
                size += len(frame)
                if target.get(ref) != frame:
                    raise ChunkCorrupt(name, "it cannot be read back from its new place")
            self._advance(length)
        return copied, len(stored) - copied, size

    def _target(self, project: Project) -> ChunkStore:
        if self._mode == "compact":
            return CompactChunks(project.database)
        return DeflatedChunks(project.database, self._storage_dir, project.id)

    def _switch(self, connection: sqlite3.Connection, old: str) -> None:
        new = _TABLES[self._mode]
        connection.execute("BEGIN IMMEDIATE")
        late = f"SELECT 1 FROM {old} WHERE hash NOT IN (SELECT hash FROM {new}) LIMIT 1"
        if connection.execute(late).fetchone() is not None:
            raise ProjectBusy(f"{self._path} was written to meanwhile; run it again, which takes up the rest")
        connection.execute("DELETE FROM project_storage")
        connection.execute(
            "INSERT INTO project_storage (id, mode, updated_at)"
            " VALUES (1, ?, CAST(strftime('%s', 'now') AS INTEGER))",
            (self._mode,),
        )
        connection.execute("COMMIT")

    def _tidy(self, connection: sqlite3.Connection) -> None:
        """Remove the rows of the old place that have one in the new."""
        new = _TABLES[self._mode]
        (old,) = set(_TABLES.values()) - {new}
        while True:
            names = connection.execute(
                f"SELECT hash FROM {old} WHERE hash IN (SELECT hash FROM {new}) LIMIT {_TOGETHER}"
            ).fetchall()
            if not names:
                break
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(f"DELETE FROM {old} WHERE hash = ?", names)
            connection.execute("COMMIT")
        free = connection.execute("PRAGMA freelist_count").fetchone()[0]
        if self._mode == "deflated" and free > _WORTH_SHRINKING:
            connection.execute("VACUUM")


def _is_there(store: ChunkStore, ref: ChunkRef) -> bool:
    try:
        return holds(store.get(ref), ref.chunk.id)
    except ContentError:
        return False


@contextmanager
def _alone(path: Path) -> Iterator[sqlite3.Connection]:
    """The file for this connection alone. ProjectBusy when anybody has it open, here or elsewhere.

    Whoever has a file in WAL mode open holds a lock on it, reading or not; the exclusive mode takes one that
    goes with no other.
    """
    with translated(path), closing(_exclusive(path)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as exc:
            if primary_code(exc) != sqlite3.SQLITE_BUSY:
                raise
            raise ProjectBusy(f"{path} is open in a mount or another program: unmount or close it") from exc
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _exclusive(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path))}?mode=rw", uri=True, timeout=_PATIENCE, isolation_level=None
    )
    # First of all: a connection that has looked into the file shares it.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection
