"""Notifications: what a notice says on somebody's screen, once a cause.

``org.freedesktop.Notifications`` of the desktop notifications specification. Names in a project are somebody
else's text, so nothing in them is markup or a control character.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import PurePosixPath

from mountfs.desktop.bus import Service, ask
from mountfs.names import printable
from mountfs.workspace.notice import Kind, Notice

_AGAIN = 600.0
"""Seconds in which the same cause is told once."""
_MOST_CAUSES = 1000

_CRITICAL, _NORMAL = 2, 1

_HEADINGS = {
    Kind.REFUSED: "{name} is saved here, but no version",
    Kind.DAMAGED: "{name} could not be saved whole",
    Kind.FULL: "No room for what is written",
    Kind.SLOW: "{name} is saved here, and waits to be a version",
}

_ADVICE = {
    Kind.REFUSED: "mountfs status {mount} shows what can be done",
    Kind.DAMAGED: "Save it again, or under another name",
    Kind.FULL: "mountfs status {mount} shows what takes the room",
    Kind.SLOW: "It is safe on this machine; mountfs status {mount} shows it",
}


class Notifications:
    """Tells a notification server on the bus of this address; a cause that was told just now is left out."""

    def __init__(self, bus: str, mount: str, clock: Callable[[], float]) -> None:
        self._server = Service(
            bus,
            "org.freedesktop.Notifications",
            "/org/freedesktop/Notifications",
            "org.freedesktop.Notifications",
        )
        self._mount = mount
        self._clock = clock
        self._told: dict[tuple[Kind, str], float] = {}

    def is_news(self, notice: Notice) -> bool:
        """Whether this is to be told: not if its cause was, within the last minutes."""
        if notice.kind not in _HEADINGS:
            return False
        now, cause = self._clock(), (notice.kind, notice.reason)
        if now - self._told.get(cause, -_AGAIN) < _AGAIN:
            return False
        if len(self._told) >= _MOST_CAUSES:
            self._told.clear()
        self._told[cause] = now
        return True

    async def tell(self, notice: Notice) -> None:
        """Show it. BusError."""
        name = PurePosixPath(notice.path).name or "A file"
        heading = printable(_HEADINGS[notice.kind].format(name=name))
        advice = _ADVICE[notice.kind].format(mount=self._mount)
        lines = [notice.path, notice.reason, advice]
        body = "\n".join(escape(printable(line), quote=False) for line in lines if line)
        urgency = _NORMAL if notice.kind is Kind.SLOW else _CRITICAL
        await ask(
            self._server,
            "Notify",
            "susssasa{sv}i",
            "mountfs",
            0,
            "dialog-warning",
            heading,
            body,
            [],
            {"urgency": ("y", urgency), "category": ("s", "transfer.error")},
            -1,
        )
