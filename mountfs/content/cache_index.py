"""What the chunk cache on disk holds: one small SQLite file that all mounts of a user share.

Every file of the cache has a row here before it has a byte, with at least the room that it takes, so the sum
of the rows is never less than what is on the disk, and the sum never exceeds the limit. A row is *coming*
while the process that wrote it fetches the chunk; then it belongs to nobody. Totals are kept by triggers.

Each process holds the kernel's lock on a file of its own for as long as it lives. Whoever gets the lock of
another's file knows that the other is dead, and clears up what it left: rows that were coming, and holds.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mountfs.config import private_folder
from mountfs.model import ChunkId

_BUSY = 2.0
"""Seconds that one process waits for another's transaction; then it does without the cache for once."""

_FORMAT = 1

_SOME = 32
"""Rows that are looked at together when room has to be made."""

_SCHEMA = """
CREATE TABLE entry (
    chunk BLOB PRIMARY KEY, cost INTEGER NOT NULL, used INTEGER NOT NULL, owner INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX entry_used ON entry (used);
CREATE INDEX entry_coming ON entry (owner) WHERE owner <> 0;
CREATE TABLE total (held INTEGER NOT NULL, coming INTEGER NOT NULL, closed INTEGER NOT NULL);
INSERT INTO total VALUES (0, 0, 0);
CREATE TRIGGER entry_added AFTER INSERT ON entry BEGIN
    UPDATE total SET held = held + new.cost, coming = coming + new.cost * (new.owner <> 0);
END;
CREATE TRIGGER entry_gone AFTER DELETE ON entry BEGIN
    UPDATE total SET held = held - old.cost, coming = coming - old.cost * (old.owner <> 0);
END;
CREATE TRIGGER entry_changed AFTER UPDATE OF cost, owner ON entry BEGIN
    UPDATE total SET held = held + new.cost - old.cost,
        coming = coming + new.cost * (new.owner <> 0) - old.cost * (old.owner <> 0);
END;
CREATE TABLE pin (key TEXT, chunk BLOB, PRIMARY KEY (chunk, key)) WITHOUT ROWID;
CREATE INDEX pin_key ON pin (key);
CREATE TABLE hold (owner INTEGER, chunk BLOB, PRIMARY KEY (chunk, owner)) WITHOUT ROWID;
"""

