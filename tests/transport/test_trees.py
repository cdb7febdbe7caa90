"""A tree on its way: in lines, that arrive in pieces as they come."""

from __future__ import annotations

import random

import msgspec
import pytest

from mountfs import wire
from mountfs.model import (
    ALL_TOGGLES,
    ROOT,
    Asset,
    AssetId,
    Checkpoint,
    CheckpointId,
    Collection,
    CollectionId,
    Cursor,
    Person,
    Tree,
    UserId,
    Viewer,
)
from mountfs.wire import trees


def a_tree(assets: int, folders: int) -> Tree:
    """A tree with so many of each."""
    ann = Person(UserId("ann"), "ann", "ann@harbor.example", "Änn \u2028 \n")
    known = [CollectionId(f"folder{number}") for number in range(folders)]
    found: dict[AssetId, Asset] = {}
    for number in range(assets):
        id_ = AssetId(f"asset{number}")
        head = Checkpoint(CheckpointId(f"v{number}"), id_, 1, 1_795_000_000, ann.id, number, "0" * 16, number)
        folder = known[number % folders] if folders else ROOT
        found[id_] = Asset(
            id_,
            f"a\n{number}",
            ".txt",
            folder,
            False,
            False,
            "",
            "todo",
            ann.id,
            1,
            head if number % 3 else None,
        )
    collections = {each: Collection(each, f"{each}", ROOT, False, 1, 2) for each in known}
    return Tree(Viewer(ann, ALL_TOGGLES), Cursor("here.1"), collections, found, {ann.id: ann})


@pytest.mark.parametrize(("assets", "folders"), [(0, 0), (1, 0), (999, 1), (1000, 3), (2501, 1001)])
def test_a_tree_arrives_as_it_was_sent(assets: int, folders: int):
    """However many pieces it comes in, wherever they end; and as one object it is what JSON is made of it."""
    tree = a_tree(assets, folders)
    lines = b"".join(trees.lines(tree))
    dice = random.Random(assets)
    for longest in (1, 7, 1000, 1 << 20) if assets < 10 else (1000, 1 << 20):
        pieces, at = [], 0
        while at < len(lines):
            length = dice.randint(1, longest)
            pieces.append(lines[at : at + length])
            at += length
        assert trees.assembled(pieces) == tree
    assert wire.decode(Tree, b"".join(trees.text(tree))) == tree
    assert msgspec.json.decode(b"".join(trees.text(tree))) == msgspec.json.decode(wire.encode(tree))


def test_what_many_things_share_is_kept_once():
    """Texts are the same objects, not only equal."""
    tree = trees.assembled(trees.lines(a_tree(3000, 2)))
    assets = tree.assets.values()
    authors = [asset.head.author for asset in assets if asset.head is not None]
    for texts in (
        [asset.extension for asset in assets],
        [asset.status for asset in assets],
        [asset.assignee for asset in assets] + authors,
    ):
        assert len({id(text) for text in texts}) == 1
    assert len({id(asset.collection) for asset in tree.assets.values()}) == 2
    assert all(asset.head is None or asset.head.asset is asset.id for asset in tree.assets.values())


def test_no_line_of_a_tree_is_long():
    """Whoever reads it has a part of it in memory at a time."""
    assert max(len(line) for line in trees.lines(a_tree(5000, 2000))) < 1 << 20
