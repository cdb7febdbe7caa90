"""A file of which the project did not take a version, since somebody else's came first."""

from __future__ import annotations

import os

from tests.mounted.states.cell import Cell


def test_open_for_writing(cell: Cell):
    """Whoever opens it sees what was written here; `status` says why it is no version."""
    cell.refused()
    assert cell.reads(cell.open()) == cell.changed
    assert cell.state() == "outdated"
    assert cell.reason()


def test_write(cell: Cell):
    """It goes over what was refused, and is refused as well as long as it is made from an older version."""
    cell.refused().save(b"more", 6000)
    cell.settle()
    assert cell.shows() == cell.changed[:6000] + b"more" + cell.changed[6004:]
    assert cell.state() == "outdated"
    assert cell.versions() == [cell.old, cell.theirs]


def test_truncate(cell: Cell):
    """What is left is offered, and refused as well."""
    os.truncate(cell.refused().path, 50)
    cell.settle()
    assert cell.shows() == cell.new[:50]
    assert cell.state() == "outdated"
    assert cell.versions() == [cell.old, cell.theirs]


def test_fsync(cell: Cell):
    """There is nothing left to do; it stays refused."""
    os.fsync(cell.refused().open())
    cell.settle()
    assert cell.state() == "outdated"


def test_flush(cell: Cell):
    """Closing a copy of a descriptor offers nothing again."""
    cell.refused().open()
    cell.close_copy()
    cell.settle()
    assert cell.state() == "outdated"


def test_release(cell: Cell):
    """A close that changed nothing offers nothing again."""
    cell.refused().open_and_close()
    cell.settle()
    assert cell.state() == "outdated"
    assert cell.versions() == [cell.old, cell.theirs]


def test_rename_from(cell: Cell):
    """It goes along and stays refused; the asset is renamed with the versions it has."""
    cell.refused().path.rename(cell.moved)
    cell.settle()
    assert cell.project_name() == cell.moved.name
    assert (cell.shows(), cell.shows(cell.moved)) == (None, cell.changed)
    assert cell.versions() == [cell.old, cell.theirs]
    assert cell.state(cell.moved) == "outdated"


def test_rename_onto(cell: Cell):
    """It takes the place of what was refused, and is refused as well: nobody here has seen the newer
    version.
    """
    cell.refused().replace()
    cell.settle()
    assert cell.shows() == cell.whole
    assert cell.state() == "outdated"
    assert cell.versions() == [cell.old, cell.theirs]


def test_unlink(cell: Cell):
    """What was refused goes with its name; the asset goes to the trash after the grace time."""
    cell.refused().path.unlink()
    cell.settle()
    assert cell.shows() is None
    assert cell.project_name() is None
    assert cell.state() == "normal"
    assert cell.refusals() == []


def test_change_from_elsewhere(cell: Cell):
    """The name goes on showing what was written here."""
    cell.refused().change_elsewhere()
    assert cell.shows() == cell.changed
    assert cell.state() == "outdated"


def test_kill(killed: dict[str, Cell]):
    """It is there and still refused, with the reason."""
    cell = killed["refused"]
    assert cell.shows() == cell.changed
    assert cell.state() == "outdated"
    assert cell.reason()
    assert cell.versions() == [cell.old, cell.theirs]
