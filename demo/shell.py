"""Commands of a demo, run as a person would, shown with what they say; and how a demo is played."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
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


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # a signal handler's form
    raise KeyboardInterrupt


Hints = Iterable[tuple[str, str]]
"""What can be tried, each with the line to type; nothing for a line that belongs to the one before."""


def perform(play: Callable[[Path], AbstractContextManager[Hints]], farewell: str) -> int:
    """Play a demo in a folder of its own, wait at a terminal for Ctrl-C, and clean up; the exit code.
    ``play`` tells what can be tried while it lasts."""
    signal.signal(signal.SIGTERM, _stop)  # as Ctrl-C
    home = Path(tempfile.mkdtemp(prefix="mountfs-demo-"))
    try:
        with play(home) as hints:
            if sys.stdin.isatty() and sys.stdout.isatty():
                _suggest(hints)
                signal.pause()
            else:
                say("There is no terminal to wait at, so the demo ends here.")
    except KeyboardInterrupt:
        print()
    except Failed:
        return 1
    finally:
        shutil.rmtree(home, ignore_errors=True)
    say(farewell)
    return 0


def _suggest(hints: Hints) -> None:
    say("Try in another terminal:")
    for what, line in hints:
        if what:
            print(f"\n  # {what}")
        if line:
            print(f"  {line}")
    print()
    say("Ctrl-C ends the demo and removes everything.")
