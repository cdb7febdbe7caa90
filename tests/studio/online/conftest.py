"""A studio at an address and people who ask it: one for each test, or a town for all who only look at it, or
who make what they spoil."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mountfs.testing.online import OnlineStudio, new_studio, online_studio
from tests.studio.online.asking import Asking
from tests.studio.online.attacker import Attacker
from tests.studio.online.town import Town
from tests.studio.online.town import town as a_town


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


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with a_town(tmp_path_factory.mktemp("town") / "studio") as found:
        yield found


@pytest.fixture
def attack(town: Town) -> Iterator[Callable[[str], Attacker]]:
    with ExitStack() as stack:
        yield lambda username: Attacker(town, stack.enter_context(town.client(town.token(username))))
