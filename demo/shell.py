"""Commands of the demo: run as a person would, shown, with what they say."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType


class Failed(Exception):
    """A command of the demo failed; it has said why."""


@dataclass(frozen=True)
class Somebody:
    """A person with folders of their own below the demo's folder, in which commands leave what they keep.
    ``name`` is shown before what they type; nobody's is empty."""

    home: Path
    name: str = ""

    @property
    def folder(self) -> Path:
        """What is theirs."""
        return self.home / self.name if self.name else self.home

    @property
    def environ(self) -> dict[str, str]:
        """This person's environment, but what mounts leave behind lies in the demo's folder."""
        if not self.name:
            return {**os.environ, "XDG_STATE_HOME": str(self.home / "state")}
        mine = {f"XDG_{name.upper()}_HOME": str(self.folder / name) for name in ("state", "config", "cache")}
        return {**os.environ, **mine, "XDG_RUNTIME_DIR": str(self.folder / "run")}

    def mountfs(self, *words: str | Path) -> str:
        """Run a command, showing it and what it says; which is the answer. Failed."""
        shown = shlex.join(str(word).replace(f"{self.home}/", "") for word in words)
        print(f"  {self.name + ' ' if self.name else ''}$ mountfs {shown}", flush=True)
        done = subprocess.run(command(*words), capture_output=True, text=True, check=False, env=self.environ)
        for line in (done.stdout + done.stderr).splitlines():
            print(f"    {line.replace(f'{self.home}/', '')}")
        if done.returncode:
            say("The demo cannot go on. What this machine lacks, mountfs doctor tells:")
            subprocess.run(command("doctor"), check=False)
            raise Failed
        return done.stdout


def command(*words: str | Path) -> list[str]:
    """The words that start mountfs."""
    return [sys.executable, "-m", "mountfs", *map(str, words)]


def say(text: str) -> None:
    """A line from the demo itself."""
    print(f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text, flush=True)


def unmount(folder: Path) -> None:
    """Take a mount down, whatever it is doing."""
    if folder.is_mount():
        subprocess.run(command("umount", "--lazy", folder), stdout=subprocess.DEVNULL, check=False)


def stop_on_signals() -> None:
    """End as with Ctrl-C."""
    signal.signal(signal.SIGTERM, _stop)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # a signal handler's form
    raise KeyboardInterrupt
