"""Somebody who speaks to the studio with a client of their own, and what they speak with."""

from __future__ import annotations

import contextlib
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx

from mountfs import wire
from mountfs.digest import chunk_id, encode_frame, xxh3_hex
from mountfs.model import Chunk, Proposal
from mountfs.testing.projects import new_id
from tests.studio.online.town import Secret, Town


class Attacker:
    """Somebody with a session and no manners."""

    def __init__(self, town: Town, client: httpx.Client) -> None:
        self.town = town
        self.client = client

    def ask(self, method: str, rest: str, body: object = None, **more: Any) -> httpx.Response:
        """A request below the project."""
        return self.client.request(
            method, self.town.path(rest), content=None if body is None else wire.encode(body), **more
        )

    def missing(self, *chunks: str) -> list[str]:
        answer = self.ask("POST", "/chunks/missing", {"chunks": list(chunks)})
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def addresses(self, *ranges: tuple[str, int, int]) -> list[dict[str, Any]]:
        asked = {"ranges": [{"checkpoint": each[0], "first": each[1], "count": each[2]} for each in ranges]}
        return list(self.ask("POST", "/chunks/addresses", asked).json())

    def upload_address(self, chunk: str, length: int) -> str:
        answer = self.ask("POST", "/chunks/uploads", {"uploads": [{"chunk": chunk, "length": length}]})
        assert answer.status_code == 200, answer.text
        return str(answer.json()[0])

    def upload(self, chunk: str, frame: bytes) -> httpx.Response:
        return self.client.put(self.upload_address(chunk, len(frame)), content=frame)

    def publish(self, *proposals: Proposal | dict[str, Any]) -> httpx.Response:
        return self.ask("POST", "/checkpoints", list(proposals))


def hidden_chunk(town: Town, secret: Secret) -> Chunk:
    return town.owner.manifest(secret.checkpoint).chunks[0]


def mine(town: Town, username: str) -> Secret:
    """An asset that somebody made at the top, theirs alone."""
    with town.client(town.token(username)) as client:
        attacker = Attacker(town, client)
        content = new_id().encode()
        attacker.upload(chunk_id(content), encode_frame(content))
        offer = new_offer(content)
        (made,) = attacker.publish(offer).json()
    return Secret(made["asset"], made["id"], "")  # type: ignore[arg-type]


def new_offer(content: bytes, **more: Any) -> dict[str, Any]:
    """A new asset at the top with some content, as JSON."""
    return {
        "id": new_id(),
        "asset": new_id(),
        "base": None,
        "size": len(content),
        "xxh3": xxh3_hex(content),
        "mtime_ns": 1,
        "chunks": [{"id": chunk_id(content), "size": len(content)}] if content else [],
        "new": {"name": new_id(), "extension": ".txt", "collection": "", "is_resource": False},
        **more,
    }


def raw(town: Town, line: str, *headers: str, body: bytes = b"", close: bool = True) -> tuple[int, bytes]:
    """A request as it is written here, and the answer: its status and all its bytes."""
    parts = urlsplit(town.online.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        lines = [line, f"Host: {parts.netloc}", *headers, *(["Connection: close"] if close else [])]
        answer = b""
        with contextlib.suppress(OSError):  # refused before it was all there
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        with contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                answer += piece
    return (int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0), answer
