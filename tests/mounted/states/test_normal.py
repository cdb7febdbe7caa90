"""A file as the project has it."""

from __future__ import annotations

import os

from tests.mounted.states.cell import Cell


def test_open_for_writing(cell: Cell):
    """Opening for writing alone changes nothing, and `status` does not list the file."""
    cell.open()
    assert cell.shows() == cell.old
    assert cell.state() == "normal"


def test_write(cell: Cell):
    """What was written shows at once; after the close it is the next version."""
    cell.write(cell.open(), cell.new)
    assert cell.shows() == cell.changed
    assert cell.versions() == [cell.old]
    cell.close(cell.handle)
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]
    assert cell.shows() == cell.changed
    assert cell.state() == "normal"


def test_truncate(cell: Cell):
    """truncate(2) needs no open and no close: the shorter content is the next version."""
    os.truncate(cell.path, 100)
    assert cell.shows() == cell.old[:100]
    cell.settle()
    assert cell.versions() == [cell.old, cell.old[:100]]


def test_fsync(cell: Cell):
    """It succeeds and makes no version."""
    os.fsync(cell.open())
    cell.close(cell.handle)
    cell.settle()
    assert cell.versions() == [cell.old]


def test_flush(cell: Cell):
    """Closing a copy of a descriptor makes no version."""
    cell.open()
    cell.close_copy()
    cell.settle()
    assert cell.state() == "normal"
    assert cell.versions() == [cell.old]


def test_release(cell: Cell):
    """Closing what was not changed makes no version, also if it was opened for writing."""
    cell.open_and_close()
    cell.settle()
    assert cell.state() == "normal"
    assert cell.versions() == [cell.old]


def test_rename_from(cell: Cell):
    """The new name shows the file at once; when the grace time is over the project renames the asset,
    which keeps its versions.
    """
    cell.path.rename(cell.moved)
    assert (cell.shows(), cell.shows(cell.moved)) == (None, cell.old)
    assert cell.project_name() == cell.name
    cell.settle()
    assert cell.project_name() == cell.moved.name
    assert cell.versions() == [cell.old]
    assert (cell.shows(), cell.shows(cell.moved)) == (None, cell.old)
    assert cell.state(cell.moved) == "normal"


def test_rename_onto(cell: Cell):
    """The file that is renamed onto the name is the next version of the asset."""
    cell.replace()
    assert cell.shows() == cell.whole
    cell.settle()
    assert cell.versions() == [cell.old, cell.whole]
    assert cell.state() == "normal"


def test_unlink(cell: Cell):
    """The name is gone at once; when the grace time is over the asset goes to the trash."""
    cell.path.unlink()
    assert cell.shows() is None
    assert cell.project_name() == cell.name
    cell.settle()
    assert cell.project_name() is None
    assert cell.shows() is None


def test_change_from_elsewhere(cell: Cell):
    """The name shows the new version within a second; who has the file open keeps the version that they
    opened.
    """
    handle = cell.open(os.O_RDONLY)
    cell.change_elsewhere()
    assert cell.shows() == cell.theirs
    assert cell.reads(handle) == cell.old
    assert cell.state() == "normal"


def test_kill(killed: dict[str, Cell]):
    """It is as it was."""
    cell = killed["normal"]
    assert cell.shows() == cell.old
    assert cell.state() == "normal"
    assert cell.versions() == [cell.old]
