"""A studio that goes on without network: it answers from this machine while the real one cannot be reached.

`ReplicatedStudio` asks the studio first, notes what it says in a `Replica`, and answers from that while there
is no other answer, for a limited time after there last was one.

The studio's no is never taken for a missing network: whoever is refused the tree, or has no session any more,
is not shown the replica by another mount either, until the studio says otherwise. A mount that runs when its
session ends goes on with what is here until somebody logs in again. Whatever changes something goes to the
studio and nowhere else; while it is known to be away, the answer to that comes at once.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from mountfs import wire
from mountfs.errors import (
    DeadlineExceeded,
    LimitExceeded,
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
from mountfs.interfaces import BulkStudio, Studio
from mountfs.model import (
    AssetId,
    Changes,
    Checkpoint,
    CheckpointId,
    ChunkId,
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
from mountfs.wire.settings import OFFLINE_DAYS
from mountfs.workspace.replica import Replica

log = logging.getLogger(__name__)

T = TypeVar("T")

UNREACHED = (StudioUnavailable, DeadlineExceeded, TooMany, WireError)
"""What says nothing but that there was no answer."""

_STARTING_AGAIN = 10.0
"""Seconds."""

_NOTED = 600.0
"""Seconds after which it is noted again that the studio was reached."""
_LONGEST_PAUSE = 5
"""How many times as long as the first the longest pause is: a studio that is back is found soon, and being
asked by each mount every few seconds costs it nothing."""
_WITHOUT_SESSION = 30
"""The same for the pause after an answer that there is no session: a login ends it at once."""
_KNOWN_VERSIONS = 100_000


class ReplicatedStudio:
    """`interfaces.Studio` for a mount that goes on without network.

    ``epoch`` tells which life of the studio's data its last answer was from; in a new one the tree is read
    anew. ``offline_days`` asks the studio for how long the replica is shown after it was last reached; that
    is asked now and then, and remembered with the replica. ``now`` gives Unix seconds. For ``first_pause``
    seconds after it could not be reached, and then for longer ones, it is not asked again for what can be
    had here, or is not worth waiting for.
    """

    def __init__(
        self,
        inner: Studio,
        replica: Replica,
        *,
        epoch: Callable[[], str] = lambda: "",
        offline_days: Callable[[], int] = lambda: OFFLINE_DAYS,
        first_pause: float = 1.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._inner = inner
        self._replica = replica
        self._epoch = epoch
        self._offline_days = offline_days
        self._now = now
        self._first_pause = first_pause
        self._closed = threading.Event()
        self._stirred = threading.Event()
        self._following = threading.Lock()
        self._pause = 0.0
        self._ask_again = 0.0
        self._noted = 0.0
        self._known_epoch = replica.fact("epoch")
        self._assets: dict[CheckpointId, AssetId] = {}
        self._complained: set[str] = set()
        self.offline_since: float | None = None
        """Unix seconds; None while the studio answers."""
        self._was_there = False
        self.needs_login = False
        """Whether the studio knows no session of this account any more."""
        self.why = ""
        """What kept the studio from being reached."""

    @property
    def epoch(self) -> str:
        """The life of the studio's data in which the tree was last read."""
        return self._known_epoch or ""

    @property
    def is_another(self) -> bool:
        """Whether the studio is in another one by now."""
        return self._known_epoch not in (None, self._epoch())

    @property
    def is_lost(self) -> bool:
        """Whether it is away for longer than a studio needs to start again, or always was."""
        since = self.offline_since
        return since is not None and (not self._was_there or abs(self._now() - since) > _STARTING_AGAIN)

    @property
    def is_away(self) -> bool:
        """Whether asking is of no use just now: there was no answer a moment ago, or no session."""
        return time.monotonic() < self._ask_again

    def require_reached(self) -> None:
        """StudioUnavailable or Unauthenticated, at once, while asking is of no use."""
        if not self.is_away:
            return
        if self.needs_login:
            raise Unauthenticated("your session at the studio has ended: log in again with mountfs login")
        raise StudioUnavailable(f"the studio could not be reached a moment ago: {self.why}")

    def take_gone(self) -> set[ChunkId]:
        """Chunks that nothing in sight needs any more, each once."""
        try:
            return self._replica.take_gone()
        except LocalStateError:
            return set()

    def lost(self, why: StudioUnavailable) -> None:
        """Somebody else has found that it cannot be reached."""
        self._is_gone(why, self._first_pause)

    def ask_again(self) -> None:
        """Something is different, such as a new session: ask again now."""
        self._pause = self._ask_again = 0.0
        self._stirred.set()

    def close(self) -> None:
        """Let nobody wait for news any more, and the replica go."""
        self._closed.set()
        self._stirred.set()
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
        """What is different since ``since``. While the studio cannot be reached, or knows no session:
        nothing, after ``wait`` seconds; it is asked again after growing pauses."""
        began = time.monotonic()
        try:
            changes = self._reached(lambda: self._inner.changes(since, wait), is_whole=True)
        except Unauthenticated:
            self._rest(began + wait)
            return Changes(since)
        except StudioUnavailable as exc:
            if not self.needs_login:
                self._require_time(exc)
            self._rest(began + wait)
            return Changes(since)
        if self.is_another:
            return Changes(changes.cursor, reload=True)
        if not changes.reload:
            self._keep(lambda: self._follow(since, changes))
        return changes

    def manifest(self, checkpoint: CheckpointId) -> Manifest:
        """The chunks of a checkpoint. StudioUnavailable for one that was not seen here."""
        try:
            found = self._reached(lambda: self._inner.manifest(checkpoint))
        except (StudioUnavailable, Unauthenticated) as exc:
            if not self.needs_login:
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
        except (StudioUnavailable, Unauthenticated) as exc:
            if not self.needs_login:
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

    def needed_for(self, what: AssetId | CollectionId) -> Sequence[AssetId]:
        """What a thing depends on. StudioUnavailable."""
        return self._reached(lambda: self._inner.needed_for(what))

    def publish(self, proposals: Sequence[Proposal]) -> Sequence[Checkpoint]:
        """Accept finished versions. StudioUnavailable: try again later."""
        return self._reached(lambda: self._inner.publish(proposals))

    def make_collection(self, collection: CollectionId, name: str, parent: CollectionId) -> Collection:
        """A new collection. StudioUnavailable: try again later."""
        return self._reached(lambda: self._inner.make_collection(collection, name, parent))

    def rename(self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId) -> None:
        """Another name or parent. StudioUnavailable: try again later."""
        self._reached(lambda: self._inner.rename(what, name, extension, parent))

    def check_rename(
        self, what: AssetId | CollectionId, name: str, extension: str, parent: CollectionId
    ) -> None:
        """Raise what `rename` would raise. StudioUnavailable."""
        self._reached(lambda: self._inner.check_rename(what, name, extension, parent))

    def trash(self, what: AssetId | CollectionId) -> None:
        """Into the trash. StudioUnavailable: try again later."""
        self._reached(lambda: self._inner.trash(what))

    def trash_assets(self, assets: Sequence[AssetId]) -> None:
        """Many into the trash, all of them or none. StudioUnavailable: try again later."""
        inner = self._inner
        if not isinstance(inner, BulkStudio):
            raise LimitExceeded("this studio takes one thing at a time")
        self._reached(lambda: inner.trash_assets(assets))

    def set_status(self, asset: AssetId, status: str) -> None:
        """Give an asset a status. StudioUnavailable."""
        self._reached(lambda: self._inner.set_status(asset, status))

    # With and without the studio

    def _reached(self, ask: Callable[[], T], *, is_whole: bool = False) -> T:
        """What the studio answers, and that it did. StudioUnavailable if it has not, however that came.
        ``is_whole``: a no is about the project, not about one thing in it."""
        self.require_reached()
        self._stirred.clear()
        try:
            answer = ask()
        except UNREACHED as exc:
            pause = min(2 * self._pause or self._first_pause, _LONGEST_PAUSE * self._first_pause)
            self._is_gone(exc, pause, exc.retry_after if isinstance(exc, TooMany) else 0.0)
            if isinstance(exc, StudioUnavailable):
                raise
            raise StudioUnavailable(str(exc)) from exc
        except Unauthenticated as exc:
            self._noted = 0.0
            self._keep(lambda: self._replica.note(confirmed=None))
            self.needs_login = True
            self._is_gone(exc, _WITHOUT_SESSION * self._first_pause)
            raise
        except (NotFound, Refused):
            self._is_back()
            if is_whole:
                self._noted = 0.0
                self._keep(self._replica.forget)
            raise
        self._is_back()
        if abs(self._now() - self._noted) >= _NOTED:
            self._noted = self._now()
            self._keep(lambda: self._replica.note(confirmed=str(int(self._noted))))
            self._keep(self._learn_days)
        return answer

    def _learn_days(self) -> None:
        with suppress(MountfsError):  # then it is asked the next time
            days = self._offline_days()
            self._replica.note(offline_days=str(days))

    def _is_gone(self, why: Exception, pause: float, least: float = 0.0) -> None:
        if self.offline_since is None:
            self.offline_since = self._now()
            log.info("the studio is not reached: %s", why)
        self.why = str(why)
        self._pause = pause
        # Mounts that lost a studio at the same moment do not all come back at the same one.
        if not self._stirred.is_set():
            self._ask_again = time.monotonic() + least + random.uniform(pause / 2, pause)

    def _is_back(self) -> None:
        if self.offline_since is not None:
            log.info("the studio is reached again")
        self.offline_since, self.needs_login, self.why = None, False, ""
        self._was_there = True
        self._pause = self._ask_again = 0.0

    def _rest(self, until: float) -> None:
        """Wait for that moment, or until the studio is to be asked again."""
        self._stirred.wait(max(0.0, min(until, self._ask_again) - time.monotonic()))

    def _follow(self, since: Cursor, changes: Changes) -> None:
        """Bring the replica to where the mount is. If it could not be written for a while, it asks for what
        it has missed itself. A question that was given up may be answered beside the next one."""
        with self._following:
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
        allowed = int(self._replica.fact("offline_days") or OFFLINE_DAYS) * 86_400
        if passed < -_NOTED or passed > allowed:
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
            if isinstance(why, Unauthenticated):
                raise why
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


def far(studio: Studio) -> ReplicatedStudio | None:
    """The studio, if it is one that may be away; None where the project is a file."""
    return studio if isinstance(studio, ReplicatedStudio) else None


def reach_of(studio: Studio) -> Mapping[str, object] | None:
    """Whether a studio is reached, and since when it is not (Unix seconds); None where there is none."""
    remote = far(studio)
    if remote is None:
        return None
    return {
        "reached": remote.offline_since is None,
        "since": remote.offline_since,
        "reason": remote.why,
        "needs_login": remote.needs_login,
    }
