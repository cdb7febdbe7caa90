"""A folder with one thing of each kind, the paths that lead to them or fail on the way, and what comes of a
call on each.

That is its errno, or what is at the path then: two file systems of which it is the same did the same.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mounted.posix import calls

LONG = "n" * 255
TOO_LONG = "n" * 256

PATHS = (
    *("missing", "file", "empty", "full", "fifo", "socket", "program", "unwritable", "unreadable"),
    *("link", "folder-link", "dangling", "loop", LONG, TOO_LONG),
    *("", ".", "..", "empty/.", "full/..", "file/.", "missing/."),
    *("file/", "empty/", "missing/", "link/", "folder-link/", "dangling/", "loop/", "fifo/"),
    *("full/inner", "folder-link/inner", "missing/x", "file/x", "fifo/x", "link/x", "dangling/x", "loop/x"),
    *(f"missing/{TOO_LONG}", f"file/{TOO_LONG}", f"{TOO_LONG}/x", f"full/{TOO_LONG}", f"closed/{TOO_LONG}"),
    *("closed", "closed/inner", "closed/missing", "closed/missing/x"),
    *("fixed", "fixed/inner", "fixed/missing", "fixed/folder", f"fixed/{TOO_LONG}"),
    *("./" * 2048 + "file", "./" * 1800 + "file"),
)
"""Each is looked up from the folder; the empty one is no path at all."""

SOURCES = (
    *("missing", "file", "empty", "full", "fifo", "link", "folder-link", "dangling", TOO_LONG, "", "."),
    *(
        "file/",
        "full/",
        "empty/..",
        "missing/x",
        "file/x",
        "loop/x",
        "full/inner",
        "closed/inner",
        "fixed/inner",
    ),
)
TARGETS = (
    *("missing", "file", "empty", "full", "fifo", "link", "dangling", "loop", TOO_LONG, "", ".", "missing/"),
    *("file/", "empty/", "missing/x", "file/x", "loop/x", "full/new", "full/inner", "closed/x", "fixed/x"),
    *("fixed/inner", "full", "empty/new"),
)
"""What two-name calls take from and to."""


def furnish(place: Path) -> None:
    """Fill a new folder with one thing of each kind."""
    place.mkdir()
    for name in ("file", "unwritable", "unreadable", "program"):
        (place / name).write_text(name)
    (place / "program").write_text("#!/bin/sh\n")
    for name in ("empty", "full", "closed", "fixed", "fixed/folder"):
        (place / name).mkdir()
    for name in ("full", "closed", "fixed"):
        (place / name / "inner").write_text("inner")
    os.mkfifo(place / "fifo")
    with socket.socket(socket.AF_UNIX) as unix, inside(place):  # whose paths have 107 bytes at most
        unix.bind("socket")
    for name, target in (
        ("link", "file"),
        ("folder-link", "full"),
        ("dangling", "nowhere"),
        ("loop", "loop"),
    ):
        (place / name).symlink_to(target)
    modes = {"program": 0o755, "unwritable": 0o444, "unreadable": 0, "closed": 0, "fixed": 0o555}
    for name, mode in modes.items():
        (place / name).chmod(mode)


@contextmanager
def inside(folder: Path | str) -> Iterator[None]:
    """Work in a folder."""
    before = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    os.chdir(folder)
    try:
        yield
    finally:
        os.fchdir(before)
        os.close(before)


def open_all(folder: Path) -> None:
    """Let whoever cleans up come everywhere."""
    folder.chmod(0o700)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                open_all(Path(entry))


def shown(path: str) -> str:
    """What is at a path, in a few words."""
    try:
        found = os.lstat(path)
    except OSError:
        return "nothing"
    size = f" of {found.st_size}" if stat.S_ISREG(found.st_mode) else ""
    return f"{stat.filemode(found.st_mode)}{size}"


class Table:
    """What comes of calls on one file system. Everything is in folders of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._place: Path | None = None

    def one(self, call: Callable[[str], object], path: str) -> str:
        """What comes of a call on one of `PATHS`."""
        place = self.fresh()
        full = f"{place}/{path}" if path else ""
        before = shown(full)
        came = calls.outcome(lambda: call(full))
        after = shown(full)
        if came == "done" and before != after:
            came = f"{before} becomes {after}"
        if came != "done":
            self._used(came)
        return came

    def two(self, call: Callable[[str, str], object], source: str, target: str) -> str:
        """What comes of a call on one of `SOURCES` and one of `TARGETS`."""
        place = self.fresh()
        old, new = (f"{place}/{path}" if path else "" for path in (source, target))
        came = calls.outcome(lambda: call(old, new))
        if came == "done":
            came = f"{shown(old)} and {shown(new)}"
        self._used(came)
        return came

    def fresh(self) -> Path:
        """A folder with one thing of each kind."""
        if self._place is None:
            self._count += 1
            own = self._folder / f"place-{self._count}"
            own.mkdir()
            self._place = own / "place"
            furnish(self._place)
        return self._place

    def own(self) -> Path:
        """An empty folder in one of its own."""
        self._count += 1
        own = self._folder / f"own-{self._count}" / "place"
        own.mkdir(parents=True)
        return own

    def _used(self, came: str) -> None:
        """A refused call has changed nothing, which the next one sees if it has."""
        if not came.isupper():  # as the names of errors are
            self._place = None
