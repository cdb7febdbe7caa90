"""What `statfs` says: figures that were looked up a moment ago in a thread, so that nobody waits for a
disk.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

log = logging.getLogger(__name__)

_EVERY = 10.0
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes: all of the disk where local data lies, and what is free for new data."""

    total: int
    free: int


class SpaceWatch:
    """The latest figures for a mount: the disk of the state directory, and the disks that data goes to."""

    def __init__(self, state_dir: Path, targets: Sequence[Path]) -> None:
        self._state_dir = state_dir
        self._targets = targets
        self.now = self._look()

    async def run(self) -> None:
        """Look again every now and then, until cancelled."""
        while True:
            await trio.sleep(_EVERY)
            try:
                self.now = await trio.to_thread.run_sync(self._look, abandon_on_cancel=True)
            except OSError as exc:
                log.info("free space cannot be looked up: %s", exc)

    def _look(self) -> Space:
        state = os.statvfs(self._state_dir)
        free = [state.f_bavail * state.f_frsize]
        for target in self._targets:
            found = os.statvfs(target)
            free.append(found.f_bavail * found.f_frsize)
        return Space(total=state.f_blocks * state.f_frsize, free=min(free))
