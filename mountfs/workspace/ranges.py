"""Sets of bytes of a file, as sorted ranges that neither overlap nor touch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """Half-open ranges ``[start, end)`` of offsets."""

    __slots__ = ("_ends", "_starts", "total")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self.total = 0
        """Bytes in all ranges together."""
        for start, end in ranges:
            self.add(start, end)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def copy(self) -> Ranges:
        """The same ranges, which change by themselves from now on."""
        made = Ranges()
        made._starts, made._ends, made.total = self._starts[:], self._ends[:], self.total
        return made

    def add(self, start: int, end: int) -> int:
        """Take in a range; how many of its bytes were not in yet."""
        if start >= end:
            return 0
        if self._ends and start == self._ends[-1]:  # written in order, which is what most programs do
            self._ends[-1] = end
            self.total += end - start
            return end - start
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        before = sum(self._ends[at] - self._starts[at] for at in range(first, last))
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        self.total += end - start - before
        return end - start - before

    def missing(self, start: int, end: int) -> int:
        """How many bytes `add` would take in."""
        return sum(stop - begin for begin, stop, within in self.split(start, end) if not within)

    def clip(self, limit: int) -> None:
        """Let go all from ``limit`` on."""
        keep = bisect_left(self._starts, limit)
        del self._starts[keep:], self._ends[keep:]
        if self._ends and self._ends[-1] > limit:
            self._ends[-1] = limit
        self.total = sum(end - start for start, end in self)

    def split(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """``[start, end)`` in order, in pieces that are all in (True) or all out (False)."""
        at = bisect_right(self._ends, start)
        while start < end:
            if at == len(self._starts) or self._starts[at] >= end:
                yield start, end, False
                return
            if start < self._starts[at]:
                yield start, self._starts[at], False
                start = self._starts[at]
            stop = min(end, self._ends[at])
            yield start, stop, True
            start, at = stop, at + 1
