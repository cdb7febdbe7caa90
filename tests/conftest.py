"""What every part of the suite shares."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from mountfs.testing.token_watch import TokenWatch, watch_desks
from tests.cli.running import Shell

TOKENS = TokenWatch()
"""Over what studios of this process issue, while the suite runs."""


def pytest_configure() -> None:
    """Mounts of tests have nothing to tell the desktop of whoever runs the suite."""
    os.environ.update(DBUS_SESSION_BUS_ADDRESS="", DBUS_SYSTEM_BUS_ADDRESS="")
    watch_desks(TOKENS)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without FUSE a test that mounts fails and says so; ``-m "not mounted"`` leaves those tests out."""
    if item.get_closest_marker("mounted") is None:
        return
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.fail("/dev/fuse is missing or closed to this user: run tools/setup as root", pytrace=False)
    if shutil.which("fusermount3") is None:
        pytest.fail("fusermount3 is missing: run tools/setup, or apt-get install fuse3", pytrace=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """What a test leaves behind contains no token; its module's fixtures are looked at in the end."""
    answer = yield
    places = item.config.stash.setdefault(LOOKED_THROUGH, set())
    own = getattr(item, "funcargs", {}).get("tmp_path")
    if isinstance(own, Path):
        TOKENS.look_through(own)
        places.add(own)
    if nextitem is None or nextitem.path != item.path:
        for path in _folders_of(item) - places:
            TOKENS.look_through(path)
            places.add(path)
        TOKENS.forget()
    return answer


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Nor does what it has logged and printed, nor was one in a process list, an environment or the mount
    table while it ran."""
    report = yield
    for name, text in report.sections:
        if name.endswith(f" {report.when}"):  # those of earlier phases were looked into
            TOKENS.look_into(f"{item.nodeid}: {name}", text.encode("utf-8", "replace"))
    if report.when == "teardown" and (found := TOKENS.found()):
        told = "tokens where they do not belong:\n" + "\n".join(found)
        report.outcome, report.longrepr = "failed", f"{report.longreprtext}\n{told}".lstrip()
    return report


LOOKED_THROUGH = pytest.StashKey[set[Path]]()


def _folders_of(item: pytest.Item) -> set[Path]:
    """All that tests and their fixtures were given until now."""
    base: Path = item.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # not public
    return {path for path in base.iterdir() if path.is_dir() and not path.is_symlink()}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Somebody who types commands, in a home of their own."""
    home = tmp_path / "home"
    home.mkdir()
    return Shell(home)
