"""A file to which something was written that did not arrive."""

from __future__ import annotations

import errno
import os

from tests.mounted.states.cell import Cell, fails_with


def test_open_for_writing(cell: Cell):
    """It shows what had arrived; `status` says damaged and why."""
    cell.damaged().open()
    assert (cell.shows() or b"").startswith(cell.changed)
    assert cell.state() == "damaged"
    assert "No space left" in cell.reason()


def test_write(cell: Cell):
    """More of it does not make it whole: the close fails again, and no version is made."""
    cell.damaged().write(cell.open(), b"more")
    cell.close(cell.handle, error=errno.ENOSPC)
    cell.settle()
    assert cell.state() == "damaged"
    assert cell.versions() == [cell.old]


def test_truncate(cell: Cell):
    """Cut off to nothing and written anew it is whole, and the next version."""
    os.truncate(cell.damaged().path, 0)
    cell.save(cell.whole)
    cell.settle()
    assert cell.versions() == [cell.old, cell.whole]
    assert cell.state() == "normal"


def test_fsync(cell: Cell):
    """It fails with the error of the write."""
    cell.damaged()
    fails_with(errno.ENOSPC, os.fsync, cell.open())
    assert cell.state() == "damaged"
    cell.close(cell.handle, error=errno.ENOSPC)


def test_flush(cell: Cell):
    """Closing a copy of a descriptor fails with the error of the write."""
    cell.damaged().open()
    cell.close_copy(error=errno.ENOSPC)
    cell.close(cell.handle, error=errno.ENOSPC)


def test_release(cell: Cell):
    """No version is made by itself, however often it is opened and closed."""
    cell.damaged().open()
    cell.close(cell.handle, error=errno.ENOSPC)
    cell.settle()
    assert cell.state() == "damaged"
    assert cell.versions() == [cell.old]


def test_rename_from(cell: Cell):
    """It goes along and stays damaged; the asset is renamed with the versions it has."""
    cell.damaged().path.rename(cell.moved)
    cell.settle()
    assert cell.project_name() == cell.moved.name
    assert cell.versions() == [cell.old]
    assert cell.state(cell.moved) == "damaged"
    assert (cell.shows(cell.moved) or b"").startswith(cell.changed)


def test_rename_onto(cell: Cell):
    """The renamed file is whole, and the next version."""
    cell.damaged().replace()
    cell.settle()
    assert cell.shows() == cell.whole
    assert cell.versions() == [cell.old, cell.whole]
    assert cell.state() == "normal"


def test_unlink(cell: Cell):
    """It is gone; the asset goes to the trash after the grace time."""
    cell.damaged().path.unlink()
    assert cell.shows() is None
    cell.settle()
    assert cell.project_name() is None
    assert cell.state() == "normal"


def test_change_from_elsewhere(cell: Cell):
    """The name goes on showing what is here; `status` still says damaged."""
    cell.damaged().change_elsewhere()
    assert (cell.shows() or b"").startswith(cell.changed)
    assert cell.state() == "damaged"
    assert cell.versions() == [cell.old, cell.theirs]


def test_kill(killed: dict[str, Cell]):
    """What had arrived is there and is still damaged; no version is made."""
    cell = killed["damaged"]
    assert (cell.shows() or b"").startswith(cell.changed)
    assert cell.state() == "damaged"
    assert cell.versions() == [cell.old]
