"""Waking when another process has written a file, by inotify, or when it is over.

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
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

_MODIFY, _MOVED_TO, _CREATE, _CLOSE_WRITE = 0x2, 0x80, 0x100, 0x8
_EVENT = struct.Struct("iIII")

_libc = ctypes.CDLL(None, use_errno=True)


class Bell:
    """Lets everybody go who waits. Its descriptor is closed when it rang and the last of them has left."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        self._listeners = 0
        self._rung = False

    @contextmanager
    def listening(self) -> Iterator[int | None]:
        """A descriptor that becomes readable when the bell rings; None if it has rung already."""
        with self._lock:
            if self._rung:
                descriptor = None
            else:
                descriptor = self._descriptor
                self._listeners += 1
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                with self._lock:
                    self._listeners -= 1
                    self._leave()

    def ring(self) -> None:
        """Let them go. Twice is no error."""
        with self._lock:
            if not self._rung:
                self._rung = True
                os.eventfd_write(self._descriptor, 1)
                self._leave()

    def _leave(self) -> None:
        if self._rung and not self._listeners:
            os.close(self._descriptor)


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
