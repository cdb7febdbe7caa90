"""What the tests of real mounts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs.testing.mounts import Mounts
from tests.mounted.film import Film


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
