"""What saving promises beyond its versions: safety, metadata, other mounts, room, and what can be asked."""

from __future__ import annotations

import errno
import os
import signal
import stat
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mountfs.testing.mounts import Mounts, wait_until
from tests.mounted.asking import ask
from tests.mounted.film import Film
from tests.mounted.states.cell import fails_with
from tests.mounted.workplace import PATIENT, SWIFT, Workplace, listing, workplace

MTIME = 1_600_000_000_123_456_789
NAMES = ("times", "late", "mode", "number", "comment", "status", "asked", "history")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A mount that answers for extended attributes, in which nothing is sent before a test asks for it."""
    files = {f"shots/{name}.txt": b"old" for name in NAMES}
    options = replace(PATIENT, xattr=True)
    with workplace(tmp_path_factory.mktemp("promises"), files, options=options) as place:
        yield place


# What is safe


def test_what_was_closed_is_there_after_a_kill(mounts: Mounts, film: Film):
    """Every file whose close() has returned is whole."""
    film.folder("shots")
    place = Workplace(film, mounts)
    contents = {f"shots/{number}.bin": os.urandom(10_000) for number in range(20)}
    for path, content in contents.items():
        (place / path).write_bytes(content)
    place.mount.signal(signal.SIGKILL)
    place.mount_again()
    for path, content in contents.items():
        assert (place / path).read_bytes() == content


@pytest.mark.parametrize(("close", "error"), [("durable", errno.EIO), ("lazy", None)])
def test_a_close_waits_for_the_disk_unless_it_is_lazy(
    mounts: Mounts, film: Film, close: str, error: int | None
):
    """With ``close=lazy`` a program goes on before its bytes are safe, and is not told if that fails."""
    film.write("shots/a.txt", b"old")
    options = replace(PATIENT, close=close)
    place = Workplace(film, mounts, options=options, program="mountfs.testing.troubled")
    place.mount.expect_log("is not sent: |failed: |cannot be written")
    handle = os.open(place / "shots/a.txt", os.O_WRONLY)
    os.write(handle, b"new")
    trouble = place.mount.path.parent / "trouble" / "disk"
    trouble.write_text("sync EIO\n")
    fails_with(error, os.close, handle)
    wait_until(lambda: place.reason("shots/a.txt"), "the reason why it is not sent")
    trouble.unlink()
    assert (place / "shots/a.txt").read_bytes() == b"new"
    assert place.versions("shots/a.txt") == [b"old"]


def test_what_was_synced_is_there_after_a_kill(mounts: Mounts, film: Film):
    """A file that was synced has at least those bytes, under the name it has by then."""
    film.folder("shots")
    place = Workplace(film, mounts)
    (place / "shots/new").mkdir()
    part = place / "shots/new/b.txt.part"
    handle = os.open(part, os.O_CREAT | os.O_WRONLY)
    os.write(handle, b"new" * 5000)
    os.rename(part, part.with_suffix(""))
    os.fsync(handle)
    place.mount.signal(signal.SIGKILL)
    fails_with(errno.ENOTCONN, os.close, handle)
    place.mount_again()
    assert (place / "shots/new/b.txt").read_bytes() == b"new" * 5000
    assert place.state("shots/new/b.txt") == "modified"


def test_an_unmount_sends_what_was_saved(mounts: Mounts, film: Film):
    """Nobody has to wait for the quiet time before they unmount."""
    film.write("shots/a.txt", b"old")
    place = Workplace(film, mounts)
    (place / "shots/a.txt").write_bytes(b"new")
    (place / "shots/b.txt").write_bytes(b"b")
    place.mount.unmount()
    assert place.versions("shots/a.txt") == [b"old", b"new"]
    assert place.versions("shots/b.txt") == [b"b"]


def test_a_signal_loses_nothing_of_an_open_file(mounts: Mounts, film: Film):
    """When the session ends while a program has a file open, what it has written so far is kept, all of it,
    though nothing was synced or closed.
    """
    film.write("shots/a.txt", b"old")
    place = Workplace(film, mounts)
    handle = os.open(place / "shots/a.txt", os.O_WRONLY | os.O_TRUNC)
    os.write(handle, b"new" * 100_000)
    place.mount.signal(signal.SIGTERM)
    with pytest.raises(OSError, match=r"not connected|aborted"):
        os.close(handle)
    place.mount_again()
    assert (place / "shots/a.txt").read_bytes() == b"new" * 100_000
    place.settle()
    assert place.versions("shots/a.txt")[-1] in (b"old", b"new" * 100_000)


# Metadata


def test_times_and_permissions_given_after_the_close_belong_to_the_version(place: Workplace):
    """Copying tools set them last; nobody moves them afterwards."""
    path = place / "shots/late.txt"
    path.write_bytes(b"new")
    path.chmod(0o755)
    os.utime(path, ns=(MTIME, MTIME))
    place.settle()
    found = path.stat()
    assert (found.st_mtime_ns, stat.S_IMODE(found.st_mode)) == (MTIME, 0o755)
    head = place.paths()["shots/late.txt"].head
    assert head is not None
    assert (head.mtime_ns, head.executable) == (MTIME, True)


def test_a_change_of_times_or_permissions_is_no_version(place: Workplace):
    """It is kept for this mount's eyes."""
    path = place / "shots/times.txt"
    os.utime(path, ns=(MTIME, MTIME))
    path.chmod(0o600)
    place.settle()
    assert place.versions("shots/times.txt") == [b"old"]
    assert place.state("shots/times.txt") == "normal"
    found = path.stat()
    assert (found.st_mtime_ns, stat.S_IMODE(found.st_mode)) == (MTIME, 0o600)


