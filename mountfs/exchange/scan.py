"""What lies in a folder that is to be imported: found, ignored, or left out with the reason."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection as Many
from dataclasses import dataclass, field
from pathlib import Path

from mountfs.ignore import IgnoreRules
from mountfs.names import is_local_only, problem

_KINDS = {
    stat.S_IFLNK: "a symlink",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file: its path below the scanned folder, with ``/``, and what `stat` said of it."""

    path: str
    size: int
    mtime_ns: int
    executable: bool


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is not taken, and why. ``lost`` when it is work that somebody expects to be taken."""

    path: str
    reason: str
    lost: bool


@dataclass(slots=True)
class Scan:
    """The result: folders (each after its parent) and files in the order of their paths."""

    folders: list[str] = field(default_factory=list)
    files: list[FoundFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    ignored: int = 0


def scan(top: Path, rules: IgnoreRules, *, without: Many[tuple[int, int]] = ()) -> Scan:
    """Look through a folder. ``without`` are (st_dev, st_ino) of what is passed over silently.

    No symlink is followed. OSError if ``top`` itself cannot be read; below it that is something left out.
    """
    found = Scan()
    with os.scandir(top):
        pass
    _scan(top, "", rules, without, found)
    return found


def _scan(folder: Path, prefix: str, rules: IgnoreRules, without: Many[tuple[int, int]], found: Scan) -> None:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as exc:
        found.left_out.append(LeftOut(prefix.rstrip("/"), f"cannot be read: {exc.strerror}", lost=True))
        return
    for entry in entries:
        path = prefix + entry.name
        try:
            seen = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue  # gone since the listing: then it was not there
        except OSError as exc:
            found.left_out.append(LeftOut(path, f"cannot be read: {exc.strerror}", lost=True))
            continue
        if (seen.st_dev, seen.st_ino) in without:
            continue
        is_folder = stat.S_ISDIR(seen.st_mode)
        if is_local_only(entry.name) or rules.matches(path, is_folder=is_folder):
            found.ignored += 1
        elif kind := _KINDS.get(stat.S_IFMT(seen.st_mode)):
            found.left_out.append(LeftOut(path, f"{kind} stays outside", lost=False))
        elif why := problem(entry.name, at_root=not prefix):
            found.left_out.append(LeftOut(path, why, lost=True))
        elif is_folder:
            found.folders.append(path)
            _scan(folder / entry.name, path + "/", rules, without, found)
        else:
            executable = bool(seen.st_mode & 0o111)
            found.files.append(FoundFile(path, seen.st_size, seen.st_mtime_ns, executable))
