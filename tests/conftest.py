"""What every part of the suite shares."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.cli.running import Shell


def pytest_configure() -> None:
    """Mounts of tests have nothing to tell the desktop of whoever runs the suite."""
    os.environ.update(DBUS_SESSION_BUS_ADDRESS="", DBUS_SYSTEM_BUS_ADDRESS="")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without FUSE a test that mounts fails and says so; ``-m "not mounted"`` leaves those tests out."""
    if item.get_closest_marker("mounted") is None:
        return
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.fail("/dev/fuse is missing or closed to this user: run tools/setup as root", pytrace=False)
    if shutil.which("fusermount3") is None:
        pytest.fail("fusermount3 is missing: run tools/setup, or apt-get install fuse3", pytrace=False)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Somebody who types commands, in a home of their own."""
    home = tmp_path / "home"
    home.mkdir()
    return Shell(home)
