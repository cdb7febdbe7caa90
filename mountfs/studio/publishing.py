"""Accepting finished versions: all that are offered together, or none.

A proposal brings its own ids, so that offering it again, after an answer that got lost, is recognised: a
checkpoint that exists with the same manifest and author is simply answered again.

A new asset is a resource where everything is visible to its creator anyway (in or below a shared collection,
or one assigned to them); elsewhere it becomes a task assigned to its creator, who would lose sight of it
otherwise. The owner's proposals are taken as they are.

A new asset at the name of one in the trash, which its author could see and may checkpoint, brings that one
back: its history goes on. Any other thing in the trash makes way (`siblings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from sqlalchemy import insert

from mountfs import names
from mountfs.errors import LostRace, NameInvalid, NameTaken, NotAssigned, Refused
from mountfs.interfaces import ChunkStore
from mountfs.model import (
    NOBODY,
    Asset,
    AssetId,
    Checkpoint,
    NewAsset,
    Proposal,
    Toggle,
)
from mountfs.rights import may_checkpoint
from mountfs.storage import tables
from mountfs.storage.batches import batches
from mountfs.storage.chunk_sizes import ChunkSizes
from mountfs.studio.catalogue import AssetRow, putting_asset
from mountfs.studio.change import Change, nothing, require_new_id
from mountfs.studio.findings import Examination
from mountfs.studio.history import checkpoints
from mountfs.studio.manifests import Recorded, Sent, recorded, require_chunks, require_possible
from mountfs.studio.permissions import Act, require_all
from mountfs.studio.siblings import Siblings
from mountfs.studio.widening import widen
from mountfs.studio.written import asset_type_id, asset_values, our_version_values, version_values


class Publication:
    """One call of `publish`, inside its transaction."""

    def __init__(
        self, change: Change, store: ChunkStore, sizes: ChunkSizes, sent: Sent, examine: Examination
    ) -> None:
        self._change = change
        self._store = store
        self._sizes = sizes
        self._sent = sent
        self._examine = examine
        self._siblings = Siblings(change)
        self._group = change.new_id()
        self._brought_back: list[AssetId] = []
        self._made: dict[AssetId, Asset] = {}
        self._latest: dict[AssetId, Checkpoint] = {}
        self._new_rows: list[dict[str, object]] = []
        self._version_rows: list[dict[str, object]] = []
        self._our_rows: list[dict[str, object]] = []

    def run(self, proposals: Sequence[Proposal]) -> list[Checkpoint]:
        """Check everything and write it; the new checkpoints in the order of the proposals."""
        known = recorded(self._change.connection, (proposal.id for proposal in proposals))
        fresh = [proposal for proposal in proposals if proposal.id not in known]
        if len({proposal.id for proposal in fresh}) != len(fresh):
            raise Refused("the same checkpoint is offered twice in one go")
        for proposal in fresh:
            require_possible(proposal)
        answers = {
            proposal.id: self._again(proposal, known[proposal.id])
            for proposal in proposals
            if proposal.id in known
        }
        answers.update({proposal.id: self._accept(proposal) for proposal in fresh})
        wanted = {chunk.id for proposal in fresh for chunk in proposal.chunks}
        require_chunks(self._change, self._store, self._sent, wanted)
        self._examine(fresh)
        self._write(fresh)
        return [answers[proposal.id] for proposal in proposals]

    def _again(self, proposal: Proposal, known: Recorded) -> Checkpoint:
        """The answer to a proposal whose checkpoint exists."""
        change = self._change
        same_asset = known.asset == proposal.asset or (
            proposal.new is not None and proposal.asset not in change.catalogue.assets
        )
        offered = (proposal.size, proposal.xxh3, tuple(chunk.id for chunk in proposal.chunks))
        same_content = (known.size, known.xxh3, known.chunk_ids()) == offered
        if not same_asset or not same_content or known.author != change.viewer.person.id:
            change.require(Act.PUBLISH)  # nobody else is told which ids there are
            raise Refused("this checkpoint's id is in use")
        if known.asset not in change.sight.assets:
            raise nothing()
        places = change.catalogue.versions_of(known.asset).rows
        return next(
            each for each in checkpoints(change.connection, known.asset, places) if each.id == proposal.id
        )

    def _accept(self, proposal: Proposal) -> Checkpoint:
        require_new_id(proposal.id)
        if proposal.group:
            require_new_id(proposal.group)
        asset = self._made.get(proposal.asset) or (
            self._existing(proposal) if self._exists(proposal.asset) else self._create(proposal)
        )
        versions = self._change.catalogue.versions_of(asset.id)
        before = self._latest.get(asset.id)
        if before is None:
            number, last_at = len(versions.rows), versions.last_at
        else:
            number, last_at = before.number, before.created_at
        checkpoint = Checkpoint(
            id=proposal.id,
            asset=asset.id,
            number=number + 1,
            created_at=max(self._change.now, last_at + 1),
            author=self._change.viewer.person.id,
            size=proposal.size,
            xxh3=proposal.xxh3,
            mtime_ns=proposal.mtime_ns,
            comment=proposal.comment,
            executable=proposal.executable,
        )
        self._latest[asset.id] = checkpoint
        chunks = ",".join(chunk.id for chunk in proposal.chunks)
        values = version_values(self._change, checkpoint, chunks, proposal.group or self._group)
        self._version_rows.append(values)
        self._our_rows.append(our_version_values(checkpoint))
        return checkpoint

    def _exists(self, asset: AssetId) -> bool:
        return asset in self._change.catalogue.assets

    def _existing(self, proposal: Proposal) -> Asset:
        """The asset a proposal continues. NotFound, NotPermitted, NotAssigned, LostRace."""
        asset = self._change.asset(proposal.asset).asset
        self._require_checkpoint(asset)
        before = self._latest.get(asset.id) or asset.head
        if (before.id if before else None) != proposal.base:
            raise LostRace("somebody else recorded a newer version meanwhile")
        return asset

    def _require_checkpoint(self, asset: Asset) -> None:
        viewer = self._change.viewer
        if may_checkpoint(viewer, asset):
            return
        self._change.require(Act.PUBLISH)
        if asset.is_resource:
            require_all(viewer, (Toggle.UPDATE_ASSET,))
        raise NotAssigned("a link has no content" if asset.is_link else "this task is somebody else's")

    def _create(self, proposal: Proposal) -> Asset:
        """The asset that a proposal brings into being, or back from the trash."""
        change, new = self._change, proposal.new
        if new is None:
            raise nothing()
        change.require(Act.CREATE_ASSET)
        change.require_folder(new.collection)
        change.require_new_id(proposal.asset)
        if proposal.base is not None:
            raise LostRace("a new asset has no earlier version")
        file_name = new.name + new.extension
        if names.split(file_name) != (new.name, new.extension):
            raise NameInvalid(f"{names.printable(file_name)}: its extension begins at its last dot")
        for row in self._siblings.trashed_assets(new.collection, file_name):
            if row.asset.id in self._brought_back:
                raise NameTaken(f"{names.printable(file_name)}: this name is not available here")
            if change.could_see_asset(row) and may_checkpoint(change.viewer, row.asset):
                return self._bring_back(row, new)
        self._siblings.claim(new.collection, file_name, proposal.asset)
        asset = self._new_asset(proposal.asset, new)
        self._made[asset.id] = asset
        self._new_rows.append(asset_values(change, asset, self._asset_type))
        return asset

    def _bring_back(self, row: AssetRow, new: NewAsset) -> Asset:
        change, asset = self._change, row.asset
        widen(change, putting_asset(row._replace(trashed=False)))
        self._brought_back.append(asset.id)
        change.detail["brought_back"] = self._brought_back
        self._siblings.claim(new.collection, new.name + new.extension, asset.id)
        change.update(tables.asset, asset.id, trashed=False, name=new.name, extension=new.extension)
        return asset

    def _new_asset(self, id_: AssetId, new: NewAsset) -> Asset:
        viewer, sight = self._change.viewer, self._change.sight
        me = viewer.person.id
        if viewer.owner:
            assignee = NOBODY if new.is_resource or new.assignee == NOBODY else new.assignee
            if assignee != NOBODY:
                self._change.member(assignee)
            is_resource = new.is_resource
        else:
            is_resource = new.is_resource and new.collection in sight.whole
            assignee = NOBODY if is_resource else me
        return Asset(
            id=id_,
            name=new.name,
            extension=new.extension,
            collection=new.collection,
            is_resource=is_resource,
            is_link=False,
            pointer="",
            status="todo",
            assignee=assignee,
            created_at=self._change.now,
            head=None,
        )

    def _write(self, proposals: Sequence[Proposal]) -> None:
        connection = self._change.connection
        for table, new in (
            (tables.asset, self._new_rows),
            (tables.asset_checkpoint, self._version_rows),
            (tables.mountfs_checkpoint, self._our_rows),
        ):
            for batch in batches(new):
                connection.execute(insert(table), batch)
        # Either the owner's program cut the content, or it was looked into here.
        self._sizes.record(connection, {chunk for each in proposals for chunk in each.chunks})

    @cached_property
    def _asset_type(self) -> str:
        return asset_type_id(self._change.connection)
