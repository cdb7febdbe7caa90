"""What every request passes on its way to a route, and every answer on its way back.

In this order: an id for the log; the address of the socket; how much may come; who asks; how much they have
asked lately; whether they may open the project that they ask about. Nobody unknown gets further than here,
and nobody else into a project, so a route that forgets to ask cannot leak; and what is wrong with a question
is told to nobody who may not ask it, since nothing of it has been read before. Authority is looked up anew
for each request.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mountfs import wire
from mountfs.errors import LimitExceeded, MountfsError, NotFound, Unauthenticated
from mountfs.studio.accounts import Caller, Origin
from mountfs.studio.responses import response_to
from mountfs.studio.safety import Network, is_trusted

log = logging.getLogger("mountfs.studio.requests")

Authenticate = Callable[[str, Origin], Caller]
"""Who a token is of. Unauthenticated."""

Count = Callable[[Caller], None]
"""A request of somebody. TooMany."""

Admit = Callable[[Caller, str], object]
"""Somebody in a project, for its routes. NotFound, whether there is none of this id or it is not theirs."""

OPEN = frozenset(
    {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", f"{wire.API}/studio"),
        ("POST", f"{wire.API}/sessions"),
        ("POST", f"{wire.API}/bootstrap"),
        ("POST", f"{wire.API}/invitations/accept"),
        ("POST", f"{wire.API}/recoveries/accept"),
    }
)
"""What is answered to everybody."""

_SIGNED = ("/chunks/", "/uploads/")
"""What is answered to whoever brings a signature."""

_GONE = 499
"""What the log says of a question that its asker broke off."""

_MAX_OPEN_BODY = 64 << 10
"""Bytes of a question that anybody may ask."""


SLOWEST_BODY = 30.0
"""Seconds that a question may take to arrive, and more for more bytes:"""

_LEAST_RATE = 16 << 10
"""a second for so many."""

_PROJECT = re.compile(rf"{wire.API}/projects/([^/]+)(?:/.*)?", re.DOTALL)


class Gate:
    """An ASGI application around the routes."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        authenticate: Authenticate,
        count: Count,
        admit: Admit,
        epoch: Callable[[], str],
        new_id: Callable[[], str],
        trusted: tuple[Network, ...] = (),
    ) -> None:
        self._app = app
        self._authenticate = authenticate
        self._count = count
        self._admit = admit
        self._epoch = epoch
        self._new_id = new_id
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        request = self._new_id()
        status = 500
        marks = [
            (wire.REQUEST_HEADER.lower().encode(), request.encode()),
            (wire.EPOCH_HEADER.lower().encode(), self._epoch().encode()),
            (b"x-content-type-options", b"nosniff"),
        ]

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *marks]
                if status == 413:  # the rest of it is not read
                    message["headers"].append((b"connection", b"close"))
                if b"cache-control" not in given:
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        scope["mountfs.origin"] = Origin(
            self._address(scope, headers), headers.get("user-agent", ""), request
        )
        most = _MAX_OPEN_BODY if (scope["method"], scope["path"]) in OPEN else wire.MAX_BODY
        try:
            if int(headers.get("content-length") or 0) > most:
                raise LimitExceeded(f"no question like this has more than {most} bytes")
            await self._find_out_who(scope, headers)
            await self._app(scope, _Bounded(receive, most), answer)
        except (MountfsError, ValueError) as exc:
            await _refuse(exc, answer)
        except ClientDisconnect:
            status = _GONE  # as a mount that is killed while it asks; nobody is there to be answered
        finally:
            caller: Caller | None = scope.get("mountfs.caller")
            path = scope["path"]
            fields = {
                "request": request,
                "method": scope["method"],
                "path": path if not path.startswith(_SIGNED) else path.split("/")[1] + " (signed)",
                "status": status,
                "ms": round(1000 * (time.monotonic() - began), 1),
                "address": scope["mountfs.origin"].address,
                "account": caller.id if caller is not None else "",
            }
            log.info("%(method)s %(path)s %(status)d", fields, extra={"fields": fields})

    async def _find_out_who(self, scope: Scope, headers: dict[str, str]) -> None:
        path = scope["path"]
        if path.startswith(_SIGNED) or (scope["method"], path) in OPEN:
            return
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthenticated("nobody is logged in: mountfs login URL")
        ask = partial(self._authenticate, token.strip(), scope["mountfs.origin"])
        project = _PROJECT.fullmatch(path)

        def find_out(*, again: bool = True) -> None:
            caller = scope["mountfs.caller"] = ask()
            if not again:
                self._count(caller)
            if project is not None:
                scope["mountfs.member"] = self._admit(scope["mountfs.caller"], project[1])

        await run_in_threadpool(partial(find_out, again=False))

        def still_allowed() -> bool:
            try:
                find_out()
            except (Unauthenticated, NotFound):
                return False
            return True

        scope["mountfs.ask_again"] = find_out
        scope["mountfs.still_allowed"] = still_allowed

    def _address(self, scope: Scope, headers: dict[str, str]) -> str:
        client = scope.get("client")
        address = str(client[0]) if client else ""
        if is_trusted(address, self._trusted):  # what anybody else says of themselves is not believed
            return headers.get("x-forwarded-for", "").rpartition(",")[2].strip() or address
        return address


class _Bounded:
    """A body of at most so many bytes, whatever its headers said, that arrives in a bearable time."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = self._left = most
        self._begun = time.monotonic()
        self._whole = False

    async def __call__(self) -> Message:
        message = await self._next()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise LimitExceeded(f"no question like this has more than {self._most} bytes")
        self._whole = not message.get("more_body", False)
        return message

    async def _next(self) -> Message:
        if self._whole:  # what comes now is that they have gone, whenever that is
            return await self._receive()
        allowed = SLOWEST_BODY + (self._most - self._left) / _LEAST_RATE
        try:
            async with asyncio.timeout(max(0.0, self._begun + allowed - time.monotonic())):
                return await self._receive()
        except TimeoutError:
            raise LimitExceeded("the question comes too slowly to be waited for") from None


async def _refuse(error: Exception, send: Send) -> None:
    status, body, headers = response_to(error)
    found = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            *found,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})
