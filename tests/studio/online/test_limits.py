"""How much one account, or one machine, has of a studio at a time, and what a mount's client makes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from mountfs.digest import chunk_id, encode_frame
from mountfs.errors import QuotaExceeded, TooMany
from mountfs.model import ProjectId
from mountfs.studio.limits import USUAL, Limits
from mountfs.studio.traffic import Traffic
from mountfs.testing.mounts import wait_until
from mountfs.transport.chunks import RemoteChunks
from mountfs.transport.client import StudioClient
from mountfs.transport.line import Line, Patience
from tests.studio.online.attacker import Attacker, new_offer
from tests.studio.online.town import ALLOWED, BLIND, Town
from tests.studio.online.town import town as a_town

Attack = Callable[[str], Attacker]
AttackIn = Callable[[Town, str], Attacker]

FEW = Limits(
    requests=1000,
    burst=2000,
    waiting=2,
    pending_chunks=3,
    pending_bytes=1000,
    version_bytes=1000,
    repeated_bytes=100,
)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town whose studio has narrow limits."""
    with a_town(tmp_path_factory.mktemp("narrow") / "studio", FEW) as found:
        yield found


def somebody(name: str, token: str = "") -> Any:
    """Who asks."""
    return SimpleNamespace(id=name, node_token=SimpleNamespace(id=token) if token else None)


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_whoever_asks_too_fast_is_told_when_to_ask_again():
    """Each account and each token for itself; a rest fills it up again, and no further than to the brim."""
    clock = Clock()
    traffic = Traffic(Limits(requests=2, burst=4), clock)
    eve, bo, farm = somebody("eve"), somebody("bo"), somebody("eve", "farm")

    def left(who: Any) -> int:
        for count in range(10):
            try:
                traffic.count(who)
            except TooMany:
                return count
        raise AssertionError("there is no limit")

    assert left(eve) == 4
    assert [left(bo), left(farm), left(eve)] == [4, 4, 0]
    clock.now += 0.4
    assert left(eve) == 0
    clock.now += 0.1
    assert left(eve) == 1
    clock.now += 1000
    assert left(eve) == 4


def test_a_slow_rate_says_for_how_long():
    """Whole seconds, after which there is one."""
    clock = Clock()
    traffic = Traffic(Limits(requests=1, burst=1), clock)
    traffic.count(somebody("eve"))
    with pytest.raises(TooMany) as caught:
        traffic.count(somebody("eve"))
    clock.now += caught.value.retry_after
    traffic.count(somebody("eve"))


def test_who_has_rested_is_not_remembered(monkeypatch: pytest.MonkeyPatch):
    """However many ask."""
    monkeypatch.setattr("mountfs.studio.traffic._MANY", 10)
    clock = Clock()
    traffic = Traffic(Limits(requests=1, burst=5), clock)
    for number in range(50):
        traffic.count(somebody(f"{number}"))
        clock.now += 1
    assert len(traffic._buckets) <= 11


def test_twenty_machines_of_one_token_meet_no_limit():
    """Each of which asks as fast as it gets answers, when they begin with nothing, and for as long as it
    takes; all of them wait for news."""
    clock = Clock()
    traffic = Traffic(USUAL, clock)
    farm = somebody("eve", "farm")
    with ExitStack() as stack:
        for _ in range(20 * 4):
            stack.enter_context(traffic.waiting(farm))
        for _ in range(20 * 300):
            traffic.count(farm)
        for _ in range(20 * 25 * 60):
            clock.now += 1 / (20 * 25)
            traffic.count(farm)


def exhaust(studio: StudioClient) -> None:
    for _ in range(60):
        studio.viewer()


def test_requests_are_limited_for_each_account_and_token(tmp_path: Path):
    """With 429 and the seconds to wait; others, and a machine of the same person, go on. The mount's client
    does as it is told, and gets its answer."""
    with a_town(tmp_path / "studio", Limits(requests=2, burst=30)) as town:
        with town.client(town.token(ALLOWED)) as client, town.client(town.node_token(ALLOWED)) as machine:
            path = town.path("/viewer")
            answers = [client.get(path) for _ in range(60)]
            refused = [each for each in answers if each.status_code != 200]
            assert 0 < len(refused) <= 30
            assert {(each.status_code, each.headers["retry-after"]) for each in refused} == {(429, "1")}
            assert refused[0].json()["kind"] == "TooMany"
            elsewhere = f"/api/v1/projects/{town.elsewhere}/viewer"
            assert client.get(elsewhere).status_code in (404, 429)
            assert machine.get(path).status_code == 200
            with town.client(town.token(BLIND)) as other, town.client(None) as nobody:
                assert other.get(path).status_code == 200
                assert [nobody.get(path).status_code for _ in range(40)] == [401] * 40
        patient = StudioClient(town.online.line(ALLOWED), town.id)
        for _ in range(6):
            assert patient.viewer().person.username == ALLOWED
        token = town.token(ALLOWED)
        with closing(Line(town.online.url, lambda: token, patience=Patience(tries=1))) as line:
            hasty = StudioClient(line, town.id)
            with pytest.raises(TooMany):
                exhaust(hasty)


