"""A project file is made whole or not at all, and never over anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from mountfs.errors import ProjectFileError
from mountfs.storage.create import FirstUser, create_project
from mountfs.storage.open import open_project
from tests.storage.conftest import ADA


def test_what_is_made_opens(fresh: Path):
    """A new project is one file, and opens."""
    assert [each.name for each in fresh.parent.iterdir()] == [fresh.name]
    with open_project(fresh) as project:
        assert (project.name, project.mode, project.version) == ("Fresh", "compact", "1.9")


def test_a_deflated_project_makes_its_folder(tmp_path: Path):
    """The folder for chunks is made with the project that needs it."""
    path, storage = tmp_path / "d.clst", tmp_path / "a" / "chunks"
    create_project(path, name="D", author=ADA, mode="deflated", storage_dir=storage)
    with open_project(path, storage_dir=storage) as project:
        assert project.mode == "deflated"


@pytest.mark.parametrize("link", [False, True])
def test_nothing_is_overwritten(tmp_path: Path, link: bool):
    """What is at the path stays, a dangling link too."""
    path = tmp_path / "p.clst"
    if link:
        path.symlink_to("nowhere")
    else:
        path.write_text("mine")
    with pytest.raises(ProjectFileError, match="exists already"):
        create_project(path, name="P", author=ADA)
    assert [each.name for each in tmp_path.iterdir()] == ["p.clst"]
    assert path.is_symlink() if link else path.read_text() == "mine"


def test_a_strange_log_beside_it(tmp_path: Path):
    """A log left by another file of that name would be played into the new one, so it has to go first."""
    (tmp_path / "p.clst-wal").write_bytes(b"old")
    with pytest.raises(ProjectFileError, match=r"p\.clst-wal"):
        create_project(tmp_path / "p.clst", name="P", author=ADA)


@pytest.mark.parametrize(
    ("mode", "storage"), [("compact", True), ("deflated", False), ("object_storage", False), ("zip", False)]
)
def test_modes_that_cannot_be(tmp_path: Path, mode: str, storage: bool):
    """A storage that does not exist, or a folder that does not belong to it, is refused without a trace."""
    with pytest.raises(ProjectFileError):
        create_project(
            tmp_path / "p.clst",
            name="P",
            author=ADA,
            mode=mode,
            storage_dir=tmp_path / "s" if storage else None,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("empty", range(5))
def test_nothing_may_be_empty(tmp_path: Path, empty: int):
    """A project and its first user have names and an address, which the format insists on."""
    name, email, username, first, last = ("" if index == empty else "word" for index in range(5))
    with pytest.raises(ProjectFileError):
        create_project(tmp_path / "p.clst", name=name, author=FirstUser(email, username, first, last))
    assert list(tmp_path.iterdir()) == []


def test_no_folder(tmp_path: Path):
    """A project is not made in a folder that is not there."""
    with pytest.raises(ProjectFileError, match="no folder"):
        create_project(tmp_path / "none" / "p.clst", name="P", author=ADA)
