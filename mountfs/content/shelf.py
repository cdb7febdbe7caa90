"""The decoded chunks in memory, and the one budget of bytes that bounds them.

Room is *reserved* before a chunk is fetched, so that what is on its way counts like what is there; at no
moment is more held than the budget. To make room, chunks are thrown away that were used longest ago. Chunks
that a reader has had fetched ahead and not reached yet (*unread*) go only when nothing else is left and
somebody is waiting, since throwing them away means to decode them twice. A chunk that somebody is about to be
woken for stays.
"""

from __future__ import annotations

from collections import OrderedDict

import trio

from mountfs.model import Chunk, ChunkRef

OVERHEAD = 512
"""Bytes that each chunk costs besides its content: small files would else fill memory unseen."""


class Ahead:
    """What one reader has had fetched ahead and has not reached yet."""

    __slots__ = ("cost", "fetches")

    def __init__(self) -> None:
        self.cost = 0
        self.fetches: set[Fetch] = set()


class Fetch:
    """One chunk on its way or there: what all who want it wait for.

    ``raw`` is set when it is there, ``error`` when it will not come; ``done`` after either, or if it was
    dropped, in which case both are None.
    """

    __slots__ = ("ahead", "cost", "done", "error", "raw", "ref", "started", "urgent", "waiters")

    def __init__(self, ref: ChunkRef) -> None:
        self.ref = ref
        self.cost = ref.chunk.size + OVERHEAD
        self.done = trio.Event()
        self.raw: bytes | None = None
        self.error: Exception | None = None
        self.ahead: Ahead | None = None
        self.waiters = 0
        self.urgent = False
        self.started = False

    def outcome(self) -> bytes | None:
        """The raw bytes; None if it was dropped. Raises why it did not come."""
        if self.error is not None:
            raise self.error.with_traceback(None)
        return self.raw

    def join(self, ahead: Ahead) -> None:
        """Count as fetched ahead for a reader."""
        self.ahead = ahead
        ahead.fetches.add(self)
        ahead.cost += self.cost

    def leave(self) -> int:
        """Count no longer as fetched ahead; the bytes by which that lessens what is unread."""
        if self.ahead is None:
            return 0
        self.ahead.fetches.discard(self)
        self.ahead.cost -= self.cost
        self.ahead = None
        return self.cost


class Shelf:
    """Decoded chunks within a budget (bytes). Every method is an atomic section of the event loop."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.held = 0
        self.unread = 0
        self._used: OrderedDict[Chunk, Fetch] = OrderedDict()
        self._ahead: OrderedDict[Chunk, Fetch] = OrderedDict()

    def find(self, chunk: Chunk) -> Fetch | None:
        """A chunk that is there, now used most recently."""
        fetch = self._used.get(chunk)
        if fetch is not None:
            self._used.move_to_end(chunk)
            return fetch
        fetch = self._ahead.get(chunk)
        if fetch is not None:
            self.reached(fetch)
        return fetch

    def peek(self, chunk: Chunk) -> Fetch | None:
        """The same without counting as a use."""
        return self._used.get(chunk) or self._ahead.get(chunk)

    def reserve(self, cost: int, *, spare_unread: bool) -> bool:
        """Make room for so many bytes; False, if that cannot be had now, though something may be gone."""
        while self.held + cost > self.budget:
            victim = _unpinned(self._used)
            if victim is None and not spare_unread:
                victim = _unpinned(self._ahead)
            if victim is None:
                return False
            self._remove(victim)
        self.held += cost
        return True

    def release(self, cost: int) -> None:
        """Give back what was reserved for a chunk that did not come."""
        self.held -= cost

    def add(self, fetch: Fetch) -> None:
        """Put a chunk there, for which room was reserved."""
        shelf = self._used if fetch.ahead is None else self._ahead
        shelf[fetch.ref.chunk] = fetch

    def ahead_of(self, fetch: Fetch, ahead: Ahead) -> None:
        """A chunk is to be fetched ahead for a reader."""
        fetch.join(ahead)
        self.unread += fetch.cost

    def reached(self, fetch: Fetch) -> None:
        """A reader has come to a chunk, or never will: it counts as any other."""
        self.unread -= fetch.leave()
        chunk = fetch.ref.chunk
        if self._ahead.pop(chunk, None) is not None:
            self._used[chunk] = fetch

    def drop(self, chunk: Chunk) -> None:
        """Throw a chunk away that nobody will ask for again, unless somebody is being woken for it."""
        fetch = self.peek(chunk)
        if fetch is not None and not fetch.waiters:
            self._remove(fetch)

    def clear(self) -> None:
        """Throw away all that nobody is being woken for."""
        for fetch in [*self._used.values(), *self._ahead.values()]:
            if not fetch.waiters:
                self._remove(fetch)

    def _remove(self, fetch: Fetch) -> None:
        self.unread -= fetch.leave()
        chunk = fetch.ref.chunk
        if self._used.pop(chunk, None) is None:
            del self._ahead[chunk]
        self.held -= fetch.cost


def _unpinned(shelf: OrderedDict[Chunk, Fetch]) -> Fetch | None:
    return next((fetch for fetch in shelf.values() if not fetch.waiters), None)
