"""Following the project: whatever anyone commits shows in the mount."""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

from mountfs.errors import MountfsError
from mountfs.interfaces import Studio
from mountfs.model import Changes, Cursor
from mountfs.workspace.news import News
from mountfs.workspace.replicated import far
from mountfs.workspace.workspace import Workspace

log = logging.getLogger(__name__)

_WAIT = 2.0
"""Seconds for which one question waits for news. What this mount did and somebody undid at once is no news
for a question that was asked before, so the next one must not be far."""
_REST = 4.0
"""How many times as long as taking over news takes until more are asked for: they come together then."""
_LONGEST_REST = 2.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0


async def follow(studio: Studio, workspace: Workspace, cursor: Cursor, tell: Callable[[News], None]) -> None:
    """Take over every change from ``cursor`` on and ``tell`` what the kernel has to forget, until cancelled.

    While the studio cannot be asked, everything stays as it was, and it is asked again after growing pauses;
    when it is back, what waits to be sent is. After news that could not be taken over, or was older than what
    this mount did itself, the whole tree is taken over anew.
    """
    limiter = trio.CapacityLimiter(1)
    remote, was_away = far(studio), False
    pause = _FIRST_PAUSE
    afresh = False
    complaint = ""
    while True:
        try:
            if afresh:
                changes = Changes(cursor, reload=True)
            else:
                wait = 0.0 if workspace.ask() and not was_away else _WAIT
                changes = await trio.to_thread.run_sync(
                    studio.changes, cursor, wait, limiter=limiter, abandon_on_cancel=True
                )
            if remote is not None:
                if was_away and remote.offline_since is None and workspace.writing is not None:
                    workspace.writing.publisher.send_again()
                was_away = remote.offline_since is not None
                if was_away and not changes:
                    continue  # that was no answer: what is known here may be newer
            afresh = True  # until all of it is taken over
            if changes.reload:
                workspace.ask()
                tree = await trio.to_thread.run_sync(studio.tree, limiter=limiter, abandon_on_cancel=True)
                if remote is not None and remote.offline_since is not None:
                    was_away = True
                    await trio.sleep(_WAIT)
                    continue
                cursor = tree.cursor
                tell(workspace.reload(tree))
            else:
                cursor = changes.cursor
                began = trio.current_time()
                tell(workspace.refresh(changes))
                # Where a folder has very many names that takes long, and nobody is answered meanwhile.
                await trio.sleep(min(_REST * (trio.current_time() - began), _LONGEST_REST))
        except Exception as exc:  # whatever anyone wrote into the project, what is mounted stays mounted
            if f"{exc!r}" != complaint:
                log.warning(
                    "news of the project cannot be had, asking again and again: %s",
                    exc,
                    exc_info=not isinstance(exc, MountfsError),
                )
            complaint = f"{exc!r}"
            await trio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            pause, afresh, complaint = _FIRST_PAUSE, workspace.is_behind, ""
