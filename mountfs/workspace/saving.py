"""Writing: from the first changed byte to a sealed draft.

What a program changes goes to a draft of the *node*, whichever handle it came through: with the kernel's
writeback cache a write may carry another program's handle. A flush makes the draft durable; it is no close,
since a descriptor may have copies. When the last handle that may write has gone the draft is *sealed*: it
never changes again, and is a version of its name. A later write begins a new draft over it.
"""

from __future__ import annotations

import errno
import logging
import stat
from collections.abc import Callable
from functools import partial

import trio

from mountfs.errors import BeyondSight, NotAssigned, NotPermitted
from mountfs.model import AssetId, Checkpoint, CheckpointId, CollectionId, Toggle
from mountfs.rights import may_add, may_checkpoint
from mountfs.workspace.disk import Bytes, Change
from mountfs.workspace.drafts import Draft, DraftState
from mountfs.workspace.locals import LocalFile
from mountfs.workspace.nodes import CollectionFolder, File, Node
from mountfs.workspace.state import LocalState
from mountfs.workspace.versions import Version, VersionState

log = logging.getLogger(__name__)

_COMMENT_HOLDS = 600.0
"""Seconds for which a comment waits for its version."""


_LARGEST = (1 << 44) - 4096
"""Bytes of the largest file, as on ext4: nobody could send what is larger."""

_SOON_SYNCED = 1 << 20
"""Bytes of a draft that are synced by the thread that writes the journal: two hops would take longer."""


def _nothing() -> None:
    """What is left to do."""


