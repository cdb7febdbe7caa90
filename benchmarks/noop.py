"""A pyfuse3 mount that does nothing: the floor that Python on FUSE allows.

It shows a tree taken from a JSON file (``{"path": size or null for a folder}``), answers every read with
zeros and caches as mountfs does (long timeouts, keep_cache, READDIRPLUS). What mountfs needs beyond this is
its own cost.

    python -m benchmarks.noop TREE.json MOUNTPOINT
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pyfuse3
import trio

_TIMEOUT = 3600.0
_ZEROS = bytes(1 << 20)


class Noop(pyfuse3.Operations):
    """The tree, and zeros."""

    def __init__(self, tree: dict[str, int | None]) -> None:
        super().__init__()
        self.attributes: dict[int, pyfuse3.EntryAttributes] = {}
        self.children: dict[int, dict[bytes, int]] = {pyfuse3.ROOT_INODE: {}}
        self.listings: dict[int, list[tuple[bytes, int]]] = {}
        inodes: dict[str, int] = {"": pyfuse3.ROOT_INODE}
        self._add(pyfuse3.ROOT_INODE, None)
        for number, (path, size) in enumerate(sorted(tree.items()), start=2):
            parent, _, name = path.rpartition("/")
            inodes[path] = number
            self._add(number, size)
            self.children[inodes[parent]][os.fsencode(name)] = number

    def _add(self, inode: int, size: int | None) -> None:
        entry = pyfuse3.EntryAttributes()
        entry.st_ino = inode
        entry.entry_timeout = entry.attr_timeout = _TIMEOUT
        entry.st_uid, entry.st_gid = os.getuid(), os.getgid()
        entry.st_nlink = 1
        if size is None:
            entry.st_mode = stat.S_IFDIR | 0o755
            self.children.setdefault(inode, {})
        else:
            entry.st_mode = stat.S_IFREG | 0o644
            entry.st_size, entry.st_blocks = size, (size + 511) // 512
        self.attributes[inode] = entry

    async def lookup(self, parent: int, name: bytes, ctx: object) -> pyfuse3.EntryAttributes:
        try:
            return self.attributes[self.children[parent][name]]
        except KeyError:
            raise pyfuse3.FUSEError(2) from None

    async def getattr(self, inode: int, ctx: object) -> pyfuse3.EntryAttributes:
        return self.attributes[inode]

    async def opendir(self, inode: int, ctx: object) -> int:
        self.listings[inode] = list(self.children[inode].items())
        return inode

    async def readdir(self, handle: int, start: int, token: pyfuse3.ReaddirToken) -> None:
        listing = self.listings[handle]
        for index in range(start, len(listing)):
            name, inode = listing[index]
            if not pyfuse3.readdir_reply(token, name, self.attributes[inode], index + 1):
                return

    async def open(self, inode: int, flags: int, ctx: object) -> pyfuse3.FileInfo:
        return pyfuse3.FileInfo(fh=inode, keep_cache=True)

    async def read(self, handle: int, offset: int, length: int) -> bytes:
        return _ZEROS[: max(0, min(length, self.attributes[handle].st_size - offset))]


def main() -> None:
    """Mount until unmounted."""
    tree, mount_point = Path(sys.argv[1]), sys.argv[2]
    operations = Noop(json.loads(tree.read_text()))
    pyfuse3.init(operations, mount_point, {"fsname=noop", "ro", "default_permissions"})
    try:
        trio.run(pyfuse3.main)
    finally:
        pyfuse3.close(unmount=True)


if __name__ == "__main__":
    main()
