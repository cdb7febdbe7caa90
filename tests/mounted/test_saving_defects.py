"""Ways to lose work that were found by reading the code, each tried on a real mount."""

from __future__ import annotations

import errno
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mountfs.testing.mounts import Mounts, wait_until
from tests.mounted.asking import ask, states
from tests.mounted.film import Film
from tests.mounted.test_trouble import TROUBLED, Trouble
from tests.mounted.workplace import PATIENT, Workplace


class Faults:
    """The faults of a troubled mount's disk."""

    def __init__(self, place: Workplace) -> None:
        place.mount.expect_log("ERROR|WARNING|Traceback")
        self._path = place.mount.path.parent / "trouble/disk"

    def begin(self, *lines: str) -> None:
        new = self._path.with_suffix(".new")
        new.write_text("".join(f"{line}\n" for line in lines))
        new.rename(self._path)

    def end(self) -> None:
        self._path.unlink()


def fails(number: int) -> pytest.RaisesExc[OSError]:
    return pytest.raises(OSError, match=os.strerror(number))


def crash(place: Workplace) -> None:
    """End the mount in the middle of what it does, and mount again."""
    place.mount.signal(signal.SIGKILL)
    place.mount_again()
    place.mount.expect_log("ERROR|WARNING|Traceback")  # there are those of before in the log


def drafts(place: Workplace) -> int:
    """Bytes that the files of drafts take."""
    folder = next((place.mount.path.parent / "state").rglob("drafts"))
    return sum(each.stat().st_blocks * 512 for each in folder.iterdir())


def test_a_file_that_is_made_anew_holds_nothing_of_the_version_before(mounts: Mounts, film: Film):
    """Who removes a file that was just saved, makes it again and writes it later, gets what they wrote."""
    film.write("a.txt", b"old")
    place = Workplace(film, mounts, options=replace(PATIENT, quiet_time=0.3))
    (place / "a.txt").write_bytes(b"a long first version")
    os.unlink(place / "a.txt")
    file = os.open(place / "a.txt", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    place.wait_for("a.txt", b"old", b"a long first version")
    os.write(file, b"short")
    os.close(file)
    assert (place / "a.txt").read_bytes() == b"short"
    place.settle()
    assert place.versions("a.txt") == [b"old", b"a long first version", b"short"]


def test_what_is_made_again_while_others_are_trashed_stays(mounts: Mounts, film: Film):
    """A name that is filled while the names before it are being ended is not ended with them."""
    film.write_all({f"{number:03}.txt": b"old" for number in range(300)})
    place = Workplace(film, mounts)
    for number in range(300):
        os.unlink(place / f"{number:03}.txt")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, place.mount, "wait", path=None, timeout=30)
        wait_until(lambda: "000.txt" not in place.paths(), "the first to be trashed")
        (place / "299.txt").write_bytes(b"new")
        assert waiting.result(60)["done"]
    place.settle()
    assert place.versions("299.txt") == [b"old", b"new"]
    assert (place / "299.txt").read_bytes() == b"new"


def test_a_removal_that_failed_is_not_done_by_the_next_change(mounts: Mounts, film: Film):
    """A file that could not be removed is there after a crash, and is sent."""
    place = Workplace(film, mounts, program=TROUBLED)
    faults = Faults(place)
    (place / "new.txt").write_bytes(b"work")
    faults.begin("commit ENOSPC")
    with fails(errno.ENOSPC):
        os.unlink(place / "new.txt")
    faults.end()
    (place / "other.txt").write_bytes(b"other")
    crash(place)
    assert (place / "new.txt").read_bytes() == b"work"
    place.settle()
    assert place.versions("new.txt") == [b"work"]


def test_a_removal_that_failed_keeps_the_version_on_its_way(mounts: Mounts, film: Film):
    """A file that could not be removed is sent as if nobody had tried."""
    place = Workplace(film, mounts, program=TROUBLED)
    faults = Faults(place)
    (place / "new.txt").write_bytes(b"work")
    faults.begin("commit ENOSPC")
    with fails(errno.ENOSPC):
        os.unlink(place / "new.txt")
    faults.end()
    place.settle()
    assert place.versions("new.txt") == [b"work"]


def test_a_rename_that_failed_changes_nothing(mounts: Mounts, film: Film):
    """Both files are sent as what they were before, and both are there after a crash."""
    film.write("a.txt", b"old")
    place = Workplace(film, mounts, program=TROUBLED)
    faults = Faults(place)
    (place / "a.txt").write_bytes(b"first")
    (place / "next.txt").write_bytes(b"second")
    faults.begin("commit ENOSPC")
    with fails(errno.ENOSPC):
        os.rename(place / "next.txt", place / "a.txt")
    faults.end()
    assert (place / "a.txt").read_bytes() == b"first"
    assert (place / "next.txt").read_bytes() == b"second"
    place.settle()
    assert place.versions("a.txt") == [b"old", b"first"]
    assert place.versions("next.txt") == [b"second"]


