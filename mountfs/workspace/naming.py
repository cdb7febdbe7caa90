"""Changing names: making, renaming and removing files and folders.

The right is asked for the effect, not for the system call. Programs save by way of temporary and backup
names: they move an asset's file to a backup and a new file to its name, or remove it and make it anew. So
what goes from an asset's name leaves a *vacancy*, which nobody else sees. When the name is filled again, what
fills it is the next content of the same asset; when the grace time ends first, the asset is renamed or
trashed (`Settling`).

Every change is written to the journal before it is done, and done at once then.
"""

from __future__ import annotations

import copy
import errno
import secrets
import stat

import trio

from mountfs.errors import NotFound, NotPermitted
from mountfs.model import AssetId, Toggle
from mountfs.workspace.disk import Change
from mountfs.workspace.folders import Folders
from mountfs.workspace.locals import LocalFile, Vacancy
from mountfs.workspace.nodes import CollectionFolder, File, Folder, Node, Special
from mountfs.workspace.places import require_name, writable_folder
from mountfs.workspace.saving import Saving, require_checkpoint
from mountfs.workspace.state import LocalState
from mountfs.workspace.versions import VersionState


class _Before:
    """What a file, the one it replaces and their versions were before a rename, which may fail."""

    def __init__(
        self, state: LocalState, file: LocalFile, replaced: LocalFile | None, vacancy: Vacancy | None
    ) -> None:
        self._state = state
        self._file = copy.copy(file)
        self._of = file
        self._replaced = replaced
        self._is_known = file.id in state.locals.files
        self._last = state.last_order
        files = (file, replaced, vacancy)
        found = {each.version.id: each.version for each in files if each is not None and each.version}
        self._versions = [(each, each.state, each.draft, each.file) for each in found.values()]
        for _, _, draft, _ in self._versions:
            if draft is not None:
                state.drafts.hold(draft)

    def bring_back(self) -> None:
        """All is as it was."""
        state, file, before = self._state, self._of, self._file
        for version in list(state.versions.values()):
            if version.order > self._last and version.file == file.id:
                state.finish(version, VersionState.DROPPED)
        for version, how, draft, owner in self._versions:
            version.file = owner
            if version.state in (VersionState.DROPPED, VersionState.SUPERSEDED) and how is not version.state:
                version.state, version.draft, version.done = how, draft, trio.Event()
                state.versions[version.id] = version
                if draft is not None:
                    state.drafts.hold(draft)
        file.folder, file.name, file.is_ignored = before.folder, before.name, before.is_ignored
        file.asset, file.is_new, file.base = before.asset, before.is_new, before.base
        file.moved_from, file.version, file.is_tracked = before.moved_from, before.version, before.is_tracked
        if self._is_known:
            state.locals.add(file)
        else:
            state.locals.take_out(file)
        if self._replaced is not None:
            self._replaced.removed = False
            if self._replaced.id in state.locals.files:
                state.locals.add(self._replaced)

    def let_go(self) -> None:
        """It is decided."""
        for _, _, draft, _ in self._versions:
            if draft is not None:
                self._state.drafts.let_go(draft)


