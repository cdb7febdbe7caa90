"""Telling the kernel to forget names and attributes.

These calls may block until a request in the same folder is answered. Made on the event loop, which has to
answer it, they deadlock so hard that even kill -9 does not help. So they are made by one thread that belongs
to nothing else, holds no locks and is never waited for.
"""

from __future__ import annotations

import errno
import logging
import queue
import threading

import pyfuse3

from mountfs.workspace.namespace import News

log = logging.getLogger(__name__)


class Invalidation:
    """The thread that tells the kernel. Starts at once; `close` disarms it."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[News | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="invalidation", daemon=True).start()

    def tell(self, news: News) -> None:
        """Have the kernel forget what changed. Returns at once."""
        if news:
            self._queue.put(news)

    def close(self) -> None:
        """No more calls from now on; called before the session goes away."""
        self._closed.set()
        self._queue.put(None)

    def _run(self) -> None:
        while (news := self._queue.get()) is not None:
            for ino in news.attributes:
                self._forget_attributes(ino)
            for parent, name in news.names:
                self._forget_name(parent, name)

    def _forget_attributes(self, ino: int) -> None:
        if not self._closed.is_set():
            try:
                pyfuse3.invalidate_inode(pyfuse3.InodeT(ino), attr_only=True)
            except OSError as exc:
                self._report(exc, f"the attributes of inode {ino}")

    def _forget_name(self, parent: int, name: bytes) -> None:
        if not self._closed.is_set():
            try:
                pyfuse3.invalidate_entry(pyfuse3.InodeT(parent), pyfuse3.FileNameT(name))
            except OSError as exc:
                self._report(exc, f"a name in inode {parent}")

    def _report(self, exc: OSError, what: str) -> None:
        # ENOENT: the kernel did not know it. Nothing at all can be done once the mount has gone.
        if exc.errno not in (errno.ENOENT, errno.ENOTCONN, errno.ENODEV) and not self._closed.is_set():
            log.warning("the kernel was not told to forget %s: %s", what, exc)
