"""Asking the studio from the event loop: each question is one turn of a thread, one after another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import trio

P = ParamSpec("P")
T = TypeVar("T")


class Asking:
    """Changes of one mount reach the studio in the order in which they were made.

    ``abandons``: whoever is cancelled does not wait for an answer that may take long to come, or never does.
    """

    def __init__(self, *, abandons: bool = False) -> None:
        self._limiter = trio.CapacityLimiter(1)
        self._abandons = abandons

    async def __call__(self, act: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What an act answers or raises. If cancelled, the answer is still waited for, or nobody hears it."""
        return await trio.to_thread.run_sync(
            partial(act, *arguments, **named), limiter=self._limiter, abandon_on_cancel=self._abandons
        )
