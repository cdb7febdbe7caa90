"""The bytes of local content: on their way into the store, and for whoever wants to keep them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence, Set
from dataclasses import dataclass

import trio

from mountfs.content.gathering import GatheringStore
from mountfs.content.pipeline import Ingested
from mountfs.content.recut import ingest_segments
from mountfs.content.segments import Segment
from mountfs.errors import MountfsError
from mountfs.interfaces import ChunkStore
from mountfs.model import AssetId, Checkpoint, Chunk, Manifest
from mountfs.workspace.drafts import Draft, DraftState, Piece
from mountfs.workspace.locals import LocalFile
from mountfs.workspace.manifests import Manifests
from mountfs.workspace.reading import OpenFile
from mountfs.workspace.state import LocalState
from mountfs.workspace.versions import Version

log = logging.getLogger(__name__)

_PIECE = 1 << 20
_SMALL = 512 << 10
"""Bytes up to which contents are stored together."""


@dataclass(slots=True)
class Sending:
    """What is on its way right now, for people who watch: bytes."""

    path: str = ""
    done: int = 0
    size: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A version whose chunks are stored."""

    version: Version
    size: int
    xxh3: str
    chunks: tuple[Chunk, ...]


Outcome = tuple[Version, Stored | Exception]


class Contents:
    """Reads and stores the contents of one mount's local files. ``abandons``: as `Asking`."""

    def __init__(
        self,
        state: LocalState,
        chunks: ChunkStore,
        manifests: Manifests,
        open_checkpoint: Callable[[Checkpoint], OpenFile],
        *,
        abandons: bool = False,
    ) -> None:
        self._state = state
        self._chunks = chunks
        self._manifests = manifests
        self._open_checkpoint = open_checkpoint
        self._ingests = trio.CapacityLimiter(2)
        self._abandons = abandons
        self.sending = Sending()

    async def store(self, versions: Sequence[Version]) -> list[Outcome]:
        """Have the chunks of versions stored; for each what it is now, or why it could not be."""
        outcomes: list[Outcome] = []
        small = [version for version in versions if version.size <= _SMALL]
        async with trio.open_nursery() as nursery:
            if small:
                nursery.start_soon(self._store_small, small, outcomes)
            for version in versions:
                if version.size > _SMALL:
                    nursery.start_soon(self._store_alone, version, outcomes)
        return outcomes

    async def _store_alone(self, version: Version, outcomes: list[Outcome]) -> None:
        try:
            outcomes.append((version, await self._store_one(version)))
        except Exception as exc:  # noqa: BLE001  # told by whoever asked; the others go on
            outcomes.append((version, exc))

    async def _store_small(self, versions: Sequence[Version], outcomes: list[Outcome]) -> None:
        """Store small contents in one go; one by one what cannot be."""
        jobs: list[tuple[Version, Draft, Sequence[Segment], Manifest | None]] = []
        others: list[Version] = []
        for version in versions:
            if version.draft is None:
                others.append(version)
                continue
            try:
                draft = version.draft
                base, segments = draft.checkpoint, draft.segments()  # at once: either may change
                manifest = await self._manifests.get(base.id) if base is not None else None
                jobs.append((version, self._state.drafts.hold(draft), segments, manifest))
            except (MountfsError, OSError):
                others.append(version)  # told where it is stored alone
        found: list[Ingested] = []
        try:
            found = await trio.to_thread.run_sync(
                self._ingest_small, jobs, limiter=self._ingests, abandon_on_cancel=self._abandons
            )
        except (MountfsError, OSError):
            others += [version for version, *_ in jobs]
        finally:
            for _, draft, _, _ in jobs:
                self._state.drafts.let_go(draft)
        for (version, *_), each in zip(jobs, found, strict=False):
            outcomes.append((version, Stored(version, each.size, each.xxh3, each.chunks)))
        for version in others:
            await self._store_alone(version, outcomes)

    async def bytes_of(self, draft: Draft | None, content: Checkpoint | None) -> AsyncIterator[bytes]:
        """The bytes of a draft, or of a checkpoint, in order."""
        size = draft.size if draft is not None else content.size if content is not None else 0
        for start in range(0, size, _PIECE):
            end = min(size, start + _PIECE)
            pieces = [Piece(start, end, content)] if draft is None else list(draft.pieces(start, end))
            for piece in pieces:
                length = piece.end - piece.start
                if isinstance(piece.origin, Checkpoint):
                    opened = self._open_checkpoint(piece.origin)
                    try:
                        yield bytes(await opened.read(piece.start, length))
                    finally:
                        opened.close()
                else:
                    yield piece.origin.pread(piece.start, length) if piece.origin else bytes(length)

    def _ingest_small(
        self, jobs: Sequence[tuple[Version, Draft, Sequence[Segment], Manifest | None]]
    ) -> list[Ingested]:
        store = GatheringStore(self._chunks)
        found = [
            ingest_segments(draft.size, segments, manifest, store) for _, draft, segments, manifest in jobs
        ]
        store.flush()
        return found

    async def _store_one(self, version: Version) -> Stored:
        draft = version.draft
        if draft is None:
            if version.content is None:
                empty = await self._ingest_nothing()
                return Stored(version, empty.size, empty.xxh3, empty.chunks)
            manifest = await self._manifests.get(version.content.id)
            return Stored(version, manifest.size, manifest.xxh3, manifest.chunks)
        below, segments = draft.checkpoint, draft.segments()
        base = await self._manifests.get(below.id) if below is not None else None
        self.sending = Sending(self._state.path_of_version(version), 0, draft.size, trio.current_time())
        self._state.drafts.hold(draft)
        try:
            found = await trio.to_thread.run_sync(
                lambda: ingest_segments(draft.size, segments, base, self._chunks, progress=self._progress),
                limiter=self._ingests,
                abandon_on_cancel=self._abandons,
            )
        finally:
            self._state.drafts.let_go(draft)
            self.sending = Sending()
        log.info(
            "%s: %d bytes stored, %d of them new: %s",
            self._state.path_of_version(version),
            found.size,
            found.new_bytes,
            found.work,
        )
        return Stored(version, found.size, found.xxh3, found.chunks)

    async def _ingest_nothing(self) -> Ingested:
        return await trio.to_thread.run_sync(ingest_segments, 0, (), None, self._chunks)

    def _progress(self, count: int) -> None:
        self.sending.done += count

    async def make_own(self, assets: Set[AssetId]) -> None:
        """Copy what local files show of assets' checkpoints into their drafts: they are about to be in the
        trash, where nobody can read them.
        """
        for file in list(self._state.locals.files.values()):
            while not (file.removed or file.asset in assets or await self._is_own(file, assets)):
                pass  # look again: it may have changed while it was copied

    async def _is_own(self, file: LocalFile, assets: Set[AssetId]) -> bool:
        """Whether a file shows nothing of these assets' checkpoints; if it does, they are copied."""
        state, draft, content = self._state, file.draft, file.content
        base = draft.checkpoint if draft is not None else content
        if base is None or base.asset not in assets:
            return True
        copied = state.drafts.hold(draft if draft is not None else state.drafts.make(content))
        try:
            if draft is None:
                state.drafts.count_as(copied, scratch=file.is_ignored)
            await self._fill(copied)
            if draft is None:
                if file.removed or file.draft is not None or file.content != content:
                    return False
                copied.state = DraftState.SEALED
                file.draft, file.content = state.drafts.hold(copied), None
            generation = copied.generation
            await trio.to_thread.run_sync(state.disk.sync, copied.id, "copied", limiter=state.disk_threads)
            copied.synced = max(copied.synced, generation)
            if not file.removed:
                await state.journal.commit([copied.record(), file.record()], why="copied", durable=True)
            return False
        finally:
            state.drafts.let_go(copied)

    async def _fill(self, draft: Draft) -> None:
        """Make all bytes of a draft its own."""
        opened: OpenFile | None = None
        try:
            for start in range(0, draft.size, _PIECE):
                for piece in list(draft.pieces(start, min(draft.size, start + _PIECE))):
                    if piece.origin is draft or piece.origin is None:
                        continue
                    if isinstance(piece.origin, Checkpoint):
                        opened = opened or self._open_checkpoint(piece.origin)
                        data = await opened.read(piece.start, piece.end - piece.start)
                    else:
                        data = piece.origin.pread(piece.start, piece.end - piece.start)
                    self._state.drafts.fill(draft, piece.start, data)
        finally:
            if opened is not None:
                opened.close()
        self._state.drafts.detach(draft)
