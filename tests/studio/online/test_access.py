"""Who may ask a studio for what: every request there is, asked by everybody there is.

The answers are those of the table in ``docs/security.md``. A new route fails here until it has a line there
and a call here.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI

import mountfs.studio.routes
from mountfs import wire
from mountfs.model import EMPTY_XXH3, AssetId, CheckpointId, ChunkId, CollectionId, Proposal
from mountfs.studio.app import build
from mountfs.testing.online import OPERATOR, OnlineStudio, password_of
from mountfs.testing.projects import new_id
from mountfs.wire import acts, plans
from tests.studio.online.town import ALLOWED, BLIND, LACKING, STRANGER, Secret, Town

PAGE = Path(__file__).parents[3] / "docs" / "security.md"
API = wire.API

ROOT = "root"
"""The admin of the studio."""

COLUMNS = (
    "no session",
    "expired",
    "revoked",
    "of another project",
    "does not see it",
    "lacks the right",
    "allowed",
    "node token",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: below ``/api/v1/projects/ID`` when ``rest`` is given, else at ``path``."""

    path: str = ""
    rest: str | None = None
    body: object = None
    query: str = ""
    headers: dict[str, str] | None = None

    def send(
        self, method: str, town: Town, client: httpx.Client, project: str | None = None
    ) -> httpx.Response:
        path = self.path if self.rest is None else town.path(self.rest, project)
        content = None if self.body is None else wire.encode(self.body)
        headers = {**(self.headers or {}), "Content-Type": "application/json"}
        return client.request(method, path + self.query, content=content, headers=headers)


Make = Callable[[Town, Secret], Asked]


@dataclass(frozen=True, slots=True)
class Line:
    """How a request is made, about what; who may make it, and who lacks the right to."""

    make: Make
    allowed: str = ALLOWED
    lacking: str = LACKING
    reads_stream: bool = False


def at(rest: str, body: Callable[[Town, Secret], object] | None = None, query: str = "", **line: Any) -> Line:
    """A request below a project."""
    return Line(
        lambda town, secret: Asked(
            rest=rest.format(
                asset=secret.asset, checkpoint=secret.checkpoint, folder=secret.folder, new=new_id()
            ),
            body=body(town, secret) if body is not None else None,
            query=query,
        ),
        **line,
    )


def studio(path: str, body: object = None, **line: Any) -> Line:
    """A request about the studio, by its admin."""
    return Line(
        lambda _town, _secret: Asked(API + path, body=body), **{"allowed": ROOT, "lacking": ALLOWED, **line}
    )


def offered(town: Town, secret: Secret) -> list[Proposal]:
    """A version of the secret, by whoever may offer one. Its chunks are those that it has."""
    return [town.offer(ALLOWED, new_id().encode(), secret)]


def leaf(town: Town) -> str:
    """An account that nobody needs any more."""
    return town.online.hire(f"leaf-{new_id()[:8]}").id


def invited(town: Town) -> Any:
    return town.online.house.accounts.invitations.invite(OPERATOR, f"{new_id()[:8]}@harbor.example")


def node_token_id(town: Town) -> str:
    return town.make_node_token().node_token.id


def session_id(town: Town, username: str) -> str:
    session = town.online.house.accounts.sessions.authenticate(town.token(username)).session
    assert session is not None
    return session.id


def signed(method: str) -> Make:
    """An address that nobody signed."""
    key = "chunks/{0}/{1}" if method == "GET" else "uploads/{0}/user/{1}"
    return lambda town, _: Asked(
        "/" + key.format(town.id, "0" * 64), query="?until=4102444800&length=1&signature=" + "A" * 32
    )


NEW_PASSWORD = "what nobody else would say, and long"

