"""A studio that lies: it speaks HTTP, has one project with one file, and says what a test makes it say."""

from __future__ import annotations

import copy
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mountfs import wire
from mountfs.digest import chunk_id, encode_frame, xxh3_hex

CONTENT = b"what is really in the file\n" * 1000
PROJECT = "project"

VIEWER = {
    "person": {"id": "ann", "username": "ann", "email": "ann@harbor.example", "name": "Ann"},
    "may": ["pull_chunk", "view_checkpoint", "create_checkpoint", "update_asset"],
}
HEAD = {
    "id": "version",
    "asset": "asset",
    "number": 1,
    "created_at": 1_795_000_000,
    "author": "ann",
    "size": len(CONTENT),
    "xxh3": xxh3_hex(CONTENT),
    "mtime_ns": 1_795_000_000_000_000_000,
}
ASSET = {
    "id": "asset",
    "name": "file",
    "extension": ".txt",
    "collection": "folder",
    "is_resource": True,
    "is_link": False,
    "pointer": "",
    "status": "todo",
    "assignee": "",
    "created_at": 1_795_000_000,
    "head": HEAD,
}
FOLDER = {
    "id": "folder",
    "name": "shots",
    "parent": "",
    "is_shared": True,
    "created_at": 1_795_000_000,
    "mtime": 1_795_000_000,
}
TREE: dict[str, Any] = {
    "viewer": VIEWER,
    "cursor": "1",
    "collections": {"folder": FOLDER},
    "assets": {"asset": ASSET},
    "people": {"ann": VIEWER["person"]},
}
MANIFEST: dict[str, Any] = {
    "checkpoint": "version",
    "size": len(CONTENT),
    "xxh3": xxh3_hex(CONTENT),
    "chunks": [{"id": chunk_id(CONTENT), "size": len(CONTENT)}],
}
FRAME = encode_frame(CONTENT)

Answer = Callable[[BaseHTTPRequestHandler], None]


def tree(**changed: Any) -> dict[str, Any]:
    """The tree, with other values in it."""
    return {**copy.deepcopy(TREE), **changed}


def lines(found: object) -> bytes:
    """A tree as it crosses the wire: in one line, and its cursor in another."""
    if not isinstance(found, dict):
        return json.dumps(found).encode() + b"\n"
    part = {name: list(value.values()) if isinstance(value, dict) else value for name, value in found.items()}
    part["viewer"], end = found.get("viewer"), {"cursor": part.pop("cursor", None)}
    return b"".join(json.dumps(each).encode() + b"\n" for each in (part, end))


class Liar:
    """What it answers, by the end of a path: JSON, bytes, or by a function that has the connection."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.ended = threading.Event()
        self.answers: dict[str, object] = {
            "/studio": {"id": "liar", "epoch": "1", "version": "1"},
            "/projects": [{"id": PROJECT, "name": "Lies"}],
            "/viewer": VIEWER,
            "/tree": TREE,
            "/changes": {"cursor": "1"},
            "/ignore-list": [],
            "/manifests/version": MANIFEST,
            "/manifests": [MANIFEST],
            "/history": [HEAD],
            "/chunks/addresses": [{"urls": ["/chunks/body"]}],
            "/chunks/uploads": ["/uploads/body"],
            "/chunks/missing": [],
            "/chunks/body": FRAME,
            "/uploads/body": b"",
        }

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        path = handler.path.partition("?")[0]
        self.asked.append(f"{handler.command} {path}")
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        ends = [end for end in self.answers if path.endswith(end)]
        found = self.answers[max(ends, key=len)] if ends else {}
        if callable(found):
            found(handler)
        elif path.endswith("/tree"):
            send(handler, lines(found))
        else:
            send(handler, found if isinstance(found, bytes) else json.dumps(found).encode())


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """An answer as they are."""
    begin(handler, status, Content_Length=str(len(body)), **headers)
    handler.wfile.write(body)


def begin(handler: BaseHTTPRequestHandler, status: int = 200, **headers: str) -> None:
    """The head of an answer."""
    handler.send_response_only(status)
    for name, value in {wire.EPOCH_HEADER: "1", **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


@contextmanager
def liar() -> Iterator[Liar]:
    """A lying studio, for as long as the block lasts."""
    lying = Liar()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with suppress(OSError):  # whoever was lied to has hung up
                lying.answer(self)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            if not isinstance(sys.exc_info()[1], OSError):  # else they hung up, having been lied to
                super().handle_error(request, client_address)

    with Server(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        lying.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield lying
        finally:
            lying.ended.set()
            server.shutdown()
