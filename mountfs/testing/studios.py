"""A studio in memory, for tests of what stands on one: a tree that tests change, and its history.

It decides nothing: there is one viewer, who sees all that is in it. `hide` and `show` stand for whatever
reason a studio may have.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import xxhash

from mountfs.errors import NotFound, NotPermitted, Refused
from mountfs.model import (
    ALL_TOGGLES,
    NOBODY,
    ROOT,
    Asset,
    AssetId,
    Changes,
    Checkpoint,
    CheckpointId,
    Chunk,
    Collection,
    CollectionId,
    Cursor,
    Manifest,
    Person,
    Proposal,
    Toggle,
    Tree,
    UserId,
    Viewer,
)
from mountfs.names import split
from mountfs.rights import may_read, may_see_history
from mountfs.testing.stores import MemoryStore

ADA = Person(UserId("ada"), "ada", "ada@harbor.example", "Ada")
_PIECE = 64 * 1024


class MemoryStudio:
    """A project in memory. Every change goes through `_commit`, so that `changes` can tell it."""

    def __init__(self, store: MemoryStore | None = None, *, viewer: Viewer | None = None) -> None:
        self.store = store or MemoryStore()
        self._viewer = viewer or Viewer(ADA, ALL_TOGGLES, owner=True)
        self._collections: dict[CollectionId, Collection] = {}
        self._assets: dict[AssetId, Asset] = {}
        self._hidden: set[AssetId] = set()
        self.known_manifests: dict[CheckpointId, Manifest] = {}
        self._histories: dict[AssetId, list[Checkpoint]] = {}
        self._log: list[Changes] = []
        self._numbers = itertools.count()
        self._news = threading.Condition()
        self.manifest_calls: list[CheckpointId] = []

    # What tests do to it

    def folder(self, path: str) -> CollectionId:
        """The collection at a path such as ``a/b``, made if it is not there."""
        parent = ROOT
        for name in filter(None, path.split("/")):
            found = next(
                (one for one in self._collections.values() if (one.parent, one.name) == (parent, name)), None
            )
            if found is None:
                found = Collection(CollectionId(f"c{next(self._numbers)}"), name, parent, False, 1000, 1000)
                self._collections[found.id] = found
                self._commit(Changes(Cursor(""), collections=(found,)))
            parent = found.id
        return parent

    def write(
        self, path: str, content: bytes, *, executable: bool = False, assignee: UserId = NOBODY
    ) -> Checkpoint:
        """Record content as the next version of the file at a path."""
        folder, _, file_name = path.rpartition("/")
        collection = self.folder(folder)
        name, extension = split(file_name)
        asset = self._at(collection, name, extension)
        asset_id = asset.id if asset else AssetId(f"asset{next(self._numbers):04}")
        history = self._histories.setdefault(asset_id, [])
        number = len(history) + 1
        checkpoint = Checkpoint(
            id=CheckpointId(f"{asset_id}-{number}"),
            asset=asset_id,
            number=number,
            created_at=1_700_000_000 + number,
            author=ADA.id,
            size=len(content),
            xxh3=xxhash.xxh3_64_hexdigest(content),
            mtime_ns=1_600_000_000_123_456_789 + number,
            comment=f"version {number}",
            executable=executable,
        )
        pieces = [content[start : start + _PIECE] for start in range(0, len(content), _PIECE)]
        chunks: tuple[Chunk, ...] = tuple(map(self.store.add, pieces))
        self.known_manifests[checkpoint.id] = Manifest(checkpoint.id, len(content), checkpoint.xxh3, chunks)
        history.append(checkpoint)
        new = Asset(
            asset_id,
            name,
            extension,
            collection,
            False,
            False,
            "",
            "wip",
            assignee,
            1000 + number,
            checkpoint,
        )
        self._put(replace(asset, head=checkpoint) if asset else new)
        return checkpoint

    def link(self, path: str, pointer: str) -> AssetId:
        """A link at a path (without ``.url``)."""
        folder, _, name = path.rpartition("/")
        asset_id = AssetId(f"asset{next(self._numbers):04}")
        self._histories[asset_id] = []
        self._put(Asset(asset_id, name, "", self.folder(folder), True, True, pointer, "", NOBODY, 2000, None))
        return asset_id

    def asset_at(self, path: str) -> Asset:
        """The asset at a path. KeyError."""
        folder, _, file_name = path.rpartition("/")
        asset = self._at(self.folder(folder), *split(file_name))
        if asset is None:
            raise KeyError(path)
        return asset

    def change(self, path: str, **changes: object) -> None:
        """Change fields of the asset at a path."""
        self._put(replace(self.asset_at(path), **changes))  # type: ignore[arg-type]  # names are the caller's

    def trash_version(self, path: str, number: int) -> None:
        """Let a version other than the newest go. As in a real studio, no change tells of it."""
        history = self._histories[self.asset_at(path).id]
        history[:] = [version for version in history if version.number != number]

    def hide(self, path: str) -> None:
        """Let the asset at a path go out of sight."""
        asset = self.asset_at(path)
        self._hidden.add(asset.id)
        self._commit(Changes(Cursor(""), gone_assets=(asset.id,)))

    def remove_folder(self, path: str) -> None:
        """Let a collection and all in and below it go out of sight."""
        gone = {self.folder(path)}
        while more := {one.id for one in self._collections.values() if one.parent in gone} - gone:
            gone |= more
        assets = tuple(one.id for one in self._assets.values() if one.collection in gone)
        self._hidden.update(assets)
        for collection in gone:
            del self._collections[collection]
        self._commit(Changes(Cursor(""), gone_assets=assets, gone_collections=tuple(gone)))

    def rename_folder(self, path: str, to: str) -> None:
        """Give a collection another place and name."""
        parent, _, name = to.rpartition("/")
        moved = replace(self._collections[self.folder(path)], name=name, parent=self.folder(parent))
        self._collections[moved.id] = moved
        self._commit(Changes(Cursor(""), collections=(moved,)))

    def let(self, may: frozenset[Toggle], *, owner: bool = False) -> None:
        """Change what the viewer may do."""
        self._viewer = replace(self._viewer, may=may, owner=owner)
        self._commit(Changes(Cursor(""), viewer=self._viewer))

    # What a studio answers

    def viewer(self) -> Viewer:
        """Whose eyes these answers are for."""
        return self._viewer

    def tree(self) -> Tree:
        """All that is visible now."""
        assets = {one.id: one for one in self._assets.values() if one.id not in self._hidden}
        people = {ADA.id: ADA, self._viewer.person.id: self._viewer.person}
        return Tree(self._viewer, Cursor(str(len(self._log))), dict(self._collections), assets, people)

    def changes(self, since: Cursor, wait: float = 0.0) -> Changes:
        """One commit after the cursor, if there is one."""
        with self._news:
            self._news.wait_for(lambda: len(self._log) > int(since), wait)
            if len(self._log) <= int(since):
                return Changes(since)
            return replace(self._log[int(since)], cursor=Cursor(str(int(since) + 1)))

    def manifest(self, checkpoint: CheckpointId) -> Manifest:
        """The chunks of a checkpoint."""
        self.manifest_calls.append(checkpoint)
        if checkpoint not in self.known_manifests:
            raise NotFound("no such checkpoint")
        if not may_read(self._viewer):
            raise NotPermitted(Toggle.PULL_CHUNK)
        return self.known_manifests[checkpoint]

    def manifests(self, checkpoints: Sequence[CheckpointId]) -> Mapping[CheckpointId, Manifest]:
        """Those of several manifests that can be had."""
        found = {}
        for checkpoint in checkpoints:
            with suppress(NotFound, NotPermitted):
                found[checkpoint] = self.manifest(checkpoint)
        return found

    def history(self, asset: AssetId) -> Sequence[Checkpoint]:
        """All versions, newest first."""
        if asset not in self._histories or asset in self._hidden:
            raise NotFound("no such asset")
        if not may_see_history(self._viewer):
            raise NotPermitted(Toggle.VIEW_CHECKPOINT)
        return list(reversed(self._histories[asset]))

    def publish(self, proposals: Sequence[Proposal]) -> Sequence[Checkpoint]:
        """Refused."""
        raise Refused(f"a studio in memory takes no {len(proposals)} proposals")

    def needed_for(self, what: AssetId | CollectionId) -> Sequence[AssetId]:  # noqa: ARG002  # the protocol's
        """Nothing needs another."""
        return ()

    def make_collection(self, collection: CollectionId, name: str, parent: CollectionId) -> Collection:
        """Refused."""
        raise Refused(f"a studio in memory makes no {parent}/{name} ({collection})")

    def rename(self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId) -> None:
        """Refused."""
        raise Refused(f"a studio in memory does not rename {what} to {parent}/{name}{extension}")

    def trash(self, what: AssetId | CollectionId) -> None:
        """Refused."""
        raise Refused(f"a studio in memory does not trash {what}")

    def check_rename(
        self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId
    ) -> None:
        """Refused, as `rename` is."""
        raise Refused(f"a studio in memory does not rename {what} to {parent}/{name}{extension}")

    def set_status(self, asset: AssetId, status: str) -> None:
        """Refused."""
        raise Refused(f"a studio in memory does not give {asset} the status {status}")

    def ignore_list(self) -> Sequence[str]:
        """None."""
        return ()

    def _at(self, collection: CollectionId, name: str, extension: str) -> Asset | None:
        place = (collection, name, extension)
        shown = (one for one in self._assets.values() if one.id not in self._hidden)
        return next((one for one in shown if (one.collection, one.name, one.extension) == place), None)

    def _put(self, asset: Asset) -> None:
        self._assets[asset.id] = asset
        self._commit(Changes(Cursor(""), assets=(asset,)))

    def _commit(self, changes: Changes) -> None:
        with self._news:
            self._log.append(changes)
            self._news.notify_all()
