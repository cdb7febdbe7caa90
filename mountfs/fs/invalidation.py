"""Telling the kernel unasked: what to forget, and what will be read next.

These calls may block until a request in the same folder is answered. Made on the event loop, which has to
answer it, they deadlock so hard that even kill -9 does not help. So they are made by one thread that belongs
to nothing else, holds no locks and is never waited for.
"""

from __future__ import annotations

import errno
import logging
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pyfuse3
import trio

from mountfs.workspace.news import News

log = logging.getLogger(__name__)

_LAST_CALL = 2.0
"""Seconds for the call that is being made when the mount ends."""

_MOST_WAITING = 16
"""Requests to store that wait; more would only take memory."""


@dataclass(frozen=True, slots=True)
class _Contents:
    files: Sequence[tuple[int, bytes | memoryview]]


class Invalidation:
    """The thread that tells the kernel. Starts at once; `close` disarms it."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[News | _Contents | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._storing = threading.Lock()
        """Held while the kernel is given a content, so never waited for on the event loop."""
        self._written: set[int] = set()
        self._thread = threading.Thread(target=self._run, name="invalidation", daemon=True)
        self._thread.start()

    def tell(self, news: News) -> None:
        """Have the kernel forget what changed. Returns at once."""
        if news:
            self._queue.put(news)

    def store(self, files: Sequence[tuple[int, bytes | memoryview]]) -> None:
        """Put the whole contents of files into the kernel's cache, so that reading them asks nothing. Returns
        at once. The bytes under a number are fixed until it is written to (`keep_out`), so it does not matter
        when this comes, or if it does."""
        if self._queue.qsize() < _MOST_WAITING:
            self._queue.put(_Contents(files))

    async def keep_out(self, ino: int) -> None:
        """From when this returns nothing is stored for a number: what a program writes to it would be
        replaced in the kernel's cache, and then sent here as what the program wrote.
        """
        self._written.add(ino)
        if self._storing.locked():  # it may be this one that is being stored
            await trio.to_thread.run_sync(self._wait_for_store)

    def _wait_for_store(self) -> None:
        with self._storing:
            pass

    def close(self) -> None:
        """No more calls from now on; called before the session goes away."""
        self._closed.set()
        self._queue.put(None)
        self._thread.join(_LAST_CALL)

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            if isinstance(job, _Contents):
                for ino, whole in job.files:
                    self._store(ino, whole)
                continue
            for ino in job.attributes:
                self._forget_attributes(ino)
            for parent, name in job.names:
                self._forget_name(parent, name)

    def _store(self, ino: int, whole: bytes | memoryview) -> None:
        with self._storing:
            if self._closed.is_set() or ino in self._written:
                return
            try:
                pyfuse3.notify_store(pyfuse3.InodeT(ino), 0, whole)  # type: ignore[arg-type]  # any buffer
            except OSError as exc:
                log.debug("the kernel does not take the content of inode %d: %s", ino, exc)

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