def test_no_more_wait_for_news_than_may(narrow: Town):
    """Streams and questions together; when one has ended, there is room for another. What does not wait is
    answered meanwhile."""
    path = narrow.path("/events?since=")
    cursor = ""
    with ExitStack() as stack:
        client = stack.enter_context(narrow.client(narrow.token(ALLOWED)))
        cursor = client.get(narrow.path("/tree")).json()["cursor"]
        first = stack.enter_context(client.stream("GET", f"{path}{cursor}"))
        assert first.status_code == 200
        with client.stream("GET", f"{path}{cursor}") as second:
            assert second.status_code == 200
            for rest in (f"{path}{cursor}", narrow.path(f"/changes?since={cursor}&wait=5")):
                answer = client.get(rest)
                assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
                assert answer.json()["kind"] == "TooMany"
            assert client.get(narrow.path(f"/changes?since={cursor}")).status_code == 200
            with narrow.client(narrow.token(BLIND)) as other:
                assert other.get(narrow.path("/changes?since=x&wait=5")).status_code == 200
        traffic = narrow.online.house.traffic
        wait_until(lambda: traffic._waiting.total() == 1, "the stream to be counted out")
        assert client.get(narrow.path(f"/changes?since={cursor}&wait=0.1")).status_code == 200
    wait_until(lambda: traffic._waiting.total() == 0, "all to be counted out")


def test_nobody_fills_the_disk_with_what_is_in_no_version(narrow: Town, attack_in: AttackIn):
    """507 before anything is sent, by count and by bytes; a version makes room. Others have their own."""
    attacker = attack_in(narrow, BLIND)
    raws = [b"pending %d" % number for number in range(4)]

    def uploads(*lengths: int) -> httpx.Response:
        asked = {"uploads": [{"chunk": chunk_id(b"%d" % length), "length": length} for length in lengths]}
        return attacker.ask("POST", "/chunks/uploads", asked)

    assert uploads(1, 2, 3, 4).status_code == 507
    assert uploads(500, 501).status_code == 507
    assert uploads(500, 500).status_code == 200
    for raw in raws[:3]:
        assert attacker.upload(chunk_id(raw), encode_frame(raw)).status_code == 204
    refused = uploads(1)
    assert (refused.status_code, refused.json()["kind"]) == (507, "QuotaExceeded")
    other = attack_in(narrow, ALLOWED)
    assert other.upload(chunk_id(raws[3]), encode_frame(raws[3])).status_code == 204
    assert attacker.publish(new_offer(raws[0])).status_code == 201
    assert attacker.upload(chunk_id(raws[3]), encode_frame(raws[3])).status_code == 204
    assert attacker.missing(*(chunk_id(raw) for raw in raws)) == []
    assert attacker.publish(*(new_offer(raw) for raw in raws[1:])).status_code == 201


def test_a_mount_is_told_why_it_cannot_send(narrow: Town):
    """What it wanted to send stays with it, as after a full disk."""
    line = narrow.online.line(ALLOWED)
    chunks = RemoteChunks(line, ProjectId(narrow.id))
    with closing(chunks), pytest.raises(QuotaExceeded):
        chunks.put_many({chunk_id(b"%d" % each): encode_frame(b"%d" % each) for each in range(20)})


def test_a_version_that_is_long_by_repetition_is_refused_soon(narrow: Town, attack_in: AttackIn):
    """One chunk named very often, by one who has it: 413 before anything is unpacked, and the studio goes on.
    So is one that is too long without."""
    attacker = attack_in(narrow, BLIND)
    raw = b"r" * 50
    attacker.upload(chunk_id(raw), encode_frame(raw))
    chunk = {"id": chunk_id(raw), "size": 50}

    def offer(count: int) -> httpx.Response:
        return attacker.publish(new_offer(raw * count, chunks=[chunk] * count))

    for count in (4, 19, 21, 100_000):
        began = time.monotonic()
        answer = offer(count)
        assert (answer.status_code, answer.json()["kind"]) == (413, "LimitExceeded"), count
        assert time.monotonic() - began < 20
    assert offer(3).status_code == 201


def test_a_huge_version_of_one_chunk_is_refused_by_the_usual_limits(attack: Attack):
    """Four terabytes of it, in half a million names."""
    attacker = attack(BLIND)
    raw = bytes(8 << 20)
    attacker.upload(chunk_id(raw), encode_frame(raw))
    chunk = {"id": chunk_id(raw), "size": len(raw)}
    for count in (500_000, 100_000, 9_000):
        huge = new_offer(b"", size=len(raw) * count, chunks=[chunk] * count, xxh3="0" * 16)
        answer = attacker.publish(huge)
        assert (answer.status_code, answer.json()["kind"]) == (413, "LimitExceeded"), count


def test_an_upload_that_fell_out_is_sent_again_and_named(tmp_path: Path):
    """By the mount's own client, that is told that its chunk was not uploaded."""
    with a_town(tmp_path / "studio") as town:
        _, chunks = town.online.project(ALLOWED, town.id)
        offer = town.offer(ALLOWED, b"fell out")
        uploads = town.hosted.service._sent.uploads
        uploads.settle(town.user(ALLOWED), [each.id for each in offer.chunks])
        name = offer.chunks[0].id
        assert chunks.missing([name]) == {name}
        chunks.put(name, encode_frame(b"fell out"))
        assert chunks.missing([name]) == set()


@pytest.fixture
def attack_in() -> Iterator[AttackIn]:
    with ExitStack() as stack:
        yield lambda town, username: Attacker(town, stack.enter_context(town.client(town.token(username))))
