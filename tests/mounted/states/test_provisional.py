"""A file that was moved to another name; the grace time is not over."""

from __future__ import annotations

import errno
import os

from tests.mounted.states.cell import Cell, fails_with


def test_open_for_writing(cell: Cell):
    """The name cannot be opened, only made anew: ENOENT without O_CREAT."""
    cell.provisional()
    fails_with(errno.ENOENT, cell.open)
    assert cell.project_name() == cell.name


def test_write(cell: Cell):
    """A file that is made at the name is the next version of the asset; the one that was moved is a new
    file of its own.
    """
    cell.provisional().path.write_bytes(cell.whole)
    cell.settle()
    assert cell.versions() == [cell.old, cell.whole]
    assert cell.project_name() == cell.name
    assert cell.shows(cell.moved) == cell.old
    assert cell.project_has(cell.moved) == cell.old


def test_truncate(cell: Cell):
    """There is nothing at the name (ENOENT); what is left of the moved file is the next version under its
    new name.
    """
    fails_with(errno.ENOENT, os.truncate, cell.provisional().path, 50)
    os.truncate(cell.moved, 50)
    cell.settle()
    assert cell.project_name() == cell.moved.name
    assert cell.versions() == [cell.old, cell.old[:50]]


def test_fsync(cell: Cell):
    """What is safe after it is the file and its move; the project is told when the grace time is over."""
    cell.open()
    os.fsync(cell.provisional().handle)
    assert cell.project_name() == cell.name
    cell.settle()
    assert cell.project_name() == cell.moved.name


def test_flush(cell: Cell):
    """Closing a copy of a descriptor of the moved file makes no version."""
    cell.open()
    cell.provisional().close_copy()
    cell.settle()
    assert cell.versions() == [cell.old]


def test_release(cell: Cell):
    """What was written to the moved file is the next version, under the new name, when the grace time is
    over.
    """
    handle = cell.open()
    cell.provisional().write(handle, cell.new)
    cell.close(handle)
    assert cell.shows(cell.moved) == cell.changed
    cell.settle()
    assert cell.project_name() == cell.moved.name
    assert cell.versions() == [cell.old, cell.changed]


def test_rename_from(cell: Cell):
    """The asset follows to the last name; the one between was never seen by others."""
    last = cell.path.with_stem(cell.path.stem + "-last")
    cell.provisional().moved.rename(last)
    cell.settle()
    assert cell.project_name() == last.name
    assert cell.versions() == [cell.old]
    assert (cell.shows(), cell.shows(cell.moved), cell.shows(last)) == (None, None, cell.old)


def test_rename_onto(cell: Cell):
    """What is renamed onto the empty name is the next version; the file that was moved is a new file of
    its own.
    """
    cell.provisional().replace()
    cell.settle()
    assert cell.shows() == cell.whole
    assert cell.project_name() == cell.name
    assert cell.versions() == [cell.old, cell.whole]
    assert cell.project_has(cell.moved) == cell.old


def test_unlink(cell: Cell):
    """With the moved file the asset goes to the trash when the grace time is over."""
    cell.provisional().moved.unlink()
    cell.settle()
    assert cell.project_name() is None
    assert (cell.shows(), cell.shows(cell.moved)) == (None, None)


def test_change_from_elsewhere(cell: Cell):
    """The name stays empty; when the grace time is over the new name shows the newer version."""
    cell.provisional().change_elsewhere()
    assert cell.shows() is None
    cell.settle()
    assert cell.project_name() == cell.moved.name
    assert cell.versions() == [cell.old, cell.theirs]
    assert cell.shows(cell.moved) == cell.theirs


def test_kill(killed: dict[str, Cell]):
    """The move is undone: the asset is at its name."""
    cell = killed["provisional"]
    assert (cell.shows(), cell.shows(cell.moved)) == (cell.old, None)
    assert cell.state() == "normal"
    assert cell.project_name() == cell.name
