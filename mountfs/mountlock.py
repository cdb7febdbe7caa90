"""One mount for each project and pair of eyes: the state directory of a mount, and the lock on it.

The lock is the kernel's (flock), so it ends with the process however that ends. The file tells where the
mount is, for whoever comes second.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from mountfs.config import private_folder
from mountfs.errors import MountError
from mountfs.mountpoints import find, wait_for_end

OWNER = "owner"
"""In place of a user's id: personal mode, which sees everything."""

_ENDING = 30.0
"""Seconds for a process whose mount has gone to go too: it sends what was saved first."""


@contextlib.contextmanager
def held(state_dir: Path, project_id: str, viewer: str, mount_point: Path) -> Iterator[Path]:
    """Hold the state directory of (project, viewer), which is the value. MountError names the mount that
    holds it.

    ``viewer`` is the id of a user, or `OWNER`.
    """
    folder = private_folder(private_folder(state_dir) / "mounts") / _name(project_id) / _name(viewer)
    private_folder(folder.parent)
    private_folder(folder)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _lock(descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"mount_point": str(mount_point), "pid": os.getpid()}).encode(), 0)
        yield folder
    finally:
        os.close(descriptor)


def folders_of(state_dir: Path, project_id: str) -> list[Path]:
    """The state directories that this user has of a project, one for each pair of eyes."""
    above = state_dir / "mounts" / _name(project_id)
    return sorted(path for path in above.iterdir() if path.is_dir()) if above.is_dir() else []


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    except BlockingIOError:
        holder = _holder(descriptor)
    where = ""
    if holder is not None:
        mount_point, pid = holder
        where = f" at {mount_point} (process {pid})"
        # It may be on its way out: a mount goes away before the process behind it does.
        mount = find(mount_point)
        if mount is None or not mount.is_ours:
            ended = wait_for_end(pid, _ENDING)
            where = "" if ended else f"{where}, unmounted there but still in use; to end that: kill {pid}"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise MountError(f"this project is already mounted for this user{where}") from exc


def _holder(descriptor: int) -> tuple[Path, int] | None:
    try:
        found = json.loads(os.pread(descriptor, 1 << 16, 0))
        return Path(found["mount_point"]), int(found["pid"])
    except (ValueError, KeyError, TypeError):
        return None  # it was taken a moment ago


def _name(text: str) -> str:
    """An id from a project file as the name of one folder: that file may have been made to lead elsewhere."""
    return re.sub(r"[^0-9A-Za-z-]", "_", text)[:100] or "_"
