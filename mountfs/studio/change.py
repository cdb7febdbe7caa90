"""One writing transaction of one viewer: what the rules stand on while they check and write.

The write lock is held and the catalogue is the file's last word, so whatever is checked still holds when the
transaction commits. What is written here is not in the catalogue until it has.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, Table, update

from mountfs.errors import BeyondSight, LimitExceeded, NameInvalid, NotFound, Refused
from mountfs.model import ROOT, AssetId, CollectionId, UserId, Viewer
from mountfs.studio.catalogue import (
    AssetRow,
    Catalogue,
    CollectionRow,
    Member,
    putting_asset,
    putting_collection,
)
from mountfs.studio.limits import USUAL, Limits
from mountfs.studio.permissions import Act, require
from mountfs.studio.visibility import Reach, Sight


def nothing() -> NotFound:
    """The one answer to whoever asks for what is not there, or not for them."""
    return NotFound("there is nothing like that here")


MAX_DEPTH = 200
"""Folders in folders: as many as any path that a system call takes could name, or so."""

_NEW_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}")


def require_new_id(id_: str) -> None:
    """NameInvalid for an id that no new thing may have. Whoever makes something chooses its id, and everybody
    who sees it gets it: in addresses, keys and lists."""
    if _NEW_ID.fullmatch(id_) is None:
        raise NameInvalid("an id has letters, digits, - and _, at most 128 of them")


@dataclass(slots=True)
class Change:
    """``now`` is in Unix seconds. ``administration`` is set by commands that may reach beyond the actor's
    sight; the rights needed are the same. ``detail`` goes into the audit."""

    connection: Connection
    catalogue: Catalogue
    reach: Reach
    viewer: Viewer
    sight: Sight
    now: int
    new_id: Callable[[], str]
    administration: bool = False
    limits: Limits = USUAL
    detail: dict[str, object] = field(default_factory=dict)

    def require(self, act: Act) -> None:
        """NotPermitted unless the actor's role allows the act."""
        require(self.viewer, act)

    def asset(self, asset: AssetId) -> AssetRow:
        """A visible asset's row; for administration any live one's. NotFound."""
        row = self.catalogue.assets.get(asset)
        if row is None or not self._sees_asset(row):
            raise nothing()
        return row

    def collection(self, collection: CollectionId) -> CollectionRow:
        """A visible collection's row; for administration any live one's. NotFound; the root has none."""
        row = self.catalogue.collections.get(collection)
        if row is None or not self._sees_collection(row):
            raise nothing()
        return row

    def thing(
        self, what: AssetId | CollectionId, of_asset: Act, of_collection: Act
    ) -> AssetRow | CollectionRow:
        """A visible asset's or collection's row, or that of one in the trash which the actor would see if
        it were restored; NotFound. Then NotPermitted, by what it is.

        In this order, or the right that is missing would tell of what kind a hidden thing is. For
        administration it is the other way around: without both rights, nothing is told of what is missing.
        """
        asset = self.catalogue.assets.get(AssetId(what))
        if asset is not None and (self._sees_asset(asset) or (asset.trashed and self.could_see_asset(asset))):
            self.require(of_asset)
            return asset
        folder = self.catalogue.collections.get(CollectionId(what))
        if folder is not None and (
            self._sees_collection(folder) or (folder.trashed and self.could_see_collection(folder))
        ):
            self.require(of_collection)
            return folder
        if self.administration:
            self.require(of_asset)
            self.require(of_collection)
        raise nothing()

    def _sees_asset(self, row: AssetRow) -> bool:
        id_ = row.asset.id
        return id_ in self.sight.assets or (self.administration and self.reach.is_live(id_))

    def _sees_collection(self, row: CollectionRow) -> bool:
        id_ = row.collection.id
        return id_ in self.sight.collections or (self.administration and id_ in self.reach.live)

    def require_folder(self, collection: CollectionId) -> None:
        """NotFound unless this is the root or a visible collection."""
        if collection != ROOT:
            self.collection(collection)

    def require_new_id(self, id_: str) -> None:
        """NameInvalid for an id that no new asset or collection may have, Refused for one that either has:
        whoever names a thing by its id must mean one. LimitExceeded when there are as many as a project of a
        studio may have."""
        require_new_id(id_)
        if id_ in self.catalogue.assets or id_ in self.catalogue.collections:
            raise Refused("this id is in use")
        count = len(self.catalogue.assets) + len(self.catalogue.collections)
        if count >= self.limits.tree_rows and not self.viewer.owner:
            raise LimitExceeded("the project has as many files and folders as it may have")

    def require_depth(self, parent: CollectionId, moved: CollectionId | None = None) -> None:
        """NameInvalid when a folder in this one, or one that is moved there with all that is in it, would be
        deeper than any path can be."""
        rows = self.catalogue.collections
        above, at = 0, parent
        while at != ROOT and at in rows and above <= MAX_DEPTH:
            above, at = above + 1, rows[at].collection.parent
        below, level = 1, [moved] if moved is not None else []
        while level and above + below <= MAX_DEPTH:
            level = [each for folder in level for each in self.catalogue.folders_in(folder)]
            below += bool(level)
        if above + below > MAX_DEPTH:
            raise NameInvalid(f"folders go {MAX_DEPTH} deep at most")

    def require_seen_whole(self, collection: CollectionId) -> None:
        """BeyondSight when there is something in or below the collection that the actor does not see."""
        if self.administration:
            return
        if not (
            self.reach.subtree(collection) <= self.sight.collections
            and self.reach.assets_below(collection) <= self.sight.assets
        ):
            raise BeyondSight("not everything in this folder is yours to change")

    def member(self, user: UserId) -> Member:
        """Somebody of the project. NotFound."""
        try:
            return self.catalogue.members[user]
        except KeyError:
            raise nothing() from None

    def could_see_asset(self, row: AssetRow) -> bool:
        """Whether the actor would see a trashed asset if it were restored."""
        with self.catalogue.supposing(putting_asset(row._replace(trashed=False))) as restored:
            return row.asset.id in self._sight_of(Reach(restored)).assets

    def could_see_collection(self, row: CollectionRow) -> bool:
        """Whether the actor would see a trashed collection if it were restored."""
        with self.catalogue.supposing(putting_collection(row._replace(trashed=False))) as restored:
            return row.collection.id in self._sight_of(Reach(restored)).collections

    def _sight_of(self, reach: Reach) -> Sight:
        if self.viewer.owner or self.administration:
            return reach.everything()
        return reach.sight(self.viewer.person.id)

    def update(self, table: Table, id_: str, **values: object) -> None:
        """Change a row of a table with ids, and mark it as changed."""
        self.connection.execute(
            update(table).where(table.c.id == id_).values(mtime=self.now, synced=False, **values)
        )
