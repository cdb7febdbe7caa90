"""When something goes wrong behind a mount: an error for whoever needs it, in time, and the mount lives."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mountfs.config import MountOptions
from mountfs.testing.mounts import Mount, Mounts, bounded, wait_until
from tests.mounted.film import Film

TROUBLED = "mountfs.testing.troubled"


class Trouble:
    """The switches of a troubled mount."""

    def __init__(self, mount: Mount) -> None:
        self._folder = mount.path.parent / "trouble"

    def begin(self, kind: str) -> None:
        (self._folder / kind).touch()

    def end(self, kind: str) -> None:
        (self._folder / kind).unlink()

    def gets(self) -> list[str]:
        """The chunks that the store was asked for."""
        path = self._folder / "gets"
        return path.read_text().split() if path.exists() else []


def fails_with(number: int, act: Callable[[], object]) -> None:
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        bounded(act)
    assert caught.value.errno == number


def reads(path: Path) -> bool:
    """Whether a file can be read."""
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


@pytest.mark.parametrize("kind", ["bug", "fail"])
def test_a_fault_of_the_store_is_an_error_for_the_reader_and_the_mount_lives(
    mounts: Mounts, film: Film, kind: str
):
    """Whatever the store raises, a read fails with EIO, everything else works, and the fault is in the
    log.
    """
    film.write("a.txt", b"text" * 100)
    mount = mounts.mount(film.path, program=TROUBLED)
    mount.expect_log("ERROR|Traceback")
    trouble = Trouble(mount)
    trouble.begin(kind)
    fails_with(errno.EIO, (mount.path / "a.txt").read_bytes)
    assert os.listdir(mount.path) == ["a.txt"]
    wait_until(lambda: "ERROR" in mount.log, "a line in the log")
    trouble.end(kind)
    wait_until(lambda: reads(mount.path / "a.txt"), "the store being asked again")
    assert (mount.path / "a.txt").read_bytes() == b"text" * 100


def test_a_bug_in_an_answer_is_an_error_and_a_traceback_and_the_mount_lives(mounts: Mounts, film: Film):
    """An exception nobody expected costs one answer, not the mount."""
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path, program=TROUBLED)
    mount.expect_log("ERROR|Traceback")
    trouble = Trouble(mount)
    trouble.begin("history-bug")
    fails_with(errno.EIO, lambda: os.listdir(mount.path / ".checkpoints/a.txt"))
    assert "ZeroDivisionError: a bug in the studio" in mount.log
    trouble.end("history-bug")
    assert len(os.listdir(mount.path / ".checkpoints/a.txt")) == 1
    assert (mount.path / "a.txt").read_bytes() == b"text"


def test_a_folder_that_cannot_be_shown_is_an_error_for_whoever_looks_and_the_mount_lives(
    mounts: Mounts, film: Film, tmp_path: Path
):
    """A row that trips the mount up costs the listings that need it, not the mount and no other folder."""
    film.write_all({"a/odd.txt": b"odd", "b/good.txt": b"good"})
    (tmp_path / "trouble").mkdir()
    (tmp_path / "trouble/odd-names").touch()
    mount = mounts.mount(film.path, program=TROUBLED)
    mount.expect_log("ERROR|Traceback")
    wait_until(lambda: "not made ready" in mount.log, "the fault in the log")
    fails_with(errno.EIO, lambda: os.listdir(mount.path / "a"))
    assert (mount.path / "b/good.txt").read_bytes() == b"good"
    film.write("b/good.txt", b"better")
    wait_until(lambda: (mount.path / "b/good.txt").read_bytes() == b"better", "the news")


def test_a_read_that_hangs_is_answered_by_its_deadline(mounts: Mounts, film: Film):
    """While the store hangs, readers get an error in time, and everything from memory is answered at once."""
    film.write_all({"a.txt": b"text", "b.txt": b"other"})
    mount = mounts.mount(film.path, program=TROUBLED, options=MountOptions(read_deadline=0.5))
    mount.expect_log("ERROR.*no answer within 0.5 s")
    trouble = Trouble(mount)
    trouble.begin("stall")
    fails_with(errno.EIO, (mount.path / "a.txt").read_bytes)
    assert bounded(lambda: sorted(os.listdir(mount.path))) == ["a.txt", "b.txt"]
    assert bounded((mount.path / "b.txt").stat).st_size == 5
    assert bounded(lambda: os.statvfs(mount.path)).f_files == 2
    assert not bounded((mount.path / "nothing").exists)
    trouble.end("stall")
    wait_until(lambda: bounded(lambda: reads(mount.path / "a.txt")), "the store being asked again")
    assert (mount.path / "a.txt").read_bytes() == b"text"


def test_many_stalled_readers_leave_the_mount_answering(mounts: Mounts, film: Film):
    """As many readers as tools have threads may hang without holding up names and attributes."""
    film.write_all({f"set/{number:02}.bin": bytes([number]) * 100 for number in range(40)})
    mount = mounts.mount(film.path, program=TROUBLED)
    trouble = Trouble(mount)
    trouble.begin("stall")
    with ThreadPoolExecutor(40) as pool:
        reads = [pool.submit(path.read_bytes) for path in sorted((mount.path / "set").iterdir())]
        wait_until(trouble.gets, "a read on its way")
        assert len(bounded(lambda: os.listdir(mount.path / "set"))) == 40
        assert bounded(lambda: os.statvfs(mount.path)).f_files == 41
        trouble.end("stall")
        assert [read.result(30) for read in reads] == [bytes([number]) * 100 for number in range(40)]


def test_eight_readers_of_one_file_fetch_each_chunk_once(mounts: Mounts, film: Film):
    """Many programs that read the same file cost the store one fetch a chunk."""
    content = os.urandom(12 << 20)
    film.write("a.bin", content)
    mount = mounts.mount(film.path, program=TROUBLED)
    trouble = Trouble(mount)
    trouble.begin("stall")

    def read(_: int) -> bytes:
        fd = os.open(mount.path / "a.bin", os.O_RDONLY | os.O_DIRECT)  # each with requests of its own
        try:
            return os.pread(fd, 4096, 0)
        finally:
            os.close(fd)

    with ThreadPoolExecutor(8) as pool:
        reads = [pool.submit(read, number) for number in range(8)]
        wait_until(trouble.gets, "the first fetch")
        trouble.end("stall")
        assert {done.result(30) for done in reads} == {content[:4096]}
    assert (mount.path / "a.bin").read_bytes() == content
    gets = trouble.gets()
    assert len(gets) == len(set(gets))


def test_no_deadline_touches_what_is_slow_but_comes(mounts: Mounts, film: Film):
    """A store that is slow within the deadline gives the right bytes."""
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path, program=TROUBLED)
    trouble = Trouble(mount)
    trouble.begin("stall")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit((mount.path / "a.txt").read_bytes)
        wait_until(trouble.gets, "the read on its way")
        trouble.end("stall")
        assert read.result(30) == b"text"
