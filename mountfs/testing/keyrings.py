"""The keyring of a desktop, for tests: gnome-keyring on a bus of its own, with a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from mountfs.testing.mounts import wait_until

_PASSWORD = b"the password of a session"


class DesktopKeyring:
    """A session with a bus and a keyring; a context manager. It begins unlocked, as after logging in."""

    def __init__(self) -> None:
        # Sockets lie in it, whose names have 107 bytes at most.
        self._folder = Path(tempfile.mkdtemp(prefix="ring-"))
        self._daemon: subprocess.Popen[bytes] | None = None
        self._address = ""

    @property
    def environ(self) -> dict[str, str]:
        """What a program of this session has in its environment."""
        own = {key: value for key, value in os.environ.items() if not key.startswith(("DBUS_", "XDG_"))}
        return {
            **own,
            "HOME": str(self._folder),
            "XDG_RUNTIME_DIR": str(self._folder / "run"),
            "DBUS_SESSION_BUS_ADDRESS": self._address,
        }

    def __enter__(self) -> DesktopKeyring:
        (self._folder / "run").mkdir(mode=0o700)
        self._bus = subprocess.Popen(
            ["dbus-run-session", "--", "sh", "-c", 'echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.environ,
        )
        assert self._bus.stdout is not None
        self._address = self._bus.stdout.readline().decode().strip()
        assert self._address, "the bus has not come up"
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._bus.communicate()  # closes its input, which ends it
        shutil.rmtree(self._folder)

    def start(self, *, locked: bool = False) -> None:
        """Start the daemon; ``locked`` as when somebody was logged in without a password."""
        unlocking = [] if locked else ["--unlock"]
        self._daemon = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--components=secrets", *unlocking],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environ,
        )
        assert self._daemon.stdin is not None
        if not locked:
            self._daemon.stdin.write(_PASSWORD)
        self._daemon.stdin.close()
        wait_until(lambda: self._has_owner(), "the keyring")

    def stop(self) -> None:
        """End the daemon, as a logout does; what it keeps stays on the disk."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(30)
            self._daemon = None
            wait_until(lambda: not self._has_owner(), "the keyring's end")

    def _has_owner(self) -> bool:
        asked = subprocess.run(
            [
                *("dbus-send", "--session", "--print-reply=literal", "--dest=org.freedesktop.DBus"),
                *(
                    "/org/freedesktop/DBus",
                    "org.freedesktop.DBus.NameHasOwner",
                    "string:org.freedesktop.secrets",
                ),
            ],
            env=self.environ,
            capture_output=True,
            check=True,
        )
        return b"true" in asked.stdout
