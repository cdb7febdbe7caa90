"""Taking back what somebody did since a moment, as far as the file knows of it.

What is taken back, the latest first: what they put into the trash, what they renamed or moved (both from the
audit), and versions: where the newest one is theirs, the one before theirs becomes the newest again, as a new
version. What somebody else changed after them stays as it is, and is told. Nothing is lost: all of it can be
taken back in turn.

Every step is an ordinary act of the one who takes back, with the rights for it; all together are one
transaction. A rehearsal does the same and undoes it. Of what the actor does not see, nothing is told.

The audit knows of acts that were done with mountfs. What another program trashed or moved has no row there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import select

from mountfs.errors import NotFound, Refused
from mountfs.model import AssetId, Checkpoint, CheckpointId, CollectionId, UserId
from mountfs.names import file_name, split
from mountfs.storage import tables
from mountfs.studio import rows
from mountfs.studio.bound import BoundStudio
from mountfs.studio.catalogue import Catalogue
from mountfs.studio.manifests import recorded
from mountfs.studio.permissions import Act
from mountfs.studio.purging import folder_path

BECAUSE = "undo"
"""The word in the audit for acts of an undo."""

_TRASHED = (Act.TRASH_ASSET.value, Act.TRASH_COLLECTION.value)
_MOVED = (Act.RENAME_ASSET.value, Act.RENAME_COLLECTION.value)
_VERSION_TRASHED = Act.TRASH_CHECKPOINT.value


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was taken back: ``restored``, ``moved back``, or ``went back`` to an earlier version."""

    what: str
    path: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """Something that was not, and why."""

    path: str
    reason: str


@dataclass(slots=True)
class Undone:
    """What was taken back, in this order, and what was not."""

    steps: list[Step] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


class _Row(NamedTuple):
    act: str
    subject: str
    before: tuple[str, CollectionId] | None
    after: tuple[str, CollectionId] | None


def undo(studio: BoundStudio, who: UserId, since: int, path: str, *, rehearse: bool = False) -> Undone:
    """Take back what ``who`` did since a moment (Unix seconds) to what is, or was, at ``path`` and below."""
    acts = _acts(studio, who, since)
    undoing = _Undoing(studio, path, acts)
    with studio.together(rehearse=rehearse):
        studio.because = BECAUSE  # in here nobody else acts by this studio
        try:
            for row in acts:
                undoing.take_back(row)
            undoing.go_back(who, since)
        finally:
            studio.because = ""
    return undoing.done


def _acts(studio: BoundStudio, who: UserId, since: int) -> list[_Row]:
    """What the audit has of them, the latest first."""
    columns = tables.mountfs_audit.c
    with studio.looking() as (connection, _, _):
        if not rows.has_ours(connection):
            return []
        found = connection.execute(
            select(columns.act, columns.subject, columns.detail)
            .where(columns.actor_id == who, columns.at >= since)
            .where(columns.act.in_((*_TRASHED, *_MOVED, _VERSION_TRASHED)))
            .order_by(rows.ROW_NUMBER.desc())
        ).all()
    details = [_object(detail) for _, _, detail in found]
    return [
        _Row(act, subject, *_places(detail))
        for (act, subject, _), detail in zip(found, details, strict=True)
        if detail.get("because") != BECAUSE  # what took something back is not taken back with it
    ]


def _object(detail: object) -> dict[str, object]:
    try:
        known = json.loads(detail) if isinstance(detail, str) else {}
    except ValueError:
        known = {}
    return known if isinstance(known, dict) else {}


def _places(
    known: dict[str, Any],
) -> tuple[tuple[str, CollectionId] | None, tuple[str, CollectionId] | None]:
    try:
        (old, old_parent), (new, new_parent) = known["from"], known["to"]
        return (str(old), CollectionId(str(old_parent))), (str(new), CollectionId(str(new_parent)))
    except (ValueError, KeyError, TypeError):
        return None, None


