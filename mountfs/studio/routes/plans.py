"""Work that is planned: files that nobody has saved yet, one or a table of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response

from mountfs import wire
from mountfs.model import Toggle
from mountfs.studio.bound import BoundStudio
from mountfs.studio.joining import settle_all
from mountfs.studio.permissions import Act
from mountfs.studio.planning import make_file_or_tell, make_rows, planning_of
from mountfs.studio.routes.asking import AskedHouse, House, InProject, Member, answer, answers, question
from mountfs.wire import acts, plans

router = APIRouter(prefix="/projects/{project}", tags=["plans"])


@router.post("/files", **answers(plans.FileMade, asks=plans.FileAsked))
def make_file(
    house: AskedHouse, member: InProject, asked: Annotated[plans.FileAsked, question(plans.FileAsked)]
) -> Response:
    """Make one file that is planned, empty or with the content of a template; or say why it cannot be."""
    studio = _planner(house, member)
    _require_short([asked.row])
    return answer(make_file_or_tell(studio, asked.row, parents=asked.parents, rehearse=asked.rehearse))


@router.post("/plans", **answers(plans.Planned, asks=plans.PlanAsked))
def plan(
    house: AskedHouse, member: InProject, asked: Annotated[plans.PlanAsked, question(plans.PlanAsked)]
) -> Response:
    """Have what lines of a table name, all of them or, if one cannot be, none."""
    studio = _planner(house, member)
    rows = [*asked.rows, *asked.beside]
    wire.require_few(rows, plans.MAX_ROWS, "rows")
    _require_short(rows)
    planning = planning_of(studio, update=asked.update)
    beside = asked.beside if asked.rehearse else ()
    return answer(make_rows(studio, planning, asked.rows, beside, rehearse=asked.rehearse))


def _planner(house: House, member: Member) -> BoundStudio:
    """The project, for whoever may plan something in it; with everybody there to whom work can be given."""
    studio = member.acting(Toggle.CREATE_ASSET)
    studio.require(Act.MAKE_ASSET)
    if studio.may(Act.ASSIGN):
        settle_all(member.hosted, house.accounts.memberships)
    return studio


def _require_short(rows: list[plans.Row]) -> None:
    for row in rows:
        wire.require_few(row.depends, plans.MAX_ROWS, "dependencies")
        for text in (row.path, row.type, row.template, row.assignee, row.status, *row.depends):
            wire.require_few(text, acts.MAX_TEXT, "characters")
