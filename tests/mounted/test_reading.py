"""What programs read from a mount is what was recorded, with whatever they read it."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import random
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mountfs.config import MountOptions
from mountfs.errors import MountError
from mountfs.mountpoints import users_may_allow_other
from mountfs.testing.mounts import BOUND, Mount, Mounts
from tests.mounted.film import MTIME, Film

MIB = 1 << 20


def sh(command: str, cwd: Path) -> str:
    """What a shell command prints; it must succeed, within bounds, and complain about nothing."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], cwd=cwd, capture_output=True, text=True, timeout=BOUND
    )
    assert (done.returncode, done.stderr) == (0, ""), f"{command}: {done.stderr}"
    return done.stdout


CONTENT: dict[str, bytes] = {
    "shots/sq010/anim.blend": random.Random(1).randbytes(5 * MIB + 17),
    "shots/sq010/notes.txt": b"a line about the fox\n" * 100,
    "shots/sq020/cache.abc": bytes(3 * MIB) + random.Random(2).randbytes(3 * MIB),
    "library/Größe und Maß.txt": b"ein Text\n",
    "library/empty.txt": b"",
    "library/one.bin": b"x",
    "Makefile": b"all:\n",
}


@pytest.fixture
def filled(film: Film) -> Film:
    """A project with files of all sizes."""
    for folder in ("shots/sq010", "shots/sq020", "library", "empty folder"):
        film.folder(folder)
    film.write_all(CONTENT)
    return film


@pytest.fixture
def mount(mounts: Mounts, filled: Film) -> Mount:
    """The project on a mount."""
    return mounts.mount(filled.path)


def test_every_file_is_there_with_its_bytes(mount: Mount):
    """A walk over the mount finds each file once, whole, with the recorded time."""
    found = {
        str(path.relative_to(mount.path)): path.read_bytes()
        for path in mount.path.rglob("*")
        if path.is_file()
    }
    assert found == CONTENT
    assert (mount.path / "Makefile").stat().st_mtime_ns == MTIME
    assert (mount.path / "empty folder").is_dir()


def test_any_range_in_any_order_is_right(mount: Mount):
    """Reading at random places, in sizes small and large, gives the recorded bytes."""
    path, whole = mount.path / "shots/sq010/anim.blend", CONTENT["shots/sq010/anim.blend"]
    dice = random.Random(3)
    fd = os.open(path, os.O_RDONLY)
    try:
        for _ in range(200):
            start, length = dice.randrange(len(whole)), dice.choice([1, 100, 4096, 70_000, 2 * MIB])
            assert os.pread(fd, length, start) == whole[start : start + length]
        assert os.pread(fd, 10, len(whole)) == b""
    finally:
        os.close(fd)


@pytest.mark.parametrize("size", [1, 1000, 4096, 5000, 65_536, 70_001])
def test_small_files_read_in_order_are_right(mounts: Mounts, film: Film, size: int):
    """A folder of small files, the later ones put into the kernel's cache before they are asked for, is
    right.
    """
    content = {f"set/tile.{number:03}.bin": random.Random(number).randbytes(size) for number in range(60)}
    film.write_all(content)
    mount = mounts.mount(film.path)
    for path, expected in content.items():
        with open(mount.path / path, "rb", buffering=0) as source:
            assert source.read(len(expected) + 1) == expected
            assert source.read() == b""
    assert {path: (mount.path / path).read_bytes() for path in content} == content


def test_direct_reads_are_right(mount: Mount):
    """A program that goes around the page cache reads the same bytes."""
    whole = CONTENT["shots/sq020/cache.abc"]
    fd = os.open(mount.path / "shots/sq020/cache.abc", os.O_RDONLY | os.O_DIRECT)
    try:
        buffer = mmap.mmap(-1, MIB)
        got = b""
        while count := os.preadv(fd, [buffer], len(got)):
            got += buffer[:count]
        assert got == whole
    finally:
        os.close(fd)


def test_files_can_be_mapped(mount: Mount):
    """Tools that map their files, numpy too, see the recorded bytes."""
    whole = CONTENT["shots/sq020/cache.abc"]
    with (
        open(mount.path / "shots/sq020/cache.abc", "rb") as source,
        mmap.mmap(source.fileno(), 0, prot=mmap.PROT_READ) as view,
    ):
        assert view[-100:] == whole[-100:]
        assert hashlib.sha256(view).digest() == hashlib.sha256(whole).digest()
    array = np.memmap(mount.path / "shots/sq020/cache.abc", dtype=np.uint8, mode="r")
    assert int(array.sum()) == int(np.frombuffer(whole, np.uint8).sum())
    del array


