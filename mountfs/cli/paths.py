"""PATH on a command line: ``PROJECT.clst:/path``, or a path inside a mount.

What is in a project is in its file, whoever mounts it. What is on its way into it (drafts, versions that are
being sent, local files) only the program behind a mount knows, so commands about that ask it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from mountfs.cli import Missing
from mountfs.errors import MountError, NotFound, Refused
from mountfs.mountpoints import mount_of, mounts

SUFFIX = ".clst"

SETTLE_TIME = 30.0
"""Seconds for which a command that looks at history waits for what is on its way there."""

LONG = 365 * 86400.0
"""Seconds to wait for a version when nobody said how long."""

ANSWER_TIME = 30.0
"""Seconds in which a mount answers what needs no waiting."""

LOCAL = frozenset({"untracked", "scratch"})
"""States of local files, which no version waits for."""


@dataclass(frozen=True)
class InProject:
    """``PROJECT.clst:/path``."""

    file: Path
    path: str


@dataclass(frozen=True)
class InMount:
    """A path inside a mount. ``path`` is relative to the mount point, None for the mount itself."""

    mount: Path
    path: str | None = None

    @property
    def full(self) -> Path:
        """The path as other programs know it."""
        return self.mount / (self.path or "")

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """What the mount shows, and to whom. MountError if nothing answers there."""
        from mountfs.control import ask

        return ask(self.mount, {"op": "info"})

    @property
    def read_only(self) -> bool:
        """Whether nothing is saved through this mount."""
        return bool(self.info["read_only"])

    def ask(self, op: str, *, patience: float | None = None, **more: object) -> dict[str, Any]:
        """Ask the mount to do something with this path. ``patience``: seconds until it has to answer (None:
        however long it takes).

        Whatever keeps it from doing so is raised here. MountError for a mount through which nothing is saved.
        """
        from mountfs.control import ask

        if self.read_only:
            raise MountError(f"{self.mount} is mounted read-only: nothing is saved through it")
        return ask(self.mount, {"op": op, "path": self.path, **more}, timeout=patience)

    def keeping(self, op: str, *, needs: bool = False) -> dict[str, Any]:
        """Ask about the content that a mount keeps on this machine, with ``needs`` also of what this needs;
        fetching may take long."""
        from mountfs.control import ask

        return ask(self.mount, {"op": op, "path": self.path, "needs": needs}, timeout=None)

    def status(self) -> dict[str, Any]:
        """What is local here: ``files``, ``totals``, ``sending``; and whether its ``studio`` is reached."""
        from mountfs.control import ask

        return ask(self.mount, {"op": "status", "path": self.path}, timeout=ANSWER_TIME)

    @property
    def exists(self) -> bool:
        """Whether the mount shows something here."""
        return os.path.lexists(self.full)

    def wait(self, timeout: float | None) -> dict[str, Any]:
        """Wait until all that was closed here is a version or refused, at most so many seconds."""
        if self.read_only:
            return {"done": True, "refused": [], "pending": []}
        if timeout is None:
            return self.ask("wait", timeout=LONG)
        return self.ask("wait", patience=timeout + ANSWER_TIME, timeout=timeout)

    def write_back(self) -> None:
        """Have the kernel hand over what programs wrote to this file: as long as they keep it open, it does
        so when it likes to, and until then the mount cannot know of it."""
        with contextlib.suppress(OSError):  # what did not arrive is the mount's to tell
            descriptor = os.open(self.full, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def require_saved(self) -> None:
        """Wait for what is on its way from here; Refused if local changes are left then.

        For whoever is about to change what the project has at this path: such changes would become a lost
        race, found out about much later.
        """
        if self.read_only:
            return
        self.write_back()
        self.wait(SETTLE_TIME)
        for file in self.status()["files"]:
            if file["state"] not in LOCAL:
                raise Refused(
                    f"{self.mount / file['path']} has changes that are no version yet ({file['state']}); "
                    "save and close it, or give them up with mountfs discard"
                )


def in_project(text: str) -> InProject | None:
    """``PROJECT.clst:/path``, split at the last place where the left part can be a project file."""
    for at in (at for at in range(len(text) - 1, 0, -1) if text[at] == ":"):
        if text[:at].endswith(SUFFIX) or Path(text[:at]).is_file():
            return InProject(Path(text[:at]), "/" + text[at + 1 :].strip("/"))
    if text.endswith(SUFFIX) and mount_of(Path(text)) is None:
        return InProject(Path(text), "/")
    return None


def in_mount(text: str) -> InMount | None:
    """A path inside a mount, however it was written."""
    mount = mount_of(Path(text))
    if mount is None:
        return None
    inside = Path(os.path.abspath(text))
    if not inside.is_relative_to(mount.path):
        inside = inside.resolve()  # the path went through a symlink
    path = str(inside.relative_to(mount.path))
    return InMount(mount.path, None if path == "." else path)


def own_mounts() -> list[InMount]:
    """Every mount of this user; for root, everybody's."""
    return [
        InMount(mount.path)
        for mount in mounts()
        if mount.is_ours and (os.geteuid() == 0 or mount.uid in (None, os.geteuid()))
    ]


def mounts_here() -> list[InMount]:
    """What a command is about that names no mount: the one that somebody is in, else all of theirs."""
    here = in_mount(os.curdir)
    if here is not None:
        return [InMount(here.mount)]
    found = own_mounts()
    if not found:
        raise Missing("no project is mounted; to mount one: mountfs mount PROJECT.clst DIR")
    return found


def require_in_mount(text: str, *, below: bool = False) -> InMount:
    """The same for a command that only a mount can answer: with a sentence for whoever names another path.

    ``below``: it must be something in the mount, not the mount itself.
    """
    place = in_mount(text)
    if place is None and in_project(text):
        raise click.UsageError(
            "this is about what a mount has not sent yet, so give a path inside a mount, such as ~/mnt/shots"
        )
    if place is None:
        raise NotFound(f"{text} is not inside a mount of mountfs")
    if below and place.path is None:
        raise click.UsageError(f"{text} is the whole mount; name a file in it")
    return place
