"""What is in the trash goes for good: its rows. The content that only they named is `gc`'s to remove, later.

What goes is what is in the trash at a path and below: assets and collections with everything that hangs on
them, and single versions of assets that stay. What a draft or a local file on this machine stands on stays,
with all that is above it.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, or_, select, update

from mountfs.model import ROOT, AssetId, CheckpointId, CollectionId
from mountfs.names import file_name
from mountfs.storage import kept_tables, tables
from mountfs.storage.batches import batches
from mountfs.studio import rows
from mountfs.studio.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Purge:
    """What would go: ids, and the paths of what lies in the trash by itself (`…@id` is a version).

    ``size`` is the bytes of all versions that go. ``in_use`` are paths that stay, because something on this
    machine stands on them.
    """

    assets: frozenset[AssetId]
    collections: frozenset[CollectionId]
    checkpoints: frozenset[CheckpointId]
    paths: tuple[str, ...]
    size: int
    in_use: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.assets or self.collections or self.checkpoints)


def plan(
    connection: Connection,
    catalogue: Catalogue,
    path: str,
    before: int,
    in_use: AbstractSet[CheckpointId],
) -> Purge:
    """What is in the trash at ``path`` and below, and was last touched before a moment (Unix seconds)."""
    versions = _Versions(connection)
    assets: set[AssetId] = set()
    collections: set[CollectionId] = set()
    checkpoints: set[CheckpointId] = set()
    paths: list[str] = []
    kept: list[str] = []
    top = path.rstrip("/")

    def is_below(place: str) -> bool:
        return place == top or place.startswith(f"{top}/")

    for folder, row in catalogue.collections.items():
        place = folder_path(catalogue, folder)
        if not row.trashed or row.collection.mtime >= before or not is_below(place):
            continue
        folders, inside = _whole(catalogue, folder)
        if versions.of(inside) & in_use:
            kept.append(place)
            continue
        paths.append(place)
        collections |= folders
        assets |= inside
    for asset, found in catalogue.assets.items():
        place = f"{folder_path(catalogue, found.asset.collection)}/{file_name(found.asset)}"
        if asset in assets or not is_below(place):
            continue
        if found.trashed and found.mtime < before:
            if versions.of([asset]) & in_use:
                kept.append(place)
            else:
                assets.add(asset)
                paths.append(place)
            continue
        for version in versions.trashed(asset, before):
            if version in in_use:
                kept.append(f"{place}@{version}")
            else:
                checkpoints.add(version)
                paths.append(f"{place}@{version}")
    checkpoints |= versions.of(assets)
    size = sum(versions.sizes[version] for version in checkpoints)
    return Purge(
        frozenset(assets),
        frozenset(collections),
        frozenset(checkpoints),
        tuple(sorted(paths)),
        size,
        tuple(sorted(kept)),
    )


def purge(connection: Connection, what: Purge) -> None:
    """Delete the rows, those that hang on others first."""
    t = tables
    _delete(connection, what.checkpoints, t.asset_checkpoint.c.id)
    _delete(connection, what.checkpoints, t.mountfs_checkpoint.c.checkpoint_id)
    needs, folder_needs = t.asset_dependency.c, t.collection_dependency.c
    _delete(connection, what.assets, needs.asset_id, needs.dependency_id)
    _delete(connection, what.assets, folder_needs.asset_id)
    _delete(connection, what.collections, folder_needs.dependency_id)
    _delete(connection, what.assets, t.asset_tag.c.asset_id)
    _delete(connection, what.collections, t.collection_assignee.c.collection_id)
    for ids, column in (
        (what.assets, kept_tables.integration_asset_mapping.c.asset_id),
        (what.collections, kept_tables.integration_collection_mapping.c.collection_id),
    ):
        for batch in batches(sorted(ids)):
            connection.execute(update(column.table).where(column.in_(batch)).values({column.name: ""}))
    _delete(connection, what.assets, t.asset.c.id)
    _delete(connection, what.collections, t.collection.c.id)


def _delete(connection: Connection, ids: Iterable[str], *columns: ColumnElement[str]) -> None:
    table = columns[0].table
    for batch in batches(sorted(ids)):
        connection.execute(delete(table).where(or_(*(column.in_(batch) for column in columns))))


def _whole(catalogue: Catalogue, folder: CollectionId) -> tuple[set[CollectionId], set[AssetId]]:
    """A collection with all in and below it, trashed or not; a ring of parents is walked once."""
    folders, todo = {folder}, [folder]
    while todo:
        fresh = set(catalogue.folders_in(todo.pop())) - folders
        folders |= fresh
        todo += fresh
    return folders, {asset for each in folders for asset in catalogue.assets_in(each)}


def folder_path(catalogue: Catalogue, folder: CollectionId) -> str:
    """Where a folder is, trashed or not: `/a/b`. A ring of parents ends where it closes."""
    names: list[str] = []
    seen: set[CollectionId] = set()
    while folder != ROOT and folder not in seen and (row := catalogue.collections.get(folder)) is not None:
        seen.add(folder)
        names.append(row.collection.name)
        folder = row.collection.parent
    return "".join(f"/{name}" for name in reversed(names))


class _Versions:
    """All checkpoints by asset."""

    def __init__(self, connection: Connection) -> None:
        c = tables.asset_checkpoint.c
        self._by: dict[str, list[tuple[CheckpointId, bool, int]]] = {}
        self.sizes: dict[CheckpointId, int] = {}
        statement = select(*map(rows.raw, (c.id, c.asset_id, c.trashed, c.mtime, c.file_size)))
        for id_, asset, trashed, mtime, size in connection.execute(statement):
            if isinstance(id_, str) and isinstance(asset, str):
                self._by.setdefault(asset, []).append((CheckpointId(id_), trashed == 1, rows.whole(mtime)))
                self.sizes[CheckpointId(id_)] = rows.whole(size)

    def of(self, assets: Iterable[AssetId]) -> set[CheckpointId]:
        return {version for asset in assets for version, _, _ in self._by.get(asset, ())}

    def trashed(self, asset: AssetId, before: int) -> list[CheckpointId]:
        return [version for version, trashed, mtime in self._by.get(asset, ()) if trashed and mtime < before]
