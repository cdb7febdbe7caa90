"""What a member does about a project beside saving and moving: work that is handed out, folders for all,
the trash, old versions, roles, tags, templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Response

from mountfs import wire
from mountfs.errors import WireError
from mountfs.model import (
    EMPTY_XXH3,
    AssetId,
    Checkpoint,
    CheckpointId,
    CollectionId,
    Manifest,
    Role,
    Toggle,
)
from mountfs.studio.bound import BoundStudio
from mountfs.studio.permissions import NEEDS
from mountfs.studio.permissions import Act as Right
from mountfs.studio.routes.asking import InPerson, InProject, answer, answers, done, question, reads
from mountfs.studio.tags import Tags
from mountfs.studio.templates import Template, TemplateId
from mountfs.studio.undoing import undo as take_back
from mountfs.studio.widening import Shown
from mountfs.wire import acts

router = APIRouter(prefix="/projects/{project}", tags=["acts"])

_EMPTY = Manifest(CheckpointId(""), 0, EMPTY_XXH3, ())
"""Stands for content that is not looked at."""

Perform = Callable[[BoundStudio, acts.Act], Shown | Checkpoint | Role | Template | Tags | None]

ACTS: dict[acts.ActName, tuple[Right, Perform]] = {
    "revert": (
        Right.REVERT,
        lambda studio, it: studio.revert(CheckpointId(it.what), CheckpointId(it.new) if it.new else None),
    ),
    "trash": (Right.TRASH_ASSET, lambda studio, it: studio.trash(AssetId(it.what))),
    "restore": (Right.RESTORE_ASSET, lambda studio, it: studio.restore(AssetId(it.what))),
    "trash_checkpoint": (
        Right.TRASH_CHECKPOINT,
        lambda studio, it: studio.trash_checkpoint(CheckpointId(it.what)),
    ),
    "restore_checkpoint": (
        Right.RESTORE_CHECKPOINT,
        lambda studio, it: studio.restore_checkpoint(CheckpointId(it.what)),
    ),
    "assign": (
        Right.ASSIGN,
        lambda studio, it: studio.assign(AssetId(it.what), it.user, administration=it.administration),
    ),
    "unassign": (
        Right.UNASSIGN,
        lambda studio, it: studio.unassign(AssetId(it.what), it.user, administration=it.administration),
    ),
    "set_kind": (
        Right.SET_KIND,
        lambda studio, it: studio.set_kind(
            AssetId(it.what), is_resource=it.is_resource, administration=it.administration
        ),
    ),
    "share": (
        Right.SHARE,
        lambda studio, it: studio.share(CollectionId(it.what), administration=it.administration),
    ),
    "unshare": (
        Right.UNSHARE,
        lambda studio, it: studio.unshare(CollectionId(it.what), administration=it.administration),
    ),
    "depend": (
        Right.DEPEND,
        lambda studio, it: studio.depend(
            AssetId(it.what), AssetId(it.on), it.text or "linked", administration=it.administration
        ),
    ),
    "undepend": (
        Right.UNDEPEND,
        lambda studio, it: studio.undepend(
            AssetId(it.what), AssetId(it.on), administration=it.administration
        ),
    ),
    "set_status": (
        Right.SET_STATUS,
        lambda studio, it: studio.set_status(AssetId(it.what), it.text, administration=it.administration),
    ),
    "edit_comment": (
        Right.EDIT_COMMENT,
        lambda studio, it: studio.edit_comment(CheckpointId(it.what), it.text),
    ),
    "tag": (Right.TAG, lambda studio, it: studio.tag(AssetId(it.what), it.text)),
    "untag": (Right.UNTAG, lambda studio, it: studio.untag(AssetId(it.what), it.text)),
    "set_role": (Right.SET_ROLE, lambda studio, it: studio.set_role(it.user, it.what)),
    "edit_role": (Right.EDIT_ROLE, lambda studio, it: studio.edit_role(it.what, frozenset(it.rights))),
    "create_role": (
        Right.CREATE_ROLE,
        lambda studio, it: studio.create_role(it.text, frozenset(it.rights), it.new),
    ),
    "remove_role": (Right.REMOVE_ROLE, lambda studio, it: studio.remove_role(it.what)),
    "add_template": (
        Right.ADD_TEMPLATE,
        lambda studio, it: studio.add_template_from(AssetId(it.what), it.text, replace=it.replace, id=it.new),
    ),
    "remove_template": (
        Right.REMOVE_TEMPLATE,
        lambda studio, it: studio.remove_template(TemplateId(it.what)),
    ),
    "restore_template": (
        Right.RESTORE_TEMPLATE,
        lambda studio, it: studio.restore_template(TemplateId(it.what)),
    ),
}
"""For each act, the right of which a machine lacks one, and how it is done."""


@router.post("/acts", **answers(list[acts.Outcome], asks=acts.ActsAsked))
def perform(member: InProject, asked: Annotated[acts.ActsAsked, question(acts.ActsAsked)]) -> Response:
    """Acts in one transaction, all of them or none; with ``rehearse`` it is taken back, and only said what
    would have come of them."""
    wire.require_few(asked.acts, acts.MAX_ACTS, "acts")
    for each in asked.acts:
        wire.require_few(each.text, acts.MAX_TEXT, "characters")
    studio = member.studio
    for each in asked.acts:
        studio = member.acting(NEEDS[ACTS[each.act][0]][0])
    if len(asked.acts) == 1 and not asked.rehearse:
        return answer([_perform(studio, asked.acts[0])])
    with studio.together(rehearse=asked.rehearse, only_one=len(asked.acts) == 1):
        outcomes = [_perform(studio, each) for each in asked.acts]
    return answer(outcomes)


@router.post("/trash", status_code=204, response_class=Response, **reads(acts.TrashAsked))
def trash(member: InProject, asked: Annotated[acts.TrashAsked, question(acts.TrashAsked)]) -> Response:
    """Move assets to the trash, all of them or none."""
    wire.require_few(asked.assets, acts.MAX_TRASHED, "assets")
    member.acting(NEEDS[Right.TRASH_ASSET][0]).trash_assets(asked.assets)
    return done()


@router.post("/templates", **answers(acts.TemplateFacts, asks=acts.TemplateAsked))
def add_template(
    member: InProject, asked: Annotated[acts.TemplateAsked, question(acts.TemplateAsked)]
) -> Response:
    """A template of content that was sent; with ``rehearse`` only say whether the name and the right for it
    are there."""
    wire.require_few(asked.chunks, wire.MAX_CHUNKS, "chunks")
    wire.require_few(asked.file_name, acts.MAX_TEXT, "characters")
    studio, name, replace = member.acting(Toggle.CREATE_TEMPLATE), asked.file_name, asked.replace
    if asked.rehearse:
        with studio.together(rehearse=True, only_one=True):
            return answer(of_template(studio.add_template(name, _EMPTY, replace=replace)))
    content = Manifest(CheckpointId(""), asked.size, asked.xxh3, tuple(asked.chunks))
    return answer(of_template(studio.add_template(name, content, replace=replace, id=asked.new)))


@router.post("/undo", **answers(acts.UndoneFacts, asks=acts.UndoAsked))
def undo(
    _: InPerson, member: InProject, asked: Annotated[acts.UndoAsked, question(acts.UndoAsked)]
) -> Response:
    """Take back what somebody did since a moment, as far as the member may; with ``rehearse`` only say what
    that would be."""
    wire.require_few(asked.path, acts.MAX_TEXT, "characters")
    if abs(asked.since) >= acts.LATEST:
        raise WireError("this is no moment")
    done = take_back(member.studio, asked.user, asked.since, asked.path, rehearse=asked.rehearse)
    return answer(
        acts.UndoneFacts(
            [acts.StepFacts(each.what, each.path, each.detail) for each in done.steps],
            [acts.LeftFacts(each.path, each.reason) for each in done.left],
        )
    )


def _perform(studio: BoundStudio, act: acts.Act) -> acts.Outcome:
    came = ACTS[act.act][1](studio, act)
    match came:
        case Shown():
            return acts.Outcome(came.viewers, came.assets)
        case Checkpoint():
            return acts.Outcome(version=came)
        case Role():
            return acts.Outcome(role=came)
        case Template():
            return acts.Outcome(template=of_template(came))
        case Tags():
            return acts.Outcome(words=list(came.words))
        case None:
            return acts.Outcome()


def of_template(template: Template) -> acts.TemplateFacts:
    """A template, as it is told of."""
    return acts.TemplateFacts(template.id, template.name, template.extension, template.size, template.xxh3)
