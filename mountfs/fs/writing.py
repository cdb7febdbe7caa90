"""The requests of the kernel that change something, each translated, passed on and answered.

The kernel keeps written pages and sends them together (the writeback cache), so a WRITE may come late and
carry another program's handle: what is changed belongs to the node. FLUSH, which close() waits for, makes it
durable; RELEASE, which nobody waits for, makes it a version.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Awaitable, Callable

import pyfuse3
from pyfuse3 import FUSEError

from mountfs.fs.answers import Deadlines, answers, within
from mountfs.fs.entries import Ownership
from mountfs.fs.handles import FileHandle
from mountfs.fs.operations import Operations
from mountfs.fs.refusals import check_name
from mountfs.workspace.disk import Bytes
from mountfs.workspace.metadata import Given
from mountfs.workspace.nodes import File, Folder, Node
from mountfs.workspace.workspace import Workspace
from mountfs.workspace.writing import Writing
from mountfs.workspace.xattrs import PREFIX

_RENAME_NOREPLACE = 1


class WritableOperations(Operations):
    """Answers the kernel for one workspace that can be written to. ``xattrs``: answer questions for extended
    attributes; the kernel asks one before every write, and 4 KiB writes take several times as long for it.
    """

    enable_writeback_cache = True
    xattrs = False

    def __init__(
        self,
        workspace: Workspace,
        ownership: Ownership,
        deadlines: Deadlines,
        serving: Callable[[], None],
        keep_out: Callable[[int], Awaitable[None]],
    ) -> None:
        super().__init__(workspace, ownership, deadlines, serving)
        self._keep_out = keep_out
        """Sees to it that the kernel is given no content of an inode any more."""

    @property
    def _writing(self) -> Writing:
        writing = self._workspace.writing
        if writing is None:
            raise FUSEError(errno.EROFS)
        return writing

    # -- files ---------------------------------------------------------------------------------------------

    @answers
    async def open(self, inode: int, flags: int, ctx: pyfuse3.RequestContext) -> pyfuse3.FileInfo:
        """Open a file. What may not be written says so here, to root as well."""
        writable = flags & os.O_ACCMODE != os.O_RDONLY or bool(flags & os.O_TRUNC)
        if writable:
            with within(self._deadlines.answer, "opening a file"):
                await self._keep_out(inode)
        node = self._node(inode)
        if writable:
            if isinstance(node, File) and self._is_superseded(node):
                raise FUSEError(errno.ESTALE)  # the kernel looks the name up again
            self._writing.saving.require_writable(node)
        info = self._open(node, writable=writable)
        if not writable:
            self._handles.files[info.fh].allowance = self._allowance(ctx)
        if flags & os.O_TRUNC and isinstance(node, File):
            try:
                self._writing.saving.truncate(node, 0)
            except BaseException:  # the kernel will not release what it was not given
                self._handles.files.pop(info.fh).content.close()
                self._writing.not_opened(node, writable=writable)
                raise
        return info

    def _is_superseded(self, node: File) -> bool:
        """Whether the name shows something else by now, and nobody has this open."""
        return node.opens == 0 and (node.is_unlinked or (not node.attached and node.local is None))

    def _open(self, node: Node, *, writable: bool) -> pyfuse3.FileInfo:
        handle = FileHandle(node, self._workspace.open(node), writable)
        if isinstance(node, File):
            self._writing.opened(node, writable=writable)
        return pyfuse3.FileInfo(fh=pyfuse3.FileHandleT(self._handles.add_file(handle)), keep_cache=True)

    @answers
    async def create(
        self, parent_inode: int, name: bytes, mode: int, flags: int, ctx: pyfuse3.RequestContext
    ) -> tuple[pyfuse3.FileInfo, pyfuse3.EntryAttributes]:
        """Make a file and open it."""
        check_name(name)
        with within(self._deadlines.answer, "making a file"):
            node = await self._writing.naming.create(self._folder(parent_inode), name, mode)
        info = self._open(node, writable=flags & os.O_ACCMODE != os.O_RDONLY)
        return info, self._given(node)

    async def read(self, fh: int, off: int, size: int) -> Bytes:  # type: ignore[override]
        """Bytes of a file. The kernel reads the rest of a page before it changes a part of one: if that fails
        while the file is open for writing, what a program wrote never comes here.
        """
        try:
            return await super().read(fh, off, size)
        except FUSEError as exc:
            node = self._handles.files[fh].node
            if exc.errno == errno.EIO and isinstance(node, File) and node.writers:
                self._writing.saving.damage(node, OSError(errno.EIO, "what was there could not be read"))
            raise

    @answers
    async def write(self, fh: int, off: int, buf: bytes) -> int:
        """Change bytes of a file."""
        node = self._handles.files[fh].node
        assert isinstance(node, File)
        return self._writing.saving.write(node, off, buf)

    @answers
    async def flush(self, fh: int) -> None:
        """A descriptor is closed: what was written is on the disk when this is answered."""
        handle = self._handles.files[fh]
        node = handle.node
        if isinstance(node, File) and node.local is not None:
            if node.local.is_damaged and not handle.writable:
                return  # whoever reads it is not the one to be told
            with within(self._deadlines.read, "making a file durable"):
                await self._writing.saving.flush(node)

    @answers
    async def fsync(self, fh: int, datasync: bool) -> None:
        """What was written, and all names changed before, are on the disk when this is answered."""
        node = self._handles.files[fh].node
        if isinstance(node, File):
            with within(self._deadlines.read, "making a file durable"):
                await self._writing.saving.fsync(node)

    @answers
    async def fsyncdir(self, fh: int, datasync: bool) -> None:
        """All names changed before are on the disk when this is answered."""
        with within(self._deadlines.read, "making names durable"):
            await self._writing.state.journal.commit([], why="synced", durable=True)

    @answers
    async def release(self, fh: int) -> None:
        """The last copy of a descriptor was closed, and the last mapping."""
        handle = self._handles.files.pop(fh, None)
        if handle is None:
            return
        handle.content.close()
        if isinstance(handle.node, File):
            await self._writing.closed(handle.node, writable=handle.writable)

    @answers
    async def setattr(
        self,
        inode: int,
        attr: pyfuse3.EntryAttributes,
        fields: pyfuse3.SetattrFields,
        fh: int | None,
        ctx: pyfuse3.RequestContext,
    ) -> pyfuse3.EntryAttributes:
        """Change length, permissions or times."""
        if fields.update_size:
            with within(self._deadlines.answer, "cutting a file off"):
                await self._keep_out(inode)
        node = self._node(inode)
        saving = self._writing.saving
        if (fields.update_uid or fields.update_gid) and not self._entries.is_own(node, attr, fields):
            raise FUSEError(errno.EPERM)
        metadata = self._writing.metadata
        if fields.update_mode and not metadata.may_have(node, attr.st_mode):
            raise FUSEError(errno.EPERM)
        if fields.update_size:
            if not isinstance(node, File):
                raise FUSEError(errno.EINVAL)
            saving.require_writable(node)
            saving.truncate(node, attr.st_size)
            if node.writers == 0:
                with within(self._deadlines.answer, "cutting a file off"):
                    await saving.released(node)
        given = Given(
            stat.S_IMODE(attr.st_mode) if fields.update_mode else None,
            attr.st_mtime_ns if fields.update_mtime else None,
            attr.st_atime_ns if fields.update_atime else None,
            attr.st_ctime_ns if fields.update_ctime else None,
        )
        if given != Given():
            metadata.give(node, given)
        return self._entries.of(node)

    # -- names ---------------------------------------------------------------------------------------------

    @answers
    async def mknod(
        self, parent_inode: int, name: bytes, mode: int, rdev: int, ctx: pyfuse3.RequestContext
    ) -> pyfuse3.EntryAttributes:
        """Make a FIFO, a socket or a file; devices are none of ours."""
        check_name(name)
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise FUSEError(errno.EPERM)
        with within(self._deadlines.answer, "making a file"):
            node = await self._writing.naming.make_special(self._folder(parent_inode), name, mode)
        return self._given(node)

    @answers
    async def symlink(
        self, parent_inode: int, name: bytes, target: bytes, ctx: pyfuse3.RequestContext
    ) -> pyfuse3.EntryAttributes:
        """Make a symbolic link, which stays on this machine."""
        check_name(name)
        folder = self._folder(parent_inode)
        with within(self._deadlines.answer, "making a link"):
            node = await self._writing.naming.make_special(folder, name, stat.S_IFLNK | 0o777, target)
        return self._given(node)

    @answers
    async def readlink(self, inode: int, ctx: pyfuse3.RequestContext) -> bytes:
        """Where a symbolic link leads."""
        target = self._writing.link_target(self._node(inode))
        if target is None:
            raise FUSEError(errno.EINVAL)
        return target

    @answers
    async def link(
        self, inode: int, new_parent_inode: int, new_name: bytes, ctx: pyfuse3.RequestContext
    ) -> pyfuse3.EntryAttributes:
        """There are no hard links: two names would have one history."""
        check_name(new_name)
        raise FUSEError(errno.EPERM)

    @answers
    async def mkdir(
        self, parent_inode: int, name: bytes, mode: int, ctx: pyfuse3.RequestContext
    ) -> pyfuse3.EntryAttributes:
        """Make a folder."""
        check_name(name)
        with within(self._deadlines.answer, "making a folder"):
            node = await self._writing.folders.mkdir(self._folder(parent_inode), name, mode)
        return self._given(node)

    @answers
    async def unlink(self, parent_inode: int, name: bytes, ctx: pyfuse3.RequestContext) -> None:
        """Remove a file's name."""
        check_name(name)
        with within(self._deadlines.answer, "removing a file"):
            await self._writing.naming.unlink(self._folder(parent_inode), name)

    @answers
    async def rmdir(self, parent_inode: int, name: bytes, ctx: pyfuse3.RequestContext) -> None:
        """Remove an empty folder."""
        check_name(name)
        # What was removed from it a moment ago goes first, which may be very much.
        with within(self._deadlines.read, "removing a folder"):
            await self._writing.rmdir(self._folder(parent_inode), name)

    @answers
    async def rename(
        self,
        parent_inode_old: int,
        name_old: bytes,
        parent_inode_new: int,
        name_new: bytes,
        flags: int,
        ctx: pyfuse3.RequestContext,
    ) -> None:
        """Give a file or folder another name."""
        check_name(name_old)
        check_name(name_new)
        if flags & ~_RENAME_NOREPLACE:
            raise FUSEError(errno.EINVAL)
        source, target = self._folder(parent_inode_old), self._folder(parent_inode_new)
        with within(self._deadlines.answer, "renaming"):
            await self._writing.rename(
                source, name_old, target, name_new, replace=not flags & _RENAME_NOREPLACE
            )

    def _folder(self, inode: int) -> Folder:
        node = self._node(inode)
        if not isinstance(node, Folder):
            raise FUSEError(errno.ENOTDIR)
        return node

    # -- the rest ------------------------------------------------------------------------------------------

    @answers
    async def access(self, inode: int, mode: int, ctx: pyfuse3.RequestContext) -> bool:
        """Asked only without default_permissions."""
        node = self._node(inode)
        entry = self._entries.of(node)
        if mode & os.W_OK and not entry.st_mode & 0o222:
            raise FUSEError(errno.EACCES)
        if mode & os.X_OK and not entry.st_mode & 0o111:
            raise FUSEError(errno.EACCES)
        return True

    @answers
    async def getxattr(self, inode: int, name: bytes, ctx: pyfuse3.RequestContext) -> bytes:
        """Attributes of our own, unless this mount leaves them out: then the kernel never asks again."""
        if not self.xattrs:
            raise FUSEError(errno.ENOSYS)
        node = self._node(inode)
        if name in (PREFIX + b"checkpoint", PREFIX + b"number"):
            with within(self._deadlines.answer, "waiting for a version"):
                await self._workspace.settle(node)
        return await super().getxattr(inode, name, ctx)

    @answers
    async def setxattr(self, inode: int, name: bytes, value: bytes, ctx: pyfuse3.RequestContext) -> None:
        """Set a comment or a status; nothing else is kept."""
        node = self._node(inode)
        if not name.startswith(PREFIX):
            raise FUSEError(errno.EOPNOTSUPP)
        with within(self._deadlines.answer, "setting an attribute"):
            await self._writing.set_xattr(node, name.removeprefix(PREFIX), value)

    @answers
    async def removexattr(self, inode: int, name: bytes, ctx: pyfuse3.RequestContext) -> None:
        """There is nothing that could be removed."""
        self._node(inode)
        raise FUSEError(errno.ENODATA if name.startswith(PREFIX) else errno.EOPNOTSUPP)
