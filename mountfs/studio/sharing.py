"""Shared collections, and what depends on what: the two other ways in which things become visible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from mountfs.errors import NotFound, Refused
from mountfs.model import AssetId, CollectionId
from mountfs.storage import tables
from mountfs.studio import rows
from mountfs.studio.catalogue import needing_asset, needing_folder, putting_collection
from mountfs.studio.change import Change
from mountfs.studio.permissions import Act
from mountfs.studio.widening import Shown, widen


def share(change: Change, collection: CollectionId) -> Shown:
    """Let everybody in the project see a collection and all below it."""
    change.require(Act.SHARE)
    row = change.collection(collection)
    change.require_seen_whole(collection)
    if row.collection.is_shared:
        return Shown()
    shared = replace(row.collection, is_shared=True)
    shown = widen(change, putting_collection(row._replace(collection=shared)))
    change.update(tables.collection, collection, is_shared=True)
    return shown


def unshare(change: Change, collection: CollectionId) -> None:
    """Show a collection only to those with a reason of their own again."""
    change.require(Act.UNSHARE)
    change.collection(collection)
    change.update(tables.collection, collection, is_shared=False)


def depend(change: Change, asset: AssetId, on: AssetId | CollectionId, kind: str) -> Shown:
    """Let an asset depend on another, or on all that is in and below a collection.

    ``kind`` is a dependency type's name; all of them bring what is needed into sight. A dependency that is
    there already changes its type.
    """
    change.require(Act.DEPEND)
    change.asset(asset)
    change.detail |= {"on": on, "type": kind}
    known = change.catalogue
    if on in known.assets:
        change.asset(AssetId(on))
        if on == asset:
            raise Refused("an asset cannot depend on itself")
        table, there = tables.asset_dependency, on in known.asset_needs.get(asset, ())
        supposition = needing_asset(asset, AssetId(on))
    else:
        change.collection(CollectionId(on))
        table, there = tables.collection_dependency, on in known.folder_needs.get(asset, ())
        supposition = needing_folder(asset, CollectionId(on))
    kinds = tables.dependency_type.c
    kind_id = change.connection.execute(select(kinds.id).where(kinds.name == kind)).scalar()
    if kind_id is None:
        known_kinds = ", ".join(dependency_types(change.connection))
        raise NotFound(f"there is no type of dependencies {kind!r}; there are: {known_kinds}")
    if there:
        columns = table.c
        row = change.connection.execute(
            select(columns.id).where(columns.asset_id == asset, columns.dependency_id == on)
        ).scalar_one()
        change.update(table, row, dependency_type_id=kind_id)
        return Shown()
    shown = widen(change, supposition)
    change.connection.execute(
        insert(table).values(
            id=change.new_id(),
            mtime=change.now,
            asset_id=asset,
            dependency_id=on,
            dependency_type_id=kind_id,
        )
    )
    return shown


def undepend(change: Change, asset: AssetId, on: AssetId | CollectionId) -> None:
    """Remove a dependency. It is no error if it is not there."""
    change.require(Act.UNDEPEND)
    change.asset(asset)
    change.detail["on"] = on
    if on in change.catalogue.assets:
        change.asset(AssetId(on))
        table = tables.asset_dependency
    else:
        change.collection(CollectionId(on))
        table = tables.collection_dependency
    change.connection.execute(delete(table).where(table.c.asset_id == asset, table.c.dependency_id == on))


class Dependency(NamedTuple):
    """An asset needs another, or all that is in and below a collection. ``type`` is a dependency type."""

    asset: AssetId
    on: AssetId | CollectionId
    type: str


def dependencies(connection: Connection) -> Iterator[Dependency]:
    """Every dependency of the file, whoever sees its ends. One of an unknown type has an empty one."""
    kinds = tables.dependency_type
    for table in (tables.asset_dependency, tables.collection_dependency):
        columns = table.c
        statement = (
            select(rows.raw(columns.asset_id), rows.raw(columns.dependency_id), rows.raw(kinds.c.name))
            .outerjoin_from(table, kinds, kinds.c.id == columns.dependency_type_id)
            .order_by(columns.id)
        )
        for asset, on, kind in connection.execute(statement):
            if isinstance(asset, str) and isinstance(on, str):
                yield Dependency(AssetId(asset), AssetId(on), kind if isinstance(kind, str) else "")


def dependency_types(connection: Connection) -> list[str]:
    """The names of the types that a dependency can have."""
    columns = tables.dependency_type.c
    return [str(name) for name in connection.execute(select(columns.name).order_by(columns.name)).scalars()]
