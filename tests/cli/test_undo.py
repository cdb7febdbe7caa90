"""Looking back and going back: what changed between versions, what somebody did, how it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from mountfs import cli
from tests.cli.conftest import BIG
from tests.cli.running import Shell


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
