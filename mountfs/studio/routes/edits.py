"""What a member of a project changes in it: versions, names, the trash, statuses."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response

from mountfs import wire
from mountfs.model import AssetId, Checkpoint, Collection, CollectionId, Proposal, Toggle
from mountfs.studio.routes.asking import InProject, answer, answers, done, question, reads

router = APIRouter(prefix="/projects/{project}", tags=["edits"])

_MAX_PROPOSALS = 4096

Placing = Annotated[wire.Placing, question(wire.Placing)]


@router.post(
    "/checkpoints",
    responses={200: {"model": list[Checkpoint], "description": "All of them were there already."}},
    **answers(list[Checkpoint], 201, asks=list[Proposal]),
)
def publish(member: InProject, proposals: Annotated[list[Proposal], question(list[Proposal])]) -> Response:
    """Accept finished versions, all of them or none. The same again is answered as the first time, with
    200."""
    wire.require_few(proposals, _MAX_PROPOSALS, "versions")
    for each in proposals:
        wire.require_few(each.chunks, wire.MAX_CHUNKS, "chunks")
    studio = member.acting(Toggle.CREATE_CHECKPOINT)
    is_again = studio.knows_all([proposal.id for proposal in proposals])
    made = studio.publish(proposals)
    return answer(list(made), 200 if is_again else 201)


@router.put("/collections/{collection}", **answers(Collection, asks=wire.Placing))
def make_collection(member: InProject, collection: str, placing: Placing) -> Response:
    """A new collection, with an id that the caller chose. The same again is answered as the first time."""
    studio = member.acting(Toggle.CREATE_COLLECTION)
    return answer(studio.make_collection(CollectionId(collection), placing.name, placing.parent))


@router.put("/things/{thing}/place", status_code=204, response_class=Response, **reads(wire.Placing))
def rename(member: InProject, thing: str, placing: Placing) -> Response:
    """Give an asset or a collection another name, another parent, or both."""
    studio = member.acting(Toggle.UPDATE_ASSET)
    act = studio.check_rename if placing.rehearse else studio.rename
    act(AssetId(thing), placing.name, placing.extension, placing.parent)
    return done()


@router.delete("/things/{thing}", status_code=204, response_class=Response)
def trash(member: InProject, thing: str) -> Response:
    """Move an asset or a collection to the trash."""
    member.acting(Toggle.DELETE_ASSET).trash(AssetId(thing))
    return done()


@router.put("/assets/{asset}/status", status_code=204, response_class=Response, **reads(wire.StatusGiven))
def set_status(
    member: InProject, asset: str, given: Annotated[wire.StatusGiven, question(wire.StatusGiven)]
) -> Response:
    """Give an asset a status."""
    member.acting(Toggle.CHANGE_STATUS).set_status(AssetId(asset), given.status)
    return done()
