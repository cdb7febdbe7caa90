"""The same act on two file systems, and whether it comes out the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mountfs.testing.mounts import bounded, wait_until
from tests.mounted.posix.places import Table


def same(tables: tuple[Table, Table], act: Callable[[Path], object]) -> object:
    """What an act in an empty folder answers: the same on both, and without hanging on either."""
    native, mount = (bounded(partial(act, table.own())) for table in tables)
    assert mount == native, f"on the mount:\n{mount}\nelsewhere:\n{native}"
    return mount


def tick(place: Path) -> None:
    """Let the clock of file systems go on: some keep time to a few milliseconds."""
    probe = place.parent / "clock"
    before = _touched(probe)
    wait_until(lambda: _touched(probe) > before, "the next moment")


def _touched(probe: Path) -> int:
    probe.write_text("")
    return probe.stat().st_mtime_ns
