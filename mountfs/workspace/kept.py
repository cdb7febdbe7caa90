"""What people gave up, kept on this machine for a while in case they think again.

Each is an ordinary file in a folder that belongs to the user alone: they copy from it what they want back.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterable, Callable
from pathlib import Path

import trio

KEPT_FOR = 7 * 24 * 3600.0
"""Seconds for which a file stays."""

_LONGEST_NAME = 120
"""Characters of a name that are kept: with four bytes each and what is put before them, it still is one."""


class Kept:
    """The folder. ``clock`` gives Unix seconds, and ``new_id`` what makes names differ."""

    def __init__(
        self, folder: Path, new_id: Callable[[], str], clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._new_id = new_id
        self._clock = clock

    async def keep(self, name: str, content: AsyncIterable[bytes]) -> Path:
        """Write content to a file of its own; where. OSError. Cancelled or failed, nothing stays behind."""
        await trio.to_thread.run_sync(self._make_room)
        path = self._folder / f"{int(self._clock())}-{self._new_id()[:8]}-{name[-_LONGEST_NAME:]}"
        try:
            async with await trio.open_file(path, "xb", opener=_private) as target:
                async for piece in content:
                    await target.write(piece)
                await target.flush()
                await trio.to_thread.run_sync(os.fsync, target.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def forget_old(self) -> None:
        """Remove what has been here long enough."""
        with contextlib.suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if path.lstat().st_mtime < self._clock() - KEPT_FOR:
                    path.unlink(missing_ok=True)

    def _make_room(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.forget_old()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
