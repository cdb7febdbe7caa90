"""What somebody tries who speaks to the studio with a client of their own: to get at a byte or the existence
of what is hidden, to put something where it does not belong, to say something that is not so."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import zstandard

from mountfs import wire
from mountfs.digest import MAX_CHUNK, MAX_FRAME, chunk_id, encode_frame, xxh3_hex
from mountfs.model import Chunk, Proposal
from mountfs.studio import connections, gate
from mountfs.testing.mounts import wait_until
from mountfs.testing.online import OPERATOR
from mountfs.testing.projects import new_id
from tests.studio.online.town import ALLOWED, BLIND, LACKING, STRANGER, Secret, Town


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


@pytest.fixture
def attack(town: Town) -> Iterator[Callable[[str], Attacker]]:
    with ExitStack() as stack:
        yield lambda username: Attacker(town, stack.enter_context(town.client(town.token(username))))


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


# A byte, or the existence, of what is hidden


def test_what_is_missing_tells_nothing(town: Town, attack: Callable[[str], Attacker]):
    """A chunk that is hidden is as missing as one that is nowhere, before and after what is tried with it."""
    attacker = attack(BLIND)
    chunk = hidden_chunk(town, town.new_secret()).id
    nowhere = chunk_id(b"nowhere")
    assert sorted(attacker.missing(chunk, nowhere)) == sorted([chunk, nowhere])
    for some in (chunk, nowhere):
        assert attacker.upload(some, encode_frame(b"other bytes")).status_code == 422
        attacker.upload_address(some, 100)
    assert sorted(attacker.missing(chunk, nowhere)) == sorted([chunk, nowhere])
    odd = ["", "x", "0" * 63, chunk.upper(), f"{chunk}?", "../../x", "\x00", "🦊"]
    assert sorted(attacker.missing(*odd)) == sorted(odd)


def test_addresses_are_given_for_what_is_seen_and_nothing_else(town: Town, attack: Callable[[str], Attacker]):
    """Another's checkpoint, none, an index beyond the end, a negative one: one answer, and no address."""
    attacker = attack(BLIND)
    secret, own = town.new_secret(), mine(town, BLIND)
    (refused,) = {
        json.dumps(each)
        for each in attacker.addresses(
            (secret.checkpoint, 0, 1),
            (secret.checkpoint, -1, 1),
            (secret.asset, 0, 1),
            (new_id(), 0, 1),
            ("", 0, 1),
            (own.checkpoint, 1, 1),
            (own.checkpoint, -1, 5),
            (own.checkpoint, 1 << 62, 1),
            (own.checkpoint, 1 << 70, 1),
        )
    }
    assert json.loads(refused)["urls"] == []
    (given,) = attacker.addresses((own.checkpoint, 0, 1 << 62))
    assert len(given["urls"]) == 1
    (none,) = attacker.addresses((own.checkpoint, 0, -5))
    assert none["urls"] == []


def test_an_address_is_good_for_what_it_says(town: Town, attack: Callable[[str], Attacker]):
    """Whatever is changed in it, it is refused in the same words; and nothing tells what would be there."""
    attacker = attack(ALLOWED)
    hidden, own = town.new_secret(), mine(town, ALLOWED)
    other = hidden_chunk(town, hidden).id
    (given,) = attacker.addresses((own.checkpoint, 0, 1))
    address = given["urls"][0]
    with town.client(None) as nobody:
        good = nobody.get(address)
        assert good.status_code == 200
        assert good.headers["cache-control"] == "no-store"
        parts = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        _, _, project, chunk = parts.path.split("/")
        until, signature = query["until"], query["signature"]
        tampered = [
            address.replace(chunk, other),
            address.replace(chunk, chunk_id(b"nowhere")),
            address.replace(chunk, chunk.upper()),
            address.replace(project, town.elsewhere),
            address.replace(project, new_id()),
            address.replace(project, project.upper()),
            address.replace(until, str(int(until) + 1)),
            address.replace(until, "0"),
            address.replace(signature, signature[:-1] + ("A" if signature[-1] != "A" else "B")),
            address.replace(signature, signature[:-1]),
            address.replace(signature, signature + "A"),
            address.replace(signature, ""),
            address.replace(signature, urlsafe_b64encode(b"\0" * 24).decode()),
            f"/chunks/{project}%2F{chunk}/x?until={until}&signature={signature}",
        ]
        refused = [nobody.get(each) for each in tampered[:-1]]
        assert {(each.status_code, each.content) for each in refused} == {(403, refused[0].content)}
        assert nobody.get(tampered[-1]).status_code in (403, 404)
        for method in ("PUT", "POST", "DELETE", "HEAD", "PATCH"):
            assert nobody.request(method, address, content=b"x").status_code in (403, 405)
        as_upload = address.replace("/chunks/", "/uploads/").replace(f"/{chunk}", f"/x/{chunk}")
        assert nobody.put(f"{as_upload}&length=1", content=b"x").status_code == 403
        twice = f"{address}&until={int(until) + 99}"
        assert nobody.get(twice).status_code == 403, "of two values the one that counts is signed"