class _Undoing:
    def __init__(self, studio: BoundStudio, path: str, acts: Sequence[_Row]) -> None:
        self.done = Undone()
        self._acts = acts
        self._studio = studio
        self._top = path.rstrip("/")

    def take_back(self, row: _Row) -> None:
        """Take back one act, if it still holds."""
        if row.act == _VERSION_TRASHED:
            self._restore_version(CheckpointId(row.subject))
        elif row.act in _TRASHED:
            self._restore(row.subject)
        elif row.before is not None and row.after is not None:
            self._move_back(row.subject, row.before, row.after)

    def go_back(self, who: UserId, since: int) -> None:
        """Where the newest version is theirs, make the last one before theirs the newest."""
        theirs = [
            asset
            for asset in self._studio.tree().assets.values()
            if asset.head and asset.head.author == who and asset.head.created_at >= since
        ]
        for asset in sorted(theirs, key=lambda asset: (asset.collection, asset.name, asset.extension)):
            path = self._path(asset.id)
            if path is None or not self._is_below(path):
                continue
            versions = _before(list(self._studio.history(asset.id)), who, since)
            older = next(versions, None)
            head = asset.head
            if older is None:
                self.done.left.append(Left(path, "they made it, so there is no earlier version"))
            elif head is not None and older.xxh3 != head.xxh3:
                step = Step("went back", path, f"version {older.number}")
                self._try(path, step, partial(self._studio.revert, older.id))

    def _restore(self, subject: str) -> None:
        with self._studio.looking() as (_, catalogue, _):
            asset = catalogue.assets.get(AssetId(subject))
            folder = catalogue.collections.get(CollectionId(subject))
        row = asset or folder
        path = self._path(subject)
        if row is not None and row.trashed and path is not None and self._is_below(path):
            self._try(path, Step("restored", path), lambda: self._studio.restore(AssetId(subject)))

    def _restore_version(self, version: CheckpointId) -> None:
        with self._studio.looking() as (connection, _, _):
            known = recorded(connection, [version]).get(version)
        path = self._path(known.asset) if known is not None else None
        if known is None or not known.trashed or not self._is_seen(known.asset):
            return  # what is not for these eyes is not told of by a right that is missing either
        if path is not None and self._is_below(path):
            step = Step("restored", path, f"version {version}")
            self._try(path, step, lambda: self._studio.restore_checkpoint(version))

    def _move_back(
        self, subject: str, before: tuple[str, CollectionId], after: tuple[str, CollectionId]
    ) -> None:
        with self._studio.looking() as (_, catalogue, _):
            now = _place(catalogue, subject)
            was = f"{folder_path(catalogue, before[1])}/{before[0]}"
            is_asset = AssetId(subject) in catalogue.assets
        path = self._path(subject)
        if now is None or path is None or not (self._is_below(path) or self._is_below(was)):
            return
        if now != after:
            self._tell_moved(subject, path, now)
            return
        name, extension = split(before[0]) if is_asset else (before[0], "")
        self._try(
            path,
            Step("moved back", path, was),
            lambda: self._studio.rename(AssetId(subject), name, extension, before[1]),
        )

    def _tell_moved(self, subject: str, path: str, now: tuple[str, CollectionId]) -> None:
        """Say once that somebody else has moved a thing, unless it is where it was at one time before."""
        was_there = any(row.subject == subject and row.before == now for row in self._acts)
        told = Left(path, "it was moved again since")
        if not was_there and told not in self.done.left and self._is_seen(subject):
            self.done.left.append(told)

    def _try(self, path: str, step: Step, act: Callable[[], object]) -> None:
        try:
            act()
        except NotFound:
            return  # not for these eyes
        except Refused as exc:
            self.done.left.append(Left(path, str(exc)))
        else:
            self.done.steps.append(step)

    def _path(self, subject: str) -> str | None:
        with self._studio.looking() as (_, catalogue, _):
            place = _place(catalogue, subject)
            return None if place is None else f"{folder_path(catalogue, place[1])}/{place[0]}"

    def _is_seen(self, subject: str) -> bool:
        tree = self._studio.tree()
        return AssetId(subject) in tree.assets or CollectionId(subject) in tree.collections

    def _is_below(self, path: str) -> bool:
        return path == self._top or path.startswith(f"{self._top}/")


def _before(history: list[Checkpoint], who: UserId, since: int) -> Iterator[Checkpoint]:
    """Of versions, newest first, those before the newest ones that are theirs."""
    theirs = True
    for version in history:
        theirs = theirs and version.author == who and version.created_at >= since
        if not theirs:
            yield version


def _place(catalogue: Catalogue, subject: str) -> tuple[str, CollectionId] | None:
    """A thing's name and folder as they are now, trashed or not."""
    asset = catalogue.assets.get(AssetId(subject))
    if asset is not None:
        return file_name(asset.asset), asset.asset.collection
    folder = catalogue.collections.get(CollectionId(subject))
    return None if folder is None else (folder.collection.name, folder.collection.parent)
