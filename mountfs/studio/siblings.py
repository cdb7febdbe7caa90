"""Names in a folder: one thing each, whatever the case of its letters, across assets and collections.

Rows in the trash keep their names in the format's unique keys. Whoever takes such a name is not told: the
row in the trash gets another one. A name that a hidden thing has is refused like any taken one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from mountfs import names
from mountfs.errors import NameTaken
from mountfs.model import ROOT, AssetId, CollectionId
from mountfs.storage import tables
from mountfs.studio.catalogue import AssetRow, CollectionRow
from mountfs.studio.change import Change

Id = AssetId | CollectionId


class Siblings:
    """Who has which name in the folders that one change looks at, kept up to date as it goes on."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._folders: dict[CollectionId, dict[str, list[Id]]] = {}

    def trashed_assets(self, parent: CollectionId, name: str) -> list[AssetRow]:
        """The assets in the trash that have this file name."""
        assets = self._change.catalogue.assets
        rows = (assets.get(AssetId(holder)) for holder in self._holders(parent, name))
        return [row for row in rows if row is not None and row.trashed]

    def claim(self, parent: CollectionId, name: str, claimant: Id) -> None:
        """Give a file name to a thing. NameInvalid; NameTaken when another live one has it."""
        names.require_valid(name, at_root=parent == ROOT)
        others = [holder for holder in self._holders(parent, name) if holder != claimant]
        rows = [self._row(holder) for holder in others]
        if any(row is None or not row.trashed for row in rows):
            raise NameTaken(f"{names.printable(name)}: this name is not available here")
        for holder, row in zip(others, rows, strict=True):
            assert row is not None
            self._step_aside(parent, holder, row)
        self._folder(parent)[name.casefold()] = [claimant]

    def keep(self, parent: CollectionId, claimant: Id) -> None:
        """Let a thing come back from the trash under the name it has. NameTaken."""
        row = self._row(claimant)
        assert row is not None
        others = (
            self._row(holder) for holder in self._holders(parent, _file_name(row)) if holder != claimant
        )
        if any(other is None or not other.trashed for other in others):
            raise NameTaken(f"{names.printable(_file_name(row))}: another thing has this name by now")

    def _step_aside(self, parent: CollectionId, holder: Id, row: AssetRow | CollectionRow) -> None:
        old = _file_name(row)
        free = names.with_ids(old, holder, count(2))
        new = next(name for name in free if not self._holders(parent, name))
        if isinstance(row, AssetRow):
            name, extension = names.split(new)
            self._change.update(tables.asset, holder, name=name, extension=extension)
        else:
            self._change.update(tables.collection, holder, name=new)
        self._folder(parent)[old.casefold()].remove(holder)
        self._folder(parent).setdefault(new.casefold(), []).append(holder)

    def _row(self, holder: Id) -> AssetRow | CollectionRow | None:
        """A thing's row; None for one that this change makes."""
        catalogue = self._change.catalogue
        return catalogue.assets.get(AssetId(holder)) or catalogue.collections.get(CollectionId(holder))

    def _holders(self, parent: CollectionId, name: str) -> list[Id]:
        return self._folder(parent).get(name.casefold(), [])

    def _folder(self, parent: CollectionId) -> dict[str, list[Id]]:
        folder = self._folders.get(parent)
        if folder is None:
            folder = self._folders[parent] = {}
            for id_, row in self._rows_in(parent):
                folder.setdefault(_file_name(row).casefold(), []).append(id_)
        return folder

    def _rows_in(self, parent: CollectionId) -> Iterator[tuple[Id, AssetRow | CollectionRow]]:
        catalogue = self._change.catalogue
        for asset in catalogue.assets_in(parent):
            yield asset, catalogue.assets[asset]
        for collection in catalogue.folders_in(parent):
            yield collection, catalogue.collections[collection]


def _file_name(row: AssetRow | CollectionRow) -> str:
    return row.asset.name + row.asset.extension if isinstance(row, AssetRow) else row.collection.name
