"""A studio that lies harms nobody who asks it: what it says is an error, soon, and costs no more memory than
it may."""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import zstandard

from mountfs import wire
from mountfs.digest import MAX_FRAME, decode_frame, encode_frame
from mountfs.errors import (
    ContentError,
    MountfsError,
    StudioUnavailable,
    TooMany,
    WireError,
)
from mountfs.model import AssetId, CheckpointId, Chunk, ChunkId, ChunkRef, Cursor, ProjectId, Proposal
from mountfs.testing.mounts import bounded
from mountfs.transport.chunks import RemoteChunks
from mountfs.transport.client import StudioClient
from mountfs.transport.line import Line, Patience
from mountfs.wire import trees
from tests.transport.liar import (
    ASSET,
    CONTENT,
    FOLDER,
    HEAD,
    MANIFEST,
    PROJECT,
    TREE,
    Liar,
    begin,
    liar,
    lines,
    send,
    tree,
)

QUICK = Patience(tries=2, first_pause=0.01, deadline=1.0, silence=0.5, whole=1.0)

MIB = 1 << 20

REF = ChunkRef(CheckpointId("version"), 0, Chunk(ChunkId(MANIFEST["chunks"][0]["id"]), len(CONTENT)))


class Told:
    """Somebody who asks a liar."""

    def __init__(self, lying: Liar) -> None:
        self.lying = lying
        self.line = Line(lying.url, lambda: "token", patience=QUICK)
        self.studio = StudioClient(self.line, ProjectId(PROJECT))
        self.chunks = RemoteChunks(self.line, ProjectId(PROJECT))


@pytest.fixture
def told() -> Iterator[Told]:
    with liar() as lying:
        asking = Told(lying)
        yield asking
        asking.chunks.close()
        asking.line.close()


def test_what_is_true_is_believed(told: Told):
    """Or all the other tests here would say nothing."""
    assert list(told.studio.tree().assets) == ["asset"]
    assert not told.studio.changes(Cursor("1"))
    assert told.studio.manifest(CheckpointId("version")).size == len(CONTENT)
    assert len(told.studio.history(AssetId("asset"))) == 1
    assert decode_frame(told.chunks.get(REF), REF.chunk) == CONTENT


