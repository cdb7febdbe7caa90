"""A studio's data directory, as a whole: who uses it, and who replaces it.

Whoever serves a studio, or works on its files, uses it together with others. A restore has it alone, so it
neither takes files from under a running studio nor lets one start in the middle.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mountfs.errors import StudioDataError
from mountfs.storage.holding import alone_with, used

RESTORING = ".restoring"
"""Below the data directory: what a restore has not put in its place yet."""

PROJECTS = "projects"
CHUNKS = "chunks"
NOTES = "notes"
"""What can be found out again: it is in no backup."""


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Use a studio's data. StudioDataError while it is restored, or when a restore was stopped half-way."""
    busy = StudioDataError(f"{folder} is being restored from a backup: try again when that is done")
    try:
        lock = used(folder, busy)
        with lock:
            if (folder / RESTORING).exists():
                raise StudioDataError(
                    f"a restore into {folder} was stopped before its end: run mountfs studio restore again"
                )
            yield
    except (FileNotFoundError, NotADirectoryError) as exc:
        if exc.filename != str(folder):
            raise
        raise StudioDataError(
            f"there is no studio in {folder}: make one with `mountfs studio create`"
        ) from None


@contextmanager
def out_of_use(folder: Path) -> Iterator[None]:
    """Have a studio's data alone. StudioDataError while a studio serves it, or a command works on it."""
    with alone_with(
        folder, StudioDataError(f"{folder} is in use: stop the studio first, and what works on its files")
    ):
        yield
