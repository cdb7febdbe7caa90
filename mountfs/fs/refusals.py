"""The requests that change something, on a mount that changes nothing: EROFS, each of them.

The mount has the option ``ro``, so the kernel answers them itself. These are for root, who can remount it
otherwise. A name that is too long says so here as it does everywhere.
"""

from __future__ import annotations

import errno
from typing import Any

import pyfuse3
from pyfuse3 import FUSEError

LONGEST_NAME = 255
"""Bytes of one name. The kernel passes on longer ones and leaves it to us to refuse them."""


def check_name(name: bytes) -> None:
    """ENAMETOOLONG for a name that no file system takes."""
    if len(name) > LONGEST_NAME:
        raise FUSEError(errno.ENAMETOOLONG)


def _refusal(*names_at: int) -> Any:
    """A handler that refuses; its arguments at these places are names."""

    async def refuse(_: pyfuse3.Operations, *arguments: Any) -> None:
        for place in names_at:
            check_name(arguments[place])
        raise FUSEError(errno.EROFS)

    return refuse


class ReadOnly(pyfuse3.Operations):
    """A mount on which nothing can be changed."""

    mknod = _refusal(1)
    mkdir = _refusal(1)
    create = _refusal(1)
    symlink = _refusal(1)
    link = _refusal(2)
    rename = _refusal(1, 3)
    unlink = _refusal(1)
    rmdir = _refusal(1)
    write = _refusal()
    setattr = _refusal()
    setxattr = _refusal()
    removexattr = _refusal()
