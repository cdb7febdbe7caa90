"""Running commands as a person does: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
        done = subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=self.home,
            env=self.environ,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def command(self, *words: str | Path) -> list[str]:
        """The words that start mountfs here."""
        return [sys.executable, "-m", "mountfs", *map(str, words)]

    def configure(self, text: str) -> None:
        """Write config.toml."""
        folder = self.home / "config" / "mountfs"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(text)
