"""One project as one viewer sees it: the reading half of a bound studio.

What a viewer sees is worked out once for each state of the catalogue. The tree is made of the catalogue's
own values, so that two trees are compared by identity; what differs between one and the next is a step, and
changes are the steps since a cursor. Cursors count this viewer's trees and nothing else: what they may not
see does not move them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection

from mountfs.errors import ContentError, MountfsError
from mountfs.model import (
    AssetId,
    Changes,
    Checkpoint,
    CheckpointId,
    Cursor,
    Manifest,
    Person,
    Tree,
    UserId,
    Viewer,
)
from mountfs.rights import may_read, may_see_history
from mountfs.storage.open import Project
from mountfs.studio import history
from mountfs.studio.catalogue import Catalogue, Member
from mountfs.studio.change import nothing
from mountfs.studio.ignore_list import ignore_list
from mountfs.studio.manifests import Recorded, recorded
from mountfs.studio.permissions import Act, require
from mountfs.studio.reading import CatalogueReader
from mountfs.studio.steps import Step, Steps, step
from mountfs.studio.visibility import BLIND, Sight

_BREATH = 0.03
"""Seconds between two looks for whoever waits for news: commits come in bursts, and each look costs."""


class View:
    """What one member, or the owner, sees. Usable from any thread.

    ``epoch`` makes the cursors of two views different.
    """

    def __init__(
        self, project: Project, reader: CatalogueReader, member: Member, *, is_owner: bool, epoch: str
    ) -> None:
        self.is_owner = is_owner
        self._project = project
        self._reader = reader
        self.member = member
        self._person = member.person
        self._epoch = epoch
        self._seen: tuple[int, Viewer, Sight] | None = None
        self._drawn: _Drawn | None = None
        self._steps = Steps()
        self._count = 0
        self._heads_given: set[CheckpointId] = set()

    def viewer(self) -> Viewer:
        """Whose eyes these answers are for."""
        with self._reader.current() as catalogue:
            return self._look(catalogue)[0]

    def tree(self) -> Tree:
        """All that is visible now."""
        with self._reader.current() as catalogue:
            return self._tree(catalogue)

    def changes(self, since: Cursor, wait: float = 0.0) -> Changes:
        """What is different since ``since``; with ``wait``, block at most that long (seconds) for news."""
        deadline = time.monotonic() + wait
        while True:
            version = self._project.database.data_version()
            with self._reader.current() as catalogue:
                now = self._tree(catalogue)
                passed = Changes(now.cursor) if since == now.cursor else self._steps.since(since)
            if passed is None:
                return Changes(now.cursor, viewer=now.viewer, reload=True)
            left = deadline - time.monotonic()
            if since != now.cursor or left <= 0:
                return passed
            self._project.database.wait_for_commit(left, version)
            time.sleep(min(left, _BREATH))

    def manifest(self, checkpoint: CheckpointId) -> Manifest:
        """The chunks of a checkpoint of a visible asset. NotPermitted without `pull_chunk`, and for one
        that is not the head also without `view_checkpoint`. ContentError for a row that cannot be right."""
        if not checkpoint:
            raise ContentError("the version is damaged: it has no id")
        with self.looking() as (connection, catalogue, sight):
            version = recorded(connection, [checkpoint]).get(checkpoint)
            if version is None or not self._is_visible(version, sight):
                raise nothing()
            viewer = self._look(catalogue)[0]
            is_head = _is_head(version, catalogue)
        require(viewer, Act.READ_CONTENT)
        if is_head:
            self._heads_given.add(version.id)
        else:
            require(viewer, Act.READ_HISTORY)
        return self._laid_out(version)

    def manifests(self, checkpoints: Sequence[CheckpointId]) -> Mapping[CheckpointId, Manifest]:
        """Those of these manifests that `manifest` would answer, read in one transaction."""
        with self.looking() as (connection, catalogue, sight):
            viewer = self._look(catalogue)[0]
            if not may_read(viewer):
                return {}
            visible = [
                version
                for version in recorded(connection, checkpoints).values()
                if self._is_visible(version, sight)
            ]
            heads = {version.id for version in visible if _is_head(version, catalogue)}
        self._heads_given |= heads
        versions = [version for version in visible if may_see_history(viewer) or version.id in heads]
        found = {}
        for version in versions:
            with suppress(MountfsError):
                found[version.id] = self._laid_out(version)
        return found

    def knows_all(self, checkpoints: Sequence[CheckpointId]) -> bool:
        """Whether all of these exist, seen or not: for whoever is about to offer them, who is told only if
        they are theirs."""
        with self._project.database.reading() as connection:
            return recorded(connection, checkpoints).keys() >= set(checkpoints)

    def _is_visible(self, version: Recorded, sight: Sight) -> bool:
        return not version.trashed and version.asset in sight.assets

    def _laid_out(self, version: Recorded) -> Manifest:
        chunks = self._project.sizes.layout(version.chunk_ids(), version.size)
        return Manifest(version.id, version.size, version.xxh3, chunks)

    def history(self, asset: AssetId) -> Sequence[Checkpoint]:
        """All checkpoints of a visible asset that are not trashed, newest first. NotPermitted without
        `view_checkpoint`."""
        with self.looking() as (connection, catalogue, sight):
            if asset not in sight.assets:
                raise nothing()
            require(self._look(catalogue)[0], Act.READ_HISTORY)
            known = history.checkpoints(connection, asset, catalogue.versions_of(asset).rows)
        return [checkpoint for checkpoint in reversed(known) if not checkpoint.trashed]

    def ignore_list(self) -> tuple[str, ...]:
        """The project's patterns for names that stay local."""
        with self._project.database.reading() as connection:
            return ignore_list(connection)

    def require_in_reach(self, version: Recorded) -> None:
        """NotFound unless the version's asset is visible now, NotPermitted unless its bytes may be had.

        A version whose manifest the viewer was given while it was the head is not history to them: whoever
        has it open reads it to its end.
        """
        with self._reader.current() as catalogue:
            viewer, sight = self._look(catalogue)
            if version.asset not in sight.assets:
                raise nothing()
            is_head = version.id in self._heads_given or _is_head(version, catalogue)
        require(viewer, Act.READ_CONTENT)
        if not is_head:
            require(viewer, Act.READ_HISTORY)

    @contextmanager
    def looking(self) -> Iterator[tuple[Connection, Catalogue, Sight]]:
        """A snapshot of the file, and the catalogue and sight that go with it."""
        with self._reader.lock, self._project.database.reading() as connection:
            self._reader.catch_up()
            yield connection, self._reader.catalogue, self._look(self._reader.catalogue)[1]

    @contextmanager
    def snapshot(self) -> Iterator[tuple[Connection, Sight]]:
        """A snapshot of the file, and what was seen when it began: for what takes long. The reader's lock is
        not held."""
        with self.looking() as (_, _, sight):
            pass
        with self._project.database.reading() as connection:
            yield connection, sight

    def _look(self, catalogue: Catalogue) -> tuple[Viewer, Sight]:
        """Who is looking, and what they see; the reader's lock is held."""
        if self._seen is None or self._seen[0] != catalogue.shape:
            viewer, sight = self._viewer(catalogue), self._sight(catalogue)
            if self._seen is not None and self._seen[1] == viewer:
                viewer = self._seen[1]
            self._seen = (catalogue.shape, viewer, sight)
        return self._seen[1], self._seen[2]

    def _viewer(self, catalogue: Catalogue) -> Viewer:
        member = catalogue.members.get(self._person.id)
        role = catalogue.roles.get(member.role) if member else None
        person = member.person if member else self._person
        return Viewer(person, role.may if role else frozenset(), owner=self.is_owner)

    def _sight(self, catalogue: Catalogue) -> Sight:
        if self.is_owner:
            return self._reader.reach().everything()
        if self._person.id not in catalogue.members:
            return BLIND
        return self._reader.reach().sight(self._person.id)

    def _tree(self, catalogue: Catalogue) -> Tree:
        drawn = self._drawn
        if drawn is not None and drawn.generation == catalogue.generation:
            return drawn.tree
        viewer, sight = self._look(catalogue)
        cursor = Cursor(f"{self._epoch}.{self._count + 1}")
        touched, passed = None, None
        if drawn is not None and drawn.shape == catalogue.shape:
            touched = catalogue.touched_since(drawn.generation)
        if drawn is not None and touched is not None:
            retouched = self._retouched(catalogue, viewer, sight, drawn.tree, touched, cursor)
            tree = _applied(drawn.tree, retouched)
            passed = Step(drawn.tree.cursor, retouched, frozenset())
        else:
            collections = {id_: catalogue.collections[id_].collection for id_ in sight.collections}
            assets = {id_: catalogue.assets[id_].asset for id_ in sight.assets}
            people = self._people(catalogue, viewer, sight.assets)
            tree = Tree(viewer, cursor, collections, assets, people)
            passed = step(drawn.tree, tree) if drawn is not None else None
        if drawn is not None and passed is not None:
            if not passed.changes and not passed.changes.people:
                self._drawn = _Drawn(catalogue.generation, catalogue.shape, drawn.tree)
                return drawn.tree
            self._steps.add(passed)
        self._count += 1
        self._drawn = _Drawn(catalogue.generation, catalogue.shape, tree)
        return tree

    def _retouched(
        self,
        catalogue: Catalogue,
        viewer: Viewer,
        sight: Sight,
        before: Tree,
        touched: AbstractSet[AssetId],
        cursor: Cursor,
    ) -> Changes:
        """What is different when nothing but contents and names of these assets may be. (Somebody who worked
        on one of them, and now on none, is known until the next whole look.)"""
        visible = touched & sight.assets
        new = [catalogue.assets[id_].asset for id_ in visible]
        assets = tuple(asset for asset in new if before.assets.get(asset.id) is not asset)
        known = self._people(catalogue, viewer, visible)
        people = tuple(person for id_, person in known.items() if before.people.get(id_) is not person)
        return Changes(cursor, assets=assets, people=people)

    def _people(
        self, catalogue: Catalogue, viewer: Viewer, assets: AbstractSet[AssetId]
    ) -> dict[UserId, Person]:
        """Whom the viewer may know of: those who work, or by the history worked, on assets they see."""
        if viewer.owner:
            return {user: member.person for user, member in catalogue.members.items()}
        known = {viewer.person.id}
        for id_ in assets:
            asset = catalogue.assets[id_].asset
            known.add(asset.assignee)
            if may_see_history(viewer):
                known.update(catalogue.versions_of(id_).authors)
            elif asset.head is not None:
                known.add(asset.head.author)
        members = catalogue.members
        return {user: members[user].person for user in known if user in members}


class _Drawn(NamedTuple):
    """A tree, and the state of the catalogue that it is of."""

    generation: int
    shape: int
    tree: Tree


def _applied(before: Tree, step: Changes) -> Tree:
    """A tree with the changes that `View._retouched` found."""
    assets = before.assets | {asset.id: asset for asset in step.assets}
    people = before.people | {person.id: person for person in step.people}
    return replace(before, cursor=step.cursor, assets=assets, people=people)


def _is_head(version: Recorded, catalogue: Catalogue) -> bool:
    head = catalogue.versions_of(version.asset).head
    return head is not None and head.id == version.id
