"""Waiting for a commit without a thread for each who waits: one thread a project, while anybody does."""

from __future__ import annotations

import asyncio
import logging
import threading

from mountfs.errors import MountfsError
from mountfs.storage.database import Database

log = logging.getLogger(__name__)

_LOOK = 5.0
"""Seconds for which the thread waits at a time; then it ends if nobody waits any more."""


class Bell:
    """Rings when anyone has committed to a project."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def version(self) -> int:
        """What `wait` wants to know: take it before looking for news."""
        return self._database.data_version()

    @property
    def is_closed(self) -> bool:
        """Whether there will be no more news."""
        return self._closed

    async def wait(self, since: int, seconds: float) -> None:
        """Return when somebody has committed after ``since``, or after so many seconds, or when the
        project is closed. Nothing is lost if it is cancelled."""
        rung = asyncio.Event()
        with self._lock:
            if self._closed:
                return
            self._waiting[rung] = asyncio.get_running_loop()
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="bell", daemon=True)
                self._thread.start()
        try:
            # Whoever commits from now on rings; whoever did before is seen here.
            if await asyncio.to_thread(self._database.data_version) == since:
                async with asyncio.timeout(seconds):
                    await rung.wait()
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiting.pop(rung, None)

    def close(self) -> None:
        """Wake everybody; nobody waits any more."""
        with self._lock:
            self._closed = True
        self._ring()

    def _listen(self) -> None:
        known = -1
        while True:
            with self._lock:
                if self._closed or not self._waiting:
                    self._thread = None
                    return
            try:
                version = self._database.data_version()
                if version != known:
                    known = version
                    self._ring()
                self._database.wait_for_commit(_LOOK, version)
            except MountfsError as exc:  # those who wait find out for themselves
                log.warning("nobody can be told of news: %s", exc)
                with self._lock:
                    self._thread = None
                self._ring()
                return

    def _ring(self) -> None:
        with self._lock:
            waiting = list(self._waiting.items())
        for rung, loop in waiting:
            try:
                loop.call_soon_threadsafe(rung.set)
            except RuntimeError:  # that loop has ended
                continue
