"""What happened to one subscriber's tree, step by step: whoever was at an earlier step is told the rest.

Several steps are told as one: of what changed twice the newest, and nothing of what came and went in between.
So many are kept as are less work to tell than the whole tree.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection as Many
from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

from mountfs.model import Asset, AssetId, Changes, Collection, CollectionId, Cursor, Person, Tree, UserId

_MOST = 1000
"""Steps that are kept."""

_MOST_ROWS = 20_000
"""Values in all of them; the last step is kept, whatever it has."""

K = TypeVar("K")
V = TypeVar("V")


class Step(NamedTuple):
    """From one cursor to the next: what changed, and which of it was not there before."""

    since: Cursor
    changes: Changes
    new: frozenset[AssetId | CollectionId]

    @property
    def rows(self) -> int:
        """How many values it has."""
        told = self.changes
        return 1 + sum(map(len, (told.assets, told.collections, told.gone_assets, told.gone_collections)))


class Steps:
    """The last steps of one subscriber's tree."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque()
        self._rows = 0

    def add(self, step: Step) -> None:
        """Another step, from where the last one led."""
        self._steps.append(step)
        self._rows += step.rows
        while len(self._steps) > 1 and (len(self._steps) > _MOST or self._rows > _MOST_ROWS):
            self._rows -= self._steps.popleft().rows

    def since(self, cursor: Cursor) -> Changes | None:
        """All that happened since a cursor, as one; None if that is too long ago, or another's."""
        rest: list[Step] = []
        for step in reversed(self._steps):
            rest.append(step)
            if step.since == cursor:
                return step.changes if len(rest) == 1 else joined(rest[::-1])
        return None


def step(before: Tree, now: Tree) -> Step:
    """What is different between two trees of one viewer."""
    assets, gone_assets, new_assets = _compare(before.assets, now.assets)
    collections, gone_collections, new_collections = _compare(before.collections, now.collections)
    people, _, _ = _compare(before.people, now.people)
    changes = Changes(
        now.cursor,
        assets=assets,
        collections=collections,
        gone_assets=gone_assets,
        gone_collections=gone_collections,
        people=people,
        viewer=None if now.viewer == before.viewer else now.viewer,
    )
    return Step(before.cursor, changes, frozenset((*new_assets, *new_collections)))


def joined(steps: list[Step]) -> Changes:
    """Several steps, the oldest first, as one."""
    assets: _Sum[AssetId, Asset] = _Sum()
    collections: _Sum[CollectionId, Collection] = _Sum()
    people: dict[UserId, Person] = {}
    viewer = None
    for _, changes, new in steps:
        assets.add({each.id: each for each in changes.assets}, changes.gone_assets, new)
        collections.add({each.id: each for each in changes.collections}, changes.gone_collections, new)
        people.update((each.id, each) for each in changes.people)
        viewer = changes.viewer or viewer
    return Changes(
        steps[-1].changes.cursor,
        assets=tuple(assets.now.values()),
        collections=tuple(collections.now.values()),
        gone_assets=tuple(assets.gone),
        gone_collections=tuple(collections.gone),
        people=tuple(people.values()),
        viewer=viewer,
    )


class _Sum(Generic[K, V]):
    """The things of one kind in several steps."""

    def __init__(self) -> None:
        self.now: dict[K, V] = {}
        self.gone: dict[K, None] = {}
        self._new: set[K] = set()

    def add(self, changed: Mapping[K, V], gone: Many[K], new: Many[object]) -> None:
        for key, value in changed.items():
            if key in new and key not in self.gone:
                self._new.add(key)
            self.gone.pop(key, None)
            self.now[key] = value
        for key in gone:
            self.now.pop(key, None)
            if key not in self._new:  # else it came in between
                self.gone[key] = None
            self._new.discard(key)


def _compare(before: Mapping[K, V], now: Mapping[K, V]) -> tuple[tuple[V, ...], tuple[K, ...], list[K]]:
    """What is new or another object now, what is gone, and the keys of what is new."""
    changed = tuple(value for key, value in now.items() if before.get(key) is not value)
    return changed, tuple(key for key in before if key not in now), [key for key in now if key not in before]
