"""A moment on a command line: written out, in UTC as everything here is printed, or as how long ago."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


if TYPE_CHECKING:
    _Type = click.ParamType[int]
else:
    _Type = click.ParamType  # not generic in the oldest click that serves


class Moment(_Type):
    """``2026-11-21T10:11:12Z``, ``2026-11-21``, or ``2h``: two hours ago. The value is in Unix seconds."""

    name = "moment"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The moment in Unix seconds."""
        if isinstance(value, int):
            return value
        text = str(value).strip()
        if ago := re.fullmatch(r"(\d{1,6})\s*(s|min|h|d|w)", text):
            return int(self._clock()) - int(ago[1]) * _UNITS[ago[2]]
        try:
            found = datetime.fromisoformat(text)
            return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError):
            self.fail(
                f"{text!r} is no moment; write 2026-11-21T10:00 (UTC), or how long ago: 30min, 2h, 3d",
                param,
                ctx,
            )
