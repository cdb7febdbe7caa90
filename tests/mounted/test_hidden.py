"""What a user may not see answers like what never existed, whatever is asked, wherever the project is."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mountfs.config import MountOptions
from mountfs.model import Toggle
from mountfs.testing.mounts import Mount, Mounts, wait_until
from tests.mounted.asking import settle, states
from tests.mounted.film import Film, Home

Call = Callable[[Path, Path], object]

LOOKING: dict[str, Call] = {
    "stat": lambda path, _: os.stat(path),
    "lstat": lambda path, _: os.lstat(path),
    "open": lambda path, _: _open(path, os.O_RDONLY),
    "open to write": lambda path, _: _open(path, os.O_WRONLY),
    "open to write anew": lambda path, _: _open(path, os.O_WRONLY | os.O_TRUNC),
    "open directory": lambda path, _: _open(path, os.O_RDONLY | os.O_DIRECTORY),
    "open path": lambda path, _: _open(path, os.O_PATH),
    "access": lambda path, _: _access(path),
    "readlink": lambda path, _: os.readlink(path),
    "statvfs": lambda path, _: os.statvfs(path),
    "getxattr": lambda path, _: os.getxattr(path, "user.mountfs.asset"),
    "listxattr": lambda path, _: os.listxattr(path),
    "setxattr": lambda path, _: os.setxattr(path, "user.mountfs.status", b"done"),
    "removexattr": lambda path, _: os.removexattr(path, "user.mountfs.status"),
    "rename from": lambda path, other: os.rename(path, other),
    "link from": lambda path, other: os.link(path, other),
    "link to": lambda path, other: os.link(other, path),
    "unlink": lambda path, _: os.unlink(path),
    "rmdir": lambda path, _: os.rmdir(path),
    "truncate": lambda path, _: os.truncate(path, 0),
    "chmod": lambda path, _: os.chmod(path, 0o600),
    "chown": lambda path, _: os.chown(path, os.getuid(), os.getgid()),
    "utime": lambda path, _: os.utime(path, (1, 1)),
    "chdir": lambda path, _: os.chdir(path),
    "scandir": lambda path, _: os.scandir(path),
    "exec": lambda path, _: os.posix_spawn(path, [str(path)], {}),
    "below": lambda path, _: os.stat(path / "below"),
}
"""What changes nothing at a name that is not there."""

CHANGING: dict[str, Call] = {
    "create": lambda path, _: _open(path, os.O_CREAT | os.O_WRONLY),
    "create anew": lambda path, _: _open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY),
    "write": lambda path, _: path.write_bytes(b"mine now"),
    "rename to": lambda path, other: os.rename(other, path),
    "rename a new file to": lambda path, other: _new(other).rename(path),
    "rename a new folder to": lambda path, other: _new_folder(other).rename(path),
    "symlink": lambda path, _: os.symlink("target", path),
    "mkdir": lambda path, _: os.mkdir(path),
    "mkfifo": lambda path, _: os.mkfifo(path),
}
"""What makes something there."""

PAIRS = [
    ("shots/secret.blend", "shots/nothing.blend"),
    ("secrets", "nothing"),
    ("vault/plan.txt", "void/plan.txt"),
    (".checkpoints/shots/secret.blend", ".checkpoints/shots/nothing.blend"),
    (".checkpoints/vault", ".checkpoints/void"),
]
"""Hidden names, each with one beside it that never existed. Nothing that is done at one bears on another."""

PATIENT = MountOptions(quiet_time=3600.0, join_time=7200.0, grace_time=3600.0)
"""Nothing is sent while such a mount lives."""
SWIFT = MountOptions(quiet_time=0.0, grace_time=0.0)


def _open(path: Path, flags: int) -> None:
    os.close(os.open(path, flags, 0o644))


def _new(other: Path) -> Path:
    made = other.with_name("new " + other.name)
    made.write_bytes(b"new")
    return made


def _new_folder(other: Path) -> Path:
    made = other.with_name("new folder for " + other.name)
    made.mkdir()
    return made


def _access(path: Path) -> None:
    if not os.access(path, os.F_OK):
        raise OSError(errno.ENOENT, "not there")


def outcome(call: Call, path: Path, other: Path) -> tuple[str, int | None]:
    """How a call ends: the class and number of its error."""
    try:
        call(path, other)
    except OSError as exc:
        return type(exc).__name__, exc.errno
    return "done", None


def seen_at(path: Path) -> tuple[object, ...]:
    """What there is at a path, to whoever looks."""
    try:
        found = path.lstat()
    except OSError as exc:
        return ("nothing", exc.errno)
    listed = path.name in os.listdir(path.parent)
    return (oct(found.st_mode), found.st_nlink, found.st_size, found.st_uid, listed)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, home: Home) -> Iterator[Film]:
    """Files for bo, a hidden one beside them, and hidden folders; no test here changes that."""
    film = home(tmp_path_factory.mktemp("hidden"))
    bo = film.add_user("bo", "artist")
    film.write_all({f"shots/mine.{number}.blend": b"mine" for number in range(2 * len(PAIRS))}, assignee=bo)
    cy = film.add_user("cy", "vendor", frozenset(Toggle))
    film.write("shots/other.blend", b"mine", assignee=cy)
    film.write("shots/secret.blend", b"secret")
    film.write("secrets/plan.txt", b"plan")
    film.write("vault/plan.txt", b"plan")
    yield film
    film.close()


@pytest.fixture(scope="module")
def looking(tmp_path_factory: pytest.TempPathFactory, film: Film) -> Iterator[Mounts]:  # noqa: ARG001  # ends later
    """Mounts for all tests that only look."""
    with Mounts(tmp_path_factory.mktemp("looking")) as running:
        yield running


@pytest.fixture(scope="module")
def bo(looking: Mounts, film: Film) -> Mount:
    """The mount of a user who is assigned some files."""
    return film.mount(looking, "bo", options=replace(PATIENT, xattr=True))


@pytest.fixture(scope="module")
def bo_read_only(tmp_path_factory: pytest.TempPathFactory, film: Film) -> Iterator[Mount]:
    """The same, but nothing can be changed."""
    with Mounts(tmp_path_factory.mktemp("ro")) as running:
        yield film.mount(running, "bo", options=MountOptions(ro=True))


def contents(film: Film) -> list[object]:
    """The whole project, as its owner sees it."""
    tree = film.owner.tree()
    return [tree.assets, tree.collections]


@pytest.mark.parametrize("name", LOOKING)
@pytest.mark.parametrize(("hidden", "never"), PAIRS)
def test_a_hidden_name_answers_like_one_that_never_existed(bo: Mount, name: str, hidden: str, never: str):
    """No system call tells a user that there is something they may not see."""
    mine = bo.path / "shots/mine.0.blend"
    found = outcome(LOOKING[name], bo.path / hidden, mine)
    assert found == outcome(LOOKING[name], bo.path / never, mine)
    assert found != ("done", None)


@pytest.mark.parametrize("name", [*LOOKING, *CHANGING])
@pytest.mark.parametrize(("hidden", "never"), PAIRS)
def test_it_does_on_a_mount_that_only_reads(bo_read_only: Mount, name: str, hidden: str, never: str):
    """Where nothing can be changed, neither do refusals tell hidden names from others."""
    call, top = {**LOOKING, **CHANGING}[name], bo_read_only.path
    mine = top / "shots/mine.0.blend"
    assert outcome(call, top / hidden, mine) == outcome(call, top / never, mine)


@pytest.mark.parametrize("name", CHANGING)
def test_what_is_made_at_a_hidden_name_is_like_anything_new(mounts: Mounts, film: Film, name: str):
    """Who makes something where something hidden is cannot tell it from a free name, and changes nothing."""
    before = contents(film)
    mount = film.mount(mounts, "bo", options=PATIENT)
    for number, (hidden, never) in enumerate(PAIRS):
        mine = [mount.path / f"shots/mine.{2 * number + each}.blend" for each in range(2)]
        made = outcome(CHANGING[name], mount.path / hidden, mine[0])
        assert made == outcome(CHANGING[name], mount.path / never, mine[1])
        assert seen_at(mount.path / hidden) == seen_at(mount.path / never)
        assert made == ("done", None) or not hidden.startswith("shots")
    local = set(states(mount))
    assert {hidden in local for hidden, _ in PAIRS} == {never in local for _, never in PAIRS}
    mount.signal(signal.SIGKILL)  # so that nothing is sent after all
    assert contents(film) == before


def test_what_is_sent_to_a_hidden_name_is_refused_in_few_words(mounts: Mounts, film: Film):
    """A new file or folder at a hidden name stays its author's, even if they may make new ones; they only
    learn that the name is not available.
    """
    before = contents(film)
    mount = film.mount(mounts, "cy", options=SWIFT)
    mount.expect_log("this name is not available here")
    for path, refused in {
        "shots/secret.blend": "secret.blend",
        "shots/SECRET.Blend": "SECRET.Blend",
        "secrets/plan.txt": "secrets",
        "Vault/new.txt": "Vault",
    }.items():
        made = mount.path / path
        made.parent.mkdir(exist_ok=True)
        made.write_bytes(b"mine now")
        settle(mount)
        assert states(mount)[path] == ("refused", f"{refused}: this name is not available here")
        assert made.read_bytes() == b"mine now"
        made.unlink()
    assert contents(film) == before


def test_a_file_that_is_moved_to_a_hidden_name_comes_back(mounts: Mounts, film: Film):
    """A rename that the project does not take is undone, for the reason that any taken name gives."""
    before = contents(film)
    mount = film.mount(mounts, "cy", options=SWIFT)
    mount.expect_log("is back under its name: secret.blend: this name is not available here$")
    os.rename(mount.path / "shots/other.blend", mount.path / "shots/secret.blend")
    wait_until(lambda: os.listdir(mount.path / "shots") == ["other.blend"], "the file to be back")
    with pytest.raises(FileNotFoundError):
        os.stat(mount.path / "shots/secret.blend")
    assert (mount.path / "shots/other.blend").read_bytes() == b"mine"
    assert contents(film) == before


def test_only_what_is_visible_is_counted_and_listed(bo: Mount):
    """Neither listings nor totals tell of what is hidden."""
    assert os.listdir(bo.path) == ["shots"]
    assert os.listdir(bo.path / "shots") == [f"mine.{number}.blend" for number in range(2 * len(PAIRS))]
    assert os.statvfs(bo.path).f_files == 2 * len(PAIRS) + 1
    assert os.stat(bo.path).st_nlink == 3


def test_two_users_mount_one_project_side_by_side(bo: Mount, looking: Mounts, film: Film):
    """Each user sees their own view; what one may not see is there for the other."""
    owner = film.mount(looking, at="owner")
    assert (owner.path / "shots/secret.blend").read_bytes() == b"secret"
    assert (bo.path / "shots/mine.0.blend").read_bytes() == b"mine"
    assert not (bo.path / "shots/secret.blend").exists()
