"""A moment by which an exchange with a studio is over, whatever the other side does.

Both HTTP libraries bound the wait for the next bytes and not the whole: a studio, or something between, that
sends a byte of a header now and then would keep whoever asks for ever. Here the moment is set for a thread
(`until`), and each look at the socket that the thread makes waits no longer than to then.
"""

from __future__ import annotations

import io
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from socket import (
    IPPROTO_TCP,
    SO_KEEPALIVE,
    SOL_SOCKET,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    socket,
)
from typing import Any, cast

import httpcore
import httpx
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

HTTP_ERRORS = (
    *(httpx.HTTPError, httpx.StreamError, httpx.InvalidURL),
    *(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError),
)
"""What asking through `Transport` may raise."""

ALIVE = (
    (SOL_SOCKET, SO_KEEPALIVE, 1),
    (IPPROTO_TCP, TCP_KEEPIDLE, 10),
    (IPPROTO_TCP, TCP_KEEPINTVL, 5),
    (IPPROTO_TCP, TCP_KEEPCNT, 3),
)
"""A connection is lost when the other machine does not say for 25 s that it is there: a question that waits
for news hears nothing else, whether there are none or the network has gone."""

_own = threading.local()


@contextmanager
def until(moment: float) -> Iterator[None]:
    """Bound what this thread waits for, by the monotonic clock. Not within another bound."""
    _own.moment = moment
    try:
        yield
    finally:
        _own.moment = None


def _left(timeout: float | None) -> float | None:
    """Seconds to wait at most; not more than zero when there are none."""
    moment: float | None = getattr(_own, "moment", None)
    if moment is None:
        return timeout
    left = moment - time.monotonic()
    return left if timeout is None else min(left, timeout)


class _Stream(httpcore.NetworkStream):
    """A connection of httpcore's."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _left(timeout)
        if left is not None and left <= 0:
            raise httpcore.ReadTimeout("the answer comes too slowly")
        return self._inner.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = _left(timeout)
        if left is not None and left <= 0:
            raise httpcore.WriteTimeout("the question goes too slowly")
        self._inner.write(buffer, left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    """Makes connections that know the bound."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options))


class _Body(httpx.SyncByteStream):
    """A body as it arrives."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class Transport(httpx.BaseTransport):
    """What an `httpx.Client` is to ask through, so that `until` holds for it."""

    def __init__(self, context: ssl.SSLContext, *, connections: int, kept: int) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=kept,
            keepalive_expiry=5.0,
            socket_options=ALIVE,
            network_backend=_Backend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask."""
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=cast(Iterable[bytes], request.stream),
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer.stream), extensions=answer.extensions
        )

    def close(self) -> None:
        """Let the connections go."""
        self._pool.close()


class _Raw(io.RawIOBase):
    """The bytes of a connection of urllib3's."""

    def __init__(self, inner: io.RawIOBase, connection: socket) -> None:
        self._inner = inner
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _left(self._connection.gettimeout())
        if left is not None and left <= 0:
            raise TimeoutError("the answer comes too slowly")
        self._connection.settimeout(left)
        return self._inner.readinto(buffer)

    def close(self) -> None:
        self._inner.close()
        super().close()


class _Response(HTTPResponse):
    """An answer, its head as well."""

    def __init__(self, sock: socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_Raw(raw, sock))


class _Plain(HTTPConnection):
    response_class = _Response


class _Secured(HTTPSConnection):
    response_class = _Response


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecuredPool(HTTPSConnectionPool):
    ConnectionCls = _Secured


def bounded(pool: urllib3.PoolManager) -> urllib3.PoolManager:
    """The same pool, of connections for which `until` holds."""
    pool.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecuredPool}
    return pool
