"""The project's metadata in memory: every row that a rule asks about, and the indexes the rules walk along.

Nothing here is about a viewer: the values (`Asset`, `Collection`, `Person`) are shared by all of them, and a
row that did not change stays the same object, so that two trees are compared by identity. Nothing here reads
a database either: `reading` fills a catalogue and keeps it current.

There is no history: of an asset's checkpoints only the head is kept, and where the others lie in their table
(`Versions.rows`), because the format has no index from an asset to its checkpoints.

Not thread-safe: whoever holds a catalogue holds the reader's lock.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from mountfs.model import (
    NOBODY,
    Asset,
    AssetId,
    Checkpoint,
    Collection,
    CollectionId,
    Person,
    Role,
    RoleId,
    UserId,
)


class CollectionRow(NamedTuple):
    """A collection, and whether it is itself marked as trashed (what is below it is not marked)."""

    collection: Collection
    trashed: bool


class AssetRow(NamedTuple):
    """An asset, whether it is marked as trashed, and the ``mtime`` its row carries."""

    asset: Asset
    trashed: bool
    mtime: int


class Versions(NamedTuple):
    """What is known of all checkpoints of one asset, trashed ones included.

    ``rows`` are their places in the table, oldest first: a checkpoint's number is its position there.
    ``mtimes`` is the sum of their ``mtime``, by which a change is noticed.
    """

    rows: tuple[int, ...]
    last_at: int
    mtimes: int
    trashed: int
    authors: tuple[UserId, ...]
    head: Checkpoint | None


NO_VERSIONS = Versions((), 0, 0, 0, (), None)


class Member(NamedTuple):
    """A person of the project, and their role."""

    person: Person
    role: RoleId


_REMEMBERED = 10_000
"""Changes of assets that are remembered, for views that were drawn before them."""


@dataclass(slots=True)
class Catalogue:
    """All rows, trashed ones too, and the indexes over them.

    ``asset_needs`` and ``folder_needs`` are the dependencies: asset → assets, asset → collections.
    ``assigned_folders`` are the collections assigned to each user. ``generation`` counts the changes;
    ``shape`` is that of the last one that could have shown anybody something else than before: after others,
    who sees what is as it was.
    """

    collections: dict[CollectionId, CollectionRow] = field(default_factory=dict)
    assets: dict[AssetId, AssetRow] = field(default_factory=dict)
    versions: dict[AssetId, Versions] = field(default_factory=dict)
    members: dict[UserId, Member] = field(default_factory=dict)
    roles: dict[RoleId, Role] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    asset_needs: dict[AssetId, set[AssetId]] = field(default_factory=dict)
    folder_needs: dict[AssetId, set[CollectionId]] = field(default_factory=dict)
    assigned_folders: dict[UserId, set[CollectionId]] = field(default_factory=dict)
    generation: int = 0
    shape: int = 0
    _touched: deque[AssetId] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    _assets_in: defaultdict[CollectionId, dict[AssetId, None]] = field(
        default_factory=lambda: defaultdict(dict)  # as a set, and half as large
    )
    _folders_in: defaultdict[CollectionId, set[CollectionId]] = field(
        default_factory=lambda: defaultdict(set)
    )
    _assigned: defaultdict[UserId, set[AssetId]] = field(default_factory=lambda: defaultdict(set))

    def reshaped(self) -> None:
        """Something has changed that who sees what may depend on."""
        self.generation += 1
        self.shape = self.generation

    def touched(self, asset: AssetId) -> None:
        """An asset's content or name has changed, and nothing that who sees what depends on."""
        self.generation += 1
        self._touched.append(asset)

    def touched_since(self, generation: int) -> set[AssetId] | None:
        """Which assets have changed since a generation of the same shape; None if that is too long ago."""
        count = self.generation - generation
        if count > len(self._touched):
            return None
        return set(islice(reversed(self._touched), count))

    def assets_in(self, collection: CollectionId) -> Iterable[AssetId]:
        """The assets directly in a collection, trashed ones too."""
        return self._assets_in.get(collection, ())

    def folders_in(self, collection: CollectionId) -> Iterable[CollectionId]:
        """The collections directly in a collection, trashed ones too."""
        return self._folders_in.get(collection, ())

    def assigned_assets(self, user: UserId) -> Iterable[AssetId]:
        """The assets whose assignee is this user, trashed ones too."""
        return self._assigned.get(user, ())

    def versions_of(self, asset: AssetId) -> Versions:
        """What is known of an asset's checkpoints."""
        return self.versions.get(asset, NO_VERSIONS)

    def put_asset(self, row: AssetRow) -> None:
        """Take over an asset's row, new or changed."""
        asset = row.asset
        before = self.assets.get(asset.id)
        if before is not None and (before.asset.collection, before.asset.assignee) != (
            asset.collection,
            asset.assignee,
        ):
            self._unlist(before.asset)
            before = None
        self.assets[asset.id] = row
        if before is None:
            self._assets_in[asset.collection][asset.id] = None
            if asset.assignee != NOBODY:
                self._assigned[asset.assignee].add(asset.id)

    def drop_asset(self, asset: AssetId) -> None:
        """Forget an asset whose row is gone."""
        row = self.assets.pop(asset, None)
        if row is not None:
            self._unlist(row.asset)

    def put_collection(self, row: CollectionRow) -> None:
        """Take over a collection's row, new or changed."""
        collection = row.collection
        before = self.collections.get(collection.id)
        if before is not None and before.collection.parent != collection.parent:
            self._folders_in[before.collection.parent].discard(collection.id)
        self.collections[collection.id] = row
        self._folders_in[collection.parent].add(collection.id)

    def drop_collection(self, collection: CollectionId) -> None:
        """Forget a collection whose row is gone."""
        row = self.collections.pop(collection, None)
        if row is not None:
            self._folders_in[row.collection.parent].discard(collection)

    def _unlist(self, asset: Asset) -> None:
        self._assets_in[asset.collection].pop(asset.id, None)
        self._assigned[asset.assignee].discard(asset.id)

    @contextmanager
    def supposing(self, change: Callable[[Catalogue], Callable[[], None]]) -> Iterator[Catalogue]:
        """The catalogue as it would be after a change, for as long as the block lasts.

        ``change`` makes it and returns what takes it back (see `putting_asset` and the like).
        """
        undo = change(self)
        try:
            yield self
        finally:
            undo()


