"""A studio bound to one viewer: everything they can ask for, each act one transaction.

An act is checked and written under the write lock, with the catalogue brought up to date under it, and leaves
a row in the audit; so does a refusal, in a transaction of its own. (Versions, new collections and their like
say themselves who made them; they are audited when they are refused or show something to someone.)

``administration=True`` is for administration commands: they reach what the actor does not see, and may show
it to others. The rights needed are the same, and are asked for first, so that the answer tells nothing of
what is hidden. It is never passed on behalf of a mount.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from mountfs.errors import ContentError, ManifestInvalid, NotFound, Refused
from mountfs.interfaces import ChunkStore
from mountfs.model import (
    AssetId,
    Checkpoint,
    CheckpointId,
    Collection,
    CollectionId,
    Person,
    Proposal,
    Toggle,
    UserId,
)
from mountfs.storage.open import Project
from mountfs.studio import (
    assignments,
    audit,
    history,
    ignore_list,
    members,
    sharing,
    statuses,
    structure,
    trash,
)
from mountfs.studio.catalogue import Member
from mountfs.studio.change import Change
from mountfs.studio.chunk_view import ChunkView
from mountfs.studio.manifests import Uploads
from mountfs.studio.permissions import Act
from mountfs.studio.publishing import Publication
from mountfs.studio.reading import CatalogueReader
from mountfs.studio.trash import Trash
from mountfs.studio.view import View

T = TypeVar("T")

_SELF_EVIDENT = {Act.PUBLISH, Act.CREATE_COLLECTION}
"""Acts whose rows say who did them; audited only with something to add."""


class _UndoneError(Exception):
    """Ends a transaction whose changes are not wanted."""


class BoundStudio(View):
    """`interfaces.Studio` for one member of a project or its owner, and all the acts of administration.

    NotFound for what the viewer does not see, `Refused` for what they may not do.
    """

    def __init__(
        self,
        project: Project,
        reader: CatalogueReader,
        member: Member,
        *,
        is_owner: bool,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        uploads: Uploads,
    ) -> None:
        super().__init__(project, reader, member, is_owner=is_owner, epoch=new_id())
        self._clock = clock
        self._new_id = new_id
        self._uploads = uploads
        self.chunks: ChunkStore = ChunkView(self, project.chunks, uploads)

    # Content

    def publish(self, proposals: Sequence[Proposal]) -> Sequence[Checkpoint]:
        """Accept finished versions, all of them or none. NotFound, NotPermitted, NotAssigned, LostRace,
        NameTaken, NameInvalid, ManifestInvalid."""
        if not proposals:
            return []
        if not self.is_owner:
            self._require_true_sizes(proposals)

        def accept(change: Change) -> list[Checkpoint]:
            publication = Publication(change, self._project.chunks, self._project.sizes, self._uploads)
            return publication.run(proposals)

        return self._act(Act.PUBLISH, proposals[0].asset, accept)

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

    def make_collection(self, collection: CollectionId, name: str, parent: CollectionId) -> Collection:
        """A new collection with an id chosen by the caller. The same again answers as the first time."""
        body = partial(structure.make_collection, id_=collection, name=name, parent=parent)
        return self._act(Act.CREATE_COLLECTION, collection, body)

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
        """Raise what `rename` would, and change nothing: it is done, and undone with its transaction."""
        try:
            with self._project.database.writing() as connection, self._reader.lock:
                change = self._change(connection)
                structure.rename(change, what, name, extension, parent)
                raise _UndoneError
        except _UndoneError:
            pass

    def trash(self, what: AssetId | CollectionId) -> None:
        """Move an asset or a collection to the trash; again is no error."""
        body = partial(trash.trash, what=what)
        self._act(self._of(what, Act.TRASH_ASSET, Act.TRASH_COLLECTION), what, body)

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

    # Who sees what

    def assign(self, what: AssetId | CollectionId, user: UserId, *, administration: bool = False) -> None:
        """Give somebody a task or a collection. NotAssigned for a resource."""
        self._act(Act.ASSIGN, what, partial(assignments.assign, what=what, user=user), administration)

    def set_kind(self, asset: AssetId, *, is_resource: bool, administration: bool = False) -> None:
        """Make an asset a task or a resource; a task loses its assignee with that."""
        body = partial(assignments.set_kind, asset=asset, is_resource=is_resource)
        self._act(Act.SET_KIND, asset, body, administration)

    def unassign(self, what: AssetId | CollectionId, user: UserId, *, administration: bool = False) -> None:
        """Take an assignment back."""
        self._act(Act.UNASSIGN, what, partial(assignments.unassign, what=what, user=user), administration)

    def share(self, collection: CollectionId, *, administration: bool = False) -> None:
        """Show a collection and all below it to everybody in the project."""
        self._act(Act.SHARE, collection, partial(sharing.share, collection=collection), administration)

    def unshare(self, collection: CollectionId, *, administration: bool = False) -> None:
        """End that."""
        self._act(Act.UNSHARE, collection, partial(sharing.unshare, collection=collection), administration)

    def depend(
        self,
        asset: AssetId,
        on: AssetId | CollectionId,
        kind: str = "linked",
        *,
        administration: bool = False,
    ) -> None:
        """Let an asset depend on an asset, or on a collection and all below it."""
        body = partial(sharing.depend, asset=asset, on=on, kind=kind)
        self._act(Act.DEPEND, asset, body, administration)

    def undepend(self, asset: AssetId, on: AssetId | CollectionId, *, administration: bool = False) -> None:
        """End that."""
        self._act(Act.UNDEPEND, asset, partial(sharing.undepend, asset=asset, on=on), administration)

    # The rest of administration

    def set_status(self, asset: AssetId, status: str) -> None:
        """Give an asset a status, by its short name."""
        self._act(Act.SET_STATUS, asset, partial(statuses.set_status, asset=asset, status=status))

    def add_user(self, *, email: str, username: str, first_name: str, last_name: str, role: str) -> Person:
        """Take somebody into the project."""
        body = partial(
            members.add_user,
            email=email,
            username=username,
            first_name=first_name,
            last_name=last_name,
            role=role,
        )
        return self._act(Act.ADD_USER, username, body)

    def remove_user(self, user: UserId) -> None:
        """Let somebody leave. RoleRule for the last admin."""
        self._act(Act.REMOVE_USER, user, partial(members.remove_user, user=user))

    def set_role(self, user: UserId, role: str) -> None:
        """Give somebody another role, by its name. RoleRule for the last admin."""
        self._act(Act.SET_ROLE, user, partial(members.set_role, user=user, role=role))

    def edit_role(self, role: str, may: AbstractSet[Toggle]) -> None:
        """Let a role have exactly these rights. RoleRule for admin."""
        self._act(Act.EDIT_ROLE, role, partial(members.edit_role, role=role, may=may))

    def set_ignore_list(self, patterns: Sequence[str]) -> None:
        """Replace the project's patterns for names that stay local."""
        self._act(Act.SET_IGNORE_LIST, "", partial(ignore_list.set_ignore_list, patterns=patterns))

    def _of(self, what: AssetId | CollectionId, of_asset: Act, of_collection: Act) -> Act:
        """Which of two acts it is, for the audit."""
        with self._reader.current() as catalogue:
            return of_asset if what in catalogue.assets else of_collection

    def _act(self, act: Act, subject: str, body: Callable[[Change], T], administration: bool = False) -> T:
        """Run the body of an act in a transaction, and record the act or its refusal."""
        try:
            with self._project.database.writing() as connection, self._reader.lock:
                change = self._change(connection, administration)
                done = body(change)
                if change.detail or act not in _SELF_EVIDENT:
                    self._record(change, act.value, subject)
        except (Refused, NotFound) as exc:
            self._record_refusal(act, subject, exc)
            raise
        return done

    def _change(self, connection: Connection, administration: bool = False) -> Change:
        """What an act works with, inside its transaction."""
        self._reader.catch_up(connection)
        viewer, sight = self._look(self._reader.catalogue)
        return Change(
            connection,
            self._reader.catalogue,
            self._reader.reach(),
            viewer,
            sight,
            int(self._clock()),
            self._new_id,
            administration,
        )

    def _record(self, change: Change, act: str, subject: str) -> None:
        if change.administration:
            change.detail["administration"] = True
        audit.record(
            change.connection,
            id=change.new_id(),
            at=change.now,
            actor=change.viewer.person.id,
            act=act,
            subject=subject,
            detail=change.detail,
        )

    def _record_refusal(self, act: Act, subject: str, why: Exception) -> None:
        with self._project.database.writing() as connection:
            audit.record(
                connection,
                id=self._new_id(),
                at=int(self._clock()),
                actor=self._person.id,
                act=f"refused: {act.value}",
                subject=subject,
                detail={"why": type(why).__name__},
            )

    def _require_true_sizes(self, proposals: Sequence[Proposal]) -> None:
        """ManifestInvalid unless the chunks are as long as a user says. Outside of the transaction: it may
        have to look into chunks that nobody has looked into yet."""
        for proposal in proposals:
            ids = [chunk.id for chunk in proposal.chunks]
            if self._project.chunks.missing(ids):
                continue  # The rule for chunks refuses it, with the words it has for all of them.
            try:
                true = self._project.sizes.layout(ids, proposal.size)
            except ContentError:
                true = ()
            if true != proposal.chunks:
                raise ManifestInvalid("a chunk of this version has not been uploaded")
