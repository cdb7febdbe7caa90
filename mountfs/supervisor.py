"""What a service manager is told of a mount, and how it sees that the mount is alive: sd_notify(3).

A manager such as systemd names a datagram socket in ``NOTIFY_SOCKET``; what it is told are lines of
``KEY=value``. With ``WATCHDOG_USEC`` it wants to hear ``WATCHDOG=1`` at least that often, else it takes the
program for hung and replaces it. Without a manager nothing is said.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import MutableMapping

log = logging.getLogger(__name__)

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""How a manager speaks to the program it started, and to no other."""


class Supervisor:
    """Whoever started this program and wants to hear of it; nobody, if ``address`` is empty.

    ``patience``: seconds in which a sign of life has to come, 0: none is expected.
    """

    def __init__(self, address: str = "", patience: float = 0.0) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.pause: float | None = patience / 3 if address and patience > 0 else None
        """Seconds between two signs of life: one may be late, and one lost. None: nobody waits for them."""

    @classmethod
    def of_this_process(cls, environ: MutableMapping[str, str]) -> Supervisor:
        """The manager named in the environment, which is taken out of it: programs that this one starts are
        none of its business.
        """
        address, period, pid = (environ.pop(name, "") for name in VARIABLES)
        meant = pid in ("", str(os.getpid())) and period.isdecimal()
        return cls(address, int(period) / 1_000_000 if meant else 0.0)

    def ready(self, status: str) -> None:
        """The mount answers; ``status`` is one line for people."""
        self._say(f"READY=1\nSTATUS={_line(status)}")

    def alive(self) -> None:
        """The event loop turns."""
        self._say("WATCHDOG=1")

    def stopping(self, status: str) -> None:
        """The mount is about to end."""
        self._say(f"STOPPING=1\nSTATUS={_line(status)}")

    def _say(self, text: str) -> None:
        """Never waits and never fails: a mount does not depend on who watches it."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
                manager.connect(self._address)
                manager.send(text.encode("utf-8", "replace"))
        except OSError as exc:
            log.info("the service manager cannot be told: %s", exc)


def _line(text: str) -> str:
    return " ".join(text.split())
