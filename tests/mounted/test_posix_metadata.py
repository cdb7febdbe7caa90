"""Permissions, times and figures: the same acts on a mount and on a native file system leave the same."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from mountfs.model import Toggle
from mountfs.testing.mounts import Mounts, wait_until
from tests.mounted.film import Film
from tests.mounted.posix import calls
from tests.mounted.posix.comparing import same, tick
from tests.mounted.posix.places import Table
from tests.mounted.workplace import PATIENT, Workplace

pytestmark = pytest.mark.posix

PAST, EARLIER, LATER = 1_000_000_000_123_456_789, 1_200_000_000_000_000_001, 4_000_000_000_999_999_999
KINDS = ("file", "folder", "fifo")


def make(place: Path, kind: str) -> Path:
    """A new thing of a kind."""
    path = place / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.write_text("text")
    return path


def changed(path: Path, act: Callable[[], object]) -> set[str]:
    """Which times of a path an act changes."""
    before = path.lstat()
    tick(path.parent)
    act()
    after = path.lstat()
    return {
        name
        for name in ("mtime", "ctime")
        if getattr(before, f"st_{name}_ns") != getattr(after, f"st_{name}_ns")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_permissions_are_kept_as_they_are_given(tables: tuple[Table, Table], kind: str):
    """All twelve bits of what one makes, whatever it is."""

    def act(place: Path) -> list[str]:
        path = make(place, kind)
        seen = [stat.filemode(path.stat().st_mode)]
        for mode in (0o700, 0o777, 0o1777, 0o4755, 0o6711, 0, 0o644):
            os.chmod(path, mode)
            seen.append(stat.filemode(path.stat().st_mode))
        return seen

    same(tables, act)


def test_permissions_of_what_is_made_are_those_asked_for(tables: tuple[Table, Table]):
    """The mode of open, mkdir, mknod and mkfifo without what umask takes away."""

    def act(place: Path) -> list[str]:
        seen = []
        before = os.umask(0)
        try:
            for mask in (0, 0o022, 0o077, 0o777):
                os.umask(mask)
                names = [f"{kind}-{mask:o}" for kind in ("file", "folder", "fifo", "node")]
                os.close(os.open(place / names[0], os.O_CREAT | os.O_WRONLY, 0o777))
                os.mkdir(place / names[1], 0o777)
                os.mkfifo(place / names[2], 0o777)
                os.mknod(place / names[3], 0o666 | stat.S_IFREG)
                seen += [stat.filemode((place / name).stat().st_mode) for name in names]
        finally:
            os.umask(before)
        return seen

    same(tables, act)


def test_permissions_are_asked_for_by_the_kernel(tables: tuple[Table, Table]):
    """What the bits of one's own files and folders do not permit is EACCES; root may do it, as everywhere."""

    def act(place: Path) -> list[str]:
        path, folder = make(place, "file"), make(place, "folder")
        (folder / "inner").write_text("inner")
        asked: list[Callable[[], object]] = [
            path.read_bytes,
            lambda: path.write_bytes(b"new"),
            lambda: os.truncate(path, 0),
            lambda: os.listdir(folder),
            (folder / "inner").read_bytes,
            (folder / "new").touch,
            lambda: os.rename(folder / "inner", folder / "other"),
            lambda: os.rename(folder / "other", folder / "inner"),
        ]
        seen = []
        for mode in (0o000, 0o100, 0o200, 0o400, 0o500, 0o600, 0o077):
            os.chmod(path, mode)
            os.chmod(folder, mode)
            seen += [calls.outcome(each) for each in asked]
        os.chmod(folder, 0o700)
        return seen

    same(tables, act)


