"""Which chunks each user has sent and not yet put into a version: they may name them in one.

An upload is *pending* from its arrival until a version of the user's has the chunk, which they see it in
from then on, or until it is too old; then the chunk has to be sent again, as a client does that is told that
a chunk was not uploaded (`manifests.require_chunks`): nothing is lost that somebody saved. A frame that
nobody's version names is deleted by `gc`, after its grace time.

Each user has so many chunks and bytes pending in a project (`Limits`); who wants to send more is told to
finish something first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from mountfs.errors import QuotaExceeded
from mountfs.model import ChunkId, UserId
from mountfs.storage.batches import batches
from mountfs.studio.limits import USUAL, Limits
from mountfs.studio.notes import Notes

_FORM = 1
_SCHEMA = (
    "CREATE TABLE upload (user TEXT NOT NULL, chunk BLOB NOT NULL, length INTEGER NOT NULL,"
    " at INTEGER NOT NULL, PRIMARY KEY (user, chunk)) WITHOUT ROWID",
    "CREATE INDEX upload_at ON upload (at)",
    "CREATE TABLE pending (user TEXT PRIMARY KEY, chunks INTEGER NOT NULL, bytes INTEGER NOT NULL)"
    " WITHOUT ROWID",
    # The sums are kept by the database itself, so that they cannot differ from what they are of.
    "CREATE TRIGGER upload_added AFTER INSERT ON upload BEGIN"
    " INSERT INTO pending VALUES (new.user, 1, new.length) ON CONFLICT (user) DO UPDATE"
    " SET chunks = chunks + 1, bytes = bytes + excluded.bytes; END",
    "CREATE TRIGGER upload_gone AFTER DELETE ON upload BEGIN"
    " UPDATE pending SET chunks = chunks - 1, bytes = bytes - old.length WHERE user = old.user; END",
)

_SWEEP = 600
"""Seconds between two looks for what is too old."""


class Uploads:
    """The pending uploads of a project, noted at ``path``. Usable from any thread."""

    def __init__(
        self,
        path: Path | None = None,
        limits: Limits = USUAL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._notes = Notes(path, _FORM, _SCHEMA)
        self._limits = limits
        self._clock = clock
        self._swept = 0

    def require_room(self, user: UserId, chunks: int, length: int) -> None:
        """QuotaExceeded unless the user may send this many chunks more, with this many bytes."""
        self._sweep()
        with self._notes.reading() as db:
            row = db.execute("SELECT chunks, bytes FROM pending WHERE user = ?", (user,)).fetchone()
        known, held = row or (0, 0)
        if known + chunks > self._limits.pending_chunks or held + length > self._limits.pending_bytes:
            raise QuotaExceeded(
                "you have sent much that is in no version yet: nothing more can be sent before it is, or is"
                f" {self._limits.pending_hours} hours old"
            )

    def add(self, user: UserId, chunk: ChunkId, length: int) -> None:
        """A user has put a chunk, whose frame has so many bytes."""
        with self._notes.writing() as db:
            db.execute(
                "INSERT INTO upload VALUES (?, ?, ?, ?)"
                " ON CONFLICT (user, chunk) DO UPDATE SET at = excluded.at",
                (user, bytes.fromhex(chunk), length, int(self._clock())),
            )

    def among(self, user: UserId, chunks: Iterable[ChunkId]) -> set[ChunkId]:
        """Those of these that the user has put, and may name."""
        self._sweep()
        names = {name: chunk for chunk in chunks if (name := _name(chunk)) is not None}
        found: set[ChunkId] = set()
        for batch in batches(names):
            marks = ",".join("?" * len(batch))
            with self._notes.reading() as db:
                rows = db.execute(
                    f"SELECT chunk FROM upload WHERE user = ? AND chunk IN ({marks}) AND at >= ?",
                    (user, *batch, self._oldest),
                )
                found.update(names[row[0]] for row in rows)
        return found

    def settle(self, user: UserId, chunks: Iterable[ChunkId]) -> None:
        """These chunks are in a version of the user's now."""
        for batch in batches(name for chunk in chunks if (name := _name(chunk)) is not None):
            with self._notes.writing() as db:
                db.executemany(
                    "DELETE FROM upload WHERE user = ? AND chunk = ?", ((user, each) for each in batch)
                )

    def close(self) -> None:
        """Let the notes go."""
        self._notes.close()

    @property
    def _oldest(self) -> int:
        return int(self._clock()) - 3600 * self._limits.pending_hours

    def _sweep(self) -> None:
        now = int(self._clock())
        if abs(now - self._swept) >= _SWEEP:
            self._swept = now
            with self._notes.writing() as db:
                db.execute("DELETE FROM upload WHERE at < ?", (self._oldest,))


def _name(chunk: ChunkId) -> bytes | None:
    """A chunk's name as it is noted; None for what is no name, whatever it is."""
    try:
        name = bytes.fromhex(chunk)
    except ValueError:
        return None
    return name if len(name) == 32 and name.hex() == chunk else None
