"""Who sees what: the one rule, applied to a catalogue. Pure: no database, no clock, no roles.

``needed`` is everything assigned to the user (assets, and assets in or below an assigned collection) and all
that these depend on, transitively; a dependency on a collection brings the assets in and below it. A user
sees what they need, and what is in or below a shared collection; being shared pulls in no dependencies.

Trashed things and all below a trashed collection are invisible and pull nothing in. So is whatever the root
does not reach: an asset in a missing collection, or collections that are each other's parents, which other
programs' files may contain.

The owner of a project sees all that is not trashed.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from mountfs.model import ROOT, AssetId, CollectionId, UserId
from mountfs.studio.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Sight:
    """What one viewer sees.

    ``collections`` contains the ancestors of what is visible, of which only what is visible in them shows;
    ``whole`` are those in which everything is visible: shared or assigned ones and all below these.
    """

    assets: AbstractSet[AssetId]
    collections: AbstractSet[CollectionId]
    whole: AbstractSet[CollectionId]

    def has_collection(self, collection: CollectionId) -> bool:
        """Whether the collection is visible, if only by its name; the root always is."""
        return collection == ROOT or collection in self.collections


BLIND = Sight(frozenset(), frozenset(), frozenset())
"""The sight of somebody who is not (or no longer) in the project."""


class Reach:
    """What can be reached in one state of a catalogue, whoever looks; then, one user's part of it.

    Good until the catalogue changes. ``live`` are the collections that the root reaches without a trashed one
    between, the root itself among them; ``shared`` those of them that are shared or below a shared one.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.live: set[CollectionId] = {ROOT}
        self._descend([ROOT], self.live)
        self.shared: set[CollectionId] = set()
        self._open(
            [
                collection
                for collection in self.live
                if collection != ROOT and catalogue.collections[collection].collection.is_shared
            ],
            self.shared,
        )
        self.shared_assets = {asset for folder in self.shared for asset in self._assets_in(folder)}

    def is_live(self, asset: AssetId) -> bool:
        """Whether the asset exists, is not trashed, and neither is anything above it."""
        row = self._catalogue.assets.get(asset)
        return row is not None and not row.trashed and row.asset.collection in self.live

    def everything(self) -> Sight:
        """The owner's sight."""
        assets = {asset for folder in self.live for asset in self._assets_in(folder)}
        folders = self.live - {ROOT}
        return Sight(assets, folders, folders)

    def sight(self, user: UserId) -> Sight:
        """A user's sight."""
        assigned = self._assigned_folders(user)
        needed = self.needed(user)
        assets = self.shared_assets if needed <= self.shared_assets else needed | self.shared_assets
        whole = self.shared | assigned
        collections = set(whole)
        rows = self._catalogue.collections
        collections_of = {self._catalogue.assets[asset].asset.collection for asset in assets}
        for folder in [*whole, *collections_of]:
            collections.add(folder)
            while folder != ROOT and (folder := rows[folder].collection.parent) not in collections:
                collections.add(folder)
        return Sight(assets, collections - {ROOT}, whole)

    def needed(self, user: UserId) -> set[AssetId]:
        """What a user's assignments show them, without what is merely shared."""
        catalogue = self._catalogue
        found = {asset for asset in catalogue.assigned_assets(user) if self.is_live(asset)}
        opened = self._assigned_folders(user)
        for folder in opened:
            found.update(self._assets_in(folder))
        self._follow(found, opened, None)
        return found

    def with_needs(self, assets: Iterable[AssetId], sight: Sight) -> set[AssetId]:
        """Assets in a sight, and all that they need, as far as the sight has it: through what is out of it
        nothing is found."""
        found = set(assets)
        self._follow(found, set(), sight)
        return found

    def _follow(self, found: set[AssetId], opened: set[CollectionId], sight: Sight | None) -> None:
        """Add to ``found`` what it depends on, transitively. ``opened`` are whole collections that are in it
        already; ``sight`` bounds it."""
        catalogue = self._catalogue
        todo = list(found)
        while todo:
            asset = todo.pop()
            fresh = {need for need in catalogue.asset_needs.get(asset, ()) if self.is_live(need)}
            folders = catalogue.folder_needs.get(asset, set())
            if sight is not None:
                folders = folders & sight.collections
            for folder in self._open(folders, opened):
                fresh.update(self._assets_in(folder))
            if sight is not None:
                fresh &= sight.assets
            fresh -= found
            found |= fresh
            todo.extend(fresh)

    def subtree(self, collection: CollectionId) -> set[CollectionId]:
        """The collection and all live ones below it; nothing if it is not live itself."""
        found: set[CollectionId] = set()
        self._open([collection], found)
        return found

    def assets_below(self, collection: CollectionId) -> set[AssetId]:
        """The live assets in and below a collection."""
        return {asset for folder in self.subtree(collection) for asset in self._assets_in(folder)}

    def _assigned_folders(self, user: UserId) -> set[CollectionId]:
        found: set[CollectionId] = set()
        self._open(self._catalogue.assigned_folders.get(user, ()), found)
        return found

    def _assets_in(self, folder: CollectionId) -> Iterable[AssetId]:
        assets = self._catalogue.assets
        return (asset for asset in self._catalogue.assets_in(folder) if not assets[asset].trashed)

    def _open(self, tops: Iterable[CollectionId], opened: set[CollectionId]) -> list[CollectionId]:
        """Add whole live subtrees to ``opened``, itself made of such; what was not in it before."""
        fresh = [top for top in tops if top != ROOT and top in self.live and top not in opened]
        opened.update(fresh)
        return fresh + self._descend(fresh, opened)

    def _descend(self, tops: Iterable[CollectionId], known: set[CollectionId]) -> list[CollectionId]:
        """Add what is below ``tops`` and not trashed to ``known``, each collection once; what was added."""
        rows = self._catalogue.collections
        added: list[CollectionId] = []
        todo = list(tops)
        while todo:
            for folder in self._catalogue.folders_in(todo.pop()):
                if folder not in known and not rows[folder].trashed:
                    known.add(folder)
                    added.append(folder)
                    todo.append(folder)
        return added