@pytest.mark.parametrize("kind", [*KINDS, "link"])
def test_times_are_kept_as_they_are_given(tables: tuple[Table, Table], kind: str):
    """Both times to the nanosecond, before and after 2038, one alone, or now."""

    def act(place: Path) -> list[object]:
        if kind == "link":
            path = place / "link"
            path.symlink_to("nowhere")
        else:
            path = make(place, kind)
        seen: list[object] = []
        for times in ((PAST, EARLIER), (LATER, PAST), (0, 1), (1, 0), (-PAST, -1)):
            os.utime(path, ns=times, follow_symlinks=False)
            found = path.lstat()
            seen.append((found.st_atime_ns, found.st_mtime_ns))
        calls.utimens(path, calls.OMIT, EARLIER)
        seen.append((path.lstat().st_atime_ns, path.lstat().st_mtime_ns))
        calls.utimens(path, PAST, calls.OMIT)
        seen.append((path.lstat().st_atime_ns, path.lstat().st_mtime_ns))
        calls.utimens(path, calls.NOW, calls.OMIT)
        seen.append((path.lstat().st_atime_ns > LATER - 3 * 10**18, path.lstat().st_mtime_ns))
        calls.utimens(path, calls.OMIT, calls.NOW)
        seen.append(path.lstat().st_mtime_ns > PAST)
        return seen

    same(tables, act)


def test_times_change_when_they_should(tables: tuple[Table, Table]):
    """Which of mtime and ctime of a file and of its folder each act changes."""

    def act(place: Path) -> list[object]:
        path, folder = make(place, "file"), make(place, "folder")
        other = place / "other"

        def append() -> None:
            with path.open("a") as file:
                file.write("more")

        acts: list[tuple[str, Callable[[], object]]] = [
            ("read", path.read_bytes),
            ("write", append),
            ("write nothing", lambda: path.open("r+b").close()),
            ("truncate to less", lambda: os.truncate(path, 2)),
            ("truncate to more", lambda: os.truncate(path, 20)),
            ("chmod", lambda: path.chmod(0o600)),
            ("chown to oneself", lambda: os.chown(path, os.getuid(), -1)),
            ("utime", lambda: os.utime(path, ns=(PAST, PAST))),
            ("rename away", lambda: os.rename(path, other)),
        ]
        seen: list[object] = []
        for name, each in acts:
            tick(place)
            of_folder = changed(place, lambda: None)
            before = place.stat()
            at = path
            was = at.stat()
            tick(place)
            each()
            at = path if path.exists() else other
            now, after = at.stat(), place.stat()
            seen.append(
                (
                    name,
                    was.st_mtime_ns != now.st_mtime_ns,
                    was.st_ctime_ns != now.st_ctime_ns,
                    before.st_mtime_ns != after.st_mtime_ns,
                    before.st_ctime_ns != after.st_ctime_ns,
                    of_folder,
                )
            )
        for name, each in (
            ("make", lambda: (folder / "new").touch()),
            ("make a folder", lambda: (folder / "sub").mkdir()),
            ("make a FIFO", lambda: os.mkfifo(folder / "fifo")),
            ("make a link", lambda: os.symlink("x", folder / "link")),
            ("make within", lambda: (folder / "sub" / "new").touch()),
            ("change", lambda: (folder / "new").write_text("text")),
            ("rename", lambda: os.rename(folder / "new", folder / "newer")),
            ("rename in", lambda: os.rename(other, folder / "in")),
            ("rename out", lambda: os.rename(folder / "in", other)),
            ("unlink", lambda: (folder / "newer").unlink()),
            ("remove what is not empty", lambda: calls.outcome(lambda: (folder / "sub").rmdir())),
            ("remove within", lambda: (folder / "sub" / "new").unlink()),
            ("rmdir", lambda: (folder / "sub").rmdir()),
            ("chmod", lambda: folder.chmod(0o700)),
            ("list", lambda: os.listdir(folder)),
        ):
            seen.append((name, changed(folder, each)))
        return seen

    same(tables, act)


def test_an_open_file_tells_the_times_of_its_writes(tables: tuple[Table, Table]):
    """fstat after write and before close, after a store through a mapping, and that a close alone changes
    nothing.
    """

    def act(place: Path) -> list[object]:
        path = make(place, "file")
        os.utime(path, ns=(PAST, PAST))
        with path.open("r+b", buffering=0) as file:
            seen = [os.fstat(file.fileno()).st_mtime_ns == PAST]
            file.write(b"x")
            written = os.fstat(file.fileno()).st_mtime_ns
            seen.append(written > PAST)
            os.utime(file.fileno(), ns=(EARLIER, EARLIER))
            seen.append(os.fstat(file.fileno()).st_mtime_ns == EARLIER)
        seen.append(path.stat().st_mtime_ns == EARLIER)
        return list(seen)

    assert same(tables, act) == [True] * 4


