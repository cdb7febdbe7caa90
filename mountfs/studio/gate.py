"""What every request passes on its way to a route, and every answer on its way back.

In this order: an id for the log; the address of the socket; how much may come; who asks. Nobody unknown gets
further than here, so a route that forgets to ask cannot leak, and what is wrong with a question is told to
nobody who may not ask it. Authority is looked up anew for each request.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mountfs import wire
from mountfs.errors import LimitExceeded, MountfsError, Unauthenticated
from mountfs.studio.accounts import Caller, Origin
from mountfs.studio.responses import response_to

log = logging.getLogger("mountfs.studio.requests")

Authenticate = Callable[[str, Origin], Caller]
"""Who a token is of. Unauthenticated."""

OPEN = frozenset(
    {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", f"{wire.API}/studio"),
        ("POST", f"{wire.API}/sessions"),
        ("POST", f"{wire.API}/bootstrap"),
        ("POST", f"{wire.API}/invitations/accept"),
    }
)
"""What is answered to everybody."""

_SIGNED = ("/chunks/", "/uploads/")
"""What is answered to whoever brings a signature."""


class Gate:
    """An ASGI application around the routes."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        authenticate: Authenticate,
        epoch: Callable[[], str],
        new_id: Callable[[], str],
        trusted: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._authenticate = authenticate
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
                if b"cache-control" not in given:
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        scope["mountfs.origin"] = Origin(
            self._address(scope, headers), headers.get("user-agent", ""), request
        )
        bounded = _Bounded(receive)
        try:
            if int(headers.get("content-length") or 0) > wire.MAX_BODY:
                raise LimitExceeded(f"no question has more than {wire.MAX_BODY} bytes")
            await self._find_out_who(scope, headers)
            await self._app(scope, bounded, answer)
        except (MountfsError, ValueError) as exc:
            await _refuse(exc, answer)
        finally:
            log.info(
                "%s %s %d %.1f ms %s",
                scope["method"],
                scope["path"] if not scope["path"].startswith(_SIGNED) else "(signed address)",
                status,
                1000 * (time.monotonic() - began),
                request,
            )

    async def _find_out_who(self, scope: Scope, headers: dict[str, str]) -> None:
        path = scope["path"]
        if path.startswith(_SIGNED) or (scope["method"], path) in OPEN:
            return
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthenticated("nobody is logged in: mountfs login URL")
        ask = partial(self._authenticate, token.strip(), scope["mountfs.origin"])
        scope["mountfs.caller"] = await run_in_threadpool(ask)

        def still_allowed() -> bool:
            try:
                ask()
            except Unauthenticated:
                return False
            return True

        scope["mountfs.still_allowed"] = still_allowed

    def _address(self, scope: Scope, headers: dict[str, str]) -> str:
        client = scope.get("client")
        address = str(client[0]) if client else ""
        if address in self._trusted:  # what anybody else says of themselves is not believed
            return headers.get("x-forwarded-for", "").rpartition(",")[2].strip() or address
        return address


class _Bounded:
    """A body of at most so many bytes, whatever its headers said."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = wire.MAX_BODY

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise LimitExceeded(f"no question has more than {wire.MAX_BODY} bytes")
        return message


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
