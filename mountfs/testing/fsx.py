"""Hard use of one file: random calls on it, and every byte compared with what it has to be.

    Exerciser(path, seed=7).run(10_000)

An `Exerciser` reads, writes, appends, maps, truncates, syncs, closes and opens again, with several handles at
once, by a seeded random choice, and keeps a plain bytearray beside the file. The first difference ends it:
`Difference` tells the seed, the last calls and the bytes. What is written names the call that wrote it and
its offset (``<000123:0000ff0>``), so the bytes found tell where they came from.

An error inside a mapping kills the process (SIGBUS), so `mountfs.testing.fsx_process` does it in another one.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from mountfs.testing.file_calls import Calls, Mapping

_PAGE = mmap.PAGESIZE
_MARK = 16
LAST_CALLS = 40
LARGEST = 256 << 10


class Difference(AssertionError):
    """The file is not what it has to be, or a call on it failed."""


@dataclass(frozen=True, slots=True)
class Handle:
    """An open file."""

    number: int
    flags: int

    @property
    def reads(self) -> bool:
        """Whether it may read."""
        return self.flags & os.O_ACCMODE in (os.O_RDONLY, os.O_RDWR)

    @property
    def writes(self) -> bool:
        """Whether it may write."""
        return self.flags & os.O_ACCMODE in (os.O_WRONLY, os.O_RDWR)

    @property
    def appends(self) -> bool:
        """Whether it writes at the end only."""
        return bool(self.flags & os.O_APPEND)


@dataclass(frozen=True, slots=True)
class Limits:
    """How large things get: bytes, and files open at a time."""

    file: int = LARGEST
    write: int = 48 << 10
    handles: int = 3


class Exerciser:
    """Works on one file and keeps what has to be in it. The same seed makes the same calls.

    ``remount`` is called when nothing is open, about every ``remount_every`` calls; afterwards the file must
    be there as it was. An existing file is read first: what is in it has to stay. Every call is written to
    ``log``, for when the process does not live to tell.
    """

    def __init__(
        self,
        path: Path,
        *,
        seed: int,
        remount: Callable[[], None] | None = None,
        remount_every: int = 1000,
        limits: Limits | None = None,
        calls: Calls | None = None,
        log: TextIO | None = None,
    ) -> None:
        self.model = bytearray(path.read_bytes() if path.exists() else b"")
        self._path = path
        self._seed = seed
        self._draw = random.Random(seed)
        self._remount = remount
        self._limits = limits or Limits()
        self._calls = calls or Calls()
        self._handles: list[Handle] = []
        self._mapping: Mapping | None = None
        self._mapping_writes = False
        self._done = 0
        self._last: deque[str] = deque(maxlen=LAST_CALLS)
        self._log = log
        self._acts: dict[Callable[[], None], float] = {
            self._read: 20,
            self._write: 20,
            self._append: 6,
            self._truncate: 6,
            self._map_read: 8,
            self._map_write: 8,
            self._use_mapping: 8,
            self._sync: 4,
            self._open: 8,
            self._close: 8,
            self._compare: 2,
            self._close_all: 1,
        }
        if remount is not None:
            # The weights above are 99 together.
            self._acts[self._take_down] = 99 / remount_every

    def run(self, count: int) -> None:
        """Make so many calls, close everything and compare once more. Difference."""
        acts = list(self._acts)
        weights = list(self._acts.values())
        try:
            for _ in range(count):
                self._done += 1
                self._draw.choices(acts, weights)[0]()
            self._close_all()
        except OSError as exc:
            raise Difference(self._report(f"a call failed: {exc!r}")) from exc
        finally:
            self._let_go()

    # The calls

    def _read(self) -> None:
        handle = self._pick(lambda one: one.reads, os.O_RDONLY)
        offset, length = self._range(beyond=True)
        self._note(f"read by {handle.number}: {offset:#x}+{length:#x}")
        self._same(self._calls.read(handle.number, offset, length), offset, length)

    def _write(self) -> None:
        handle = self._pick(lambda one: one.writes and not one.appends, os.O_RDWR)
        offset, length = self._range(beyond=True)
        data = self._marked(offset, length)
        self._note(f"write by {handle.number}: {offset:#x}+{length:#x}")
        self._all(self._calls.write(handle.number, offset, data), data)
        self._put(offset, data)

    def _append(self) -> None:
        handle = self._pick(
            lambda one: one.appends, self._draw.choice((os.O_WRONLY, os.O_RDWR)) | os.O_APPEND
        )
        room = self._limits.file - len(self.model)
        offset, length = len(self.model), min(room, self._length())
        data = self._marked(offset, length)
        self._note(f"append by {handle.number}: {offset:#x}+{length:#x}")
        self._all(self._calls.append(handle.number, data), data)
        self._put(offset, data)

    def _truncate(self) -> None:
        size = self._draw.choice((0, len(self.model), self._offset(), self._offset(), self._offset()))
        if size < len(self.model):
            self._unmap()  # what is mapped beyond the end would kill us
        by_path = self._draw.random() < 0.3
        handle = None if by_path else self._pick(lambda one: one.writes, os.O_RDWR)
        self._note(
            f"truncate {f'by {handle.number}' if handle else 'by name'}: {len(self.model):#x} → {size:#x}"
        )
        self._calls.truncate(handle.number if handle else self._path, size)
        del self.model[size:]
        self._put(size, b"")

    def _map_read(self) -> None:
        handle = self._pick(lambda one: one.reads, os.O_RDONLY)
        if not self.model:
            return
        offset, length = self._range(beyond=False)
        self._note(f"read by a mapping of {handle.number}: {offset:#x}+{length:#x}")
        mapping = self._map(handle, writable=False)
        self._same(mapping.read(offset, length), offset, length)
        mapping.close()

    def _map_write(self) -> None:
        handle = self._pick(lambda one: one.reads and one.writes, os.O_RDWR)
        if not self.model:
            return
        self._unmap()
        self._mapping = self._map(handle, writable=True)
        self._note(f"map {handle.number}: {len(self.model):#x}")
        self._use_mapping()
        if self._draw.random() < 0.5:
            self._unmap()

    def _use_mapping(self) -> None:
        """Use a mapping that has stayed, perhaps after its handle was closed."""
        if self._mapping is None:
            return
        offset, length = self._range(beyond=False, end=self._mapping.length)
        if self._draw.random() < 0.3:
            self._note(f"read by the mapping: {offset:#x}+{length:#x}")
            self._same(self._mapping.read(offset, length), offset, length)
            return
        data = self._marked(offset, length)
        self._note(f"write by the mapping: {offset:#x}+{length:#x}")
        self._mapping.write(offset, data)
        self._put(offset, data)
        if self._draw.random() < 0.4:
            self._note("msync")
            self._mapping.sync()

    def _sync(self) -> None:
        handle = self._pick(lambda one: one.writes, os.O_RDWR)
        data_only = self._draw.random() < 0.5
        self._note(f"{'fdatasync' if data_only else 'fsync'} by {handle.number}")
        self._calls.sync(handle.number, data_only=data_only)

    def _open(self) -> None:
        flags = self._draw.choice((os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR))
        if flags != os.O_RDONLY:
            flags |= self._draw.choice((0, 0, 0, os.O_APPEND)) | self._draw.choice((0, 0, 0, 0, os.O_TRUNC))
            flags |= self._draw.choice((0,) * 9 + (os.O_SYNC,))
        self._open_with(flags)

    def _close(self) -> None:
        if self._handles:
            handle = self._handles.pop(self._draw.randrange(len(self._handles)))
            self._note(f"close {handle.number}")
            self._calls.close(handle.number)

    def _close_all(self) -> None:
        """Close and unmap everything, in any order, and see what somebody finds who comes later."""
        if first := self._draw.random() < 0.5:
            self._unmap()
        while self._handles:
            self._close()
        if not first:
            self._unmap()
        self._compare()
        while self._handles:
            self._close()

    def _take_down(self) -> None:
        assert self._remount is not None
        self._close_all()
        self._note("remount")
        self._remount()
        self._compare()

    def _compare(self) -> None:
        """All bytes and the size, by the name and by every handle."""
        self._note("compare everything")
        if self._path.exists() or self.model:
            self._same_size(self._path)
        for handle in self._handles:
            self._same_size(handle.number)
        reader = self._pick(lambda one: one.reads, os.O_RDONLY)
        self._same(self._calls.read(reader.number, 0, self._limits.file + 1), 0, self._limits.file + 1)

    # What they need

    def _pick(self, fits: Callable[[Handle], bool], flags: int) -> Handle:
        fitting = [handle for handle in self._handles if fits(handle)]
        return self._draw.choice(fitting) if fitting else self._open_with(flags)

    def _open_with(self, flags: int) -> Handle:
        while len(self._handles) >= self._limits.handles:
            self._close()
        if not self._path.exists():
            flags |= os.O_CREAT
        if flags & os.O_TRUNC:
            self._unmap()
            self.model.clear()
        handle = Handle(self._calls.open(self._path, flags), flags)
        self._note(f"open {handle.number}: {_named(flags)}")
        self._handles.append(handle)
        return handle

    def _map(self, handle: Handle, *, writable: bool) -> Mapping:
        """The whole file; a shorter one than it has to be would kill us."""
        self._same_size(handle.number)
        return self._calls.map(handle.number, len(self.model), writable=writable)

    def _unmap(self) -> None:
        if self._mapping is not None:
            mapping, self._mapping = self._mapping, None
            self._note("unmap")
            mapping.close()

    def _let_go(self) -> None:
        """Leave nothing open, whatever happened."""
        for handle in self._handles:
            os.close(handle.number)
        self._handles.clear()
        if self._mapping is not None:
            self._mapping.close()
            self._mapping = None

    def _offset(self) -> int:
        """Anywhere, often at a page's edge or at the end of the file."""
        where = self._draw.randrange(self._limits.file)
        return self._draw.choice(
            (where, where, where // _PAGE * _PAGE, min(len(self.model), self._limits.file - 1))
        )

    def _length(self) -> int:
        """Mostly small."""
        return self._draw.choice((1, 16, 512, _PAGE, self._draw.randint(1, self._limits.write)))

    def _range(self, *, beyond: bool, end: int | None = None) -> tuple[int, int]:
        """Where and how much: inside the file (not empty), or wherever a file may grow to."""
        if beyond:
            offset = self._offset()
            return offset, min(self._length(), self._limits.file - offset)
        end = len(self.model) if end is None else end
        offset = self._draw.randrange(end)
        return offset, min(self._length(), end - offset)

    def _marked(self, offset: int, length: int) -> bytes:
        """Bytes that tell who wrote them, and where."""
        first = offset // _MARK
        last = -(-(offset + length) // _MARK)
        marks = b"".join(b"<%06d:%07x>" % (self._done, mark * _MARK) for mark in range(first, last))
        return marks[offset - first * _MARK :][:length]

    def _put(self, offset: int, data: bytes) -> None:
        if offset > len(self.model):
            self.model.extend(bytes(offset - len(self.model)))
        self.model[offset : offset + len(data)] = data

    def _all(self, written: int, data: bytes) -> None:
        if written != len(data):
            raise Difference(self._report(f"only {written:#x} bytes of {len(data):#x} were written"))

    def _same_size(self, target: int | Path) -> None:
        if (size := self._calls.size(target)) != len(self.model):
            by = "name" if isinstance(target, Path) else target
            raise Difference(self._report(f"the size by {by} is {size:#x}, not {len(self.model):#x}"))

    def _same(self, found: bytes, offset: int, length: int) -> None:
        expected = bytes(self.model[offset : offset + length])
        if found == expected:
            return
        at = next(
            (at for at, (one, two) in enumerate(zip(found, expected, strict=False)) if one != two),
            min(len(found), len(expected)),
        )
        start = max(0, at - _MARK)
        raise Difference(
            self._report(
                f"{len(found):#x} bytes at {offset:#x}, expected {len(expected):#x}; "
                f"the first difference is at {offset + at:#x}:\n"
                f"  expected {expected[start : at + 2 * _MARK]!r}\n"
                f"  found    {found[start : at + 2 * _MARK]!r}"
            )
        )

    def _note(self, what: str) -> None:
        line = f"  {self._done:6}  {what}"
        self._last.append(line)
        if self._log is not None:
            print(line, file=self._log, flush=True)

    def _report(self, what: str) -> str:
        return "\n".join([f"seed {self._seed}, call {self._done}, {self._path.name}: {what}", *self._last])


def _named(flags: int) -> str:
    access = {os.O_RDONLY: "O_RDONLY", os.O_WRONLY: "O_WRONLY", os.O_RDWR: "O_RDWR"}[flags & os.O_ACCMODE]
    more = ("O_CREAT", "O_TRUNC", "O_APPEND", "O_SYNC")
    return "|".join([access, *(name for name in more if flags & getattr(os, name) == getattr(os, name))])


def main() -> None:
    """Exercise one file, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m mountfs.testing.fsx", description=main.__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--largest", type=int, default=LARGEST, help="bytes")
    parser.add_argument(
        "--remount-every", type=int, default=0, help="calls; then `remount` is said and a line waited for"
    )
    arguments = parser.parse_args()

    def remount() -> None:
        print("remount", flush=True)
        sys.stdin.readline()

    exerciser = Exerciser(
        arguments.path,
        seed=arguments.seed,
        remount=remount if arguments.remount_every else None,
        remount_every=arguments.remount_every or 1,
        limits=Limits(file=arguments.largest),
        log=sys.stderr,
    )
    try:
        exerciser.run(arguments.count)
    except Difference as difference:
        sys.exit(str(difference))


if __name__ == "__main__":
    main()
