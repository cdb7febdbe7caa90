"""Keeps a catalogue equal to the project file, whoever writes the file.

`CatalogueReader.catch_up` costs one look at a counter while nobody commits. After a commit:

1. *Quick look.* Each table has a *signature* (how many rows, their highest number, sums of their mtimes and
   flags). Of the two big ones, assets and checkpoints, rows are read that carry a recent mtime or are
   new. Of the others, those are read again whose signature has changed, that have such rows, or from which
   a row was deleted.
2. The signature that follows from what is now in memory must be the file's. If it is not, somebody deleted
   rows or wrote some with old mtimes, as a synchronisation with a server does:
3. *Full look.* Everything is read again and compared; what is equal stays the same object.

A commit that left no trace in any signature, or any commit in a project that is read in a blink, gets the
full look too: so a change that does not even touch an mtime is seen, except in a large project within a
commit of other changes, and then with the next full look.

`lock` protects the catalogue; it is taken after the database's write lock, never before.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Table, or_, select

from mountfs.model import Asset, AssetId, CollectionId, UserId
from mountfs.storage import tables
from mountfs.storage.batches import batches
from mountfs.storage.database import Database
from mountfs.studio import rows
from mountfs.studio.catalogue import AssetRow, Catalogue, CollectionRow, Versions
from mountfs.studio.signatures import NOTHING, SMALL, WATCHED, Signature, Totals, read_signatures
from mountfs.studio.visibility import Reach

SLACK = 5
"""Seconds by which a row's mtime may lag behind the moment of its commit and still be found quickly."""

BLINK = 0.03
"""Seconds: a project that a full look reads in this time gets one after every commit."""


