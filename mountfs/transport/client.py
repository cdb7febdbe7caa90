"""A project of a studio, as `interfaces.Studio`: each method is one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from mountfs import wire
from mountfs.model import (
    AssetId,
    Changes,
    Checkpoint,
    CheckpointId,
    Collection,
    CollectionId,
    Cursor,
    Manifest,
    ProjectId,
    Proposal,
    Tree,
    Viewer,
)
from mountfs.transport.checking import (
    require_answers,
    require_changes,
    require_manifest,
    require_tree,
    require_versions,
)
from mountfs.transport.line import Line
from mountfs.wire import acts, trees

_EXAMINED = 100 << 20
"""Bytes a second that a studio looks through at least, before it takes a version."""

_SILENT = 2.0
"""How many times as long as an answer may take a question waits for news."""

_LONGEST_EXAMINATION = 600.0
"""Seconds. What takes longer is found done when it is offered again."""

_TRASHED = 100
"""Assets that a studio puts into the trash in a second at least."""


class StudioClient:
    """One project as the account of ``line`` sees it. Usable from any thread."""

    def __init__(self, line: Line, project: ProjectId) -> None:
        self._line = line
        self.project = project
        self._at = f"/projects/{quote(project, safe='')}"

    def viewer(self) -> Viewer:
        """Whose eyes these answers are for."""
        return self._line.ask("GET", f"{self._at}/viewer", Viewer)

    def tree(self) -> Tree:
        """All that is visible now."""
        path, most = f"{self._at}/tree", wire.MAX_ANSWER
        return require_tree(self._line.follow(path, trees.LINES, trees.assembled, most=most))

    def changes(self, since: Cursor, wait: float = 0.0) -> Changes:
        """What is different since ``since``; with ``wait``, block at most that long (seconds) for news, and
        less where silence is soon taken for a lost connection: while it waits the studio is silent."""
        wait = min(wait, wire.MAX_WAIT, _SILENT * self._line.patience.silence)
        query: dict[str, str | float] = {"since": since, "wait": wait}
        path, most = f"{self._at}/changes", wire.MAX_ANSWER
        return require_changes(self._line.ask("GET", path, Changes, query=query, wait=wait, most=most))

    def manifest(self, checkpoint: CheckpointId) -> Manifest:
        """The chunks of a checkpoint of a visible asset."""
        path = f"{self._at}/manifests/{part(checkpoint)}"
        return require_manifest(self._line.ask("GET", path, Manifest), checkpoint)

    def manifests(self, checkpoints: Sequence[CheckpointId]) -> Mapping[CheckpointId, Manifest]:
        """The manifests of several checkpoints; what would be refused is left out."""
        found: dict[CheckpointId, Manifest] = {}
        for start in range(0, len(checkpoints), wire.MAX_ADDRESSES):
            asked = wire.ManifestsAsked(list(checkpoints[start : start + wire.MAX_ADDRESSES]))
            wanted = set(asked.checkpoints)
            path, most = f"{self._at}/manifests", wire.MAX_ANSWER
            for each in self._line.ask("POST", path, list[Manifest], body=asked, most=most):
                if each.checkpoint in wanted:
                    found[each.checkpoint] = require_manifest(each, each.checkpoint)
        return found

    def history(self, asset: AssetId) -> Sequence[Checkpoint]:
        """All checkpoints of a visible asset that are not trashed, newest first."""
        path = f"{self._at}/assets/{part(asset)}/history"
        return require_versions(self._line.ask("GET", path, list[Checkpoint]), asset)

    def needed_for(self, what: AssetId | CollectionId) -> Sequence[AssetId]:
        """The visible assets that a visible thing and all below it depends on, transitively, without
        itself."""
        path, most = f"{self._at}/things/{part(what)}/needs", wire.MAX_ANSWER
        return self._line.ask("GET", path, list[AssetId], most=most)

    def publish(self, proposals: Sequence[Proposal]) -> Sequence[Checkpoint]:
        """Accept finished versions, all of them or none."""
        if not proposals:
            return []
        wait = examined_in(sum(each.size for each in proposals))
        path, body = f"{self._at}/checkpoints", list(proposals)
        return require_answers(
            self._line.ask("POST", path, list[Checkpoint], body=body, wait=wait), proposals
        )

    def make_collection(self, collection: CollectionId, name: str, parent: CollectionId) -> Collection:
        """A new collection with an id chosen by the caller. The same again answers as the first time."""
        path = f"{self._at}/collections/{part(collection)}"
        return self._line.ask("PUT", path, Collection, body=wire.Placing(name, parent))

    def rename(self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId) -> None:
        """Give a thing another name, another parent, or both."""
        self._place(what, wire.Placing(name, parent, extension))

    def check_rename(
        self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId
    ) -> None:
        """Raise what `rename` would raise, and change nothing."""
        self._place(what, wire.Placing(name, parent, extension, rehearse=True))

    def trash(self, what: AssetId | CollectionId) -> None:
        """Move an asset or a collection to the trash."""
        self._line.tell("DELETE", f"{self._at}/things/{part(what)}")

    def trash_assets(self, assets: Sequence[AssetId]) -> None:
        """Move assets to the trash, all of them or none. LimitExceeded for more than the studio takes."""
        if assets:
            asked = acts.TrashAsked(list(assets))
            self._line.tell("POST", f"{self._at}/trash", asked, wait=len(assets) / _TRASHED)

    def set_status(self, asset: AssetId, status: str) -> None:
        """Give an asset a status, by its short name."""
        path = f"{self._at}/assets/{part(asset)}/status"
        self._line.tell("PUT", path, wire.StatusGiven(status))

    def ignore_list(self) -> Sequence[str]:
        """The project's patterns for names that stay local."""
        return self._line.ask("GET", f"{self._at}/ignore-list", list[str])

    def _place(self, what: AssetId | CollectionId, placing: wire.Placing) -> None:
        self._line.tell("PUT", f"{self._at}/things/{part(what)}/place", placing)


def examined_in(size: int) -> float:
    """Seconds in which a studio has looked through so many bytes."""
    return min(size / _EXAMINED, _LONGEST_EXAMINATION)


def part(id_: str) -> str:
    """An id as one part of a path, whatever is in it. An empty one would lead elsewhere."""
    return quote(id_, safe="") or "-"
