"""Versions that the studio has taken, kept on this machine for a week: in case it forgets them.

A studio that is restored from a backup lacks what came after the backup. Each mount has what it sent itself:
the draft of a version is not dropped when the studio has taken it, but put here, with the place of its file.
Which *epoch* of the studio took it is noted: in another one, `offering` looks whether it is still there.

What is kept takes no room from what is still to be sent; the oldest goes when it is a week old, when all of
it is more than the quota, or when the disk is nearly full. Kinds of records: ``accepted``.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mountfs.model import AssetId, Changes, CheckpointId, CollectionId
from mountfs.workspace.catalogue import Catalogue
from mountfs.workspace.disk import Change
from mountfs.workspace.drafts import Draft, Drafts
from mountfs.workspace.versions import Version

log = logging.getLogger(__name__)

KEPT_FOR = 7 * 86400
"""Seconds."""

QUOTA = 20 << 30
"""Bytes of drafts that are kept."""

MOST = 50_000
"""Versions that are kept: each draft is looked at when the next mount begins."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version's file was: its name, its folder, and the folders above, the nearest first, each with
    its name and what it is in."""

    name: str
    folder: CollectionId
    above: tuple[tuple[CollectionId, str, CollectionId], ...]


def place_of(catalogue: Catalogue, asset_id: AssetId) -> Place | None:
    """Where a file of the project is; None if there is none."""
    asset = catalogue.assets.get(asset_id)
    if asset is None:
        return None
    above: list[tuple[CollectionId, str, CollectionId]] = []
    at = asset.collection
    while at in catalogue.collections:
        folder = catalogue.collections[at]
        above.append((folder.id, folder.name, folder.parent))
        at = folder.parent
    return Place(asset.name + asset.extension, asset.collection, tuple(above))


@dataclass(slots=True, eq=False)
class AcceptedVersion:
    """One version that was taken. ``body`` is what the journal knew of it, ``number`` its rank among its
    asset's, ``at`` when it was taken (Unix seconds)."""

    id: CheckpointId
    asset: AssetId
    order: int
    base: CheckpointId | None
    is_new: bool
    number: int
    epoch: str
    at: float
    place: Place
    body: Mapping[str, Any]
    draft: Draft | None
    size: int = 0
    """Bytes of its draft."""
    looked_at: str = ""
    """The epoch in which it was looked for at the studio; nothing, if it was not."""

    def record(self) -> Change:
        """What the journal is to know of it."""
        body = {
            "version": dict(self.body),
            "number": self.number,
            "epoch": self.epoch,
            "at": self.at,
            "name": self.place.name,
            "folder": self.place.folder,
            "above": [list(each) for each in self.place.above],
        }
        return Change("accepted", self.id, body)