def changed(value: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {**copy.deepcopy(value), **values}


def folders(count: int) -> dict[str, Any]:
    """Folders in folders."""
    return {
        f"f{number}": changed(FOLDER, id=f"f{number}", parent=f"f{number - 1}" if number else "")
        for number in range(count)
    }


BAD_IDS = ["", ".", "..", "a b", "ü", "a" * 129, "a\n", "\x00"]

BAD_ASSETS: dict[str, dict[str, Any]] = {
    **{f"id {id_!r}": {"id": id_} for id_ in BAD_IDS},
    "made in a time that is none": {"created_at": 1 << 60},
    "made before time": {"created_at": -(1 << 60)},
    "made at a number without end": {"created_at": 10**400},
    "no name": {"name": None},
    "a name that is a list": {"name": ["a"] * 10},
    "a head that is another's": {"head": changed(HEAD, asset="other")},
    "a head of no size": {"head": changed(HEAD, size=-1)},
    "a head that is larger than anything": {"head": changed(HEAD, size=1 << 63)},
    "a head of a size that is a word": {"head": changed(HEAD, size="large")},
    "a head of half a byte": {"head": changed(HEAD, size=0.5)},
    "a head of no time": {"head": changed(HEAD, mtime_ns=1 << 63)},
    "a head that is to come": {"head": changed(HEAD, created_at=1 << 50)},
    "a head of no number": {"head": changed(HEAD, number=-1)},
    "a head of a number without end": {"head": changed(HEAD, number=1 << 40)},
    "a head without an id": {"head": changed(HEAD, id="")},
}

TREES: dict[str, object] = {
    **{
        name: tree(assets={values.get("id", "asset"): changed(ASSET, **values)})
        for name, values in BAD_ASSETS.items()
    },
    "a folder in itself": tree(collections={"folder": changed(FOLDER, parent="folder")}),
    "folders in each other": tree(
        collections={
            "folder": changed(FOLDER, parent="other"),
            "other": changed(FOLDER, id="other", parent="folder"),
        }
    ),
    "a folder that is nowhere": tree(collections={"folder": changed(FOLDER, parent="gone")}),
    "an asset that is nowhere": tree(collections={}),
    "an asset twice": tree(assets={"asset": ASSET, "other": ASSET}),
    "a folder twice": tree(collections={"folder": FOLDER, "other": FOLDER}),
    "folders without end": tree(collections={"folder": FOLDER, **folders(1000)}),
    "a folder of no time": tree(collections={"folder": changed(FOLDER, mtime=1 << 60)}),
    "a cursor of megabytes": tree(cursor="a" * 3_000_000),
    "a cursor of lines": tree(cursor="a\nb: c"),
    "a list": [TREE],
    "a word": "tree",
    "nothing": None,
    "a number": 10**1000,
    "no viewer": tree(viewer=None),
    "rights that are none": tree(viewer={**TREE["viewer"], "may": ["everything"]}),
}


@pytest.mark.parametrize("name", TREES)
def test_a_tree_that_is_none_is_not_believed(told: Told, name: str):
    """Cycles, depths, ids, sizes, times, types."""
    told.lying.answers["/tree"] = TREES[name]
    with pytest.raises(WireError):
        told.studio.tree()


LINES = {
    "no end": b"{}\n",
    "no beginning": b'{"cursor": "1"}\n',
    "nothing": b"",
    "an empty line": b"\n",
    "a cut": lines(TREE)[:-1],
    "more after the end": lines(TREE) + b"{}\n",
    "twice": lines(TREE) * 2,
    "an object": json.dumps(TREE).encode(),
    "a line without end": b" " * (9 << 20),
    "a part twice": lines(TREE).partition(b"\n")[0] + b"\n" + lines(TREE),
    "more than any tree has": b'{"collections": [%b]}\n'
    % b",".join([json.dumps(FOLDER).encode()] * 1000)
    * 30,
}


@pytest.mark.parametrize("name", LINES)
def test_a_tree_whose_lines_are_none_is_not_believed(told: Told, name: str, monkeypatch: pytest.MonkeyPatch):
    """Cut short, without end, with parts that were there; and none is longer than a mount takes."""
    monkeypatch.setattr(trees, "MAX_ROWS", 20_000)
    told.lying.answers["/tree"] = lambda handler: send(handler, LINES[name])

    def ask() -> None:
        with pytest.raises(WireError):
            told.studio.tree()

    assert bounded_memory(ask) < 64 * MIB


@pytest.mark.parametrize(
    "values",
    [
        *({"assets": [changed(ASSET, **values)]} for values in BAD_ASSETS.values()),
        {"collections": [changed(FOLDER, parent="folder")]},
        {"collections": [changed(FOLDER, id="", parent="x")]},
        {"collections": [changed(FOLDER, id="..")]},
        {"collections": [changed(FOLDER, created_at=1 << 60)]},
        {"cursor": "a" * 3_000_000},
        {"cursor": None},
        {"gone_assets": [7]},
    ],
)
def test_news_that_are_none_are_not_believed(told: Told, values: dict[str, Any]):
    """As in a tree."""
    told.lying.answers["/changes"] = {"cursor": "2", **values}
    with pytest.raises(WireError):
        told.studio.changes(Cursor("1"))


@pytest.mark.parametrize(
    "values",
    [
        {"checkpoint": "other"},
        {"size": len(CONTENT) + 1},
        {"size": -1, "chunks": [{"id": "0" * 64, "size": -1}]},
        {"size": 0, "chunks": [{"id": "0" * 64, "size": 0}]},
        {"size": 1 << 40, "chunks": [{"id": "0" * 64, "size": 1 << 40}]},
        {"chunks": []},
        {"chunks": [{"id": "../../../etc/passwd", "size": len(CONTENT)}]},
        {"chunks": [{"id": "0" * 63 + "A", "size": len(CONTENT)}]},
        {"xxh3": "none"},
        {"xxh3": None},
    ],
)
def test_a_manifest_that_is_none_is_not_believed(told: Told, values: dict[str, Any]):
    """Alone or among others."""
    told.lying.answers["/manifests/version"] = changed(MANIFEST, **values)
    with pytest.raises(WireError):
        told.studio.manifest(CheckpointId("version"))
    told.lying.answers["/manifests"] = [changed(MANIFEST, **values)]
    with contextlib.suppress(WireError):
        assert told.studio.manifests([CheckpointId("version")]) == {}


def test_versions_that_are_none_are_not_believed(told: Told):
    """A history of another file, and versions that nobody offered."""
    told.lying.answers["/history"] = [changed(HEAD, asset="other")]
    with pytest.raises(WireError):
        told.studio.history(AssetId("asset"))
    offer = Proposal(CheckpointId("mine"), AssetId("asset"), None, 0, "0" * 16, 1, ())
    for made in ([], [HEAD], [HEAD, HEAD], [changed(HEAD, id="mine", size=-1)]):
        told.lying.answers["/checkpoints"] = made
        with pytest.raises(WireError):
            told.studio.publish([offer])


@pytest.mark.parametrize(
    "kind", ["TooMany", "ChunkMissing", "ChunkCorrupt", "NotPermitted", "Exception", "object", ""]
)
@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 507, 600, 999])
def test_a_refusal_of_any_kind_is_an_error_of_ours(told: Told, kind: str, status: int):
    """Its name is looked up among errors, and nothing else; what it lacks is made up."""
    body = json.dumps({"error": "x" * 100_000, "kind": kind}).encode()
    told.lying.answers["/viewer"] = lambda handler: send(handler, body, status)
    with pytest.raises(MountfsError) as caught:
        told.studio.viewer()
    assert len(str(caught.value)) < 2000
    if isinstance(caught.value, TooMany):
        assert caught.value.retry_after


