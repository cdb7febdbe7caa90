"""A changed file's bytes by where they come from: this machine, the checkpoint it was made from, or nowhere.

Most saves replace all of a file; some change a few bytes of a large one. Segments say which, so that only
what changed is cut, hashed and compressed again (`recut`).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Final, Protocol

from mountfs.model import Manifest

PIECE: Final = 256 * 1024
"""Bytes got from a local file at a time: few enough that the next ones take the same memory."""

_NOTHING: Final = bytes(PIECE)


class Elsewhere(Enum):
    """Bytes that no local file holds."""

    BASE = "base"
    """Those of the base, at the same offset."""

    ZERO = "zero"


BASE: Final = Elsewhere.BASE
ZERO: Final = Elsewhere.ZERO


class Local(Protocol):
    """Bytes of this machine, at the same offsets as in the file."""

    def pread(self, offset: int, length: int) -> bytes | memoryview:
        """At least one and at most ``length`` of these bytes. OSError."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes ``[start, end)`` of a file, and whose they are."""

    start: int
    end: int
    origin: Local | Elsewhere


def check_segments(size: int, segments: Sequence[Segment], base: Manifest | None) -> None:
    """ValueError unless the segments cover ``[0, size)`` in order, and the base what is said to be its."""
    place = 0
    for segment in segments:
        if segment.start != place or segment.end < segment.start:
            raise ValueError(f"a segment [{segment.start}, {segment.end}) follows offset {place}")
        if segment.origin is BASE and segment.end > (base.size if base else 0):
            raise ValueError(f"a segment of the base ends at {segment.end}, where the base has no bytes")
        place = segment.end
    if place != size:
        raise ValueError(f"the segments end at {place} in a file of {size} bytes")


def split(segments: Sequence[Segment], bounds: Sequence[int]) -> Iterator[list[Segment]]:
    """The segments between each two neighbours of ``bounds``, which rise from 0; empty ones are left out."""
    at = 0
    for begin, stop in pairwise(bounds):
        found: list[Segment] = []
        while at < len(segments) and segments[at].start < stop:
            segment = segments[at]
            start, end = max(begin, segment.start), min(stop, segment.end)
            if start < end:
                found.append(Segment(start, end, segment.origin))
            if segment.end > stop:
                break  # the next part begins with the rest of it
            at += 1
        yield found


class SegmentSource:
    """Segments that follow each other, to be read as one stream.

    ``base`` holds the bytes of the base from ``base_start`` on, as far as the segments need them.
    """

    def __init__(
        self, segments: Sequence[Segment], base: bytes | memoryview = b"", base_start: int = 0
    ) -> None:
        self._rest = iter(segments)
        self._segment = Segment(0, 0, ZERO)
        self._place = 0
        self._base = memoryview(base)
        self._base_start = base_start
        self.local_bytes = 0
        """Bytes read from local files so far."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Some of the next bytes; how many, 0 at the end. OSError."""
        while self._place == self._segment.end:
            segment = next(self._rest, None)
            if segment is None:
                return 0
            self._segment, self._place = segment, segment.start
        data = self._next(min(len(buffer), self._segment.end - self._place))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def _next(self, length: int) -> bytes | memoryview:
        origin = self._segment.origin
        if origin is ZERO:
            return _NOTHING[:length]
        if origin is BASE:
            start = self._place - self._base_start
            return self._base[start : start + length]
        data = origin.pread(self._place, min(PIECE, length))
        if not data:
            raise OSError(errno.EIO, f"a local file has no bytes at {self._place}, where some were written")
        self.local_bytes += len(data)
        return data
