"""What tests of commands share: a folder of work, and a project made of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.running import Shell

BIG = bytes(range(256)) * 12_000  # 3 MB: more than one chunk, and cheap to store


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder of work: two folders, files of several sizes, one that can be run."""
    folder = tmp_path / "film"
    files = {
        "notes.txt": b"hello\n",
        "empty": b"",
        "shots/sh010/sh010.ma": b"requires maya;\n" * 50,
        "shots/sh010/größe.txt": b"x",
        "library/fox.bin": BIG,
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    tool = folder / "library" / "tool.sh"
    tool.write_text("#!/bin/sh\necho it runs\n")
    tool.chmod(0o755)
    return folder


@pytest.fixture
def project(shell: Shell, work: Path, tmp_path: Path) -> Path:
    """A project with that work in it."""
    path = tmp_path / "film.clst"
    shell.run("init", path)
    shell.run("import", work, path)
    return path
