"""Drafts: local content over a base.

A byte of a draft is its own where something was *touched*, else the base's as far as the *base limit*, else
zero. What was touched and the limit (the smallest size ever cut to) are recorded, never guessed from holes.
The base is a checkpoint, or another draft that is sealed and so never changes again.

Nothing here waits, but `Drafts.room` may refuse: local changes have a quota.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import Enum, StrEnum
from functools import partial
from typing import Any

from mountfs.content.segments import BASE, ZERO, Segment
from mountfs.errors import QuotaExceeded
from mountfs.model import Checkpoint
from mountfs.workspace.disk import Bytes, Change, Disk
from mountfs.workspace.ranges import Ranges

log = logging.getLogger(__name__)

_DEEPEST = 16
"""Drafts that lie over each other."""

_ABSORBED = 4 << 20
"""Bytes that are copied so that they are fewer."""


class Share(Enum):
    """Whose room a draft takes."""

    UNSENT = "what is to be sent"
    SCRATCH = "what stays on this machine"
    ACCEPTED = "what was sent, and is kept for a while"


class DraftState(StrEnum):
    """How far a draft has come."""

    OPEN = "open"
    FLUSHED = "flushed"
    """All of it is on the disk and in the journal."""
    SEALED = "sealed"
    """It never changes again."""
    DAMAGED = "damaged"
    """A write failed: some of what was written is not here."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes ``[start, end)`` of a draft, and where they come from; None: they are zero."""

    start: int
    end: int
    origin: Draft | Checkpoint | None


