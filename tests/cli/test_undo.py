"""Looking back and going back: what changed between versions, what somebody did, how it was."""

from __future__ import annotations

import getpass
import io
from pathlib import Path
from typing import Any

import pytest

from mountfs import cli
from mountfs.content.ingest import ingest
from mountfs.model import ALL_TOGGLES, AssetId, CheckpointId, CollectionId, Proposal
from mountfs.storage.open import open_project
from mountfs.studio.outline import Outline
from mountfs.studio.service import BoundStudio, StudioService
from mountfs.testing.projects import new_id
from tests.cli.conftest import BIG
from tests.cli.running import Shell
from tests.cli.test_copies import contents


@pytest.fixture
def two_versions(shell: Shell, project: Path, work: Path) -> Path:
    """The project with second versions of a text, and of a big file of which one byte changed."""
    (work / "notes.txt").write_bytes(b"hello\nworld\n")
    changed = bytearray(BIG)
    changed[2_000_000] ^= 255
    (work / "library/fox.bin").write_bytes(changed)
    shell.run("import", work, project, "-m", "second")
    return project


def test_the_lines_of_a_text(shell: Shell, two_versions: Path):
    """A text's changed lines are shown, and counted in bytes and chunks."""
    path = f"{two_versions}:/notes.txt"
    done = shell.run("diff", f"{path}@1", f"{path}@2")
    assert "+world" in done.out.splitlines()
    assert " hello" in done.out.splitlines()
    assert "0 B removed, 6 B added; chunks: 0 the same, 1 removed, 1 added" in done.err
    back = shell.run("diff", "--json", f"{path}@2", f"{path}@1").json
    assert (back["old"]["number"], back["new"]["number"]) == (2, 1)
    assert (back["bytes_removed"], back["bytes_added"], back["equal"]) == (6, 0, False)
    assert "-world" in back["lines"]


def test_the_bytes_of_anything_else(shell: Shell, two_versions: Path):
    """One byte that changed in a big file is told as one byte, at its place."""
    path = f"{two_versions}:/library/fox.bin"
    done = shell.run("diff", "--json", f"{path}@1").json
    assert done["lines"] is None
    assert done["stretches"] == [
        {"old_begin": 2_000_000, "old_end": 2_000_001, "new_begin": 2_000_000, "new_end": 2_000_001}
    ]
    assert (done["bytes_removed"], done["bytes_added"]) == (1, 1)
    assert shell.run("diff", f"{path}@1").out == "bytes 2000000-2000001 became 2000000-2000001\n"


def test_the_same_content(shell: Shell, two_versions: Path):
    """A version that was gone back to is not different from the one it came from."""
    path = f"{two_versions}:/notes.txt"
    shell.run("revert", f"{path}@1")
    done = shell.run("diff", f"{path}@1", f"{path}@3")
    assert done.out == ""
    assert "have the same content" in done.err


def test_what_cannot_be_compared(shell: Shell, two_versions: Path, with_bo: Path):
    """A version that is not there, two files, a folder, and a file that is hidden."""
    path = f"{two_versions}:/notes.txt"
    shell.run("diff", f"{path}@9", code=cli.NOT_FOUND)
    shell.run("diff", path, code=cli.USAGE)
    shell.run("diff", f"{path}@1", f"{two_versions}:/empty@1", code=cli.USAGE)
    shell.run("diff", f"{two_versions}:/shots@1", code=cli.USAGE)
    hidden = shell.run("diff", "--as", "bo", f"{with_bo}:/notes.txt@1", code=cli.NOT_FOUND).err
    missing = shell.run("diff", "--as", "bo", f"{with_bo}:/other.txt@1", code=cli.NOT_FOUND).err
    assert hidden.replace("notes", "other") == missing


