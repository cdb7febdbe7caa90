"""What a mount tells the desktop of whoever mounted, and never waits for.

Notices come from the event loop and are put on a short list; two tasks work through it. Where there is no
bus, no notification server or no session manager, one line of the log says so and the rest is silence.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

import trio

from mountfs.desktop.bus import BusError, session_bus, system_bus
from mountfs.desktop.inhibitor import Inhibitor
from mountfs.desktop.notifications import Notifications
from mountfs.workspace.notice import Kind, Notice

log = logging.getLogger(__name__)

_WAITING = 32
"""Notices that wait to be told; more are left out."""


class Desk:
    """The desktop, as one mount knows it. ``sent`` waits until nothing that was closed is unsent."""

    def __init__(
        self,
        environ: Mapping[str, str],
        mount: str,
        project: str,
        sent: Callable[[], Awaitable[None]],
    ) -> None:
        session, system = session_bus(environ), system_bus(environ)
        self._notifications = Notifications(session, mount, trio.current_time) if session else None
        self._inhibitor = Inhibitor(system, project) if system else None
        self._sent = sent
        self._unsent = trio.Event()
        self._to_tell, self._told = trio.open_memory_channel[Notice](_WAITING)
        self._complaints: set[str] = set()

    def notice(self, notice: Notice) -> None:
        """Take a notice. Never waits."""
        if notice.kind is Kind.UNSENT:
            self._unsent.set()
        elif self._notifications is not None and self._notifications.is_news(notice):
            try:
                self._to_tell.send_nowait(notice)
            except trio.WouldBlock:
                log.info("too much happens at once: not told: %s", notice.reason)

    async def run(self) -> None:
        """Tell what is noticed, until cancelled."""
        async with trio.open_nursery() as nursery:
            if self._notifications is not None:
                nursery.start_soon(self._tell, self._notifications)
            if self._inhibitor is not None:
                nursery.start_soon(self._hold, self._inhibitor)

    async def _tell(self, notifications: Notifications) -> None:
        async for notice in self._told:
            try:
                await notifications.tell(notice)
            except BusError as exc:
                self._complain(exc)

    async def _hold(self, inhibitor: Inhibitor) -> None:
        while True:
            await self._unsent.wait()
            try:
                await inhibitor.hold(self._sent)
            except BusError as exc:
                self._complain(exc)
            await self._sent()
            self._unsent = trio.Event()

    def _complain(self, why: BusError) -> None:
        if str(why) not in self._complaints:
            self._complaints.add(str(why))
            log.info("the desktop is not told: %s", why)
