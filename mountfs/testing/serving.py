"""A studio in a process of its own, as `mountfs studio serve` is: it can be killed, and come back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mountfs.studio import serve
from mountfs.testing.mounts import BOUND, bounded
from mountfs.testing.online import OnlineStudio, cheap_passwords, claim, found

_COMPLAINTS = ("warning", "error", "critical")
_ADDRESS = re.compile(rb"the studio answers at http://127\.0\.0\.1:(\d+)\n")


class StudioProcess:
    """The process that serves the studio whose data is in a folder. Its log lies beside the folder."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._log = data.with_name(f"{data.name}.log")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        """Where it answers; another one after each start."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text(encoding="utf-8")

    def start(self) -> None:
        """Start it; it answers when this returns."""
        words = [sys.executable, "-m", "mountfs", "studio", "serve", str(self._data), "--port", "0"]
        with self._log.open("ab") as said:
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=said, cwd="/")
        self._process = process
        assert process.stdout is not None
        said_so = _ADDRESS.fullmatch(bounded(process.stdout.readline, seconds=2 * BOUND))
        assert said_so is not None, f"the studio does not answer:\n{self.log[-2000:]}"
        self.port = int(said_so[1])

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._ended()

    def stop(self) -> None:
        """End it as a service manager does. AssertionError if it has warned of anything since it was made."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._ended()
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        complaints = "\n".join(self.complaints())
        assert not complaints, f"the studio logged what no test expects:\n{complaints}"

    def complaints(self) -> list[str]:
        """Its warnings and errors, and what is no line of a log; but nothing about where its data is."""
        return [line for line in self.log.splitlines() if _complains(line)]

    def _ended(self) -> None:
        assert self._process is not None
        self._process.communicate(timeout=BOUND)
        self._process = None


def _complains(line: str) -> bool:
    try:
        told = json.loads(line)
        return told["level"] in _COMPLAINTS and told["from"] != serve.__name__
    except (ValueError, KeyError, TypeError):
        return True


@contextmanager
def studio_in_another_process(folder: Path) -> Iterator[OnlineStudio]:
    """A studio with nobody in it but its admin ``root``, that another process answers for. Here its data is
    open as its operator's commands have it. AssertionError if it warned of anything."""
    secret = found(folder)
    with serve.opened(folder, passwords=cheap_passwords()) as house:
        claim(house, secret)
        serving = StudioProcess(folder)
        try:
            serving.start()
            online = OnlineStudio(house, serving.url)
            try:
                yield online
            finally:
                online.close()
        except BaseException:
            serving.kill()
            raise
        serving.stop()