def test_an_expired_address_is_refused(town: Town):
    """With the right signature, too."""
    content = hidden_chunk(town, town.secret()).id
    key = f"{town.id}/{content}"
    signer = town.online.house.signer
    with town.client(None) as nobody:
        for until, status in ((1, 403), (4102444800, 200)):
            signature = signer.sign("GET", key, 0, until)
            answer = nobody.get(f"/chunks/{key}?until={until}&signature={signature}")
            assert answer.status_code == status


def test_an_upload_goes_to_nobody_elses_account(town: Town, attack: Callable[[str], Attacker]):
    """What is signed for one cannot be used for another: neither their account, project, chunk nor length."""
    attacker = attack(BLIND)
    content = b"mine " + new_id().encode()
    frame = encode_frame(content)
    address = attacker.upload_address(chunk_id(content), len(frame))
    _, _, project, user, chunk = urlsplit(address).path.split("/")
    with town.client(None) as nobody:
        for changed in (
            address.replace(f"/{user}/", f"/{new_id()}/"),
            address.replace(project, town.elsewhere),
            address.replace(chunk, chunk_id(b"other")),
            address.replace(f"length={len(frame)}", "length=9"),
        ):
            assert nobody.put(changed, content=frame).status_code == 403
        for wrong in (frame[:-1], frame + b"x", b""):
            assert nobody.put(address, content=wrong).status_code == 422
        assert attacker.missing(chunk) == [chunk]
        assert nobody.put(address, content=frame).status_code == 204
        assert attacker.missing(chunk) == []
    assert attack(ALLOWED).missing(chunk) == [chunk], "and it is there for nobody else"


def test_a_chunk_is_not_mine_for_having_been_named(town: Town, attack: Callable[[str], Attacker]):
    """Asking where to send a hidden chunk, and sending something else, does not let me commit it."""
    attacker = attack(BLIND)
    hidden = hidden_chunk(town, town.new_secret())
    attacker.upload_address(hidden.id, 10)
    attacker.upload(hidden.id, encode_frame(b"something else"))
    said = set()
    for chunk in (hidden, Chunk(chunk_id(b"nowhere"), hidden.size)):
        for size in (hidden.size, hidden.size + 1):
            offer = new_offer(b"", size=size, chunks=[{"id": chunk.id, "size": size}], xxh3="0" * 16)
            answer = attacker.publish(offer)
            said.add((answer.status_code, answer.content))
    assert len(said) == 1
    assert said.pop()[0] == 422


def test_what_was_lost_from_sight_cannot_be_had_any_more(town: Town, attack: Callable[[str], Attacker]):
    """Neither by the checkpoint that was known, nor by its chunks, nor in a version of one's own."""
    secret = town.new_secret()
    content = town.owner.manifest(secret.checkpoint)
    attacker = attack(BLIND)
    user = next(each.id for each in town.hosted.service.people() if each.username == BLIND)
    town.lend(secret, user)
    assert attacker.ask("GET", f"/manifests/{secret.checkpoint}").status_code == 200
    assert attacker.missing(content.chunks[0].id) == []
    town.owner.unassign(secret.asset, user)
    assert attacker.ask("GET", f"/manifests/{secret.checkpoint}").status_code == 404
    assert attacker.addresses((secret.checkpoint, 0, 1))[0]["urls"] == []
    assert attacker.missing(content.chunks[0].id) == [content.chunks[0].id]
    stolen = new_offer(
        b"",
        size=content.size,
        xxh3=content.xxh3,
        chunks=[{"id": each.id, "size": each.size} for each in content.chunks],
    )
    assert attacker.publish(stolen).status_code == 422


