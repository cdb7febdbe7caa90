"""A mount that can be written to: the parts that do it, put together for whoever has the kernel's requests.

`Writing` is what `Workspace.writing` is, or None in a mount that only reads. What has more than a line in it
is done by `Saving` (contents), `Naming` (names), `Publisher` (the way to the studio) and `Status` (telling
people).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import trio

from mountfs import names
from mountfs.errors import NotFound, NotPermitted, Refused, StudioUnavailable, WouldWiden
from mountfs.interfaces import ChunkStore, Studio
from mountfs.model import AssetId, Checkpoint, Toggle
from mountfs.workspace.asking import Asking
from mountfs.workspace.contents import Contents
from mountfs.workspace.disk import Change, Disk
from mountfs.workspace.folders import Folders
from mountfs.workspace.manifests import Manifests
from mountfs.workspace.metadata import Metadata
from mountfs.workspace.namespace import Namespace
from mountfs.workspace.naming import Naming
from mountfs.workspace.news import News
from mountfs.workspace.nodes import CollectionFolder, File, Folder, Node, Special
from mountfs.workspace.offering import Offering
from mountfs.workspace.publisher import Publisher
from mountfs.workspace.reading import OpenFile
from mountfs.workspace.replicated import far
from mountfs.workspace.saving import Saving, require_checkpoint
from mountfs.workspace.state import LocalState, SaveOptions
from mountfs.workspace.status import Status

log = logging.getLogger(__name__)

_LONGEST_COMMENT = 4096
_LAST_SENDING = 20.0
"""Seconds for sending what was closed when the mount ends; what is left is sent by the next mount."""


class Writing:
    """Everything that changes in one mount. `run` must be running."""

    def __init__(
        self,
        namespace: Namespace,
        studio: Studio,
        chunks: ChunkStore,
        manifests: Manifests,
        open_checkpoint: Callable[[Checkpoint], OpenFile],
        disk: Disk,
        kept_folder: Path,
        options: SaveOptions,
        ignored: Iterable[str],
        clock_ns: Callable[[], int],
        new_id: Callable[[], str],
        tell: Callable[[News], None],
    ) -> None:
        self._far = remote = far(studio)
        epoch = (lambda: remote.epoch) if remote is not None else None
        self.state = LocalState(namespace, disk, options, ignored, clock_ns, new_id, tell, epoch)
        self.saving = Saving(self.state)
        self.metadata = Metadata(self.state, self.saving)
        self.folders = Folders(self.state)
        self.naming = Naming(self.state, self.saving, self.folders)
        self.ask = Asking(abandons=self._far is not None)
        contents = Contents(self.state, chunks, manifests, open_checkpoint, abandons=self._far is not None)
        self.publisher = Publisher(self.state, self.saving, studio, self.ask, contents, manifests)
        self.status = Status(self.state, self.saving, contents, studio, self.ask, kept_folder)
        self.offering = Offering(self.state, studio, self.ask)
        self._studio = studio
        self.state.restore(self.state.journal.load())

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the journal and send what is due, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.state.journal.run)
            nursery.start_soon(self.publisher.run)
            nursery.start_soon(self.offering.run)
            task_status.started()

    async def finish(self) -> None:
        """Nothing can be open any more: seal what was flushed, and send it while there is time, unless nobody
        is there to take it."""
        for file in list(self.state.locals.files.values()):
            if file.is_changed and not file.is_damaged and not file.reason:
                try:
                    await self.saving.seal(file)
                except OSError as exc:
                    log.error("%s could not be kept safe: %s", self.state.path_of_file(file), exc)
        if self._far is None or self._far.offline_since is None:
            with trio.move_on_after(_LAST_SENDING):
                await self.status.wait("", _LAST_SENDING)
        if unsent := sum(version.is_on_its_way for version in self.state.versions.values()):
            log.info("%d versions are on this machine only; the next mount sends them", unsent)
        with trio.move_on_after(1.0):
            await self.state.journal.commit([], why="finished", durable=True)

    # Folders of the project

    async def rmdir(self, folder: Folder, name: bytes) -> None:
        """Remove an empty folder; a collection goes to the trash."""
        node = await self.folders.rmdir(folder, name)
        if node.collection in self.state.namespace.catalogue.collections:
            await self.publisher.grace.end_names_in(node.collection)
            with suppress(NotFound):  # it is away already: somebody was quicker, or an answer was lost
                await self.ask(self._studio.trash, node.collection)
            self.state.namespace.catalogue.forget_collection(node.collection)
            if self.state.namespace.looks.pop(node.collection, None) is not None:
                self.state.journal.also(Change("look", node.collection, None))
            self.state.show_again({folder.collection} if isinstance(folder, CollectionFolder) else ())

    async def rename(
        self, folder: Folder, name: bytes, to: Folder, new_name: bytes, *, replace: bool
    ) -> None:
        """Give a file or a folder another name. WouldWiden if that would show an asset to someone new."""
        await self._require_same_sight(folder, name, to, new_name)
        node = await self.naming.rename(folder, name, to, new_name, replace=replace)
        if isinstance(node, CollectionFolder) and isinstance(to, CollectionFolder):
            parent = await self.publisher.grace.collection_of(to.collection)
            text = names.file_text(new_name)
            await self.ask(self._studio.rename, node.collection, text, "", parent)
            self.state.namespace.catalogue.move_collection(node.collection, text, parent)
            self.state.namespace.look_of(node.collection).ctime_ns = self.state.clock_ns()
            node.shown = None
            places = {to.collection}
            if isinstance(folder, CollectionFolder):
                places.add(folder.collection)
            self.state.namespace.rework(places)

    async def _require_same_sight(self, folder: Folder, name: bytes, to: Folder, new_name: bytes) -> None:
        """Only the studio knows who sees a folder, so it is asked when an asset goes to another one. Whatever
        else it has against the new name is said when the grace has ended: programs move files for a moment.
        """
        if folder is to or not isinstance(to, CollectionFolder):
            return
        node = self.state.namespace.child(folder, name) if isinstance(folder, CollectionFolder) else None
        if not isinstance(node, File) or node.asset not in self.state.namespace.catalogue.assets:
            return
        place = to.collection
        while (local := self.state.locals.folders.get(place)) is not None:
            place = local.parent
        with suppress(UnicodeDecodeError):
            short, extension = names.split(new_name.decode())
            try:
                await self.ask(self._studio.check_rename, node.asset, short, extension, place)
            except WouldWiden:
                raise
            except (Refused, NotFound) as exc:
                log.debug("%s may not stay where it is moved to: %s", short, exc)
            except StudioUnavailable as exc:  # it is asked again when the grace has ended, and may say no
                log.debug("nobody can say yet whether %s may stay where it is moved to: %s", short, exc)

    # What a person says of a file

    async def set_xattr(self, node: Node, key: bytes, value: bytes) -> None:
        """Set one of our own attributes: the comment of the next version, or the status of an asset."""
        if not isinstance(node, File):
            raise NotPermitted(Toggle.UPDATE_ASSET)
        text = value.decode(errors="replace")[:_LONGEST_COMMENT]
        if key == b"comment":
            require_checkpoint(self.state, node.asset)
            self.status.comment(node, text)
        elif key == b"status":
            if node.asset not in self.state.namespace.catalogue.assets:
                raise NotFound("only assets have a status")
            await self.ask(self._studio.set_status, AssetId(node.asset), text)
        else:
            raise NotPermitted(Toggle.UPDATE_ASSET)

    # Handles

    def opened(self, node: File, *, writable: bool) -> None:
        """A handle was made."""
        node.opens += 1
        node.writers += writable
        if node.content is not None and not node.is_unlinked:
            self.state.heads.opened(node.asset, node.content)

    def not_opened(self, node: File, *, writable: bool) -> None:
        """A handle was made and could not be given to anybody."""
        node.opens -= 1
        node.writers -= writable

    async def closed(self, node: File, *, writable: bool) -> None:
        """A handle has gone."""
        node.opens -= 1
        if writable:
            node.writers -= 1
            if node.writers == 0:
                await self.saving.released(node)
        if node.opens == 0 and node.is_unlinked and node.local is not None:
            self.state.release(node.local)

    def link_target(self, node: Node) -> bytes | None:
        """Where a symbolic link leads; None if it is none."""
        return node.local.target if isinstance(node, Special) and node.local.target else None
