"""Who works with a folder just now, and who wants it alone: locks of the kernel on the folder itself.

They leave nothing behind, and end with the process that holds them, however it ends. Some network file
systems have no such locks, and nothing better either: there everybody is let in.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mountfs.errors import MountfsError

_NO_LOCKS = frozenset({errno.ENOTSUP, errno.ENOLCK, errno.EBADF, errno.EINVAL})


@contextmanager
def used(folder: Path, otherwise: MountfsError | None = None) -> Iterator[None]:
    """Be one of those who work with a folder. While somebody has it alone: raise ``otherwise``, or wait if it
    is None."""
    with _locked(folder, fcntl.LOCK_SH | (fcntl.LOCK_NB if otherwise is not None else 0), otherwise):
        yield


@contextmanager
def alone_with(folder: Path, otherwise: MountfsError) -> Iterator[None]:
    """Be the only one who works with a folder. ``otherwise`` is raised when somebody else does."""
    with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB, otherwise):
        yield


@contextmanager
def _locked(folder: Path, how: int, otherwise: MountfsError | None) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, how)
        except BlockingIOError:
            assert otherwise is not None
            raise otherwise from None
        except OSError as exc:
            if exc.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)
