"""A network between a mount and its studio that is as bad as a test says.

A proxy for HTTP in a thread: `FaultProxy` takes each request whole, has the studio answer it, and hands the
answer on; or does to it what was ordered. `cut` is the network that is not there at all: nobody listens.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import BinaryIO

_LARGEST = 64 << 20
_SLOWLY = 0.002
"""Seconds between the pieces of an answer that drips."""


class Fault(Enum):
    """What may happen to a request and its answer."""

    RESET = auto()
    """The connection breaks before the studio hears of it."""
    LOST = auto()
    """The studio does what was asked, and the connection breaks before its answer."""
    STALL = auto()
    """The same, and nothing is heard any more."""
    TRUNCATE = auto()
    """Half of the answer, and the end."""
    CORRUPT = auto()
    """A bit of a chunk is another one, there or back."""
    DRIP = auto()
    """The answer comes in small pieces."""
    ERROR = auto()
    """A gateway says that something is wrong, in HTML."""
    PORTAL = auto()
    """A network wants somebody to log in first, and calls that success."""
    TWICE = auto()
    """The studio is asked twice, and the second answer counts."""
    PATIENCE = auto()
    """Too many requests, and a Retry-After that nobody can mean."""
    EXPIRED = auto()
    """A signed address does not hold any more, as if clocks differed."""


_WAITS = (b"999999999999", b"-1", b"soon", b"9" * 5000, "٣".encode())
_HTML = b"<html><body>Please accept our terms.</body></html>"


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def is_chunk(self) -> bool:
        return self.target.startswith(("/chunks/", "/uploads/"))


@dataclass(slots=True)
class _Order:
    fault: Fault
    after: int
    wanted: Callable[[str], bool]
    done: threading.Event = field(default_factory=threading.Event)


class FaultProxy:
    """Between whoever comes to ``url`` and the studio at a port of this machine; a context manager.
    ``seed`` decides what is random in a fault."""

    def __init__(self, port: int, seed: int = 0) -> None:
        self._studio = port
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._orders: list[_Order] = []
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()
        self._listener: socket.socket | None = None
        self.seen: list[str] = []
        """Every request: method and address."""
        self._port = 0
        self.repair()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def lead_to(self, port: int) -> None:
        """The studio is at another port from now on."""
        self._studio = port

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def order(
        self, fault: Fault, *, after: int = 0, wanted: Callable[[str], bool] = lambda _: True
    ) -> threading.Event:
        """Let this happen once, when so many requests that are ``wanted`` (by method and address) have
        passed. Set when it has."""
        order = _Order(fault, after, wanted)
        with self._lock:
            self._orders.append(order)
        return order.done

    def forget_orders(self) -> None:
        """Nothing happens any more."""
        with self._lock:
            self._orders.clear()

    def cut(self) -> None:
        """The network is away: connections break, and there are no new ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def repair(self) -> None:
        """The network is there."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        listener.listen(64)
        self._listener = listener
        self._start(self._accept, listener)

    def _start(self, act: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=act, args=arguments, daemon=True, name="proxy")
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError, ValueError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while (request := _read(stream)) is not None and self._answer(request, connection):
                    pass
        finally:
            with self._lock:
                self._open.discard(connection)

    def _take_order(self, request: _Request) -> Fault | None:
        what = f"{request.method} {request.target}"
        with self._lock:
            self.seen.append(what)
            for order in self._orders:
                if not order.wanted(what):
                    continue
                if order.after > 0:
                    order.after -= 1
                    continue
                if order.fault in (Fault.CORRUPT, Fault.EXPIRED) and not request.is_chunk:
                    continue
                self._orders.remove(order)
                order.done.set()
                return order.fault
        return None

    def _answer(self, request: _Request, connection: socket.socket) -> bool:
        """Answer one request; whether the connection goes on."""
        fault = self._take_order(request)
        if fault is Fault.RESET:
            return _reset(connection)
        if fault is Fault.ERROR:
            status = self._random.choice(
                [(500, b""), (502, b""), (503, b"Retry-After: 9999\r\n"), (504, b"")]
            )
            return _send(connection, status[0], [status[1] + b"Content-Type: text/html\r\n"], _HTML)
        if fault is Fault.PORTAL:
            return _send(connection, 200, [b"Content-Type: text/html\r\n"], _HTML)
        if fault is Fault.PATIENCE:
            wait = self._random.choice(_WAITS)
            return _send(connection, 429, [b"Retry-After: " + wait + b"\r\n"], _said("slowly", "TooMany"))
        if fault is Fault.EXPIRED:
            return _send(connection, 403, [], _said("this address was changed", "AddressInvalid"))
        if fault is Fault.CORRUPT and request.body:
            request = _Request(request.method, request.target, request.headers, self._bent(request.body))
        status_code, headers, body = self._ask(request)
        if fault is Fault.TWICE:
            status_code, headers, body = self._ask(request)
        if fault is Fault.LOST:
            return _reset(connection)
        if fault is Fault.STALL:
            while not self._stopped.is_set() and connection.recv(1) != b"":
                pass  # until the other end has had enough
            return False
        if fault is Fault.CORRUPT and request.method == "GET":
            body = self._bent(body)
        if fault is Fault.TRUNCATE and body:
            _send(connection, status_code, headers, body, upto=self._random.randrange(len(body)))
            return False
        return _send(connection, status_code, headers, body, slowly=fault is Fault.DRIP)

    def _ask(self, request: _Request) -> tuple[int, list[bytes], bytes]:
        """The studio's answer."""
        studio = http.client.HTTPConnection("127.0.0.1", self._studio, timeout=60)
        try:
            studio.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers:
                studio.putheader(name, value)
            studio.endheaders(request.body or None)
            answer = studio.getresponse()
            body = answer.read()
        except http.client.HTTPException as exc:
            raise ConnectionError("the studio broke off") from exc
        finally:
            studio.close()
        kept = [
            f"{name}: {value}\r\n".encode("latin-1")
            for name, value in answer.getheaders()
            if name.lower() not in ("content-length", "connection", "transfer-encoding")
        ]
        return answer.status, kept, body

    def _bent(self, body: bytes) -> bytes:
        if not body:
            return body
        bent = bytearray(body)
        bent[self._random.randrange(len(bent))] ^= 1 << self._random.randrange(8)
        return bytes(bent)