# Bytes that are not what they are called


def bombs() -> dict[str, bytes]:
    """Frames that are not of the chunk that they are sent for."""
    raw = b"the right bytes" * 100
    good = encode_frame(raw)
    # A block of one byte repeated is four bytes long, and unpacks to 128 KiB: 16 GiB here.
    block = (1 << 1 | 128 * 1024 << 3).to_bytes(3, "little") + b"x"
    no_size = zstandard.ZstdCompressor(write_content_size=False).compress(raw)
    return {
        "no frame": raw,
        "other bytes": encode_frame(b"something else entirely" * 100),
        "cut short": good[:-1],
        "more behind": good + b"x",
        "twice": good + good,
        "another frame behind": good + encode_frame(b"x"),
        "a skippable frame before": b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + good,
        "a skippable frame behind": good + b"\x50\x2a\x4d\x18\x04\0\0\0abcd",
        "another size claimed": good.replace(good[4:6], (len(raw) + 1).to_bytes(2, "little"), 1),
        "no size claimed": no_size,
        "empty": encode_frame(b""),
        "8 MiB claimed": b"\x28\xb5\x2f\xfd\xa0" + MAX_CHUNK.to_bytes(4, "little") + good[-20:],
        "4 GiB claimed": b"\x28\xb5\x2f\xfd\xa0\xff\xff\xff\xff" + block * 1000,
        "bomb": b"\x28\xb5\x2f\xfd\xa0" + MAX_CHUNK.to_bytes(4, "little") + block * 100_000,
        "huge window": b"\x28\xb5\x2f\xfd\x00\xf8" + block * 10,
    }


@pytest.mark.parametrize("name", bombs())
def test_wrong_bytes_do_not_come_under_a_hash(attack: Callable[[str], Attacker], name: str):
    """What is sent is unpacked within bounds and compared, before it has the name."""
    attacker = attack(BLIND)
    raw = b"the right bytes" * 100
    frame = bombs()[name]
    assert attacker.upload(chunk_id(raw), frame).status_code == 422
    assert attacker.missing(chunk_id(raw)) == [chunk_id(raw)]
    assert attacker.publish(new_offer(raw)).status_code == 422


