"""Changing folders: a new one is local until something in it is sent or it has rested."""

from __future__ import annotations

import errno

import trio

from mountfs.errors import NotFound, NotPermitted
from mountfs.model import CollectionId, Toggle
from mountfs.workspace.disk import Change
from mountfs.workspace.locals import LocalFolder
from mountfs.workspace.looks import FolderLook
from mountfs.workspace.nodes import CollectionFolder, Folder, Node
from mountfs.workspace.places import require_name, writable_folder
from mountfs.workspace.state import LocalState


class Folders:
    """Makes, renames and removes the folders of one mount. Each holds `LocalState.names`."""

    def __init__(self, state: LocalState) -> None:
        self._state = state

    async def mkdir(self, folder: Folder, name: bytes, mode: int) -> CollectionFolder:
        """A new folder, which is local until something in it is sent or it has rested."""
        state = self._state
        async with state.names:
            place = writable_folder(state, folder)
            if state.namespace.child(place, name) is not None:
                raise FileExistsError(errno.EEXIST, "this name is in use")
            is_ignored = state.is_ignored(place.collection, name, is_folder=True)
            require_name(state, place, name, is_ignored=is_ignored)
            made = LocalFolder(
                CollectionId(state.new_id()),
                place.collection,
                name,
                is_ignored,
                state.clock_ns(),
                trio.current_time(),
            )
            look = FolderLook(mode & 0o7777, made.mtime_ns, None, made.mtime_ns)
            changes = [made.record(), look.record(made.id, 0)]
            await state.journal.commit(changes, why="made", durable=False)
            state.namespace.looks[made.id] = look
            state.locals.add_folder(made)
            node = state.namespace.folder_node(place, made.id)
            state.namespace.place(place, name, node)
            state.stir(state.times.grace)
            return node

    async def rmdir(self, folder: Folder, name: bytes) -> CollectionFolder:
        """Remove an empty local folder; the folder, if it is one of the project's and so the studio's."""
        state = self._state
        async with state.names:
            place = writable_folder(state, folder)
            node = state.namespace.child(place, name)
            if node is None:
                raise NotFound("there is nothing of this name")
            if not isinstance(node, Folder):
                raise NotADirectoryError(errno.ENOTDIR, "this is not a folder")
            if not isinstance(node, CollectionFolder):
                raise NotPermitted(Toggle.DELETE_COLLECTION)
            if state.namespace.children(node):
                raise OSError(errno.ENOTEMPTY, "this folder is not empty")
            made = state.locals.folders.get(node.collection)
            if made is not None:
                made.removed = True
                changes = [made.record(), Change("look", made.id, None)]
                try:
                    await state.journal.commit(changes, why="removed", durable=False)
                except OSError:
                    made.removed = False
                    raise
                if made.is_being_made:
                    state.namespace.catalogue.unwanted.add(made.id)
                state.locals.take_out_folder(made)
                state.namespace.looks.pop(made.id, None)
                state.namespace.unplace(place, name)
            return node

    async def rename(
        self,
        source: CollectionFolder,
        name: bytes,
        node: Folder,
        target: CollectionFolder,
        new_name: bytes,
        there: Node | None,
    ) -> Folder | None:
        """Give a local folder another name; a folder of the project is only answered."""
        state = self._state
        if not isinstance(node, CollectionFolder):
            raise NotPermitted(Toggle.UPDATE_COLLECTION)
        if there is not None:
            if not isinstance(there, Folder):
                raise NotADirectoryError(errno.ENOTDIR, "a file has this name")
            if not isinstance(there, CollectionFolder) or state.namespace.children(there):
                raise OSError(errno.ENOTEMPTY, "a folder with this name is not empty")
            if there.collection not in state.locals.folders:
                raise OSError(errno.ENOTEMPTY, "a folder of the project has this name")
        made = state.locals.folders.get(node.collection)
        is_ignored = state.is_ignored(target.collection, new_name, is_folder=True)
        if there is None:
            recased = source is target and name.lower() == new_name.lower()
            require_name(state, target, new_name, is_ignored=is_ignored, besides=name if recased else None)
        if made is None:
            return node
        changes: list[Change] = []
        replaced = state.locals.folders.get(there.collection) if isinstance(there, CollectionFolder) else None
        if replaced is not None:
            replaced.removed = True
            changes.append(replaced.record())
        before = made.parent, made.name, made.is_ignored
        made.parent, made.name, made.is_ignored = target.collection, new_name, is_ignored
        try:
            await state.journal.commit([*changes, made.record()], why="renamed", durable=False)
        except OSError:
            made.parent, made.name, made.is_ignored = before
            if replaced is not None:
                replaced.removed = False
            raise
        if replaced is not None:
            state.locals.take_out_folder(replaced)
        state.locals.add_folder(made)
        state.namespace.look_of(made.id).ctime_ns = state.clock_ns()
        node.shown = None
        state.namespace.unplace(source, name)
        state.namespace.place(target, new_name, node)
        state.stir(state.times.quiet)
        return None