def _said(error: str, kind: str) -> bytes:
    return json.dumps({"error": error, "kind": kind}).encode()


def _read(stream: BinaryIO) -> _Request | None:
    """The next request of a connection; None at its end."""
    first = stream.readline(65537)
    if not first.endswith(b"\r\n"):
        return None
    method, target, _ = first.decode("latin-1").split(" ", 2)
    headers = list(_headers(stream))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    assert length <= _LARGEST
    body = stream.read(length)
    return _Request(method, target, headers, body) if len(body) == length else None


def _headers(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    while (line := stream.readline(65537)) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        yield name.strip(), value.strip()


def _send(
    connection: socket.socket,
    status: int,
    headers: list[bytes],
    body: bytes,
    *,
    upto: int | None = None,
    slowly: bool = False,
) -> bool:
    length = b"" if status == 204 else b"Content-Length: %d\r\n" % len(body)
    head = b"HTTP/1.1 %d said\r\n%s%s\r\n" % (status, b"".join(headers), length)
    if not slowly:
        connection.sendall(head + body[:upto])
        return True
    whole, step = head + body, max(1, len(body) // 100)
    pause = threading.Event()
    for start in range(0, len(whole), step):
        connection.sendall(whole[start : start + step])
        pause.wait(_SLOWLY)
    return True


def _reset(connection: socket.socket) -> bool:
    """End a connection as a machine does that knows nothing of it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False