def test_a_file_keeps_its_number_through_saves_and_mounts(mounts: Mounts, film: Film):
    """Tools that compare numbers, and watch a file by its number, see one file; another version that somebody
    else made has another number.
    """
    film.write("shots/a.txt", b"old")
    place = Workplace(film, mounts)
    path = place / "shots/a.txt"
    number = path.stat().st_ino
    path.write_bytes(b"new")
    assert path.stat().st_ino == number
    place.settle()
    assert path.stat().st_ino == number
    place.mount.unmount()
    place.mount_again()
    assert path.stat().st_ino == number
    film.write("shots/a.txt", b"theirs")
    wait_until(lambda: path.read_bytes() == b"theirs", "the other version")
    assert path.stat().st_ino != number


# Two mounts


def test_a_save_shows_in_the_other_mount(mounts: Mounts, film: Film):
    """Somebody else sees it soon after the quiet time, and reads on in the version that they have open; until
    then they see nothing of it, nor of temporary files and empty names.
    """
    bo = film.add_user("bo", "artist")
    film.write("shots/a.txt", b"old " * 50_000, assignee=bo)
    mine, theirs = Workplace(film, mounts, "bo"), Workplace(film, mounts, at="other")
    with open(theirs / "shots/a.txt", "rb") as reader:
        assert reader.read(10) == b"old old ol"
        (mine / "shots/a.txt~").write_bytes(b"backup")
        (mine / "shots/a.txt").unlink()
        assert (theirs / "shots/a.txt").read_bytes() == b"old " * 50_000
        (mine / "shots/a.txt").write_bytes(b"new")
        assert listing(theirs / "shots") == ["a.txt"]
        mine.settle()
        wait_until(lambda: (theirs / "shots/a.txt").read_bytes() == b"new", "the save to show")
        assert b"old old ol" + reader.read() == b"old " * 50_000


def test_a_lost_race_is_a_version_after_all_when_somebody_says_so(mounts: Mounts, film: Film):
    """Both contents are kept: the other's is the newest, and ``retry`` makes one's own the next."""
    film.write("shots/a.txt", b"old")
    place = Workplace(film, mounts)
    place.mount.expect_log("is not recorded: somebody else recorded a newer version meanwhile")
    with open(place / "shots/a.txt", "wb") as file:
        file.write(b"mine")
        film.write("shots/a.txt", b"theirs")
    place.settle()
    assert place.state("shots/a.txt") == "outdated"
    assert (place / "shots/a.txt").read_bytes() == b"mine"
    ask(place.mount, "retry", path="shots/a.txt")
    place.settle()
    assert place.versions("shots/a.txt") == [b"old", b"theirs", b"mine"]
    assert place.state("shots/a.txt") == "normal"


# Room


def test_what_is_not_sent_yet_has_a_quota(mounts: Mounts, film: Film):
    """Who writes more is told by their program, and that is no version; what was sent makes room."""
    film.write_all({"shots/a.bin": b"old", "shots/b.bin": b"old"})
    place = Workplace(film, mounts, options=replace(PATIENT, draft_quota=1 << 20))
    place.mount.expect_log("is not sent: ")
    handle = os.open(place / "shots/a.bin", os.O_WRONLY)
    assert os.write(handle, bytes(2 << 20)) == 2 << 20  # the kernel has taken it
    fails_with(errno.ENOSPC, os.close, handle)
    wait_until(lambda: place.state("shots/a.bin") == "damaged", "the damage")
    place.settle()
    assert place.versions("shots/a.bin") == [b"old"]
    os.truncate(place / "shots/a.bin", 0)
    for content in (b"x" * 900_000, b"y" * 900_000):
        (place / "shots/b.bin").write_bytes(content)
        place.settle()
        assert place.versions("shots/b.bin")[-1] == content


def test_scratch_has_a_quota_of_its_own(mounts: Mounts, film: Film):
    """Caches and backups take no room from what is to be sent, nor the other way round."""
    film.write("shots/a.bin", b"old")
    options = replace(PATIENT, draft_quota=1 << 20, scratch_quota=1 << 20)
    place = Workplace(film, mounts, options=options)
    place.mount.expect_log("is not sent: ")
    (place / "shots/cache.tmp").write_bytes(bytes(900_000))
    (place / "shots/a.bin").write_bytes(bytes(900_000))
    handle = os.open(place / "shots/more.tmp", os.O_CREAT | os.O_WRONLY)
    os.write(handle, bytes(900_000))
    fails_with(errno.ENOSPC, os.close, handle)
    place.settle()
    assert place.versions("shots/a.bin") == [b"old", bytes(900_000)]
    assert (place / "shots/cache.tmp").read_bytes() == bytes(900_000)


