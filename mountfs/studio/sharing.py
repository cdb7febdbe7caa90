"""Shared collections, and what depends on what: the two other ways in which things become visible."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, insert, select

from mountfs.errors import Refused
from mountfs.model import AssetId, CollectionId
from mountfs.storage import tables
from mountfs.studio.catalogue import needing_asset, needing_folder, putting_collection
from mountfs.studio.change import Change, nothing
from mountfs.studio.permissions import Act
from mountfs.studio.widening import widen


def share(change: Change, collection: CollectionId) -> None:
    """Let everybody in the project see a collection and all below it."""
    change.require(Act.SHARE)
    row = change.collection(collection)
    change.require_seen_whole(collection)
    if row.collection.is_shared:
        return
    widen(change, putting_collection(row._replace(collection=replace(row.collection, is_shared=True))))
    change.update(tables.collection, collection, is_shared=True)


def unshare(change: Change, collection: CollectionId) -> None:
    """Show a collection only to those with a reason of their own again."""
    change.require(Act.UNSHARE)
    change.collection(collection)
    change.update(tables.collection, collection, is_shared=False)


def depend(change: Change, asset: AssetId, on: AssetId | CollectionId, kind: str) -> None:
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
        raise nothing()
    if there:
        columns = table.c
        row = change.connection.execute(
            select(columns.id).where(columns.asset_id == asset, columns.dependency_id == on)
        ).scalar_one()
        change.update(table, row, dependency_type_id=kind_id)
        return
    widen(change, supposition)
    change.connection.execute(
        insert(table).values(
            id=change.new_id(),
            mtime=change.now,
            asset_id=asset,
            dependency_id=on,
            dependency_type_id=kind_id,
        )
    )


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
