"""Versions: contents on their way to be checkpoints, and when each is due.

A version belongs to a name. Versions of one name that end within the *quiet time* of each other are one, so a
version waits that long, and for as long as somebody writes the next one, but not beyond the *join time* after
the first of them ended. An empty file waits longer: programs make one and fill it later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import trio

from mountfs.model import AssetId, Checkpoint, CheckpointId, NewAsset
from mountfs.workspace.disk import Change
from mountfs.workspace.drafts import Draft


@dataclass(frozen=True, slots=True)
class Times:
    """How long to wait for what, in seconds."""

    quiet: float = 1.0
    join: float = 10.0
    grace: float = 5.0
    empty_rest: float = 60.0
    idle: float = 10.0


class VersionState(StrEnum):
    """How far a version has come; the first three are on their way."""

    WAITING = "waiting"
    PUBLISHING = "publishing"
    REFUSED = "refused"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    EQUAL = "equal"
    DROPPED = "dropped"
    """Its file was removed before it became anything."""


@dataclass(slots=True, eq=False)
class Version:
    """One sealed content that is to be the next checkpoint of an asset.

    Its content is ``draft``, or that of ``content`` (a checkpoint, of whatever asset) if there is none.
    """

    id: CheckpointId
    order: int
    asset: AssetId
    is_new: bool
    """Whether the asset does not exist yet."""
    file: int
    """The local file whose name it is for; it says what a new asset is called."""
    draft: Draft | None
    content: Checkpoint | None
    base: CheckpointId | None
    mtime_ns: int
    executable: bool
    comment: str = ""
    state: VersionState = VersionState.WAITING
    reason: str = ""
    is_lost_race: bool = False
    first_closed: float = 0.0
    closed: float = 0.0
    hurried: bool = False
    """Whether somebody waits for it: it is due at once."""
    tries: int = 0
    stored_again: int = 0
    """How often its chunks were stored again because they were gone when it was offered."""
    not_before: float = 0.0
    """When it may be tried again after a fault."""
    new: NewAsset | None = None
    """What a new asset was offered as."""
    is_offered: bool = False
    """Whether it was offered, and nobody knows what came of it: it may be a checkpoint already."""
    checkpoint: Checkpoint | None = None
    """What it became."""
    done: trio.Event = field(default_factory=trio.Event)
    """Set when it is published, refused or not needed any more."""

    @property
    def size(self) -> int:
        """Bytes."""
        if self.draft is not None:
            return self.draft.size
        return self.content.size if self.content is not None else 0

    @property
    def is_on_its_way(self) -> bool:
        """Whether it will still become something by itself."""
        return self.state in (VersionState.WAITING, VersionState.PUBLISHING)

    @property
    def origin(self) -> AssetId | None:
        """The asset of whose checkpoints it has content, if any."""
        origin = self.draft.checkpoint if self.draft is not None else self.content
        return origin.asset if origin is not None else None

    def due(self, times: Times, *, is_written: bool) -> float:
        """When it may be sent, by the event loop's clock. ``is_written``: the next version is begun."""
        if self.hurried:
            return self.not_before
        if self.size == 0:
            return max(self.not_before, self.closed + max(times.quiet, times.empty_rest))
        latest = self.first_closed + times.join
        return max(self.not_before, latest if is_written else min(latest, self.closed + times.quiet))

    def joins(self, earlier: Version, times: Times, begun: float) -> bool:
        """Whether this one, which was begun at that moment, and an earlier one of the same name are one
        version. One whose quiet time is over is a version, though it could not be sent."""
        if earlier.state is VersionState.REFUSED:
            return True  # what was refused was never a version
        if earlier.is_offered:
            return False  # it may be one, and then this one is made from it
        if earlier.state is not VersionState.WAITING or earlier.hurried:
            return False
        if earlier.size == 0:
            return True
        return begun <= earlier.closed + times.quiet and self.closed <= earlier.first_closed + times.join

    def record(self) -> Change:
        """What the journal is to know of it; nothing once it is done."""
        if self.state not in (VersionState.WAITING, VersionState.PUBLISHING, VersionState.REFUSED):
            return Change("version", self.id, None)
        return Change("version", self.id, self.body())

    def body(self) -> dict[str, Any]:
        """All that it takes to have it again."""
        return {
            "order": self.order,
            "asset": self.asset,
            "is_new": self.is_new,
            "file": self.file,
            "draft": self.draft.id if self.draft is not None else None,
            "content": asdict(self.content) if self.content is not None else None,
            "base": self.base,
            "mtime_ns": self.mtime_ns,
            "executable": self.executable,
            "comment": self.comment,
            "state": self.state.value,
            "reason": self.reason,
            "is_lost_race": self.is_lost_race,
        }

    @classmethod
    def restored(cls, id_: str, body: Mapping[str, Any], draft: Draft | None) -> Version:
        """A version as the journal knows it; it is due at once."""
        content = body["content"]
        return cls(
            id=CheckpointId(id_),
            order=body["order"],
            asset=AssetId(body["asset"]),
            is_new=body["is_new"],
            file=body["file"],
            draft=draft,
            content=Checkpoint(**content) if content is not None else None,
            base=CheckpointId(body["base"]) if body["base"] is not None else None,
            mtime_ns=body["mtime_ns"],
            executable=body["executable"],
            comment=body["comment"],
            state=VersionState(body["state"]),
            reason=body["reason"],
            is_lost_race=body["is_lost_race"],
            hurried=True,
            is_offered=body["state"] == VersionState.PUBLISHING,
        )
