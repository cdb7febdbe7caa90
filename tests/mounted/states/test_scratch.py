"""A file whose name says that it stays on this machine."""

from __future__ import annotations

import os

from tests.mounted.states.cell import Cell


def test_open_for_writing(cell: Cell):
    """It is an ordinary file of this machine; `status` says scratch."""
    cell.scratch()
    assert cell.reads(cell.open()) == cell.changed
    assert cell.state() == "scratch"


def test_write(cell: Cell):
    """What is written stays on this machine."""
    cell.scratch().save(b"more", 6000)
    cell.settle()
    assert cell.shows() == cell.changed[:6000] + b"more" + cell.changed[6004:]
    assert cell.state() == "scratch"
    assert cell.project_has(cell.path) is None


def test_truncate(cell: Cell):
    """What is left stays on this machine."""
    os.truncate(cell.scratch().path, 50)
    cell.settle()
    assert cell.shows() == cell.new[:50]
    assert cell.project_has(cell.path) is None


def test_fsync(cell: Cell):
    """It makes the file safe on this machine."""
    os.fsync(cell.scratch().open())
    cell.settle()
    assert cell.shows() == cell.changed
    assert cell.project_has(cell.path) is None


def test_flush(cell: Cell):
    """Closing a copy of a descriptor makes the file safe on this machine."""
    cell.scratch().write(cell.open(), cell.whole)
    cell.close_copy()
    assert cell.state() == "scratch"


def test_release(cell: Cell):
    """The last close makes no version."""
    cell.scratch().save(cell.whole)
    cell.settle()
    assert cell.state() == "scratch"
    assert cell.project_has(cell.path) is None


def test_rename_from(cell: Cell):
    """Under an ordinary name it is a new file, which becomes an asset."""
    cell.scratch().path.rename(cell.moved.with_suffix(".blend"))
    cell.settle()
    assert cell.shows() is None
    assert cell.project_has(cell.moved.with_suffix(".blend")) == cell.changed


def test_rename_onto(cell: Cell):
    """A new file that is renamed onto it was on its way and is not any more: it stays on this machine."""
    cell.scratch().replace()
    cell.settle()
    assert cell.shows() == cell.whole
    assert cell.state() == "scratch"
    assert cell.project_has(cell.path) is None


def test_unlink(cell: Cell):
    """It is gone, and nobody else hears of it."""
    cell.scratch().path.unlink()
    cell.settle()
    assert cell.shows() is None
    assert cell.state() == "normal"


def test_change_from_elsewhere(cell: Cell):
    """A file that somebody else makes under this name is not shown while this one is there."""
    cell.scratch().change_elsewhere()
    assert cell.shows() == cell.changed
    cell.path.unlink()
    assert cell.shows() == cell.theirs


def test_kill(killed: dict[str, Cell]):
    """It is there, with what was made safe."""
    cell = killed["scratch"]
    assert cell.shows() == cell.changed
    assert cell.state() == "scratch"
    assert cell.project_has(cell.path) is None
