"""A file that is open and changed, and not made safe since."""

from __future__ import annotations

import os

from tests.mounted.states.cell import Cell


def test_open_for_writing(cell: Cell):
    """Whoever opens it sees what was written so far; `status` says modified."""
    cell.draft()
    assert cell.reads(cell.open()) == cell.changed
    assert cell.state() == "modified"


def test_write(cell: Cell):
    """All that is written until the last close is one version."""
    first = cell.draft().handle
    second = cell.open()
    cell.write(second, b"more", 6000)
    cell.close(first)
    cell.settle()
    assert cell.versions() == [cell.old]
    cell.close(second)
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed[:6000] + b"more" + cell.changed[6004:]]


def test_truncate(cell: Cell):
    """What was cut off does not come back: a file that grows again is zero there."""
    os.truncate(cell.draft().handle, 50)
    os.truncate(cell.handle, 5000)
    assert cell.shows() == cell.new[:50] + bytes(4950)
    cell.close(cell.handle)
    cell.settle()
    assert cell.versions() == [cell.old, cell.new[:50] + bytes(4950)]


def test_fsync(cell: Cell):
    """What was written is safe, and is no version yet."""
    os.fsync(cell.draft().handle)
    cell.settle()
    assert cell.state() == "modified"
    assert cell.versions() == [cell.old]


def test_flush(cell: Cell):
    """Closing a copy of the descriptor makes what was written safe, and no version of it."""
    cell.draft().close_copy()
    cell.settle()
    assert cell.state() == "modified"
    assert cell.versions() == [cell.old]


def test_release(cell: Cell):
    """The last close makes it a version: `status` says waiting, and nothing once the project has it."""
    cell.close(cell.draft().handle)
    cell.wait_for("waiting")
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]
    assert cell.state() == "normal"


def test_rename_from(cell: Cell):
    """What was written goes along; the close makes it the next version of the asset, under the new name."""
    cell.draft().path.rename(cell.moved)
    assert (cell.shows(), cell.shows(cell.moved)) == (None, cell.changed)
    cell.settle()
    assert cell.project_name() == cell.moved.name
    assert cell.versions() == [cell.old]
    cell.close(cell.handle)
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]
    assert (cell.shows(), cell.shows(cell.moved)) == (None, cell.changed)


def test_rename_onto(cell: Cell):
    """The renamed file is the next version; what is still open has no name any more and is none."""
    cell.draft().replace()
    assert cell.shows() == cell.whole
    assert cell.reads(cell.handle) == cell.changed
    cell.close(cell.handle)
    cell.settle()
    assert cell.versions() == [cell.old, cell.whole]


def test_unlink(cell: Cell):
    """Who has it open goes on with it; no version is made, and the asset goes to the trash after the grace
    time.
    """
    cell.draft().path.unlink()
    cell.write(cell.handle, b"more", len(cell.old))
    assert cell.reads(cell.handle) == cell.changed + b"more"
    cell.close(cell.handle)
    cell.settle()
    assert cell.project_name() is None
    assert cell.shows() is None
    assert cell.versions() == [cell.old]


def test_change_from_elsewhere(cell: Cell):
    """The name goes on showing what was written; the close comes too late, and `status` says outdated."""
    cell.draft().change_elsewhere()
    assert cell.shows() == cell.changed
    cell.close(cell.handle)
    cell.settle()
    assert cell.state() == "outdated"
    assert cell.shows() == cell.changed
    assert cell.versions() == [cell.old, cell.theirs]


def test_kill(killed: dict[str, Cell]):
    """At least all that was made safe is there; `status` says modified and why it is no version."""
    cell = killed["draft"]
    assert (cell.shows() or b"").startswith(cell.changed)
    assert cell.state() == "modified"
    assert "not closed" in cell.reason()
    assert cell.versions() == [cell.old]
