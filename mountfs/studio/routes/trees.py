"""What a member of a project sees of it, and the news of that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mountfs import wire
from mountfs.errors import NotFound
from mountfs.model import AssetId, Changes, Checkpoint, CheckpointId, Cursor, Manifest, Tree, Viewer
from mountfs.studio.routes.asking import (
    AskedBy,
    AskedHouse,
    InProject,
    Member,
    answer,
    answers,
    in_thread,
    question,
)
from mountfs.wire import trees

router = APIRouter(prefix="/projects/{project}", tags=["projects"])

_BREATH = 0.02
"""Seconds for which news gather: commits come in bursts, and each look costs."""

_TOGETHER = 64
"""Manifests that are made at a time: all of them could be more than memory holds."""

_HEARTBEAT = 15.0
"""Seconds after which a stream says that it lives, and the right to it is asked for again."""


@router.get("/viewer", **answers(Viewer))
def viewer(member: InProject) -> Response:
    """Whose eyes the answers are for, and what they may do."""
    return answer(member.studio.viewer())


@router.get("/tree", responses={200: {"content": {trees.LINES: {}}}}, **answers(Tree))
def tree(request: Request, member: InProject) -> Response:
    """All that the member sees now, as an object or, for whoever accepts that, in lines; written while it is
    sent."""
    found = member.studio.tree()
    if trees.LINES in request.headers.get("accept", ""):
        return StreamingResponse(trees.lines(found), media_type=trees.LINES)
    return StreamingResponse(trees.text(found), media_type="application/json")


@router.get("/changes", **answers(Changes))
async def changes(
    request: Request,
    house: AskedHouse,
    caller: AskedBy,
    member: InProject,
    since: Annotated[str, Query(max_length=200)],
    wait: Annotated[float, Query(ge=0, le=wire.MAX_WAIT, allow_inf_nan=False)] = 0.0,
) -> Response:
    """What is different since a cursor; with ``wait`` the answer comes when there is something, or after so
    many seconds."""
    if not wait:
        return answer(await in_thread(lambda: member.studio.changes(Cursor(since))))
    with house.traffic.waiting(caller):
        found = await _news(member, Cursor(since), time.monotonic() + wait)
    # Much may have happened meanwhile, and what came is for members only.
    await in_thread(request.scope["mountfs.ask_again"])
    return answer(found)


@router.get("/events", responses={200: {"content": {"text/event-stream": {}}}}, response_class=Response)
async def events(
    request: Request,
    house: AskedHouse,
    caller: AskedBy,
    member: InProject,
    since: Annotated[str, Query(max_length=200)] = "",
    last_event_id: Annotated[str | None, Header(max_length=200)] = None,
) -> StreamingResponse:
    """News as server-sent events: each is ``changes`` since the one before, its id the cursor to go on from.

    ``reload`` says that the studio does not know the cursor any more. Whoever reads slowly gets several
    changes as one. A line of comment every 15 s shows that the stream lives.
    """
    cursor = Cursor(last_event_id or since)
    return _EventStream(_stream(request, member, cursor), house.traffic.waiting(caller))


class _EventStream(StreamingResponse):
    """An answer that counts among those that wait, for as long as it lasts. TooMany, before it begins."""

    def __init__(self, events: AsyncIterator[bytes], waiting: AbstractContextManager[None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._waiting = waiting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._waiting:
            await super().__call__(scope, receive, send)


async def _stream(request: Request, member: Member, cursor: Cursor) -> AsyncIterator[bytes]:
    while not member.hosted.bell.is_closed:
        try:
            found = await _news(member, cursor, time.monotonic() + _HEARTBEAT)
        except NotFound:
            return  # they have been taken out of the project
        if not await in_thread(request.scope["mountfs.still_allowed"]):
            return
        if found or found.cursor != cursor:
            cursor = found.cursor
            name = b"reload" if found.reload else b"changes"
            yield b"id: %s\nevent: %s\ndata: %s\n\n" % (cursor.encode(), name, wire.encode(found))
        else:
            yield b": nothing new\n\n"


async def _news(member: Member, since: Cursor, deadline: float) -> Changes:
    bell = member.hosted.bell
    while True:
        version = await in_thread(lambda: bell.version)
        found = await in_thread(lambda: member.studio.changes(since))
        left = deadline - time.monotonic()
        if found or left <= 0 or bell.is_closed:
            return found
        await bell.wait(version, left)
        await asyncio.sleep(min(_BREATH, max(0.0, deadline - time.monotonic())))


@router.get("/manifests/{checkpoint}", **answers(Manifest))
def manifest(member: InProject, checkpoint: str) -> Response:
    """The chunks of a checkpoint, in their order."""
    return answer(member.studio.manifest(CheckpointId(checkpoint)))


@router.post("/manifests", **answers(list[Manifest], asks=wire.ManifestsAsked))
def manifests(
    member: InProject, asked: Annotated[wire.ManifestsAsked, question(wire.ManifestsAsked)]
) -> Response:
    """Several manifests; those that would be refused are left out, and the last ones of too many."""
    wire.require_few(asked.checkpoints, wire.MAX_ADDRESSES, "checkpoints")
    found: list[Manifest] = []
    left = wire.MAX_CHUNKS
    for start in range(0, len(asked.checkpoints), _TOGETHER):
        some = member.studio.manifests(asked.checkpoints[start : start + _TOGETHER])
        found += some.values()
        left -= sum(len(each.chunks) for each in some.values())
        if left < 0:  # the others are asked for again, alone or with fewer
            break
    return answer(found)


@router.get("/assets/{asset}/history", **answers(list[Checkpoint]))
def history(member: InProject, asset: str) -> Response:
    """All checkpoints of an asset that are not in the trash, newest first."""
    return answer(list(member.studio.history(AssetId(asset))))


@router.get("/things/{thing}/needs", **answers(list[AssetId]))
def needs(member: InProject, thing: str) -> Response:
    """The assets that a thing and all below it depends on, transitively, as far as the member sees them."""
    return answer(member.studio.needed_for(AssetId(thing)))


@router.get("/ignore-list", **answers(list[str]))
def ignore_list(member: InProject) -> Response:
    """The project's patterns for names that stay local."""
    return answer(list(member.studio.ignore_list()))
