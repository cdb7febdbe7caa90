"""A project as it was at a moment, to look at.

Versions say when they were made, so contents are exact. Of the tree the file knows what mountfs did: the
audit has every rename and move with the name and folder before it, and what was trashed and restored. Acts of
another program have no row there; for the trash the time of the last change of a row helps. What was purged
since is missing. People, roles, assignments, dependencies and statuses are as they are now: who may look at
the past is decided by what they may see today. `PastStudio.doubts` counts what cannot be told.

Somebody sees of the past what they see now, or would see again if it were brought back from the trash, and
only in folders of which that holds too. Versions in the trash are for the owner only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from sqlalchemy import Connection, select

from mountfs.errors import Refused
from mountfs.model import (
    ROOT,
    Asset,
    AssetId,
    Checkpoint,
    Collection,
    CollectionId,
    Proposal,
)
from mountfs.names import split
from mountfs.rights import may_see_history
from mountfs.storage import tables
from mountfs.storage.project import Project
from mountfs.studio import rows
from mountfs.studio.catalogue import AssetRow, Catalogue, CollectionRow
from mountfs.studio.chunk_index import ChunkIndex
from mountfs.studio.chunk_view import ChunkView
from mountfs.studio.manifests import Recorded, Sent
from mountfs.studio.permissions import Act, require
from mountfs.studio.reading import CatalogueReader
from mountfs.studio.uploads import Uploads
from mountfs.studio.view import View
from mountfs.studio.visibility import BLIND, Reach, Sight

_TRASHING = {Act.TRASH_ASSET.value, Act.TRASH_COLLECTION.value, Act.TRASH_CHECKPOINT.value}
_RESTORING = {Act.RESTORE_ASSET.value, Act.RESTORE_COLLECTION.value, Act.RESTORE_CHECKPOINT.value}
_MOVING = {Act.RENAME_ASSET.value, Act.RENAME_COLLECTION.value}


class PastStudio(View):
    """`interfaces.Studio` of another view, at a moment (Unix seconds).

    NotPermitted without `view_checkpoint`. Whoever wants to change something is Refused.
    """

    def __init__(self, project: Project, now: View, moment: int, epoch: str) -> None:
        viewer = now.viewer()
        require(viewer, Act.READ_HISTORY)
        self._past = _PastReader(project, moment, with_trash=now.is_owner)
        super().__init__(project, self._past, now.member, is_owner=now.is_owner, epoch=epoch)
        self.chunks = ChunkView(self, project.chunks, Sent(Uploads(), ChunkIndex(project.database)))

    def doubts(self) -> int:
        """How many things were changed since by acts that are not recorded."""
        with self._past.current():
            return len(self._past.doubtful)

    def _sight(self, catalogue: Catalogue) -> Sight:
        past = super()._sight(catalogue)
        if self.is_owner:
            return past
        if not may_see_history(self._viewer(catalogue)):
            return BLIND
        return self._past.narrowed(past, self._person.id)

    def _is_visible(self, version: Recorded, sight: Sight) -> bool:
        return version.asset in sight.assets and (self.is_owner or not version.trashed)

    def needed_for(self, what: AssetId | CollectionId) -> Sequence[AssetId]:  # noqa: ARG002  # the protocol's
        """Refused."""
        raise Refused("what depended on what is not recorded")

    def publish(self, proposals: Sequence[Proposal]) -> Sequence[Checkpoint]:  # noqa: ARG002  # the protocol's
        """Refused."""
        _refuse()

    def make_collection(self, collection: CollectionId, name: str, parent: CollectionId) -> Collection:  # noqa: ARG002  # the protocol's
        """Refused."""
        _refuse()

    def rename(self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId) -> None:  # noqa: ARG002  # the protocol's
        """Refused."""
        _refuse()

    check_rename = rename

    def trash(self, what: AssetId | CollectionId) -> None:  # noqa: ARG002  # the protocol's
        """Refused."""
        _refuse()

    def set_status(self, asset: AssetId, status: str) -> None:  # noqa: ARG002  # the protocol's
        """Refused."""
        _refuse()


def _refuse() -> NoReturn:
    raise Refused("this is how the project was; the past cannot be changed")


@dataclass(slots=True)
class _Since:
    """What the audit says of things since a moment: the first word about each tells how it was before."""

    trashed: dict[str, bool] = field(default_factory=dict)
    places: dict[str, tuple[str, CollectionId]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, connection: Connection, moment: int) -> _Since:
        """The audit's rows since the moment."""
        since = cls()
        if not rows.has_ours(connection):
            return since
        columns = tables.mountfs_audit.c
        found = connection.execute(
            select(columns.act, columns.subject, columns.detail)
            .where(columns.at > moment, columns.act.not_like("refused:%"))
            .order_by(rows.ROW_NUMBER)
        )
        for act, subject, detail in found:
            since.touched.add(subject)
            if act in _TRASHING:
                since.trashed.setdefault(subject, False)
            elif act in _RESTORING:
                since.trashed.setdefault(subject, True)
            elif act in _MOVING or act == Act.PUBLISH.value:
                since._take(subject, detail)
        return since

    def _take(self, subject: str, detail: object) -> None:
        try:
            known = json.loads(detail) if isinstance(detail, str) else {}
            for asset in known.get("brought_back", ()):
                self.touched.add(asset)
                self.trashed.setdefault(asset, True)
            if "from" in known:
                name, parent = known["from"]
                self.places.setdefault(subject, (str(name), CollectionId(str(parent))))
        except (ValueError, TypeError, AttributeError):
            return  # a row that another program wrote says nothing


