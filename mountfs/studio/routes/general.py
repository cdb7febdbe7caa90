"""What a studio says of itself, and which projects the caller may open."""

from __future__ import annotations

import logging
from importlib.metadata import version

from fastapi import APIRouter, Response

from mountfs import wire
from mountfs.errors import MountfsError
from mountfs.studio.routes.asking import AskedBy, AskedHouse, answer, answers, done
from mountfs.wire.settings import SettingsFacts

log = logging.getLogger(__name__)

router = APIRouter(tags=["studio"])
health = APIRouter(tags=["health"])


@router.get("/studio", **answers(wire.StudioFacts))
def studio(house: AskedHouse) -> Response:
    """Which studio this is. Answered to everybody."""
    id_, epoch = house.accounts.identity()
    return answer(wire.StudioFacts(id_, epoch, version("mountfs")))


@router.get("/settings", **answers(SettingsFacts))
def settings(house: AskedHouse, _: AskedBy) -> Response:
    """What the studio has set for those who mount its projects."""
    return answer(house.accounts.settings.all())


@router.get("/projects", **answers(list[wire.ProjectFacts]))
def projects(house: AskedHouse, caller: AskedBy) -> Response:
    """The projects that the caller may open, by name."""
    only = caller.node_token.project if caller.node_token is not None else None
    mine = [each.project for each in house.accounts.memberships.of(caller.id)]
    facts = []
    for id_ in mine:
        if only in (None, id_):
            try:
                project = house.hosting.project(id_).project
            except MountfsError as exc:  # one that is out of order does not hide the others
                log.error("the project %s cannot be opened: %s", id_, exc)
                continue
            facts.append(wire.ProjectFacts(project.id, project.name))
    return answer(sorted(facts, key=lambda each: (each.name.casefold(), each.id)))


@health.get("/healthz", status_code=204, response_class=Response)
def healthz() -> Response:
    """Whether the process lives."""
    return done()


@health.get("/readyz", status_code=204, response_class=Response)
def readyz(house: AskedHouse) -> Response:
    """Whether it can work: its databases and folders are there."""
    house.accounts.identity()
    house.hosting.require_ready()
    return done()
