"""Whoever looks for secrets finds those that are there."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest

from mountfs.testing.leaks import Leaks

SECRET = "a secret, 100 % / real"
READ_AND_END = "import sys; sys.stdin.read()"


@pytest.mark.parametrize("form", [SECRET, quote(SECRET, safe=""), b64encode(SECRET.encode()).decode()])
def test_a_secret_in_a_file_is_found(tmp_path: Path, form: str):
    """As it is, in an address, in base64; with its place, and not itself."""
    (tmp_path / "log").write_text(f"12:00 GET /{form}?x")
    with pytest.raises(AssertionError, match=r"a password in .*log") as caught, Leaks([tmp_path]) as leaks:
        leaks.secret("a password", SECRET)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("where", ["cmdline", "environ"])
def test_a_secret_told_to_a_process_is_found(tmp_path: Path, where: str):
    """While it runs, though it has ended when the block does."""
    arguments = [SECRET] if where == "cmdline" else []
    environment = {**os.environ, **({"X": SECRET} if where == "environ" else {})}
    command = [sys.executable, "-c", READ_AND_END, *arguments]

    def tell() -> None:
        with Leaks([tmp_path]) as leaks:
            leaks.secret("a token", SECRET)
            process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
            leaks.look_at_processes()
            process.communicate(timeout=30)

    with pytest.raises(AssertionError, match=f"a token in /proc/.*/{where}"):
        tell()


def test_a_secret_in_its_place_is_none(tmp_path: Path):
    """Where it belongs it may be; and what is no secret may be anywhere."""
    own = tmp_path / "key"
    own.write_text(SECRET)
    (tmp_path / "other").write_text("nothing")
    with Leaks([tmp_path], own=[own]) as leaks:
        leaks.secret("a key", SECRET)
    assert leaks.found == []
    assert leaks.looks
