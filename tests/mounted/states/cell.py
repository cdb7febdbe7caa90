"""One file in one of the states that saving has, in a mount where nothing happens by itself.

All times of the mount are hours, so a file stays in its state until a test ends them with `Cell.settle`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from mountfs.config import MountOptions
from mountfs.content.assemble import assemble
from mountfs.model import AssetId
from mountfs.names import file_name
from mountfs.testing.mounts import BOUND, Mount, Mounts, wait_until
from tests.mounted.asking import ask
from tests.mounted.film import Film

FOLDER = "shots"

_HOURS = 7200.0
OPTIONS = MountOptions(
    quiet_time=_HOURS, join_time=2 * _HOURS, grace_time=_HOURS, empty_rest=_HOURS, idle_time=_HOURS
)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_WAIT_WRITE_WAIT = 7


def send_pages(handle: int) -> None:
    """Have the kernel pass on what was written so far, without asking that it be made safe. OSError."""
    if _libc.sync_file_range(handle, 0, 0, _WAIT_WRITE_WAIT):
        raise OSError(ctypes.get_errno(), "sync_file_range")


class Desk:
    """A project with files nobody has touched, and its mount."""

    def __init__(self, film: Film, mounts: Mounts, count: int) -> None:
        self.film = film
        self._mounts = mounts
        self._names = [f"{number:03}.blend" for number in range(count)]
        film.write_all({f"{FOLDER}/{name}": old_content(name) for name in self._names})
        tree = film.owner.tree()
        self._ids = {file_name(asset): asset.id for asset in tree.assets.values()}
        self._markers = 0
        self.mount = self._mount()
        self.mount.expect_log("is not recorded: |is not sent: |is back under its name: ")
        self._trouble = self.mount.path.parent / "trouble"

    def _mount(self) -> Mount:
        return self._mounts.mount(self.film.path, options=OPTIONS, program="mountfs.testing.troubled")

    def cell(self) -> Cell:
        """A file nobody has touched."""
        name = self._names.pop()
        return Cell(self, name, self._ids[name])

    def stall(self, *, on: bool) -> None:
        """Have the store take nothing, or everything again."""
        self._make("stall-puts", "" if on else None)

    def fill_disk(self, *, on: bool) -> None:
        """Have no room for what is written, or room again."""
        self._make("disk", "write ENOSPC\n" if on else None)

    def _make(self, name: str, text: str | None) -> None:
        if text is None:
            (self._trouble / name).unlink(missing_ok=True)
        else:
            (self._trouble / name).write_text(text, encoding="ascii")

    def end_trouble(self) -> None:
        """All is well again."""
        self.stall(on=False)
        self.fill_disk(on=False)

    def kill_and_mount_again(self) -> None:
        """End the program behind the mount with SIGKILL, and mount again."""
        self.mount.signal(signal.SIGKILL)
        self.end_trouble()
        self.mount = self._mount()
        self.mount.expect_log("is not recorded: |is not sent: |is back under its name: ")

    def catch_up(self) -> None:
        """Wait until the mount knows what was committed until now."""
        self._markers += 1
        name = f"marker-{self._markers}"
        self.film.write(name, b"")
        wait_until((self.mount.path / name).exists, "the mount to know what was committed")


class Cell:
    """A file, and what is to be said of it."""

    def __init__(self, desk: Desk, name: str, asset: AssetId) -> None:
        self._desk = desk
        self.name = name
        self._asset = asset
        self.old = old_content(name)
        """What the project had at first."""
        self.new = b"new %s " % name.encode() * 300
        """What the states write over the beginning of it."""
        self.changed = self.new + self.old[len(self.new) :]
        """What it is then."""
        self.theirs = b"from elsewhere, for " + name.encode()
        self.whole = b"whole new content for " + name.encode()
        self._handles: list[int] = []

    @property
    def path(self) -> Path:
        """Its name in the mount."""
        return self._desk.mount.path / FOLDER / self.name

    @property
    def moved(self) -> Path:
        """The name to which tests rename it."""
        return self.path.with_stem(self.path.stem + "-moved")

    # States

    def draft(self) -> Cell:
        """Open, changed, and not made safe since."""
        self.write(self.open(), self.new)
        send_pages(self.handle)
        assert self.state() == "modified"
        return self

    def damaged(self) -> Cell:
        """Closed after a write that failed for want of room; an earlier one had arrived and is safe."""
        handle = self.open()
        self.write(handle, self.new)
        os.fsync(handle)
        self._desk.fill_disk(on=True)
        self.write(handle, b"lost", len(self.old))
        self.close(handle, error=errno.ENOSPC)
        self._desk.fill_disk(on=False)
        wait_until(lambda: self.state() == "damaged", "the damage to be noticed")
        return self

    def flushed(self) -> Cell:
        """Open, changed, and made safe since because a copy of the descriptor was closed."""
        self.write(self.open(), self.new)
        self.close_copy()
        assert self.state() == "modified"
        return self

    def sealed(self) -> Cell:
        """Changed and closed a moment ago."""
        self.save(self.new)
        self.wait_for("waiting")
        return self

    def publishing(self) -> Cell:
        """Changed, closed, and being sent."""
        self.sealed()
        self._desk.stall(on=True)
        ask(self._desk.mount, "wait", path=f"{FOLDER}/{self.name}", timeout=0)
        self.wait_for("sending")
        return self

    def refused(self) -> Cell:
        """Changed, and refused because somebody else was faster."""
        self.sealed()
        self.change_elsewhere()
        path = f"{FOLDER}/{self.name}"
        answer = ask(self._desk.mount, "wait", path=path, timeout=BOUND)
        assert [entry["path"] for entry in answer["refused"]] == [path]
        assert self.state() == "outdated"
        return self

    def provisional(self) -> Cell:
        """Renamed a moment ago."""
        self.path.rename(self.moved)
        return self

    def scratch(self) -> Cell:
        """Made under a name that stays on this machine, with the content ``changed``."""
        self.name = self.path.stem + ".tmp"
        self.path.write_bytes(self.changed)
        self.wait_for("scratch")
        return self

    # Acts

    @property
    def handle(self) -> int:
        """The descriptor opened last."""
        return self._handles[-1]

    def open(self, flags: int = os.O_RDWR) -> int:
        """Open the name; closed at the end of the test if not before."""
        self._handles.append(os.open(self.path, flags | os.O_CLOEXEC, 0o644))
        return self.handle

    def write(self, handle: int, data: bytes, offset: int = 0) -> None:
        """Write all of it."""
        assert os.pwrite(handle, data, offset) == len(data)

    def close(self, handle: int, *, error: int | None = None) -> None:
        """Close a descriptor, with or without an error."""
        self._handles.remove(handle)
        fails_with(error, os.close, handle)

    def close_copy(self, *, error: int | None = None) -> None:
        """Close a copy of the descriptor opened last."""
        fails_with(error, os.close, os.dup(self.handle))

    def save(self, data: bytes, offset: int = 0) -> None:
        """Open, write, close."""
        self.write(self.open(), data, offset)
        self.close(self.handle)

    def open_and_close(self) -> None:
        """What a program does that only looks whether it may write."""
        self.open()
        self.close(self.handle)

    def replace(self) -> None:
        """Write a new file and rename it onto the name."""
        made = self.path.with_stem(self.path.stem + "-made")
        made.write_bytes(self.whole)
        made.rename(self.path)

    def change_elsewhere(self) -> None:
        """Another program commits, and the mount has learnt of it."""
        self._desk.film.write(f"{FOLDER}/{self.name}", self.theirs)
        self._desk.catch_up()

    def settle(self) -> None:
        """End all times, and wait until everything that was closed or renamed has become what it will be."""
        self._desk.end_trouble()
        assert ask(self._desk.mount, "wait", path=None, timeout=BOUND)["pending"] == []

    def forget(self) -> None:
        """Close what a mount held open that was killed."""
        for handle in self._handles:
            fails_with(errno.ENOTCONN, os.close, handle)
        self._handles.clear()

    def tidy(self) -> None:
        """Close what the test left open."""
        for handle in self._handles:
            with suppress(OSError):  # of what is damaged
                os.close(handle)

    # What holds

    def shows(self, path: Path | None = None) -> bytes | None:
        """What is read from its name now, by whoever opens it; None: there is no such name."""
        try:
            return (path or self.path).read_bytes()
        except FileNotFoundError:
            assert (path or self.path).name not in os.listdir(self.path.parent)
            return None

    def reads(self, handle: int) -> bytes:
        """What who has it open reads."""
        return os.pread(handle, 1 << 20, 0)

    def state(self, path: Path | None = None) -> str:
        """What `mountfs status` says of it; ``normal``: nothing."""
        return self._entry(path).get("state", "normal")

    def reason(self, path: Path | None = None) -> str:
        """Why, in the words of `mountfs status`."""
        return self._entry(path).get("reason", "")

    def _entry(self, path: Path | None) -> dict[str, str]:
        name = f"{FOLDER}/{(path or self.path).name}"
        entries = ask(self._desk.mount, "status", path=name)["files"]
        assert len(entries) < 2
        return entries[0] if entries else {}

    def refusals(self) -> list[str]:
        """Why nothing of it will become a version, in the words of `mountfs wait`."""
        refused = ask(self._desk.mount, "wait", path=None, timeout=0)["refused"]
        return [each["reason"] for each in refused if self.path.stem in each["path"]]

    def wait_for(self, state: str) -> None:
        """Until `status` says so: what follows a close happens after it."""
        wait_until(lambda: self.state() == state, f"{self.name} to be {state}")

    def versions(self) -> Sequence[bytes]:
        """What the project has of it, oldest first."""
        film = self._desk.film
        if self.project_name() is None:  # the history of what is in the trash is out of sight
            film.owner.restore(self._asset)
        history = sorted(film.owner.history(self._asset), key=lambda version: version.number)
        return [b"".join(assemble(film.owner.manifest(each.id), film.project.chunks)) for each in history]

    def project_name(self) -> str | None:
        """What it is called in the project; None: it is in the trash."""
        asset = self._desk.film.owner.tree().assets.get(self._asset)
        return file_name(asset) if asset is not None else None

    def project_has(self, path: Path) -> bytes | None:
        """What the project has under a name of the mount."""
        asset = self._desk.film.asset(f"{FOLDER}/{path.name}")
        if asset is None or asset.head is None:
            return None
        film = self._desk.film
        return b"".join(assemble(film.owner.manifest(asset.head.id), film.project.chunks))


def old_content(name: str) -> bytes:
    """What a file has at first: more than two pages."""
    return b"old %s " % name.encode() * 900


def fails_with(error: int | None, act: Callable[..., object], *arguments: object) -> None:
    """A call fails with an error number, or does not fail."""
    found = None
    try:
        act(*arguments)
    except OSError as exc:
        found = exc.errno
    assert found == error
