"""What is a version, and when: one for each save, whatever a tool does to make it."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mountfs.testing.mounts import Mounts, wait_until
from tests.mounted.asking import ask
from tests.mounted.film import Film
from tests.mounted.workplace import PATIENT, SWIFT, Workplace, listing, workplace

_libc = ctypes.CDLL(None, use_errno=True)
_NOREPLACE, _EXCHANGE = 1, 2

NAMES = (
    "quiet",
    "equal",
    "held",
    "empty",
    "grace",
    "bin",
    "backup",
    "ignored",
    "a",
    "b",
    "c",
    "new",
    "mapped",
    "child",
    "race",
)


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A mount in which nothing is sent before a test asks for it."""
    files = {f"shots/{name}.txt": b"old" for name in NAMES}
    with workplace(tmp_path_factory.mktemp("patient"), files) as place:
        place.mount.expect_log("is back under its name: it was moved to a name that stays on this machine")
        yield place


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A mount that sends by itself, soon."""
    files = {f"shots/{name}.txt": b"old" for name in NAMES}
    with workplace(tmp_path_factory.mktemp("swift"), files, options=SWIFT) as place:
        yield place


def test_a_save_is_a_version_when_the_quiet_time_is_over(swift: Workplace):
    """Nobody has to ask for it."""
    (swift / "shots/quiet.txt").write_bytes(b"new")
    swift.wait_for("shots/quiet.txt", b"old", b"new")


def test_saves_that_follow_each_other_are_one_version(patient: Workplace):
    """What a tool writes in several goes, and a person in a hurry, is one version: the last."""
    for content in (b"one", b"", b"two", b"three"):
        (patient / "shots/quiet.txt").write_bytes(content)
    assert patient.versions("shots/quiet.txt") == [b"old"]
    patient.settle()
    assert patient.versions("shots/quiet.txt") == [b"old", b"three"]


def test_a_version_does_not_wait_longer_than_the_join_time(mounts: Mounts, film: Film):
    """Who saves again and again, or goes on writing, does not keep what they saved to themselves."""
    film.write("a.txt", b"old")
    place = Workplace(film, mounts, options=replace(PATIENT, join_time=0.05))
    (place / "a.txt").write_bytes(b"new")
    place.wait_for("a.txt", b"old", b"new")


def test_content_that_the_project_has_already_is_no_version(patient: Workplace):
    """Saving without a change makes no second version of the same bytes."""
    (patient / "shots/equal.txt").write_bytes(b"old")
    patient.settle()
    assert patient.versions("shots/equal.txt") == [b"old"]
    assert patient.state("shots/equal.txt") == "normal"


def test_a_rename_and_the_close_that_follows_are_one_version(patient: Workplace):
    """A tool may rename a file onto the name while it has it open, and close it then."""
    with open(patient / "shots/.goutputstream-1", "wb") as made:
        made.write(b"new")
        made.flush()
        os.rename(made.name, patient / "shots/held.txt")
        assert (patient / "shots/held.txt").read_bytes() == b"new"
    patient.settle()
    assert patient.versions("shots/held.txt") == [b"old", b"new"]


def test_what_is_stored_through_a_mapping_is_part_of_the_version(patient: Workplace):
    """A program may close the file and go on with its mapping: the version comes when that has gone too."""
    path = patient / "shots/mapped.txt"
    with open(path, "r+b") as file:
        view = mmap.mmap(file.fileno(), 0)
    view[:3] = b"new"
    patient.settle()
    assert patient.versions("shots/mapped.txt") == [b"old"]
    view.close()
    wait_until(lambda: patient.state("shots/mapped.txt") == "waiting", "the version")
    patient.settle()
    assert patient.versions("shots/mapped.txt") == [b"old", b"new"]


def test_a_child_that_closes_its_copy_makes_no_version(patient: Workplace):
    """Starting a program while a file is open closes a copy of its descriptor: the file is not finished."""
    path = patient / "shots/child.txt"
    with open(path, "r+b", buffering=0) as file:
        file.write(b"ne")
        subprocess.run([sys.executable, "-c", ""], check=True, pass_fds=[file.fileno()])
        patient.settle()
        assert patient.versions("shots/child.txt") == [b"old"]
        file.write(b"w")
    patient.settle()
    assert patient.versions("shots/child.txt") == [b"old", b"new"]


def test_a_replacement_is_made_from_the_version_that_was_shown(patient: Workplace):
    """A temporary file begun before somebody else's version came does not replace that unseen; whoever has
    opened the newer version knows it.
    """
    patient.mount.expect_log("shots/race.txt is not recorded: somebody else recorded a newer version")
    path = patient / "shots/race.txt"
    for content, other in ((b"blind", b"theirs"), (b"seen", b"another of theirs")):
        Path(f"{path}.part").write_bytes(content)
        patient.film.write("shots/race.txt", other)
        wait_until(partial(_has_size, path, len(other)), "the other version")
        if content == b"seen":
            assert path.read_bytes() == other
        os.rename(f"{path}.part", path)
        patient.settle()
        if content == b"blind":
            assert patient.state("shots/race.txt") == "outdated"
            assert path.read_bytes() == b"blind"
            ask(patient.mount, "discard", path="shots/race.txt")
    assert patient.state("shots/race.txt") == "normal"
    assert patient.versions("shots/race.txt") == [b"old", b"theirs", b"another of theirs", b"seen"]


def _has_size(path: Path, size: int) -> bool:
    return path.stat().st_size == size


def test_an_empty_file_waits_for_its_content(swift: Workplace):
    """A file that is emptied, closed and filled later was never empty for anybody else."""
    (swift / "shots/empty.txt").write_bytes(b"")
    (swift / "shots/new.txt").write_bytes(b"later")
    swift.wait_for("shots/new.txt", b"old", b"later")
    assert swift.versions("shots/empty.txt") == [b"old"]
    (swift / "shots/empty.txt").write_bytes(b"filled")
    swift.wait_for("shots/empty.txt", b"old", b"filled")


def test_an_empty_file_that_stays_so_is_a_version(mounts: Mounts, film: Film):
    """When it has rested, empty is what it is meant to be."""
    film.write("a.txt", b"old")
    place = Workplace(film, mounts, options=replace(SWIFT, empty_rest=0.1))
    (place / "a.txt").write_bytes(b"")
    place.wait_for("a.txt", b"old", b"")


def test_a_file_that_is_never_closed_is_a_version_when_it_rests(mounts: Mounts, film: Film):
    """What a program syncs and leaves alone is a version, though it keeps the file open; not while a journal
    beside it holds a part of it.
    """
    film.write_all({"a.db": b"old", "b.db": b"old"})
    place = Workplace(film, mounts, options=replace(SWIFT, idle_time=0.1))
    (place / "b.db-wal").write_bytes(b"a part of it")
    with open(place / "a.db", "r+b") as free, open(place / "b.db", "r+b") as held:
        for file in (held, free):
            file.write(b"new")
            file.flush()
            os.fsync(file.fileno())
        place.wait_for("a.db", b"old", b"new")
        assert place.versions("b.db") == [b"old"]
        (place / "b.db-wal").unlink()
        place.wait_for("b.db", b"old", b"new")
        free.write(b" and more")
    place.wait_for("a.db", b"old", b"new", b"new and more")


def test_a_removed_file_is_trashed_and_a_renamed_one_renamed_when_the_grace_time_is_over(swift: Workplace):
    """Nobody has to ask for it."""
    (swift / "shots/bin.txt").unlink()
    os.rename(swift / "shots/grace.txt", swift / "shots/moved.txt")
    swift.wait_for("shots/bin.txt")
    swift.wait_for("shots/moved.txt", b"old")
    swift.wait_for("shots/grace.txt")


def test_a_backup_stays_here_and_the_name_goes_on(patient: Workplace):
    """A tool that renames the old file to a backup and writes a new one has made one version; the backup is
    scratch if its name is one of a backup.
    """
    os.rename(patient / "shots/backup.txt", patient / "shots/backup.txt~")
    (patient / "shots/backup.txt").write_bytes(b"new")
    patient.settle()
    assert patient.versions("shots/backup.txt") == [b"old", b"new"]
    assert "shots/backup.txt~" not in patient.paths()
    assert (patient / "shots/backup.txt~").read_bytes() == b"old"
    assert patient.state("shots/backup.txt~") == "scratch"


def test_a_file_that_is_moved_to_a_scratch_name_comes_back(patient: Workplace):
    """When nothing takes its name, the asset is where it was; the moved file stays, and says why."""
    os.rename(patient / "shots/ignored.txt", patient / "shots/ignored.txt~")
    patient.settle()
    assert patient.versions("shots/ignored.txt") == [b"old"]
    assert (patient / "shots/ignored.txt").read_bytes() == b"old"
    assert (patient / "shots/ignored.txt~").read_bytes() == b"old"
    assert patient.state("shots/ignored.txt~") == "scratch"
    assert "stays on this machine" in patient.reason("shots/ignored.txt~")


def test_an_asset_renamed_onto_another_is_its_next_version(patient: Workplace):
    """The name keeps its history; the asset whose name is free now goes to the trash."""
    os.rename(patient / "shots/a.txt", patient / "shots/b.txt")
    (patient / "shots/b.txt").chmod(0o644)
    patient.settle()
    assert patient.versions("shots/b.txt") == [b"old"]  # equal content
    assert "shots/a.txt" not in patient.paths()
    (patient / "shots/c.txt").write_bytes(b"of c")
    patient.settle()
    os.rename(patient / "shots/c.txt", patient / "shots/b.txt")
    patient.settle()
    assert patient.versions("shots/b.txt") == [b"old", b"of c"]
    assert "shots/c.txt" not in patient.paths()


def test_a_rename_can_be_told_not_to_replace(patient: Workplace):
    """`mv -n` replaces nothing; two names cannot be exchanged, as that would be two versions or none."""
    folder = patient / "shots"
    assert _renameat2(folder / "new.txt", folder / "equal.txt", _NOREPLACE) == errno.EEXIST
    assert _renameat2(folder / "new.txt", folder / "equal.txt", _EXCHANGE) == errno.EINVAL
    assert _renameat2(folder / "new.txt", folder / "free.txt", _NOREPLACE) == 0
    assert "free.txt" in listing(folder)
    assert "new.txt" not in listing(folder)


def _renameat2(source: Path, target: Path, flags: int) -> int:
    done = _libc.renameat2(-100, os.fsencode(source), -100, os.fsencode(target), flags)
    return ctypes.get_errno() if done else 0
