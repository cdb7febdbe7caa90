"""A finished file gets its name: all of it at once, and never in the place of another.

Whatever takes long to make (a project, a backup, a clone) is made under `unfinished_name`, in the same
folder, and shows under its own name only when it is whole and on the disk. So a name means a good file,
whenever the work was stopped, and a run that comes again finds what an earlier one left.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mountfs.errors import ProjectBusy, ProjectFileError
from mountfs.storage.chunk_files import sync_folder
from mountfs.storage.holding import alone_with

LOGS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file while it is open."""


def unfinished_name(path: Path) -> Path:
    """The name of a file while it is not finished."""
    return path.with_name(f".{path.name}.mountfs-part")


def beside(path: Path, ending: str) -> Path:
    """The file of this name with an ending."""
    return path.with_name(path.name + ending)


def require_free(path: Path) -> None:
    """ProjectFileError when a project file cannot be made at this place, because of what is there."""
    if os.path.lexists(path):
        raise ProjectFileError(f"{path} exists already")
    if log := next(
        (each for each in (beside(path, "-wal"), beside(path, "-journal")) if _holds_something(each)), None
    ):
        # SQLite would take it for this project's and play another file's changes into it.
        raise ProjectFileError(f"{log} was left by another project file: move it away first")
    if not path.parent.is_dir():
        raise ProjectFileError(f"there is no folder {path.parent}")


def _holds_something(log: Path) -> bool:
    """Whether a log is more than what reading leaves beside a file."""
    try:
        return log.stat().st_size > 0
    except FileNotFoundError:
        return False


def appear(temporary: Path, path: Path) -> None:
    """Give a finished file its name, durably. ProjectFileError when something has it by now."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise ProjectFileError(f"{path} exists already") from None
    except OSError:
        # A file system without hard links: renaming is nearly as good, but could replace one made just now.
        if os.path.lexists(path):
            raise ProjectFileError(f"{path} exists already") from None
        temporary.rename(path)
    sync_folder(path.parent)


def finish(temporary: Path, path: Path) -> None:
    """Give a finished file its name, and take away the one it had. Ctrl-C that comes when it has its name
    comes too late: all is done. ProjectBusy when something in it is still in SQLite's log."""
    if any(_holds_something(beside(temporary, ending)) for ending in ("-wal", "-journal")):
        raise ProjectBusy(f"somebody has {temporary} open; run it again")
    try:
        appear(temporary, path)
        remove(temporary)
    except KeyboardInterrupt:
        if not path.exists():
            raise
        remove(temporary)


def was_finished(temporary: Path, path: Path) -> bool:
    """Whether a run that was killed had given the file its name, and nothing was left to do but this look."""
    try:
        found = temporary.samefile(path)
    except FileNotFoundError:
        return False
    if found:
        remove(temporary)
    return found


def remove(path: Path) -> None:
    """Remove an unfinished file, and what SQLite left beside it."""
    for each in (*(beside(path, ending) for ending in LOGS), path):
        each.unlink(missing_ok=True)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Be the only one who finishes files in a folder. ProjectBusy when somebody else does just now."""
    with alone_with(folder, ProjectBusy(f"another project file is being made in {folder}")):
        yield