# Bodies


def drip(handler: BaseHTTPRequestHandler, lying: Liar) -> None:
    """A byte now and then, for ever."""
    begin(handler, Content_Length="1000000")
    while not lying.ended.wait(0.1):
        handler.wfile.write(b" ")


def endless(piece: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """As many bytes as anybody takes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        begin(handler, Connection="close")
        while True:
            handler.wfile.write(piece)

    return answer


def packed(raw: bytes, times: int) -> bytes:
    """Something very long, packed small."""
    packer = zstandard.ZstdCompressor().compressobj()
    return b"".join([*(packer.compress(raw) for _ in range(times)), packer.flush()])


def dripping_head(handler: BaseHTTPRequestHandler, lying: Liar) -> None:
    """A header now and then, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not lying.ended.wait(0.1):
        handler.wfile.write(b"X: y\r\n")


def silent(handler: BaseHTTPRequestHandler, lying: Liar) -> None:
    """A head, and nothing after it."""
    begin(handler, Content_Length="9")
    lying.ended.wait(60)


def cut_short(handler: BaseHTTPRequestHandler, _: Liar) -> None:
    """Less than was said."""
    begin(handler, Content_Length="9")
    handler.wfile.write(b"{")
    handler.connection.shutdown(socket.SHUT_RDWR)


def many_headers(handler: BaseHTTPRequestHandler, _: Liar) -> None:
    """Five megabytes of head."""
    headers: dict[str, Any] = {f"X-{number}": "a" * 1000 for number in range(5000)}
    begin(handler, **headers)


def zstd(body: bytes) -> Callable[[BaseHTTPRequestHandler, Liar], None]:
    """A body that is said to be packed."""
    return lambda handler, _: send(handler, body, Content_Encoding="zstd")


def plain(body: bytes, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler, Liar], None]:
    """A body as it is."""
    return lambda handler, _: send(handler, body, status, **headers)


BLOCK = (1 << 1 | 128 * 1024 << 3).to_bytes(3, "little") + b" "
"""A block of a zstd frame that unpacks to 128 KiB."""

BODIES: dict[str, Callable[[BaseHTTPRequestHandler, Liar], None]] = {
    "a drip": drip,
    "silence": silent,
    "a head that drips": dripping_head,
    "no head": lambda _, lying: [lying.ended.wait(60)].clear(),
    "without end": lambda handler, _: endless(b" " * MIB)(handler),
    "a bomb": zstd(packed(b" " * MIB, 200)),
    "bombs in bombs": zstd(b"\x28\xb5\x2f\xfd\xa0\xff\xff\xff\xff" + BLOCK * 10_000),
    "a huge window": zstd(b"\x28\xb5\x2f\xfd\x00\xf8" + BLOCK * 10),
    "no zstd": zstd(b"zstd, believe me"),
    "another packing": plain(b"{}", Content_Encoding="br"),
    "brackets": plain(b"[" * 10_000_000),
    "cut short": cut_short,
    "two lengths": plain(b"{}", content_length="1"),
    "elsewhere": lambda handler, lying: send(handler, b"", 302, Location=f"{lying.url}/elsewhere"),
    "a page": plain(b"<html>log in</html>", Content_Type="text/html"),
    "a status that is none": plain(b"{}", 699),
    "no content": plain(b"", 204),
    "half a character": plain(b'{"a": "\\ud800"}'),
    "not text": plain(b"\xff\xfe{}"),
    "headers without end": many_headers,
}

SLOW_OR_ENDLESS = (
    "a drip",
    "silence",
    "a head that drips",
    "no head",
    "without end",
    "cut short",
    "elsewhere",
    "a status that is none",
    "headers without end",
)


