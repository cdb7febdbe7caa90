"""Following the project: whatever anyone commits shows in the mount."""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

from mountfs.errors import MountfsError
from mountfs.interfaces import Studio
from mountfs.model import Cursor
from mountfs.workspace.namespace import News
from mountfs.workspace.workspace import Workspace

log = logging.getLogger(__name__)

_WAIT = 20.0
"""Seconds for which one question waits for news."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0


async def follow(studio: Studio, workspace: Workspace, cursor: Cursor, tell: Callable[[News], None]) -> None:
    """Take over every change from ``cursor`` on and ``tell`` what the kernel has to forget, until cancelled.

    While the studio cannot be asked, everything stays as it was, and it is asked again after growing pauses.
    """
    limiter = trio.CapacityLimiter(1)
    pause = _FIRST_PAUSE
    while True:
        try:
            changes = await trio.to_thread.run_sync(
                studio.changes, cursor, _WAIT, limiter=limiter, abandon_on_cancel=True
            )
            if changes.reload:
                tree = await trio.to_thread.run_sync(studio.tree, limiter=limiter, abandon_on_cancel=True)
                cursor = tree.cursor
                tell(workspace.reload(tree))
            else:
                cursor = changes.cursor
                tell(workspace.refresh(changes))
            pause = _FIRST_PAUSE
        except MountfsError as exc:
            log.warning("news of the project cannot be had, asking again in %g s: %s", pause, exc)
            await trio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