@pytest.mark.parametrize(
    "command",
    [
        "cp -a {mnt}/. copy/",
        "rsync -a {mnt}/ copy/",
        "tar -C {mnt} -cf - . | tar -C copy -xf -",
        "tar -C {mnt} -cSf - . | tar -C copy -xf -",
    ],
)
def test_copying_tools_take_everything_and_complain_about_nothing(mount: Mount, tmp_path: Path, command: str):
    """Whoever copies a project out of a mount has all of it, with its times, and not the history."""
    (tmp_path / "copy").mkdir()
    sh(command.format(mnt=mount.path), tmp_path)
    copied = {
        str(path.relative_to(tmp_path / "copy")): path.read_bytes()
        for path in (tmp_path / "copy").rglob("*")
        if path.is_file()
    }
    assert copied == CONTENT
    times = {path.stat().st_mtime_ns for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert {time // 1000 for time in times} <= {MTIME // 1000, MTIME // 10**9 * 10**6}


def test_tools_that_look_around_answer_and_look_right(mount: Mount):
    """find, ls, du, df, grep and sha256sum work as on any disk."""
    assert len(sh("find . -type f", mount.path).splitlines()) == len(CONTENT)
    assert sh("find . -type d -links 2 -name 'sq0*' | sort", mount.path) == "./shots/sq010\n./shots/sq020\n"
    listed = sh("ls -l shots/sq010/notes.txt", mount.path).split()
    assert (listed[0], listed[4]) == ("-rw-r--r--", str(len(CONTENT["shots/sq010/notes.txt"])))
    used = int(sh("du -s --block-size=1 .", mount.path).split()[0])
    whole = sum(map(len, CONTENT.values()))
    assert whole <= used < whole + 512 * len(CONTENT)
    assert sh("df --output=fstype,target . | tail -1", mount.path).split() == [
        "fuse.mountfs",
        str(mount.path),
    ]
    assert sh("grep -rl 'about the fox' .", mount.path) == "./shots/sq010/notes.txt\n"
    sums = set(sh("sha256sum shots/*/*", mount.path).splitlines())
    shots = {path: content for path, content in CONTENT.items() if path.startswith("shots/")}
    assert sums == {f"{hashlib.sha256(content).hexdigest()}  {path}" for path, content in shots.items()}


def test_statfs_tells_the_files_and_a_disk(mount: Mount):
    """Free space is that of a real disk, and the number of files that of what is seen."""
    found = os.statvfs(mount.path)
    assert found.f_namemax == 255
    assert 0 < found.f_bavail <= found.f_blocks
    assert found.f_files == len(CONTENT) + 5


def test_a_database_can_be_queried(mounts: Mounts, film: Film, tmp_path: Path):
    """sqlite3 reads a database straight from the mount."""
    with sqlite3.connect(tmp_path / "made.db") as made:
        made.execute("CREATE TABLE shots (name TEXT, frames INTEGER)")
        made.executemany("INSERT INTO shots VALUES (?, ?)", [(f"sh{n:03}", n) for n in range(2000)])
    made.close()
    film.write("data/shots.db", (tmp_path / "made.db").read_bytes())
    mount = mounts.mount(film.path)
    query = "SELECT count(*), sum(frames) FROM shots"
    assert sh(f'sqlite3 -readonly data/shots.db "{query}"', mount.path) == "2000|1999000\n"
    opened = sqlite3.connect(f"file:{mount.path}/data/shots.db?mode=ro", uri=True)
    assert opened.execute(query).fetchone() == (2000, 1_999_000)
    opened.close()


def test_a_program_runs_from_the_mount(mounts: Mounts, film: Film):
    """A tool that was recorded with its execute bit can be started where it lies."""
    film.write("bin/hello", b"#!/bin/sh\necho hello from $0\n", executable=True)
    film.write("bin/true", Path("/bin/true").read_bytes(), executable=True)
    film.write("bin/data", b"#!/bin/sh\n")
    mount = mounts.mount(film.path)
    assert sh("bin/hello; bin/true", mount.path) == "hello from bin/hello\n"
    with pytest.raises(PermissionError):
        subprocess.run([mount.path / "bin/data"], check=False)


def test_history_is_a_folder_of_versions(mounts: Mounts, film: Film):
    """Every version of a file can be read under .checkpoints, by number, time and author."""
    for text in (b"one", b"two", b"three"):
        film.write("shots/a.txt", text)
    mount = mounts.mount(film.path)
    assert ".checkpoints" not in os.listdir(mount.path)
    folder = mount.path / ".checkpoints/shots/a.txt"
    versions = sorted(os.listdir(folder))
    assert [(folder / name).read_bytes() for name in versions] == [b"one", b"two", b"three"]
    assert [name[:5] for name in versions] == ["0001_", "0002_", "0003_"]
    assert versions[0].endswith("Z_ada.txt")
    assert stat.S_IMODE((folder / versions[0]).stat().st_mode) == 0o444
    film.write("shots/a.txt", b"four")
    assert len(os.listdir(folder)) == 4


@pytest.mark.parametrize("options", [MountOptions(ro=True), MountOptions(xattr=True)], ids=["ro", "xattr"])
def test_extended_attributes_are_read_by_name_and_not_listed(
    mounts: Mounts, film: Film, options: MountOptions
):
    """Scripts can ask what a file is; copying tools do not stumble over it."""
    content = film.write("a.txt", b"text")
    mount = mounts.mount(film.path, options=options)
    path = mount.path / "a.txt"
    assert os.getxattr(path, "user.mountfs.checkpoint").decode() == content.id
    assert os.getxattr(path, "user.mountfs.number") == b"1"
    assert os.getxattr(path, "user.mountfs.author") == b"ada"
    assert os.getxattr(path, "user.mountfs.state") == b"normal"
    assert os.listxattr(path) == []
    for name, number in {
        "user.mountfs.checkpoint_error": errno.ENODATA,
        "user.other": errno.ENODATA,
        "security.capability": errno.ENODATA,
        "other.name": errno.EOPNOTSUPP,
    }.items():
        with pytest.raises(OSError, match=str(path)) as caught:
            os.getxattr(path, name)
        assert caught.value.errno == number, name


def test_attributes_are_left_out_where_writes_would_be_slow_for_them(mount: Mount):
    """A mount that can be written to says that it has no extended attributes, unless it was asked for them:
    the kernel then stops asking for one before each write.
    """
    for name in ("user.mountfs.checkpoint", "user.other", "security.capability"):
        with pytest.raises(OSError, match=str(mount.path)) as caught:
            os.getxattr(mount.path / "Makefile", name)
        assert caught.value.errno == errno.EOPNOTSUPP, name


def test_nothing_can_be_written(mounts: Mounts, filled: Film):
    """Through a mount with ``ro``, every way to change something says that the file system is read-only."""
    mount = mounts.mount(filled.path, options=MountOptions(ro=True))
    file, folder = mount.path / "Makefile", mount.path / "library"
    acts: list[Callable[[], object]] = [
        lambda: os.open(file, os.O_WRONLY),
        lambda: os.open(file, os.O_RDONLY | os.O_TRUNC),
        lambda: os.open(folder / "new", os.O_CREAT | os.O_WRONLY, 0o644),
        lambda: os.truncate(file, 0),
        lambda: os.unlink(file),
        lambda: os.rename(file, folder / "x"),
        lambda: os.mkdir(folder / "new"),
        lambda: os.rmdir(mount.path / "empty folder"),
        lambda: os.symlink("x", folder / "new"),
        lambda: os.link(file, folder / "new"),
        lambda: os.mkfifo(folder / "new"),
        lambda: os.chmod(file, 0o600),
        lambda: os.utime(file, (0, 0)),
        lambda: os.setxattr(file, "user.mountfs.status", b"done"),
        lambda: os.removexattr(file, "user.mountfs.status"),
    ]
    for act in acts:
        with pytest.raises(OSError, match="Read-only file system"):
            act()


def test_a_name_that_is_too_long_says_so(mount: Mount):
    """A name of more than 255 bytes is ENAMETOOLONG, one of 255 that is not there ENOENT."""
    with pytest.raises(FileNotFoundError):
        os.stat(mount.path / ("x" * 255))
    with pytest.raises(OSError, match="File name too long"):
        os.stat(mount.path / ("x" * 256))


def test_a_mount_for_others_shows_nothing_to_the_world(mounts: Mounts, filled: Film):
    """With allow_other the permission bits keep everybody out but the owner and the group."""
    options = MountOptions(allow_other=True, gid=os.getgid())
    if os.geteuid() != 0 and not users_may_allow_other():
        with pytest.raises(MountError, match="user_allow_other"):
            mounts.mount(filled.path, options=options)
        return
    mount = mounts.mount(filled.path, options=options)
    assert stat.S_IMODE(mount.path.stat().st_mode) == 0o750
    assert stat.S_IMODE((mount.path / "Makefile").stat().st_mode) == 0o640
