"""What a check of a whole project walks over: the file's own structure, and all content it records.

Everything is listed, trashed or not, versions and templates: a check that leaves out what nobody sees finds
damage when somebody wants it back. Paths are put together from the rows' parents, for people to read; a
ring of parents or a missing one shows as `…`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from mountfs.errors import NotAProject
from mountfs.model import ROOT, AssetId, CheckpointId, ChunkId, CollectionId
from mountfs.storage.database import Database
from mountfs.storage.tables import asset, asset_checkpoint, collection, template


@dataclass(frozen=True, slots=True)
class Recorded:
    """One content that the project records: a checkpoint, or a template's (``asset`` and ``checkpoint`` are
    then empty, and ``number`` is 0)."""

    path: str
    asset: AssetId
    checkpoint: CheckpointId
    number: int
    size: int
    xxh3: str
    chunks: tuple[ChunkId, ...]
    trashed: bool


def damage(database: Database) -> list[str]:
    """What SQLite finds wrong with the file's structure, sentence by sentence; empty for a sound file.

    Reads the whole file once; what is inside the chunks is not looked at.
    """
    try:
        with database.reading() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(100)").scalars().all()
    except NotAProject as exc:
        return [str(exc)]
    return [line for line in found if line != "ok"]


def recorded(connection: Connection) -> Iterator[Recorded]:
    """All checkpoints, asset by asset and oldest first, then all templates."""
    yield from checkpoints(connection)
    yield from templates(connection)


def checkpoints(connection: Connection) -> Iterator[Recorded]:
    """All checkpoints, asset by asset and oldest first, with the number that each has among its asset's.

    Take what is needed and let the transaction end before reading content: a snapshot that is held for
    minutes keeps SQLite's log from being folded back.
    """
    folders = _Folders(connection)
    names = {
        row.id: (row.collection_id, f"{row.name}{row.extension}")
        for row in connection.execute(
            select(asset.c.id, asset.c.name, asset.c.extension, asset.c.collection_id)
        )
    }
    rows = connection.execute(
        select(
            asset_checkpoint.c.id,
            asset_checkpoint.c.asset_id,
            asset_checkpoint.c.file_size,
            asset_checkpoint.c.xxhash_checksum,
            asset_checkpoint.c.chunks,
            asset_checkpoint.c.trashed,
        ).order_by(asset_checkpoint.c.asset_id, asset_checkpoint.c.created_at)
    )
    last, number = None, 0
    for row in rows:
        number = number + 1 if row.asset_id == last else 1
        last = row.asset_id
        parent, name = names.get(row.asset_id, (None, f"asset {row.asset_id}"))
        yield Recorded(
            path=folders.path(parent) + name,
            asset=AssetId(row.asset_id),
            checkpoint=CheckpointId(row.id),
            number=number,
            size=_size(row.file_size),
            xxh3=str(row.xxhash_checksum),
            chunks=chunk_list(row.chunks),
            trashed=row.trashed,
        )


def templates(connection: Connection) -> Iterator[Recorded]:
    """All templates: contents that new files begin with."""
    for row in connection.execute(select(template).order_by(template.c.name, template.c.extension)):
        yield Recorded(
            path=f"template {row.name}{row.extension}",
            asset=AssetId(""),
            checkpoint=CheckpointId(""),
            number=0,
            size=_size(row.file_size),
            xxh3=str(row.xxhash_checksum),
            chunks=chunk_list(row.chunks),
            trashed=row.trashed,
        )


def chunk_list(value: object) -> tuple[ChunkId, ...]:
    """The hashes of a ``chunks`` column. What is no text has none, which no content's size agrees with."""
    return tuple(map(ChunkId, value.split(","))) if isinstance(value, str) and value else ()


def _size(value: object) -> int:
    # A column holds whatever was put into it. No content has a negative size, so such a row is found wrong.
    return value if isinstance(value, int) else -1


class _Folders:
    """Paths of collections, `/A/B/`."""

    def __init__(self, connection: Connection) -> None:
        rows = connection.execute(select(collection.c.id, collection.c.name, collection.c.parent_id))
        self._rows = {row.id: (row.parent_id, row.name) for row in rows}
        self._known: dict[CollectionId | None, str] = {ROOT: "/"}

    def path(self, folder: CollectionId | None) -> str:
        climbed: list[CollectionId] = []
        at = folder
        while at not in self._known:
            if at is None or at not in self._rows or at in climbed:
                self._known[at] = "/…/"
                break
            climbed.append(at)
            at = self._rows[at][0]
        path = self._known[at]
        for each in reversed(climbed):
            path = f"{path}{self._rows[each][1]}/"
            self._known[each] = path
        return path
