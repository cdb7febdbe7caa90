"""One viewer's project as folders and open files: what `fs` translates the kernel's requests to.

Names, attributes and failed look-ups are answered from memory. Only three things wait: the first look into
the history of an asset, and reads.

News of the project comes in through `refresh` and `reload`, whose answers say what the kernel has to forget.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import trio

from mountfs.content.disk_cache import DiskCache
from mountfs.content.library import ContentLibrary
from mountfs.errors import MountfsError, NotFound, NotPermitted
from mountfs.interfaces import ChunkStore, Studio
from mountfs.model import Asset, Changes, Checkpoint, ChunkId, Manifest, ProjectId, Toggle, Tree
from mountfs.rights import may_read, may_see_history
from mountfs.workspace import xattrs
from mountfs.workspace.attributes import Attributes, attributes_of
from mountfs.workspace.disk import Disk
from mountfs.workspace.folder_order import FolderOrder
from mountfs.workspace.keeping import Keeping
from mountfs.workspace.manifests import Manifests
from mountfs.workspace.namespace import Namespace
from mountfs.workspace.news import News
from mountfs.workspace.nodes import AssetHistory, File, Folder, Link, Node, Version
from mountfs.workspace.opened import OpenNode
from mountfs.workspace.reading import OpenBody, OpenCheckpoint, OpenFile
from mountfs.workspace.replicated import far, reach_of
from mountfs.workspace.space import Space, SpaceWatch
from mountfs.workspace.state import SaveOptions
from mountfs.workspace.writing import Writing

log = logging.getLogger(__name__)

HISTORY_FRESH = 1.0
"""Seconds for which the versions of an asset are known once they were asked for. Nothing is told of a version
other than the newest that comes or goes, so nobody remembers their names for longer.
"""

_PIECE = 1 << 20
"""Bytes of small files that are made ready together: about a millisecond of work."""

_OFFERED = 64
"""Files that stay decoded although they were offered: the reader may ask before the kernel has them. More
would be in memory twice, and each new chunk in memory that no processor has in its cache."""


class Workspace:
    """A mounted project, without the kernel. `run` must be running.

    ``offer`` is called with numbers and whole contents of small files that will probably be read next.
    """

    def __init__(
        self,
        project: ProjectId,
        studio: Studio,
        tree: Tree,
        library: ContentLibrary,
        space: SpaceWatch,
        clock: Callable[[], float],
        offer: Callable[[Sequence[tuple[int, bytes | memoryview]]], None],
    ) -> None:
        self._studio = studio
        self._library = library
        self._space = space
        self._offer = offer
        self._studio_calls = trio.CapacityLimiter(4)
        self._manifests = Manifests(studio, self._studio_calls)
        self._order = FolderOrder()
        self._namespace = Namespace(tree, project, clock)
        self._offered: deque[Manifest] = deque()
        self.keeping: Keeping | None = None
        """What stays on this machine; None where content lies on it anyway."""
        self.writing: Writing | None = None
        """What changes things; None in a mount that only reads."""
        self._to_make_ready, self._readers_ahead = trio.open_memory_channel[list[File]](64)

    def make_writable(
        self,
        chunks: ChunkStore,
        disk: Disk,
        kept_folder: Path,
        options: SaveOptions,
        ignored: Iterable[str],
        clock_ns: Callable[[], int],
        new_id: Callable[[], str],
        tell: Callable[[News], None],
    ) -> Writing:
        """Let programs change things, with what an earlier mount left on ``disk``. Blocks; before `run`."""
        self.writing = Writing(
            self._namespace,
            self._studio,
            chunks,
            self._manifests,
            self._open_checkpoint,
            disk,
            kept_folder,
            options,
            ignored,
            clock_ns,
            new_id,
            tell,
        )
        return self.writing

    def keep_in(self, cache: DiskCache, chunks: ChunkStore, mine: str) -> None:
        """Have content that comes from far away stay in a cache. ``mine`` names this mount there."""
        remote = far(self._studio)
        take_gone = remote.take_gone if remote is not None else set[ChunkId]
        self.keeping = Keeping(
            cache,
            chunks,
            self._manifests,
            lambda: self._namespace.catalogue,
            mine,
            take_gone,
            self._studio.needed_for,
        )

    @property
    def reach(self) -> Mapping[str, object] | None:
        """Whether the studio is reached; see `reach_of`."""
        return reach_of(self._studio)

    @property
    def tree_size(self) -> tuple[int, int]:
        """How many assets and collections the viewer sees."""
        catalogue = self._namespace.catalogue
        return len(catalogue.assets), len(catalogue.collections)

    @property
    def space(self) -> Space:
        """The latest figures of the disks."""
        return self._space.now

    @property
    def room(self) -> int | None:
        """Bytes that may still be changed before they are sent; None: as many as the disks have."""
        return self.writing.state.drafts.room if self.writing is not None else None

    def node(self, ino: int) -> Node | None:
        """The node of an inode number."""
        return self._namespace.nodes.get(ino)

    def show_at_most(self, bits: int) -> None:
        """Permission bits that may show where no program has given any: fewer where others may come in."""
        self._namespace.default_bits = bits

    def forget(self, ino: int, count: int) -> None:
        """The kernel gave back references to a node."""
        self._namespace.nodes.forget(ino, count)

    def attributes(self, node: Node) -> Attributes:
        """What `stat` says of a node."""
        return attributes_of(node, self._namespace)

    def xattr(self, node: Node, name: bytes) -> bytes | None:
        """The value of an extended attribute of our own, or None."""
        if self.writing is not None and isinstance(node, File):
            if name == xattrs.PREFIX + b"state":
                return self.writing.status.node_state(node).encode()
            if name == xattrs.PREFIX + b"checkpoint_error":
                return self.writing.status.error_of(node).encode() or None
        return xattrs.value_of(node, name, self._namespace.catalogue)

    async def settle(self, node: Node) -> None:
        """End the quiet time of a file, or of what an asset's history is of, and wait for its version."""
        if self.writing is not None and isinstance(node, File | AssetHistory) and node.asset:
            await self.writing.status.settle_asset(node.asset)

    def child_nowait(self, folder: Folder, name: bytes) -> Node | None:
        """What a name is, from memory; None if nothing, or if it is a version and the history of its asset
        has to be asked for.
        """
        if isinstance(folder, AssetHistory) and not self._is_fresh(folder):
            return None
        return self._namespace.child(folder, name)

    async def child(self, folder: Folder, name: bytes) -> Node | None:
        """What a name is. Waits only in the history of an asset that was not looked into just now."""
        found = self._namespace.child(folder, name)
        if isinstance(folder, AssetHistory) and not self._is_fresh(folder):
            await self.look_into(folder)
            found = self._namespace.child(folder, name)
        return found

    def listing_nowait(self, folder: Folder) -> list[tuple[bytes, Node]] | None:
        """Everything in a folder, in order; None where `look_into` comes first."""
        names = self.names_nowait(folder)
        return None if names is None else list(names.items())

    def names_nowait(self, folder: Folder) -> Mapping[bytes, Node] | None:
        """Everything in a folder as it is now, by name; None where `look_into` comes first."""
        return None if isinstance(folder, AssetHistory) else self._namespace.children(folder)

    async def listing(self, folder: Folder) -> list[tuple[bytes, Node]]:
        """Everything in a folder, in order."""
        if isinstance(folder, AssetHistory):
            await self.look_into(folder)
        return list(self._namespace.children(folder).items())

    def listings(self) -> Iterator[Sequence[Node]]:
        """Everything in each folder, from the top down, worked out when it is asked for."""
        waiting: deque[Folder] = deque([self.root])
        while waiting:
            children = list(self._namespace.children(waiting.popleft()).values())
            yield children
            waiting += (child for child in children if isinstance(child, Folder) and child.attached)

    async def look_into(self, folder: AssetHistory) -> None:
        """Fetch the versions of an asset. NotFound, NotPermitted. Nothing is changed if cancelled."""
        await self.settle(folder)
        asset = self._namespace.catalogue.assets.get(folder.asset)
        versions = await trio.to_thread.run_sync(
            self._studio.history, folder.asset, limiter=self._studio_calls, abandon_on_cancel=True
        )
        self._namespace.set_history(folder, versions)
        folder.complete = self._namespace.catalogue.assets.get(folder.asset) is asset
        folder.asked_at = trio.current_time()

    def _is_fresh(self, folder: AssetHistory) -> bool:
        return folder.complete and trio.current_time() - folder.asked_at < HISTORY_FRESH

    def open(self, node: Node) -> OpenFile:
        """Open a file's content. NotPermitted if the viewer may have no bytes."""
        if isinstance(node, Link):
            return OpenBody(node.body)
        if not isinstance(node, File | Version):
            raise NotFound("this has no content")
        if not may_read(self._namespace.catalogue.viewer) and (isinstance(node, Version) or node.asset):
            raise NotPermitted(Toggle.PULL_CHUNK)
        if isinstance(node, Version) and not may_see_history(self._namespace.catalogue.viewer):
            raise NotPermitted(Toggle.VIEW_CHECKPOINT)
        if isinstance(node, File):
            if node.content is not None and node.local is None and (ahead := self._order.opened(node)):
                self._make_ready(node, ahead)
            return OpenNode(node, self._open_checkpoint)
        return self._open_checkpoint(node.content)

    def _open_checkpoint(self, content: Checkpoint) -> OpenFile:
        if content.size == 0:
            return OpenBody(b"")
        if self.keeping is None:
            return OpenCheckpoint(content, self._manifests, self._library, self._is_lost)
        self.keeping.opened(content.id)
        closed = partial(self.keeping.closed, content.id)
        return OpenCheckpoint(content, self._manifests, self._library, self._is_lost, closed)

    def _is_lost(self) -> bool:
        remote = far(self._studio)
        return remote is None or remote.is_lost

    def may_still_read(self, node: Node) -> bool:
        """Whether an open file may have bytes that are not decoded yet: not once it is out of sight, or is
        history to a viewer who may not see that any more.
        """
        catalogue = self._namespace.catalogue
        in_sight = not isinstance(node, File | Version) or node.asset in catalogue.assets
        if isinstance(node, File) and node.local is not None:
            return True
        if isinstance(node, Version) and not may_see_history(catalogue.viewer):
            return False
        return in_sight and may_read(catalogue.viewer)

    async def is_here(self, node: Node, offset: int, length: int) -> bool:
        """Whether this machine has a range of an open file that is out of sight: what was there to be read a
        moment ago still is. A look at the disk."""
        content = node.content if isinstance(node, File | Version) else None
        if self.keeping is None or content is None or (isinstance(node, File) and node.local is not None):
            return False
        if not may_read(self._namespace.catalogue.viewer):
            return False
        return await self.keeping.is_here(content.id, offset, length)

    def ask(self) -> bool:
        """News is asked for now: what this mount has the studio do from now on may not be in the answer. True
        if something that it did before was in none yet; then the answer is not to be waited for.
        """
        return self._namespace.catalogue.ask()

    @property
    def awaits_news(self) -> bool:
        """Whether something that was done here was in no news yet."""
        return self._namespace.catalogue.awaits_news

    @property
    def is_behind(self) -> bool:
        """Whether the news that was taken over last did not know yet of something that was done here."""
        return self._namespace.catalogue.is_behind

    def refresh(self, changes: Changes) -> News:
        """Take over changes; what the kernel has to forget."""
        self._note_heads(changes.assets)
        news = self._namespace.refresh(changes)
        if self.writing is not None:
            self.writing.state.accepted.follow(self._namespace.catalogue, changes)
        self._journal_settled()
        return news

    def reload(self, tree: Tree) -> News:
        """Take over a whole tree; what the kernel has to forget."""
        self._note_heads(tree.assets.values())
        news = self._namespace.reload(tree)
        self._journal_settled()
        return news

    def _note_heads(self, assets: Iterable[Asset]) -> None:
        """Remember what names showed until now, for files that are made from that."""
        if self.writing is None:
            return
        known, now = self._namespace.catalogue.assets, trio.current_time()
        assets = list(assets)
        self.writing.publisher.arrivals.leave_unwanted(each.id for each in assets)
        for asset in assets:
            before = known.get(asset.id)
            if before is not None and before.head != asset.head:
                self.writing.state.heads.replaced(asset.id, before.head, now)

    def _journal_settled(self) -> None:
        if self.writing is not None:
            for change in self._namespace.settled:
                self.writing.state.journal.also(change)
            self.writing.state.stir()
            self.writing.offering.look()

    @property
    def root(self) -> Folder:
        """The top of the mount."""
        return self._namespace.root

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve what is fetched in the background, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._manifests.run)
            if self.keeping is not None:
                nursery.start_soon(self.keeping.run)
            nursery.start_soon(self._space.run)
            nursery.start_soon(self._serve_readers_ahead)
            if self.writing is not None:
                await nursery.start(self.writing.run)
            await nursery.start(self._library.run)
            task_status.started()

    def _make_ready(self, opened: File, files: list[File]) -> None:
        self._manifests.start(file.content.id for file in (opened, *files) if file.content is not None)
        try:
            for piece in _pieces(files):
                self._to_make_ready.send_nowait(piece)
        except trio.WouldBlock:
            log.debug("too many folders are read at once: %d files are not made ready", len(files))

    async def _serve_readers_ahead(self) -> None:
        async for files in self._readers_ahead:
            try:
                await self._read_ahead(files)
            except Exception:  # nobody has asked for it yet, and nobody else is to be without a mount for it
                log.exception("making files ready failed unexpectedly")

    async def _read_ahead(self, files: Sequence[File]) -> None:
        manifests: dict[int, Manifest] = {}
        for file in files:
            try:
                if file.content is not None and file.content.size and file.local is None:
                    manifests[file.ino] = await self._manifests.get(file.content.id)
            except MountfsError as exc:  # whoever reads the file is told
                log.debug("a manifest could not be made ready: %s", exc)
        await self._library.prefetch(manifests.values())
        wholes = [
            (file.ino, self._whole(manifests[file.ino]))
            for file in files
            if file.ino in manifests and file.local is None  # not what a program has changed meanwhile
        ]
        self._offer([(ino, whole) for ino, whole in wholes if whole is not None])
        self._offered += manifests.values()
        while len(self._offered) > _OFFERED:
            self._library.let_go(self._offered.popleft())

    def _whole(self, manifest: Manifest) -> bytes | memoryview | None:
        try:
            content = self._library.open(manifest)
        except MountfsError as exc:  # whoever reads the file is told
            log.debug("a file could not be made ready: %s", exc)
            return None
        whole = content.read_nowait(0, manifest.size)
        content.close()
        return whole


def _pieces(files: Sequence[File]) -> Iterator[list[File]]:
    piece: list[File] = []
    size = 0
    for file in files:
        length = file.content.size if file.content is not None else 0
        if piece and size + length > _PIECE:
            yield piece
            piece, size = [], 0
        piece.append(file)
        size += length
    if piece:
        yield piece