def test_df_tells_what_may_still_be_written(mounts: Mounts, film: Film):
    """Free is what the disks and the quota leave, so that tools ask before they write."""
    film.write_all({"shots/a.bin": b"old", "shots/b.bin": b"old"})
    place = Workplace(film, mounts, options=replace(PATIENT, draft_quota=4 << 20))
    before = os.statvfs(place.mount.path)
    assert before.f_bavail * before.f_frsize == 4 << 20
    assert before.f_namemax == 255
    assert before.f_files == 3
    (place / "shots/a.bin").write_bytes(bytes(1 << 20))
    now = os.statvfs(place.mount.path)
    assert now.f_bavail * now.f_frsize == 3 << 20


def test_a_full_disk_is_told_at_once_and_the_mount_lives(mounts: Mounts, film: Film):
    """Whoever makes, renames or removes something on a full disk is told, and nothing has changed."""
    film.write("shots/a.txt", b"old")
    place = Workplace(film, mounts, program="mountfs.testing.troubled")
    place.mount.expect_log(".")
    trouble = place.mount.path.parent / "trouble" / "disk"
    trouble.write_text("commit ENOSPC\ncreate ENOSPC\nwrite ENOSPC\nsync ENOSPC\n")
    shots = place / "shots"
    fails_with(errno.ENOSPC, os.open, shots / "b.txt", os.O_CREAT | os.O_WRONLY)
    fails_with(errno.ENOSPC, os.mkdir, shots / "new")
    fails_with(errno.ENOSPC, os.rename, shots / "a.txt", shots / "c.txt")
    fails_with(errno.ENOSPC, os.open, shots / "a.txt", os.O_WRONLY | os.O_TRUNC)
    assert listing(shots) == ["a.txt"]
    assert (shots / "a.txt").read_bytes() == b"old"
    trouble.unlink()
    (shots / "a.txt").write_bytes(b"new")
    place.settle()
    assert place.versions("shots/a.txt") == [b"old", b"new"]
    assert listing(shots) == ["a.txt"]


def test_a_store_that_takes_nothing_delays_versions(mounts: Mounts, film: Film):
    """What was saved stays here, says why it is not sent, and is sent when the store takes it."""
    film.write("shots/a.txt", b"old")
    place = Workplace(film, mounts, options=SWIFT, program="mountfs.testing.troubled")
    place.mount.expect_log("is sent later: ")
    trouble = place.mount.path.parent / "trouble" / "fail-puts"
    trouble.touch()
    (place / "shots/a.txt").write_bytes(b"new")
    wait_until(lambda: "takes nothing" in place.reason("shots/a.txt"), "the reason")
    assert (place / "shots/a.txt").read_bytes() == b"new"
    assert place.versions("shots/a.txt") == [b"old"]
    trouble.unlink()
    place.wait_for("shots/a.txt", b"old", b"new")


# What can be asked and said


def test_a_comment_is_that_of_the_next_version(place: Workplace):
    """Tools and scripts say what a version is about by an attribute of the file."""
    path = place / "shots/comment.txt"
    os.setxattr(path, "user.mountfs.comment", b"the new rig")
    path.write_bytes(b"new")
    place.settle()
    head = place.paths()["shots/comment.txt"].head
    assert head is not None
    assert head.comment == "the new rig"
    path.write_bytes(b"newer")
    place.settle()
    head = place.paths()["shots/comment.txt"].head
    assert head is not None
    assert head.comment == ""


def test_a_status_is_set_at_once(place: Workplace):
    """It belongs to the asset, not to a version."""
    path = place / "shots/status.txt"
    os.setxattr(path, "user.mountfs.status", b"wip")
    assert place.paths()["shots/status.txt"].status == "wip"
    wait_until(lambda: os.getxattr(path, "user.mountfs.status") == b"wip", "the status to show")
    fails_with(errno.EACCES, os.setxattr, path, "user.mountfs.assignee", b"ada")
    fails_with(errno.EOPNOTSUPP, os.setxattr, path, "user.other", b"value")


def test_who_asks_for_the_version_gets_the_one_just_saved(place: Workplace):
    """Asking for its number or its history ends the quiet time; asking for its state does not."""
    path = place / "shots/asked.txt"
    path.write_bytes(b"new")
    wait_until(lambda: os.getxattr(path, "user.mountfs.state") == b"waiting", "the state")
    assert os.getxattr(path, "user.mountfs.number") == b"2"
    assert os.getxattr(path, "user.mountfs.state") == b"normal"
    (place / "shots/history.txt").write_bytes(b"new")
    wait_until(lambda: place.state("shots/history.txt") == "waiting", "the version")
    names = listing(place / ".checkpoints/shots/history.txt")
    assert [name[:4] for name in names] == ["0001", "0002"]
