"""Folders and disks: is there room, are they local, do they belong to this user?"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from mountfs.config import Config
from mountfs.doctor.finding import Finding, good, notice, problem
from mountfs.errors import DeadlineExceeded
from mountfs.mountpoints import Mount, is_dead, mounts

NETWORK = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "ceph",
    "lustre",
    "beegfs",
    "glusterfs",
    "afs",
    "davfs",
)
"""File systems of other machines: locks and durable writes are not to be relied on."""

LITTLE = 1 << 30
TOO_LITTLE = 64 << 20


def check_config(config: Config, table: Sequence[Mount] | None = None) -> Iterator[Finding]:
    """The folders that mountfs keeps for a user. ``table`` is the mount table, if not this machine's."""
    for key, folder in (("state_dir", config.state_dir), ("runtime_dir", config.runtime_dir)):
        yield from _own_folder(key, folder)
    mend = 'put a local folder into config.toml: state_dir = "/…"'
    yield from check_disk(config.state_dir, mend=mend, table=table)


def check_disk(path: Path, *, mend: str, table: Sequence[Mount] | None = None) -> Iterator[Finding]:
    """Room on the disk of a path (which need not exist yet), and whether the disk is in this machine."""
    there = _existing(path)
    kind = file_system(there, mounts() if table is None else table)
    if kind in NETWORK or kind.startswith("fuse."):
        yield problem("disk", f"{path} is on a network file system ({kind}), where locks may not hold", mend)
    numbers = os.statvfs(there)
    free = numbers.f_bavail * numbers.f_frsize
    text = f"{free / (1 << 30):.1f} GiB free for {path} ({kind})"
    if free < TOO_LITTLE:
        yield problem("disk", text, f"df -h {there}   # then make room")
    elif free < LITTLE:
        yield notice("disk", text, f"df -h {there}   # then make room")
    else:
        yield good("disk", text)


def check_mounts() -> Iterator[Finding]:
    """Every mount of mountfs: does it answer?"""
    found = [mount for mount in mounts() if mount.is_ours]
    if not found:
        yield good("mounts", "no project is mounted")
    for mount in found:
        if mount.uid not in (None, os.geteuid()) and os.geteuid() != 0:
            yield good("mounts", f"{mount.path} is somebody else's")
            continue
        try:
            dead = is_dead(mount.path)
        except DeadlineExceeded:
            mend = (
                f"mountfs umount {mount.path}   # if that does not help: mountfs umount --lazy {mount.path}"
            )
            yield problem("mounts", f"{mount.path} does not answer", mend)
            continue
        if dead:
            mend = f"fusermount3 -uz {mount.path}"
            yield problem("mounts", f"{mount.path} is dead: the program behind it has gone", mend)
        else:
            yield good("mounts", f"{mount.path} answers ({mount.source})")


def file_system(path: Path, table: Sequence[Mount]) -> str:
    """The type of the file system that an existing path is on."""
    kinds = {mount.path: mount.kind for mount in table}
    real = path.resolve()
    return next((kinds[place] for place in (real, *real.parents) if place in kinds), "unknown")


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _own_folder(key: str, folder: Path) -> Iterator[Finding]:
    try:
        seen = folder.lstat()
    except FileNotFoundError:
        yield good("folders", f"{key} {folder} will be made when it is needed")
        return
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid():
        mend = f"chown {os.geteuid()} {folder}   # as root, or name another {key} in config.toml"
        yield problem("folders", f"{key} {folder} is not a folder of yours", mend)
    elif seen.st_mode & 0o077:
        yield problem("folders", f"{key} {folder} can be read by others", f"chmod 0700 {folder}")
    else:
        yield good("folders", f"{key} {folder} is yours alone")
