"""A file that was changed and closed; its quiet time is not over."""

from __future__ import annotations

import os

from tests.mounted.states.cell import Cell


def test_open_for_writing(cell: Cell):
    """Opening alone does not delay the version."""
    cell.sealed().open()
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]


def test_write(cell: Cell):
    """What is written within the quiet time is part of the same version."""
    cell.sealed().save(b"more", 6000)
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed[:6000] + b"more" + cell.changed[6004:]]


def test_truncate(cell: Cell):
    """What is left within the quiet time is the version."""
    os.truncate(cell.sealed().path, 50)
    cell.settle()
    assert cell.versions() == [cell.old, cell.new[:50]]


def test_fsync(cell: Cell):
    """There is nothing left to do; the version stays what it is."""
    os.fsync(cell.sealed().open())
    assert cell.state() == "waiting"
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]


def test_flush(cell: Cell):
    """Closing a copy of a descriptor that changed nothing makes no further version."""
    cell.sealed().open()
    cell.close_copy()
    assert cell.state() == "waiting"
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]


def test_release(cell: Cell):
    """A close that changed nothing makes no further version."""
    cell.sealed().open_and_close()
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]
    assert cell.state() == "normal"


def test_rename_from(cell: Cell):
    """The version is made first; then the asset is renamed."""
    cell.sealed().path.rename(cell.moved)
    assert (cell.shows(), cell.shows(cell.moved)) == (None, cell.changed)
    cell.settle()
    assert cell.project_name() == cell.moved.name
    assert cell.versions() == [cell.old, cell.changed]
    assert cell.shows(cell.moved) == cell.changed
    assert cell.state(cell.moved) == "normal"


def test_rename_onto(cell: Cell):
    """Only what was renamed onto the name within the quiet time is a version."""
    cell.sealed().replace()
    cell.settle()
    assert cell.shows() == cell.whole
    assert cell.versions() == [cell.old, cell.whole]


def test_unlink(cell: Cell):
    """The version is made first; then the asset goes to the trash."""
    cell.sealed().path.unlink()
    assert cell.shows() is None
    cell.settle()
    assert cell.project_name() is None
    assert cell.versions() == [cell.old, cell.changed]


def test_change_from_elsewhere(cell: Cell):
    """The version comes too late: `status` says outdated, and the name goes on showing what was written."""
    cell.sealed().change_elsewhere()
    assert cell.shows() == cell.changed
    cell.settle()
    assert cell.state() == "outdated"
    assert cell.shows() == cell.changed
    assert cell.versions() == [cell.old, cell.theirs]


def test_kill(killed: dict[str, Cell]):
    """The next mount sends it, once."""
    cell = killed["sealed"]
    assert cell.shows() == cell.changed
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]
    assert cell.state() == "normal"
