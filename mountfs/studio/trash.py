"""The trash: where things wait, visible to nobody, until they are brought back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mountfs.model import ROOT, Asset, AssetId, Collection, CollectionId
from mountfs.names import file_name
from mountfs.storage import tables
from mountfs.studio.catalogue import AssetRow, Catalogue, putting_asset, putting_collection
from mountfs.studio.change import Change, nothing
from mountfs.studio.permissions import Act
from mountfs.studio.siblings import Siblings
from mountfs.studio.widening import widen


@dataclass(frozen=True, slots=True)
class Trash:
    """What a viewer would see again if it were brought back, each thing by itself.

    ``paths`` says where each would be: ``/shots/sh010.blend``, by the names that its folders have now.
    """

    assets: tuple[Asset, ...]
    collections: tuple[Collection, ...]
    paths: Mapping[AssetId | CollectionId, str]


def trash(change: Change, what: AssetId | CollectionId) -> None:
    """Put away an asset, or a collection with all that is in it, of which the actor must see everything.

    Putting away what they have put away already is no error.
    """
    thing = change.thing(what, Act.TRASH_ASSET, Act.TRASH_COLLECTION)
    if thing.trashed:
        return
    if isinstance(thing, AssetRow):
        change.update(tables.asset, what, trashed=True)
    else:
        change.require_seen_whole(thing.collection.id)
        change.update(tables.collection, what, trashed=True)


def trash_asset(change: Change, asset: AssetId) -> None:
    """Put away an asset. NotFound for a collection."""
    if asset not in change.catalogue.assets:
        raise nothing()
    trash(change, asset)


def restore(change: Change, what: AssetId | CollectionId) -> None:
    """Bring a thing back to where it was. NotFound unless the actor would see it then; NameTaken."""
    thing = change.thing(what, Act.RESTORE_ASSET, Act.RESTORE_COLLECTION)
    if not thing.trashed:
        return
    if isinstance(thing, AssetRow):
        Siblings(change).keep(thing.asset.collection, thing.asset.id)
        widen(change, putting_asset(thing._replace(trashed=False)))
        change.update(tables.asset, what, trashed=False)
    else:
        Siblings(change).keep(thing.collection.parent, thing.collection.id)
        widen(change, putting_collection(thing._replace(trashed=False)))
        change.update(tables.collection, what, trashed=False)


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
    paths: dict[AssetId | CollectionId, str] = {}
    for asset in assets:
        paths[asset.id] = f"{_path(catalogue, asset.collection)}/{file_name(asset)}"
    for collection in collections:
        paths[collection.id] = _path(catalogue, collection.id)
    return Trash(
        tuple(sorted(assets, key=lambda asset: (asset.name, asset.extension, asset.id))),
        tuple(sorted(collections, key=lambda collection: (collection.name, collection.id))),
        paths,
    )


def _path(catalogue: Catalogue, folder: CollectionId) -> str:
    """Where a folder is. Whoever may see something in it sees all that is above it."""
    names: list[str] = []
    while folder != ROOT and (row := catalogue.collections.get(folder)) is not None:
        names.append(row.collection.name)
        folder = row.collection.parent
    return "".join(f"/{name}" for name in reversed(names))