def test_a_read_alone_is_not_noted(tables: tuple[Table, Table]):
    """The time of access is what a program set, else that of the last change: reading changes nothing."""
    place = tables[1].own()
    path = make(place, "file")
    os.utime(path, ns=(PAST, EARLIER))
    tick(place)
    path.read_bytes()
    assert path.stat().st_atime_ns == PAST


def test_figures_of_the_file_system(tables: tuple[Table, Table]):
    """statvfs: blocks that add up, names of 255 bytes, neither set-user-ID nor devices."""
    found = os.statvfs(tables[1].own())
    assert 0 < found.f_bavail <= found.f_bfree <= found.f_blocks
    assert (found.f_bsize, found.f_frsize, found.f_namemax) == (4096, 4096, 255)
    assert found.f_flag & (os.ST_NOSUID | os.ST_NODEV) == os.ST_NOSUID | os.ST_NODEV


def test_everything_has_a_type_and_a_number_of_its_own(tables: tuple[Table, Table]):
    """d_type and d_ino of a listing are those of stat; no two things share a number."""

    def act(place: Path) -> list[object]:
        for kind in KINDS:
            make(place, kind)
        (place / "link").symlink_to("file")
        with os.scandir(place) as entries:
            listed = {
                entry.name: (entry.inode(), entry.is_dir(follow_symlinks=False), entry.is_symlink())
                for entry in entries
            }
        right = {
            name: (found.st_ino, stat.S_ISDIR(found.st_mode), stat.S_ISLNK(found.st_mode))
            for name in listed
            if (found := (place / name).lstat())
        }
        return [sorted(listed), listed == right, len({number for number, *_ in listed.values()})]

    same(tables, act)


def test_permissions_and_times_of_folders_survive_a_mount(film: Film, mounts: Mounts):
    """What programs gave a folder of the project, a local one, a file and a FIFO is there after a kill and
    a mount.
    """
    film.write("project/file.txt", b"text")
    place = Workplace(film, mounts, options=PATIENT)
    (place / "local").mkdir()
    (place / "local" / "new.txt").write_text("new")
    os.mkfifo(place / "local" / "fifo")
    paths = ["local/new.txt", "local/fifo", "local", "project/file.txt", "project"]
    for number, path in enumerate(paths):
        os.chmod(place / path, 0o750 - 0o10 * (number % 2))
        os.utime(place / path, ns=(PAST + number, EARLIER + number))
    before = [(place / path).stat() for path in paths]
    os.fsync(folder := os.open(place / "local", os.O_RDONLY))
    os.close(folder)
    place.mount.signal(signal.SIGKILL)
    place.mount_again()
    for path, was in zip(paths, before, strict=True):
        now = (place / path).stat()
        assert (path, now.st_mode, now.st_mtime_ns, now.st_atime_ns) == (
            path,
            was.st_mode,
            was.st_mtime_ns,
            was.st_atime_ns,
        )


def test_a_folder_that_somebody_changed_has_the_time_of_that(film: Film, mounts: Mounts):
    """A time that a program gave a folder holds until its names change, whoever changes them."""
    film.write("project/file.txt", b"text")
    place = Workplace(film, mounts, options=PATIENT)
    for act in (
        lambda: film.write("project/other.txt", b"other"),
        lambda: (place / "project" / "mine.txt").touch(),
    ):
        os.listdir(place / "project")
        os.utime(place / "project", ns=(PAST, PAST))
        assert (place / "project").stat().st_mtime_ns == PAST
        act()
        wait_until(lambda: (place / "project").stat().st_mtime_ns > PAST, "the time of the change")


def test_a_chmod_never_adds_what_may_not_be_done(film: Film, mounts: Mounts):
    """A folder and a file in which one may save nothing cannot be made writable: EPERM; other bits are
    kept.
    """
    bo = film.add_user("bo", "vendor", frozenset({Toggle.PULL_CHUNK}))
    film.write("project/file.txt", b"text", assignee=bo)
    place = Workplace(film, mounts, "bo", options=PATIENT)
    for path, bits in (("project", 0o555), ("project/file.txt", 0o444)):
        assert stat.S_IMODE((place / path).stat().st_mode) == bits
        assert calls.outcome(partial(os.chmod, place / path, 0o744)) == "EPERM"
        os.chmod(place / path, 0o500)
        assert stat.S_IMODE((place / path).stat().st_mode) == 0o500
