"""What tests of commands share: a folder of work, and a project made of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mountfs.model import AssetId
from mountfs.storage.open import open_project
from mountfs.studio.outline import Outline
from mountfs.studio.service import StudioService
from mountfs.testing.projects import production
from tests.cli.running import Shell

MOMENT = 1_700_000_000_123_456_789
BIG = bytes(range(256)) * 12_000  # 3 MB: more than one chunk, and cheap to store


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of work and a project made of it, once for all tests; each gets copies."""
    top = tmp_path_factory.mktemp("prepared")
    files = {
        "notes.txt": b"hello\n",
        "empty": b"",
        "shots/sh010/sh010.ma": b"requires maya;\n" * 50,
        "shots/sh010/größe.txt": b"x",
        "library/fox.bin": BIG,
        "library/tool.sh": b"#!/bin/sh\necho it runs\n",
    }
    for name, content in files.items():
        path = top / "film" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, ns=(MOMENT, MOMENT))
    (top / "film" / "library" / "tool.sh").chmod(0o755)
    (top / "home").mkdir()
    shell = Shell(top / "home")
    shell.run("init", top / "film.clst")
    shell.run("import", top / "film", top / "film.clst")
    return top


@pytest.fixture
def work(prepared: Path, tmp_path: Path) -> Path:
    """A folder of work: two folders, files of several sizes, one that can be run."""
    return Path(shutil.copytree(prepared / "film", tmp_path / "film"))


@pytest.fixture
def project(prepared: Path, tmp_path: Path) -> Path:
    """A project with that work in it."""
    return Path(shutil.copy(prepared / "film.clst", tmp_path / "film.clst"))


@pytest.fixture
def with_bo(project: Path) -> Path:
    """The project with an artist, who has been given one file."""
    with open_project(project) as opened:
        service = StudioService(opened)
        owner = service.for_owner(service.author(""))
        bo = owner.add_user(
            email="bo@harbor.example", username="bo", first_name="Bo", last_name="Ansari", role="artist"
        )
        scene = Outline(owner.tree()).at("/shots/sh010/sh010.ma")
        assert scene is not None
        owner.assign(AssetId(scene.id), bo.id)
    return project


@pytest.fixture(scope="session")
def harbor_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A production with a crew, once for all tests."""
    path = tmp_path_factory.mktemp("harbor") / "harbor.clst"
    production(path).close()
    return path


@pytest.fixture
def harbor(harbor_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A production with a crew: tasks, dependencies, a shared library. Whoever runs commands has no
    configuration, and is in the folder where it lies."""
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True, mode=0o700)
    for name, value in {
        "HOME": home,
        "XDG_CONFIG_HOME": home / "config",
        "XDG_STATE_HOME": home / "state",
        "XDG_RUNTIME_DIR": home / "run",
    }.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(harbor_file, tmp_path / "harbor.clst"))
