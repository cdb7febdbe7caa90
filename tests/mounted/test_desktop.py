"""A real mount and a desktop: what is shown, what is held back, and what file managers do in a mount."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


# --- file managers ------------------------------------------------------------------------------------------

READ = "import sys; print(len(open(sys.argv[1], 'rb').read()))"


def as_thumbnailer(folder: Path, path: Path) -> subprocess.CompletedProcess[str]:
    """Read a whole file with a program of this name."""
    program = folder / "totem-video-thumbnailer"
    program.write_text(f"#!{sys.executable} -S\n{READ}\n")
    program.chmod(0o755)
    return subprocess.run([program, path], capture_output=True, text=True, check=False)


def test_previews_do_not_fetch_whole_files(mounts: Mounts, film: Film, tmp_path: Path):
    """A folder of large files is opened without fetching them all; any other program reads them whole."""
    film.write_all({"large.bin": random.Random(1).randbytes(20 << 20), "small.bin": b"text"})
    mount = mounts.mount(film.path, options=MountOptions(thumbnails="off"))
    assert as_thumbnailer(tmp_path, mount.path / "small.bin").stdout == "4\n"
    refused = as_thumbnailer(tmp_path, mount.path / "large.bin")
    assert "Permission denied" in refused.stderr
    reading = [sys.executable, "-c", READ, str(mount.path / "large.bin")]
    whole = subprocess.run(reading, capture_output=True, check=True)
    assert int(whole.stdout) == 20 << 20
    assert as_thumbnailer(tmp_path, mount.path / "large.bin").stdout == f"{20 << 20}\n"  # it is here now


@pytest.mark.parametrize("thumbnails", ["auto", "on"])
def test_previews_of_what_is_here_are_made(mounts: Mounts, film: Film, tmp_path: Path, thumbnails: str):
    """Where the content lies on a disk of this machine a preview costs no more than elsewhere."""
    film.write("large.bin", random.Random(1).randbytes(20 << 20))
    mount = mounts.mount(film.path, options=MountOptions(thumbnails=thumbnails))
    assert as_thumbnailer(tmp_path, mount.path / "large.bin").stdout == f"{20 << 20}\n"


def test_a_file_manager_finds_no_trash_of_its_own_and_deletes_into_the_projects(
    mounts: Mounts, film: Film, tmp_path: Path
):
    """Moving to the trash is refused at once, so that the file manager offers to delete; that is the
    project's trash, from which everything comes back.
    """
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path, options=MountOptions(grace_time=0.1))
    environ = {**os.environ, "HOME": str(tmp_path), "GIO_USE_VFS": "local"}
    refused = subprocess.run(
        ["gio", "trash", mount.path / "a.txt"], capture_output=True, text=True, check=False, env=environ
    )
    assert refused.returncode != 0
    assert "Unable to find or create trash directory" in refused.stderr
    assert (mount.path / "a.txt").read_bytes() == b"text"
    assert os.listdir(mount.path) == ["a.txt"]
    subprocess.run(["gio", "remove", mount.path / "a.txt"], check=True, env=environ)
    wait_until(lambda: film.asset("a.txt") is None, "the project's trash")
    assert [trashed.name for trashed in film.owner.trash_listing().assets] == ["a"]
    assert not (tmp_path / ".local" / "share" / "Trash").exists()


@pytest.mark.parametrize("name", [".Trash", ".Trash-1000", ".trash"])
def test_nobody_makes_a_trash_at_the_top(mounts: Mounts, film: Film, name: str):
    """A trash in a mount would be a folder of the project, for everybody to see."""
    mount = mounts.mount(film.path)
    with pytest.raises(OSError, match="Invalid argument"):
        (mount.path / name).mkdir()
