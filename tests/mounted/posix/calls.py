"""System calls that Python does not make, asked of the C library, and what came of any call in one word."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
_libc.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_long, ctypes.c_long, ctypes.c_uint)
_AT_FDCWD = -100

NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4
KEEP_SIZE, PUNCH_HOLE, COLLAPSE_RANGE, ZERO_RANGE = 1, 2, 8, 16


def outcome(act: Callable[[], object]) -> str:
    """``done``, or the name of the errno."""
    try:
        act()
    except OSError as exc:
        return errno.errorcode[exc.errno or 0]
    return "done"


def _asked(answer: int) -> None:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def rename(old: str, new: str, flags: int) -> None:
    """renameat2(2)."""
    _asked(_libc.renameat2(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), flags))


def access(path: str, mode: int) -> None:
    """access(2), with its errno."""
    _asked(_libc.access(os.fsencode(path), mode))


def fallocate(file: int, mode: int, offset: int, length: int) -> None:
    """fallocate(2)."""
    _asked(_libc.fallocate(file, mode, offset, length))


OMIT, NOW = -1, -2
_WORDS = {OMIT: (1 << 30) - 2, NOW: (1 << 30) - 1}
_NOFOLLOW = 0x100


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def utimens(path: Path, *times: int) -> None:
    """utimensat(2) on a path, or on a link itself: times of access and change in ns, `OMIT` or `NOW`."""
    both = (_Timespec * 2)(
        *(_Timespec(0, _WORDS[each]) if each in _WORDS else _Timespec(*divmod(each, 10**9)) for each in times)
    )
    _asked(_libc.utimensat(_AT_FDCWD, os.fsencode(path), both, _NOFOLLOW))


class _Dirent(ctypes.Structure):
    _fields_ = (
        ("number", ctypes.c_uint64),
        ("offset", ctypes.c_int64),
        ("length", ctypes.c_uint16),
        ("type", ctypes.c_uint8),
        ("name", ctypes.c_char * 256),
    )


_libc.opendir.restype = ctypes.c_void_p
_libc.readdir.restype = ctypes.POINTER(_Dirent)
_libc.telldir.restype = ctypes.c_long
_libc.readdir.argtypes = _libc.telldir.argtypes = [ctypes.c_void_p]
_libc.rewinddir.argtypes = _libc.closedir.argtypes = [ctypes.c_void_p]
_libc.seekdir.argtypes = (ctypes.c_void_p, ctypes.c_long)


class Directory:
    """An open folder as in a C program."""

    def __init__(self, path: Path) -> None:
        self._stream = _libc.opendir(os.fsencode(path))
        _asked(0 if self._stream else -1)

    def next(self) -> bytes | None:
        """The next name; None at the end."""
        entry = _libc.readdir(self._stream)
        return bytes(entry.contents.name) if entry else None

    def tell(self) -> int:
        """The position after the last name."""
        return int(_libc.telldir(self._stream))

    def seek(self, position: int) -> None:
        """Back to a position."""
        _libc.seekdir(self._stream, position)

    def rewind(self) -> None:
        """Back to the beginning."""
        _libc.rewinddir(self._stream)

    def __enter__(self) -> Directory:
        return self

    def __exit__(self, *_: object) -> None:
        _libc.closedir(self._stream)