def test_a_rename_that_failed_is_not_done_by_a_crash(mounts: Mounts, film: Film):
    """Nothing of a rename that failed reaches the journal."""
    film.write("a.txt", b"old")
    place = Workplace(film, mounts, program=TROUBLED)
    faults = Faults(place)
    (place / "a.txt").write_bytes(b"first")
    (place / "next.txt").write_bytes(b"second")
    faults.begin("commit ENOSPC")
    with fails(errno.ENOSPC):
        os.rename(place / "next.txt", place / "a.txt")
    faults.end()
    (place / "other.txt").write_bytes(b"other")
    crash(place)
    assert (place / "a.txt").read_bytes() == b"first"
    assert (place / "next.txt").read_bytes() == b"second"
    place.settle()
    assert place.versions("a.txt") == [b"old", b"first"]
    assert place.versions("next.txt") == [b"second"]


def test_a_file_that_could_not_be_opened_can_be_saved_later(mounts: Mounts, film: Film):
    """An open that fails leaves no writer behind for whom every later save would wait."""
    film.write("a.txt", b"old")
    place = Workplace(film, mounts, program=TROUBLED)
    faults = Faults(place)
    faults.begin("create ENOSPC")
    with fails(errno.ENOSPC):
        os.open(place / "a.txt", os.O_WRONLY | os.O_TRUNC)
    faults.end()
    (place / "a.txt").write_bytes(b"new")
    place.settle()
    assert place.versions("a.txt") == [b"old", b"new"]


def test_a_first_write_that_failed_is_not_forgotten(mounts: Mounts, film: Film):
    """What misses its first page is not sent, also if the pages after it could be written."""
    film.write("a.txt", b"o" * 20_000)
    place = Workplace(film, mounts, program=TROUBLED)
    faults = Faults(place)
    file = os.open(place / "a.txt", os.O_RDWR)
    faults.begin("create ENOSPC")
    os.pwrite(file, b"n" * 4096, 0)
    with fails(errno.ENOSPC):
        os.fsync(file)
    faults.end()
    os.pwrite(file, b"n" * 4096, 8192)
    with fails(errno.ENOSPC):
        os.close(file)
    wait_until(lambda: place.state("a.txt") == "damaged", "the file being called damaged")
    place.settle()
    assert place.versions("a.txt") == [b"o" * 20_000]


def test_a_scratch_file_takes_no_more_room_than_it_has_bytes(mounts: Mounts, film: Film):
    """What was written before is not kept when a file that stays here is written again and again."""
    place = Workplace(film, mounts)
    for number in range(20):
        (place / "cache.tmp").write_bytes(bytes([number]) * 1_000_000)
        with open(place / "log.tmp", "ab") as log:
            log.write(b"line\n" * 1000)
    assert (place / "log.tmp").read_bytes() == b"line\n" * 20_000
    (place / "other.txt").write_bytes(b"other")
    place.settle()
    assert drafts(place) < 3_000_000


def test_a_file_can_be_appended_to_as_often_as_one_likes(mounts: Mounts, film: Film):
    """Each append is a version of its own on the way, and none too deep to be read."""
    film.write("a.txt", b"")
    place = Workplace(film, mounts)
    for _ in range(1200):
        with open(place / "a.txt", "ab") as log:
            log.write(b"line\n")
    assert (place / "a.txt").read_bytes() == b"line\n" * 1200
    place.settle()
    assert place.versions("a.txt") == [b"", b"line\n" * 1200]


def test_a_journal_that_is_full_when_something_was_sent_does_not_end_the_mount(mounts: Mounts, film: Film):
    """The mount lives, and nothing is lost, shown wrong or sent twice after a crash."""
    film.write("a.txt", b"old")
    place = Workplace(film, mounts, program=TROUBLED)
    faults, trouble = Faults(place), Trouble(place.mount)
    trouble.begin("stall-publish")
    (place / "a.txt").write_bytes(b"new")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, place.mount, "wait", path=None, timeout=30)
        wait_until((place.mount.path.parent / "trouble/publishing").exists, "the version being offered")
        faults.begin("commit ENOSPC")
        trouble.end("stall-publish")
        place.wait_for("a.txt", b"old", b"new")
        assert waiting.result(60)["done"]
    assert (place / "a.txt").read_bytes() == b"new"
    faults.end()
    (place / "other.txt").write_bytes(b"other")
    crash(place)
    place.settle()
    assert (place / "a.txt").read_bytes() == b"new"
    assert place.versions("a.txt") == [b"old", b"new"]
    assert place.state("a.txt") == "normal"


@pytest.mark.parametrize("is_removed", [True, False])
def test_a_new_file_that_goes_while_it_is_sent_does_not_come_back(
    mounts: Mounts, film: Film, is_removed: bool
):
    """A name that was left while the studio took its file stays left, and the asset follows the file."""
    place = Workplace(film, mounts, program=TROUBLED)
    trouble = Trouble(place.mount)
    trouble.begin("stall-publish")
    (place / "draft.txt").write_bytes(b"work")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, place.mount, "wait", path=None, timeout=30)
        wait_until((place.mount.path.parent / "trouble/publishing").exists, "the file being offered")
        if is_removed:
            os.unlink(place / "draft.txt")
        else:
            os.rename(place / "draft.txt", place / "final.txt")
        trouble.end("stall-publish")
        assert waiting.result(60)["done"]
    left = [] if is_removed else ["final.txt"]
    assert os.listdir(place.mount.path) == left
    place.settle()
    assert os.listdir(place.mount.path) == left

    def followed() -> bool:
        place.settle()  # the news that it is an asset may come last
        return list(place.paths()) == left

    wait_until(followed, "the asset following")
    if not is_removed:
        assert (place / "final.txt").read_bytes() == b"work"
        assert place.versions("final.txt") == [b"work"]


