"""What the tests of real mounts share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mountfs.mountpoints import users_may_allow_other
from mountfs.testing.mounts import Mounts
from mountfs.testing.online import OnlineStudio
from mountfs.testing.serving import studio_in_another_process
from tests.mounted.film import Film, Home, StudioFilm, personal
from tests.mounted.posix.places import Table, open_all
from tests.mounted.workplace import PATIENT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in this folder mounts."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.mounted)


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    """Mounts in a folder of their own, ended after the test, their logs watched."""
    with Mounts(tmp_path) as running:
        yield running


@pytest.fixture
def film(tmp_path: Path) -> Iterator[Film]:
    """A project that the test fills."""
    made = Film(tmp_path / "film.clst")
    yield made
    made.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnlineStudio]:
    """A studio that another process serves."""
    with studio_in_another_process(tmp_path_factory.mktemp("office") / "studio") as online:
        yield online


@pytest.fixture(scope="module", params=["file", "studio"])
def home(request: pytest.FixtureRequest) -> Home:
    """Where projects are: in a file each, or at a studio in another process."""
    if request.param == "file":
        return personal
    return partial(StudioFilm, request.getfixturevalue("office"))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Table, Table]]:
    """Folders of a native file system, and of a mount that others may enter where that is permitted."""
    folder = tmp_path_factory.mktemp("posix")
    with ExitStack() as stack:
        film = stack.enter_context(closing(Film(folder / "film.clst")))
        film.folder("work")
        mounts = stack.enter_context(Mounts(folder))
        options = replace(PATIENT, allow_other=os.getuid() == 0 or users_may_allow_other())
        mount = mounts.mount(film.path, options=options)
        (folder / "native").mkdir()
        both = Table(folder / "native"), Table(mount.path / "work")
        stack.callback(open_all, folder / "native")
        yield both
