"""Answers in JSON go compressed to whoever takes zstd: a tree is an eighth of its size then.

One that comes in one piece goes in one piece, with its length; one that is made while it is sent is
compressed while it is made, and is never in memory as a whole.
"""

from __future__ import annotations

import zstandard
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mountfs.wire.trees import LINES

_LEAST = 1400
"""Bytes below which it is not worth it: they are one packet anyway."""

_MUCH = 64 << 10
"""Bytes from which on it is done beside the event loop."""

_LEVEL = 1

_KINDS = (b"application/json", LINES.encode())


class Compressing:
    """An ASGI application around one that answers in JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, compressed if that is wanted."""
        if scope["type"] != "http" or not _accepts(scope):
            await self._app(scope, receive, send)
            return
        begun: Message | None = None
        packing: zstandard.ZstdCompressionObj | None = None

        async def answer(message: Message) -> None:
            nonlocal begun, packing
            if message["type"] == "http.response.start" and _is_json(message):
                begun = message
                return
            body, more = message.get("body", b""), message.get("more_body", False)
            if begun is not None:
                if more:
                    packing = zstandard.ZstdCompressor(_LEVEL).compressobj()
                    begun["headers"] = _headers(begun, None)
                elif len(body) >= _LEAST:
                    body = await run_in_threadpool(_packed, body) if len(body) > _MUCH else _packed(body)
                    message = {**message, "body": body}
                    begun["headers"] = _headers(begun, len(body))
                await send(begun)
                begun = None
            if packing is not None:
                packed = await run_in_threadpool(_packed_further, packing, body, more)
                message = {**message, "body": packed}
            await send(message)

        await self._app(scope, receive, answer)


def _packed(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(_LEVEL).compress(body)


def _packed_further(packing: zstandard.ZstdCompressionObj, body: bytes, more: bool) -> bytes:
    packed = packing.compress(body)
    return packed if more else packed + packing.flush()


def _accepts(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and b"zstd" in value for name, value in scope["headers"])


def _is_json(start: Message) -> bool:
    return any(name == b"content-type" and value in _KINDS for name, value in start["headers"])


def _headers(start: Message, length: int | None) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    return [
        *kept,
        *([(b"content-length", str(length).encode())] if length is not None else []),
        (b"content-encoding", b"zstd"),
        (b"vary", b"accept-encoding"),
    ]
