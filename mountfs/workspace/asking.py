"""Asking the studio from the event loop: each question is one turn of a thread, one after another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import trio

P = ParamSpec("P")
T = TypeVar("T")


class Asking:
    """Changes of one mount reach the studio in the order in which they were made."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(1)

    async def __call__(self, act: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What an act answers or raises. If cancelled, the answer is still waited for."""
        return await trio.to_thread.run_sync(partial(act, *arguments, **named), limiter=self._limiter)
