"""The trash: where things wait, visible to nobody, until they are brought back."""

from __future__ import annotations

from dataclasses import dataclass

from mountfs.model import ROOT, Asset, AssetId, Collection, CollectionId
from mountfs.storage import tables
from mountfs.studio.catalogue import AssetRow, CollectionRow, putting_asset, putting_collection
from mountfs.studio.change import Change, nothing
from mountfs.studio.permissions import Act
from mountfs.studio.siblings import Siblings
from mountfs.studio.widening import widen


@dataclass(frozen=True, slots=True)
class Trash:
    """What a viewer would see again if it were brought back, each thing by itself."""

    assets: tuple[Asset, ...]
    collections: tuple[Collection, ...]


def trash(change: Change, what: AssetId | CollectionId) -> None:
    """Put away an asset, or a collection with all that is in it, of which the actor must see everything.

    Putting away what they have put away already is no error.
    """
    catalogue = change.catalogue
    if what in catalogue.assets:
        change.require(Act.TRASH_ASSET)
        asset = catalogue.assets[AssetId(what)]
        if asset.trashed and change.could_see_asset(asset):
            return
        change.asset(AssetId(what))
        change.update(tables.asset, what, trashed=True)
        return
    change.require(Act.TRASH_COLLECTION)
    row = catalogue.collections.get(CollectionId(what))
    if row is not None and row.trashed and change.could_see_collection(row):
        return
    change.collection(CollectionId(what))
    change.require_seen_whole(CollectionId(what))
    change.update(tables.collection, what, trashed=True)


def restore(change: Change, what: AssetId | CollectionId) -> None:
    """Bring a thing back to where it was. NotFound unless the actor would see it then; NameTaken."""
    catalogue = change.catalogue
    if what in catalogue.assets:
        change.require(Act.RESTORE_ASSET)
        _restore_asset(change, catalogue.assets[AssetId(what)])
    else:
        change.require(Act.RESTORE_COLLECTION)
        row = catalogue.collections.get(CollectionId(what))
        if row is None:
            raise nothing()
        _restore_collection(change, row)


def _restore_asset(change: Change, row: AssetRow) -> None:
    asset = row.asset
    if not row.trashed:
        change.asset(asset.id)
        return
    if not change.could_see_asset(row):
        raise nothing()
    Siblings(change).keep(asset.collection, asset.id)
    widen(change, putting_asset(row._replace(trashed=False)))
    change.update(tables.asset, asset.id, trashed=False)


def _restore_collection(change: Change, row: CollectionRow) -> None:
    collection = row.collection
    if not row.trashed:
        change.collection(collection.id)
        return
    if not change.could_see_collection(row):
        raise nothing()
    Siblings(change).keep(collection.parent, collection.id)
    widen(change, putting_collection(row._replace(trashed=False)))
    change.update(tables.collection, collection.id, trashed=False)


def listing(change: Change) -> Trash:
    """What the viewer could bring back as far as sight goes, by name."""
    catalogue, live = change.catalogue, change.reach.live
    assets = [
        row.asset
        for row in catalogue.assets.values()
        if row.trashed and row.asset.collection in live and change.could_see_asset(row)
    ]
    collections = [
        row.collection
        for row in catalogue.collections.values()
        if row.trashed
        and (row.collection.parent == ROOT or row.collection.parent in live)
        and change.could_see_collection(row)
    ]
    return Trash(
        tuple(sorted(assets, key=lambda asset: (asset.name, asset.extension, asset.id))),
        tuple(sorted(collections, key=lambda collection: (collection.name, collection.id))),
    )
