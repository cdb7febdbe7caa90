"""The demos do what they say, for whoever types ``make demo`` first of all, and leave nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mountfs.mountpoints import mounts

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("demo", "# a note by bo"),
        ("demo.personal", "One project, two artists"),
    ],
)
def test_a_demo_runs_and_cleans_up(module: str, says: str, tmp_path: Path):
    """Without a terminal a demo shows all that it has and ends; no mount, process or file of it is left."""
    environ = {**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert says in done.stdout
    assert list(tmp_path.glob("mountfs-demo-*")) == []
    assert [mount.path for mount in mounts() if mount.path.is_relative_to(tmp_path)] == []
