"""A desktop for tests: a real bus of its own, with a notification server and a session manager that record.

`Desktop` is used as a context manager and serves in a thread; what it was asked is in ``notifications`` and
``held``.
"""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jeepney import HeaderFields, MessageType, message_bus, new_error, new_method_return
from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection

from mountfs.testing.mounts import wait_until

NOTIFICATIONS = "org.freedesktop.Notifications"
LOGIN = "org.freedesktop.login1"
_OWNED = 1


@dataclass(frozen=True)
class Shown:
    """A notification on the screen."""

    heading: str
    body: str
    hints: dict[str, Any]


@dataclass(frozen=True)
class Held:
    """A lock that holds back the machine. ``pipe`` tells when whoever has the other end has closed it."""

    what: str
    who: str
    why: str
    mode: str
    pipe: int

    @property
    def is_over(self) -> bool:
        """Whether the machine may go down as far as this lock is concerned."""
        return bool(select.select([self.pipe], [], [], 0)[0])


class Desktop:
    """A bus, and the services on it. ``deaf`` ones never answer."""

    def __init__(self, *, may_block: bool = True, deaf: bool = False) -> None:
        self.notifications: list[Shown] = []
        self.held: list[Held] = []
        self.asked = 0
        self._folder = tempfile.TemporaryDirectory(prefix="bus-")  # a socket's name has 107 bytes at most
        self.address = f"unix:path={self._folder.name}/bus"
        self._may_block = may_block
        self._deaf = deaf
        self._stop, self._stopped = os.pipe()

    @property
    def environ(self) -> dict[str, str]:
        """What tells a program of this desktop."""
        return {"DBUS_SESSION_BUS_ADDRESS": self.address, "DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def __enter__(self) -> Desktop:
        # Its own configuration, since that of a session starts whatever is installed.
        settings = Path(self._folder.name) / "bus.conf"
        settings.write_text(_CONFIGURATION.format(address=self.address))
        self._bus = subprocess.Popen(
            [
                *("dbus-daemon", "--nofork", "--nopidfile", "--nosyslog", "--print-address"),
                f"--config-file={settings}",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._bus.stdout is not None
        assert self._bus.stdout.readline().startswith("unix:"), "the bus has not come up"
        self._connection = open_dbus_connection(self.address, enable_fds=True)
        for name in (NOTIFICATIONS, LOGIN):
            Proxy(message_bus, self._connection).RequestName(name)
        self._thread = threading.Thread(target=self._serve, args=(self._connection,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._stopped)
        self._thread.join()
        self._connection.close()
        for lock in self.held:
            os.close(lock.pipe)
        os.close(self._stop)
        self._bus.kill()
        self._bus.communicate()
        self._folder.cleanup()

    def wait_for_notification(self, number: int = 1) -> Shown:
        """The notification of this number, waited for."""
        wait_until(lambda: len(self.notifications) >= number, "a notification")
        return self.notifications[number - 1]

    def _serve(self, connection: DBusConnection) -> None:
        while True:
            ready, _, _ = select.select([connection.sock, self._stop], [], [])
            if self._stop in ready:
                return
            message = connection.receive()
            if message.header.message_type is not MessageType.method_call:
                continue
            self.asked += 1
            if not self._deaf:
                answer = self._answer(str(message.header.fields[HeaderFields.member]), message.body)
                if answer is None:
                    connection.send(new_error(message, "org.freedesktop.DBus.Error.AccessDenied"))
                    continue
                connection.send(new_method_return(message, *answer))
                if answer[0] == "h":
                    os.close(answer[1][0])

    def _answer(self, method: str, body: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]] | None:
        if method == "Notify":
            self.notifications.append(Shown(body[3], body[4], body[6]))
            return "u", (len(self.notifications),)
        if body[3] == "block" and not self._may_block:
            return None
        ours, theirs = os.pipe()
        self.held.append(Held(body[0], body[1], body[2], body[3], ours))
        return "h", (theirs,)


_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"""
