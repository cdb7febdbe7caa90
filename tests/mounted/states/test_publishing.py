"""A file of which a version is being sent."""

from __future__ import annotations

import os

from tests.mounted.states.cell import Cell


def test_open_for_writing(cell: Cell):
    """Whoever opens it sees what is being sent; `status` says sending."""
    cell.publishing()
    assert cell.reads(cell.open()) == cell.changed
    assert cell.state() == "sending"
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]


def test_write(cell: Cell):
    """What is being sent stays as it is; what is written now is the version after it."""
    cell.publishing().save(b"more", 6000)
    after = cell.changed[:6000] + b"more" + cell.changed[6004:]
    assert cell.shows() == after
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed, after]
    assert cell.shows() == after


def test_truncate(cell: Cell):
    """What is being sent stays as it is; the shorter content is the version after it."""
    os.truncate(cell.publishing().path, 50)
    assert cell.shows() == cell.new[:50]
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed, cell.new[:50]]


def test_fsync(cell: Cell):
    """It does not wait until the version is sent."""
    os.fsync(cell.publishing().open())
    assert cell.state() == "sending"
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]


def test_flush(cell: Cell):
    """Closing a copy of a descriptor does not wait until the version is sent."""
    cell.publishing().open()
    cell.close_copy()
    assert cell.state() == "sending"
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]


def test_release(cell: Cell):
    """A close that changed nothing makes no further version."""
    cell.publishing().open_and_close()
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]
    assert cell.state() == "normal"


def test_rename_from(cell: Cell):
    """The version is made first; then the asset is renamed."""
    cell.publishing().path.rename(cell.moved)
    assert (cell.shows(), cell.shows(cell.moved)) == (None, cell.changed)
    cell.settle()
    assert cell.project_name() == cell.moved.name
    assert cell.versions() == [cell.old, cell.changed]
    assert cell.state(cell.moved) == "normal"


def test_rename_onto(cell: Cell):
    """What is renamed onto the name is the version after the one being sent."""
    cell.publishing().replace()
    assert cell.shows() == cell.whole
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed, cell.whole]
    assert cell.shows() == cell.whole


def test_unlink(cell: Cell):
    """The version is made first; then the asset goes to the trash."""
    cell.publishing().path.unlink()
    assert cell.shows() is None
    cell.settle()
    assert cell.project_name() is None
    assert cell.versions() == [cell.old, cell.changed]


def test_change_from_elsewhere(cell: Cell):
    """The version comes too late: `status` says outdated, and the name goes on showing what was written."""
    cell.publishing().change_elsewhere()
    cell.settle()
    assert cell.state() == "outdated"
    assert cell.shows() == cell.changed
    assert cell.versions() == [cell.old, cell.theirs]


def test_kill(killed: dict[str, Cell]):
    """The next mount sends it, once."""
    cell = killed["publishing"]
    assert cell.shows() == cell.changed
    cell.settle()
    assert cell.versions() == [cell.old, cell.changed]
    assert cell.state() == "normal"
