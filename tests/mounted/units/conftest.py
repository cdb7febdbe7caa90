"""A user's home in which mountfs is installed, and a project of theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mounted.units.managed import PROGRAMS, UID, UNITS


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of a user, in a place that they can reach, with mountfs installed as pip does for a user."""
    home = Path(os.environ.get("TMPDIR", "/var/tmp")) / f"mountfs-units-{os.getpid()}"
    shutil.rmtree(home, ignore_errors=True)
    (home / ".local" / "bin").mkdir(parents=True)
    (home / ".local" / "bin" / "mountfs").symlink_to(PROGRAMS / "mountfs")
    (home / ".config" / "systemd" / "user").mkdir(parents=True)
    shutil.copy(UNITS / "mountfs@.service", home / ".config" / "systemd" / "user")
    (home / ".config" / "mountfs" / "mounts").mkdir(parents=True)
    (home / "film").mkdir()
    _give(home)
    yield home
    shutil.rmtree(home, ignore_errors=True)


def _give(folder: Path) -> None:
    """Make it all the user's."""
    subprocess.run(["chown", "-Rh", f"{UID}:{UID}", folder], check=True)


@pytest.fixture
def film(home: Path) -> Path:
    """A project, and an instance of the unit that names it."""
    project = home / "film.clst"
    (home / ".config/mountfs/mounts/film.conf").write_text(
        f'PROJECT={project}\nDIR={home}/film\nOPTIONS=-o "quiet_time=0.1,memory=64MiB"\n'
    )
    subprocess.run([PROGRAMS / "mountfs", "init", project], check=True, capture_output=True)
    _give(home)
    return project
