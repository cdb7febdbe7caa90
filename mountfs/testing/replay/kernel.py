"""System calls that Python does not make, or whose errno it hides: asked of the C library."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_AT_FDCWD = -100
_RENAME_FLAGS = {"RENAME_NOREPLACE": 1, "RENAME_EXCHANGE": 2, "RENAME_WHITEOUT": 4}
_WATCH_FLAGS = {
    "IN_MODIFY": 0x2,
    "IN_ATTRIB": 0x4,
    "IN_CLOSE_WRITE": 0x8,
    "IN_MOVED_FROM": 0x40,
    "IN_MOVED_TO": 0x80,
    "IN_CREATE": 0x100,
    "IN_DELETE": 0x200,
    "IN_DELETE_SELF": 0x400,
    "IN_MOVE_SELF": 0x800,
    "IN_UNMOUNT": 0x2000,
    "IN_ONLYDIR": 0x1000000,
    "IN_DONT_FOLLOW": 0x2000000,
}
_TIME_WORDS = {"UTIME_NOW": (1 << 30) - 1, "UTIME_OMIT": (1 << 30) - 2}
_A_MOMENT = 1_795_230_927  # where only that a time was set is known, in Unix seconds
_LISTING = 32768  # bytes, as the C library asks for


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def access(path: Path, mode: int) -> None:
    """access(2), with its errno."""
    _asked(_libc.access, os.fsencode(path), mode)


def rename(old: Path, new: Path, flags: list[str]) -> None:
    """renameat2(2)."""
    bits = sum(_RENAME_FLAGS[name] for name in flags)
    _asked(_libc.renameat2, _AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), bits)


def set_times(file: Path | int, words: list[str]) -> None:
    """utimensat(2) or futimens(3) with a word for each of the two times: UTIME_NOW, UTIME_OMIT, or set."""
    times = (
        _Timespec(0, _TIME_WORDS[word]) if word in _TIME_WORDS else _Timespec(_A_MOMENT, 0) for word in words
    )
    both = (_Timespec * 2)(*times)
    if isinstance(file, int):
        _asked(_libc.futimens, file, both)
    else:
        _asked(_libc.utimensat, _AT_FDCWD, os.fsencode(file), both, 0)


def new_watch() -> int:
    """inotify_init1(2): a descriptor."""
    return _asked(_libc.inotify_init1, os.O_NONBLOCK | os.O_CLOEXEC)


def add_watch(watch: int, path: Path, flags: list[str]) -> None:
    """inotify_add_watch(2)."""
    mask = sum(_WATCH_FLAGS[name] for name in flags)
    _asked(_libc.inotify_add_watch, watch, os.fsencode(path), mask)


def rest_of_listing(folder: int) -> list[str]:
    """getdents64(2) from where the descriptor stands to the end: the names but ``.`` and ``..``, sorted."""
    buffer = ctypes.create_string_buffer(_LISTING)
    names = []
    while filled := _asked(_libc.getdents64, folder, buffer, _LISTING):
        entries, at = buffer.raw[:filled], 0
        while at < filled:
            # inode and position, 8 bytes each; length of this entry, 2; type, 1; the name, ended by a zero
            length = int.from_bytes(entries[at + 16 : at + 18], "little")
            names.append(os.fsdecode(entries[at + 19 : at + length].split(b"\0")[0]))
            at += length
    return sorted(name for name in names if name not in (".", ".."))


def _asked(function: Callable[..., int], *arguments: object) -> int:
    answer = function(*arguments)
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
