"""Following the project: whatever anyone commits shows in the mount."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from mountfs.errors import MountfsError
from mountfs.interfaces import Studio
from mountfs.model import Changes, Cursor
from mountfs.workspace.news import News
from mountfs.workspace.replicated import ReplicatedStudio, far
from mountfs.workspace.workspace import Workspace

log = logging.getLogger(__name__)

_WAIT = 2.0
"""Seconds for which one question waits for news. What this mount did and somebody undid at once is no news
for a question that was asked before, so the next one must not be far."""
_FAR_WAIT = 25.0
"""The same at a studio, which many mounts ask: each holds one question there. Meanwhile it is looked every
`_WAIT` seconds whether the next one must not be far."""
_QUESTIONS = 4
"""Questions at a time: one is waited for, the others were given up and have not been answered yet."""
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
    limiter = trio.CapacityLimiter(_QUESTIONS)
    remote, was_away = far(studio), False
    pause = _FIRST_PAUSE
    afresh = False
    complaint = ""

    async def ask(since: Cursor, wait: float) -> Changes:
        return await trio.to_thread.run_sync(
            studio.changes, since, wait, limiter=limiter, abandon_on_cancel=True
        )

    while True:
        try:
            if afresh:
                changes = Changes(cursor, reload=True)
            else:
                wait = 0.0 if workspace.ask() and not was_away else _WAIT
                if remote is None or was_away or not wait:
                    changes = await ask(cursor, wait)
                elif (found := await _ask_far(partial(ask, cursor, _FAR_WAIT), remote, workspace)) is None:
                    was_away = remote.offline_since is not None
                    continue
                else:
                    changes = found
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


async def _ask_far(
    ask: Callable[[], Awaitable[Changes]], remote: ReplicatedStudio, workspace: Workspace
) -> Changes | None:
    """Wait for news at a studio. None when the question was given up, since it would not tell what is to be
    known: that something which was done here meanwhile was undone at once, or that the studio is away, as
    somebody else has found."""
    found: Changes | Exception | None = None
    async with trio.open_nursery() as nursery:

        async def give_up() -> None:
            while not workspace.awaits_news and remote.offline_since is None:  # noqa: ASYNC110 - nobody tells
                await trio.sleep(_WAIT)
            nursery.cancel_scope.cancel()

        nursery.start_soon(give_up)
        try:
            found = await ask()
        except Exception as exc:  # noqa: BLE001 - as it was raised, not as one of a group
            found = exc
        nursery.cancel_scope.cancel()
    if isinstance(found, Exception):
        raise found
    return found
