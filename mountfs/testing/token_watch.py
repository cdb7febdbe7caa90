"""A watch over every token that a studio of this process issues, for as long as a suite of tests runs.

It knows the tokens because it stands beside the one place that makes them. While there are any, a thread
looks again and again at what is told to processes of this user and at the mount table; it rests so long after
each look that it never takes more than a hundredth of a core. Files and texts are looked into when somebody
asks for that. `leaks.Leaks` looks closer at less: in other spellings, and for other secrets.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from mountfs.studio.accounts.desk import Desk

SHARE = 0.01
"""Of a core, at most."""

_SHORTEST_REST = 0.2
_LENGTH = 43
_RUN = re.compile(rb"[A-Za-z0-9_-]{%d,}" % _LENGTH)
_LINE_OF_TOKENS = re.compile(rb"(\S+ ){0,2}[A-Za-z0-9_-]{%d}" % _LENGTH)
_PLAIN = 12
"""So many different characters a token has at least that was drawn by chance, and not by a test."""

_LARGEST = 16 << 20
"""Bytes of a file that is looked into. What is larger is what somebody works on."""


class TokenWatch:
    """Tokens, and where they were seen. ``found`` names each place once, and no token."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: set[bytes] = set()
        self._newest: set[bytes] = set()
        self._found: dict[str, None] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.looks = 0
        self.spent, self.longest = 0.0, 0.0
        """Seconds of the processor that all looks took, and that the longest one took."""

    def issued(self, token: str) -> None:
        """Look for this one from now on."""
        if len(set(token)) < _PLAIN:
            return
        with self._lock:
            self._tokens.add(token.encode())
            self._newest.add(token.encode())
        if self._thread is None:
            self._over.clear()
            self._thread = threading.Thread(target=self._watch, name="tokens", daemon=True)
            self._thread.start()

    def forget(self) -> None:
        """What follows has tokens of its own: stop the thread, and look into files for new ones only."""
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None
        with self._lock:
            self._newest.clear()

    def found(self) -> list[str]:
        """Where tokens were seen since this was asked last."""
        with self._lock:
            told, self._found = list(self._found), {}
        return told

    def look_into(self, where: str, data: bytes) -> None:
        """Look into some bytes."""
        for run in _RUN.finditer(data):
            text = run[0]
            if any(text[at : at + _LENGTH] in self._tokens for at in range(len(text) - _LENGTH + 1)):
                self._saw(where)
                return

    def look_through(self, folder: Path) -> None:
        """Look into every file below a folder for tokens that were issued since `forget`. A file that nobody
        but its owner may read, and that has nothing but tokens in it, is their place."""
        with self._lock:
            wanted = list(self._newest)
        for path in _files(folder) if wanted else ():
            try:
                data = path.read_bytes()
                mode = path.stat().st_mode
            except OSError:
                continue  # it is gone, or nobody's to read
            if any(token in data for token in wanted) and not _is_their_place(mode, data):
                self._saw(str(path))

    def look_at_processes(self) -> None:
        """Look at the arguments and environments of this user's processes, and at the mount table."""
        for process in os.scandir("/proc"):
            if process.name.isdecimal():
                self._look_at_process(process.path)
        for name in ("mounts", "mountinfo"):
            self._look_at(f"/proc/self/{name}")
        self.looks += 1

    def _look_at_process(self, process: str) -> None:
        try:
            if os.stat(process).st_uid != os.geteuid():
                return
        except OSError:
            return  # it has ended
        for name in ("cmdline", "environ"):
            self._look_at(f"{process}/{name}")

    def _look_at(self, path: str) -> None:
        try:
            with open(path, "rb", buffering=0) as file:
                data = file.readall()
        except OSError:
            return  # it has ended, or cannot be looked at
        self.look_into(path, data)

    def _saw(self, where: str) -> None:
        with self._lock:
            self._found[where] = None

    def _watch(self) -> None:
        rest = 0.0
        while not self._over.wait(rest):
            before = time.thread_time()
            self.look_at_processes()
            took = time.thread_time() - before
            self.spent, self.longest = self.spent + took, max(self.longest, took)
            rest = max(_SHORTEST_REST, took / SHARE)


def watch_desks(watch: TokenWatch) -> None:
    """Have it told of every token that is issued in this process from now on."""
    new_token = Desk.new_token

    def told(desk: Desk) -> str:
        token = new_token(desk)
        watch.issued(token)
        return token

    Desk.new_token = told  # type: ignore[assignment, method-assign]


def _files(folder: Path) -> Iterator[Path]:
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not os.path.ismount(os.path.join(top, name))]
        for name in names:
            path = Path(top, name)
            try:
                facts = path.lstat()
            except OSError:
                continue
            if stat.S_ISREG(facts.st_mode) and _LENGTH <= facts.st_size <= _LARGEST:
                yield path


def _is_their_place(mode: int, data: bytes) -> bool:
    return not mode & 0o077 and all(_LINE_OF_TOKENS.fullmatch(line) for line in data.split(b"\n") if line)
