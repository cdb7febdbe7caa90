"""What is in files: the same acts on a mount and on a native file system leave the same, and say the same."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.mounted.posix import calls
from tests.mounted.posix.comparing import same
from tests.mounted.posix.places import Table, inside

pytestmark = pytest.mark.posix


@contextmanager
def opened(path: Path, flags: int, mode: int = 0o644) -> Iterator[int]:
    handle = os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        yield handle
    finally:
        os.close(handle)


def test_what_is_appended_is_at_the_end_whoever_writes(tables: tuple[Table, Table]):
    """O_APPEND writes at the end as it is then: two programs lose nothing to each other, wherever they
    seek.
    """

    def act(place: Path) -> bytes:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with opened(place / "log", flags) as one, opened(place / "log", flags) as two:
            for number in range(50):
                os.lseek(one, 0, os.SEEK_SET)
                os.write(one, b"one %d\n" % number)
                os.write(two, b"two %d\n" % number)
                os.pwrite(two, b"p", 0)
        return (place / "log").read_bytes()

    assert len(str(same(tables, act))) > 700


def test_programs_that_append_at_the_same_time_lose_nothing(tables: tuple[Table, Table]):
    """Four processes append lines to one file, and each line is there whole."""
    code = (
        "import os, sys\n"
        "file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)\n"
        "for number in range(200): os.write(file, f'{sys.argv[2]} {number}\\n'.encode())\n"
    )

    def act(place: Path) -> list[str]:
        path = place / "log"
        path.touch()
        writers = [subprocess.Popen([sys.executable, "-c", code, path, str(who)]) for who in range(4)]
        assert [writer.wait(timeout=60) for writer in writers] == [0] * 4
        return sorted(path.read_text().splitlines())

    same(tables, act)


def test_a_file_is_cut_off_when_it_is_opened_so(tables: tuple[Table, Table]):
    """O_TRUNC takes effect at the open, for who reads and for who has it open already."""

    def act(place: Path) -> list[object]:
        path = place / "file"
        path.write_bytes(b"0123456789")
        with opened(path, os.O_RDWR) as before:
            with opened(path, os.O_WRONLY | os.O_TRUNC):
                seen = [os.fstat(before).st_size, os.read(before, 10)]
            os.pwrite(before, b"x", 3)
            return [*seen, path.read_bytes()]

    assert same(tables, act) == [0, b"", b"\0\0\0x"]


def test_only_one_program_makes_a_file(tables: tuple[Table, Table]):
    """O_EXCL is for one of many that try at the same time."""
    code = (
        "import os, sys\n"
        "try: os.open(sys.argv[1], os.O_CREAT | os.O_EXCL | os.O_WRONLY)\n"
        "except FileExistsError: sys.exit(17)\n"
    )

    def act(place: Path) -> list[int]:
        makers = [subprocess.Popen([sys.executable, "-c", code, place / "lock"]) for _ in range(8)]
        return sorted(maker.wait(timeout=60) for maker in makers)

    assert same(tables, act) == [0, *[17] * 7]


def test_a_file_with_holes_reads_as_zeros(tables: tuple[Table, Table]):
    """What was never written is zero, however the file came to its length."""

    def act(place: Path) -> list[object]:
        path = place / "sparse"
        with opened(path, os.O_RDWR | os.O_CREAT) as file:
            os.pwrite(file, b"end", 10_000_000)
            os.ftruncate(file, 20_000_000)
            os.ftruncate(file, 10_000_001)
            os.ftruncate(file, 10_000_010)
            holes = [os.pread(file, 16, at) for at in (0, 5_000_000, 9_999_995)]
            return [os.fstat(file).st_size, *holes, os.pread(file, 10, 10_000_010)]

    same(tables, act)


def test_a_hole_is_found_at_the_end(tables: tuple[Table, Table]):
    """SEEK_HOLE may say that all is data; what it says is never wrong, and beyond the end it is ENXIO."""

    def act(place: Path) -> list[object]:
        with opened(place / "sparse", os.O_RDWR | os.O_CREAT) as file:
            os.pwrite(file, b"x" * 4096, 0)
            os.ftruncate(file, 1 << 20)
            found: list[object] = [os.lseek(file, 0, os.SEEK_DATA)]
            hole = os.lseek(file, 0, os.SEEK_HOLE)
            assert os.pread(file, 1 << 20, hole).strip(b"\0") == b""
            for whence in (os.SEEK_DATA, os.SEEK_HOLE):
                with pytest.raises(OSError, match="No such device or address") as caught:
                    os.lseek(file, 1 << 21, whence)
                found.append(caught.value.errno)
            return found

    same(tables, act)


def test_room_cannot_be_set_aside(tables: tuple[Table, Table]):
    """fallocate(2) is EOPNOTSUPP in each mode, and EBADF, EINVAL and ESPIPE come first; posix_fallocate(3)
    then writes zeros, which every program can live with.
    """
    modes = (0, calls.KEEP_SIZE, calls.KEEP_SIZE | calls.PUNCH_HOLE, calls.ZERO_RANGE, calls.COLLAPSE_RANGE)

    def asked(place: Path) -> list[str]:
        with opened(place / "a", os.O_RDWR | os.O_CREAT) as file, opened(place / "a", os.O_RDONLY) as reading:
            os.ftruncate(file, 1 << 16)
            return [
                *(calls.outcome(partial(calls.fallocate, file, mode, 0, 4096)) for mode in modes),
                calls.outcome(lambda: calls.fallocate(file, 0, 0, 0)),
                calls.outcome(lambda: calls.fallocate(file, 0, -1, 5)),
                calls.outcome(lambda: calls.fallocate(reading, 0, 0, 5)),
                calls.outcome(lambda: calls.fallocate(10_000, 0, 0, 5)),
            ]

    native, mount = (asked(table.own()) for table in tables)
    assert native[:3] == ["done"] * 3
    assert mount == ["ENOTSUP"] * len(modes) + native[len(modes) :]

    def act(place: Path) -> list[object]:
        with opened(place / "b", os.O_RDWR | os.O_CREAT) as file:
            os.write(file, b"text")
            os.posix_fallocate(file, 2, 20_000)
        return [(place / "b").read_bytes()]

    same(tables, act)


def test_a_range_is_copied_within_a_mount(tables: tuple[Table, Table]):
    """copy_file_range(2) copies inside the mount, also onto the file itself, and stops at the end."""

    def act(place: Path) -> list[object]:
        (place / "from").write_bytes(bytes(range(256)) * 1000)
        with (
            opened(place / "from", os.O_RDWR) as source,
            opened(place / "to", os.O_RDWR | os.O_CREAT) as target,
        ):
            done = [
                os.copy_file_range(source, target, 100_000, 1000, 5000),
                os.copy_file_range(source, target, 100_000, 255_000, 200_000),
                os.copy_file_range(source, target, 10, 300_000, 0),
                os.copy_file_range(source, source, 4096, 0, 8192),
            ]
            came = [
                calls.outcome(lambda: os.copy_file_range(source, source, 4096, 0, 100)),
                calls.outcome(lambda: os.copy_file_range(target, 10_000, 10)),
            ]
        return [done, came, (place / "to").read_bytes(), (place / "from").read_bytes()]

    same(tables, act)


def test_a_range_is_not_copied_between_file_systems(tables: tuple[Table, Table]):
    """copy_file_range(2) into and out of a mount is EXDEV, as between any two, so that tools copy
    themselves.
    """
    native, mount = (table.own() for table in tables)
    for source, target in ((native, mount), (mount, native)):
        (source / "from").write_bytes(b"text")
        with (
            opened(source / "from", os.O_RDONLY) as one,
            opened(target / "to", os.O_RDWR | os.O_CREAT) as two,
        ):
            assert calls.outcome(lambda: os.copy_file_range(one, two, 4)) == "EXDEV"


def test_what_is_stored_through_a_shared_mapping_is_in_the_file(tables: tuple[Table, Table]):
    """Stores show in read() at once, also for others, and writes show in the mapping; private ones stay
    private.
    """

    def act(place: Path) -> list[object]:
        path = place / "mapped"
        path.write_bytes(b"." * 100_000)
        with opened(path, os.O_RDWR) as file, opened(path, os.O_RDONLY) as other:
            with mmap.mmap(file, 0) as shared, mmap.mmap(file, 0, mmap.MAP_PRIVATE) as private:
                shared[50_000:50_005] = b"store"
                private[10:17] = b"private"
                seen: list[object] = [os.pread(other, 9, 49_998), os.pread(other, 9, 9)]
                os.pwrite(file, b"write", 70_000)
                seen += [shared[69_999:70_006], private[50_000:50_005]]
                shared.flush()
            with mmap.mmap(other, 0, prot=mmap.PROT_READ) as reading:
                seen.append(reading[49_999:50_006])
            seen += [calls.outcome(lambda: mmap.mmap(other, 0)), path.read_bytes().strip(b".")]
        return seen

    same(tables, act)


def test_a_store_beyond_the_end_kills(tables: tuple[Table, Table]):
    """A mapping of more pages than a file has is SIGBUS where there are none, and zeros in the last page."""
    code = (
        "import mmap, os, sys\n"
        "file = os.open(sys.argv[1], os.O_RDWR)\n"
        "mapped = mmap.mmap(file, 8192)\n"
        "os.ftruncate(file, 100)\n"
        "assert mapped[100:4096].strip(b'\\0') == b''\n"
        "mapped[5000]\n"
    )

    def act(place: Path) -> int:
        (place / "short").write_bytes(b"x" * 8192)
        return subprocess.run(
            [sys.executable, "-c", code, place / "short"], timeout=60, check=False
        ).returncode

    assert same(tables, act) == -7


def test_locks_hold_between_programs(tables: tuple[Table, Table]):
    """flock, fcntl and their release at close work as everywhere, in every combination."""
    code = (
        "import errno, fcntl, os, sys\n"
        "def asked(call, *arguments):\n"
        "    try: call(*arguments)\n"
        "    except OSError as exc: return errno.errorcode[exc.errno]\n"
        "    return 'done'\n"
        "file = os.open(sys.argv[1], os.O_RDWR)\n"
        "EX, SH, NB = fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_NB\n"
        "print(asked(fcntl.flock, file, EX | NB), asked(fcntl.flock, file, SH | NB),\n"
        "    asked(fcntl.lockf, file, EX | NB, 10, 0), asked(fcntl.lockf, file, EX | NB, 10, 100),\n"
        "    asked(fcntl.lockf, file, SH | NB, 10, 0))\n"
    )

    def act(place: Path) -> list[str]:
        path = place / "locked"
        path.write_bytes(b"x" * 200)
        said = []

        def other() -> None:
            done = subprocess.run(
                [sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60, check=True
            )
            said.append(done.stdout)

        with opened(path, os.O_RDWR) as file:
            other()
            fcntl.flock(file, fcntl.LOCK_EX)
            other()
            fcntl.flock(file, fcntl.LOCK_SH)
            fcntl.lockf(file, fcntl.LOCK_EX, 10, 0)
            other()
            fcntl.lockf(file, fcntl.LOCK_UN, 10, 0)
            fcntl.lockf(file, fcntl.LOCK_SH, 10, 0)
            other()
            with opened(path, os.O_RDONLY):
                pass  # closing any descriptor gives up the process's fcntl locks
            other()
        other()
        return said

    same(tables, act)


def test_a_removed_file_lives_while_it_is_open(tables: tuple[Table, Table]):
    """Without a name it is read, written, cut off, mapped and synced as before; a new one at the name is
    another.
    """

    def act(place: Path) -> list[object]:
        path = place / "file"
        with opened(path, os.O_RDWR | os.O_CREAT) as file:
            os.write(file, b"before")
            path.unlink()
            os.write(file, b" and after")
            path.write_bytes(b"new")
            seen: list[object] = [os.fstat(file).st_nlink, os.pread(file, 100, 0)]
            os.ftruncate(file, 3)
            os.fsync(file)
            os.fchmod(file, 0o600)
            os.utime(file, ns=(5, 7))
            with mmap.mmap(file, 3) as mapped:
                mapped[0] = ord("B")
            found = os.fstat(file)
            seen += [
                os.pread(file, 100, 0),
                found.st_size,
                found.st_mode,
                found.st_mtime_ns > 7,
                path.read_bytes(),
            ]
            seen.append(calls.outcome(lambda: os.link(f"/proc/self/fd/{file}", place / "again")) != "done")
        return [*seen, sorted(os.listdir(place))]

    same(tables, act)


def test_a_replaced_file_lives_while_it_is_open(tables: tuple[Table, Table]):
    """Who has the file open that another is renamed onto keeps it, and so who has its folder open."""

    def act(place: Path) -> list[object]:
        for name in ("old", "new"):
            (place / name).write_text(name)
        (place / "folder").mkdir()
        with opened(place / "old", os.O_RDWR) as old, opened(place / "folder", os.O_RDONLY) as folder:
            os.rename(place / "new", place / "old")
            os.rmdir(place / "folder")
            os.write(old, b"OLD")
            return [
                os.pread(old, 10, 0),
                os.fstat(old).st_nlink,
                (place / "old").read_text(),
                os.listdir(folder),
                calls.outcome(lambda: os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=folder)),
                calls.outcome(lambda: os.mkdir("x", dir_fd=folder)),
            ]

    same(tables, act)


def test_a_descriptor_permits_what_it_was_opened_for(tables: tuple[Table, Table]):
    """EBADF, EINVAL, EISDIR, ENOTDIR, ESPIPE and EFBIG of calls on descriptors, and what a removed right
    leaves.
    """

    def act(place: Path) -> list[object]:
        (place / "file").write_bytes(b"text")
        os.mkfifo(place / "fifo")
        with (
            opened(place / "file", os.O_RDONLY) as reading,
            opened(place / "file", os.O_WRONLY) as writing,
            opened(place, os.O_RDONLY | os.O_DIRECTORY) as folder,
            opened(place / "file", os.O_PATH) as path,
            opened(place / "fifo", os.O_RDWR | os.O_NONBLOCK) as fifo,
        ):
            os.chmod(place / "file", 0)
            asked: list[Callable[[], object]] = [
                lambda: os.write(reading, b"x"),
                lambda: os.read(writing, 1),
                lambda: os.ftruncate(reading, 0),
                lambda: os.ftruncate(writing, -1),
                lambda: os.ftruncate(writing, 1 << 62),
                lambda: os.ftruncate(folder, 0),
                lambda: os.ftruncate(fifo, 0),
                lambda: os.read(folder, 1),
                lambda: os.write(folder, b"x"),
                lambda: os.read(path, 1),
                lambda: os.fchmod(path, 0o600),
                lambda: os.fsync(path),
                lambda: os.fsync(folder),
                lambda: os.fsync(fifo),
                lambda: os.fdatasync(reading),
                lambda: os.lseek(reading, -1, os.SEEK_SET),
                lambda: os.lseek(reading, 0, 99),
                lambda: os.lseek(fifo, 0, os.SEEK_SET),
                lambda: os.pread(reading, 1, -1),
                lambda: os.pread(fifo, 1, 0),
                lambda: os.pwrite(writing, b"x", -1),
                lambda: os.listdir(reading),
                lambda: os.open("x", os.O_RDONLY, dir_fd=reading),
                lambda: os.stat("x", dir_fd=folder),
                lambda: os.fchdir(reading),
                lambda: os.fstat(10_000),
                lambda: os.fchmod(reading, 0o600),
                lambda: os.read(reading, 1),
                lambda: os.write(writing, b"x"),
                lambda: fcntl.lockf(reading, fcntl.LOCK_EX | fcntl.LOCK_NB),
                lambda: fcntl.ioctl(reading, 0x12345),
                lambda: os.isatty(reading),
                lambda: os.posix_fadvise(reading, 0, 10, os.POSIX_FADV_WILLNEED),
                lambda: os.preadv(reading, [bytearray(4)], 0),
                lambda: os.pwritev(writing, [b"a", b"b"], 0),
                lambda: os.sendfile(writing, reading, 0, 4),
                lambda: os.splice(reading, fifo, 4),
            ]
            return [calls.outcome(each) for each in asked]

    same(tables, act)


def test_pipes_and_sockets_carry_what_is_sent(tables: tuple[Table, Table]):
    """A FIFO and a socket in a mount connect programs; without a reader or a listener it is ENXIO or
    ECONNREFUSED.
    """

    def act(place: Path) -> list[object]:
        os.mkfifo(place / "fifo")
        said: list[object] = [calls.outcome(lambda: os.open(place / "fifo", os.O_WRONLY | os.O_NONBLOCK))]
        with opened(place / "fifo", os.O_RDWR) as fifo:
            os.write(fifo, b"through")
            said.append(os.read(fifo, 100))
        with inside(place), socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind("socket")
            said.append(calls.outcome(lambda: client.connect("socket")))
            said.append(calls.outcome(lambda: client.bind("socket")))
            server.listen()
            client.connect("socket")
            with server.accept()[0] as accepted:
                client.send(b"hello")
                said.append(accepted.recv(10))
        return said

    same(tables, act)


def test_a_program_that_runs_cannot_be_written(tables: tuple[Table, Table]):
    """A file with an execute bit runs, and ETXTBSY and EACCES are as elsewhere."""

    def act(place: Path) -> list[object]:
        program = place / "program"
        program.write_bytes(Path("/bin/sleep").read_bytes())
        said: list[object] = [calls.outcome(lambda: subprocess.run([program, "0"], check=True))]
        program.chmod(0o755)
        with subprocess.Popen([program, "60"]) as running:
            said.append(calls.outcome(lambda: os.open(program, os.O_WRONLY)))
            running.kill()
        with opened(program, os.O_WRONLY):
            said.append(calls.outcome(lambda: subprocess.run([program, "0"], check=True)))
        said.append(subprocess.run([program, "0"], check=False).returncode)
        return said

    assert same(tables, act) == ["EACCES", "ETXTBSY", "ETXTBSY", 0]


def test_a_write_beyond_the_limit_is_told(tables: tuple[Table, Table]):
    """A file is as large as elsewhere, and no larger: EFBIG."""

    def act(place: Path) -> list[object]:
        with opened(place / "large", os.O_RDWR | os.O_CREAT) as file:
            largest = (1 << 44) - 4096
            return [
                calls.outcome(lambda: os.ftruncate(file, largest)),
                os.fstat(file).st_size,
                calls.outcome(lambda: os.ftruncate(file, largest + 1)),
                calls.outcome(lambda: os.ftruncate(file, 0)),
                errno.EFBIG,
            ]

    same(tables, act)
