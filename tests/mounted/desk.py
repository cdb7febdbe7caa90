"""Somebody's desk: a mounted project, a folder of it to work in, and the versions that tools make."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from mountfs.config import MountOptions
from mountfs.testing.mounts import Mounts
from tests.mounted.asking import settle
from tests.mounted.film import Film
from tests.mounted.sessions import SHOT, Observer
from tests.mounted.workplace import PATIENT


class Desk:
    """Files are kept before the mount; `run` tells what a tool has added to the project."""

    def __init__(
        self, film: Film, mounts: Mounts, files: dict[str, bytes], *, options: MountOptions = PATIENT
    ) -> None:
        film.folder(SHOT)
        film.write_all({f"{SHOT}/{name}": content for name, content in files.items()})
        self._observer = Observer(film)
        self.mount = mounts.mount(film.path, options=options)
        self.folder = self.mount.path / SHOT

    def run(self, *command: str | Path, patience: float = 60.0) -> dict[str, int]:
        """Run a tool in the folder; by name, how many versions that made. It has to end well."""
        execute(self.folder, *command, patience=patience)
        return self.versions()

    def versions(self) -> dict[str, int]:
        """How many versions there are more than last time, by name, when all that was closed has arrived."""
        settle(self.mount)
        return self.arrived()

    def arrived(self) -> dict[str, int]:
        """The same without waiting."""
        return self._observer.new()

    def newest(self, name: str) -> bytes:
        """The content of the newest version of a file, from the project and not from the mount."""
        return self._observer.content(self._observer.assets()[name])

    def assets(self) -> set[str]:
        """Names of what is in the project."""
        return set(self._observer.assets())


def execute(folder: Path, *command: str | Path, patience: float = 60.0) -> str:
    """What a program prints that runs in a folder and has to end well."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, "PWD": str(folder)},  # which is what some tools take relative paths from
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
