"""What the viewer sees, indexed by folder: a tree from the studio, kept up to date by its changes.

All questions are answered from memory. That is what lets a listing, a failed look-up and `stat` never wait
for a network or a database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import replace

from mountfs.model import ROOT, Asset, AssetId, Changes, Collection, CollectionId, Person, Tree, UserId
from mountfs.rights import may_add, may_checkpoint


class Catalogue:
    """The visible assets and collections, and which folder each is in."""

    def __init__(self, tree: Tree) -> None:
        self.viewer = tree.viewer
        self.cursor = tree.cursor
        self.assets: dict[AssetId, Asset] = dict(tree.assets)
        self.collections: dict[CollectionId, Collection] = dict(tree.collections)
        self.others_touched: set[CollectionId] = set()
        """Folders of which the last changes left all names as they were, but perhaps not the attributes."""
        self.is_behind = False
        """Whether the last news did not know yet of something that this mount did itself."""
        self._own_assets: dict[AssetId, Asset | None] = {}
        self._own_collections: dict[CollectionId, Collection | None] = {}
        """What the studio did for this mount since news was last asked for; None: it is in the trash."""
        self._asked: set[AssetId | CollectionId] = set()
        """Those of them that the news which is asked for now has to know."""
        self.unwanted: set[CollectionId] = set()
        """Folders that were removed while the studio made them, and are on their way into the trash."""
        self._people: dict[UserId, Person] = dict(tree.people)
        self._assets_in: defaultdict[CollectionId, set[AssetId]] = defaultdict(set)
        self._folders_in: defaultdict[CollectionId, set[CollectionId]] = defaultdict(set)
        for asset in self.assets.values():
            self._assets_in[asset.collection].add(asset.id)
        for collection in self.collections.values():
            self._folders_in[collection.parent].add(collection.id)

    def knows(self, collection: CollectionId) -> bool:
        """Whether the folder exists for the viewer; the root always does."""
        return collection == ROOT or collection in self.collections

    def assets_in(self, collection: CollectionId) -> Iterable[Asset]:
        """The visible assets directly in a folder, in no order."""
        return (self.assets[asset] for asset in self._assets_in.get(collection, ()))

    def folders_in(self, collection: CollectionId) -> Iterable[Collection]:
        """The visible collections directly in a folder, in no order."""
        return (self.collections[folder] for folder in self._folders_in.get(collection, ()))

    def folder_count(self, collection: CollectionId) -> int:
        """How many visible collections are directly in a folder."""
        return len(self._folders_in.get(collection, ()))

    def may_write_in(self, collection: CollectionId) -> bool:
        """Whether the viewer may add to the folder, or sees an asset in it that they may checkpoint."""
        viewer = self.viewer
        return may_add(viewer) or any(may_checkpoint(viewer, asset) for asset in self.assets_in(collection))

    def username(self, user: UserId) -> str:
        """The short name of a person; their id if the viewer does not know them, empty for nobody."""
        person = self._people.get(user)
        return person.username if person else str(user)

    def apply(self, changes: Changes) -> set[CollectionId]:
        """Take over changes; the folders whose listing may be different now, and see `others_touched`."""
        touched: set[CollectionId] = set()
        self.others_touched = set()
        for asset_id in changes.gone_assets:
            touched |= self._remove_asset(asset_id)
        for collection_id in changes.gone_collections:
            touched |= self._remove_collection(collection_id)
        for collection in changes.collections:
            touched |= self._remove_collection(collection.id)
            touched |= {collection.id, collection.parent}
            self.collections[collection.id] = collection
            self._folders_in[collection.parent].add(collection.id)
        for asset in changes.assets:
            before = self.assets.get(asset.id)
            if before is not None and _is_shown_alike(before, asset):  # as is what was sent from here
                self.assets[asset.id] = asset
                self.others_touched.add(asset.collection)
                continue
            touched |= self._remove_asset(asset.id)
            touched.add(asset.collection)
            self.assets[asset.id] = asset
            self._assets_in[asset.collection].add(asset.id)
        self._people.update({person.id: person for person in changes.people})
        if changes.viewer is not None:
            self.viewer = changes.viewer
            touched.update(self.collections, {ROOT})
        self.cursor = changes.cursor
        return touched

    # What the studio does for this mount shows before its news comes, and though older news come first

    def show_asset(self, asset: Asset) -> None:
        """A file is like this now."""
        self._own_assets[asset.id] = asset
        self._asked.discard(asset.id)
        self.apply(Changes(self.cursor, assets=(asset,)))

    def show_collection(self, collection: Collection) -> None:
        """A folder is like this now."""
        self._own_collections[collection.id] = collection
        self._asked.discard(collection.id)
        self.apply(Changes(self.cursor, collections=(collection,)))

    def forget_asset(self, asset: AssetId) -> None:
        """A file has gone to the trash. (What was made a moment ago may never have been news.)"""
        if self._remove_asset(asset):  # else the news of it was quicker
            self._own_assets[asset] = None
            self._asked.discard(asset)

    def forget_collection(self, collection: CollectionId) -> None:
        """A folder has gone to the trash."""
        if self._remove_collection(collection):
            self._own_collections[collection] = None
            self._asked.discard(collection)

    def move_collection(self, collection: CollectionId, name: str, parent: CollectionId) -> None:
        """A folder has another name or place."""
        before = self.collections.get(collection)
        if before is not None and (before.name, before.parent) != (name, parent):
            self.show_collection(replace(before, name=name, parent=parent))

    def ask(self) -> bool:
        """News is asked for now: what the studio did before is in the answer, or was undone by somebody. True
        if there is anything like that.
        """
        self._asked |= {*self._own_assets, *self._own_collections}
        return bool(self._asked)

    @property
    def awaits_news(self) -> bool:
        """Whether the studio did something for this mount that was in no news yet."""
        return bool(self._own_assets or self._own_collections)

    def overtake(self, told: Set[AssetId | CollectionId]) -> set[CollectionId]:
        """Put in again what news that was just taken over did not know of; the folders concerned, and see
        `is_behind`: whether only the studio can say what is true by now. ``told``: what the news was about.
        """
        assets: list[Asset] = []
        collections: list[Collection] = []
        gone_assets: list[AssetId] = []
        gone_collections: list[CollectionId] = []
        self.is_behind = not self._asked <= told
        self._forget_own(self._asked)
        for asset_id, asset in self._own_assets.items():
            known = self.assets.get(asset_id)
            if asset is None:
                gone_assets += [asset_id] if known is not None else []
            elif known is None or known.number < asset.number:
                assets.append(replace(known, head=asset.head) if known is not None else asset)
        for collection_id, own in self._own_collections.items():
            there = self.collections.get(collection_id)
            if own is None:
                gone_collections += [collection_id] if there is not None else []
            elif there is None or (there.name, there.parent) != (own.name, own.parent):
                collections.append(own)
        news = Changes(
            self.cursor, tuple(assets), tuple(collections), tuple(gone_assets), tuple(gone_collections)
        )
        self.is_behind = self.is_behind or bool(news)
        if not news:
            self._forget_own(told)
        unwanted = [each for each in self.unwanted if each in self.collections]
        news = replace(news, gone_collections=(*gone_collections, *unwanted))
        if not news:
            return set()
        others = self.others_touched
        touched = self.apply(news)
        self.others_touched |= others
        return touched

    def _forget_own(self, ids: Set[AssetId | CollectionId]) -> None:
        for each in list(ids):
            self._own_assets.pop(AssetId(each), None)
            self._own_collections.pop(CollectionId(each), None)
            self._asked.discard(each)

    def keep_own(self, before: Catalogue) -> None:
        """Take over from a catalogue that this one replaces what is not in the answer."""
        self.unwanted = before.unwanted
        self._own_assets, self._own_collections = before._own_assets, before._own_collections  # one of us
        self._forget_own(before._asked)  # as above
        self.overtake(set())

    def _remove_asset(self, asset_id: AssetId) -> set[CollectionId]:
        asset = self.assets.pop(asset_id, None)
        if asset is None:
            return set()
        self._assets_in[asset.collection].discard(asset_id)
        return {asset.collection}

    def _remove_collection(self, collection_id: CollectionId) -> set[CollectionId]:
        collection = self.collections.pop(collection_id, None)
        if collection is None:
            return set()
        self._folders_in[collection.parent].discard(collection_id)
        return {collection_id, collection.parent}


def _is_shown_alike(before: Asset, now: Asset) -> bool:
    """Whether an asset has the same name and the same content, and is as old."""
    return (
        before.head == now.head
        and (before.name, before.extension, before.collection) == (now.name, now.extension, now.collection)
        and (before.is_link, before.pointer, before.created_at) == (now.is_link, now.pointer, now.created_at)
    )
