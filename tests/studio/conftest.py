"""A production for each test of the rules, copied from one that is made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs.storage.open import Project, open_project
from mountfs.testing.projects import new_project, production
from mountfs.testing.rows import Rows
from tests.studio.harbor import Harbor


@pytest.fixture(scope="session")
def harbor_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("harbor") / "harbor.clst"
    production(path).close()
    return path


@pytest.fixture
def harbor(harbor_file: Path, tmp_path: Path) -> Iterator[Harbor]:
    path = tmp_path / "harbor.clst"
    shutil.copyfile(harbor_file, path)
    with open_project(path) as project:
        yield Harbor(project)


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "empty.clst"
    new_project(path).close()
    return path


@pytest.fixture
def project(empty_file: Path, tmp_path: Path) -> Iterator[Project]:
    path = tmp_path / "empty.clst"
    shutil.copyfile(empty_file, path)
    with open_project(path) as opened:
        yield opened


@pytest.fixture
def rows(project: Project) -> Rows:
    return Rows(project)