class _PastReader(CatalogueReader):
    """Keeps the catalogue of the moment, and the one of now that it is made from."""

    def __init__(self, project: Project, moment: int, *, with_trash: bool) -> None:
        super().__init__(project.database)
        self.doubtful: set[str] = set()
        self._moment = moment
        self._with_trash = with_trash
        self._now = self.catalogue
        self._made_of: int | None = None
        self._narrowing: tuple[int, Reach, Reach] | None = None

    def narrowed(self, past: Sight, user: Any) -> Sight:
        """Of what somebody would have seen, what they see now, or would again."""
        now, restored = self._reaches()
        seen, again = now.sight(user), restored.sight(user)
        folders = {
            each
            for each in past.collections
            if each in seen.collections or (each in again.collections and each not in now.live)
        }
        catalogue = self.catalogue
        open_folders = {each for each in folders if _is_open(catalogue, each, folders)}
        assets = {
            each
            for each in past.assets
            if (each in seen.assets or (each in again.assets and not now.is_live(each)))
            and (catalogue.assets[each].asset.collection in open_folders | {ROOT})
        }
        return Sight(assets, open_folders, past.whole & open_folders)

    def _reaches(self) -> tuple[Reach, Reach]:
        """What can be reached now, and what could be if nothing were in the trash."""
        generation = self._now.generation
        if self._narrowing is None or self._narrowing[0] != generation:
            restored = _with_people(self._now)
            for folder in self._now.collections.values():
                restored.put_collection(folder._replace(trashed=False))
            for asset in self._now.assets.values():
                restored.put_asset(asset._replace(trashed=False))
            self._narrowing = (generation, Reach(self._now), Reach(restored))
        return self._narrowing[1:]

    def _look(self, connection: Connection) -> None:
        past, self.catalogue = self.catalogue, self._now
        try:
            super()._look(connection)
        finally:
            self._now, self.catalogue = self.catalogue, past
        if self._made_of != self._now.generation:
            self.catalogue = self._remember(connection, past)
            self._made_of = self._now.generation

    def _remember(self, connection: Connection, before: Catalogue) -> Catalogue:
        """The catalogue of the moment. What is as in the one ``before`` stays the same object."""
        since = _Since.read(connection, self._moment)
        past = _with_people(self._now)
        statement = rows.checkpoints(with_ours=rows.has_ours(connection))
        made = self._made_by_then(rows.read(connection, statement), since)
        past.versions = dict(rows.version_rows(made))
        self.doubtful = set()
        for folder in self._now.collections.values():
            if (was := self._folder(folder, since)) is not None:
                past.put_collection(_same(before.collections.get(folder.collection.id), was))
        for row in self._now.assets.values():
            if (then := self._asset(row, past, since)) is not None:
                past.put_asset(_same(before.assets.get(row.asset.id), then))
        past.generation = past.shape = self._now.generation
        return past

    def _made_by_then(self, found: Iterator[rows.Row], since: _Since) -> Iterator[rows.Row]:
        """The versions that there were, in the trash if they were there."""
        for row in found:
            if rows.whole(row[3]) > self._moment:
                continue
            trashed = self._was_trashed(row[1], row[9] != 0, rows.whole(row[10]), since)
            if row[9] != 0 and not self._with_trash:
                trashed = True
            yield (*row[:9], int(trashed), *row[10:])

    def _folder(self, row: CollectionRow, since: _Since) -> CollectionRow | None:
        folder = row.collection
        if folder.created_at > self._moment:
            return None
        name, parent = since.places.get(folder.id, (folder.name, folder.parent))
        self._doubt(folder.id, folder.mtime, since)
        trashed = self._was_trashed(folder.id, row.trashed, folder.mtime, since)
        return CollectionRow(replace(folder, name=name, parent=parent), trashed)

    def _asset(self, row: AssetRow, past: Catalogue, since: _Since) -> AssetRow | None:
        asset = row.asset
        if asset.created_at > self._moment:
            return None
        name, extension, folder = asset.name, asset.extension, asset.collection
        if asset.id in since.places:
            (name, extension), folder = split(since.places[asset.id][0]), since.places[asset.id][1]
        self._doubt(asset.id, row.mtime, since)
        trashed = self._was_trashed(asset.id, row.trashed, row.mtime, since)
        head = None if asset.is_link else past.versions_of(asset.id).head
        then: Asset = replace(asset, name=name, extension=extension, collection=folder, head=head)
        return AssetRow(then, trashed, row.mtime)

    def _was_trashed(self, id_: str, trashed: bool, mtime: int, since: _Since) -> bool:
        if id_ in since.trashed:
            return since.trashed[id_]
        # Without a word in the audit: what was last touched after the moment was trashed by that touch.
        return trashed and mtime <= self._moment

    def _doubt(self, id_: str, mtime: int, since: _Since) -> None:
        if mtime > self._moment and id_ not in since.touched:
            self.doubtful.add(id_)


def _with_people(catalogue: Catalogue) -> Catalogue:
    """A catalogue without a tree: the people and all that is said of who sees what."""
    return Catalogue(
        members=catalogue.members,
        roles=catalogue.roles,
        statuses=catalogue.statuses,
        asset_needs=catalogue.asset_needs,
        folder_needs=catalogue.folder_needs,
        assigned_folders=catalogue.assigned_folders,
    )


def _same(before: Any, now: Any) -> Any:
    return before if before == now else now


def _is_open(catalogue: Catalogue, folder: CollectionId, folders: set[CollectionId]) -> bool:
    """Whether a folder and all above it are among these."""
    while folder != ROOT:
        if folder not in folders:
            return False
        folder = catalogue.collections[folder].collection.parent
    return True
