"""A progress bar on stderr, for whatever takes longer than a second, if a person is looking."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mountfs.exchange.meter import Meter, NoMeter
from mountfs.names import printable

PATIENCE = 1.0
"""Seconds before a bar appears: what is quick prints nothing."""


@contextmanager
def progress(what: str) -> Iterator[Meter]:
    """A meter that draws; one that does not when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield NoMeter()
        return
    bar = _Bar(what)
    try:
        yield bar
    finally:
        bar.end()


class _Bar:
    def __init__(self, what: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            DownloadColumn(binary_units=True),
            TimeRemainingColumn(),
            TextColumn("{task.fields[name]}", markup=False, style="dim"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(what, total=None, name="")
        self._lock = threading.Lock()
        self._visible_from = time.monotonic() + PATIENCE
        self._drawn = False

    def begin(self, total: int) -> None:
        self._bar.update(self._task, total=total, completed=0)

    def advance(self, count: int) -> None:
        self._bar.advance(self._task, count)
        with self._lock:
            if not self._drawn and time.monotonic() >= self._visible_from:
                self._drawn = True
                self._bar.start()

    def now(self, name: str) -> None:
        self._bar.update(self._task, name=printable(name)[-40:])

    def end(self) -> None:
        with self._lock:
            if self._drawn:
                self._bar.stop()
