"""The program behind a mount that dies at a moment of the test's choice, or notes all it does for its safety.

    launch.start(request, program="mountfs.testing.crashing")

The folder ``crash`` beside the mount point says how:

- ``last``: a number; the program kills itself when its change of the disk with this number would begin;
- ``trace``: if it is there, every change is noted in it (`mountfs.testing.disks.Trace`), and after each act
  of the studio, which is durable when it returns, the project file is copied beside it: ``project.7.clst``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from mountfs import daemon
from mountfs.interfaces import Studio
from mountfs.launch import MountRequest
from mountfs.testing.disks import DyingDisk, RecordedDisk, Trace
from mountfs.workspace.disk import Disk

_ACTS = ("publish", "make_collection", "rename", "trash")


class RecordedStudio:
    """A studio that notes what it has made durable, with a copy of the project."""

    def __init__(self, inner: Studio, project: Path, trace: Trace, copies: Path) -> None:
        self._inner = inner
        self._project = project
        self._trace = trace
        self._copies = copies
        self._count = 0
        self._note()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._noting(found) if name in _ACTS else found

    def _noting(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **named: Any) -> Any:
            answer = act(*arguments, **named)
            self._note()
            return answer

        return noted

    def _note(self) -> None:
        self._count += 1
        copy_project(self._project, self._copies / f"project.{self._count}.clst")
        self._trace.add("project", copy=self._count)


def copy_project(project: Path, to: Path) -> None:
    """Copy a project file as it is now, while others have it open."""
    with closing(sqlite3.connect(project)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def run(request: MountRequest, ready: daemon.Ready) -> None:
    """As `mountfs.daemon.run`, on a disk that dies or notes."""
    folder = request.mount_point.parent / "crash"
    last = folder / "last"
    trace = Trace(folder / "trace") if (folder / "trace").exists() else None

    def wrap(disk: Disk) -> Disk:
        if last.exists():
            disk = DyingDisk(disk, int(last.read_text(encoding="ascii")))
        return RecordedDisk(disk, trace) if trace is not None else disk

    with daemon.opened(request) as parts:
        studio: Any = parts.studio
        if trace is not None and request.project is not None:
            studio = RecordedStudio(parts.studio, request.project, trace, folder)
        daemon.serve(request, replace(parts, studio=studio, wrap_disk=wrap), ready)


if __name__ == "__main__":
    daemon.main(run)
