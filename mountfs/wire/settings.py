"""What a studio has set for those who mount its projects, and what of that can be.

The studio keeps to it when its operator sets something, and whoever mounts does not believe anything else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

OFFLINE_DAYS = 14
"""For how long a mount goes on without its studio, where the studio says nothing else."""

MOST_OFFLINE_DAYS = 365

MOUNT_PATH = "/studio"
"""Where projects are mounted, where the studio says nothing else."""

_LONGEST_PATH = 200

_OF_OTHERS = frozenset(
    [
        *("bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "proc", "root", "run"),
        *("sbin", "sys", "tmp", "usr", "var"),
    ]
)
"""What the system and its users have below the root folder."""


@dataclass(frozen=True, slots=True)
class SettingsFacts:
    """``offline_days``: for how long a mount goes on without the studio (0: not at all). ``mount_path``: the
    folder in which projects are mounted if nobody says otherwise, the same on all machines."""

    offline_days: int = OFFLINE_DAYS
    mount_path: str = MOUNT_PATH


def fault_of(settings: SettingsFacts) -> str:
    """Why this cannot be set, in words; empty if it can.

    Folders of the system and of its users are no place for projects: a studio could put there what programs
    of whoever mounts it run or believe.
    """
    path = settings.mount_path
    if not 0 <= settings.offline_days <= MOST_OFFLINE_DAYS:
        return f"the days without the studio are a number up to {MOST_OFFLINE_DAYS}"
    if not path.isprintable() or len(path) > _LONGEST_PATH or path.startswith("//"):
        return f"a folder to mount in is a path of at most {_LONGEST_PATH} characters"
    if not path.startswith("/") or path == "/" or os.path.normpath(path) != path:
        return f"{path!r} is not the full path of a folder, such as {MOUNT_PATH}"
    if path.split("/")[1].casefold() in _OF_OTHERS:
        return f"{path} is among the folders of the system or its users: use another, such as {MOUNT_PATH}"
    return ""
