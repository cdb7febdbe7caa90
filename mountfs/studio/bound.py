"""A studio bound to one viewer: everything they can ask for, each act one transaction (see `acting`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mountfs.model import AssetId, Checkpoint, CheckpointId, Collection, CollectionId, Proposal
from mountfs.rights import may_read
from mountfs.studio import history, structure, trash
from mountfs.studio.administration import Administration
from mountfs.studio.change import Change
from mountfs.studio.findings import Examination
from mountfs.studio.permissions import Act
from mountfs.studio.publishing import Publication
from mountfs.studio.trash import Trash
from mountfs.studio.upkeep import Upkeep


class BoundStudio(Administration, Upkeep):
    """`interfaces.Studio` for one member of a project or its owner, and all the acts of administration.

    NotFound for what the viewer does not see, `Refused` for what they may not do.
    """

    # Content

    def publish(self, proposals: Sequence[Proposal]) -> Sequence[Checkpoint]:
        """Accept finished versions, all of them or none. NotFound, NotPermitted, NotAssigned, LostRace,
        NameTaken, NameInvalid, ManifestInvalid."""
        if not proposals:
            return []

        if not self.is_owner:
            self._sent.index.follow()  # not while others wait

        def accept(change: Change, examine: Examination) -> list[Checkpoint]:
            store, sizes = self._project.chunks, self._project.sizes
            return Publication(change, store, sizes, self._sent, examine).run(proposals)

        made = self._act_with_content(Act.PUBLISH, proposals[0].asset, accept)
        # Whoever may not read may name a chunk for having sent it only, so that is not forgotten.
        if not (self.is_owner or self._mine()) and may_read(self.viewer()):
            chunks = {chunk.id for each in proposals for chunk in each.chunks}
            self._sent.uploads.settle(self._person.id, chunks)
        return made

    def revert(self, checkpoint: CheckpointId, new: CheckpointId | None = None) -> Checkpoint:
        """Make an old version the newest: a new checkpoint, with the id ``new`` if given."""
        made = new or CheckpointId(self._new_id())
        return self._act(Act.REVERT, checkpoint, partial(history.revert, old=checkpoint, new=made))

    def trash_checkpoint(self, checkpoint: CheckpointId) -> None:
        """Hide one version of a visible asset."""
        body = partial(history.trash_checkpoint, checkpoint=checkpoint)
        self._act(Act.TRASH_CHECKPOINT, checkpoint, body)

    def restore_checkpoint(self, checkpoint: CheckpointId) -> None:
        """Bring a version back from the trash."""
        body = partial(history.restore_checkpoint, checkpoint=checkpoint)
        self._act(Act.RESTORE_CHECKPOINT, checkpoint, body)

    # The tree

    def make_collection(
        self, collection: CollectionId, name: str, parent: CollectionId, *, administration: bool = False
    ) -> Collection:
        """A new collection with an id chosen by the caller. The same again answers as the first time."""
        body = partial(structure.make_collection, id_=collection, name=name, parent=parent)
        return self._act(Act.CREATE_COLLECTION, collection, body, administration)

    def rename(
        self,
        what: AssetId | CollectionId,
        name: str,
        extension: str,
        parent: CollectionId,
        *,
        administration: bool = False,
    ) -> None:
        """Give a thing another name, another parent, or both. WouldWiden when a move would show it to
        someone new."""
        body = partial(structure.rename, what=what, name=name, extension=extension, parent=parent)
        self._act(self._of(what, Act.RENAME_ASSET, Act.RENAME_COLLECTION), what, body, administration)

    def check_rename(
        self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId
    ) -> None:
        """Raise what `rename` would, and change nothing."""
        self._try(partial(structure.rename, what=what, name=name, extension=extension, parent=parent))

    def trash(self, what: AssetId | CollectionId) -> None:
        """Move an asset or a collection to the trash; again is no error."""
        body = partial(trash.trash, what=what)
        self._act(self._of(what, Act.TRASH_ASSET, Act.TRASH_COLLECTION), what, body)

    def trash_assets(self, assets: Sequence[AssetId]) -> None:
        """Move assets to the trash, all of them or none."""
        self._act_on_each(Act.TRASH_ASSET, assets, trash.trash_asset)

    def restore(self, what: AssetId | CollectionId, *, administration: bool = False) -> None:
        """Bring an asset or a collection back from the trash. NameTaken, WouldWiden."""
        body = partial(trash.restore, what=what)
        self._act(self._of(what, Act.RESTORE_ASSET, Act.RESTORE_COLLECTION), what, body, administration)

    def trash_listing(self) -> Trash:
        """What the viewer would see if it were restored."""
        with self.looking() as (connection, catalogue, sight):
            viewer = self.viewer()
            change = Change(connection, catalogue, self._reader.reach(), viewer, sight, 0, self._new_id)
            return trash.listing(change)

    def _of(self, what: AssetId | CollectionId, of_asset: Act, of_collection: Act) -> Act:
        """Which of two acts it is, for the audit."""
        with self._reader.current() as catalogue:
            return of_asset if what in catalogue.assets else of_collection
