"""Chunks as files (`chunk_files`), and a row in ``chunk_ref`` for each.

The row is written when the file is on the disk. So a row never promises a file that a crash could take away,
and a file without a row is one that nothing names yet.

The ``storage_key`` of a row is written for others and never followed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Collection as Many
from pathlib import Path

from mountfs.model import ChunkId, ChunkRef, ProjectId
from mountfs.storage.batches import batches
from mountfs.storage.chunk_files import ChunkFiles
from mountfs.storage.connections import translated
from mountfs.storage.database import Database
from mountfs.storage.unreferenced import ALL, NOT_LEAVING, WANTED_AGAIN, relied_on_until


class DeflatedChunks:
    """The ChunkStore of a `deflated` project, whose files are below ``root``.

    ``lists_leaving``: it has the table ``mountfs_unreferenced``.
    """

    def __init__(
        self,
        database: Database,
        root: Path,
        project: ProjectId,
        *,
        clock: Callable[[], float] = time.time,
        lists_leaving: bool = True,
    ) -> None:
        self.files = ChunkFiles(root, project)
        self._database = database
        self._clock = clock
        self._relied_on = NOT_LEAVING if lists_leaving else ALL

    def get(self, ref: ChunkRef) -> bytes:
        """The frame. ChunkMissing without its file, StorageUnavailable when the folder is not there."""
        return self.files.read(ref.chunk.id)

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame; its file is durable when this returns, its row with the next publication."""
        while True:
            if not self.files.is_sound(chunk, frame):
                self.files.write(chunk, frame)
            with self._database.appending() as connection:
                # Files are removed under this lock only, and only without a row: what is there now stays.
                size = self.files.size(chunk)
                if size is None:
                    continue
                connection.execute(WANTED_AGAIN, (chunk,))
                connection.execute(
                    "INSERT INTO chunk_ref (hash, storage_key, size, created_at) VALUES (?1, ?2, ?3, ?4)"
                    " ON CONFLICT (hash) DO UPDATE SET size = excluded.size WHERE size <> excluded.size",
                    (chunk, self.files.key(chunk), size, int(self._clock())),
                )
                return

    def missing(self, chunks: Many[ChunkId]) -> set[ChunkId]:
        """Those without a row, or without a file of the size that the row says, and those that will go
        soon (`unreferenced`)."""
        absent = set(chunks)
        with translated(self._database.path), self._database.fetching() as connection:
            for batch in batches(absent.copy()):
                marks = ",".join("?" * len(batch))
                rows = connection.execute(
                    f"SELECT hash, size FROM chunk_ref WHERE hash IN ({marks}) AND {self._relied_on}",
                    (*batch, relied_on_until(self._clock())),
                ).fetchall()
                absent.difference_update(ChunkId(name) for name, size in rows if self._has(name, size))
        return absent

    def _has(self, chunk: str, size: int) -> bool:
        return size > 0 and self.files.size(ChunkId(chunk)) == size
