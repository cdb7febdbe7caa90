"""What programs made of permission bits and times, beside what the project has: of folders, and of
files that are as the project has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mountfs.model import CheckpointId, CollectionId
from mountfs.workspace.disk import Change


@dataclass(frozen=True, slots=True)
class Kept:
    """What a save through this mount left with a checkpoint: its file goes on to be the one saved."""

    checkpoint: CheckpointId
    ino: int
    mode: int
    mtime_ns: int
    atime_ns: int | None = None
    ctime_ns: int = 0
    """As those of a local file."""


@dataclass(slots=True, eq=False)
class FolderLook:
    """What programs made of the permission bits and times of a folder, of the project's or of a local one."""

    mode: int | None = None
    """Permission bits that a program gave it; None: none did."""
    mtime_ns: int | None = None
    """When its names last changed, or as a program said; None: as the project says."""
    atime_ns: int | None = None
    ctime_ns: int = 0
    """As those of a file."""

    def record(self, folder: CollectionId, project_time: int) -> Change:
        """What the journal is to know of it. ``project_time``: when its names last changed as the project has
        it (Unix seconds); if that is another one later, ``mtime_ns`` is out of date."""
        body = {
            "mode": self.mode,
            "mtime_ns": self.mtime_ns,
            "atime_ns": self.atime_ns,
            "ctime_ns": self.ctime_ns,
            "project_time": project_time,
        }
        return Change("look", folder, body)

    @classmethod
    def restored(cls, body: Mapping[str, Any], project_time: int) -> FolderLook:
        """A look as the journal knows it."""
        mtime_ns = body["mtime_ns"] if body["project_time"] == project_time else None
        return cls(body["mode"], mtime_ns, body["atime_ns"], body["ctime_ns"])
