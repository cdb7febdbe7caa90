"""The requests of the kernel, each translated, passed on and answered. No decisions are made here.

READDIRPLUS gives every listed name its attributes, so that a walk asks nothing more; long timeouts and
`keep_cache` let the kernel answer what it was told once, which stays right because another content is always
another inode. `Operations` only reads: requests that change something cannot come, since the kernel refuses
them on such a mount; if they do they are answered with EROFS as well. `fs/writing.py` has those that change.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Sequence

import pyfuse3
import trio
import trio.lowlevel
from pyfuse3 import FUSEError

from mountfs.errors import NotFound
from mountfs.fs.answers import Deadlines, answers, within
from mountfs.fs.entries import Entries, Ownership
from mountfs.fs.handles import FileHandle, FolderHandle, Handles
from mountfs.fs.previews import ALLOWANCE, makes_previews
from mountfs.fs.refusals import LONGEST_NAME, ReadOnly, check_name
from mountfs.workspace.nodes import AssetHistory, Folder, Node
from mountfs.workspace.reading import Bytes
from mountfs.workspace.workspace import Workspace
from mountfs.workspace.xattrs import PREFIX

log = logging.getLogger(__name__)

_BLOCK = 4096
_MADE_READY = 20_000
"""Names that are worked out before anybody asks: about 10 MB of memory and 0.1 s."""


class Operations(ReadOnly):
    """Answers the kernel for one workspace, and changes nothing. ``serving`` is called once, when the kernel
    and we have agreed.
    """

    supports_dot_lookup = True
    enable_writeback_cache = False
    enable_acl = False
    spares_previews = False
    """Whether programs that make previews get the beginning of a file only."""

    def __init__(
        self,
        workspace: Workspace,
        ownership: Ownership,
        deadlines: Deadlines,
        serving: Callable[[], None],
    ) -> None:
        super().__init__()
        self._workspace = workspace
        self._entries = Entries(workspace, ownership)
        self._deadlines = deadlines
        self._serving = serving
        self._handles = Handles()

    def init(self) -> None:
        """The kernel's first request has come."""
        self._serving()

    @property
    def open_files(self) -> int:
        """How many files are open now."""
        return len(self._handles.files)

    @property
    def in_use(self) -> bool:
        """Whether a file or a folder is open now."""
        return bool(self._handles.files or self._handles.folders)

    async def make_ready(self) -> None:
        """Work out what a first walk over the project will ask for, while nobody asks anything.

        A listing that is worked out only when it is asked for takes half as long again. Never raises: whoever
        asks for a listing that cannot be worked out is told.
        """
        try:
            await self._make_ready()
        except Exception:  # a convenience must not end the mount
            log.exception("listings are not made ready any more")

    async def _make_ready(self) -> None:
        made = 0
        for listing in self._workspace.listings():
            for node in listing:
                self._entries.of(node)
            made += len(listing)
            if made > _MADE_READY:
                return
            await trio.lowlevel.checkpoint()  # requests come first

    # -- names and attributes ------------------------------------------------------------------------------

    @answers
    async def lookup(
        self, parent_inode: int, name: bytes, ctx: pyfuse3.RequestContext
    ) -> pyfuse3.EntryAttributes:
        """What a name is. A name that does not exist is an answer too, which the kernel remembers."""
        check_name(name)
        node = self._node(parent_inode)
        if not isinstance(node, Folder):
            if name == b".":
                return self._given(node)
            raise FUSEError(errno.ENOTDIR)
        if name == b"." or (name == b".." and node.parent is None):
            return self._given(node)
        if name == b"..":
            return self._given(node.parent or node)
        found = self._workspace.child_nowait(node, name)
        if found is None and isinstance(node, AssetHistory):
            with within(self._deadlines.answer, "looking into a history"):
                found = await self._workspace.child(node, name)
            if found is None:
                raise FUSEError(errno.ENOENT)  # not to be remembered: the next version may get this name
        return self._entries.nothing if found is None else self._given(found)

    @answers
    async def getattr(self, inode: int, ctx: pyfuse3.RequestContext) -> pyfuse3.EntryAttributes:
        """The attributes of a node."""
        return self._entries.of(self._node(inode))

    async def forget(self, inode_list: Sequence[tuple[int, int]]) -> None:
        """The kernel gives references back."""
        for ino, count in inode_list:
            self._workspace.forget(ino, count)

    @answers
    async def access(self, inode: int, mode: int, ctx: pyfuse3.RequestContext) -> bool:
        """Asked only without default_permissions: what exists may be asked about, and nothing be written."""
        self._node(inode)
        if mode & os.W_OK:
            raise FUSEError(errno.EROFS)
        return True

    @answers
    async def readlink(self, inode: int, ctx: pyfuse3.RequestContext) -> bytes:
        """There are no symbolic links."""
        self._node(inode)
        raise FUSEError(errno.EINVAL)

    # -- folders -------------------------------------------------------------------------------------------

    @answers
    async def opendir(self, inode: int, ctx: pyfuse3.RequestContext) -> int:
        """Open a folder; which names are listed is fixed here."""
        node = self._node(inode)
        if not isinstance(node, Folder):
            raise FUSEError(errno.ENOTDIR)
        listing = self._workspace.listing_nowait(node)
        if listing is None:
            with within(self._deadlines.answer, "listing a history"):
                listing = await self._workspace.listing(node)
        return self._handles.add_folder(FolderHandle(node, listing))

    @answers
    async def readdir(self, fh: int, start_id: int, token: pyfuse3.ReaddirToken) -> None:
        """Names with their attributes, as many as fit, without those that have gone meanwhile."""
        handle = self._handles.folders[fh]
        of, reply = self._entries.of, pyfuse3.readdir_reply
        if start_id == 0 and handle.begun:  # rewinddir: what has changed since shows
            fresh = self._workspace.listing_nowait(handle.node)
            handle.listing = handle.listing if fresh is None else fresh
        handle.begun = True
        for place, name in ((0, b"."), (1, b"..")):
            if place >= start_id:  # of these two the kernel keeps no reference
                node = handle.node if place == 0 else handle.node.parent or handle.node
                if not reply(token, name, of(node), place + 1):
                    return
        listing, now = handle.listing, self._workspace.names_nowait(handle.node)
        for place in range(max(0, start_id - 2), len(listing)):
            name, node = listing[place]
            if now is not None:  # the kernel knows what is told here as what the name is
                found = now.get(name)
                if found is None:
                    continue
                node = found
            if not reply(token, name, of(node), place + 3):
                break
            node.lookups += 1

    @answers
    async def releasedir(self, fh: int) -> None:
        """Close a folder."""
        self._handles.folders.pop(fh, None)

    @answers
    async def fsyncdir(self, fh: int, datasync: bool) -> None:
        """Nothing here is waiting to be written."""

    # -- files ---------------------------------------------------------------------------------------------

    @answers
    async def open(self, inode: int, flags: int, ctx: pyfuse3.RequestContext) -> pyfuse3.FileInfo:
        """Open a file for reading. What the kernel has cached of it stays: the bytes under a number are
        fixed.
        """
        node = self._node(inode)
        if flags & os.O_ACCMODE != os.O_RDONLY or flags & os.O_TRUNC:
            raise FUSEError(errno.EROFS)
        handle = FileHandle(node, self._workspace.open(node), allowance=self._allowance(ctx))
        return pyfuse3.FileInfo(fh=pyfuse3.FileHandleT(self._handles.add_file(handle)), keep_cache=True)

    def _allowance(self, ctx: pyfuse3.RequestContext) -> int | None:
        return ALLOWANCE if self.spares_previews and makes_previews(ctx.pid) else None

    @answers
    async def read(self, fh: int, off: int, size: int) -> Bytes:  # type: ignore[override]
        """Bytes of a file, exactly as many as asked for, or up to its end."""
        handle = self._handles.files[fh]
        if handle.allowance is not None:
            handle.allowance -= size
            if handle.allowance < 0:
                raise FUSEError(errno.EACCES)
        data = handle.content.read_nowait(off, size)
        if data is not None:
            return data
        if not self._workspace.may_still_read(handle.node):
            with within(self._deadlines.read, "reading"):
                if not await self._workspace.is_here(handle.node, off, size):
                    raise FUSEError(errno.EACCES)
        try:
            with within(self._deadlines.read, "reading"):
                return await handle.content.read(off, size)
        except NotFound as exc:  # out of sight since a moment; the name is gone, the handle is refused
            raise FUSEError(errno.EACCES) from exc

    @answers
    async def flush(self, fh: int) -> None:
        """Nothing can have been written. ENOSYS on purpose: the kernel then leaves out this request for the
        whole life of the mount, which saves a sixth of the time of reading a small file."""
        raise FUSEError(errno.ENOSYS)

    @answers
    async def release(self, fh: int) -> None:
        """Close a file."""
        handle = self._handles.files.pop(fh, None)
        if handle is not None:
            handle.content.close()

    @answers
    async def fsync(self, fh: int, datasync: bool) -> None:
        """Nothing can have been written."""

    # -- the whole -----------------------------------------------------------------------------------------

    @answers
    async def statfs(self, ctx: pyfuse3.RequestContext) -> pyfuse3.StatvfsData:
        """Figures from memory: `df` must never hang."""
        space = self._workspace.space
        found = pyfuse3.StatvfsData()
        found.f_bsize = found.f_frsize = _BLOCK
        found.f_blocks = space.total // _BLOCK
        room = self._workspace.room
        free = space.free if room is None else min(space.free, room)
        found.f_bfree = found.f_bavail = free // _BLOCK
        found.f_files = sum(self._workspace.tree_size)
        found.f_ffree = found.f_favail = 0
        found.f_namemax = LONGEST_NAME
        return found

    @answers
    async def getxattr(self, inode: int, name: bytes, ctx: pyfuse3.RequestContext) -> bytes:
        """Attributes of our own. ENODATA for others that could be there, EOPNOTSUPP where none can."""
        node = self._node(inode)
        value = self._workspace.xattr(node, name) if name.startswith(PREFIX) else None
        if value is not None:
            return value
        if name.startswith((b"user.", b"security.", b"trusted.")):
            raise FUSEError(errno.ENODATA)
        raise FUSEError(errno.EOPNOTSUPP)

    @answers
    async def listxattr(self, inode: int, ctx: pyfuse3.RequestContext) -> Sequence[bytes]:
        """None are listed, so that copying tools stay quiet."""
        self._node(inode)
        return []

    def _node(self, inode: int) -> Node:
        node = self._workspace.node(inode)
        if node is None:
            raise FUSEError(errno.ESTALE)
        return node

    def _given(self, node: Node) -> pyfuse3.EntryAttributes:
        """The attributes of a node in an answer that gives the kernel a reference to it."""
        entry = self._entries.of(node)
        node.lookups += 1
        return entry
