"""A fixed sequence of saves, each in one of the ways in which programs do that, by a process of its own.

    python -m mountfs.testing.saves MOUNT-POINT TRACE RUNTIME-DIR

All is saved in the mount's folder ``work``. Every content ends with its own SHA-256, so whoever finds it can
tell whether it is whole. What begins and what has returned is noted in the trace. The process ends with the
first error: the mount died, perhaps.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mountfs import control
from mountfs.errors import MountfsError
from mountfs.testing.disks import Trace
from mountfs.testing.file_calls import Mapping

_HASH = 64

FOLDER = "work"
"""The folder that everything is saved in."""

ASIDE = b"notes"
"""What ``aside.tmp`` holds at the end."""

ENDED = 3
"""The exit code after an error of the file system."""

SIZES = {
    "new.bin": 70_000,
    "edit.bin": 300_000,
    "rewrite.txt": 9_000,
    "comp.nk": 5_000,
    "scene.blend": 40_000,
    "anew.txt": 700,
    "map.bin": 66_000,
    "late.bin": 20_000,
    "log.txt": 12_000,
    "one.bin": 30_000,
    "two.bin": 31_000,
}
"""The files that are saved, and how large they are."""

THERE = ("edit.bin", "rewrite.txt", "comp.nk", "scene.blend", "anew.txt", "map.bin", "late.bin", "one.bin")
"""Those that are there when it begins, with their content number 0."""


def content(path: str, number: int) -> bytes:
    """The content of a file after its save of this number; 0 is before the first."""
    size = SIZES[path] + 100 * number - _HASH
    return with_hash(random.Random(f"{path} {number}").randbytes(size))


def edited(before: bytes, number: int) -> bytes:
    """A content with something else in its middle."""
    half = len(before) // 2
    middle = random.Random(f"edit {number}").randbytes(3000)
    return with_hash(before[:half] + middle + before[half + len(middle) : -_HASH])


def with_hash(body: bytes) -> bytes:
    """Bytes that end with their hash."""
    return body + hashlib.sha256(body).hexdigest().encode()


def is_whole(found: bytes) -> bool:
    """Whether these bytes are a content, all of it."""
    return hashlib.sha256(found[:-_HASH]).hexdigest().encode() == found[-_HASH:]


@dataclass(frozen=True, slots=True)
class Save:
    """One save: of which files, to what contents, and how."""

    contents: dict[str, bytes]
    do: Callable[[Saver], None]
    returns: bool = True
    """Whether all of it is safe when it returns; else it is after the next wait (a save of nothing)."""


class Saver:
    """Works in one folder and notes what it does."""

    def __init__(self, folder: Path, trace: Trace, wait: Callable[[], None]) -> None:
        self._folder = folder
        self._trace = trace
        self.wait = wait

    def run(self) -> None:
        """All of it. OSError, if the folder's file system goes away."""
        late: list[tuple[int, Save]] = []
        for number, save in enumerate(saves()):
            self._note(number, save, done=False)
            save.do(self)
            if save.returns:
                self._note(number, save, done=True)
            else:
                late.append((number, save))
            while late and not save.contents:
                self._note(*late.pop(0), done=True)

    def _note(self, number: int, save: Save, *, done: bool) -> None:
        for path in save.contents:
            self._trace.add("save", number=number, path=path, done=done)

    def open(self, path: str, flags: int) -> int:
        """A descriptor of a file."""
        return os.open(self._folder / path, flags, 0o644)

    def rename(self, path: str, to: str) -> None:
        """As rename(2)."""
        os.rename(self._folder / path, self._folder / to)

    def unlink(self, path: str) -> None:
        """As unlink(2)."""
        os.unlink(self._folder / path)

    def put(self, path: str, data: bytes, flags: int = os.O_CREAT | os.O_EXCL, *, sync: bool = False) -> None:
        """Open, write in pieces, close."""
        file = self.open(path, os.O_WRONLY | flags)
        for start in range(0, len(data), 16_384):
            write_all(file, start, data[start : start + 16_384])
        if sync:
            os.fsync(file)
        os.close(file)

    def synced(self, path: str, size: int) -> None:
        """Note that the beginning of what is being saved is safe."""
        self._trace.add("synced", path=path, size=size)


def write_all(file: int, offset: int, data: bytes) -> None:
    """As pwrite(2), all of it."""
    if os.pwrite(file, data, offset) != len(data):
        raise OSError("a write was cut short")


