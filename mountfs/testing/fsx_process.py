"""Hard use of one file in a process of its own, which may die of it.

Whoever drives it is asked to take the file system down and up again now and then, when nothing of it is open.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

from mountfs.testing.fsx import LARGEST, LAST_CALLS, Difference


def drive(
    path: Path,
    *,
    seed: int,
    count: int,
    remount: Callable[[], None] | None = None,
    remount_every: int = 1000,
    largest: int = LARGEST,
) -> bytes:
    """Exercise a file in a process of its own; answers what is in it at the end. Difference.

    ``remount`` is called here, while that process has nothing open and waits.
    """
    arguments = [str(path), f"--seed={seed}", f"--count={count}", f"--largest={largest}"]
    if remount is not None:
        arguments.append(f"--remount-every={remount_every}")
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            [sys.executable, "-m", "mountfs.testing.fsx", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as child,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            for line in child.stdout:
                if line == "remount\n" and remount is not None:
                    remount()
                    child.stdin.write("done\n")
                    child.stdin.flush()
            child.wait()
        finally:
            child.kill()
        if child.returncode != 0:
            log.seek(0)
            lines = deque(log, maxlen=2 * LAST_CALLS)
            raise Difference(f"seed {seed} ended with {child.returncode}:\n{''.join(lines)}")
    return path.read_bytes()
