"""Holding back a shutdown while something that was closed is no version yet.

``org.freedesktop.login1.Manager.Inhibit`` gives a file descriptor: the machine is held back until it is
closed, also by the end of this process. What was closed is safe on the disk in any case; this is for whoever
will look for it in the project from another machine, and switches off right after the save.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

import trio

from mountfs.desktop.bus import BusError, Service, ask
from mountfs.names import printable

log = logging.getLogger(__name__)

LONGEST = 300.0
"""Seconds after which a machine is let go: what takes longer waits for something else than time."""


class Inhibitor:
    """Holds back the shutdown of the machine whose bus this is."""

    def __init__(self, bus: str, project: str) -> None:
        self._manager = Service(
            bus, "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
        )
        self._project = project

    async def hold(self, until: Callable[[], Awaitable[None]]) -> None:
        """Hold a shutdown back while ``until`` waits, `LONGEST` at most. BusError: it is not held back."""
        with await self._lock():
            with trio.move_on_after(LONGEST) as patience:
                await until()
            if patience.cancelled_caught:
                log.info("a shutdown is not held back any longer, though something is unsent")

    async def _lock(self) -> AbstractContextManager[Any]:
        """Block a shutdown; who may not do that delays it, by what the machine's owner allows (5 s)."""
        try:
            return await self._ask("block")
        except BusError:
            return await self._ask("delay")

    async def _ask(self, mode: str) -> AbstractContextManager[Any]:
        why = printable(f"saved work is being recorded in {self._project}")
        (lock,) = await ask(self._manager, "Inhibit", "ssss", "shutdown", "mountfs", why, mode)
        held: AbstractContextManager[Any] = lock
        return held
