"""Disks that are full or break, stores that fail, quotas: the tool is told, and nothing wrong is recorded."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mountfs.config import MountOptions
from mountfs.digest import xxh3_hex
from mountfs.testing.file_calls import Mapping
from mountfs.testing.mounts import Mounts, wait_until
from tests.mounted.asking import ask, settle, states
from tests.mounted.film import Film

OPTIONS = MountOptions(quiet_time=0.02, join_time=0.1, empty_rest=3600.0, idle_time=3600.0, grace_time=2.0)
LATER = MountOptions(quiet_time=3600.0, join_time=3600.0, empty_rest=3600.0, idle_time=3600.0)

LOGGED = r"\[Errno|Input/output error|No space left|quota|input/output error|is back under its name: "

Save = Callable[[Path, bytes], None]


def rewrite(path: Path, data: bytes) -> None:
    write(path, data, os.O_WRONLY | os.O_TRUNC | os.O_CREAT)


def write(path: Path, data: bytes, flags: int) -> None:
    """Open, write, close, as C programs do: the error of close counts, and close is never called twice."""
    file = os.open(path, flags, 0o644)
    try:
        done = 0
        while done < len(data):
            done += os.pwrite(file, data[done : done + 16_384], done)
    except BaseException:
        os.close(file)
        raise
    os.close(file)


def edit(path: Path, data: bytes) -> None:
    """The whole content, in place."""
    write(path, data, os.O_WRONLY)


def patch(path: Path, data: bytes) -> None:
    """The old content is as long, and begins in the same way."""
    file = os.open(path, os.O_WRONLY)
    try:
        for start in range(10, len(data), 1000):
            piece = data[start : start + 1000]
            if os.pwrite(file, piece, start) != len(piece):
                raise OSError("a write was cut short")
    finally:
        os.close(file)


def by_rename(path: Path, data: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    rewrite(temporary, data)
    os.rename(temporary, path)


def with_backup(path: Path, data: bytes) -> None:
    temporary = path.with_name(f"{path.name}.tmp")
    rewrite(temporary, data)
    os.rename(path, path.with_name(f"{path.name}~"))
    os.rename(temporary, path)


def anew(path: Path, data: bytes) -> None:
    os.unlink(path)
    rewrite(path, data)


def by_mapping(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_RDWR)
    try:
        os.ftruncate(file, len(data))
        mapping = Mapping(file, len(data), writable=True)
        mapping.write(0, data)
        try:
            mapping.sync()
        finally:
            mapping.close()
    except BaseException:
        os.close(file)
        raise
    os.close(file)


SAVES: list[Save] = [rewrite, edit, by_rename, with_backup, anew, by_mapping]


class Faults:
    """A mount, and who breaks it."""

    def __init__(self, mounts: Mounts, film: Film, options: MountOptions = OPTIONS) -> None:
        self.film = film
        self.mount = mounts.mount(film.path, options=options, program="mountfs.testing.faulty")
        self.mount.expect_log(LOGGED)
        self._folder = self.mount.path.parent / "fault"

    @contextmanager
    def armed(self, what: str, order: str) -> Iterator[None]:
        """The order holds as long as the block is not left."""
        (self._folder / what).write_text(order)
        try:
            yield
        finally:
            (self._folder / what).unlink()

    def fired(self) -> list[str]:
        """What failed since this was asked last."""
        try:
            found = (self._folder / "fired").read_text().splitlines()
        except FileNotFoundError:
            return []
        (self._folder / "fired").unlink()
        return found

    def history(self, name: str) -> list[str]:
        """Checksums of the versions of a file, oldest first."""
        asset = self.film.asset(name)
        if asset is None:
            return []
        return [checkpoint.xxh3 for checkpoint in reversed(self.film.owner.history(asset.id))]


def content(name: str, word: str) -> bytes:
    """Bytes that no other file has; they begin in the same way."""
    return b"content of\n" + f"{name} {word:>5}\n".encode() * 2500


@pytest.mark.parametrize("save", SAVES)
def test_a_disk_that_fails_once_loses_nothing(mounts: Mounts, film: Film, save: Save):
    """Whichever of its calls it is, and whatever the error: who was told that it is saved finds it recorded,
    who was told that it failed finds nothing wrong recorded, and the next save of the file is as any other.
    """
    tries = 40
    film.write_all({f"{number}.bin": content(f"{number}", "old") for number in range(1, tries)})
    faults = Faults(mounts, film)
    for number in range(1, tries):
        name, path = f"{number}.bin", faults.mount.path / f"{number}.bin"
        old, new, again = (content(f"{number}", word) for word in ("old", "new", "again"))
        error = ("ENOSPC", "EIO", "EDQUOT")[number % 3]
        was_told = False
        with faults.armed("disk", f"{number} {error}"):
            try:
                save(path, new)
            except OSError:
                was_told = True
            settle(faults.mount)
        fired = faults.fired()
        settle(faults.mount)
        whole = [xxh3_hex(old), xxh3_hex(new), xxh3_hex(again)]
        if not was_told:
            if faults.history(name)[-1] != xxh3_hex(new):
                ask(faults.mount, "retry", path=None)
                settle(faults.mount)
            assert faults.history(name)[-1] == xxh3_hex(new), (fired, states(faults.mount))
        # Who removes a file and then cannot make it anew has removed it.
        assert faults.history(name) in (whole[:1], whole[:2], *([[]] if save is anew else [])), fired
        rewrite(path, again)
        settle(faults.mount)
        assert faults.history(name)[-1] == whole[2], (fired, states(faults.mount))
        assert path.read_bytes() == again
        if not fired:
            break
    else:
        pytest.fail("the fault did not come to an end")
    assert number > 4


@pytest.mark.parametrize("save", SAVES)
def test_a_disk_that_takes_nothing_loses_nothing(mounts: Mounts, film: Film, save: Save):
    """Every call of it fails: the tool is told, what was recorded before stays, and then all is well."""
    film.write("a.bin", content("a", "old"))
    faults = Faults(mounts, film)
    path = faults.mount.path / "a.bin"
    for error in ("ENOSPC", "EIO", "EDQUOT"):
        with faults.armed("disk", f"* {error}"):
            with pytest.raises(OSError, match=r"No space|Input/output|quota"):
                save(path, content("a", error))
            assert os.listdir(faults.mount.path)
    settle(faults.mount)
    assert faults.history("a.bin") == [xxh3_hex(content("a", "old"))]
    rewrite(path, content("a", "new"))
    settle(faults.mount)
    assert faults.history("a.bin") == [xxh3_hex(content("a", word)) for word in ("old", "new")]


@pytest.mark.parametrize("save", [rewrite, edit, patch])
def test_a_store_that_fails_once_costs_no_save(mounts: Mounts, film: Film, save: Save):
    """Whichever of its calls it is: who was told that it is saved finds it recorded a moment later, without
    anybody's doing; who was told that it failed finds nothing recorded.
    """
    film.write_all({f"{number}.bin": content(f"{number}", "old") for number in range(1, 20)})
    faults = Faults(mounts, film)
    for number in itertools.count(1):
        name, path = f"{number}.bin", faults.mount.path / f"{number}.bin"
        old, new, again = (content(f"{number}", word) for word in ("old", "new", "again"))
        was_told = False
        with faults.armed("store", f"{number}"):
            try:
                save(path, new)
            except OSError:
                was_told = True
            settle(faults.mount)
        fired = faults.fired()
        assert faults.history(name) == [xxh3_hex(old)] + [xxh3_hex(new)] * (not was_told), fired
        rewrite(path, again)
        settle(faults.mount)
        assert faults.history(name)[-1] == xxh3_hex(again), fired
        if not fired:
            break
    assert number > 1


def test_a_store_that_takes_nothing_keeps_saves_here(mounts: Mounts, film: Film):
    """Tools save and read as ever; when the store is back, what was saved last is recorded."""
    film.write("a.bin", content("a", "old"))
    faults = Faults(mounts, film)
    path = faults.mount.path / "a.bin"
    with faults.armed("store", "*"):
        for word in ("one", "two"):
            rewrite(path, content("a", word))
            assert path.read_bytes() == content("a", word)
        wait_until(faults.fired, "the store to fail")
        assert states(faults.mount)["a.bin"][0] in ("waiting", "sending")
        assert faults.history("a.bin") == [xxh3_hex(content("a", "old"))]
    ask(faults.mount, "retry", path=None)
    settle(faults.mount)
    assert faults.history("a.bin")[-1] == xxh3_hex(content("a", "two"))
    assert path.read_bytes() == content("a", "two")


def test_a_full_quota_is_told_and_room_comes_with_sending(mounts: Mounts, film: Film):
    """What was saved before is recorded whole; the file that had no room is not, until it is saved again."""
    film.write("new.bin", b"old")
    mount = mounts.mount(film.path, options=_with_quota(1 << 20))
    mount.expect_log(LOGGED)
    first, second = os.urandom(700_000), os.urandom(600_000)
    rewrite(mount.path / "first.bin", first)
    with pytest.raises(OSError, match=r"quota|No space"):
        rewrite(mount.path / "new.bin", second)
    assert states(mount)["new.bin"][0] == "damaged"
    settle(mount)
    assert recorded(film, "first.bin") == xxh3_hex(first)
    assert recorded(film, "new.bin") == xxh3_hex(b"old")
    rewrite(mount.path / "new.bin", second)
    settle(mount)
    assert recorded(film, "new.bin") == xxh3_hex(second)
    with pytest.raises(OSError, match=r"quota|No space"):
        rewrite(mount.path / "larger.bin", os.urandom(3 << 20))
    settle(mount)
    assert film.asset("larger.bin") is None
    os.unlink(mount.path / "larger.bin")
    assert states(mount) == {}


def _with_quota(size: int) -> MountOptions:
    return LATER.with_text(f"draft_quota={size}")


def recorded(film: Film, name: str) -> str:
    """The checksum of a file's newest version."""
    asset = film.asset(name)
    assert asset is not None
    assert asset.head is not None
    return asset.head.xxh3