LINES: dict[str, Line] = {
    "GET /healthz": Line(lambda *_: Asked("/healthz")),
    "GET /readyz": Line(lambda *_: Asked("/readyz")),
    "GET /api/v1/studio": studio("/studio"),
    "GET /api/v1/openapi.json": studio("/openapi.json"),
    "GET /api/v1/settings": studio("/settings", allowed=ALLOWED, lacking=LACKING),
    "GET /api/v1/projects": studio("/projects", allowed=ALLOWED, lacking=LACKING),
    "GET /api/v1/projects/{project}/viewer": at("/viewer"),
    "GET /api/v1/projects/{project}/tree": at("/tree"),
    "GET /api/v1/projects/{project}/changes": at("/changes", query="?since=nothing"),
    "GET /api/v1/projects/{project}/events": at("/events", reads_stream=True),
    "GET /api/v1/projects/{project}/things/{thing}/needs": at("/things/{asset}/needs"),
    "GET /api/v1/projects/{project}/ignore-list": at("/ignore-list"),
    "GET /api/v1/projects/{project}/manifests/{checkpoint}": at("/manifests/{checkpoint}"),
    "POST /api/v1/projects/{project}/manifests": at(
        "/manifests", lambda _, secret: wire.ManifestsAsked([secret.checkpoint])
    ),
    "GET /api/v1/projects/{project}/assets/{asset}/history": at("/assets/{asset}/history"),
    "POST /api/v1/projects/{project}/checkpoints": at("/checkpoints", offered),
    "PUT /api/v1/projects/{project}/collections/{collection}": at(
        "/collections/{new}", lambda _, secret: wire.Placing(new_id(), secret.folder)
    ),
    "PUT /api/v1/projects/{project}/things/{thing}/place": at(
        "/things/{asset}/place", lambda _, secret: wire.Placing(new_id(), secret.folder, ".txt")
    ),
    "DELETE /api/v1/projects/{project}/things/{thing}": at("/things/{asset}"),
    "PUT /api/v1/projects/{project}/assets/{asset}/status": at(
        "/assets/{asset}/status", lambda *_: wire.StatusGiven("wip")
    ),
    "POST /api/v1/projects/{project}/acts": at(
        "/acts", lambda _, secret: acts.ActsAsked([acts.Act("tag", secret.asset, text="wet")])
    ),
    "POST /api/v1/projects/{project}/trash": at("/trash", lambda _, secret: acts.TrashAsked([secret.asset])),
    "POST /api/v1/projects/{project}/undo": at(
        "/undo", lambda town, _: acts.UndoAsked(town.user(ROOT), 0, rehearse=True)
    ),
    "GET /api/v1/projects/{project}/trash": at("/trash"),
    "GET /api/v1/projects/{project}/rules": at("/rules"),
    "GET /api/v1/projects/{project}/names": at("/names", query="?act=assign"),
    "GET /api/v1/projects/{project}/works-in": at("/works-in"),
    "GET /api/v1/projects/{project}/things/{thing}/access": at("/things/{asset}/access"),
    "GET /api/v1/projects/{project}/assets/{asset}/dependencies": at("/assets/{asset}/dependencies"),
    "GET /api/v1/projects/{project}/tags": at("/tags"),
    "GET /api/v1/projects/{project}/templates": at("/templates"),
    "POST /api/v1/projects/{project}/templates": at(
        "/templates", lambda *_: acts.TemplateAsked(new_id(), 0, EMPTY_XXH3, [])
    ),
    "POST /api/v1/projects/{project}/files": at(
        "/files", lambda *_: plans.FileAsked(plans.Row(0, f"/library/{new_id()}"))
    ),
    "POST /api/v1/projects/{project}/plans": at(
        "/plans", lambda *_: plans.PlanAsked([plans.Row(1, f"/library/{new_id()}")])
    ),
    "POST /api/v1/projects/{project}/chunks/missing": at(
        "/chunks/missing", lambda *_: wire.ChunksAsked([ChunkId("0" * 64)])
    ),
    "POST /api/v1/projects/{project}/chunks/addresses": at(
        "/chunks/addresses", lambda _, secret: wire.RangesAsked([wire.Range(secret.checkpoint, 0, 1)])
    ),
    "POST /api/v1/projects/{project}/chunks/uploads": at(
        "/chunks/uploads", lambda *_: wire.UploadsAsked([wire.Upload(ChunkId("0" * 64), 10)])
    ),
    "GET /chunks/{project}/{chunk}": Line(signed("GET")),
    "PUT /uploads/{project}/{user}/{chunk}": Line(signed("PUT")),
    "POST /api/v1/bootstrap": studio(
        "/bootstrap",
        {"secret": "A" * 43, "email": "me@harbor.example", "name": "Me", "password": NEW_PASSWORD},
    ),
    "POST /api/v1/sessions": Line(
        lambda *_: Asked(f"{API}/sessions", body={"email": "val@harbor.example", "password": "wrong"})
    ),
    "GET /api/v1/sessions": studio("/sessions"),
    "DELETE /api/v1/sessions": studio("/sessions"),
    "DELETE /api/v1/sessions/current": studio("/sessions/current"),
    "DELETE /api/v1/sessions/{session}": Line(
        lambda town, _: Asked(f"{API}/sessions/{session_id(town, ALLOWED)}")
    ),
    "GET /api/v1/me": studio("/me"),
    "PUT /api/v1/me/password": Line(
        lambda *_: Asked(
            f"{API}/me/password",
            body={"old": password_of(ALLOWED), "new": password_of(ALLOWED)},
        )
    ),
    "GET /api/v1/accounts": studio("/accounts"),
    "DELETE /api/v1/accounts/{account}": Line(
        lambda town, _: Asked(f"{API}/accounts/{leaf(town)}"), allowed=ROOT, lacking=ALLOWED
    ),
    "PUT /api/v1/accounts/{account}/role": Line(
        lambda town, _: Asked(f"{API}/accounts/{leaf(town)}/role", body={"role": "user"}),
        allowed=ROOT,
        lacking=ALLOWED,
    ),
    "POST /api/v1/accounts/{account}/recovery": Line(
        lambda town, _: Asked(f"{API}/accounts/{leaf(town)}/recovery"), allowed=ROOT, lacking=ALLOWED
    ),
    "POST /api/v1/recoveries/accept": studio(
        "/recoveries/accept", {"token": "A" * 43, "password": NEW_PASSWORD}
    ),
    "GET /api/v1/invitations": studio("/invitations"),
    "POST /api/v1/invitations": Line(
        lambda *_: Asked(f"{API}/invitations", body={"email": f"{new_id()[:8]}@harbor.example"}),
        allowed=ROOT,
        lacking=ALLOWED,
    ),
    "DELETE /api/v1/invitations/{invitation}": Line(
        lambda town, _: Asked(f"{API}/invitations/{invited(town).invitation.id}"),
        allowed=ROOT,
        lacking=ALLOWED,
    ),
    "POST /api/v1/invitations/accept": studio(
        "/invitations/accept", {"token": "A" * 43, "name": "Me", "password": NEW_PASSWORD}
    ),
    "POST /api/v1/invitations/join": studio("/invitations/join", {"token": "A" * 43}),
    "GET /api/v1/audit": studio("/audit"),
    "POST /api/v1/projects": Line(
        lambda *_: Asked(f"{API}/projects", body={"name": new_id()[:8]}), allowed=ROOT, lacking=ALLOWED
    ),
    "GET /api/v1/projects/{project}/members": at("/members"),
    "PUT /api/v1/projects/{project}/members/{account}": Line(
        lambda town, _: Asked(rest=f"/members/{leaf(town)}", body={"role": "artist"})
    ),
    "DELETE /api/v1/projects/{project}/members/{account}": Line(
        lambda town, _: Asked(rest=f"/members/{town.joined()}")
    ),
    "GET /api/v1/projects/{project}/tokens": at("/tokens"),
    "POST /api/v1/projects/{project}/tokens": at("/tokens", lambda *_: {"label": "farm"}),
    "DELETE /api/v1/tokens/{token}": Line(lambda town, _: Asked(f"{API}/tokens/{node_token_id(town)}")),
}


