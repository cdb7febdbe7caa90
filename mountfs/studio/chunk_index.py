"""Which versions have a chunk: the index that the project file's format does not have.

It is a hint beside the project's file (`notes`), brought up to date by reading the versions that were written
since it was last: for each chunk and asset, where the newest version lies that has it. Whoever uses it looks
into that version itself (`manifests.visible_chunks`), so what is wrong here shows nobody anything; what is
missing here is a chunk that has to be sent again.

Reading a whole project for the first time takes long; nobody else waits for that longer than a moment.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, select

from mountfs.errors import StudioUnavailable
from mountfs.model import AssetId, ChunkId
from mountfs.storage.batches import batches
from mountfs.storage.database import Database
from mountfs.storage.tables import asset_checkpoint
from mountfs.studio import rows
from mountfs.studio.notes import Notes

_FORM = 1
_SCHEMA = (
    "CREATE TABLE asset (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)",
    # A chunk is the first half of its name: what is found is looked into anyway.
    "CREATE TABLE holder (chunk INTEGER NOT NULL, asset INTEGER NOT NULL, place INTEGER NOT NULL,"
    " PRIMARY KEY (chunk, asset)) WITHOUT ROWID",
    "CREATE TABLE last (one INTEGER PRIMARY KEY CHECK (one = 1), place INTEGER NOT NULL, version TEXT)",
)

_TOGETHER = 100_000
"""Chunks that are noted in one go."""

_MOST_HOLDERS = 100
"""Assets with one chunk that are looked at: of a chunk that more have, some are enough."""

_A_MOMENT = 3.0
"""Seconds for which somebody waits while somebody else reads the project."""

_c = asset_checkpoint.c


class Place(NamedTuple):
    """Where a version lies in its table, and whose it is."""

    asset: AssetId
    row: int


class ChunkIndex:
    """The index of one project, noted at ``path``. Usable from any thread."""

    def __init__(self, database: Database, path: Path | None = None) -> None:
        self._database = database
        self._notes = Notes(path, _FORM, _SCHEMA)
        self._following = threading.Lock()
        self._version: int | None = None

    def follow(self) -> None:
        """Take over the versions that were written since. StudioUnavailable while somebody else does, for
        long; StorageUnavailable."""
        if self._database.data_version() == self._version:
            return
        if not self._following.acquire(timeout=_A_MOMENT):
            raise StudioUnavailable("the studio still finds out which chunks it has: try again in a moment")
        try:
            version = self._database.data_version()
            while self._read_some():
                pass
            self._version = version
        finally:
            self._following.release()

    def holders(self, chunks: Iterable[ChunkId], assets: AbstractSet[AssetId]) -> dict[ChunkId, list[Place]]:
        """Where these chunks may be, in versions of these assets; as of the last `follow`."""
        found: dict[ChunkId, list[Place]] = {}
        for batch in batches(chunks):
            with self._notes.reading() as db:
                for chunk in batch:
                    if (key := _key(chunk)) is None:
                        continue
                    places = db.execute(
                        "SELECT asset.id, place FROM holder JOIN asset ON asset.number = holder.asset"
                        " WHERE chunk = ? ORDER BY holder.asset DESC LIMIT ?",
                        (key, _MOST_HOLDERS),
                    )
                    if mine := [Place(asset, row) for asset, row in places if asset in assets]:
                        found[chunk] = mine
        return found

    def close(self) -> None:
        """Let the notes go."""
        self._notes.close()

    def _read_some(self) -> bool:
        """Note some of the versions that are not noted yet; whether there may be more."""
        with self._notes.reading() as db:
            at, version = db.execute("SELECT place, version FROM last").fetchone() or (0, None)
        with self._database.reading() as connection:
            if at and _id_at(connection, at) != version:
                self._forget()  # it is gone, and others may be where it and those after it were
                return True
            holders: list[tuple[int, AssetId, int]] = []
            after = select(rows.ROW_NUMBER, *map(rows.raw, (_c.id, _c.asset_id, _c.chunks)))
            statement = after.where(at < rows.ROW_NUMBER).order_by(rows.ROW_NUMBER)
            for place, version, asset, chunks in rows.read(connection, statement):  # noqa: B007 - the last one
                at = place
                if isinstance(chunks, str) and isinstance(asset, str):
                    keys = {key for chunk in chunks.split(",") if (key := _key(chunk)) is not None}
                    holders += ((key, AssetId(asset), place) for key in keys)
                if len(holders) >= _TOGETHER:
                    break
        with self._notes.writing() as db:
            names = {asset for _, asset, _ in holders}
            db.executemany("INSERT OR IGNORE INTO asset (id) VALUES (?)", ((name,) for name in names))
            db.executemany(
                "INSERT INTO holder SELECT ?, number, ? FROM asset WHERE id = ?"
                " ON CONFLICT (chunk, asset) DO UPDATE SET place = max(place, excluded.place)",
                sorted((key, place, asset) for key, asset, place in holders),
            )
            db.execute("INSERT OR REPLACE INTO last VALUES (1, ?, ?)", (at, version))
        return len(holders) >= _TOGETHER

    def _forget(self) -> None:
        with self._notes.writing() as db:
            for table in ("holder", "asset", "last"):
                db.execute(f"DELETE FROM {table}")


def _id_at(connection: Connection, place: int) -> object:
    return connection.execute(select(rows.raw(_c.id)).where(place == rows.ROW_NUMBER)).scalar()


def _key(chunk: str) -> int | None:
    """What a chunk is noted as; None for what is no name of one."""
    try:
        return int.from_bytes(bytes.fromhex(chunk[:16]), "big", signed=True) if len(chunk) == 64 else None
    except ValueError:
        return None
