"""A command that dies, or is stopped, at a step of the test's choice.

A step is anything that may change what is on a disk: a statement of SQLite that is no question, a call that
makes, renames, links or removes a file or folder, opens one to write, or makes it durable. They are counted
where Python itself tells of them (audit events, SQLite's trace) and nowhere in the program. So the program
has no seam for this, and no step can be forgotten.

`run` forks: the copy counts its steps and ends itself. A copy of a process is safe here because a command
uses nothing of the one that it came from.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mountfs import cli
from mountfs.storage import connections, converting, create
from mountfs.storage import snapshot as snapshots

KILL = signal.SIGKILL
STOP = signal.SIGINT
"""What Ctrl-C sends."""

_CHANGES = frozenset(
    {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.symlink", "os.utime"}
)
_QUESTIONS = ("SELECT", "PRAGMA", "EXPLAIN", "--")


class Steps:
    """Counts the steps of this process, and sends it a signal when the ``last`` one would begin (0:
    never)."""

    def __init__(self, last: int, number: signal.Signals, below: Path) -> None:
        self.count = 0
        self._last = last
        self._number = number
        self._below = str(below)
        self._lock = threading.Lock()

    def watch(self) -> None:
        """Begin to count. There is no way back: audit hooks cannot be removed."""
        sys.addaudithook(self._heard)
        fsync = os.fsync

        def counted(descriptor: int) -> None:
            self.step()
            fsync(descriptor)

        os.fsync = counted  # type: ignore[assignment]  # also takes what has a fileno; nobody here gives one
        for module in (connections, converting, create, snapshots):
            module.sqlite3 = _Sqlite(self)  # type: ignore[attr-defined]  # the module stands in for itself

    def step(self) -> None:
        """One more; the last one if it is."""
        with self._lock:
            self.count += 1
            last = self.count == self._last
        if last:
            os.kill(os.getpid(), self._number)

    def traced(self, statement: str) -> None:
        """SQLite is about to run this."""
        if not statement.lstrip().upper().startswith(_QUESTIONS):
            self.step()

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        writes = (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if (writes or event in _CHANGES) and str(arguments[0]).startswith(self._below):
            self.step()


class _Sqlite:
    """The module sqlite3, whose connections tell of their statements."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)

    def connect(self, *arguments: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = sqlite3.connect(*arguments, **named)
        connection.set_trace_callback(self._steps.traced)
        return connection


def run(
    words: Sequence[str | Path], below: Path, *, last: int = 0, number: signal.Signals = KILL
) -> tuple[int, int]:
    """Run a command in a copy of this process, which gets the signal when its ``last`` step on files below
    ``below`` would begin. Its exit code (negative: the signal that ended it) and how many steps it took (0 if
    it did not live to say)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be(lambda: Steps(last, number, below), words, writing)
    os.close(writing)
    told = b""
    while piece := os.read(reading, 64):
        told += piece
    os.close(reading)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), int(told or 0)


def _be(make: Callable[[], Steps], words: Sequence[str | Path], answer: int) -> None:
    """Be that copy; never returns."""
    code = 99
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for good
        signal.signal(signal.SIGINT, signal.default_int_handler)
        steps = make()
        steps.watch()
        try:
            cli.main([str(word) for word in words])
        except SystemExit as exc:
            code = exc.code if isinstance(exc.code, int) else 1
        os.write(answer, str(steps.count).encode())
    finally:
        os._exit(code)
