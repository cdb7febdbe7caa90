"""What a subscriber is told who was at an earlier tree: the steps since, as one."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from mountfs.model import (
    ROOT,
    Asset,
    AssetId,
    Changes,
    Collection,
    CollectionId,
    Cursor,
    Person,
    Tree,
    UserId,
    Viewer,
)
from mountfs.studio import steps
from mountfs.studio.steps import Steps, step
from tests.studio.harbor import Harbor, proposal

ANN = Person(UserId("ann"), "ann", "ann@harbor.example")


def tree(number: int, assets: dict[str, Asset], collections: dict[str, Collection]) -> Tree:
    return Tree(
        Viewer(ANN, frozenset()),
        Cursor(f"{number}"),
        {CollectionId(key): value for key, value in collections.items()},
        {AssetId(key): value for key, value in assets.items()},
        {ANN.id: ANN},
    )


def asset(key: str, size: int) -> Asset:
    return Asset(AssetId(key), f"{size}", ".x", ROOT, False, False, "", "todo", ANN.id, 1, None)


def folder(key: str, size: int) -> Collection:
    return Collection(CollectionId(key), f"{size}", ROOT, False, 1, 1)


def applied(before: Tree, changes: Changes) -> Tree:
    """The tree of somebody who takes changes over; what is said to be gone has to be there."""
    assets, collections = dict(before.assets), dict(before.collections)
    for gone in changes.gone_assets:
        del assets[gone]
    for away in changes.gone_collections:
        del collections[away]
    assets.update((each.id, each) for each in changes.assets)
    collections.update((each.id, each) for each in changes.collections)
    return replace(before, cursor=changes.cursor, assets=assets, collections=collections)


@pytest.mark.parametrize("seed", range(20))
def test_steps_that_are_told_as_one_lead_to_the_same_tree(seed: int):
    """From whatever tree one was at; nothing is said of what came and went in between."""
    dice = random.Random(seed)
    trees = [tree(0, {}, {})]
    told = Steps()
    for number in range(1, 12):
        assets = {str(key): each for key, each in trees[-1].assets.items()}
        collections = {str(key): each for key, each in trees[-1].collections.items()}
        for _ in range(dice.randint(1, 4)):
            key = dice.choice("abcdef")
            if dice.random() < 0.4:
                assets.pop(key, None)
                collections.pop(f"f{key}", None)
            else:
                assets[key] = asset(key, dice.randint(1, 3))
                collections[f"f{key}"] = folder(f"f{key}", dice.randint(1, 3))
        trees.append(tree(number, assets, collections))
        told.add(step(trees[-2], trees[-1]))
    for before in trees[:-1]:
        changes = told.since(before.cursor)
        assert changes is not None
        now = applied(before, changes)
        assert now == replace(trees[-1], cursor=Cursor("11"))
    assert told.since(Cursor("11")) is None
    assert told.since(Cursor("x")) is None


def test_so_many_steps_are_kept_as_are_less_work_than_the_tree(monkeypatch: pytest.MonkeyPatch):
    """By their number, and by what is in them; the last one always."""
    monkeypatch.setattr(steps, "_MOST", 3)
    monkeypatch.setattr(steps, "_MOST_ROWS", 100)
    told = Steps()
    trees = [tree(number, {"a": asset("a", number)}, {}) for number in range(6)]
    for before, now in pairwise(trees):
        told.add(step(before, now))
    assert [told.since(each.cursor) is not None for each in trees] == [False, False, True, True, True, False]
    large = tree(6, {f"{number}": asset(f"{number}", 1) for number in range(200)}, {})
    told.add(step(trees[-1], large))
    assert told.since(trees[-1].cursor) is not None
    assert told.since(trees[-2].cursor) is None


def test_a_slow_reader_is_told_everything_at_once(harbor: Harbor):
    """However many changes there were since, and however often others looked meanwhile."""
    eve, place = harbor.as_("eve"), harbor.file("characters/owl/owl.blend")
    cursor = eve.tree().cursor
    for number in range(10):
        eve.publish([proposal(eve, b"%d" % number, asset=eve.tree().assets[place])])
    changes = eve.changes(cursor)
    assert not changes.reload
    assert [each.number for each in changes.assets] == [11]
    assert changes.cursor == eve.tree().cursor
