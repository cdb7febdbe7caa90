"""Waking when another process has written a file, by inotify.

SQLite writes its log with `write`, so a watch on the folder sees every commit of every process on this
machine. The folder is watched and not the log itself, because the log comes and goes. No descriptor of the
file is opened, which matters to its locks (see `connections`). Python has no inotify of its own; three
calls of the C library are enough.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from pathlib import Path
from types import TracebackType

_MODIFY, _MOVED_TO, _CREATE, _CLOSE_WRITE = 0x2, 0x80, 0x100, 0x8
_EVENT = struct.Struct("iIII")

_libc = ctypes.CDLL(None, use_errno=True)


class FolderWatch:
    """Sees writes to files of one folder whose names begin with a given name.

    Raises OSError when the kernel has no watch to give (their number per user is limited).
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._name = os.fsencode(name)
        self._inotify = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._inotify < 0:
            raise OSError(ctypes.get_errno(), "inotify is not available")
        mask = _MODIFY | _MOVED_TO | _CREATE | _CLOSE_WRITE
        if _libc.inotify_add_watch(self._inotify, os.fsencode(folder), mask) < 0:
            number = ctypes.get_errno()
            os.close(self._inotify)
            raise OSError(number, "the folder cannot be watched", str(folder))

    def wait(self, timeout: float, wake: int) -> bool:
        """Block until such a file is written, the descriptor ``wake`` is readable, or ``timeout`` seconds
        have passed. True when a file was written."""
        poll = select.poll()
        poll.register(self._inotify, select.POLLIN)
        poll.register(wake, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(max(timeout, 0.0) * 1000)]
        return self._inotify in ready and self._drain()

    def _drain(self) -> bool:
        seen = False
        try:
            events = os.read(self._inotify, 65536)
        except BlockingIOError:
            return False
        at = 0
        while at < len(events):
            _, _, _, length = _EVENT.unpack_from(events, at)
            at += _EVENT.size
            seen = seen or events[at : at + length].rstrip(b"\0").startswith(self._name)
            at += length
        return seen

    def __enter__(self) -> FolderWatch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._inotify)
