"""Every call on every kind of path: a mount does what a native file system does,
and refuses in the same order.

The rule: what a program does with files that it may change comes out as on the file system beside the mount.
Where it does not, `EXCEPTIONS` says so and why; an exception that is none any more fails too.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mountfs.config import MountOptions
from mountfs.testing.mounts import Mounts
from tests.mounted.film import Film
from tests.mounted.posix import calls
from tests.mounted.posix.places import PATHS, SOURCES, TARGETS, Table, inside

pytestmark = pytest.mark.posix

A_TIME = (1_700_000_000_000_000_000, 1_700_000_001_000_000_000)


def _opened(flags: int) -> Callable[[str], None]:
    return lambda path: os.close(os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o640))


def _chdir(path: str) -> None:
    with inside(path):
        pass


CALLS: dict[str, Callable[[str], object]] = {
    "stat": os.stat,
    "lstat": os.lstat,
    "statvfs": os.statvfs,
    "access to be there": lambda path: calls.access(path, os.F_OK),
    "access to read": lambda path: calls.access(path, os.R_OK),
    "access to write": lambda path: calls.access(path, os.W_OK),
    "access to execute": lambda path: calls.access(path, os.X_OK),
    "readlink": os.readlink,
    "open to read": _opened(os.O_RDONLY),
    "open to write": _opened(os.O_WRONLY),
    "open to read and write": _opened(os.O_RDWR),
    "open to append": _opened(os.O_WRONLY | os.O_APPEND),
    "open to cut off": _opened(os.O_WRONLY | os.O_TRUNC),
    "open to cut off and read": _opened(os.O_RDONLY | os.O_TRUNC),
    "open or make": _opened(os.O_WRONLY | os.O_CREAT),
    "open or make to read": _opened(os.O_RDONLY | os.O_CREAT),
    "make": _opened(os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "make or cut off": _opened(os.O_RDWR | os.O_CREAT | os.O_TRUNC),
    "open no link": _opened(os.O_RDONLY | os.O_NOFOLLOW),
    "open or make no link": _opened(os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW),
    "open a folder": _opened(os.O_RDONLY | os.O_DIRECTORY),
    "open a folder to write": _opened(os.O_RDWR | os.O_DIRECTORY),
    "make a folder by open": _opened(os.O_RDONLY | os.O_DIRECTORY | os.O_CREAT),
    "open a path": _opened(os.O_PATH),
    "open without a name": _opened(os.O_TMPFILE | os.O_RDWR),
    "listdir": os.listdir,
    "chdir": _chdir,
    "mkdir": lambda path: os.mkdir(path, 0o750),
    "rmdir": os.rmdir,
    "unlink": os.unlink,
    "mknod of a file": lambda path: os.mknod(path, stat.S_IFREG | 0o640),
    "mknod of a FIFO": lambda path: os.mknod(path, stat.S_IFIFO | 0o640),
    "mknod of a socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o640),
    "mknod of a device": lambda path: os.mknod(path, stat.S_IFCHR | 0o640, os.makedev(1, 3)),
    "symlink": lambda path: os.symlink("file", path),
    "symlink to nowhere": lambda path: os.symlink("", path),
    "truncate to nothing": lambda path: os.truncate(path, 0),
    "truncate to more": lambda path: os.truncate(path, 100_000),
    "truncate to less than nothing": lambda path: os.truncate(path, -1),
    "truncate to too much": lambda path: os.truncate(path, 1 << 62),
    "chmod": lambda path: os.chmod(path, 0o640),
    "chmod to nothing": lambda path: os.chmod(path, 0),
    "chmod with all bits": lambda path: os.chmod(path, 0o7777),
    "utimens": lambda path: os.utime(path, ns=A_TIME),
    "utimens now": os.utime,
    "utimens of a link": lambda path: os.utime(path, ns=A_TIME, follow_symlinks=False),
    "chown to oneself": lambda path: os.chown(path, os.getuid(), os.getgid()),
    "chown of a link to oneself": lambda path: os.lchown(path, os.getuid(), os.getgid()),
    "chown to nobody else": lambda path: os.chown(path, -1, -1),
    "chown to somebody else": lambda path: os.chown(path, 1, -1),
    "getxattr": lambda path: os.getxattr(path, "user.none"),
    "listxattr": os.listxattr,
    "setxattr": lambda path: os.setxattr(path, "user.none", b"x"),
    "removexattr": lambda path: os.removexattr(path, "user.none"),
    "setxattr of the system": lambda path: os.setxattr(path, "system.posix_acl_access", b"x"),
}

PAIRS: dict[str, Callable[[str, str], object]] = {
    "rename": os.rename,
    "rename without replacing": lambda old, new: calls.rename(old, new, calls.NOREPLACE),
    "exchange": lambda old, new: calls.rename(old, new, calls.EXCHANGE),
    "rename and leave a white-out": lambda old, new: calls.rename(old, new, calls.WHITEOUT),
    "rename with flags that exclude each other": lambda old, new: calls.rename(old, new, 3),
    "link": os.link,
    "link of a link's target": lambda old, new: os.link(old, new, follow_symlinks=True),
}


@dataclass(frozen=True)
class Refusal:
    """What a mount refuses though a native file system does it."""

    error: str
    why: str
    instead_of: tuple[str, ...] = ()
    """Errors that this one takes the place of as well."""
    for_root: bool = False
    """Whether a native file system does it for root only."""
    kernel_answers: tuple[str | tuple[str, str], ...] = ()
    """Paths, or pairs of them, for which no file system is asked."""


_SAME = tuple(
    (source, target) for source in SOURCES for target in TARGETS if source.strip("/") == target.strip("/")
)

EXCEPTIONS = {
    "open without a name": Refusal(
        "ENOTSUP", "a file without a name has no history; tools then make one with a name"
    ),
    "getxattr": Refusal(
        "ENOTSUP",
        "not asked for, attributes would make each write slow (-o xattr)",
        ("ENODATA",),
        kernel_answers=("fifo", "socket"),
    ),
    "setxattr": Refusal("ENOTSUP", "a project keeps no attributes but our own"),
    "removexattr": Refusal("ENOTSUP", "a project keeps no attributes but our own", ("ENODATA",)),
    "exchange": Refusal("EINVAL", "two assets would swap their histories", kernel_answers=_SAME),
    "rename and leave a white-out": Refusal(
        "EINVAL", "a white-out is a device", ("ENOTEMPTY",), kernel_answers=(*_SAME, ("full/inner", "full"))
    ),
    "link": Refusal("EPERM", "two names would have one history"),
    "link of a link's target": Refusal("EPERM", "two names would have one history"),
    "mknod of a device": Refusal("EPERM", "there are no devices in a project", for_root=True),
    "chown to somebody else": Refusal("EPERM", "a mount speaks for one account", for_root=True),
}
"""What a native file system refuses is refused alike: the checks are made in the same order."""


def _is_refused(came: str) -> bool:
    return came in errno.errorcode.values()


def _expected(name: str, path: str | tuple[str, str], native: str) -> str:
    refusal = EXCEPTIONS.get(name)
    if refusal is None or path in refusal.kernel_answers:
        return native
    return native if _is_refused(native) and native not in refusal.instead_of else refusal.error


@pytest.mark.parametrize("name", CALLS)
def test_a_call_on_a_path_comes_out_as_elsewhere(tables: tuple[Table, Table], name: str):
    """Each call on each kind of path does the same as on a native file system, or is refused for the same
    reason.
    """
    native, mount = ({path: table.one(CALLS[name], path) for path in PATHS} for table in tables)
    assert mount == {path: _expected(name, path, came) for path, came in native.items()}
    _require_exception(name, native != mount)


@pytest.mark.parametrize("name", PAIRS)
def test_a_call_on_two_paths_comes_out_as_elsewhere(tables: tuple[Table, Table], name: str):
    """Each call on two paths, of all kinds, does the same or is refused for the same reason."""
    pairs = [(source, target) for source in SOURCES for target in TARGETS]
    native, mount = ({pair: table.two(PAIRS[name], *pair) for pair in pairs} for table in tables)
    assert mount == {pair: _expected(name, pair, came) for pair, came in native.items()}
    _require_exception(name, native != mount)


def _require_exception(name: str, is_different: bool) -> None:
    """An exception that is none any more is to be removed."""
    refusal = EXCEPTIONS.get(name)
    assert is_different == (refusal is not None and (os.getuid() == 0 or not refusal.for_root))


def test_another_file_system_is_too_far_for_a_name(tables: tuple[Table, Table]):
    """What is moved or linked between a mount and another file system is EXDEV, whichever way."""
    native, mount = (table.fresh() for table in tables)
    for source, target in ((native, mount), (mount, native)):
        for call in (os.rename, os.link):
            with pytest.raises(OSError, match="cross-device"):
                call(source / "file", target / "new")
            assert not (target / "new").exists()


CHANGES = tuple(
    name
    for name in CALLS
    if name.startswith(("open", "make", "mk", "rm", "un", "sym", "trunc", "ch", "utim", "acc"))
)
"""Calls that change something, or ask whether one may."""

READ_ONLY_PATHS = tuple(
    path
    for path in PATHS
    if path != ".."
    and not any(
        word in path for word in ("fifo", "socket", "link", "dangling", "loop", "closed", "fixed", "un")
    )
)


@pytest.mark.root
def test_a_mount_that_only_reads_refuses_as_elsewhere(mounts: Mounts, film: Film, tmp_path: Path):
    """On a mount with ``ro`` each call is refused for the same reason as on any file system mounted so."""
    film.write_all({"place/file": b"file", "place/full/inner": b"inner"})
    film.write("place/program", b"#!/bin/sh\n", executable=True)
    film.folder("place/empty")
    place = tmp_path / "native"
    for folder in ("full", "empty"):
        (place / folder).mkdir(parents=True)
    for name, content in (("file", "file"), ("full/inner", "inner"), ("program", "#!/bin/sh\n")):
        (place / name).write_text(content)
    (place / "program").chmod(0o755)
    mount = mounts.mount(film.path, options=MountOptions(ro=True, allow_other=True))
    subprocess.run(["mount", "--bind", place, place], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        tops = (str(place), str(mount.path / "place"))
        for name in CHANGES:
            native, mounted = ([_one(name, top, path) for path in READ_ONLY_PATHS] for top in tops)
            different = [
                each for each in zip(READ_ONLY_PATHS, native, mounted, strict=True) if each[1] != each[2]
            ]
            assert (name, different) == (name, [])
        for name in ("rename", "rename without replacing", "link"):
            for pair in itertools.product(("file", "missing", "full", "file/x"), READ_ONLY_PATHS):
                native_came, came = (_two(name, top, *pair) for top in tops)
                assert (name, pair, came) == (name, pair, native_came)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def _one(name: str, top: str, path: str) -> str:
    return calls.outcome(lambda: CALLS[name](f"{top}/{path}" if path else ""))


def _two(name: str, top: str, source: str, target: str) -> str:
    return calls.outcome(lambda: PAIRS[name](f"{top}/{source}", f"{top}/{target}" if target else ""))
