"""A tree on its way from studio to mount, as long as it may be: neither side holds it as text.

It goes in *lines* of JSON, each a `TreePart`: the first says whose eyes it is for, the last the cursor, so
that one that was cut short is none. Programs that ask for JSON get the object that `docs/protocol.md` shows,
written piece by piece as well.

Texts that many values share (folders, people, statuses, endings) are kept once by whoever reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from mountfs import wire
from mountfs.errors import WireError
from mountfs.model import Asset, AssetId, Collection, CollectionId, Cursor, Person, Tree, UserId, Viewer

T = TypeVar("T")

LINES = "application/jsonl"
"""The media type of a tree in lines."""

MAX_ROWS = 2_000_000
"""Files and folders of a tree that a mount takes."""

_MAX_LINE = 8 << 20
"""Bytes of one line."""

_ROWS = 1000
"""Values in a line."""


@dataclass(frozen=True, slots=True)
class TreePart:
    """A line of a tree. ``viewer`` is in the first, ``cursor`` in the last."""

    viewer: Viewer | None = None
    collections: list[Collection] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    cursor: Cursor | None = None


def lines(tree: Tree) -> Iterator[bytes]:
    """A tree in lines."""
    yield _line(TreePart(viewer=tree.viewer))
    for people in _pieces(tree.people.values()):
        yield _line(TreePart(people=people))
    for collections in _pieces(tree.collections.values()):
        yield _line(TreePart(collections=collections))
    for assets in _pieces(tree.assets.values()):
        yield _line(TreePart(assets=assets))
    yield _line(TreePart(cursor=tree.cursor))


def text(tree: Tree) -> Iterator[bytes]:
    """A tree as one object, in pieces."""
    yield b'{"viewer":%b,"cursor":%b' % (wire.encode(tree.viewer), wire.encode(tree.cursor))
    for name, values in (("collections", tree.collections), ("assets", tree.assets), ("people", tree.people)):
        yield b',"%b":{' % name.encode()
        yield from _members(values)
        yield b"}"
    yield b"}"


def assembled(pieces: Iterable[bytes]) -> Tree:
    """The tree that was sent in lines, which arrive in pieces of any length. WireError."""
    viewer: Viewer | None = None
    collections: dict[CollectionId, Collection] = {}
    assets: dict[AssetId, Asset] = {}
    people: dict[UserId, Person] = {}
    shared: dict[str, str] = {}
    count = 0
    cursor: Cursor | None = None
    for line in _lines_of(pieces):
        if cursor is not None:
            raise WireError("the studio's tree goes on after its end")
        part = wire.decode(TreePart, line)
        viewer = viewer or part.viewer
        people.update((each.id, each) for each in part.people)
        collections.update((each.id, each) for each in part.collections)
        assets.update((each.id, each) for each in kept_once(part.assets, shared))
        count += len(part.collections) + len(part.assets)
        if count > MAX_ROWS:
            raise WireError(f"the studio's tree has more than {MAX_ROWS} files and folders")
        cursor = part.cursor
    if viewer is None or cursor is None:
        raise WireError("the studio's tree has no beginning, or no end")
    if count != len(collections) + len(assets):
        raise WireError("the studio's tree has something twice")
    return Tree(viewer, cursor, collections, assets, people)


def kept_once(assets: Iterable[Asset], shared: dict[str, str]) -> Iterator[Asset]:
    """The same assets, each of whose texts that others have, too, is the one in ``shared``. Without that a
    hundred thousand of them, as they are read, take 50 MB more."""
    once, put = shared.setdefault, object.__setattr__  # they are frozen, and stay equal
    for asset in assets:
        put(asset, "extension", once(asset.extension, asset.extension))
        put(asset, "collection", once(asset.collection, asset.collection))
        put(asset, "status", once(asset.status, asset.status))
        put(asset, "assignee", once(asset.assignee, asset.assignee))
        head = asset.head
        if head is not None:
            put(head, "author", once(head.author, head.author))
            if head.asset == asset.id:
                put(head, "asset", asset.id)
            if head.created_at == asset.created_at:
                put(head, "created_at", asset.created_at)
        yield asset


def _line(part: TreePart) -> bytes:
    return wire.encode(part) + b"\n"


def _lines_of(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    length = 0
    for piece in pieces:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            held.append(piece[start:end])
            yield b"".join(held)
            held, length, start = [], 0, end + 1
        if start < len(piece):
            held.append(piece[start:])
            length += len(piece) - start
            if length > _MAX_LINE:
                raise WireError("a line of the studio's tree has no end")
    if held:
        raise WireError("the studio's tree was cut short")


def _members(values: Mapping[Any, object]) -> Iterator[bytes]:
    between = b""
    for some in _pieces(values.items()):
        yield between + wire.encode(dict(some))[1:-1]
        between = b","


def _pieces(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while piece := list(islice(rest, _ROWS)):
        yield piece
