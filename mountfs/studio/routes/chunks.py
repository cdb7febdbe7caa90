"""The bytes of a project's content: who may have or send a chunk is asked once, and answered with an address.

An address is signed for one chunk, one operation and some minutes (`studio.signing`); whoever has it needs
no other right, as with an object store, where it would lead elsewhere. A chunk that arrives is looked into
before it gets its name: nobody can put other bytes there, and nothing is kept that is no chunk.
"""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from mountfs import wire
from mountfs.digest import MAX_CHUNK, MAX_FRAME
from mountfs.errors import LimitExceeded, MountfsError, WireError, told
from mountfs.model import CheckpointId, Chunk, ChunkId, ChunkRef, ProjectId, Toggle, UserId
from mountfs.studio.change import nothing
from mountfs.studio.responses import status_of
from mountfs.studio.routes.asking import (
    AskedHouse,
    House,
    InProject,
    Member,
    answer,
    answers,
    in_thread,
    question,
)

router = APIRouter(prefix="/projects/{project}/chunks", tags=["chunks"])
bodies = APIRouter(tags=["chunk bodies"])
"""Requests that bring a signature instead of a session."""

_MINUTES = 15
_PRIVATE = {"Cache-Control": "no-store"}

Until = Annotated[int, Query(ge=0)]
Signature = Annotated[str, Query(max_length=200)]


@router.post("/missing", **answers(list[ChunkId], asks=wire.ChunksAsked))
def missing(member: InProject, asked: Annotated[wire.ChunksAsked, question(wire.ChunksAsked)]) -> Response:
    """Those of these chunks that the member must send before a version of theirs may name them."""
    wire.require_few(asked.chunks, wire.MAX_CHUNKS, "chunks")
    return answer(sorted(member.acting(Toggle.CREATE_CHECKPOINT).chunks.missing(asked.chunks)))


@router.post("/addresses", **answers(list[wire.Addresses], asks=wire.RangesAsked))
def addresses(
    house: AskedHouse, member: InProject, asked: Annotated[wire.RangesAsked, question(wire.RangesAsked)]
) -> Response:
    """Where chunks of visible checkpoints can be had; for each range an answer of its own, which ends
    with the checkpoint, or when there are as many as one question may have."""
    wire.require_few(asked.ranges, wire.MAX_RANGES, "ranges")
    until = int(time.time()) + 60 * _MINUTES
    given: list[wire.Addresses] = []
    left = wire.MAX_ADDRESSES
    for each in asked.ranges:
        given.append(_addresses(house, member, each, min(each.count, left), until))
        left -= len(given[-1].urls)
    return answer(given)


def _addresses(house: House, member: Member, asked: wire.Range, count: int, until: int) -> wire.Addresses:
    try:
        chunks = member.studio.chunks.in_reach(CheckpointId(asked.checkpoint))
        if not 0 <= asked.first < len(chunks):
            raise nothing()
    except MountfsError as exc:
        status = status_of(exc)
        told_of = nothing() if status == 404 else exc
        return wire.Addresses([], wire.Refusal(**told(told_of)))
    found = []
    for chunk in chunks[asked.first : asked.first + max(count, 0)]:
        key = f"{member.hosted.project.id}/{chunk}"
        signature = house.signer.sign("GET", key, 0, until)
        found.append(f"/chunks/{key}?until={until}&signature={signature}")
    return wire.Addresses(found)


@router.post("/uploads", **answers(list[str], asks=wire.UploadsAsked))
def uploads(
    house: AskedHouse, member: InProject, asked: Annotated[wire.UploadsAsked, question(wire.UploadsAsked)]
) -> Response:
    """Where frames may be sent. 507 when the studio's disk has no room for them, or too much of the member's
    is in no version yet."""
    wire.require_few(asked.uploads, wire.MAX_ADDRESSES, "chunks")
    studio = member.acting(Toggle.CREATE_CHECKPOINT)
    studio.chunks.require_putting()
    for each in asked.uploads:
        if not 0 < each.length <= MAX_FRAME:
            raise LimitExceeded(f"no frame of a chunk has {each.length} bytes")
    length = sum(each.length for each in asked.uploads)
    studio.chunks.require_room(len(asked.uploads), length)
    house.hosting.require_room(length)
    until = int(time.time()) + 60 * _MINUTES
    found = []
    for each in asked.uploads:
        key = f"{member.hosted.project.id}/{member.user}/{each.chunk}"
        signature = house.signer.sign("PUT", key, each.length, until)
        found.append(f"/uploads/{key}?length={each.length}&until={until}&signature={signature}")
    return answer(found)


@bodies.get("/chunks/{project}/{chunk}", response_class=Response)
def get_chunk(house: AskedHouse, project: str, chunk: str, until: Until, signature: Signature) -> Response:
    """The frame of a chunk."""
    _require_signed(house, signature, "GET", f"{project}/{chunk}", 0, until)
    store = house.hosting.project(ProjectId(project)).project.chunks
    frame = store.get(ChunkRef(CheckpointId(""), 0, Chunk(ChunkId(chunk), MAX_CHUNK)))
    return Response(frame, media_type="application/zstd", headers=_PRIVATE)


@bodies.put("/uploads/{project}/{user}/{chunk}", status_code=204, response_class=Response)
async def put_chunk(
    request: Request,
    house: AskedHouse,
    project: str,
    user: str,
    chunk: str,
    length: Annotated[int, Query(ge=1, le=MAX_FRAME)],
    until: Until,
    signature: Signature,
) -> Response:
    """Keep a frame, after a look into it."""
    _require_signed(house, signature, "PUT", f"{project}/{user}/{chunk}", length, until)
    frame = bytearray()
    async for piece in request.stream():
        frame += piece
        if len(frame) > length:
            raise WireError("the frame is longer than was said")
    if len(frame) != length:
        raise WireError("the frame is shorter than was said")

    def keep() -> None:
        studio = house.hosting.project(ProjectId(project)).for_member(UserId(user))
        studio.chunks.put(ChunkId(chunk), bytes(frame))

    await in_thread(keep)
    return Response(status_code=204, headers=_PRIVATE)


def _require_signed(house: House, signature: str, method: str, key: str, length: int, until: int) -> None:
    house.signer.verify(signature, method=method, key=key, length=length, expires=until, now=time.time())