def putting_asset(row: AssetRow) -> Callable[[Catalogue], Callable[[], None]]:
    """A supposition: an existing asset's row were this one."""

    def change(catalogue: Catalogue) -> Callable[[], None]:
        before = catalogue.assets[row.asset.id]
        catalogue.put_asset(row)
        return lambda: catalogue.put_asset(before)

    return change


def putting_collection(row: CollectionRow) -> Callable[[Catalogue], Callable[[], None]]:
    """A supposition: an existing collection's row were this one."""

    def change(catalogue: Catalogue) -> Callable[[], None]:
        before = catalogue.collections[row.collection.id]
        catalogue.put_collection(row)
        return lambda: catalogue.put_collection(before)

    return change


def assigning_folder(collection: CollectionId, user: UserId) -> Callable[[Catalogue], Callable[[], None]]:
    """A supposition: a collection were assigned to a user (to whom it is not assigned)."""

    def change(catalogue: Catalogue) -> Callable[[], None]:
        folders = catalogue.assigned_folders.setdefault(user, set())
        folders.add(collection)
        return lambda: folders.discard(collection)

    return change


def needing_asset(asset: AssetId, other: AssetId) -> Callable[[Catalogue], Callable[[], None]]:
    """A supposition: an asset depended on another (on which it does not)."""

    def change(catalogue: Catalogue) -> Callable[[], None]:
        needs = catalogue.asset_needs.setdefault(asset, set())
        needs.add(other)
        return lambda: needs.discard(other)

    return change


def needing_folder(asset: AssetId, collection: CollectionId) -> Callable[[Catalogue], Callable[[], None]]:
    """A supposition: an asset depended on a collection (on which it does not)."""

    def change(catalogue: Catalogue) -> Callable[[], None]:
        needs = catalogue.folder_needs.setdefault(asset, set())
        needs.add(collection)
        return lambda: needs.discard(collection)

    return change
