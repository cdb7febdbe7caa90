"""What somebody tries with the connection itself: ways around, heads and bodies without end, questions that
are none."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import zstandard

from mountfs import wire
from mountfs.studio import connections, gate
from tests.studio.online.attacker import Attacker, raw
from tests.studio.online.town import BLIND, STRANGER, Town


@pytest.mark.parametrize(
    "way",
    [
        "/api/v1/projects/{other}/../{id}/tree",
        "/api/v1/projects/{other}/%2e%2e/{id}/tree",
        "/api/v1/projects/{other}%2f..%2f{id}/tree",
        "/api/v1/projects/{other}/tree/../../{id}/tree",
        "/api/v1/projects//{id}/tree",
        "/api/v1//projects/{id}/tree",
        "//api/v1/projects/{id}/tree",
        "/api/v1/projects/{id}/tree/",
        "/api/v1/projects/{id}//tree",
        "/api/v1/projects/{upper}/tree",
        "/api/v1/projects/{id}%00/tree",
        "/api/v1/projects/{id}%20/tree",
        "/api/v1/projects/{id}.clst/tree",
        "/api/v1/projects/.%2f{id}/tree",
        "/api/v1/projects/{id};x/tree",
        "/API/V1/projects/{id}/tree",
        "/api/v1/projects/{id}%ef%bc%8ftree",
        "/chunks/../api/v1/projects/{id}/tree",
        "/chunks/..%2fapi/v1/projects/{id}/tree",
        "/healthz/../api/v1/projects/{id}/tree",
    ],
)
def test_no_way_around_leads_into_a_project(town: Town, way: str):
    """Dots, slashes, cases, halves of characters: neither into another's project nor past the gate."""
    path = way.format(id=town.id, other=town.elsewhere, upper=town.id.upper())
    for token in (None, town.token(STRANGER)):
        status, _ = raw(town, f"GET {path} HTTP/1.1", *([f"Authorization: Bearer {token}"] if token else []))
        assert status in (400, 401, 403, 404, 405), status
        if token is None and not path.startswith("/chunks/"):
            assert status in (400, 401)


def test_a_head_without_end_is_refused(town: Town):
    """Anybody can send one: it is not kept."""
    for line, headers in (
        ("GET /api/v1/studio HTTP/1.1", [f"X-{number}: {'a' * 1000}" for number in range(2000)]),
        ("GET /api/v1/studio HTTP/1.1", ["X: " + "a" * 2_000_000]),
        (f"GET /{'a' * 2_000_000} HTTP/1.1", []),
    ):
        status, _ = raw(town, line, *headers)
        assert status in (0, 400, 431), status


def test_a_head_that_does_not_come_is_not_waited_for(town: Town, monkeypatch: pytest.MonkeyPatch):
    """Nor the rest of one, nor a second one that begins and does not go on."""
    monkeypatch.setattr(connections, "SLOWEST_HEAD", 0.2)
    parts = urlsplit(town.online.url)
    for first, begun in ((b"", b""), (b"", b"GET /"), (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n")):
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
            if first:
                connection.sendall(first)
                assert connection.recv(65536).startswith(b"HTTP/1.1 204")
            connection.sendall(begun)
            assert connection.recv(65536) == b""


def test_a_body_that_does_not_come_is_not_waited_for(town: Town, monkeypatch: pytest.MonkeyPatch):
    """Whoever may ask, and whoever may not."""
    monkeypatch.setattr(gate, "SLOWEST_BODY", 0.2)
    token = f"Authorization: Bearer {town.token(BLIND)}"
    status, answer = raw(
        town,
        f"POST {town.path('/chunks/missing')} HTTP/1.1",
        token,
        "Content-Length: 1000",
        body=b"{",
        close=False,
    )
    assert status == 413, answer
    status, answer = raw(
        town, "POST /api/v1/sessions HTTP/1.1", "Content-Length: 1000", body=b"{", close=False
    )
    assert status == 413, answer


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["Content-Length: 99999999999"], b""),
        (["Content-Length: -1"], b""),
        (["Content-Length: +5"], b"{}"),
        (["Content-Length: 1", "Content-Length: 2"], b"{}"),
        (
            ["Content-Length: 2", "Transfer-Encoding: chunked"],
            b"0\r\n\r\nGET /api/v1/studio HTTP/1.1\r\n\r\n",
        ),
        (["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n"),
        (["Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding : chunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"fffffffffffffffff\r\n"),
        (["Transfer-Encoding: chunked"], b"-1\r\n\r\n"),
        (["Content-Length: 2", "X: a\nTransfer-Encoding: chunked"], b"{}"),
    ],
)
def test_a_request_is_one_request(town: Town, headers: list[str], body: bytes):
    """However long it says that it is, in two ways at once: no second one hides in it."""
    status, answer = raw(
        town, "POST /api/v1/sessions HTTP/1.1", "Content-Type: application/json", *headers, body=body
    )
    assert status in (0, 400, 413, 422), answer
    assert answer.count(b"HTTP/1.1 ") <= 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"[" * 1_000_000, {}),
        (b'{"chunks":' * 100_000, {}),
        (b'{"chunks": [' + b"[]," * 1_000_000 + b"[]]}", {}),
        (b'{"chunks": "' + b"a" * 1_000_000 + b'"}', {}),
        (b'{"chunks": [NaN]}', {}),
        (b'{"chunks": [1' + b"0" * 10_000 + b"]}", {}),
        (b"\xff\xfe", {}),
        (b"", {}),
        (b"null", {}),
        (gzip.compress(b'{"chunks": []}'), {"Content-Encoding": "gzip"}),
        (zstandard.compress(b'{"chunks": []}' + b" " * 10_000_000), {"Content-Encoding": "zstd"}),
    ],
)
def test_a_question_that_is_none_is_told_so(
    attack: Callable[[str], Attacker], body: bytes, headers: dict[str, str]
):
    """Deep, huge, empty, packed: 422, and the studio goes on."""
    attacker = attack(BLIND)
    answer = attacker.client.post(attacker.town.path("/chunks/missing"), content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["kind"] == "WireError"
    assert len(answer.content) < 2000, "and does not say everything again"


def test_too_much_is_refused_before_it_is_read(town: Town, attack: Callable[[str], Attacker]):
    """By what it says of itself, and by what it turns out to be; of strangers much less is taken."""
    attacker = attack(BLIND)
    path = town.path("/chunks/missing")

    def endless(most: int) -> Iterator[bytes]:
        for _ in range(most >> 20):
            yield b" " * (1 << 20)

    assert attacker.client.post(path, content=b" " * (wire.MAX_BODY + 1)).status_code == 413
    assert attacker.client.post(path, content=endless(wire.MAX_BODY + (1 << 20))).status_code == 413
    with town.client(None) as nobody:
        assert nobody.post("/api/v1/sessions", content=b" " * 100_000).status_code == 413
        assert nobody.post("/api/v1/sessions", content=endless(1 << 20)).status_code == 413
        assert nobody.post(path, content=b" " * 100_000).status_code == 401
