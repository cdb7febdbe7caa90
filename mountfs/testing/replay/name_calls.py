"""Calls on names: rename, link, unlink, make, look at, and change what is known of a file beside its content.

Python's own functions are used where they make exactly the call that was recorded, and `kernel` where not.
"""

from __future__ import annotations

import os
import stat
from functools import partial
from pathlib import Path

from mountfs.testing.replay import kernel
from mountfs.testing.replay.handle_calls import facts_of, owner_of, set_attribute
from mountfs.testing.replay.place import Call, Outcome, Place, flag_bits, repeated
from mountfs.testing.replay.recording import Operation


def _rename(place: Place, operation: Operation) -> None:
    old, new = place.path(operation["path"]), place.path(operation["to"])
    if "flags" in operation:
        kernel.rename(old, new, operation["flags"])
    else:
        os.rename(old, new)


def _link(place: Place, operation: Operation) -> None:
    os.link(place.path(operation["path"]), place.path(operation["to"]), follow_symlinks=False)


def _linkfd(place: Place, operation: Operation) -> None:
    """Give an unnamed file a name: the way that needs no privilege goes through the folder of descriptors."""
    folder = os.open("/proc/self/fd", os.O_DIRECTORY | os.O_PATH)
    try:
        os.link(str(place.handle(operation)), place.path(operation["to"]), src_dir_fd=folder)
    finally:
        os.close(folder)


def _symlink(place: Place, operation: Operation) -> None:
    os.symlink(operation["target"], place.path(operation["path"]))


def _readlink(place: Place, operation: Operation) -> None:
    for _ in repeated(operation):
        os.readlink(place.path(operation["path"]))


def _unlink(place: Place, operation: Operation) -> None:
    os.unlink(place.path(operation["path"]))


def _mkdir(place: Place, operation: Operation) -> None:
    os.mkdir(place.path(operation["path"]), int(operation["mode"], 8))


def _rmdir(place: Place, operation: Operation) -> None:
    os.rmdir(place.path(operation["path"]))


def _truncate(place: Place, operation: Operation) -> None:
    os.truncate(place.path(operation["path"]), operation["length"])


def _stat(place: Place, operation: Operation, *, follow: bool = True) -> Outcome:
    for _ in repeated(operation):
        found = os.stat(place.path(operation["path"]), follow_symlinks=follow)
    return facts_of(operation, found)


def _access(place: Place, operation: Operation) -> None:
    mode = flag_bits(os, operation["amode"])
    for _ in repeated(operation):
        kernel.access(place.path(operation["path"]), mode)


def _statfs(place: Place, operation: Operation) -> None:
    os.statvfs(place.path(operation["path"]))


def _chmod(place: Place, operation: Operation) -> None:
    os.chmod(place.path(operation["path"]), stat.S_IMODE(int(operation["mode"], 8)))


def _chown(place: Place, operation: Operation) -> None:
    os.chown(place.path(operation["path"]), *owner_of(operation))


def _getxattr(place: Place, operation: Operation) -> None:
    os.getxattr(place.path(operation["path"]), operation["name"])


def _listxattr(place: Place, operation: Operation) -> None:
    os.listxattr(place.path(operation["path"]))


def _setxattr(place: Place, operation: Operation) -> None:
    set_attribute(str(place.path(operation["path"])), operation)


def _utimens(place: Place, operation: Operation) -> Outcome | None:
    return _set_times(place.path(operation["path"]), operation["times"])


def _futimens(place: Place, operation: Operation) -> Outcome | None:
    return _set_times(place.handle(operation), operation["times"])


def _set_times(file: Path | int, times: list[float] | str) -> Outcome | None:
    """``now``, ``partial:`` and a word for each, or both in seconds, which are then looked up again."""
    if times == "now":
        os.utime(file)
        return None
    if isinstance(times, str):
        kernel.set_times(file, times.removeprefix("partial:").split(","))
        return None
    accessed, modified = (round(each * 1e9) for each in times)
    os.utime(file, ns=(accessed, modified))
    return Outcome(seen={"mtime": os.stat(file).st_mtime_ns}, recorded={"mtime": modified})


def _inotify_add_watch(place: Place, operation: Operation) -> None:
    kernel.add_watch(place.watch(), place.path(operation["path"]), operation["mask"])


CALLS: dict[str, Call] = {
    "rename": _rename,
    "link": _link,
    "linkfd": _linkfd,
    "symlink": _symlink,
    "readlink": _readlink,
    "unlink": _unlink,
    "mkdir": _mkdir,
    "rmdir": _rmdir,
    "truncate": _truncate,
    "stat": _stat,
    "lstat": partial(_stat, follow=False),
    "access": _access,
    "statfs": _statfs,
    "chmod": _chmod,
    "chown": _chown,
    "getxattr": _getxattr,
    "listxattr": _listxattr,
    "setxattr": _setxattr,
    "utimens": _utimens,
    "futimens": _futimens,
    "inotify_add_watch": _inotify_add_watch,
}
"""By the name that recordings have for them."""
