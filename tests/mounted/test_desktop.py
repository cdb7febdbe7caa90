"""A real mount and a desktop: what is shown, what is held back, and what file managers do in a mount."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mountfs.config import MountOptions
from mountfs.testing.desktops import Desktop
from mountfs.testing.mounts import Mounts, wait_until
from tests.mounted.film import Film


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    """The desktop of whoever mounts in this test."""
    with Desktop() as desktop:
        for name, value in desktop.environ.items():
            monkeypatch.setenv(name, value)
        yield desktop


def number_of(film: Film) -> int | None:
    """The number of the newest version of the file."""
    asset = film.asset("a.txt")
    return asset.head.number if asset is not None and asset.head is not None else None


def test_a_full_quota_is_told(mounts: Mounts, film: Film, desktop: Desktop):
    """Who copies more than fits is told what takes the room, besides the error that the tool gets."""
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path, options=MountOptions(draft_quota=100_000))
    mount.expect_log("b.bin is not sent")
    with pytest.raises(OSError, match="No space left on device"), (mount.path / "b.bin").open("wb") as out:
        out.write(bytes(200_000))
    shown = desktop.wait_for_notification()
    assert shown.heading == "No room for what is written"
    assert f"mountfs status {mount.path} shows what takes the room" in shown.body


def test_a_save_that_the_project_refuses_is_told(mounts: Mounts, film: Film, desktop: Desktop):
    """Who lost a race learns of it at once, though the program that saved was told that all is well."""
    film.write("a.txt", b"first")
    mount = mounts.mount(film.path)
    mount.expect_log("a.txt is not recorded")
    with (mount.path / "a.txt").open("r+b") as out:
        out.write(b"mine")
        out.flush()
        film.write("a.txt", b"theirs")
    shown = desktop.wait_for_notification()
    assert shown.heading == "a.txt is saved here, but no version"


def test_a_shutdown_waits_for_what_was_closed(mounts: Mounts, film: Film, desktop: Desktop):
    """Between the close and the version the machine is held back, also without another word to anybody."""
    film.write("a.txt", b"first")
    mount = mounts.mount(film.path, options=MountOptions(quiet_time=0.5))
    (mount.path / "a.txt").write_bytes(b"second")
    wait_until(lambda: desktop.held, "the lock")
    wait_until(lambda: desktop.held[0].is_over, "the end of the lock")
    mount.unmount()
    assert number_of(film) == 2
    assert desktop.notifications == []


def test_the_desktop_can_be_left_alone(mounts: Mounts, film: Film, desktop: Desktop):
    """With desktop=off nothing is shown and nothing held back."""
    film.write("a.txt", b"first")
    mount = mounts.mount(film.path, options=MountOptions(desktop=False))
    (mount.path / "a.txt").write_bytes(b"second")
    mount.unmount()
    assert number_of(film) == 2
    assert (desktop.held, desktop.notifications) == ([], [])
