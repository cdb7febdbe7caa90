"""Puts a studio together: its book of accounts, its projects, its key, and the requests it answers."""

from __future__ import annotations

import uuid
from functools import partial
from importlib.metadata import version

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mountfs import wire
from mountfs.errors import MountfsError, NotFound, WireError
from mountfs.studio.compressing import Compressing
from mountfs.studio.gate import Gate
from mountfs.studio.responses import response_to
from mountfs.studio.routes import (
    accounts,
    acts,
    chunks,
    edits,
    general,
    looking,
    members,
    plans,
    sessions,
    trees,
)
from mountfs.studio.routes.asking import REFUSALS, House, in_project
from mountfs.studio.safety import networks

MODULES = (general, sessions, accounts, members, trees, edits, looking, acts, plans, chunks)
"""The subjects of the API, in the order of docs/protocol.md."""


def build(house: House, *, trusted: frozenset[str] = frozenset()) -> Gate:
    """The studio as an ASGI application. ``trusted``: addresses and networks of proxies that are
    believed."""
    app = FastAPI(
        title="mountfs studio",
        version=version("mountfs"),
        openapi_url=f"{wire.API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # an address that is nearly right leads nowhere
    )
    app.state.house = house
    api = APIRouter(prefix=wire.API, responses=REFUSALS)
    for module in MODULES:
        api.include_router(module.router)
    app.include_router(api)
    app.include_router(chunks.bodies, responses=REFUSALS)
    app.include_router(general.health, responses=REFUSALS)
    app.add_exception_handler(MountfsError, _tell)
    app.add_exception_handler(RequestValidationError, _tell_of_a_bad_question)
    app.add_exception_handler(HTTPException, _tell_of_no_route)
    app.add_exception_handler(Exception, _tell)
    return Gate(
        Compressing(app),
        authenticate=house.accounts.sessions.authenticate,
        count=house.traffic.count,
        admit=partial(in_project, house),
        epoch=lambda: house.accounts.identity()[1],
        new_id=lambda: uuid.uuid4().hex,
        trusted=networks(trusted),
    )


def _tell(_request: Request, error: Exception) -> Response:
    status, body, headers = response_to(error)
    return Response(body, status, headers, "application/json")


def _tell_of_a_bad_question(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0] if error.errors() else {"loc": (), "msg": "not understood"}
    where = ".".join(map(str, first["loc"]))
    return _tell(request, WireError(f"{where}: {first['msg']}"))


def _tell_of_no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, MountfsError):  # what kept a question from being read
        return _tell(request, error.__cause__)
    if error.status_code == 404:
        return _tell(request, NotFound())
    return Response(
        wire.encode(wire.Refusal(str(error.detail), "WireError")),
        error.status_code,
        dict(error.headers or {}),
        "application/json",
    )
