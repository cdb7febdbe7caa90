"""One mount for all cells of the table of states, and one that was killed with a file in each state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mountfs.testing.mounts import Mounts
from tests.mounted.film import Film
from tests.mounted.states.cell import Cell, Desk, send_pages


@contextmanager
def _desk(folder: Path, count: int) -> Iterator[Desk]:
    with closing(Film(folder / "film.clst")) as film, Mounts(folder) as mounts:
        yield Desk(film, mounts, count)


@pytest.fixture(scope="package")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A mount with a file for each cell."""
    with _desk(tmp_path_factory.mktemp("states"), 120) as desk:
        yield desk


@pytest.fixture
def cell(desk: Desk) -> Iterator[Cell]:
    """A file that nobody has touched."""
    cell = desk.cell()
    yield cell
    desk.end_trouble()
    cell.tidy()


@pytest.fixture(scope="package")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Cell]]:
    """A file by each state it was in when the program behind the mount was killed; it is mounted again."""
    with _desk(tmp_path_factory.mktemp("killed"), 9) as desk:
        cells = {
            "refused": desk.cell().refused(),
            "normal": desk.cell(),
            "draft": desk.cell().draft(),
            "damaged": desk.cell().damaged(),
            "flushed": desk.cell().flushed(),
            "sealed": desk.cell().sealed(),
            "provisional": desk.cell().provisional(),
            "scratch": desk.cell().scratch(),
            "publishing": desk.cell().publishing(),  # the last, since nothing else is sent meanwhile
        }
        draft = cells["draft"]
        os.fsync(draft.handle)
        draft.write(draft.handle, b"never made safe", len(draft.old))
        send_pages(draft.handle)
        assert cells["normal"].shows() == cells["normal"].old
        desk.kill_and_mount_again()
        for cell in cells.values():
            cell.forget()
        yield cells
