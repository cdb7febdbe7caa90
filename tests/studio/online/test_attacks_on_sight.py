"""What somebody tries with a client of their own to get at a byte or the existence of what is hidden: by
asking, by what they write, and by what goes on after the right to it has ended."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from mountfs import wire
from mountfs.digest import chunk_id, encode_frame
from mountfs.model import Chunk
from mountfs.testing.mounts import wait_until
from mountfs.testing.online import OPERATOR
from mountfs.testing.projects import new_id
from tests.studio.online.attacker import Attacker, hidden_chunk, mine, new_offer
from tests.studio.online.town import ALLOWED, BLIND, STRANGER, Town


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