@pytest.mark.parametrize("name", BODIES)
def test_an_answer_that_is_none_is_an_error_soon(told: Told, name: str, monkeypatch: pytest.MonkeyPatch):
    """Slow, endless, packed, cut, led elsewhere: told so within the patience there is, and within memory."""
    monkeypatch.setattr(wire, "MAX_ANSWER", 8 * MIB)
    told.lying.answers["/tree"] = lambda handler: BODIES[name](handler, told.lying)
    assert bounded_memory(lambda: refused(told.studio.tree)) < 64 * MIB
    assert not any("elsewhere" in each for each in told.lying.asked)


def refused(ask: Callable[[], object]) -> None:
    with pytest.raises((WireError, StudioUnavailable)):
        bounded(ask, seconds=20)


def bounded_memory(act: Callable[[], None]) -> int:
    """Bytes that were in use at most while something was done."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", SLOW_OR_ENDLESS)
def test_a_chunk_that_does_not_come_is_an_error_soon(told: Told, name: str):
    """As with any other answer; more than a frame is never kept."""
    told.lying.answers["/chunks/body"] = lambda handler: BODIES[name](handler, told.lying)

    def fetch() -> None:
        with pytest.raises((StudioUnavailable, ContentError)):
            bounded(lambda: told.chunks.get(REF), seconds=20)

    assert bounded_memory(fetch) < 4 * MAX_FRAME
    assert not any("elsewhere" in each for each in told.lying.asked)


@pytest.mark.parametrize(
    "frame",
    [
        encode_frame(b"something else"),
        encode_frame(bytes(len(CONTENT))),
        b"\x28\xb5\x2f\xfd\xa0\xff\xff\xff\xff" + BLOCK * 10_000,
        packed(b"\0" * MIB, 500),
        b"",
    ],
)
def test_wrong_bytes_are_never_taken_for_the_chunk(told: Told, frame: bytes):
    """Whoever decodes them says so, and unpacks no more than the chunk has."""
    told.lying.answers["/chunks/body"] = frame

    def fetch() -> None:
        with pytest.raises((ContentError, StudioUnavailable)):
            decode_frame(told.chunks.get(REF), REF.chunk)

    assert bounded_memory(fetch) < 8 * MIB


@pytest.mark.parametrize(
    "address",
    [
        "",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "//",
        "http://[::1",
        "http://",
        "http://user:word@{host}/chunks/body",
        "http://127.0.0.1:1/x",
        "http://169.254.169.254/latest",
        "http://localhost:{port}/chunks/body",
        "http://{host}:99999/x",
        "https://[not an address]/",
        "\x00",
        "gopher:x",
        "http:\\\\{host}\\x",
        "a" * 1_000_000,
        "/chunks/\r\nX: y",
    ],
)
def test_an_address_leads_to_the_studio_or_to_a_store_that_proves_itself(told: Told, address: str):
    """No file, no neighbour, nothing in the clear that is not the studio: not fetched from, not sent to."""
    host = told.lying.url.partition("//")[2]
    there = address.format(host=host, port=host.partition(":")[2])
    told.lying.answers["/chunks/addresses"] = [{"urls": [there]}]
    told.lying.answers["/chunks/uploads"] = [there]
    with pytest.raises(MountfsError):
        decode_frame(told.chunks.get(REF), REF.chunk)
    body = "/chunks/body"
    assert not any(each.endswith(body) for each in told.lying.asked)
    with contextlib.suppress(MountfsError):
        told.chunks.put(REF.chunk.id, encode_frame(CONTENT))
    assert not any(each.startswith("PUT") and body in each for each in told.lying.asked)


@pytest.mark.parametrize(
    "given", [[], [{"urls": []}], [{"urls": []}] * 100, [{"urls": [7]}], {}, None, [None]]
)
def test_addresses_that_were_not_asked_for_are_an_error(told: Told, given: object):
    """Too few, too many, none, numbers."""
    told.lying.answers["/chunks/addresses"] = given
    with pytest.raises(MountfsError):
        told.chunks.get(REF)


def test_what_is_missing_is_of_what_was_asked(told: Told):
    """A studio cannot have anything sent that nobody had in mind."""
    told.lying.answers["/chunks/missing"] = ["1" * 64, "../x", *(f"{number:064x}" for number in range(1000))]
    assert told.chunks.missing([ChunkId("1" * 64)]) == {"1" * 64}


def test_the_token_goes_nowhere_else(told: Told):
    """Neither with a chunk's address nor after a redirect."""
    seen: list[str | None] = []

    def look(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers.get("Authorization"))
        send(handler, b"", 404)

    told.lying.answers["/chunks/body"] = look
    with pytest.raises(MountfsError):
        told.chunks.get(REF)
    assert seen
    assert set(seen) == {None}
