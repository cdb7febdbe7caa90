"""A studio's book with its first people, a clock that stands still until it is moved, and cheap hashes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs.studio.accounts import Accounts, create
from tests.studio.accounts.office import Clock, Office


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(tmp_path: Path, clock: Clock) -> Iterator[Office]:
    """A studio that nobody is in yet."""
    folder = tmp_path / "studio"
    secret = create(folder, clock=clock)
    office = Office(folder, clock, secret)
    yield office
    office.accounts.close()


@pytest.fixture
def staffed(office: Office) -> Office:
    """A studio with ada, who runs it, and ben and cleo, who work there."""
    office.claim("ada")
    office.hire("ben")
    office.hire("cleo")
    return office


@pytest.fixture
def accounts(staffed: Office) -> Accounts:
    return staffed.accounts