class Draft:
    """One draft. Made by `Drafts`."""

    __slots__ = (
        "_disk",
        "base",
        "base_limit",
        "damage",
        "generation",
        "holders",
        "id",
        "is_recorded_sealed",
        "share",
        "size",
        "state",
        "synced",
        "touched",
    )

    def __init__(self, id_: int, disk: Disk, base: Draft | Checkpoint | None) -> None:
        self.id = id_
        self._disk = disk
        self.base = base
        self.base_limit: int = base.size if base is not None else 0
        self.size: int = self.base_limit
        self.touched = Ranges()
        self.state = DraftState.OPEN
        self.damage: OSError | None = None
        self.generation = 0
        """Counts changes."""
        self.synced = -1
        """The generation that is on the disk."""
        self.share = Share.UNSENT
        self.is_recorded_sealed = False
        """Whether the journal knows that it is sealed."""
        self.holders = 0
        """Files, versions and drafts that need it."""

    @property
    def is_sealed(self) -> bool:
        """Whether it can change no more."""
        return self.state is DraftState.SEALED

    @property
    def is_durable(self) -> bool:
        """Whether all of it is on the disk and in the journal."""
        return self.synced == self.generation

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint at the bottom, through all drafts between."""
        base = self.base
        while isinstance(base, Draft):
            base = base.base
        return base

    def pieces(self, start: int, end: int) -> Iterator[Piece]:
        """``[start, end)``, as far as the draft goes, in order and by origin."""
        for begin, stop, own in self.touched.split(start, min(end, self.size)):
            if own:
                yield Piece(begin, stop, self)
                continue
            shown = max(begin, min(stop, self.base_limit))
            if begin < shown:
                if isinstance(self.base, Draft):
                    yield from self.base.pieces(begin, shown)
                else:
                    yield Piece(begin, shown, self.base)
            if shown < stop:
                yield Piece(shown, stop, None)

    def pread(self, offset: int, length: int) -> bytes:
        """Bytes of its own file."""
        data = self._disk.read(self.id, offset, length)
        if len(data) < length:
            raise OSError(errno.EIO, f"draft {self.id} lacks bytes that were written to it")
        return data

    def segments(self) -> list[Segment]:
        """All of it, for whoever makes a version of it."""
        return [
            Segment(
                piece.start,
                piece.end,
                piece.origin if isinstance(piece.origin, Draft) else BASE if piece.origin else ZERO,
            )
            for piece in self.pieces(0, self.size)
        ]

    def record(self) -> Change:
        """What the journal is to know of it."""
        return self.snapshot()[1]

    def snapshot(self) -> tuple[int, Change]:
        """What the journal is to know of it, and of which generation that is."""
        base = self.base
        body: dict[str, Any] = {
            "base_draft": base.id if isinstance(base, Draft) else None,
            "base_checkpoint": asdict(base) if isinstance(base, Checkpoint) else None,
            "base_limit": self.base_limit,
            "size": self.size,
            "touched": list(self.touched),
            "state": self.state.value,
        }
        return self.generation, Change("draft", str(self.id), body)


class Drafts:
    """All drafts of one mount, and the room they take.

    ``forget`` is called with the record of what is dropped, to be written with the next commit, and with what
    to do when that is on the disk: the bytes go only after the journal that names them. ``note`` takes other
    records, in order with these.
    """

    def __init__(
        self,
        disk: Disk,
        quota: int,
        scratch_quota: int,
        forget: Callable[[Change, Callable[[], None]], None],
        note: Callable[[Change], None],
    ) -> None:
        self._disk = disk
        self._forget = forget
        self._note = note
        self._quotas = {Share.UNSENT: quota, Share.SCRATCH: scratch_quota, Share.ACCEPTED: 0}
        self._used = dict.fromkeys(Share, 0)
        self._drafts: dict[int, Draft] = {}
        self._last = 0
        self.damaged: Callable[[OSError], None] | None = None
        """Called when something that was written is not here. Never waits."""

    @property
    def used(self) -> int:
        """Bytes of local changes that are to be sent."""
        return self._used[Share.UNSENT]

    @property
    def scratch_used(self) -> int:
        """Bytes of what stays on this machine."""
        return self._used[Share.SCRATCH]

    @property
    def room(self) -> int | None:
        """Bytes that local changes may still take; None: as many as the disk has."""
        return max(0, self._quotas[Share.UNSENT] - self.used) if self._quotas[Share.UNSENT] else None

    def count_as(self, draft: Draft, *, scratch: bool) -> None:
        """Count a draft's bytes as what stays on this machine, or as what is to be sent."""
        self._count(draft, Share.SCRATCH if scratch else Share.UNSENT)

    def count_as_accepted(self, draft: Draft) -> None:
        """Count a draft's bytes as what was sent."""
        self._count(draft, Share.ACCEPTED)

    def _count(self, draft: Draft, share: Share) -> None:
        self._used[draft.share] -= draft.touched.total
        draft.share = share
        self._used[share] += draft.touched.total

    def get(self, id_: int) -> Draft | None:
        """The draft of an id."""
        return self._drafts.get(id_)

    def restore(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over what the journal knows, and remove files that it does not know."""
        files = set(self._disk.drafts())
        for key in sorted(records, key=int):
            body = records[key]
            base: Draft | Checkpoint | None = self._drafts.get(body["base_draft"] or 0)
            if body["base_checkpoint"] is not None:
                base = Checkpoint(**body["base_checkpoint"])
            draft = Draft(int(key), self._disk, base)
            draft.base_limit, draft.size = body["base_limit"], body["size"]
            draft.touched = Ranges(map(tuple, body["touched"]))
            draft.state = DraftState(body["state"])
            draft.synced = draft.generation
            draft.is_recorded_sealed = draft.is_sealed
            if draft.state is DraftState.DAMAGED:
                draft.damage = OSError(errno.EIO, "a write to it failed before the mount ended")
            if draft.id not in files and draft.touched:
                log.error("draft %d is in the journal and its content is not on the disk", draft.id)
                draft.state = DraftState.DAMAGED
                draft.damage = OSError(errno.EIO, "its content is not on the disk")
            if base is None and body["base_draft"] is not None and draft.base_limit:
                log.error("draft %d lies over one that is not in the journal", draft.id)
                draft.state = DraftState.DAMAGED
                draft.damage = OSError(errno.EIO, "what it was written over is not on the disk")
            self._find_end(draft)
            if isinstance(base, Draft):
                base.holders += 1
            self._drafts[draft.id] = draft
            self._used[draft.share] += draft.touched.total
        for orphan in files - set(self._drafts):
            self._disk.remove(orphan)
        self._last = max([0, *files, *self._drafts])

    def _find_end(self, draft: Draft) -> None:
        """Take over that a draft was cut off after the journal was written: its file ends before its bytes.
        A sealed one that lacks bytes is damaged.
        """
        touched = list(draft.touched)
        if not touched or draft.damage is not None or self._disk.read(draft.id, touched[-1][1] - 1, 1):
            return
        end, beyond = 0, touched[-1][1]
        while end < beyond:
            middle = (end + beyond) // 2
            if self._disk.read(draft.id, middle, 1):
                end = middle + 1
            else:
                beyond = middle
        draft.touched.clip(end)
        draft.base_limit, draft.size = min(draft.base_limit, end), end
        if draft.is_sealed:
            draft.state = DraftState.DAMAGED
            draft.damage = OSError(errno.EIO, "some of its content is not on the disk")
        draft.generation += 1

    def drop_unused(self) -> None:
        """Remove what nobody holds, once everybody who may has taken hold."""
        for draft in sorted(self._drafts.values(), key=lambda draft: -draft.id):
            self._drop_if_unused(draft)

    def make(self, base: Draft | Checkpoint | None) -> Draft:
        """A new draft, which nobody holds yet. OSError."""
        self._last += 1
        self._disk.create(self._last)
        draft = Draft(self._last, self._disk, base)
        if isinstance(base, Draft):
            try:
                self._absorb(draft, base)
            except OSError:
                self._used[draft.share] -= draft.touched.total
                with suppress(OSError):  # it goes with the next mount
                    self._disk.remove(draft.id)
                raise
        self._drafts[draft.id] = draft
        if isinstance(draft.base, Draft):
            self.hold(draft.base)
        return draft

    def _absorb(self, draft: Draft, base: Draft) -> None:
        """Copy what the uppermost of many drafts under a new one have, so that it needs them no more."""
        layers: list[Draft] = []
        under: Draft | Checkpoint | None = base
        while isinstance(under, Draft):
            layers.append(under)
            under = under.base
        if len(layers) < _DEEPEST:
            return
        above: list[Draft] = []
        for layer in layers:
            if sum(each.touched.total for each in (*above, layer)) > _ABSORBED:
                break
            above.append(layer)
        if not above:
            return
        for piece in base.pieces(0, base.size):
            if isinstance(piece.origin, Draft) and piece.origin in above:
                data = piece.origin.pread(piece.start, piece.end - piece.start)
                self._disk.write(draft.id, piece.start, data)
                self._used[draft.share] += draft.touched.add(piece.start, piece.end)
        draft.base = above[-1].base
        draft.base_limit = min(each.base_limit for each in above)
        draft.generation += 1

    def reopen(self, draft: Draft) -> bool:
        """Let a sealed draft change again if only its file needs it: then it is no version and no base."""
        if draft.holders > 1:
            return False
        draft.state = DraftState.OPEN
        draft.is_recorded_sealed = False
        return True

    def shed(self, draft: Draft) -> None:
        """Let go the base of a draft that shows nothing of it."""
        base = draft.base
        if isinstance(base, Draft) and draft.base_limit == 0 and base.size > 0 and draft.is_durable:
            draft.base = None
            self._note(draft.record())
            self.let_go(base)

    def hold(self, draft: Draft) -> Draft:
        """Say that it is needed."""
        draft.holders += 1
        return draft

    def let_go(self, draft: Draft) -> None:
        """Say that it is not needed any more."""
        draft.holders -= 1
        self._drop_if_unused(draft)

    def write(self, draft: Draft, offset: int, data: Bytes) -> None:
        """Change bytes of a draft that is not sealed. OSError, QuotaExceeded: the draft is damaged then."""
        end = offset + len(data)
        try:
            self._reserve(draft, draft.touched.missing(offset, end))
            self._disk.write(draft.id, offset, data)
        except (OSError, QuotaExceeded) as exc:
            self.damage(draft, exc)
            raise
        self._used[draft.share] += draft.touched.add(offset, end)
        draft.size = max(draft.size, end)
        self._changed(draft)

    def truncate(self, draft: Draft, size: int) -> None:
        """Cut off or lengthen a draft that is not sealed. OSError; the draft is damaged then."""
        if size < draft.size:
            self._used[draft.share] -= draft.touched.total
            draft.touched.clip(size)
            self._used[draft.share] += draft.touched.total
            draft.base_limit = min(draft.base_limit, size)
            try:
                self._disk.truncate(draft.id, size)
            except OSError as exc:
                self.damage(draft, exc)
                raise
        draft.size = size
        if size == 0 and draft.state is DraftState.DAMAGED:  # whole new content begins
            draft.damage = None
            draft.state = DraftState.OPEN
        self._changed(draft)

    def fill(self, draft: Draft, offset: int, data: Bytes) -> None:
        """Make bytes that a draft shows of its base its own, where nothing was written meanwhile. Its content
        stays what it is, so a sealed one may be filled too. OSError.
        """
        limit = min(offset + len(data), draft.base_limit)  # it may have been cut off meanwhile
        for start, end, own in list(draft.touched.split(offset, limit)):
            if not own:
                self._disk.write(draft.id, start, memoryview(data)[start - offset : end - offset])
                self._used[draft.share] += draft.touched.add(start, end)
        draft.generation += 1

    def detach(self, draft: Draft) -> None:
        """A draft all of whose bytes are its own has no base."""
        base, draft.base, draft.base_limit = draft.base, None, 0
        draft.generation += 1
        if isinstance(base, Draft):
            self.let_go(base)

    def damage(self, draft: Draft, why: OSError | QuotaExceeded) -> None:
        """Note that something that was written is not here."""
        draft.state = DraftState.DAMAGED
        draft.damage = why if isinstance(why, OSError) else OSError(errno.ENOSPC, str(why))
        draft.generation += 1
        if self.damaged is not None:
            self.damaged(draft.damage)

    def rebase(self, old: Draft, new: Checkpoint) -> list[Change]:
        """The content of a sealed draft is a checkpoint now: drafts over it are over that one."""
        changes: list[Change] = []
        for draft in self._drafts.values():
            if draft.base is old:
                draft.base = new
                old.holders -= 1
                if draft.synced >= 0:
                    changes.append(draft.record())
        return changes

    def _changed(self, draft: Draft) -> None:
        draft.generation += 1
        if draft.state is DraftState.FLUSHED:
            draft.state = DraftState.OPEN

    def _reserve(self, draft: Draft, size: int) -> None:
        quota = self._quotas[draft.share]
        if quota and size and self._used[draft.share] + size > quota:
            is_scratch = draft.share is Share.SCRATCH
            what = "files that stay on this machine" if is_scratch else "changes that are not sent yet"
            raise QuotaExceeded(f"{what} may take {quota} bytes in all")

    def _drop_if_unused(self, draft: Draft) -> None:
        if draft.holders > 0 or self._drafts.pop(draft.id, None) is None:
            return
        self._used[draft.share] -= draft.touched.total
        if draft.synced >= 0:
            self._forget(Change("draft", str(draft.id), None), partial(self._disk.remove, draft.id))
        else:
            self._disk.remove(draft.id)
        if isinstance(draft.base, Draft):
            self.let_go(draft.base)