def test_what_changes_nothing_is_made_from_what_was_sent_meanwhile(mounts: Mounts, film: Film):
    """A file that is made longer and shorter again, while the version below is recorded, is that version."""
    film.write("a.txt", b"the old content")
    place = Workplace(film, mounts)
    (place / "a.txt").write_bytes(b"new")
    with open(place / "a.txt", "r+b") as file:
        file.truncate(10)
        place.settle()
        assert place.versions("a.txt") == [b"the old content", b"new"]
        file.truncate(3)
    assert (place / "a.txt").read_bytes() == b"new"
    wait_until(lambda: place.state("a.txt") == "normal", "the close")
    assert (place / "a.txt").read_bytes() == b"new"
    (place / "a.txt").write_bytes(b"newest")
    place.settle()
    assert place.versions("a.txt") == [b"the old content", b"new", b"newest"]


def test_a_folder_whose_news_come_before_the_answer_is_made(mounts: Mounts, film: Film):
    """Somebody else's thread brings the news of what this mount has just made, before the studio answers."""
    place = Workplace(film, mounts, program=TROUBLED)
    trouble = Trouble(place.mount)
    trouble.begin("stall-answers")
    os.mkdir(place / "folder")
    (place / "folder/a.txt").write_bytes(b"work")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, place.mount, "wait", path=None, timeout=30)
        wait_until((place.mount.path.parent / "trouble/made").exists, "the folder being made")
        film.write("later.txt", b"later")
        wait_until((place / "later.txt").exists, "the news, in their order")
        trouble.end("stall-answers")
        assert waiting.result(60)["done"]
    assert place.folders() == {"folder"}
    assert place.versions("folder/a.txt") == [b"work"]


def test_what_is_saved_while_the_version_before_is_refused_takes_its_place(mounts: Mounts, film: Film):
    """Nothing but the newest content is left to decide about, and it is sent when it may be."""
    film.write("a.txt", b"old")
    place = Workplace(film, mounts, program=TROUBLED)
    place.mount.expect_log("is not recorded")
    trouble = Trouble(place.mount)
    (place / "a.txt").read_bytes()
    trouble.begin("stall-publish")
    (place / "a.txt").write_bytes(b"first")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, place.mount, "wait", path=None, timeout=30)
        wait_until((place.mount.path.parent / "trouble/publishing").exists, "the file being offered")
        film.write("a.txt", b"theirs")
        (place / "a.txt").write_bytes(b"second")
        trouble.end("stall-publish")
        assert len(waiting.result(60)["refused"]) == 1
    assert place.state("a.txt") == "outdated"
    ask(place.mount, "retry", path="a.txt")
    place.settle()
    assert place.versions("a.txt") == [b"old", b"theirs", b"second"]
    assert ask(place.mount, "wait", path=None, timeout=30)["refused"] == []
    assert states(place.mount) == {}


def test_who_reads_what_is_discarded_keeps_it(mounts: Mounts, film: Film):
    """A reader's bytes stay what they were, and the name is the project's again for everybody else."""
    film.write("a.txt", b"old")
    place = Workplace(film, mounts)
    (place / "a.txt").write_bytes(b"what was written")
    with open(place / "a.txt", "rb", buffering=0) as reader:
        ask(place.mount, "discard", path="a.txt")
        os.posix_fadvise(reader.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        assert reader.read() == b"what was written"
        wait_until(lambda: (place / "a.txt").read_bytes() == b"old", "the content before")
    (place / "a.txt").write_bytes(b"new")
    place.settle()
    assert place.versions("a.txt") == [b"old", b"new"]


def test_a_file_that_is_given_the_length_it_has_is_not_changed(mounts: Mounts, film: Film):
    """Nothing is left to tell of it."""
    film.write("a.txt", b"old")
    place = Workplace(film, mounts)
    os.truncate(place / "a.txt", 3)
    place.settle()
    assert states(place.mount) == {}
    assert (place / "a.txt").read_bytes() == b"old"


def test_a_file_that_is_made_again_and_left_empty_is_empty(mounts: Mounts, film: Film):
    """Its last version was on its way, and does not come back."""
    film.write("a.txt", b"old")
    place = Workplace(film, mounts)
    (place / "a.txt").write_bytes(b"first")
    os.unlink(place / "a.txt")
    (place / "a.txt").touch()
    assert (place / "a.txt").read_bytes() == b""
    place.settle()
    assert (place / "a.txt").read_bytes() == b""
    assert place.versions("a.txt") == [b"old", b""]
