"""A studio behind a network that a test cuts and repairs, and one that says no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mountfs.errors import MountfsError, StudioUnavailable
from mountfs.interfaces import Studio
from mountfs.model import (
    AssetId,
    Changes,
    Checkpoint,
    CheckpointId,
    Collection,
    CollectionId,
    Cursor,
    Manifest,
    Proposal,
    Tree,
    Viewer,
)


class CutStudio:
    """Passes everything to another studio, unless ``fault`` is set, which is raised then."""

    def __init__(self, inner: Studio) -> None:
        self.inner = inner
        self.fault: MountfsError | None = None
        self.calls = 0

    def cut(self) -> None:
        """From now on nobody reaches the studio."""
        self.fault = StudioUnavailable("the network is cut")

    def repair(self) -> None:
        """From now on everybody does."""
        self.fault = None

    def _ask(self, name: str, *arguments: object) -> Any:
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        return getattr(self.inner, name)(*arguments)

    def viewer(self) -> Viewer:
        """The inner studio's answer, or the fault; as all that follow."""
        found: Viewer = self._ask("viewer")
        return found

    def tree(self) -> Tree:
        """All that is visible."""
        found: Tree = self._ask("tree")
        return found

    def changes(self, since: Cursor, wait: float = 0.0) -> Changes:
        """What is different."""
        found: Changes = self._ask("changes", since, wait)
        return found

    def manifest(self, checkpoint: CheckpointId) -> Manifest:
        """The chunks of a checkpoint."""
        found: Manifest = self._ask("manifest", checkpoint)
        return found

    def manifests(self, checkpoints: Sequence[CheckpointId]) -> Mapping[CheckpointId, Manifest]:
        """Those of several."""
        found: Mapping[CheckpointId, Manifest] = self._ask("manifests", checkpoints)
        return found

    def history(self, asset: AssetId) -> Sequence[Checkpoint]:
        """All checkpoints of an asset."""
        found: Sequence[Checkpoint] = self._ask("history", asset)
        return found

    def needed_for(self, what: AssetId | CollectionId) -> Sequence[AssetId]:
        """What a thing depends on."""
        found: Sequence[AssetId] = self._ask("needed_for", what)
        return found

    def publish(self, proposals: Sequence[Proposal]) -> Sequence[Checkpoint]:
        """Accept versions."""
        found: Sequence[Checkpoint] = self._ask("publish", proposals)
        return found

    def make_collection(self, collection: CollectionId, name: str, parent: CollectionId) -> Collection:
        """A new collection."""
        found: Collection = self._ask("make_collection", collection, name, parent)
        return found

    def rename(self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId) -> None:
        """Another name."""
        self._ask("rename", what, name, extension, parent)

    def check_rename(
        self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId
    ) -> None:
        """What `rename` would raise."""
        self._ask("check_rename", what, name, extension, parent)

    def trash(self, what: AssetId | CollectionId) -> None:
        """Into the trash."""
        self._ask("trash", what)

    def set_status(self, asset: AssetId, status: str) -> None:
        """Another status."""
        self._ask("set_status", asset, status)

    def ignore_list(self) -> Sequence[str]:
        """Names that stay local."""
        found: Sequence[str] = self._ask("ignore_list")
        return found
