"""The trash: where things wait, visible to nobody, until they are brought back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mountfs.model import ROOT, Asset, AssetId, Collection, CollectionId
from mountfs.names import file_name
from mountfs.storage import tables
from mountfs.studio.catalogue import AssetRow, Catalogue, CollectionRow, putting_asset, putting_collection
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
    catalogue, live, regained = change.catalogue, change.reach.live, _Regained(change)
    assets = [
        row.asset
        for row in catalogue.assets.values()
        if row.trashed and row.asset.collection in live and regained.has_asset(row)
    ]
    collections = [
        row.collection
        for row in catalogue.collections.values()
        if row.trashed
        and (row.collection.parent == ROOT or row.collection.parent in live)
        and regained.has_collection(row)
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


class _Regained:
    """What the viewer would see of the trash if it were brought back, each thing by itself.

    The same as supposing it of one thing after the other (`Change.could_see_asset`), but worked out once: a
    thing that comes back is seen for where it is, whose it is, or what is seen already and needs it.
    """

    def __init__(self, change: Change) -> None:
        self._catalogue = catalogue = change.catalogue
        self._user = user = change.viewer.person.id
        self._sees_all = change.viewer.owner or change.administration
        self._whole = change.sight.whole
        self._mine = catalogue.assigned_folders.get(user, set())
        found = change.reach.needed(user)
        self._needed = {need for asset in found for need in catalogue.asset_needs.get(asset, ())}
        self._folders = {folder for asset in found for folder in catalogue.folder_needs.get(asset, ())}
        self._opened = {below for folder in self._folders for below in change.reach.subtree(folder)}

    def has_asset(self, row: AssetRow) -> bool:
        """Whether an asset in a live collection would be seen."""
        place = row.asset.collection
        return self._sees_all or place in self._whole or place in self._opened or self._is_for_them(row)

    def has_collection(self, row: CollectionRow) -> bool:
        """Whether a collection in a live one would be: for itself, or for something in or below it."""
        if self._sees_all or row.collection.parent in self._whole:
            return True
        catalogue = self._catalogue
        todo = [(row.collection.id, row.collection.parent in self._opened)]
        while todo:
            folder, is_opened = todo.pop()
            is_opened = is_opened or folder in self._folders
            if folder in self._mine or catalogue.collections[folder].collection.is_shared:
                return True
            there = (catalogue.assets[asset] for asset in catalogue.assets_in(folder))
            if any(is_opened or self._is_for_them(each) for each in there if not each.trashed):
                return True
            below = catalogue.folders_in(folder)
            todo += [(each, is_opened) for each in below if not catalogue.collections[each].trashed]
        return False

    def _is_for_them(self, row: AssetRow) -> bool:
        return row.asset.assignee == self._user or row.asset.id in self._needed


def _path(catalogue: Catalogue, folder: CollectionId) -> str:
    """Where a folder is. Whoever may see something in it sees all that is above it."""
    names: list[str] = []
    while folder != ROOT and (row := catalogue.collections.get(folder)) is not None:
        names.append(row.collection.name)
        folder = row.collection.parent
    return "".join(f"/{name}" for name in reversed(names))