def saves() -> Iterator[Save]:
    """The sequence."""
    yield _simple("new.bin", 1, lambda saver, data: saver.put("new.bin", data))
    yield _edit("edit.bin", 1)
    yield _simple("rewrite.txt", 1, lambda saver, data: saver.put("rewrite.txt", data, os.O_TRUNC))
    yield _simple("comp.nk", 1, lambda saver, data: _by_rename(saver, "comp.nk", "comp.nk.new", data))
    yield Save({}, lambda saver: saver.wait())
    yield _simple("scene.blend", 1, _as_blender)
    yield _simple("new.bin", 2, lambda saver, data: saver.put("new.bin", data, os.O_TRUNC))
    yield _simple("anew.txt", 1, _anew)
    yield _simple("map.bin", 1, lambda saver, data: _map(saver, "map.bin", data, late=False))
    late = edited(content("late.bin", 0), 1)
    yield Save({"late.bin": late}, lambda saver: _map(saver, "late.bin", late, late=True), returns=False)
    yield _simple("log.txt", 1, _synced_in_the_middle)
    yield Save({path: content(path, 1) for path in ("one.bin", "two.bin")}, _two_at_once)
    yield _simple("scene.blend", 2, _as_blender)
    yield Save({}, lambda saver: saver.wait())
    yield _edit("edit.bin", 2)
    yield _simple("rewrite.txt", 2, lambda saver, data: _by_rename(saver, "rewrite.txt", "rewrite.tmp", data))
    yield _simple("anew.txt", 2, _anew)
    yield Save({}, lambda saver: saver.wait())
    yield _edit("edit.bin", 3)  # one by itself: nothing else makes it durable
    yield Save({}, lambda saver: saver.wait())
    yield Save({}, _put_aside)


def _simple(path: str, number: int, do: Callable[[Saver, bytes], None]) -> Save:
    data = content(path, number)
    return Save({path: data}, lambda saver: do(saver, data))


def _edit(path: str, number: int) -> Save:
    before = content(path, 0)
    for earlier in range(1, number):
        before = edited(before, earlier)
    after = edited(before, number)

    def do(saver: Saver) -> None:
        file = saver.open(path, os.O_RDWR)
        half = len(before) // 2
        write_all(file, half, after[half : half + 3000])
        write_all(file, len(after) - _HASH, after[-_HASH:])
        os.close(file)

    return Save({path: after}, do)


def _by_rename(saver: Saver, path: str, temporary: str, data: bytes) -> None:
    saver.put(temporary, data)
    saver.rename(temporary, path)


def _as_blender(saver: Saver, data: bytes) -> None:
    saver.put("scene.blend@", data, os.O_CREAT | os.O_TRUNC)
    saver.rename("scene.blend", "scene.blend1")
    saver.rename("scene.blend@", "scene.blend")


def _anew(saver: Saver, data: bytes) -> None:
    saver.unlink("anew.txt")
    saver.put("anew.txt", data)


def _map(saver: Saver, path: str, data: bytes, *, late: bool) -> None:
    """Write by a mapping: synced and closed last, or closed first and never synced."""
    file = saver.open(path, os.O_RDWR)
    os.ftruncate(file, len(data))
    mapping = Mapping(file, len(data), writable=True)
    if late:
        os.close(file)
    mapping.write(0, data)
    if not late:
        mapping.sync()
    mapping.close()
    if not late:
        os.close(file)


def _put_aside(saver: Saver) -> None:
    """A file that stays on this machine gets another name: safe when the mount has ended in peace."""
    saver.put("before.tmp", ASIDE)
    saver.rename("before.tmp", "aside.tmp")


def _synced_in_the_middle(saver: Saver, data: bytes) -> None:
    file = saver.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    half = len(data) // 2
    write_all(file, 0, data[:half])
    os.fsync(file)
    saver.synced("log.txt", half)
    write_all(file, half, data[half:])
    os.close(file)


def _two_at_once(saver: Saver) -> None:
    one, two = content("one.bin", 1), content("two.bin", 1)
    first = saver.open("one.bin", os.O_WRONLY | os.O_TRUNC)
    second = saver.open("two.bin", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    for start in range(0, max(len(one), len(two)), 8192):
        for file, data in ((first, one), (second, two)):
            write_all(file, start, data[start : start + 8192])
    os.close(second)
    os.close(first)


def main() -> None:
    """Save in a mount until all is done or it dies."""
    mount_point, trace, runtime_dir = (Path(word) for word in sys.argv[1:])

    def wait() -> None:
        control.ask(mount_point, {"op": "wait", "timeout": 30.0}, timeout=60.0, runtime_dir=runtime_dir)

    try:
        Saver(mount_point / FOLDER, Trace(trace), wait).run()
    except (OSError, MountfsError) as exc:
        print(repr(exc), file=sys.stderr)
        sys.exit(ENDED)


if __name__ == "__main__":
    main()
