"""A folder that a recording is played into: its handles, its mappings, and what lies outside of it."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from mountfs.testing.replay import kernel
from mountfs.testing.replay.recording import Operation

Facts = Mapping[str, object]

_OUTSIDE = Path("/proc/self")
"""A place on another file system, which every machine has. Nothing can be moved from or to it: tools copy."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: its error, or what it saw beside what was recorded, and the bytes it read."""

    error: str = ""
    seen: Facts = field(default_factory=dict)
    recorded: Facts = field(default_factory=dict)
    data: bytes = b""

    def differences(self, operation: Operation) -> list[str]:
        """How it differs from what was recorded, in words."""
        if self.error != operation.error:
            if self.error and operation.error and operation.get("any_err"):
                return []
            return [f"{self.error or 'succeeded'}, recorded {operation.error or 'success'}"]
        return [
            f"{fact} {self.seen.get(fact)!r}, recorded {wanted!r}"
            for fact, wanted in self.recorded.items()
            if self.seen.get(fact) != wanted
        ]

    def apart_from(self, mirror: Outcome) -> list[str]:
        """How it differs from the same call in the mirror, in words."""
        if self.error != mirror.error:
            return [f"{self.error or 'succeeded'}, in the mirror {mirror.error or 'success'}"]
        told = [
            f"{fact} {value!r}, in the mirror {mirror.seen.get(fact)!r}"
            for fact, value in self.seen.items()
            if value != mirror.seen.get(fact)
        ]
        if self.data != mirror.data:
            told.append(
                f"{len(self.data)} bytes that are not the {len(mirror.data)} of the mirror,"
                f" first at {_first_difference(self.data, mirror.data)}"
            )
        return told


class LostHandle(Exception):
    """The call needs a handle whose open has failed, which was told then."""


class Place:
    """One folder while a recording is played into it."""

    def __init__(self, folder: Path, recording: str) -> None:
        self.folder = folder
        self._recording = recording
        self.handles: dict[int, int] = {}
        self.maps: dict[int, mmap.mmap] = {}
        self._watch: int | None = None
        self._outside_file: int | None = None

    def perform(self, operation: Operation, calls: Mapping[str, Call]) -> Outcome:
        """Issue one call. LostHandle if its handle was never opened."""
        if operation.call not in calls:
            return Outcome(f"the call {operation.call} is unknown here")
        try:
            return calls[operation.call](self, operation) or Outcome()
        except OSError as exc:
            return Outcome(error_name(exc.errno or 0))

    def path(self, name: str) -> Path:
        """Where a recorded path is."""
        if name.startswith("@outside/"):
            return _OUTSIDE / name.removeprefix("@outside/")
        return self.folder / name

    def handle(self, operation: Operation, field: str = "h") -> int:
        """The descriptor behind a recorded handle."""
        try:
            return self.handles[operation[field]]
        except KeyError:
            raise LostHandle from None

    def content(self, number: int, repetition: int, length: int) -> bytes:
        """What a write writes: the same in every place, and in no other write."""
        key = f"{self._recording} {number} {repetition}".encode()
        return hashlib.shake_128(key).digest(length)

    def outside_file(self) -> int:
        """A file outside, for copies whose other end was never in the folder."""
        if self._outside_file is None:
            self._outside_file = os.memfd_create("outside")
        return self._outside_file

    def watch(self) -> int:
        """The one inotify descriptor."""
        if self._watch is None:
            self._watch = kernel.new_watch()
        return self._watch

    def close(self) -> None:
        """Close what the recording left open."""
        for mapping in self.maps.values():
            mapping.close()
        for descriptor in (*self.handles.values(), self._watch, self._outside_file):
            if descriptor is not None:
                with suppress(OSError):
                    os.close(descriptor)
        self.maps.clear()
        self.handles.clear()
        self._watch = self._outside_file = None


Call = Callable[[Place, Operation], Outcome | None]
"""Issues one operation in one place. None is an outcome without anything to compare."""


def error_name(number: int) -> str:
    """An errno as recordings name it."""
    return {errno.ENOTSUP: "EOPNOTSUPP", errno.EAGAIN: "EAGAIN", errno.EDEADLK: "EDEADLK"}.get(
        number, errno.errorcode.get(number, str(number))
    )


def repeated(operation: Operation) -> range:
    """Calls that were recorded as one line with a count."""
    return range(int(operation.get("count", 1)))


def flag_bits(module: ModuleType, names: list[str] | str) -> int:
    """Names of flags, a list or with bars between them, as the number they stand for."""
    bits = 0
    for name in names.split("|") if isinstance(names, str) else names:
        bits |= getattr(module, name)
    return bits


def _first_difference(one: bytes, other: bytes) -> int:
    both = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(both) if a != b), min(len(one), len(other)))
