"""Chunks in the project file itself: one row each, the frame as a blob.

A put is one short transaction that is visible at once and becomes durable with the next commit of a
`writing()` transaction, which is what publishes a manifest naming it: the log is one file, synchronised as
a whole. So an import waits for the disk once a checkpoint and not once a chunk, and a crash loses only
chunks that nothing names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Collection as Many

from mountfs.errors import ChunkCorrupt, ChunkMissing, NotAProject
from mountfs.interfaces import frame_of
from mountfs.model import ChunkId, ChunkRef
from mountfs.storage.batches import batches
from mountfs.storage.connections import ERRORS, translate, translated
from mountfs.storage.database import Database
from mountfs.storage.frames import holds
from mountfs.storage.unreferenced import ALL, NOT_LEAVING, WANTED_AGAIN, relied_on_until

_FRAMING = 1024
"""Bytes by which the frame of a small chunk may be larger than the chunk."""


_PUT = (
    "INSERT INTO chunk (hash, data, size) VALUES (?1, ?2, ?3)"
    " ON CONFLICT (hash) DO UPDATE SET data = excluded.data, size = excluded.size"
)


class CompactChunks:
    """The ChunkStore of a `compact` project. ``lists_leaving``: it has the table ``mountfs_unreferenced``."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float] = time.time,
        lists_leaving: bool = True,
    ) -> None:
        self._database = database
        self._clock = clock
        self._relied_on = NOT_LEAVING if lists_leaving else ALL

    def get(self, ref: ChunkRef) -> bytes:
        """The frame. ChunkCorrupt when the file is damaged just there, StorageUnavailable without a disk."""
        frame = self._find(ref.chunk.id)
        if frame is None:
            raise ChunkMissing(ref.chunk.id)
        if not isinstance(frame, bytes):
            raise ChunkCorrupt(ref.chunk.id, "its row holds no bytes")
        return frame

    def get_many(self, refs: Sequence[ChunkRef]) -> list[bytes | Exception]:
        """The frames with one statement, which takes half the time. What it does not bring, or all if the
        file is damaged somewhere, is got one by one, for the reason; so is a frame larger than its chunk may
        need, since there could be many of those."""
        frames: dict[str, bytes] = {}
        longest = max((ref.chunk.size for ref in refs), default=0) + _FRAMING
        try:
            with self._database.fetching() as connection:
                for batch in batches([ref.chunk.id for ref in refs]):
                    frames.update(
                        connection.execute(
                            "SELECT hash, data FROM chunk WHERE typeof(data) = 'blob' AND length(data) <= ?"
                            f" AND hash IN ({','.join('?' * len(batch))})",
                            (longest, *batch),
                        )
                    )
        except ERRORS:
            frames.clear()
        return [frames.get(ref.chunk.id) or frame_of(self, ref) for ref in refs]

    def put(self, chunk: ChunkId, frame: bytes) -> None:
        """Keep a frame; durable with the next publication. What lies there stays if it is the chunk."""
        self.put_many({chunk: frame})

    def put_many(self, frames: Mapping[ChunkId, bytes]) -> None:
        """Keep frames in one transaction."""
        going = self._going(frames)
        new = [
            (chunk, frame, len(frame))
            for chunk, frame in frames.items()
            if chunk in going or not self._find_sound(chunk, frame)
        ]
        if new:
            with self._database.appending() as connection:
                if going:
                    connection.executemany(WANTED_AGAIN, [(chunk,) for chunk in going])
                connection.executemany(_PUT, new)

    def missing(self, chunks: Many[ChunkId]) -> set[ChunkId]:
        """Those without a row, those whose row holds no bytes, and those that will go soon (`unreferenced`).

        The row's ``size`` is not compared: it stands behind the blob, and SQLite would walk all of that.
        """
        absent = set(chunks)
        try:
            with self._database.fetching() as connection:
                for batch in batches(absent.copy()):
                    marks = ",".join("?" * len(batch))
                    absent.difference_update(
                        ChunkId(row[0])
                        for row in connection.execute(
                            f"SELECT hash FROM chunk WHERE hash IN ({marks})"
                            " AND typeof(data) = 'blob' AND length(data) > 0"
                            f" AND {self._relied_on}",
                            (*batch, relied_on_until(self._clock())),
                        )
                    )
        except ERRORS as exc:
            raise translate(self._database.path, exc) from exc
        return absent

    def _going(self, chunks: Iterable[ChunkId]) -> set[str]:
        """Those of these that are noted as unreferenced."""
        with translated(self._database.path), self._database.fetching() as connection:
            return {
                name
                for batch in batches(chunks)
                for (name,) in connection.execute(
                    f"SELECT hash FROM mountfs_unreferenced WHERE hash IN ({','.join('?' * len(batch))})",
                    batch,
                )
            }

    def _find_sound(self, chunk: ChunkId, frame: bytes) -> bool:
        try:
            there = self._find(chunk)
        except ChunkCorrupt:
            return False
        return isinstance(there, bytes) and (there == frame or holds(there, chunk))

    def _find(self, chunk: ChunkId) -> object:
        try:
            with self._database.fetching() as connection:
                # A damaged row may say that it holds text: asked for as such, it would have to be UTF-8.
                row = connection.execute(
                    "SELECT typeof(data) = 'blob', CAST(data AS BLOB) FROM chunk WHERE hash = ?", (chunk,)
                ).fetchone()
        except ERRORS as exc:
            ours = translate(self._database.path, exc)
            if isinstance(ours, NotAProject):
                # One page of many is bad: that is this chunk's misfortune, not the project's.
                raise ChunkCorrupt(chunk, f"the project file is damaged there ({exc})") from exc
            raise ours from exc
        if row is None:
            return None
        is_blob, data = row
        return data if is_blob else ""
