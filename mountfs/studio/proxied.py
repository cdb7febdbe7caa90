"""Behind a proxy that does TLS, and not beside it: whoever asks past the proxy would do so in the clear."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from mountfs import wire
from mountfs.studio.safety import Network, is_trusted

_SAID = wire.encode(wire.Refusal("this studio is asked through its proxy, by https", "AdminsOnly"))


class OnlyFrom:
    """An ASGI application that is answered to declared proxies alone."""

    def __init__(self, app: ASGIApp, proxies: tuple[Network, ...]) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a proxy's request through."""
        client = scope.get("client")
        if scope["type"] != "http" or (client and is_trusted(str(client[0]), self._proxies)):
            await self._app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_SAID)).encode())]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": _SAID})
