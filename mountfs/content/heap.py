"""The C library's heap, told to keep the memory of chunks instead of giving it back at once.

By default a block as large as a chunk is mapped from the kernel when it is made and unmapped when it dies,
and each thread has a heap of its own. Every decoded chunk then begins with some hundred page faults, which
took as long as its SHA-256. With one heap that keeps what was freed, a mount that is warm has none; what it
keeps is bounded by what was in use at one time, which the budget of the library bounds.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_ARENA_MAX = -8

_LARGEST_BLOCK = 32 * 1024 * 1024
"""Bytes; the C library accepts no higher limit."""


def keep_memory(budget: int) -> None:
    """Keep up to about ``budget`` bytes of freed memory, in one heap for all threads.

    To be called once, by a program that decodes for a long time, before it starts threads. On a C library
    without `mallopt` nothing happens, and nothing but speed depends on it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK)
        mallopt(_TRIM_THRESHOLD, min(budget, 2**31 - 1))
