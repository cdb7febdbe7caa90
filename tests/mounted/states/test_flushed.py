"""A file that is open and changed, and made safe since: synced, or a copy of the descriptor was closed."""

from __future__ import annotations

import os

from tests.mounted.states.cell import Cell


def test_open_for_writing(cell: Cell):
    """Whoever opens it sees what was written so far; `status` says modified."""
    cell.flushed()
    assert cell.reads(cell.open()) == cell.changed
    assert cell.state() == "modified"


def test_write(cell: Cell):
    """What is written after it is part of the same version."""
    cell.flushed().write(cell.handle, b"more", 6000)
    cell.close(cell.handle)
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed[:6000] + b"more" + cell.changed[6004:]]


def test_truncate(cell: Cell):
    """The shorter content is the version that the close makes."""
    os.truncate(cell.flushed().path, 50)
    cell.settle()
    assert cell.versions() == [cell.old]
    cell.close(cell.handle)
    cell.settle()
    assert cell.versions() == [cell.old, cell.new[:50]]


def test_fsync(cell: Cell):
    """There is nothing left to do, and no version yet."""
    os.fsync(cell.flushed().handle)
    cell.settle()
    assert cell.state() == "modified"
    assert cell.versions() == [cell.old]


def test_flush(cell: Cell):
    """Every further copy may be closed: no version before the last."""
    cell.flushed().close_copy()
    cell.settle()
    assert cell.state() == "modified"
    assert cell.versions() == [cell.old]


def test_release(cell: Cell):
    """The last close makes it a version, though nothing was written since."""
    cell.close(cell.flushed().handle)
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]
    assert cell.state() == "normal"


def test_rename_from(cell: Cell):
    """What was written goes along, and is the next version under the new name when both the close and the
    grace time are over.
    """
    cell.flushed().path.rename(cell.moved)
    cell.close(cell.handle)
    assert (cell.shows(), cell.shows(cell.moved)) == (None, cell.changed)
    assert cell.versions() == [cell.old]
    cell.settle()
    assert cell.project_name() == cell.moved.name
    assert cell.versions() == [cell.old, cell.changed]


def test_rename_onto(cell: Cell):
    """The renamed file is the next version; what is still open has no name any more and is none."""
    cell.flushed().replace()
    assert cell.reads(cell.handle) == cell.changed
    cell.close(cell.handle)
    cell.settle()
    assert cell.shows() == cell.whole
    assert cell.versions() == [cell.old, cell.whole]


def test_unlink(cell: Cell):
    """No version is made of it; the asset goes to the trash after the grace time."""
    cell.flushed().path.unlink()
    assert cell.reads(cell.handle) == cell.changed
    cell.close(cell.handle)
    cell.settle()
    assert cell.project_name() is None
    assert cell.versions() == [cell.old]


def test_change_from_elsewhere(cell: Cell):
    """The name goes on showing what was written; the close comes too late, and `status` says outdated."""
    cell.flushed().change_elsewhere()
    assert cell.shows() == cell.changed
    cell.close(cell.handle)
    cell.settle()
    assert cell.state() == "outdated"
    assert cell.shows() == cell.changed
    assert cell.versions() == [cell.old, cell.theirs]


def test_kill(killed: dict[str, Cell]):
    """All of it is there; `status` says modified and why it is no version."""
    cell = killed["flushed"]
    assert cell.shows() == cell.changed
    assert cell.state() == "modified"
    assert "not closed" in cell.reason()
    assert cell.versions() == [cell.old]
