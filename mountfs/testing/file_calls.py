"""The system calls on one file, behind an object, so that a test can make some of them wrong."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long)
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.msync.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_MS_SYNC = 4


class Mapping:
    """A shared mapping that holds no descriptor, as in a C program: Python's own keeps a copy of it."""

    def __init__(self, handle: int, length: int, *, writable: bool) -> None:
        self.length = length
        access = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        address = _libc.mmap(None, length, access, mmap.MAP_SHARED, handle, 0)
        if address == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "mmap")
        self._address: int = address

    def read(self, start: int, length: int) -> bytes:
        """Bytes out of the mapping."""
        return ctypes.string_at(self._address + start, length)

    def write(self, start: int, data: bytes) -> None:
        """Bytes into the mapping."""
        ctypes.memmove(self._address + start, data, len(data))

    def sync(self) -> None:
        """As msync(2). OSError."""
        if _libc.msync(self._address, self.length, _MS_SYNC):
            raise OSError(ctypes.get_errno(), "msync")

    def close(self) -> None:
        """As munmap(2)."""
        if _libc.munmap(self._address, self.length):
            raise OSError(ctypes.get_errno(), "munmap")


class Calls:
    """The calls an exerciser makes; a test of the exerciser makes some of them wrong."""

    def open(self, path: Path, flags: int) -> int:
        """As open(2)."""
        return os.open(path, flags | os.O_CLOEXEC, 0o644)

    def close(self, handle: int) -> None:
        """As close(2)."""
        os.close(handle)

    def read(self, handle: int, offset: int, length: int) -> bytes:
        """As pread(2)."""
        return os.pread(handle, length, offset)

    def write(self, handle: int, offset: int, data: bytes) -> int:
        """As pwrite(2)."""
        return os.pwrite(handle, data, offset)

    def append(self, handle: int, data: bytes) -> int:
        """As write(2) by a handle of O_APPEND."""
        return os.write(handle, data)

    def truncate(self, target: int | Path, size: int) -> None:
        """As ftruncate(2) or truncate(2)."""
        os.truncate(target, size)

    def sync(self, handle: int, *, data_only: bool) -> None:
        """As fdatasync(2) or fsync(2)."""
        (os.fdatasync if data_only else os.fsync)(handle)

    def size(self, target: int | Path) -> int:
        """As fstat(2) or stat(2)."""
        return os.stat(target).st_size

    def map(self, handle: int, length: int, *, writable: bool) -> Mapping:
        """As mmap(2) of the beginning of a file."""
        return Mapping(handle, length, writable=writable)
