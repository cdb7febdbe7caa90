"""What somebody tries with a client of their own to put something where it does not belong, or to say what is
not so."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
import zstandard

from mountfs import wire
from mountfs.digest import MAX_CHUNK, MAX_FRAME, chunk_id, encode_frame, xxh3_hex
from mountfs.testing.projects import new_id
from tests.studio.online.attacker import Attacker, new_offer
from tests.studio.online.town import ALLOWED, BLIND, LACKING, Town

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
