"""What one mount knows of its project, kept on this machine, in one SQLite file of its state directory.

It holds the tree that the viewer saw last, with the cursor from which the studio tells what changed since,
and manifests that were asked for. Rows are the JSON of `wire`, a row for each thing, so that news costs what
there is of it. `replicated` says when it is shown.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mountfs import wire
from mountfs.config import private_folder
from mountfs.errors import LocalStateError, WireError
from mountfs.model import (
    Asset,
    AssetId,
    Changes,
    CheckpointId,
    Chunk,
    ChunkId,
    Collection,
    Cursor,
    Manifest,
    Person,
    Tree,
    Viewer,
)
from mountfs.wire.trees import kept_once

log = logging.getLogger(__name__)

T = TypeVar("T")

_FORMAT = 1
_MANIFEST_CHUNKS = 500_000
"""Chunks of all manifests that are kept: 18 MB."""
_BLOCK = 5000
"""Rows that are decoded together."""
_ID = 32

_HEADS = "CREATE INDEX asset_head ON asset (head)"
_SCHEMA = (
    "CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE collection (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE asset (id TEXT PRIMARY KEY, head TEXT, body BLOB NOT NULL) WITHOUT ROWID",
    _HEADS,
    "CREATE TABLE person (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE manifest (checkpoint TEXT PRIMARY KEY, asset TEXT NOT NULL, xxh3 TEXT NOT NULL,"
    " size INTEGER NOT NULL, count INTEGER NOT NULL, used INTEGER NOT NULL, chunks BLOB NOT NULL)",
    "CREATE INDEX manifest_asset ON manifest (asset)",
    "CREATE INDEX manifest_used ON manifest (used)",
)


class Replica:
    """What was known of one project as one viewer sees it.

    ``about`` says which (the studio's id, the project, the account): a file about anything else is emptied.
    A damaged file is made anew, since the studio knows it all. LocalStateError if there can be none. Usable
    from any thread, by one process.
    """

    def __init__(self, path: Path, about: str) -> None:
        self._lock = threading.Lock()
        self._gone: set[bytes] = set()
        private_folder(path.parent)
        try:
            try:
                self._db = _connect(path, about)
            except sqlite3.DatabaseError as exc:
                if isinstance(exc, sqlite3.OperationalError):
                    raise
                log.warning("the replica %s is damaged, it is made anew: %s", path, exc)
                for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                    path.with_name(name).unlink(missing_ok=True)
                self._db = _connect(path, about)
        except (OSError, sqlite3.Error) as exc:
            raise LocalStateError(f"{path} cannot be used: {exc}") from exc

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._db.close()

    # Facts

    def fact(self, name: str) -> str | None:
        """Something that was noted."""
        with self._reading() as db:
            row = db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def note(self, **facts: str | None) -> None:
        """Note something; None: no longer."""
        with self._writing() as db:
            _note(db, facts)

    # The tree

    @property
    def cursor(self) -> Cursor | None:
        """Where the replica is in the stream of changes; None if it holds no tree."""
        found = self.fact("cursor")
        return None if found is None else Cursor(found)

    def tree(self) -> Tree | None:
        """The tree, if there is one."""
        with self._reading() as db:
            facts = dict(db.execute("SELECT name, value FROM fact").fetchall())
            if "cursor" not in facts:
                return None
            return Tree(
                wire.decode(Viewer, facts["viewer"].encode()),
                Cursor(facts["cursor"]),
                {one.id: one for one in _all(db, "collection", list[Collection])},
                {one.id: one for one in kept_once(_all(db, "asset", list[Asset]), {})},
                {one.id: one for one in _all(db, "person", list[Person])},
            )

    def replace(self, tree: Tree) -> None:
        """Hold this tree instead of any other."""
        with self._writing() as db:
            for table in ("collection", "asset", "person"):
                db.execute(f"DELETE FROM {table}")
            before = db.execute("SELECT count(*) FROM manifest").fetchone()
            # In the order of their keys rows are appended, and the index is made of all at once: this takes
            # half as long.
            db.execute("DROP INDEX asset_head")
            _put(db, "collection", (tree.collections[key] for key in sorted(tree.collections)))
            _put_assets(db, (tree.assets[key] for key in sorted(tree.assets)))
            db.execute(_HEADS)
            _put(db, "person", tree.people.values())
            if before != (0,):
                self._drop(db, "SELECT checkpoint FROM manifest WHERE asset NOT IN (SELECT id FROM asset)")
            _note(db, {"cursor": tree.cursor, "viewer": wire.encode(tree.viewer).decode()})

    def apply(self, changes: Changes) -> None:
        """Take over what is different since `cursor`. Costs as much as there is of it."""
        gone_assets = [(one,) for one in changes.gone_assets]
        with self._writing() as db:
            db.executemany("DELETE FROM asset WHERE id = ?", gone_assets)
            for each in gone_assets:
                self._drop(db, "SELECT checkpoint FROM manifest WHERE asset = ?", each)
            db.executemany(
                "DELETE FROM collection WHERE id = ?", ((one,) for one in changes.gone_collections)
            )
            _put(db, "collection", changes.collections)
            _put_assets(db, changes.assets)
            _put(db, "person", changes.people)
            _note(db, {"cursor": changes.cursor})
            if changes.viewer is not None:
                _note(db, {"viewer": wire.encode(changes.viewer).decode()})

    def forget(self) -> None:
        """Hold nothing any more."""
        with self._writing() as db:
            _clear(db)

    def take_gone(self) -> set[ChunkId]:
        """Chunks of assets that have gone out of sight since this was asked last, unless another one that is
        in sight has them, too."""
        with self._reading() as db:
            gone, self._gone = self._gone, set()
            if gone:
                for (packed,) in db.execute("SELECT chunks FROM manifest"):
                    gone.difference_update(packed[at : at + _ID] for at in range(0, len(packed), _ID + 4))
        return {ChunkId(each.hex()) for each in gone}

    def _drop(self, db: sqlite3.Connection, which: str, values: tuple[str, ...] = ()) -> None:
        """Manifests of what is out of sight."""
        for (checkpoint,) in db.execute(which, values).fetchall():
            row = db.execute("SELECT chunks FROM manifest WHERE checkpoint = ?", (checkpoint,)).fetchone()
            self._gone.update(row[0][at : at + _ID] for at in range(0, len(row[0]), _ID + 4))
            db.execute("DELETE FROM manifest WHERE checkpoint = ?", (checkpoint,))

    # Manifests

    def remember(self, manifests: Iterable[Manifest], assets: Mapping[CheckpointId, AssetId]) -> None:
        """Keep manifests: those of heads, and of other checkpoints whose assets are told. The longest unused
        go when there are too many."""
        now = time.time_ns()
        with self._writing() as db:
            for one in manifests:
                row = db.execute("SELECT id FROM asset WHERE head = ?", (one.checkpoint,)).fetchone()
                asset = row[0] if row is not None else assets.get(one.checkpoint)
                if asset is None:
                    continue
                chunks = b"".join(
                    bytes.fromhex(each.id) + each.size.to_bytes(4, "big") for each in one.chunks
                )
                db.execute(
                    "INSERT OR REPLACE INTO manifest VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (one.checkpoint, asset, one.xxh3, one.size, len(one.chunks) + 1, now, chunks),
                )
            (excess,) = db.execute("SELECT coalesce(sum(count), 0) FROM manifest").fetchone()
            excess -= _MANIFEST_CHUNKS
            oldest = db.execute("SELECT checkpoint, count FROM manifest ORDER BY used") if excess > 0 else ()
            gone: list[tuple[str]] = []
            for checkpoint, count in oldest:
                if excess <= 0:
                    break
                excess -= count
                gone.append((checkpoint,))
            db.executemany("DELETE FROM manifest WHERE checkpoint = ?", gone)

    def manifest(self, checkpoint: CheckpointId) -> Manifest | None:
        """A manifest that was kept."""
        with self._reading() as db:
            row = db.execute(
                "SELECT size, xxh3, chunks FROM manifest WHERE checkpoint = ?", (checkpoint,)
            ).fetchone()
        if row is None:
            return None
        size, xxh3, packed = row
        chunks = (packed[start : start + _ID + 4] for start in range(0, len(packed), _ID + 4))
        return Manifest(
            checkpoint,
            size,
            xxh3,
            tuple(Chunk(ChunkId(each[:_ID].hex()), int.from_bytes(each[_ID:], "big")) for each in chunks),
        )

    def forget_manifest(self, checkpoint: CheckpointId) -> None:
        """A checkpoint that is not to be seen any more."""
        with self._writing() as db:
            db.execute("DELETE FROM manifest WHERE checkpoint = ?", (checkpoint,))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._db
            except (sqlite3.Error, WireError) as exc:
                raise LocalStateError(f"the replica cannot be read: {exc}") from exc

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as exc:
                raise LocalStateError(f"the replica cannot be written: {exc}") from exc


def _connect(path: Path, about: str) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("BEGIN IMMEDIATE")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_FORMAT}")
        elif version != _FORMAT:
            raise sqlite3.DatabaseError(f"its format is {version}")
        row = db.execute("SELECT value FROM fact WHERE name = 'about'").fetchone()
        if row is None or row[0] != about:
            _clear(db)
            _note(db, {"about": about})
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _clear(db: sqlite3.Connection) -> None:
    for table in ("collection", "asset", "person", "manifest"):
        db.execute(f"DELETE FROM {table}")
    db.execute("DELETE FROM fact WHERE name <> 'about'")


def _note(db: sqlite3.Connection, facts: Mapping[str, str | None]) -> None:
    for name, value in facts.items():
        if value is None:
            db.execute("DELETE FROM fact WHERE name = ?", (name,))
        else:
            db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))


def _all(db: sqlite3.Connection, table: str, kind: type[list[T]]) -> Iterator[T]:
    rows = db.execute(f"SELECT body FROM {table}")
    while block := rows.fetchmany(_BLOCK):
        yield from wire.decode(kind, b"[" + b",".join(body for (body,) in block) + b"]")


def _put(db: sqlite3.Connection, table: str, things: Iterable[Collection] | Iterable[Person]) -> None:
    rows = ((one.id, wire.encode(one)) for one in things)
    db.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", rows)


def _put_assets(db: sqlite3.Connection, assets: Iterable[Asset]) -> None:
    rows = ((one.id, one.head.id if one.head is not None else None, wire.encode(one)) for one in assets)
    db.executemany("INSERT OR REPLACE INTO asset VALUES (?, ?, ?)", rows)
