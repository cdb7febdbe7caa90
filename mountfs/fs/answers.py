"""How every handler answers: with a result, or with an errno; never with an exception, never too late.

pyfuse3 ends the whole mount when a handler raises anything but FUSEError. `answers` turns errors into
numbers, and what nobody expected into EIO and a traceback in the log.
"""

from __future__ import annotations

import errno
import functools
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import pyfuse3
import trio

from mountfs.errors import (
    ChecksumMismatch,
    ChunkCorrupt,
    ChunkMissing,
    DeadlineExceeded,
    MountfsError,
    StorageUnavailable,
)
from mountfs.fs.errnos import errno_of

log = logging.getLogger(__name__)

_LOGGED_WHERE_FOUND = (ChunkCorrupt, ChunkMissing, ChecksumMismatch, StorageUnavailable)
"""What has its line in the log already: one for each chunk, however often readers come by."""

_AGAIN = 60.0
"""Seconds in which the same failure is not logged twice: a tool may try page after page."""

_said: dict[str, float] = {}

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds until a request is answered with EIO. Reads get longer: an error kills whoever mapped the
    file.
    """

    answer: float = 30.0
    read: float = 300.0


@contextmanager
def within(seconds: float, what: str) -> Iterator[None]:
    """DeadlineExceeded if the body waits longer. Put around every wait, and around nothing else: it costs 6
    us, and a handler that does not wait cannot be late."""
    try:
        with trio.fail_after(seconds):
            yield
    except trio.TooSlowError as exc:
        raise DeadlineExceeded(f"{what}: no answer within {seconds:g} s") from exc


def answers(handler: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Make a handler answer whatever happens inside it."""

    @functools.wraps(handler)
    async def answering(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await handler(*args, **kwargs)
        except pyfuse3.FUSEError:
            raise
        except (MountfsError, OSError) as exc:
            number = errno_of(exc)
            if number == errno.EIO and not isinstance(exc, _LOGGED_WHERE_FOUND):
                _say_once(f"{handler.__name__} failed: {exc}")
            raise pyfuse3.FUSEError(number) from exc
        except Exception as exc:  # a bug in one answer must not end the mount
            log.exception("%s failed unexpectedly", handler.__name__)
            raise pyfuse3.FUSEError(errno.EIO) from exc

    return answering


def _say_once(text: str) -> None:
    now = trio.current_time()
    if now - _said.get(text, -_AGAIN) < _AGAIN:
        return
    if len(_said) > 1000:
        _said.clear()
    _said[text] = now
    log.error("%s", text)
