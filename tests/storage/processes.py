"""Other programs that have the same project open: real processes, which lock and die like real ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREAMBLE = """
import os, sys
from pathlib import Path
from mountfs.storage.open import open_project
path = Path(sys.argv[1])
def ready():
    print("ready", flush=True)
def wait():
    sys.stdin.readline()
"""


@contextmanager
def running(code: str, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A process that runs ``code`` (with ``path``, ``ready()`` and ``wait()`` at hand) and is ready.

    Afterwards it is told to go on, and must end well unless it was killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == "ready\n", f"the other process said {line!r}"
        yield process
        if process.poll() is None:
            process.communicate("\n", timeout=60)
            assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


def tell(process: subprocess.Popen[str]) -> None:
    """Let the process go on from its ``wait()``."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    """The next line that the process says."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")
