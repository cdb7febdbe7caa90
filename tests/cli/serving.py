"""A stand-in for a mount: a real control socket, with operations of a test, at an entry of the mount table
that is not there. Commands that only talk to a mount are tested with it, in this process and without FUSE.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import trio

from mountfs import cli
from mountfs.control import Answer, ControlServer, socket_path
from mountfs.mountpoints import FILE_SYSTEM, Mount
from tests.cli.running import Done


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


class Served:
    """A mount whose answers a test decides. ``asked`` are the questions it was asked, but for ``info``."""

    def __init__(self, path: Path, runtime_dir: Path) -> None:
        self.path = path
        self.socket = socket_path(runtime_dir, path)
        self.asked: list[Mapping[str, Any]] = []
        self.answers: dict[str, Answer | Exception | Callable[[], Answer]] = {}
        self.read_only = False
        self._stop: Callable[[], object] | None = None
        self._stopped = threading.Event()

    def mount(self) -> Mount:
        """Its line of the mount table."""
        return Mount(self.path, FILE_SYSTEM, "film", "0:99", os.geteuid())

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Answer while this lasts."""
        started = threading.Event()
        thread = threading.Thread(target=trio.run, args=(self._run, started))
        thread.start()
        assert started.wait(20)
        try:
            yield
        finally:
            self.end()
            thread.join(20)

    def end(self) -> None:
        """Stop answering, as a mount that has ended."""
        if self._stop is not None:
            self._stop()
            assert self._stopped.wait(20)

    async def _run(self, started: threading.Event) -> None:
        operations = dict.fromkeys(cli.COMMANDS, self._operation)
        server = ControlServer(self.socket, {"info": lambda _: self._info(), **operations})
        async with trio.open_nursery() as nursery:
            token = trio.lowlevel.current_trio_token()
            self._stop = lambda: token.run_sync_soon(nursery.cancel_scope.cancel)
            await nursery.start(server.run)
            started.set()
        self._stop = None
        self._stopped.set()

    def _info(self) -> Answer:
        return {"mount_point": str(self.path), "read_only": self.read_only}

    async def _operation(self, question: Mapping[str, Any]) -> Answer:
        await trio.lowlevel.checkpoint()
        self.asked.append(question)
        answer = self.answers[question["op"]]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer


def run(*words: str | Path, code: int = 0, terminal: bool = False, typed: str | None = None) -> Done:
    """Run a command in this process. ``terminal``: its output is one; ``typed``: its input too."""
    out, err = (Terminal(), Terminal()) if terminal else (io.StringIO(), io.StringIO())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO() if typed is None else Terminal(f"{typed}\n"))
        patch.setenv("COLUMNS", "200")
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            cli.main([str(word) for word in words])
    done = Done(ended.value.code if isinstance(ended.value.code, int) else 1, out.getvalue(), err.getvalue())
    assert done.code == code, f"exit code {done.code}\n{done.out}\n{done.err}"
    assert "Traceback" not in done.err
    return done
