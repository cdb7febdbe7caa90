"""A studio that goes on without network: it answers from this machine while the real one cannot be reached.

`ReplicatedStudio` asks the studio first, notes what it says in a `Replica`, and answers from that while there
is no other answer, for a limited time after there last was one.

The studio's no is never taken for a missing network: whoever is refused the tree, or has no session any more,
is not shown the replica either, until the studio says otherwise. Whatever changes something goes to the
studio and nowhere else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from mountfs import wire
from mountfs.errors import (
    DeadlineExceeded,
    LocalStateError,
    MountfsError,
    NotFound,
    NotPermitted,
    Refused,
    StudioUnavailable,
    TooMany,
    Unauthenticated,
    WireError,
)
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
    Toggle,
    Tree,
    Viewer,
)
from mountfs.rights import may_read
from mountfs.workspace.replica import Replica

log = logging.getLogger(__name__)

T = TypeVar("T")

UNREACHED = (StudioUnavailable, DeadlineExceeded, TooMany, WireError)
"""What says nothing but that there was no answer."""

OFFLINE_DAYS = 14.0

_NOTED = 600.0
"""Seconds after which it is noted again that the studio was reached."""
_LONGEST_PAUSE = 30
"""How many times as long as the first the longest pause is."""
_KNOWN_VERSIONS = 100_000


class ReplicatedStudio:
    """`interfaces.Studio` for a mount that goes on without network.

    ``epoch`` tells which life of the studio's data its last answer was from; in a new one the tree is read
    anew. ``offline_days`` is for how long the replica is shown after the studio was last reached; ``now``
    gives Unix seconds. For ``first_pause`` seconds after it could not be reached, and then for longer ones,
    it is not asked again for what can be had here, or is not worth waiting for.
    """

    def __init__(
        self,
        inner: Studio,
        replica: Replica,
        *,
        epoch: Callable[[], str] = lambda: "",
        offline_days: float = OFFLINE_DAYS,
        first_pause: float = 1.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._inner = inner
        self._replica = replica
        self._epoch = epoch
        self._offline = offline_days * 86_400
        self._now = now
        self._first_pause = first_pause
        self._closed = threading.Event()
        self._pause = 0.0
        self._ask_again = 0.0
        self._noted = 0.0
        self._known_epoch = replica.fact("epoch")
        self._assets: dict[CheckpointId, AssetId] = {}
        self._complained: set[str] = set()
        self.offline_since: float | None = None
        """Unix seconds; None while the studio answers."""

    def close(self) -> None:
        """Let nobody wait for news any more, and the replica go."""
        self._closed.set()
        self._replica.close()

    # What is known here too

    def viewer(self) -> Viewer:
        """Whose eyes these answers are for."""
        try:
            return self._reached(self._inner.viewer)
        except StudioUnavailable as exc:
            self._require_time(exc)
            return self._kept_tree(exc).viewer

    def tree(self) -> Tree:
        """All that is visible now; or was when the studio was last reached."""
        try:
            tree = self._reached(self._inner.tree, is_whole=True)
        except StudioUnavailable as exc:
            self._require_time(exc)
            tree = self._kept_tree(exc)
            log.warning("the studio cannot be reached, the project is shown as it was last known: %s", exc)
            return tree
        self._known_epoch = epoch = self._epoch()
        self._keep(lambda: self._replica.replace(tree))
        self._keep(lambda: self._replica.note(epoch=epoch))
        return tree

    def changes(self, since: Cursor, wait: float = 0.0) -> Changes:
        """What is different since ``since``. While the studio cannot be reached: nothing, after ``wait``
        seconds; it is asked again after growing pauses."""
        began = time.monotonic()
        try:
            changes = self._reached(lambda: self._inner.changes(since, wait), is_whole=True)
        except StudioUnavailable as exc:
            self._require_time(exc)
            now = time.monotonic()
            self._closed.wait(max(0.0, min(began + wait - now, self._ask_again - now)))
            return Changes(since)
        if self._known_epoch not in (None, self._epoch()):
            return Changes(changes.cursor, reload=True)
        if not changes.reload:
            self._keep(lambda: self._follow(since, changes))
        return changes

    def manifest(self, checkpoint: CheckpointId) -> Manifest:
        """The chunks of a checkpoint. StudioUnavailable for one that was not seen here."""
        try:
            found = self._reached(lambda: self._inner.manifest(checkpoint))
        except StudioUnavailable as exc:
            self._require_time(exc)
            return self._kept_manifest(checkpoint, exc)
        except NotFound:
            self._keep(lambda: self._replica.forget_manifest(checkpoint))
            raise
        self._keep(lambda: self._replica.remember([found], self._assets))
        return found

    def manifests(self, checkpoints: Sequence[CheckpointId]) -> Mapping[CheckpointId, Manifest]:
        """The manifests of several checkpoints; what cannot be had is left out."""
        try:
            found = self._reached(lambda: self._inner.manifests(checkpoints))
        except StudioUnavailable as exc:
            self._require_time(exc)
            kept: dict[CheckpointId, Manifest] = {}
            for each in checkpoints:
                with suppress(MountfsError):
                    kept[each] = self._kept_manifest(each, exc)
            return kept
        if found:
            self._keep(lambda: self._replica.remember(found.values(), self._assets))
        return found

    def ignore_list(self) -> Sequence[str]:
        """The project's patterns for names that stay local."""
        try:
            found = self._reached(self._inner.ignore_list)
        except StudioUnavailable as exc:
            self._require_time(exc)
            kept = self._replica.fact("ignore")
            if kept is None:
                raise
            return wire.decode(list[str], kept.encode())
        self._keep(lambda: self._replica.note(ignore=wire.encode(list(found)).decode()))
        return found

    # What only the studio knows, and does

    def history(self, asset: AssetId) -> Sequence[Checkpoint]:
        """All checkpoints of a visible asset. StudioUnavailable."""
        found = self._reached(lambda: self._inner.history(asset))
        if len(self._assets) > _KNOWN_VERSIONS:
            self._assets.clear()
        self._assets.update((checkpoint.id, asset) for checkpoint in found)
        return found

    def publish(self, proposals: Sequence[Proposal]) -> Sequence[Checkpoint]:
        """Accept finished versions. StudioUnavailable: try again later."""
        return self._inner.publish(proposals)

    def make_collection(self, collection: CollectionId, name: str, parent: CollectionId) -> Collection:
        """A new collection. StudioUnavailable: try again later."""
        return self._inner.make_collection(collection, name, parent)

    def rename(self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId) -> None:
        """Another name or parent. StudioUnavailable: try again later."""
        self._inner.rename(what, name, extension, parent)

    def check_rename(
        self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId
    ) -> None:
        """Raise what `rename` would raise. StudioUnavailable."""
        self._reached(lambda: self._inner.check_rename(what, name, extension, parent))

    def trash(self, what: AssetId | CollectionId) -> None:
        """Into the trash. StudioUnavailable: try again later."""
        self._inner.trash(what)

    def set_status(self, asset: AssetId, status: str) -> None:
        """Give an asset a status. StudioUnavailable."""
        self._inner.set_status(asset, status)

    # With and without the studio

    def _reached(self, ask: Callable[[], T], *, is_whole: bool = False) -> T:
        """What the studio answers, and that it did. StudioUnavailable if it has not, however that came.
        ``is_whole``: a no is about the project, not about one thing in it."""
        if time.monotonic() < self._ask_again:
            raise StudioUnavailable("the studio could not be reached a moment ago")
        try:
            answer = ask()
        except UNREACHED as exc:
            if self.offline_since is None:
                self.offline_since = self._now()
            self._pause = min(2 * self._pause or self._first_pause, _LONGEST_PAUSE * self._first_pause)
            self._ask_again = time.monotonic() + self._pause
            if isinstance(exc, StudioUnavailable):
                raise
            raise StudioUnavailable(str(exc)) from exc
        except (Unauthenticated, NotFound, Refused) as exc:
            self._is_back()
            if is_whole or isinstance(exc, Unauthenticated):
                self._noted = 0.0
                lost = not isinstance(exc, Unauthenticated)
                self._keep(self._replica.forget if lost else lambda: self._replica.note(confirmed=None))
            raise
        self._is_back()
        if abs(self._now() - self._noted) >= _NOTED:
            self._noted = self._now()
            self._keep(lambda: self._replica.note(confirmed=str(int(self._noted))))
        return answer

    def _is_back(self) -> None:
        if self.offline_since is not None:
            log.info("the studio is reached again")
        self.offline_since, self._pause, self._ask_again = None, 0.0, 0.0

    def _follow(self, since: Cursor, changes: Changes) -> None:
        """Bring the replica to where the mount is. If it could not be written for a while, it asks for what
        it has missed itself."""
        cursor = self._replica.cursor
        if cursor == since:
            if changes or changes.people or changes.cursor != since:
                self._replica.apply(changes)
        elif cursor != changes.cursor:
            missed = self._inner.changes(cursor) if cursor is not None else None
            if missed is None or missed.reload:
                self._replica.replace(self._inner.tree())
            else:
                self._replica.apply(missed)

    def _require_time(self, why: Exception) -> None:
        """StudioUnavailable if the replica may not be shown (any more)."""
        confirmed = self._replica.fact("confirmed")
        if confirmed is None:
            raise StudioUnavailable(
                f"the studio has to be reached once more before this project is shown here ({why})"
            ) from why
        passed = self._now() - float(confirmed)
        if passed < -_NOTED or passed > self._offline:
            when = datetime.fromtimestamp(float(confirmed), UTC).strftime("%Y-%m-%d")
            how = "too long ago" if passed > 0 else "in the future by this machine's clock, so set it,"
            raise StudioUnavailable(
                f"the studio was last reached on {when}, which is {how} to go on without it: connect this"
                f" machine to its network ({why})"
            ) from why

    def _kept_tree(self, why: Exception) -> Tree:
        tree = self._replica.tree()
        if tree is None:
            raise StudioUnavailable(
                f"the studio cannot be reached, and nothing is known here ({why})"
            ) from why
        return tree

    def _kept_manifest(self, checkpoint: CheckpointId, why: Exception) -> Manifest:
        found = self._replica.manifest(checkpoint)
        if found is None:
            raise StudioUnavailable(f"this version is not on this machine ({why})") from why
        viewer = self._replica.fact("viewer")
        if viewer is None or not may_read(wire.decode(Viewer, viewer.encode())):
            raise NotPermitted(Toggle.PULL_CHUNK)
        return found

    def _keep(self, act: Callable[[], None]) -> None:
        """Note something here. What cannot be noted is told once, and costs nobody the studio's answer."""
        try:
            act()
        except (LocalStateError, *UNREACHED) as exc:
            is_new = str(exc) not in self._complained and len(self._complained) < 100
            if is_new and not self._closed.is_set():  # else somebody was asked when the mount ended
                self._complained.add(str(exc))
                log.warning("what the studio says is not kept for use without network: %s", exc)
