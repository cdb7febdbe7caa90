"""Who gets to see and to do what in a project: work that is handed out, and folders for everybody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response

from mountfs import wire
from mountfs.model import AssetId, CollectionId, Toggle
from mountfs.studio.routes.asking import InProject, done, question, reads

router = APIRouter(prefix="/projects/{project}", tags=["handing out"])


@router.put("/things/{thing}/assignee", status_code=204, response_class=Response, **reads(wire.Assigned))
def assign(
    member: InProject, thing: str, given: Annotated[wire.Assigned, question(wire.Assigned)]
) -> Response:
    """Give a task to somebody, or let somebody work in a collection."""
    member.acting(Toggle.ASSIGN_ASSET).assign(AssetId(thing), given.user)
    return done()


@router.put("/collections/{collection}/shared", status_code=204, response_class=Response)
def share(member: InProject, collection: str) -> Response:
    """Let everybody in the project see a collection and all below it."""
    member.acting(Toggle.UPDATE_COLLECTION).share(CollectionId(collection))
    return done()