def test_bytes_that_were_verified_stay(town: Town, attack: Callable[[str], Attacker]):
    """Another frame of the same chunk does not take its place, nor does a wrong one, nor two at a time."""
    attacker = attack(BLIND)
    raw = b"these bytes stay" * 1000 + new_id().encode()
    chunk = chunk_id(raw)
    first = encode_frame(raw)
    assert attacker.upload(chunk, first).status_code == 204
    (made,) = attacker.publish(new_offer(raw)).json()
    for frame in (
        zstandard.ZstdCompressor(level=19).compress(raw),
        encode_frame(b"other"),
        first[:-1] + bytes([first[-1] ^ 1]),
    ):
        attacker.upload(chunk, frame)
    address = attacker.addresses((made["id"], 0, 1))[0]["urls"][0]
    assert attacker.client.get(address).content == first
    other = new_id().encode() * 1000
    good, bad = encode_frame(other), encode_frame(b"wrong")
    statuses: list[int] = []

    def send(frame: bytes) -> None:
        with town.client(town.token(BLIND)) as client:
            statuses.append(Attacker(town, client).upload(chunk_id(other), frame).status_code)

    threads = [threading.Thread(target=send, args=(frame,)) for frame in (good, bad) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [204] * 3 + [422] * 3
    (made,) = attacker.publish(new_offer(other)).json()
    address = attacker.addresses((made["id"], 0, 1))[0]["urls"][0]
    assert attacker.client.get(address).content == good


@pytest.mark.parametrize("length", [0, -1, MAX_FRAME + 1, 1 << 40, 1 << 70])
def test_no_upload_is_longer_than_a_frame(attack: Callable[[str], Attacker], length: int):
    """It is refused before it is sent."""
    asked = {"uploads": [{"chunk": "0" * 64, "length": length}]}
    assert attack(BLIND).ask("POST", "/chunks/uploads", asked).status_code in (413, 422)


# Saying what is not so


def test_who_when_and_what_are_the_studios_own_findings(town: Town, attack: Callable[[str], Attacker]):
    """Fields that say who made a version, when, which number and role it has, are nothing to the studio; a
    checksum or size that is not the content's is refused."""
    attacker = attack(BLIND)
    content = b"content " + new_id().encode()
    attacker.upload(chunk_id(content), encode_frame(content))
    forged = {
        "author": town.account(ALLOWED),
        "created_at": 1,
        "number": 77,
        "trashed": False,
        "assignee": town.account(ALLOWED),
        "owner": True,
    }
    good = new_offer(content, **forged)
    good["new"] = {**good["new"], **forged, "is_resource": True}
    wrong_size = len(content) + 1
    lies: tuple[dict[str, Any], ...] = (
        {"xxh3": "0" * 16},
        {"xxh3": xxh3_hex(b"other")},
        {"size": wrong_size, "chunks": [{"id": chunk_id(content), "size": wrong_size}]},
        {"size": wrong_size},
        {"size": -1},
        {"size": 1 << 70},
        {"chunks": []},
        {"chunks": [*good["chunks"], {"id": chunk_id(b""), "size": 0}]},
        {"mtime_ns": 1 << 63},
        {"mtime_ns": 1 << 200},
        {"comment": "\ud800"},
        {"comment": "x" * 1_000_000},
        {"group": "../.."},
        {"id": ""},
        {"id": "x" * 1000},
        {"asset": "\x00"},
    )
    for lie in lies:
        body = json.dumps([{**good, **lie}]).encode()
        answer = attacker.client.post(town.path("/checkpoints"), content=body)
        assert answer.status_code in (403, 422), (lie, answer.text)
    (made,) = attacker.publish(good).json()
    user = next(each.id for each in town.hosted.service.people() if each.username == BLIND)
    assert (made["author"], made["number"]) == (user, 1)
    assert made["created_at"] > 1_700_000_000
    asset = town.owner.tree().assets[made["asset"]]
    assert asset.assignee == user, "it was made where it would be out of its maker's sight"


def test_another_ones_version_is_not_mine_to_offer_again(town: Town, attack: Callable[[str], Attacker]):
    """The id of a version that is there opens nothing, whether or not one sees it."""
    secret = town.new_secret()
    content = town.owner.manifest(secret.checkpoint)
    again = new_offer(
        b"",
        id=secret.checkpoint,
        asset=secret.asset,
        size=content.size,
        xxh3=content.xxh3,
        chunks=[{"id": each.id, "size": each.size} for each in content.chunks],
    )
    for who in (BLIND, LACKING):
        answer = attack(who).publish(again)
        assert answer.status_code == 403
        assert secret.asset not in answer.text


def test_no_version_has_more_chunks_than_a_client_takes(attack: Callable[[str], Attacker]):
    """It would be a file that nobody can read."""
    chunk = {"id": "0" * 64, "size": 1}
    count = wire.MAX_CHUNKS + 1
    answer = attack(BLIND).publish(new_offer(b"", size=count, chunks=[chunk] * count))
    assert answer.status_code == 413


# Sight by writing


def test_nobody_sees_more_for_what_they_write(town: Town, attack: Callable[[str], Attacker]):
    """Moving something hidden, or into it, publishing into it or over it, with its ids: nothing is seen after
    that was not seen before."""
    attacker = attack(BLIND)
    secret, own = town.new_secret(), mine(town, BLIND)
    library = town.folder("library")
    name = town.owner.tree().assets[secret.asset].name
    before = set(attacker.ask("GET", "/tree").json()["assets"])
    tries: list[tuple[str, str, object]] = [
        ("PUT", f"/things/{secret.asset}/place", wire.Placing("x", library, ".txt")),
        ("PUT", f"/things/{secret.folder}/place", wire.Placing("x", library)),
        ("PUT", f"/things/{own.asset}/place", wire.Placing("x", secret.folder, ".txt")),
        ("PUT", f"/things/{own.asset}/place", wire.Placing("x", library, ".txt")),
        ("PUT", f"/collections/{secret.folder}", wire.Placing("secret", wire.decode(str, b'""'))),  # type: ignore[arg-type]
        ("PUT", f"/collections/{new_id()}", wire.Placing("below", secret.folder)),
        ("PUT", f"/collections/{secret.asset}", wire.Placing(new_id(), library)),
        ("DELETE", f"/things/{secret.asset}", None),
        ("DELETE", f"/things/{secret.folder}", None),
        ("PUT", f"/assets/{secret.asset}/status", wire.StatusGiven("done")),
        ("POST", "/checkpoints", [new_offer(b"", asset=secret.asset)]),
        ("POST", "/checkpoints", [new_offer(b"", id=secret.checkpoint)]),
        (
            "POST",
            "/checkpoints",
            [
                new_offer(
                    b"",
                    new={
                        "name": name,
                        "extension": ".txt",
                        "collection": secret.folder,
                        "is_resource": True,
                    },
                )
            ],
        ),
    ]
    for method, rest, body in tries:
        answer = attacker.ask(method, rest, body)
        seen = set(attacker.ask("GET", "/tree").json()["assets"])
        assert not {secret.asset} & seen, (method, rest, body)
        assert not (seen - before) & set(town.owner.tree().assets) - own_assets(town), (method, rest, body)
        assert "plan" not in answer.text
    assert attacker.ask("GET", f"/manifests/{secret.checkpoint}").status_code == 404


def own_assets(town: Town) -> set[str]:
    """The assets that were made by whoever does not see the secret."""
    user = next(each.id for each in town.hosted.service.people() if each.username == BLIND)
    return {id_ for id_, asset in town.owner.tree().assets.items() if asset.assignee == user}


def test_ids_of_another_project_open_nothing_in_this_one(town: Town, attack: Callable[[str], Attacker]):
    """What is in one project is nowhere in another, for whoever is in both by turns."""
    attacker, secret = attack(STRANGER), town.new_secret()
    base = f"{wire.API}/projects/{town.elsewhere}"
    chunk = hidden_chunk(town, secret).id
    assert attacker.client.get(f"{base}/manifests/{secret.checkpoint}").status_code == 404
    assert attacker.client.get(f"{base}/assets/{secret.asset}/history").status_code == 404
    answer = attacker.client.post(f"{base}/chunks/missing", json={"chunks": [chunk]})
    assert answer.json() == [chunk]


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


# The connection itself


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


# What goes on after the right to it has ended


@pytest.mark.parametrize("how", ["session", "membership"])
def test_news_end_with_the_right_to_them(town: Town, how: str):
    """A stream, and a long wait, of somebody who is logged out or sent away: not one more of it arrives."""
    account = town.joined()
    user = town.online.house.accounts.memberships.get(town.id, account).user
    accounts = town.online.house.accounts
    token = town.begin(account)
    with town.client(token) as client, town.client(token) as waiting:
        cursor = client.get(town.path("/tree")).json()["cursor"]
        outcome: list[httpx.Response] = []
        with client.stream("GET", town.path(f"/events?since={cursor}")) as stream:
            pieces = stream.iter_raw()
            town.lend(town.new_secret(), user)
            assert b"event: changes" in next(pieces)
            seen = waiting.get(town.path("/tree")).json()["cursor"]
            path = town.path(f"/changes?since={seen}&wait=20")
            waiter = threading.Thread(target=lambda: outcome.append(waiting.get(path)))
            waiter.start()
            wait_until(lambda: len(town.hosted.bell._waiting) == 2, "both to wait")
            if how == "session":
                accounts.sessions.logout(accounts.sessions.authenticate(token))
            else:
                accounts.memberships.remove(OPERATOR, town.id, account)
            town.lend(town.new_secret(), user)
            assert list(pieces) == []
        waiter.join(30)
    assert outcome[0].status_code in (401, 404), outcome[0].text
