"""What routes share: who asks, which project they may open, how a question is read and an answer is written.

Who asks was found out before any route runs (`studio.gate`). Whether they may open a project is asked anew
for each request: being in the studio opens none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool

from mountfs import wire
from mountfs.errors import AdminsOnly, NotPermitted
from mountfs.model import ProjectId, Toggle, UserId
from mountfs.studio.accounts import Accounts, Caller, Origin
from mountfs.studio.bound import BoundStudio
from mountfs.studio.change import nothing
from mountfs.studio.hosting import HostedProject, Hosting
from mountfs.studio.joining import settle
from mountfs.studio.responses import STATUS
from mountfs.studio.signing import Signer
from mountfs.studio.traffic import Traffic

T = TypeVar("T")

_SHORT = 64 << 10
"""Bytes of a question that are read where they came; longer ones in a thread."""


@dataclass(frozen=True, slots=True)
class House:
    """A studio's parts, as routes use them."""

    accounts: Accounts
    hosting: Hosting
    signer: Signer
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Member:
    """The caller in one project."""

    hosted: HostedProject
    user: UserId
    _studio: BoundStudio
    only_reads: bool

    @property
    def studio(self) -> BoundStudio:
        """The project as they see it, to be looked at."""
        return self._studio

    def acting(self, needs: Toggle) -> BoundStudio:
        """The same, to be changed. NotPermitted for a machine's token, as without this right."""
        if self.only_reads:
            raise NotPermitted(needs)
        return self._studio


def house_of(request: Request) -> House:
    """The studio that was asked."""
    house: House = request.app.state.house
    return house


def caller_of(request: Request) -> Caller:
    """Who asks; the gate let nobody in who is unknown."""
    caller: Caller = request.scope["mountfs.caller"]
    return caller


def person_of(request: Request) -> Caller:
    """The same for what no machine may do. AdminsOnly for a node token, whatever it asks for."""
    caller = caller_of(request)
    if caller.session is None:
        raise AdminsOnly("a node token reads one project, and does nothing else")
    return caller


def origin_of(request: Request) -> Origin:
    """Where a question comes from, of somebody who may not be known."""
    origin: Origin = request.scope["mountfs.origin"]
    return origin


def member_of(request: Request, project: str) -> Member:
    """The caller in the project of the path; the gate let nobody in whose it is not."""
    member: Member = request.scope["mountfs.member"]
    if member.hosted.project.id != project:
        raise nothing()  # never: both read the same path
    return member


def in_project(house: House, caller: Caller, project: str) -> Member:
    """The caller in a project. NotFound, whether there is none or it is not theirs."""
    id_ = ProjectId(project)
    if caller.node_token is not None and caller.node_token.project != id_:
        raise nothing()
    membership = house.accounts.memberships.get(id_, caller.id)
    hosted = house.hosting.project(id_)
    if membership.joining_as is not None:
        settle(hosted, house.accounts.memberships, membership, caller.account)
    return Member(hosted, membership.user, hosted.for_member(membership.user), caller.node_token is not None)


AskedHouse = Annotated[House, Depends(house_of)]
AskedBy = Annotated[Caller, Depends(caller_of)]
InPerson = Annotated[Caller, Depends(person_of)]
From = Annotated[Origin, Depends(origin_of)]
InProject = Annotated[Member, Depends(member_of)]


def answer(value: object, status: int = 200) -> Response:
    """A value as the answer. Nobody keeps what may be seen by one only."""
    return Response(wire.encode(value), status, media_type="application/json")


def done() -> Response:
    """The answer when there is nothing to say."""
    return Response(status_code=204)


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": wire.Refusal} for status in sorted({400, 405, *STATUS.values()})
}
"""What the API's description says of every route: how it refuses. 400 and 405 are the server's own."""


def answers(kind: Any, status: int = 200, *, asks: Any = None) -> dict[str, Any]:
    """What the API's description says of a route that answers with `answer`, and reads its question with
    `question`."""
    said: dict[str, Any] = {"response_model": kind, "status_code": status}
    return said if asks is None else {**said, **reads(asks)}


def reads(kind: Any) -> dict[str, Any]:
    """What the API's description says of a route that reads its question with `question`."""
    content = {"application/json": {"schema": _whole(TypeAdapter(kind).json_schema())}}
    return {"openapi_extra": {"requestBody": {"required": True, "content": content}}}


def question(kind: type[T]) -> Any:
    """A question in JSON, read after it is known who asks. WireError for what is none.

    For questions that may be long: nothing is made of them but what they are to be, so many millions of
    brackets cost no more than their own bytes.
    """

    async def read(request: Request) -> T:
        body = await request.body()
        if len(body) <= _SHORT:
            return wire.decode(kind, body)
        return await in_thread(lambda: wire.decode(kind, body))

    return Depends(read)


def _whole(schema: Any, parts: Mapping[str, Any] | None = None) -> Any:
    """A schema with its parts where they are named, since it becomes a part itself."""
    if isinstance(schema, list):
        return [_whole(each, parts) for each in schema]
    if not isinstance(schema, dict):
        return schema
    parts = schema.get("$defs", {}) if parts is None else parts
    if "$ref" in schema:
        return _whole(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {name: _whole(value, parts) for name, value in schema.items() if name != "$defs"}


async def in_thread(call: Callable[[], T]) -> T:
    """A blocking call, made by a route that waits for other things too."""
    return await run_in_threadpool(call)