class Naming:
    """Changes of names through one mount. Each holds `LocalState.names`."""

    def __init__(self, state: LocalState, saving: Saving, folders: Folders) -> None:
        self._state = state
        self._folders = folders
        self._saving = saving

    async def create(self, folder: Folder, name: bytes, mode: int) -> File:
        """A new file. OSError, NotPermitted, NameInvalid."""
        async with self._state.names:
            node = await self._make(folder, name, stat.S_IFREG, stat.S_IMODE(mode), b"")
            assert isinstance(node, File)
            return node

    async def make_special(self, folder: Folder, name: bytes, mode: int, target: bytes = b"") -> Node:
        """A new symbolic link, FIFO or socket, or a regular file; they stay on this machine."""
        async with self._state.names:
            return await self._make(folder, name, stat.S_IFMT(mode), stat.S_IMODE(mode), target)

    async def _make(self, folder: Folder, name: bytes, kind: int, mode: int, target: bytes) -> Node:
        state = self._state
        place = writable_folder(state, folder)
        if state.namespace.child(place, name) is not None:
            raise FileExistsError(errno.EEXIST, "this name is in use")
        is_ignored = not stat.S_ISREG(kind) or state.is_ignored(place.collection, name)
        vacancy = state.locals.vacancy_at(place.collection, name)
        if vacancy is None or not stat.S_ISREG(kind):
            require_name(state, place, name, is_ignored=is_ignored)
        file = LocalFile(
            id=state.locals.new_id(),
            ino=secrets.randbits(63) | 1 << 62,
            folder=place.collection,
            name=name,
            kind=kind,
            mode=mode & 0o7777,
            mtime_ns=state.clock_ns(),
            target=target,
            is_ignored=is_ignored,
            made_at=trio.current_time(),
        )
        changes: list[Change] = []
        if vacancy is not None and stat.S_ISREG(kind) and not vacancy.is_ending:
            self._fill(vacancy, file, changes)
        changes.append(file.record())
        await state.journal.commit(changes, why="made", durable=False)
        state.locals.add(file)
        if vacancy is not None and file.asset is not None:
            self._end_vacancy(vacancy)
        node = state.namespace.local_node(place, file)
        state.namespace.place(place, name, node)
        state.stir(state.times.grace)
        return node

    async def unlink(self, folder: Folder, name: bytes) -> None:
        """Remove a name. An asset goes to the trash after the grace time, if nothing takes its name."""
        state = self._state
        async with state.names:
            place = writable_folder(state, folder)
            node = state.namespace.child(place, name)
            if node is None:
                raise NotFound("there is nothing of this name")
            if isinstance(node, Folder):
                raise IsADirectoryError(errno.EISDIR, "this is a folder")
            if not isinstance(node, File | Special):
                raise NotPermitted(Toggle.DELETE_ASSET)
            changes: list[Change] = []
            vacancy = self._leave(place, name, node, None)
            local = node.local
            dropped = local.version if local is not None and vacancy is None else None
            if local is not None:
                local.removed = True
                changes.append(local.record())
            if dropped is not None:
                changes.append(Change("version", dropped.id, None))
            try:
                await state.journal.commit(changes, why="removed", durable=False)
            except OSError:
                if local is not None:
                    local.removed = False
                    if isinstance(node, File) and not node.writers and local.is_changed:
                        await self._saving.released(node)  # it was closed meanwhile
                raise
            if vacancy is None:
                vacancy = self._leave(place, name, node, None)  # it may have arrived meanwhile
            if dropped is not None and vacancy is None:
                state.journal.also(state.finish(dropped, VersionState.DROPPED))
            self._gone(node)
            if vacancy is not None:
                state.locals.vacancies[vacancy.asset] = vacancy
            state.namespace.unplace(place, name)
            self._reveal(place, local)
            state.stir(state.times.grace)

    async def rename(
        self, folder: Folder, name: bytes, to: Folder, new_name: bytes, *, replace: bool
    ) -> Folder | None:
        """Give a file another name; what has that name is replaced. A folder of the project is answered,
        since only the studio can rename it.
        """
        state = self._state
        async with state.names:
            source, target = writable_folder(state, folder), writable_folder(state, to)
            node = state.namespace.child(source, name)
            there = state.namespace.child(target, new_name)
            if node is None:
                raise NotFound("there is nothing of this name")
            if there is not None and not replace:
                raise FileExistsError(errno.EEXIST, "this name is in use")
            if there is node:
                return None
            if isinstance(node, Folder):
                return await self._folders.rename(source, name, node, target, new_name, there)
            if not isinstance(node, File | Special):
                raise NotPermitted(Toggle.UPDATE_ASSET)
            if isinstance(there, Folder):
                raise IsADirectoryError(errno.EISDIR, "a folder has this name")
            await self._rename_file(source, name, node, target, new_name, there)
            return None

    # Files

    async def _rename_file(
        self,
        source: CollectionFolder,
        name: bytes,
        node: File | Special,
        target: CollectionFolder,
        new_name: bytes,
        there: Node | None,
    ) -> None:
        state = self._state
        if there is not None and not isinstance(there, File | Special):
            raise NotPermitted(Toggle.UPDATE_ASSET)
        vacancy = state.locals.vacancy_at(target.collection, new_name)
        asset = self._asset_of(there) if there is not None else None
        if asset is not None:
            require_checkpoint(state, asset)
        if isinstance(node, Special) and (asset is not None or vacancy is not None):
            raise NotPermitted(Toggle.UPDATE_ASSET)
        is_ignored = isinstance(node, Special) or state.is_ignored(target.collection, new_name)
        if there is None and vacancy is None:
            recased = source is target and name.lower() == new_name.lower()
            require_name(state, target, new_name, is_ignored=is_ignored, besides=name if recased else None)
        local = node.local or self._localize(node, source, name)
        left = self._leave(source, name, node, local)
        changes: list[Change] = []
        replaced = there.local if there is not None else None
        before = _Before(state, local, replaced, vacancy)
        local.folder, local.name, local.is_ignored = target.collection, new_name, is_ignored
        local.ctime_ns = state.clock_ns()
        if left is not None:
            # Its versions stay with the name it leaves.
            left.version, local.version = local.version, None
            local.asset, local.is_new, local.moved_from = None, False, left.asset
        is_save = False
        if vacancy is not None and not vacancy.is_ending:
            if vacancy.to is local:  # it comes back
                self._come_back(vacancy, local)
                left = None
            else:
                self._fill(vacancy, local, changes)
                is_save = True
        elif asset is not None:
            self._become(local, asset, changes)
            if replaced is not None and replaced.version is not None:
                local.version, local.base = replaced.version, replaced.version.base
            is_save = True
        elif replaced is not None and replaced.is_new:
            self._inherit(local, replaced, changes)
            is_save = True
        elif is_ignored and local.is_new and local.version is not None:
            changes.append(state.finish(local.version, VersionState.DROPPED))
            local.version, local.asset, local.is_new = None, None, False
        if is_save:
            earlier = state.locals.vacancies.get(local.moved_from) if local.moved_from else None
            local.moved_from = None
            for empty in (left, earlier):
                if empty is not None:
                    empty.to = None
        if replaced is not None:
            replaced.removed = True
            changes.append(replaced.record())
        if not local.is_changed and (
            is_save or (not is_ignored and local.version is None and not local.follows)
        ):
            self._saving.propose(local, changes)
        try:
            if local.draft is not None and local.draft.is_sealed:
                await self._saving.sync_sealed(local.draft, changes)
            elif local.is_changed and is_save:
                await self._saving.make_durable(local, "renamed onto")
            changes.append(local.record())
            await state.journal.commit(changes, why="renamed onto" if is_save else "renamed", durable=is_save)
        except BaseException:
            self._saving.not_recorded(local.draft)
            before.bring_back()
            raise
        finally:
            before.let_go()
        if replaced is not None and replaced.version is not None and replaced.version is local.version:
            local.version.file = local.id
        if there is not None:
            self._gone(there)
        if vacancy is not None and (is_save or vacancy.to is local):
            self._end_vacancy(vacancy)
        if left is not None:
            state.locals.vacancies[left.asset] = left
        node.local = local
        node.shown = None
        if isinstance(node, File):
            node.is_unlinked = False
            state.namespace.local_node(target, local)
        state.locals.add(local)
        if local.draft is not None:
            state.drafts.count_as(local.draft, scratch=local.is_ignored)
        state.namespace.unplace(source, name)
        if source is not target and state.namespace.child(source, new_name) is node:
            state.namespace.unplace(source, new_name)  # it was listed while it was on its way
        state.namespace.place(target, new_name, node)
        self._reveal(source, local)
        state.stir(state.times.quiet)

    def _reveal(self, place: CollectionFolder, gone: LocalFile | None) -> None:
        """Show what a file hid that is not there any more."""
        if gone is not None and gone.hides:
            gone.hides = False
            self._state.show_again([place.collection])

    def _leave(
        self, place: CollectionFolder, name: bytes, node: File | Special, local: LocalFile | None
    ) -> Vacancy | None:
        """What it means that a file goes from its name: the vacancy of its asset, if it has one."""
        asset = self._asset_of(node)
        if asset is None:
            return None
        require_checkpoint(self._state, asset)
        version = node.local.version if node.local is not None else None
        return Vacancy(asset, place.collection, name, trio.current_time(), local, version)

    def _asset_of(self, node: Node) -> AssetId | None:
        """The asset whose file a name shows, if it exists in the project."""
        if not isinstance(node, File):
            return None
        if node.local is None:
            return node.asset
        return node.local.asset if node.local.follows else None

    def _localize(self, node: File | Special, place: CollectionFolder, name: bytes) -> LocalFile:
        """A file that is as the project has it gets a place of its own."""
        assert isinstance(node, File)
        return LocalFile(
            id=self._state.locals.new_id(),
            ino=node.ino,
            folder=place.collection,
            name=name,
            mode=stat.S_IMODE(self._state.namespace.clean_mode(node)),
            mtime_ns=self._state.namespace.clean_mtime(node),
            ctime_ns=self._state.clock_ns(),
            content=node.content,
            base=node.content.id if node.content is not None else None,
            made_at=trio.current_time(),
        )

    def _fill(self, vacancy: Vacancy, file: LocalFile, changes: list[Change]) -> None:
        """A name that was empty for a moment shows this file: the next content of the same asset."""
        self._become(file, vacancy.asset, changes)
        if vacancy.version is not None:
            file.version = vacancy.version
            file.base = vacancy.version.base
            vacancy.version.file = file.id

    def _become(self, file: LocalFile, asset: AssetId, changes: list[Change]) -> None:
        state = self._state
        if file.version is not None:
            # It was on its way to be another asset.
            changes.append(state.finish(file.version, VersionState.DROPPED))
            file.version = None
        head = state.namespace.catalogue.assets[asset].head
        file.base = state.heads.seen(asset, head, file.made_at)
        file.asset, file.is_new, file.is_ignored, file.is_tracked = asset, False, False, None

    def _inherit(self, file: LocalFile, replaced: LocalFile, changes: list[Change]) -> None:
        """A file replaces one that is on its way to be an asset: it is that asset's next content."""
        if file.version is not None:
            changes.append(self._state.finish(file.version, VersionState.DROPPED))
        file.asset, file.is_new, file.version = replaced.asset, True, replaced.version
        file.base = replaced.version.base if replaced.version is not None else None
        if file.version is not None:
            file.version.file = file.id

    def _come_back(self, vacancy: Vacancy, file: LocalFile) -> None:
        file.asset, file.is_new, file.moved_from = vacancy.asset, False, None
        file.version = vacancy.version

    def _end_vacancy(self, vacancy: Vacancy) -> None:
        state = self._state
        state.locals.vacancies.pop(vacancy.asset, None)
        moved = vacancy.to
        if moved is not None and moved.moved_from == vacancy.asset and not moved.removed:
            # The name goes on without it: it is a file of its own now.
            moved.moved_from = None
            changes: list[Change] = []
            if not moved.is_changed:
                self._saving.propose(moved, changes)
            for change in (*changes, moved.record()):
                state.journal.also(change)

    def _gone(self, node: Node) -> None:
        """A node has no name any more; who has it open goes on with it."""
        if not isinstance(node, File | Special):
            return
        local = node.local
        if local is not None:
            self._state.locals.take_out(local)
            local.removed = True
            local.version = None
            local.ctime_ns = self._state.clock_ns()
            if isinstance(node, Special) or node.opens == 0:
                self._state.release(local)
        if isinstance(node, File):
            node.is_unlinked = True
        node.shown = None
