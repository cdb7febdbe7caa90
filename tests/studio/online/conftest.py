"""A studio at an address, for each test, and people who ask it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs.testing.online import OnlineStudio, new_studio, online_studio
from tests.studio.online.asking import Asking


@pytest.fixture
def online(tmp_path: Path) -> Iterator[OnlineStudio]:
    with online_studio(tmp_path / "studio") as found:
        yield found


@pytest.fixture
def asking(online: OnlineStudio) -> Iterator[Asking]:
    found = Asking(online)
    yield found
    found.close()


@pytest.fixture
def crew(online: OnlineStudio) -> OnlineStudio:
    """The same studio, with ann, bo and eve in it."""
    for username in ("ann", "bo", "eve"):
        online.hire(username)
    return online


@pytest.fixture
def founding(tmp_path: Path) -> Iterator[tuple[OnlineStudio, str]]:
    """A studio without an admin, and the secret that makes one."""
    with new_studio(tmp_path / "new") as found:
        yield found