class Accepted:
    """What one mount has sent in the last week. ``epoch`` tells in which life of its data the studio was last
    read; None where there is no studio that could forget anything, and then nothing is kept."""

    def __init__(
        self,
        drafts: Drafts,
        note: Callable[[Change], None],
        is_full: Callable[[], bool],
        epoch: Callable[[], str] | None,
        *,
        quota: int = QUOTA,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._drafts = drafts
        self._note = note
        self._is_full = is_full
        self._epoch = epoch
        self._quota = quota
        self._clock = clock
        self._all: dict[CheckpointId, AcceptedVersion] = {}
        self._of: dict[AssetId, dict[CheckpointId, AcceptedVersion]] = {}
        self._epochs: Counter[str] = Counter()
        self._held = 0
        self.last_order = 0
        """The highest number of a version that is here."""

    def __len__(self) -> int:
        return len(self._all)

    @property
    def epoch(self) -> str:
        """The epoch in which the studio was last read."""
        return self._epoch() if self._epoch is not None else ""

    def keep(self, version: Version, number: int, place: Place) -> None:
        """The studio has taken a version. It may have taken it before, in another epoch."""
        if self._epoch is None:
            return
        body = version.body() | {"is_new": version.new is not None}
        kept = AcceptedVersion(
            version.id,
            version.asset,
            version.order,
            version.base,
            version.new is not None,
            number,
            self.epoch,
            self._clock(),
            place,
            body,
            self._drafts.hold(version.draft) if version.draft is not None else None,
        )
        self.drop([version.id])
        self._add(kept)
        self._note(kept.record())
        self.forget_old()

    def follow(self, catalogue: Catalogue, changes: Changes) -> None:
        """Something has another name or place by now: so has what was sent of it, if it has to be made
        anew."""
        assets = self._of.keys() & {asset.id for asset in changes.assets}
        for asset in self._of if changes.collections else assets:
            place = place_of(catalogue, asset)
            for kept in self._of[asset].values() if place is not None else ():
                if place is not None and kept.place != place:
                    kept.place = place
                    self._note(kept.record())

    def restore(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over what the journal knows; drafts are there already."""
        for key, body in sorted(records.items(), key=lambda each: each[1]["at"]):
            version = body["version"]
            draft = self._drafts.get(version["draft"]) if version["draft"] is not None else None
            if version["draft"] is not None and (draft is None or draft.damage is not None):
                log.warning("what is kept of a version that was sent has lost its content")
                self._note(Change("accepted", key, None))
                continue
            above = tuple((CollectionId(a), str(b), CollectionId(c)) for a, b, c in body["above"])
            self._add(
                AcceptedVersion(
                    CheckpointId(key),
                    AssetId(version["asset"]),
                    version["order"],
                    CheckpointId(version["base"]) if version["base"] is not None else None,
                    bool(version["is_new"]),
                    body["number"],
                    body["epoch"],
                    body["at"],
                    Place(body["name"], CollectionId(body["folder"]), above),
                    version,
                    self._drafts.hold(draft) if draft is not None else None,
                )
            )
        self.forget_old()

    # Another epoch

    def has_others(self) -> bool:
        """Whether anything was taken in another epoch than the one that is read now."""
        return bool(self._all) and self._epochs[self.epoch] < len(self._all)

    def of_others(self) -> dict[AssetId, list[AcceptedVersion]]:
        """What was taken in another epoch, by its assets, in the order in which it was taken."""
        epoch = self.epoch
        found: dict[AssetId, list[AcceptedVersion]] = {}
        for asset, kept in self._of.items():
            others = [each for each in kept.values() if each.epoch != epoch]
            if others:
                found[asset] = sorted(others, key=lambda each: each.order)
        return found

    def is_open(self, asset: AssetId) -> bool:
        """Whether nobody knows yet what the studio still has of what was sent of an asset."""
        if not self.has_others():
            return False
        epoch = self.epoch
        return any(epoch not in (each.epoch, each.looked_at) for each in self._of.get(asset, {}).values())

    def confirm(self, versions: Iterable[AcceptedVersion], epoch: str) -> None:
        """The studio has these in this epoch too."""
        for each in versions:
            if each.id in self._all:
                self._epochs[each.epoch] -= 1
                each.epoch = epoch
                self._epochs[epoch] += 1
                self._note(each.record())

    # Letting go

    def forget_old(self) -> None:
        """Let go what has been here for long enough, or is too much."""
        limit, is_full = self._clock() - KEPT_FOR, self._is_full()
        while self._all:
            oldest = next(iter(self._all.values()))
            is_much = self._held > self._quota or len(self._all) > MOST
            if oldest.at >= limit and not is_much and not is_full:
                break
            self.drop([oldest.id])

    def drop(self, ids: Iterable[CheckpointId]) -> None:
        """Let go of these, if they are here."""
        for id_ in ids:
            kept = self._all.pop(id_, None)
            if kept is None:
                continue
            self._epochs[kept.epoch] -= 1
            of = self._of[kept.asset]
            del of[id_]
            if not of:
                del self._of[kept.asset]
            self._note(Change("accepted", id_, None))
            self._held -= kept.size
            if kept.draft is not None:
                self._drafts.let_go(kept.draft)

    def _add(self, kept: AcceptedVersion) -> None:
        self._all[kept.id] = kept
        self._of.setdefault(kept.asset, {})[kept.id] = kept
        self._epochs[kept.epoch] += 1
        self.last_order = max(self.last_order, kept.order)
        if kept.draft is not None:
            kept.size = kept.draft.touched.total
            self._held += kept.size
            self._drafts.count_as_accepted(kept.draft)
