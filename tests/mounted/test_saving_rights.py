"""Who may save what: the right is asked for the effect, whatever calls a tool makes for it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

import pytest

from mountfs.model import Toggle
from mountfs.testing.mounts import Mounts, wait_until
from tests.mounted.film import Film
from tests.mounted.states.cell import fails_with
from tests.mounted.workplace import SWIFT, Workplace, listing

ARTIST = frozenset({Toggle.PULL_CHUNK, Toggle.CREATE_CHECKPOINT})
"""Who records their tasks and nothing else."""

TASKS = ("place", "temporary", "backup", "anew", "renamed", "removed", "onto", "mode")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A mount of somebody who may record the next versions of tasks of theirs, and nothing else."""
    folder = tmp_path_factory.mktemp("rights")
    film = Film(folder / "film.clst")
    with Mounts(folder) as mounts:
        bo = film.add_user("bo", "artist", ARTIST)
        for name in TASKS:
            film.write(f"shots/{name}.txt", b"old", assignee=bo)
        film.owner.share(film.folder("library"))
        film.write("library/resource.txt", b"old")
        film.write("library/task.txt", b"old", assignee=film.owner.viewer().person.id)
        place = Workplace(film, mounts, "bo", options=SWIFT)
        place.mount.expect_log("is back under its name: your role does not allow this")
        yield place
    film.close()


def test_permissions_show_what_may_be_saved(place: Workplace):
    """A task of one's own is 0644, somebody else's 0444; a folder in which nothing can be saved 0555."""
    assert stat.S_IMODE((place / "shots/mode.txt").stat().st_mode) == 0o644
    assert stat.S_IMODE((place / "library/task.txt").stat().st_mode) == 0o444
    assert stat.S_IMODE((place / "library/resource.txt").stat().st_mode) == 0o444
    assert stat.S_IMODE((place / "shots").stat().st_mode) == 0o755
    assert stat.S_IMODE((place / "library").stat().st_mode) == 0o555


@pytest.mark.parametrize("name", ["task.txt", "resource.txt"])
def test_what_is_not_ones_to_save_is_refused_at_the_first_call(place: Workplace, name: str):
    """Nobody works for an hour on what they cannot save."""
    path, mine = place / "library" / name, place / "shots/mode.txt"
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC):
        fails_with(errno.EACCES, os.open, path, flags)
    fails_with(errno.EACCES, os.truncate, path, 0)
    fails_with(errno.EACCES, os.unlink, path)
    fails_with(errno.EACCES, os.rename, path, path.with_suffix(".bak"))
    fails_with(errno.EACCES, os.rename, path, mine)
    fails_with(errno.EACCES, os.rename, mine, path)
    fails_with(errno.EPERM, os.chmod, path, 0o644)
    assert path.read_bytes() == b"old"
    assert mine.read_bytes() == b"old"


def test_a_folder_that_is_not_ones_own_takes_nothing(place: Workplace):
    """Not even scratch: there is nothing to save in it."""
    fails_with(errno.EACCES, os.mkdir, place / "library/new")
    fails_with(errno.EACCES, os.open, place / "library/new.tmp", os.O_CREAT | os.O_WRONLY)
    fails_with(errno.EACCES, os.symlink, "x", place / "library/link")


def test_the_next_version_needs_only_the_right_to_it(place: Workplace):
    """Writing in place, renaming a temporary file in, keeping a backup, removing and making anew: all of them
    are the next version, though the role may neither make, rename nor remove assets.
    """
    shots = place / "shots"
    (shots / "place.txt").write_bytes(b"new")
    (shots / "temporary.txt.part").write_bytes(b"new")
    os.rename(shots / "temporary.txt.part", shots / "temporary.txt")
    os.rename(shots / "backup.txt", shots / "backup.txt~")
    (shots / "backup.txt").write_bytes(b"new")
    (shots / "anew.txt").unlink()
    (shots / "anew.txt").write_bytes(b"new")
    for name in ("place", "temporary", "backup", "anew"):
        place.wait_for(f"shots/{name}.txt", b"old", b"new")


def test_a_new_file_stays_here_without_the_right_to_make_one(place: Workplace):
    """It is there, it says why it is not sent, and it survives."""
    (place / "shots/notes.txt").write_bytes(b"mine")
    wait_until(lambda: "create_asset" in place.reason("shots/notes.txt"), "the reason")
    assert place.state("shots/notes.txt") == "untracked"
    place.settle()
    assert "shots/notes.txt" not in place.paths()
    assert (place / "shots/notes.txt").read_bytes() == b"mine"


def test_a_rename_without_the_right_to_it_is_undone(place: Workplace):
    """When the grace time is over the file is back under its name."""
    os.rename(place / "shots/renamed.txt", place / "shots/other.txt")
    wait_until((place / "shots/renamed.txt").exists, "the file to be back")
    assert (place / "shots/renamed.txt").read_bytes() == b"old"
    assert "other.txt" not in listing(place / "shots")
    assert "shots/renamed.txt" in place.paths()


def test_a_renamed_file_that_comes_back_keeps_what_was_written(place: Workplace):
    """What was written to it under the other name stays there, and says why it is not sent."""
    os.rename(place / "shots/onto.txt", place / "shots/elsewhere.txt")
    with open(place / "shots/elsewhere.txt", "r+b") as file:
        file.write(b"new")
    wait_until((place / "shots/onto.txt").exists, "the file to be back")
    assert (place / "shots/onto.txt").read_bytes() == b"old"
    assert (place / "shots/elsewhere.txt").read_bytes() == b"new"
    assert place.reason("shots/elsewhere.txt")
    assert place.versions("shots/onto.txt") == [b"old"]


def test_a_removal_without_the_right_to_it_is_undone(place: Workplace):
    """When the grace time is over the file is back."""
    (place / "shots/removed.txt").unlink()
    assert not (place / "shots/removed.txt").exists()
    wait_until((place / "shots/removed.txt").exists, "the file to be back")
    assert (place / "shots/removed.txt").read_bytes() == b"old"
    assert "shots/removed.txt" in place.paths()


def test_permissions_that_add_no_right_are_kept(place: Workplace):
    """A tool may make a file read-only or executable; that is no version."""
    path = place / "shots/mode.txt"
    path.chmod(0o555)
    assert stat.S_IMODE(path.stat().st_mode) == 0o555
    path.chmod(0o644)
    place.settle()
    assert place.versions("shots/mode.txt") == [b"old"]
    assert path.read_bytes() == b"old"


def test_a_lost_right_keeps_what_was_written(mounts: Mounts, film: Film):
    """Who loses their task while they work on it keeps the work, and is told why it is not sent."""
    bo = film.add_user("bo", "artist", ARTIST)
    film.owner.share(film.folder("shots"))
    film.write("shots/a.txt", b"old", assignee=bo)
    place = Workplace(film, mounts, "bo")
    place.mount.expect_log("is not recorded: ")
    with open(place / "shots/a.txt", "r+b") as file:
        file.write(b"new")
        film.owner.unassign(place.paths()["shots/a.txt"].id, bo)
        film.owner.assign(place.paths()["shots/a.txt"].id, film.owner.viewer().person.id)
    place.settle()
    assert place.state("shots/a.txt") == "refused"
    assert place.reason("shots/a.txt")
    assert (place / "shots/a.txt").read_bytes() == b"new"
    assert place.versions("shots/a.txt") == [b"old"]