@pytest.fixture
def busy(shell: Shell, with_bo: Path, work: Path) -> Path:
    """A project in which bo, who may do everything, has had a bad day."""
    with open_project(with_bo) as opened:
        service = StudioService(opened)
        service.for_owner(service.author()).edit_role("artist", ALL_TOGGLES)
    shell.run("import", work, with_bo)
    with open_project(with_bo) as opened:
        service = StudioService(opened)
        owner = service.for_owner(service.author())
        bo = service.for_user("bo")
        owner.share(CollectionId(at(owner, "/library").id))
        scene = at(owner, "/shots/sh010/sh010.ma")
        add_version(bo, scene.id, b"spoiled")
        add_version(bo, scene.id, b"spoiled again")
        bo.rename(scene.id, "renamed", ".ma", scene.collection)
        tool = at(owner, "/library/tool.sh")
        bo.rename(tool.id, "tool2", ".sh", tool.collection)
        bo.rename(tool.id, "tool3", ".sh", tool.collection)
        bo.trash(at(owner, "/library/fox.bin").id)
    return with_bo


def at(studio: BoundStudio, path: str) -> Any:
    return Outline(studio.tree()).at(path)


def add_version(studio: BoundStudio, asset: AssetId, content: bytes) -> None:
    taken = ingest(io.BytesIO(content), studio.chunks)
    head = studio.tree().assets[asset].head
    studio.publish(
        [
            Proposal(
                CheckpointId(new_id()),
                asset,
                head.id if head else None,
                taken.size,
                taken.xxh3,
                0,
                taken.chunks,
            )
        ]
    )


def test_what_somebody_did_is_taken_back(shell: Shell, busy: Path, work: Path):
    """Trash, names and contents are as before them, and their versions are still in the history."""
    before = {str(path.relative_to(work)): path.read_bytes() for path in work.rglob("*") if path.is_file()}
    spoiled = contents(shell, busy)
    assert spoiled != before
    planned = shell.run("undo", "-n", "--json", busy, "--by", "bo", "--since", "1h").json
    assert contents(shell, busy) == spoiled
    done = shell.run("undo", "--json", busy, "--by", "bo", "--since", "1h").json
    assert done == {**planned, "dry_run": False}
    assert [step["what"] for step in done["steps"]] == ["restored", *["moved back"] * 3, "went back"]
    assert done["left"] == []
    assert contents(shell, busy) == before
    assert len(shell.run("log", f"{busy}:/shots/sh010/sh010.ma").rows) == 4
    assert shell.run("undo", "--json", busy, "--by", "bo", "--since", "1h").json["steps"] == []


def test_who_takes_back_their_own_acts_can_say_it_twice(shell: Shell, busy: Path):
    """An undo is not undone by the next one, even if the same person did both."""
    first = shell.run("undo", "--json", busy, "--by", "bo", "--since", "1h", "--as", "bo").json
    assert len(first["steps"]) == 5
    assert shell.run("undo", "--json", busy, "--by", "bo", "--since", "1h", "--as", "bo").json["steps"] == []


def test_only_a_part_is_taken_back(shell: Shell, busy: Path):
    """With a path, what is elsewhere stays as it is; with a moment, what was before it does."""
    done = shell.run("undo", f"{busy}:/library", "--by", "bo", "--since", "1h")
    assert [row[0] for row in done.rows] == ["restored", "moved back", "moved back"]
    assert "renamed.ma" in shell.run("ls", f"{busy}:/shots/sh010").out
    assert shell.run("undo", busy, "--by", "bo", "--since", "2090-01-01").rows == []
    assert shell.run("undo", busy, "--by", getpass.getuser(), "--since", "0s").rows == []


def test_what_others_changed_since_stays(shell: Shell, busy: Path):
    """Somebody's later work is never undone with it; it is named, and the exit code says so."""
    with open_project(busy) as opened:
        service = StudioService(opened)
        owner = service.for_owner(service.author())
        scene = at(owner, "/shots/sh010/renamed.ma")
        add_version(owner, scene.id, b"mended")
        owner.rename(scene.id, "final", ".ma", scene.collection)
    done = shell.run("undo", busy, "--by", "bo", "--since", "1h", code=cli.INCOMPLETE)
    assert "stays: /shots/sh010/final.ma: it was moved again since" in done.err
    assert contents(shell, busy)["shots/sh010/final.ma"] == b"mended"


def test_bad_words_for_undo(shell: Shell, busy: Path):
    """An unknown person, and a moment that is none."""
    shell.run("undo", busy, "--by", "eve", "--since", "1h", code=cli.NOT_FOUND)
    assert "is no moment" in shell.run("undo", busy, "--by", "bo", "--since", "soon", code=cli.USAGE).err