class Saving:
    """What programs do to the contents of files of one mount."""

    def __init__(self, state: LocalState) -> None:
        self._state = state

    # What may be written

    def require_writable(self, node: Node) -> None:
        """NotPermitted, NotAssigned or NotFound unless what is written to the node can be a version of it."""
        if not isinstance(node, File):
            raise BeyondSight("this cannot be written to")
        if node.is_unlinked or (node.local is not None and not node.local.follows):
            return
        require_checkpoint(self._state, node.asset)

    # Changing

    def write(self, node: File, offset: int, data: Bytes) -> int:
        """Change bytes; how many. OSError and QuotaExceeded: the draft is damaged then."""
        try:
            draft = self._own_draft(node)
        except OSError as exc:
            if node.local is not None:
                node.local.lost = exc
            raise
        self._state.drafts.write(draft, offset, data)
        self._was_changed(node)
        return len(data)

    def truncate(self, node: File, size: int) -> None:
        """Give the file another length."""
        if size > _LARGEST:
            raise OSError(errno.EFBIG, "a file cannot be as large as this")
        local = node.local
        if local is None or local.draft is None or local.size != size or size == 0:
            draft = self._own_draft(node)
            self._state.drafts.truncate(draft, size)
            self._was_changed(node)

    def damage(self, node: File, why: OSError) -> None:
        """Something that was written to the node did not arrive."""
        local = node.local or self.begin(node)
        if local.is_changed and local.draft is not None:
            self._state.drafts.damage(local.draft, why)
        else:
            local.lost = why

    def _was_changed(self, node: File) -> None:
        local = node.local
        assert local is not None
        local.mtime_ns = local.ctime_ns = self._state.clock_ns()
        local.synced_at = None
        node.shown = None

    def _own_draft(self, node: File) -> Draft:
        """The draft that a change of the node goes to, made if there is none that may change."""
        state = self._state
        local = node.local or self.begin(node)
        draft = local.draft
        if draft is not None and not draft.is_sealed:
            return draft
        if draft is not None and state.drafts.reopen(draft):
            return draft
        made = state.drafts.hold(state.drafts.make(draft if draft is not None else local.content))
        if local.lost is not None:
            state.drafts.damage(made, local.lost)
            local.lost = None
        state.drafts.count_as(made, scratch=local.is_ignored)
        if draft is not None:
            state.drafts.let_go(draft)
        local.draft = made
        local.begun_at = trio.current_time()
        return made

    def begin(self, node: File) -> LocalFile:
        """The first change of a file that is as the project has it."""
        state, catalogue = self._state, self._state.namespace.catalogue
        asset = catalogue.assets.get(node.asset)
        parent = node.parent
        local = LocalFile(
            id=state.locals.new_id(),
            ino=node.ino,
            folder=asset.collection
            if asset is not None
            else parent.collection
            if isinstance(parent, CollectionFolder)
            else state.namespace.root.collection,
            name=state.namespace.name_of(node) or b"",
            mode=stat.S_IMODE(state.namespace.clean_mode(node)),
            mtime_ns=state.clock_ns(),
            asset=node.asset,
            content=node.content,
            base=node.content.id if node.content is not None else None,
            made_at=trio.current_time(),
        )
        node.local = local
        if node.is_unlinked:
            local.removed = True
            return local
        state.locals.add(local)
        if not node.attached:  # the name shows a newer version; from now on it shows what is written here
            node.shown = None
            state.show_again([local.folder])
        return local

    # Becoming durable, and becoming a version

    async def flush(self, node: File) -> None:
        """Have what was written on the disk: close() and fsync() wait for this. OSError if it is damaged."""
        local = node.local
        if local is None:
            return
        self._require_whole(local)
        if local.draft is None or local.draft.is_sealed:
            return
        if not self._state.options.lazy:
            await self.make_durable(local, "flushed")

    async def fsync(self, node: File) -> None:
        """Have what was written, and all earlier changes of names, on the disk."""
        local = node.local
        if local is None or local.removed:
            return
        self._require_whole(local)
        if local.draft is not None and not local.draft.is_sealed:
            await self.make_durable(local, "synced")
        else:
            await self._state.journal.commit([], why="synced", durable=True)
        local.synced_at = trio.current_time()
        self._state.stir(self._state.times.idle)

    def _require_whole(self, local: LocalFile) -> None:
        damage = local.lost or (local.draft.damage if local.draft is not None else None)
        if damage is not None:
            raise OSError(damage.errno or errno.EIO, damage.strerror or str(damage))

    async def make_durable(self, local: LocalFile, why: str) -> None:
        """Have a draft's bytes and its record on the disk, as they are now."""
        state, draft = self._state, local.draft
        if draft is None or draft.is_durable or local.removed:
            return
        state.drafts.hold(draft)
        try:
            before, generation = draft.synced, draft.generation
            if draft.state is DraftState.OPEN:
                draft.state = DraftState.FLUSHED
            _, record = draft.snapshot()
            sync: Callable[[], None] = partial(state.disk.sync, draft.id, why)
            under: list[Change] = []
            try:
                if isinstance(draft.base, Draft):
                    await self.sync_sealed(draft.base, under)
                if draft.touched.total > _SOON_SYNCED:
                    await trio.to_thread.run_sync(sync, limiter=state.disk_threads)
                    sync = _nothing
                if draft.synced > generation:
                    # It has been sealed or made durable meanwhile, with what was written since.
                    record = draft.record()
                else:
                    draft.synced = generation
                changes = [*under, record, local.record()]
                await state.journal.commit(changes, why=why, durable=True, before=sync)
            except BaseException:
                if draft.synced == generation:
                    draft.synced = before
                if draft.state is DraftState.FLUSHED:
                    draft.state = DraftState.OPEN
                raise
            state.drafts.shed(draft)
        finally:
            state.drafts.let_go(draft)

    async def released(self, node: File) -> None:
        """The last handle that may write to the node has gone: what was written is a version."""
        local = node.local
        if local is None or node.is_unlinked or local.removed:
            return
        if local.is_damaged:
            damage = local.lost or (local.draft.damage if local.draft is not None else None)
            local.reason = f"a write failed, so it is not whole: {damage}"
            log.warning("%s is not sent: %s", self._state.path_of_file(local), local.reason)
            if local.lost is not None:  # nothing was written at all: it is what it was before
                local.lost = None
                return
            try:  # so that the next mount has it too
                await self.make_durable(local, "damaged")
            except OSError as exc:
                log.error("%s is not safe either: %s", self._state.path_of_file(local), exc.strerror)
            return
        try:
            await self.seal(local)
        except OSError as exc:
            local.reason = f"it could not be kept safe on this machine: {exc.strerror}"
            log.error("%s is not sent: %s", self._state.path_of_file(local), local.reason)

    async def seal(self, local: LocalFile) -> Version | None:
        """End the draft: its content is a version of its name. OSError: it is not sealed then."""
        state = self._state
        changes: list[Change] = []
        draft = local.draft
        if draft is not None and not draft.is_sealed:
            base = draft.base
            if base is not None and not draft.touched and draft.base_limit == draft.size == base.size:
                self._undo_nothing(local, draft)
                draft = local.draft
            else:
                draft.state = DraftState.SEALED
        of_nothing = local.version is not None and local.version.draft is None
        if draft is None and (local.content is not None or of_nothing):
            self._end_unchanged(local)
            return None
        if draft is not None and local.version is not None and local.version.draft is draft:
            return None
        # What follows happens at once, so that nobody ever meets a sealed draft that is no version.
        version = self.propose(local, changes, begun=local.begun_at)
        if draft is not None:
            await self.sync_sealed(draft, changes)
        if not local.removed:
            changes.append(local.record())
        state.journal.soon(changes)
        if draft is not None:
            state.drafts.shed(draft)
        return version

    async def sync_sealed(self, draft: Draft, changes: list[Change]) -> None:
        """Have a sealed draft on the disk, with those under it."""
        state = self._state
        if isinstance(draft.base, Draft):
            await self.sync_sealed(draft.base, changes)
        if not draft.is_durable:
            generation = draft.generation
            await trio.to_thread.run_sync(state.disk.sync, draft.id, "sealed", limiter=state.disk_threads)
            draft.synced = generation
            changes.append(draft.record())
        elif not draft.is_recorded_sealed:
            changes.append(draft.record())
        draft.is_recorded_sealed = True

    def not_recorded(self, draft: Draft | None) -> None:
        """A journal that was to know that a draft is sealed, with those under it, could not be written."""
        under: Draft | Checkpoint | None = draft
        while isinstance(under, Draft):
            under.is_recorded_sealed = False
            under = under.base

    def _undo_nothing(self, local: LocalFile, draft: Draft) -> None:
        """A draft in which nothing was changed is none: the file is what is under it."""
        base = draft.base
        local.draft = self._state.drafts.hold(base) if isinstance(base, Draft) else None
        if isinstance(base, Checkpoint):  # it may have become one since the draft was begun
            local.content = base
            node = self._state.node_of(local)
            if node is not None:
                node.content, node.shown = base, None
        self._state.drafts.let_go(draft)

    def _end_unchanged(self, local: LocalFile) -> None:
        """A file of the project that has nothing of its own is as the project has it."""
        state = self._state
        folders, changes = set[CollectionId](), [local.record()]
        if local.follows and local.asset is not None and local.version is None:
            folders, changes = state.namespace.settle([local.asset])
        state.journal.soon(changes)
        if folders:
            state.show_again(folders)

    def propose(
        self, local: LocalFile, changes: list[Change], *, begun: float | None = None
    ) -> Version | None:
        """Make the sealed content of a file a version of its name, if it may be one; what to journal is added
        to ``changes``. Why it may not is in ``local.reason``. ``begun``: when the name's file began to be
        something else; now, if it is another file's content.
        """
        state = self._state
        if not self._may_be_sent(local):
            return None
        earlier = local.version
        now = trio.current_time()
        version = Version(
            id=CheckpointId(state.new_id()),
            order=state.next_order(),
            asset=local.asset or AssetId(state.new_id()),
            is_new=local.is_new or local.asset is None,
            file=local.id,
            draft=state.drafts.hold(local.draft) if local.draft is not None else None,
            content=local.content if local.draft is None else None,
            base=local.base,
            mtime_ns=local.mtime_ns,
            executable=bool(local.mode & 0o111),
            comment=local.comment if now - local.commented_at < _COMMENT_HOLDS else "",
            first_closed=now,
            closed=now,
        )
        if earlier is not None and version.joins(earlier, state.times, now if begun is None else begun):
            version.base = earlier.base
            if earlier.state is VersionState.WAITING:
                version.first_closed = earlier.first_closed
            changes.append(state.finish(earlier, VersionState.SUPERSEDED))
        elif earlier is not None and earlier.is_on_its_way:
            version.base = earlier.id
        if local.asset is None:
            local.asset, local.is_new = version.asset, True
        local.comment = ""
        local.reason = ""
        local.version = version
        state.versions[version.id] = version
        state.locals.add(local)
        changes.append(version.record())
        state.stir(version.due(state.times, is_written=False) - now)
        return version

    def _may_be_sent(self, local: LocalFile) -> bool:
        state = self._state
        if local.removed or not stat.S_ISREG(local.kind) or local.moved_from is not None:
            return False
        if local.follows:
            return True
        if local.is_ignored or local.is_tracked is False:
            return False
        if not state.options.tracks and local.is_tracked is not True:
            local.reason = "new files are sent when you say so: mountfs track"
        elif not may_add(state.viewer):
            missing = next(
                toggle
                for toggle in (Toggle.CREATE_ASSET, Toggle.CREATE_CHECKPOINT)
                if toggle not in state.viewer.may
            )
            local.reason = f"your role may not make new files in the project (it lacks {missing.value})"
        else:
            return True
        return False


def require_checkpoint(state: LocalState, asset_id: AssetId) -> None:
    """NotFound, NotPermitted or NotAssigned unless the viewer may record the asset's next checkpoint."""
    asset = state.namespace.catalogue.assets.get(asset_id)
    if asset is None:
        raise NotAssigned("this is not yours to change any more")
    viewer = state.viewer
    if may_checkpoint(viewer, asset):
        return
    if Toggle.CREATE_CHECKPOINT not in viewer.may:
        raise NotPermitted(Toggle.CREATE_CHECKPOINT)
    if asset.is_resource and not asset.is_link:
        raise NotPermitted(Toggle.UPDATE_ASSET)
    raise NotAssigned("this task is somebody else's")