_EVICTABLE = """
SELECT chunk, cost FROM entry
WHERE owner = 0
    AND NOT EXISTS (SELECT 1 FROM pin WHERE pin.chunk = entry.chunk)
    AND NOT EXISTS (SELECT 1 FROM hold WHERE hold.chunk = entry.chunk)
ORDER BY used LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Room:
    """What may be taken: bytes in all, and bytes that are free on the disk beyond those to be left alone."""

    limit: int
    spare: int


class CacheIndex:
    """The rows of one cache folder. Raises sqlite3.Error and OSError.

    ``size_of`` tells the room that a chunk's file takes, None without one; ``remove`` removes it and whatever
    is left of one that was being written. Both are called inside transactions, so that a row and its file go
    together.
    """

    def __init__(
        self, folder: Path, size_of: Callable[[ChunkId], int | None], remove: Callable[[ChunkId], None]
    ) -> None:
        self._size_of = size_of
        self._remove = remove
        self._lock = threading.Lock()
        self._held: dict[ChunkId, int] = {}
        self._owners = private_folder(folder / "owners")
        self.owner, self._life = self._begin_life()
        try:
            self._db = _connect(folder / "index.db")
        except BaseException:
            os.close(self._life)
            raise

    def close(self, *, in_order: bool) -> None:
        """Let go. ``in_order``: nobody else has the cache, and the rows are as they should be."""
        try:
            with self._writing() as db:
                self._bury(db, self.owner)
                db.execute("UPDATE total SET closed = ?", (int(in_order),))
        finally:
            self._db.close()
            with suppress(OSError):
                (self._owners / str(self.owner)).unlink()
            os.close(self._life)

    # How much there is

    def totals(self) -> tuple[int, int]:
        """Bytes of all rows, and of those that are coming."""
        with self._lock:
            held, coming = self._db.execute("SELECT held, coming FROM total").fetchone()
        return held, coming

    def begin(self) -> bool:
        """Note that the cache is in use; True if whoever used it last closed it in order."""
        with self._writing() as db:
            (closed,) = db.execute("SELECT closed FROM total").fetchone()
            db.execute("UPDATE total SET closed = 0")
        return bool(closed)

    def recount(self, found: Mapping[ChunkId, int], now: int) -> None:
        """Make the rows those of the files that were found, with the room they take. Only while nobody else
        has the cache."""
        with self._writing() as db:
            known = {_text(chunk) for (chunk,) in db.execute("SELECT chunk FROM entry")}
            db.executemany("DELETE FROM entry WHERE chunk = ?", ((_blob(one),) for one in known - set(found)))
            db.executemany(
                "INSERT INTO entry VALUES (?, ?, ?, 0)"
                " ON CONFLICT (chunk) DO UPDATE SET cost = excluded.cost, owner = 0",
                ((_blob(chunk), cost, now) for chunk, cost in found.items()),
            )
            db.execute("DELETE FROM hold")
            held = db.execute("SELECT coalesce(sum(cost), 0) FROM entry").fetchone()[0]
            db.execute("UPDATE total SET held = ?, coming = 0", (held,))
        for name in os.listdir(self._owners):
            if name != str(self.owner):
                (self._owners / name).unlink(missing_ok=True)

    # Room

    def reserve(self, costs: Mapping[ChunkId, int], room: Callable[[], Room], now: int) -> set[ChunkId]:
        """Rows for chunks that are to come, at these costs; which of them got one. The others are there, or
        come to another process, or have no room although all that may be evicted is."""
        got: set[ChunkId] = set()
        with self._writing() as db:
            for chunk, cost in costs.items():
                row = db.execute("SELECT owner FROM entry WHERE chunk = ?", (_blob(chunk),)).fetchone()
                if row is not None and (row[0] != 0 or self._size_of(chunk) is not None):
                    continue
                db.execute("DELETE FROM entry WHERE chunk = ?", (_blob(chunk),))
                if self._make_room(db, cost, room):
                    db.execute("INSERT INTO entry VALUES (?, ?, ?, ?)", (_blob(chunk), cost, now, self.owner))
                    got.add(chunk)
        return got

    def arrived(self, costs: Mapping[ChunkId, int], now: int) -> None:
        """Chunks for which there was a row are in their files, which take this room: at most what it says."""
        with self._writing() as db:
            db.executemany(
                "UPDATE entry SET cost = ?, used = ?, owner = 0 WHERE chunk = ? AND owner = ?",
                ((cost, now, _blob(chunk), self.owner) for chunk, cost in costs.items()),
            )

    def release(self, chunks: Iterable[ChunkId]) -> None:
        """Chunks for which there was a row do not come."""
        with self._writing() as db:
            for chunk in chunks:
                row = (_blob(chunk), self.owner)
                if db.execute("SELECT 1 FROM entry WHERE chunk = ? AND owner = ?", row).fetchone():
                    self._remove(chunk)
                    db.execute("DELETE FROM entry WHERE chunk = ? AND owner = ?", row)

    def discard(self, chunks: Collection[ChunkId]) -> int:
        """Remove chunks with their files, whoever wanted them to stay; the bytes of room that this makes."""
        freed = 0
        with self._writing() as db:
            for chunk in chunks:
                row = db.execute(
                    "SELECT cost FROM entry WHERE chunk = ? AND owner = 0", (_blob(chunk),)
                ).fetchone()
                if row is not None:
                    self._remove(chunk)
                    db.execute("DELETE FROM entry WHERE chunk = ?", (_blob(chunk),))
                    freed += row[0]
        return freed

    def touch(self, used: Mapping[ChunkId, int]) -> None:
        """Chunks were used at these times."""
        with self._writing() as db:
            db.executemany(
                "UPDATE entry SET used = ? WHERE chunk = ?",
                ((moment, _blob(chunk)) for chunk, moment in used.items()),
            )

    def _make_room(self, db: sqlite3.Connection, cost: int, room: Callable[[], Room]) -> bool:
        """Whether so much more may be taken, once the longest unused is evicted."""
        if cost > room().limit:
            return False  # nothing is to go for what cannot come
        if (excess := self._excess(db, cost, room())) <= 0 or self._evict(db, excess):
            return True
        self._bury_dead(db)
        excess = self._excess(db, cost, room())
        return excess <= 0 or self._evict(db, excess)

    def _excess(self, db: sqlite3.Connection, cost: int, room: Room) -> int:
        held, coming = db.execute("SELECT held, coming FROM total").fetchone()
        return int(max(held + cost - room.limit, coming + cost - room.spare))

    def _evict(self, db: sqlite3.Connection, excess: int) -> bool:
        """Remove what was not used for longest, until so many bytes are freed."""
        while excess > 0:
            victims = db.execute(_EVICTABLE, (_SOME,)).fetchall()
            if not victims:
                return False
            for chunk, cost in victims:
                self._remove(_text(chunk))
                db.execute("DELETE FROM entry WHERE chunk = ?", (chunk,))
                excess -= cost
                if excess <= 0:
                    break
        return True

    # What stays

    def pin(self, key: str, chunks: Iterable[ChunkId]) -> None:
        """These chunks, and no others under this key, stay until `unpin`."""
        with self._writing() as db:
            db.execute("DELETE FROM pin WHERE key = ?", (key,))
            # The first is no chunk's name: it keeps a pin of what has no content yet.
            names = [b"", *map(_blob, chunks)]
            db.executemany("INSERT OR IGNORE INTO pin VALUES (?, ?)", ((key, name) for name in names))

    def unpin(self, key: str) -> None:
        """What was pinned under this key may go."""
        with self._writing() as db:
            db.execute("DELETE FROM pin WHERE key = ?", (key,))

    def pins(self) -> dict[str, tuple[int, int, int]]:
        """For each key how many chunks are pinned, how many of them are there, and the room these take."""
        with self._lock:
            rows = self._db.execute(
                "SELECT key, sum(pin.chunk <> x''), count(entry.chunk), coalesce(sum(cost), 0) FROM pin"
                " LEFT JOIN entry ON entry.chunk = pin.chunk AND entry.owner = 0 GROUP BY key ORDER BY key"
            ).fetchall()
        return {key: (wanted, there, cost) for key, wanted, there, cost in rows}

    def hold(self, chunks: Collection[ChunkId]) -> None:
        """These chunks stay until `let_go` was called as often, or this process ends."""
        with self._writing() as db:
            new = [chunk for chunk in chunks if chunk not in self._held]
            rows = ((self.owner, _blob(one)) for one in new)
            db.executemany("INSERT OR IGNORE INTO hold VALUES (?, ?)", rows)
            for chunk in chunks:
                self._held[chunk] = self._held.get(chunk, 0) + 1

    def let_go(self, chunks: Collection[ChunkId]) -> None:
        """These chunks need not stay for whoever held them."""
        with self._writing() as db:
            for chunk in chunks:
                self._held[chunk] -= 1
            gone = [chunk for chunk in dict.fromkeys(chunks) if not self._held[chunk]]
            for chunk in gone:
                del self._held[chunk]
            rows = ((self.owner, _blob(one)) for one in gone)
            db.executemany("DELETE FROM hold WHERE owner = ? AND chunk = ?", rows)

    # The living and the dead

    def bury_dead(self) -> None:
        """Clear up after processes that are no more."""
        with self._writing() as db:
            self._bury_dead(db)

    def _bury_dead(self, db: sqlite3.Connection) -> None:
        owners = db.execute(
            "SELECT owner FROM entry WHERE owner <> 0 UNION SELECT owner FROM hold"
        ).fetchall()
        for (owner,) in owners:
            if owner != self.owner and not self._lives(owner):
                self._bury(db, owner)
                (self._owners / str(owner)).unlink(missing_ok=True)

    def _bury(self, db: sqlite3.Connection, owner: int) -> None:
        for (blob,) in db.execute("SELECT chunk FROM entry WHERE owner = ?", (owner,)).fetchall():
            # A file under its name is whole, even if its writer died before it could say so.
            if (size := self._size_of(_text(blob))) is None:
                self._remove(_text(blob))
                db.execute("DELETE FROM entry WHERE chunk = ?", (blob,))
            else:
                db.execute("UPDATE entry SET owner = 0, cost = ? WHERE chunk = ?", (size, blob))
        db.execute("DELETE FROM hold WHERE owner = ?", (owner,))

    def _begin_life(self) -> tuple[int, int]:
        while True:
            owner = secrets.randbits(62) | 1
            path = self._owners / str(owner)
            life = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(life, fcntl.LOCK_EX)  # somebody may just be trying whether this one lives
            if path.exists():
                return owner, life
            os.close(life)

    def _lives(self, owner: int) -> bool:
        try:
            life = os.open(self._owners / str(owner), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(life, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(life)
        return False

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _connect(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")  # after a power cut it is counted anew
        db.execute("BEGIN IMMEDIATE")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _statements(_SCHEMA):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_FORMAT}")
        elif version != _FORMAT:
            raise sqlite3.DatabaseError(f"its format is {version}")
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _blob(chunk: ChunkId) -> bytes:
    return bytes.fromhex(chunk)


def _text(blob: bytes) -> ChunkId:
    return ChunkId(blob.hex())
