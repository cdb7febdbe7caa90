"""Running commands as a person does: their words, output and exit code.

To start an interpreter takes longer than most commands, so `Shell.run` and `Shell.attempt` run a command in
this process, in the person's environment and folder. `Shell.command` is for what has to be a process.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mountfs import cli


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed for scripts."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """What it printed into a pipe: lines of fields."""
        return [line.split("\t") for line in self.out.splitlines()]


@contextmanager
def _streams() -> Iterator[tuple[io.BytesIO, io.BytesIO]]:
    """Pipes in place of a terminal, and what comes out of them."""
    out, err = io.BytesIO(), io.BytesIO()
    streams = [io.TextIOWrapper(each, encoding="utf-8", write_through=True) for each in (out, err)]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
        yield out, err


def _text(stream: io.BytesIO) -> str:
    return stream.getvalue().decode()


class Shell:
    """A person with folders of their own, in which commands leave their state."""

    def __init__(self, home: Path) -> None:
        self.home = home
        runtime = home / "run"
        runtime.mkdir(mode=0o700)
        self.environ = {
            **os.environ,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_RUNTIME_DIR": str(runtime),
            "LC_ALL": "C.UTF-8",
        }

    def run(self, *words: str | Path, code: int = 0) -> Done:
        """Run ``mountfs WORDS…`` and expect this exit code."""
        done = self.attempt(*words)
        assert done.code == code, f"exit code {done.code}\n{done.out}\n{done.err}"
        assert "Traceback" not in done.err
        return done

    def attempt(self, *words: str | Path) -> Done:
        """Run ``mountfs WORDS…``, however it ends."""
        with self._here(), _streams() as (out, err):
            with pytest.raises(SystemExit) as ended:
                cli.main([str(word) for word in words])
            code = ended.value.code
            return Done(code if isinstance(code, int) else 1, _text(out), _text(err))

    @contextmanager
    def _here(self) -> Iterator[None]:
        """Be in this person's home, with their environment."""
        before, folder = dict(os.environ), Path.cwd()
        os.environ.clear()
        os.environ.update(self.environ)
        os.chdir(self.home)
        try:
            yield
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)

    def command(self, *words: str | Path) -> list[str]:
        """The words that start mountfs here."""
        return [sys.executable, "-m", "mountfs", *map(str, words)]

    def configure(self, text: str) -> None:
        """Write config.toml."""
        folder = self.home / "config" / "mountfs"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(text)
