"""What a user may not see answers like what never existed, whatever is asked."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mountfs.testing.mounts import Mount, Mounts
from tests.mounted.film import Film

CALLS: dict[str, Callable[[Path, Path], object]] = {
    "stat": lambda path, _: os.stat(path),
    "lstat": lambda path, _: os.lstat(path),
    "open": lambda path, _: os.open(path, os.O_RDONLY),
    "open to write": lambda path, _: os.open(path, os.O_WRONLY),
    "open directory": lambda path, _: os.open(path, os.O_RDONLY | os.O_DIRECTORY),
    "open path": lambda path, _: os.open(path, os.O_PATH),
    "create": lambda path, _: os.open(path, os.O_CREAT | os.O_WRONLY, 0o644),
    "create anew": lambda path, _: os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644),
    "access": lambda path, _: _access(path),
    "readlink": lambda path, _: os.readlink(path),
    "statvfs": lambda path, _: os.statvfs(path),
    "getxattr": lambda path, _: os.getxattr(path, "user.mountfs.asset"),
    "listxattr": lambda path, _: os.listxattr(path),
    "setxattr": lambda path, _: os.setxattr(path, "user.mountfs.status", b"done"),
    "removexattr": lambda path, _: os.removexattr(path, "user.mountfs.status"),
    "rename from": lambda path, other: os.rename(path, other),
    "rename to": lambda path, other: os.rename(other, path),
    "link from": lambda path, other: os.link(path, other),
    "link to": lambda path, other: os.link(other, path),
    "symlink": lambda path, _: os.symlink("target", path),
    "unlink": lambda path, _: os.unlink(path),
    "rmdir": lambda path, _: os.rmdir(path),
    "mkdir": lambda path, _: os.mkdir(path),
    "mkfifo": lambda path, _: os.mkfifo(path),
    "truncate": lambda path, _: os.truncate(path, 0),
    "chmod": lambda path, _: os.chmod(path, 0o600),
    "chown": lambda path, _: os.chown(path, os.getuid(), os.getgid()),
    "utime": lambda path, _: os.utime(path, (1, 1)),
    "chdir": lambda path, _: os.chdir(path),
    "scandir": lambda path, _: os.scandir(path),
    "exec": lambda path, _: os.posix_spawn(path, [str(path)], {}),
    "below": lambda path, _: os.stat(path / "below"),
}


def _access(path: Path) -> None:
    if not os.access(path, os.F_OK):
        raise OSError(errno.ENOENT, "not there")


def outcome(call: Callable[[Path, Path], object], path: Path, other: Path) -> tuple[str, int | None]:
    """How a call ends: the class and number of its error."""
    try:
        call(path, other)
    except OSError as exc:
        return type(exc).__name__, exc.errno
    return "done", None


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Film]:
    """One file for bo, a hidden one beside it, and a hidden folder; all the tests only look."""
    film = Film(tmp_path_factory.mktemp("hidden") / "film.clst")
    bo = film.add_user("bo", "artist")
    film.write("shots/mine.blend", b"mine", assignee=bo)
    film.write("shots/secret.blend", b"secret")
    film.write("secrets/plan.txt", b"plan")
    yield film
    film.close()


@pytest.fixture(scope="module")
def mounts(film: Film) -> Iterator[Mounts]:
    """Mounts for all the tests here."""
    with Mounts(film.path.parent) as running:
        yield running


@pytest.fixture(scope="module")
def bo(mounts: Mounts, film: Film) -> Mount:
    """The mount of a user who is assigned one file."""
    return mounts.mount(film.path, "bo")


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("hidden", "never"),
    [
        ("shots/secret.blend", "shots/nothing.blend"),
        ("secrets", "nothing"),
        ("secrets/plan.txt", "nothing/plan.txt"),
        (".checkpoints/shots/secret.blend", ".checkpoints/shots/nothing.blend"),
    ],
)
def test_a_hidden_name_answers_like_one_that_never_existed(bo: Mount, name: str, hidden: str, never: str):
    """No system call tells a user that there is something they may not see."""
    seen = bo.path / "shots/mine.blend"
    assert outcome(CALLS[name], bo.path / hidden, seen) == outcome(CALLS[name], bo.path / never, seen)


def test_only_what_is_visible_is_counted_and_listed(bo: Mount):
    """Neither listings nor totals tell of what is hidden."""
    assert os.listdir(bo.path) == ["shots"]
    assert os.listdir(bo.path / "shots") == ["mine.blend"]
    assert os.statvfs(bo.path).f_files == 2
    assert os.stat(bo.path).st_nlink == 3


def test_two_users_mount_one_project_side_by_side(bo: Mount, mounts: Mounts, film: Film):
    """Each user sees their own view; what one may not see is there for the other."""
    owner = mounts.mount(film.path, at="owner")
    assert (owner.path / "shots/secret.blend").read_bytes() == b"secret"
    assert (bo.path / "shots/mine.blend").read_bytes() == b"mine"
    assert not (bo.path / "shots/secret.blend").exists()