class CatalogueReader:
    """A catalogue over an open project file, current as of the last `catch_up`.

    ``clock`` gives Unix seconds, as in the rows' mtimes; ``blink`` as `BLINK`.
    """

    def __init__(
        self, database: Database, *, clock: Callable[[], float] = time.time, blink: float = BLINK
    ) -> None:
        self.lock = threading.RLock()
        self.catalogue = Catalogue()
        self._database = database
        self._clock = clock
        self._blink = blink
        self._version: int | None = None
        self._reach: tuple[int, Reach] | None = None
        self._cost = 0.0
        self._looked_at = 0
        self._assets, self._versions = Totals(), Totals()
        self._signatures: dict[str, Signature] = {}

    @contextmanager
    def current(self) -> Iterator[Catalogue]:
        """The catalogue brought up to date, and the lock on it for as long as the block lasts."""
        with self.lock:
            self.catch_up()
            yield self.catalogue

    def reach(self) -> Reach:
        """What can be reached in the catalogue as it is; the lock must be held."""
        if self._reach is None or self._reach[0] != self.catalogue.shape:
            self._reach = (self.catalogue.shape, Reach(self.catalogue))
        return self._reach[1]

    def catch_up(self, connection: Connection | None = None) -> None:
        """Take over whatever has been committed.

        Inside a writing transaction, ``connection`` must be its own, before anything was written in it.
        """
        with self.lock:
            version = self._database.data_version()
            if version == self._version:
                return
            if connection is not None:
                self._look(connection)
            else:
                with self._database.reading() as snapshot:
                    self._look(snapshot)
            self._version = version

    def take_over(self, connection: Connection) -> None:
        """Take over what a transaction has written and not committed; `forget` it, if it never is. The lock
        and the write lock are held until then."""
        with self.lock:
            self._look(connection)

    def take_over_dependencies(self, connection: Connection) -> None:
        """The same after an act that has written nothing but dependencies."""
        with self.lock:
            self._read_small(connection, {"asset_dependency", "collection_dependency"})

    def take_over_asset(self, connection: Connection, asset: AssetId) -> None:
        """The same after an act that has written nothing but a new asset and its first version."""
        with self.lock:
            columns = tables.asset_checkpoint.c
            last = self._signatures["asset_checkpoint"].last
            places = select(rows.ROW_NUMBER).where(last < rows.ROW_NUMBER, columns.asset_id == asset)
            self._put_versions(read_versions(connection, connection.execute(places).scalars().all()))
            found = rows.read(connection, rows.ASSETS.where(tables.asset.c.id == asset))
            for row in rows.asset_rows(found, self.catalogue.statuses, self.catalogue.versions):
                self._put_asset(row)

    def forget(self) -> None:
        """Look at everything anew the next time."""
        with self.lock:
            self._version = None

    def _look(self, connection: Connection) -> None:
        # What is written in this very second may get rows after us that look no newer: hence the slack.
        now = int(self._clock()) - SLACK
        signatures = read_signatures(connection)
        if self._version is None or self._cost < self._blink or signatures == self._signatures:
            self._look_fully(connection)
        else:
            self._look_quickly(connection, signatures)
            if not self._agrees(signatures):
                self._look_fully(connection)
        self._signatures = signatures
        self._looked_at = now

    def _look_quickly(self, connection: Connection, signatures: dict[str, Signature]) -> None:
        catalogue = self.catalogue
        changed = {name for name, seen in signatures.items() if seen != self._signatures.get(name)}
        changed |= self._deleted_from(connection, signatures)
        # Whatever the signature: a row that was changed before in this second has the same mtime again.
        changed |= {table.name for table in SMALL if self._has_recent(connection, table)}
        if changed & {"status", "tomb"}:
            self._look_fully(connection)
            return
        self._read_small(connection, changed)
        columns = tables.asset_checkpoint.c
        touched = connection.execute(
            select(columns.asset_id, rows.ROW_NUMBER).where(self._recent(tables.asset_checkpoint))
        ).all()
        places = {place for _, place in touched}
        for asset in {asset for asset, _ in touched}:
            places.update(catalogue.versions_of(asset).rows)
        self._put_versions(read_versions(connection, places))
        recent = rows.read(connection, rows.ASSETS.where(self._recent(tables.asset)))
        for row in rows.asset_rows(recent, catalogue.statuses, catalogue.versions):
            self._put_asset(row)

    def _look_fully(self, connection: Connection) -> None:
        begun = time.perf_counter()
        with _no_collections():
            self._read_everything(connection)
        self._cost = time.perf_counter() - begun

    def _read_everything(self, connection: Connection) -> None:
        catalogue = self.catalogue
        catalogue.statuses = rows.statuses(connection)
        missing, unknown = set(catalogue.assets), set(catalogue.versions)  # the first time there are none
        for asset, known in rows.version_rows(rows.all_checkpoints(connection)):
            self._put_version(asset, known)
            unknown.discard(asset)
        for gone in unknown:
            self._versions.swap(_weight_of(catalogue.versions.pop(gone)), NOTHING)
        found = rows.asset_rows(rows.read(connection, rows.ASSETS), catalogue.statuses, catalogue.versions)
        for row in found:
            missing.discard(self._put_asset(row))
        for asset in missing:
            self._assets.swap(_weight(catalogue.assets[asset]), NOTHING)
            catalogue.drop_asset(asset)
            catalogue.reshaped()
        self._read_small(connection, {table.name for table in WATCHED})

    def _read_small(self, connection: Connection, changed: set[str]) -> None:
        catalogue = self.catalogue
        if "collection" in changed:
            read = rows.collection_rows(rows.read(connection, rows.COLLECTIONS))
            seen = {self._put_collection(row) for row in read}
            for missing in catalogue.collections.keys() - seen:
                catalogue.drop_collection(missing)
                catalogue.reshaped()
        if "user" in changed:
            members = {
                member.person.id: member for member in rows.member_rows(connection.execute(rows.PEOPLE))
            }
            catalogue.members = {
                id_: old if (old := catalogue.members.get(id_)) == member else member
                for id_, member in members.items()
            }
        if "role" in changed:
            catalogue.roles = rows.roles(connection)
        if "collection_assignee" in changed:
            pair = tables.collection_assignee.c
            found = rows.pairs(connection, pair.assignee_id, pair.collection_id)
            catalogue.assigned_folders = {
                UserId(user): {CollectionId(folder) for folder in folders} for user, folders in found.items()
            }
        if "asset_dependency" in changed:
            pair = tables.asset_dependency.c
            found = rows.pairs(connection, pair.asset_id, pair.dependency_id)
            catalogue.asset_needs = {
                self._kept(asset): set(map(self._kept, needs)) for asset, needs in found.items()
            }
        if "collection_dependency" in changed:
            pair = tables.collection_dependency.c
            found = rows.pairs(connection, pair.asset_id, pair.dependency_id)
            catalogue.folder_needs = {
                self._kept(asset): {CollectionId(need) for need in needs} for asset, needs in found.items()
            }
        if changed & {table.name for table in SMALL if table is not tables.collection}:
            catalogue.reshaped()

    def _kept(self, asset: str) -> AssetId:
        """An asset's id, as it is in memory already."""
        row = self.catalogue.assets.get(AssetId(asset))
        return row.asset.id if row is not None else AssetId(asset)

    def _deleted_from(self, connection: Connection, signatures: dict[str, Signature]) -> set[str]:
        """The tables that rows were deleted from, by what triggers write down. "tomb" stands for a look at
        everything: an asset or a checkpoint is gone, or the graves themselves are."""
        before, now = self._signatures["tomb"], signatures["tomb"]
        if now == before:
            return set()
        columns = tables.tomb.c
        graves = select(columns.table_name).where(before.last < rows.ROW_NUMBER)
        names = set(connection.execute(graves).scalars())
        if now.last < before.last or names & {"asset", "asset_checkpoint"}:
            return {"tomb"}
        return names

    def _has_recent(self, connection: Connection, table: Table) -> bool:
        found = select(rows.ROW_NUMBER).select_from(table).where(self._recent(table)).limit(1)
        return connection.execute(found).first() is not None

    def _recent(self, table: Table) -> Any:
        last = self._signatures[table.name].last
        return or_(table.c.mtime >= self._looked_at, last < rows.ROW_NUMBER)

    def _put_versions(self, found: dict[AssetId, Versions]) -> None:
        catalogue = self.catalogue
        for asset, known in found.items():
            self._put_version(asset, known)
            row = catalogue.assets.get(asset)
            if row is not None and not row.asset.is_link:
                self._put_asset(row._replace(asset=_with_head(row.asset, catalogue.versions[asset])))

    def _put_version(self, asset: AssetId, known: Versions) -> None:
        before = self.catalogue.versions.get(asset)
        if before is None or before != known:
            if before is not None and before.head == known.head:
                known = known._replace(head=before.head)
            self.catalogue.versions[asset] = known
            self._versions.swap(_weight_of(before) if before else NOTHING, _weight_of(known))
            self.catalogue.touched(asset)

    def _put_asset(self, row: AssetRow) -> AssetId:
        before = self.catalogue.assets.get(row.asset.id)
        if before != row:
            if before is not None and before.asset == row.asset:
                row = row._replace(asset=before.asset)
            self.catalogue.put_asset(row)
            self._assets.swap(_weight(before) if before else NOTHING, _weight(row))
            if before is not None and _is_seen_alike(before, row):
                self.catalogue.touched(row.asset.id)
            else:
                self.catalogue.reshaped()
        return row.asset.id

    def _put_collection(self, row: CollectionRow) -> CollectionId:
        if self.catalogue.collections.get(row.collection.id) != row:
            self.catalogue.put_collection(row)
            self.catalogue.reshaped()
        return row.collection.id

    def _agrees(self, signatures: dict[str, Signature]) -> bool:
        """Whether assets and checkpoints in memory have the signatures of those in the file, and no flag was
        changed without the mtime that goes with it."""
        for table in ("asset", "asset_checkpoint"):
            before, now = self._signatures[table], signatures[table]
            if now.flags != before.flags and now[:3] == before[:3]:
                return False
        return self._assets.fit(signatures["asset"]) and self._versions.fit(signatures["asset_checkpoint"])


def read_versions(connection: Connection, places: Iterable[int]) -> dict[AssetId, Versions]:
    """What is known of assets' checkpoints, from *all* of their row numbers."""
    statement = rows.checkpoints(with_ours=rows.has_ours(connection))
    found: list[rows.Row] = []
    for batch in batches(places):
        found += connection.execute(statement.where(rows.PLACE.in_(batch)))
    found.sort(key=lambda row: str(row[2]))
    return dict(rows.version_rows(found))


@contextmanager
def _no_collections() -> Iterator[None]:
    """Without the garbage collector, which would walk a million values that all stay, again and again."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _is_seen_alike(before: AssetRow, now: AssetRow) -> bool:
    """Whether whoever sees the one sees the other."""
    return (before.trashed, before.asset.collection, before.asset.assignee) == (
        now.trashed,
        now.asset.collection,
        now.asset.assignee,
    )


def _weight(row: AssetRow) -> tuple[int, int, int]:
    return 1, row.mtime, int(row.trashed)


def _weight_of(known: Versions) -> tuple[int, int, int]:
    return len(known.rows), known.mtimes, known.trashed


def _with_head(asset: Asset, known: Versions) -> Asset:
    return asset if asset.head is known.head else replace(asset, head=known.head)
