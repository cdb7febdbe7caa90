"""The homes of each interface. Whoever adds one adds it here, and it has to pass the same suite."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from mountfs.interfaces import ChunkStore, Studio
from mountfs.storage.open import open_project
from mountfs.studio.service import StudioService
from mountfs.testing.online import online_studio
from mountfs.testing.projects import production
from mountfs.workspace.replica import Replica
from mountfs.workspace.replicated import ReplicatedStudio


@dataclass(frozen=True, slots=True)
class Home:
    """A production, and somebody's studio and chunks in it by username."""

    as_: Callable[[str], tuple[Studio, ChunkStore]]


@pytest.fixture(scope="session")
def harbor_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("contract") / "harbor.clst"
    production(path).close()
    return path


@pytest.fixture(params=["in process", "over the network", "with a replica"])
def home(request: pytest.FixtureRequest, harbor_file: Path, tmp_path: Path) -> Iterator[Home]:
    if request.param == "over the network":
        with open_project(harbor_file, read_only=True) as project:
            id_ = project.id
        with online_studio(tmp_path / "studio") as online:
            online.adopt(harbor_file, id_)
            yield Home(lambda username: online.project(username, id_))
        return
    path = tmp_path / "harbor.clst"
    shutil.copyfile(harbor_file, path)
    numbers = itertools.count()
    with open_project(path) as project, ExitStack() as stack:
        service = StudioService(project)

        def as_(username: str) -> tuple[Studio, ChunkStore]:
            studio = service.for_user(username)
            if request.param != "with a replica":
                return studio, studio.chunks
            replica = Replica(tmp_path / "replicas" / f"{username}{next(numbers)}.db", username)
            stack.callback(replica.close)
            return ReplicatedStudio(studio, replica), studio.chunks

        yield Home(as_)
