"""A fresh project for each test; sample files of the other program, where they lie beside the repository."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mountfs.storage.create import FirstUser, create_project
from mountfs.storage.open import Project, open_project

SAMPLES = sorted((Path(__file__).parents[3] / "shared" / "clst").glob("*.clst"))
ADA = FirstUser("ada@example.org", "ada", "Ada", "Lovelace")


def copy_sample(sample: Path, folder: Path) -> Path:
    """A writable copy of the file alone: what else lies beside it is not the project."""
    copied = folder / sample.name
    shutil.copyfile(sample, copied)
    return copied


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """The path of a new project."""
    path = tmp_path / "fresh.clst"
    create_project(path, name="Fresh", author=ADA)
    return path


@pytest.fixture
def project(fresh: Path) -> Iterator[Project]:
    """A new project, open for writing."""
    with open_project(fresh) as opened:
        yield opened


def _states(samples: list[Path]) -> list[Any]:
    return [
        pytest.param((None, False), id="fresh"),
        *(pytest.param((sample, False), id=sample.stem) for sample in samples),
        *(pytest.param((sample, True), id=f"{sample.stem} adopted") for sample in samples),
    ]


def _in_state(request: pytest.FixtureRequest, folder: Path) -> Path:
    sample, adopted = request.param
    if sample is None:
        path: Path = request.getfixturevalue("fresh")
        return path
    path = copy_sample(sample, folder)
    if adopted:
        storage = folder / "chunks"
        storage.mkdir()
        open_project(path, storage_dir=storage).close()
    return path


@pytest.fixture(params=_states(SAMPLES))
def any_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A new project of ours, each sample untouched, and each after it has been opened for writing here: what
    holds for the format holds for all of them."""
    return _in_state(request, tmp_path)


@pytest.fixture(params=_states(SAMPLES[-1:]))
def small_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same with one sample, for what is asked often."""
    return _in_state(request, tmp_path)
