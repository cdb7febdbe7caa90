"""Who asks how much: requests in a second, and questions that are waiting, of each account and node token.

A *bucket* for each who asks: a request takes one of what is in it, and time fills it again, to the brim
(`Limits.burst`) and no further. Whoever finds it empty is told how many seconds to wait. A machine with a
token has a bucket of its own, so that a farm does not stop its maker's desk, nor the other way around.

Nothing here is remembered over a restart, and nothing is counted for who is not known: those are refused
before, for less than a count would cost.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mountfs.errors import TooMany
from mountfs.studio.accounts import Caller
from mountfs.studio.limits import Limits

_MANY = 10_000
"""Buckets from which on full ones are thrown away."""

_WAIT_FOR_OTHERS = 5
"""Seconds after which somebody with too many waiting questions may try again."""


class Traffic:
    """The requests of everybody. Usable from any thread."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}
        self._waiting: Counter[str] = Counter()

    def count(self, caller: Caller) -> None:
        """A request. TooMany, with the seconds until there may be another one."""
        name, now = _name(caller), self._clock()
        rate, brim = self._limits.requests, self._limits.burst
        with self._lock:
            left, at = self._buckets.get(name, (float(brim), now))
            left = min(float(brim), left + (now - at) * rate)
            allowed = left >= 1
            self._buckets[name] = (left - 1 if allowed else left, now)
            if len(self._buckets) > _MANY:
                self._throw_away(now)
        if not allowed:
            raise TooMany(max(1, math.ceil((1 - left) / rate)))

    @contextmanager
    def waiting(self, caller: Caller) -> Iterator[None]:
        """A question that waits for news, for as long as the block lasts. TooMany."""
        name = _name(caller)
        with self._lock:
            if self._waiting[name] >= self._limits.waiting:
                raise TooMany(_WAIT_FOR_OTHERS)
            self._waiting[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[name] -= 1
                if not self._waiting[name]:
                    del self._waiting[name]

    def _throw_away(self, now: float) -> None:
        rate, brim = self._limits.requests, self._limits.burst
        self._buckets = {
            name: (left, at) for name, (left, at) in self._buckets.items() if left + (now - at) * rate < brim
        }


def _name(caller: Caller) -> str:
    return f"token {caller.node_token.id}" if caller.node_token is not None else f"account {caller.id}"
