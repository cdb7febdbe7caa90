"""A program behind a mount that tells the kernel of news in a folder while a request there is not answered.

    deaf.py MOUNT_POINT SOCKET UID

Says ``ready``; and, when somebody looks for the name ``slow``, the id of the thread that tells.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
import threading

import pyfuse3
import trio


class Deaf(pyfuse3.Operations):
    """One folder, in which looking for a name has no end."""

    async def getattr(self, inode: pyfuse3.InodeT, ctx: pyfuse3.RequestContext) -> pyfuse3.EntryAttributes:
        """A folder."""
        del ctx
        entry = pyfuse3.EntryAttributes()
        entry.st_ino, entry.st_mode, entry.st_nlink = inode, stat.S_IFDIR | 0o755, 2
        return entry

    async def lookup(
        self, parent_inode: pyfuse3.InodeT, name: pyfuse3.FileNameT, ctx: pyfuse3.RequestContext
    ) -> pyfuse3.EntryAttributes:
        """Never answered, if it is the name."""
        del ctx
        if name != b"slow":
            raise pyfuse3.FUSEError(errno.ENOENT)

        def tell() -> None:
            print(threading.get_native_id(), flush=True)
            pyfuse3.invalidate_entry(parent_inode, pyfuse3.FileNameT(b"other"))

        threading.Thread(target=tell, daemon=True).start()
        await trio.sleep_forever()
        raise AssertionError


def main() -> None:
    """Mount, and serve until killed."""
    mount_point, path, uid = sys.argv[1:]
    os.setuid(int(uid))  # by now: that user may not be able to read this
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        pyfuse3.init(Deaf(), mount_point, {"fsname=deaf", "subtype=mountfs"})
        print("ready", flush=True)
        trio.run(pyfuse3.main)


if __name__ == "__main__":
    main()
