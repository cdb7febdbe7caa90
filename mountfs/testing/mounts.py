"""Real mounts for tests: real processes, real kernels, bounded waits, and nothing left behind.

`Mounts` starts them in folders of its own and takes them down whatever happened. Every mount's log is
watched: a warning or an error that a test did not announce with `expect_log` fails it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mountfs import launch, mountpoints
from mountfs.config import MountOptions
from mountfs.launch import Mounted, MountRequest, Remote

T = TypeVar("T")

BOUND = 30.0
"""Seconds after which a wait in a test is a failure."""

_ENTRY = re.compile(r"^(?=\d{4}-\d\d-\d\d )", re.MULTILINE)
_COMPLAINT = re.compile(r"^\S+ \S+ (WARNING|ERROR|CRITICAL) |^Traceback", re.MULTILINE)


def wait_until(condition: Callable[[], T], what: str, *, seconds: float = BOUND) -> T:
    """The first true answer of a condition. AssertionError if none comes in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        pause.wait(0.005)
    return answer


def bounded(act: Callable[[], T], *, seconds: float = BOUND) -> T:
    """What a call answers, made in a thread: a call that hangs fails the test instead of the whole run."""
    outcome: list[T | BaseException] = []

    def run() -> None:
        try:
            outcome.append(act())
        except BaseException as exc:  # noqa: BLE001 - handed to the test below
            outcome.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise AssertionError(f"{act} hangs")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


@dataclass(eq=False)
class Mount:
    """A running mount."""

    request: MountRequest
    mounted: Mounted
    expected: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The mount point."""
        return self.request.mount_point

    @property
    def log(self) -> str:
        """What its program has logged."""
        return self.request.log_path.read_text(encoding="utf-8")

    def expect_log(self, pattern: str) -> None:
        """Announce a warning or an error that belongs to the test."""
        self.expected.append(pattern)

    def unmount(self) -> None:
        """Unmount, and wait until the program has ended."""
        mountpoints.unmount(self.path)
        assert mountpoints.wait_for_end(self.mounted.pid, BOUND), "the program outlives its mount"

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal and wait until it has ended."""
        os.kill(self.mounted.pid, number)
        assert mountpoints.wait_for_end(self.mounted.pid, BOUND), f"{number.name} does not end the program"

    def complaints(self) -> list[str]:
        """Log entries that a test has to announce and did not, each with its traceback."""
        entries = [entry.rstrip() for entry in _ENTRY.split(self.log) if _COMPLAINT.search(entry)]
        return [entry for entry in entries if not any(re.search(each, entry) for each in self.expected)]


class Mounts:
    """Mounts below one folder; a context manager that ends them all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.running: list[Mount] = []

    def mount(
        self,
        project: Path | Remote,
        username: str | None = None,
        *,
        at: str = "mnt",
        options: MountOptions | None = None,
        storage_dir: Path | None = None,
        program: str = "mountfs.daemon",
    ) -> Mount:
        """Mount a project at a folder of this name, made if it is not there."""
        request = self.request(
            project, username, at=at, options=options or MountOptions(), storage_dir=storage_dir
        )
        with contextlib.suppress(FileExistsError):  # a dead mount is there, and no folder to look at
            request.mount_point.mkdir()
        mount = Mount(request, bounded(lambda: launch.start(request, program=program)))
        self.running.append(mount)
        return mount

    def request(
        self,
        project: Path | Remote,
        username: str | None = None,
        *,
        at: str = "mnt",
        options: MountOptions,
        storage_dir: Path | None = None,
    ) -> MountRequest:
        """What `mount` asks for."""
        return MountRequest(
            project=project if isinstance(project, Path) else None,
            remote=project if isinstance(project, Remote) else None,
            mount_point=self._folder / at,
            state_dir=self._folder / "state",
            runtime_dir=self._folder / "run",
            username=username,
            storage_dir=storage_dir,
            options=options,
        )

    def __enter__(self) -> Mounts:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        # Mounts of one place, one after another, have one log.
        complaints = dict.fromkeys(entry for mount in self.running for entry in mount.complaints())
        for mount in self.running:
            self._end(mount)
        if kind is None and complaints:
            raise AssertionError("a mount logged what no test expects:\n" + "\n".join(complaints))

    def _end(self, mount: Mount) -> None:
        while mountpoints.find(mount.path) is not None:
            done = subprocess.run(
                ["fusermount3", "-uz", str(mount.path)], timeout=BOUND, capture_output=True, check=False
            )
            if done.returncode != 0:
                break
        if not mountpoints.wait_for_end(mount.mounted.pid, BOUND):
            with contextlib.suppress(ProcessLookupError):
                os.kill(mount.mounted.pid, signal.SIGKILL)


@contextlib.contextmanager
def running(*command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process beside the test, ended at the end. Its standard input and output are pipes."""
    process = subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=BOUND)