def routes(online: OnlineStudio) -> set[str]:
    """Every request that the studio answers, as its routes have them."""
    app: Any = build(online.house)
    while not isinstance(app, FastAPI):
        app = app._app
    described = {
        f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods
    }
    return described | {f"GET {app.openapi_url}"}


def documented() -> dict[str, tuple[str, ...]]:
    """The answers by the table: statuses of each request, one a column."""
    rows = re.findall(r"^\| `([A-Z]+ /\S+)` \|(.+)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {request: tuple(cell.strip() for cell in cells.split("|")) for request, cells in rows}


def callers(town: Town, line: Line) -> list[Callable[[], str | None]]:
    """The tokens of everybody, in the order of the columns."""
    return [
        lambda: None,
        lambda: town.expired(line.allowed),
        lambda: town.revoked(line.allowed),
        lambda: town.token(STRANGER),
        lambda: town.token(BLIND),
        lambda: town.token(line.lacking),
        lambda: town.token(line.allowed),
        town.node_token,
    ]


def status(town: Town, request: str, line: Line, token: str | None) -> int:
    """What somebody is answered, about something that nobody has asked about before."""
    method = request.partition(" ")[0]
    asked = line.make(town, town.new_secret())
    with town.client(token) as client:
        if line.reads_stream:
            with client.stream(method, town.path(asked.rest or "")) as response:
                return response.status_code
        return asked.send(method, town, client).status_code


def test_every_request_has_a_line(town: Town):
    """In the table for people, and here: a new route fails until somebody said who may ask it."""
    there = routes(town.online)
    for module in pkgutil.iter_modules(mountfs.studio.routes.__path__):
        for router in vars(importlib.import_module(f"mountfs.studio.routes.{module.name}")).values():
            if isinstance(router, APIRouter):
                assert all(each.include_in_schema for each in router.routes), "routes hide from this test"  # type: ignore[attr-defined]
    assert set(LINES) == there
    assert set(documented()) == there


@pytest.mark.parametrize("request_", LINES)
def test_the_answer_is_the_documented_one(town: Town, request_: str):
    """Of every request, to everybody who may ask it and who may not."""
    line = LINES[request_]
    found = tuple(str(status(town, request_, line, token())) for token in callers(town, line))
    assert dict(zip(COLUMNS, found, strict=True)) == dict(zip(COLUMNS, documented()[request_], strict=True))


# What is hidden, and what never was

MALFORMED = (
    "-",
    "x",
    "0" * 500,
    "%00",
    "%F0%9F%A6%8A",
    "..%5c",
    "'",
    "%22",
    "%25",
    "+",
    "%0d%0aX-A:%20b",
    "%ff",
)
"""Ids that are none, as they stand in an address."""


def seen_of(response: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All that an answer tells, apart from its own id and the time."""
    headers = [
        (name, value)
        for name, value in response.headers.multi_items()
        if name not in ("date", wire.REQUEST_HEADER.lower())
    ]
    return response.status_code, response.content, sorted(headers)


def about_things() -> list[str]:
    """Requests in which something is named that some do not see."""
    several = r"checkpoints$|manifests$|addresses$|acts$|^POST \S+/trash$"
    named = re.compile(r"\{(asset|thing|checkpoint|collection)\}|" + several)
    return [request for request in LINES if "{project}" in request and named.search(request)]


@pytest.mark.parametrize("request_", about_things())
@pytest.mark.parametrize("who", [BLIND, "machine", STRANGER])
def test_what_is_hidden_is_as_what_never_was(town: Town, request_: str, who: str):
    """Byte for byte, whoever asks: a member who does not see it, their machine, somebody else."""
    method, line = request_.partition(" ")[0], LINES[request_]
    token = town.node_token(BLIND) if who == "machine" else town.token(who)
    secret = town.new_secret()
    with town.client(token) as client:
        hidden = line.make(town, secret)
        answer = hidden.send(method, town, client)
        never = Secret(AssetId(new_id()), CheckpointId(new_id()), CollectionId(new_id()))
        swapped = _instead(hidden, secret, never)
        assert seen_of(swapped.send(method, town, client)) == seen_of(answer)
        if secret.asset in (hidden.rest or "") or secret.checkpoint in (hidden.rest or ""):
            assert answer.status_code in (403, 404)
            for id_ in MALFORMED:
                none = _instead(hidden, secret, Secret(AssetId(id_), CheckpointId(id_), CollectionId(id_)))
                assert seen_of(none.send(method, town, client)) == seen_of(answer), id_


def _instead(asked: Asked, secret: Secret, other: Secret) -> Asked:
    """The same request about something else."""
    rest, body = asked.rest or "", wire.encode(asked.body).decode()
    for there, here in zip(
        (secret.asset, secret.checkpoint, secret.folder),
        (other.asset, other.checkpoint, other.folder),
        strict=True,
    ):
        rest, body = rest.replace(there, here), body.replace(there, here)
    return replace(asked, rest=rest, body=json.loads(body))


@pytest.mark.parametrize("request_", [request for request in LINES if "/projects/{project}" in request])
def test_a_project_of_others_is_as_one_that_never_was(town: Town, request_: str):
    """Whatever is asked of it, however badly: nothing of a question is looked at before it is known whether
    whoever asks may open the project."""
    method, line = request_.partition(" ")[0], LINES[request_]
    asked = line.make(town, town.secret())
    for token in (town.token(STRANGER), town.token(ROOT)):
        with town.client(token) as client:
            asks = [asked, replace(asked, body={"no": "such body"}), replace(asked, query="?wait=x&since=")]
            answers = {
                str(seen_of(each.send(method, town, client, project)))
                for project, some in (
                    (town.id, asks),
                    (new_id(), asks),
                    *((id_, asks[:1]) for id_ in MALFORMED),
                )
                for each in some
            }
            path = town.path(asked.rest or "")
            answers |= {
                str(seen_of(client.request(method, path, content=content, headers={"Content-Type": kind})))
                for content, kind in (
                    (b"{", "application/json"),
                    (b"[" * 100_000, "application/json"),
                    (b"\xff\xfe", "text/plain"),
                    (b"a=b", "application/x-www-form-urlencoded"),
                )
            }
        assert len(answers) == 1
        assert answers.pop().startswith("(404, ")
