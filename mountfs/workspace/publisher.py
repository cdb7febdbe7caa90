"""The way out: what is due becomes checkpoints, renames and entries in the trash.

One task looks for what is due, in this order: names whose grace has ended, files that are never closed,
folders that have rested, versions. Versions go together: their contents are cut and stored first, without any
lock of the project, then all are offered in one go.

The studio's no is final until a person says otherwise: the content stays here, readable, and says why.
Anything else (a disk, a lock, a network) is tried again after growing pauses. Nothing here ever drops
content.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import trio

from mountfs import names
from mountfs.content.gathering import GatheringStore
from mountfs.content.pipeline import Ingested
from mountfs.content.recut import ingest_segments
from mountfs.errors import ContentError, LostRace, MountfsError, NameInvalid, NotFound, NotPermitted, Refused
from mountfs.interfaces import ChunkStore, Studio
from mountfs.model import (
    NOBODY,
    ROOT,
    Asset,
    AssetId,
    Changes,
    Checkpoint,
    Chunk,
    CollectionId,
    Manifest,
    NewAsset,
    Proposal,
    Toggle,
)
from mountfs.workspace.disk import Change
from mountfs.workspace.drafts import Draft, Piece
from mountfs.workspace.locals import LocalFile, LocalFolder, Vacancy
from mountfs.workspace.manifests import Manifests
from mountfs.workspace.reading import OpenFile
from mountfs.workspace.saving import Saving
from mountfs.workspace.state import LocalState
from mountfs.workspace.versions import Version, VersionState

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_PIECE = 1 << 20
_SMALL = 512 << 10
"""Bytes up to which contents are stored together."""
_TOGETHER = 256
"""Versions offered in one go."""
_BREATH = 0.25
"""Seconds between two times that something is sent, unless somebody waits: what is closed at about the same
time goes together, since each offer is a transaction."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_FOREVER = 3600.0


@dataclass(slots=True)
class Sending:
    """What is on its way right now, for people who watch: bytes."""

    path: str = ""
    done: int = 0
    size: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class _Stored:
    """A version whose chunks are stored."""

    version: Version
    size: int
    xxh3: str
    chunks: tuple[Chunk, ...]


class Publisher:
    """Sends what one mount has to send."""

    def __init__(
        self,
        state: LocalState,
        saving: Saving,
        studio: Studio,
        chunks: ChunkStore,
        manifests: Manifests,
        open_checkpoint: Callable[[Checkpoint], OpenFile],
        kept_folder: Path,
    ) -> None:
        self.kept_folder = kept_folder
        """Where the bytes of what was given up stay for a while."""
        self._open_checkpoint = open_checkpoint
        self._state = state
        self._saving = saving
        self._studio = studio
        self._chunks = chunks
        self._manifests = manifests
        self._calls = trio.CapacityLimiter(1)
        self._ingests = trio.CapacityLimiter(2)
        self.sending = Sending()
        self._not_before = 0.0

    async def run(self) -> None:
        """Send whatever is due, until cancelled."""
        while True:
            delay = self._state.next_due - trio.current_time()
            if delay > 0:
                with trio.move_on_after(delay):
                    await self._state.stirred()
                continue
            self._state.next_due = math.inf
            await self.send_due()
            self._state.next_due = min(self._state.next_due, self._next_due())
            await trio.lowlevel.checkpoint()

    async def send_due(self) -> None:
        """Send what is due now."""
        now = trio.current_time()
        for vacancy in list(self._state.locals.vacancies.values()):
            if self._vacancy_due(vacancy) <= now:
                await self._end(vacancy)
        for file in list(self._state.locals.files.values()):
            if self._idle_due(file) <= now:
                await self._seal_idle(file)
        for folder in list(self._state.locals.folders.values()):
            if self._folder_due(folder) <= now:
                await self._make(folder)
        due = [version for version in self._ready() if self._version_due(version) <= now]
        if due and (now >= self._not_before or any(version.hurried for version in due)):
            self._not_before = now + _BREATH
            await self._send(sorted(due, key=lambda version: version.order)[:_TOGETHER])

    # When

    def _next_due(self) -> float:
        """The moment of the next thing that is due."""
        local = self._state.locals
        moments = [trio.current_time() + _FOREVER]
        moments += [self._vacancy_due(vacancy) for vacancy in local.vacancies.values()]
        moments += [self._idle_due(file) for file in local.files.values() if file.synced_at is not None]
        moments += [self._folder_due(folder) for folder in local.folders.values()]
        moments += [
            version.not_before if version.hurried else max(self._not_before, self._version_due(version))
            for version in self._ready()
        ]
        return min(moments)

    def _ready(self) -> list[Version]:
        """The first version of each asset that waits, unless its name is empty for a moment."""
        state = self._state
        first: dict[AssetId, Version] = {}
        for version in sorted(state.versions.values(), key=lambda version: version.order):
            if version.is_on_its_way:
                first.setdefault(version.asset, version)
        return [
            version
            for version in first.values()
            if version.state is VersionState.WAITING
            and ((vacancy := state.locals.vacancies.get(version.asset)) is None or vacancy.is_ending)
        ]

    def _version_due(self, version: Version) -> float:
        file = self._state.locals.files.get(version.file)
        is_written = file is not None and file.version is version and file.is_changed and not file.is_damaged
        return version.due(self._state.times, is_written=is_written)

    def _vacancy_due(self, vacancy: Vacancy) -> float:
        if vacancy.has_ended:
            return trio.current_time() + _FOREVER
        return max(vacancy.since + self._state.times.grace, vacancy.not_before)

    def _idle_due(self, file: LocalFile) -> float:
        if file.synced_at is None or not file.is_changed or file.is_damaged or file.removed:
            return trio.current_time() + _FOREVER
        if not file.follows and file.is_ignored:
            return trio.current_time() + _FOREVER
        return file.synced_at + self._state.times.idle

    def _folder_due(self, folder: LocalFolder) -> float:
        if folder.is_ignored or folder.reason or not self._may_make_folders():
            return trio.current_time() + _FOREVER
        parent = self._state.locals.folders.get(folder.parent)
        if parent is not None:
            return trio.current_time() + _FOREVER  # its parent comes first
        return folder.made_at + self._state.times.grace

    def _may_make_folders(self) -> bool:
        viewer = self._state.viewer
        return viewer.owner or Toggle.CREATE_COLLECTION in viewer.may

    # Names

    async def _end(self, vacancy: Vacancy) -> None:
        """The grace of a name has ended: tell the studio what became of it, or undo it here."""
        vacancy.is_ending = True
        version = vacancy.version
        if version is not None and version.is_on_its_way:
            version.hurried = True
            await self._send([version])
            if version.is_on_its_way:
                self._end_later(vacancy, max(version.not_before, trio.current_time() + _FIRST_PAUSE))
                return
        file = vacancy.to if vacancy.to is not None and not vacancy.to.removed else None
        if file is None and not await self._is_needless(vacancy.asset):
            self._end_later(vacancy, trio.current_time() + _FIRST_PAUSE)
            return
        if file is not None and file.is_ignored:
            self._undo(vacancy, "it was moved to a name that stays on this machine, so it is still here")
            return
        try:
            if file is None:
                await self.ask(self._studio.trash, vacancy.asset)
            else:
                parent = await self.collection_of(file.folder)
                name, extension = names.split(names.file_text(file.name))
                await self.ask(self._studio.rename, vacancy.asset, name, extension, parent)
        except (Refused, NotFound) as exc:
            self._undo(vacancy, str(exc))
        except (MountfsError, OSError) as exc:
            log.warning("%s cannot be renamed or removed yet: %s", vacancy.name.decode(errors="replace"), exc)
            self._end_later(vacancy, trio.current_time() + _LONGEST_PAUSE)
        else:
            vacancy.has_ended = True
            if file is not None:
                self._arrive(vacancy, file)
                return
            self._drop_refused(vacancy)
            if vacancy.asset not in self._state.namespace.catalogue.assets:
                # The news came before the answer, and no more will come.
                self._state.locals.vacancies.pop(vacancy.asset, None)
                self._state.show_again({vacancy.folder})

    def _end_later(self, vacancy: Vacancy, moment: float) -> None:
        """It could not be ended now; until it is, the name can be filled."""
        vacancy.is_ending, vacancy.not_before = False, moment

    async def _is_needless(self, asset: AssetId) -> bool:
        """Whether no version on its way is made from this asset any more: the content of what is in the trash
        cannot be offered. They are sent now.
        """
        needed = [
            version
            for version in self._state.versions.values()
            if version.is_on_its_way and version.asset != asset and version.is_made_from(asset)
        ]
        for version in needed:
            version.hurried = True
        ready = [version for version in self._ready() if version in needed]
        if ready:
            await self._send(ready)
        return not any(version.is_on_its_way for version in needed)

    def _arrive(self, vacancy: Vacancy, file: LocalFile) -> None:
        """An asset's file has moved along with it."""
        state = self._state
        changes: list[Change] = []
        file.moved_from, file.asset, file.is_new = None, vacancy.asset, False
        # What it was made from stays: somebody else's version may have come since. What was refused stays so.
        file.version = vacancy.version
        state.locals.add(file)
        if (
            file.draft is not None
            and file.draft.is_sealed
            and (file.version is None or file.version.draft is not file.draft)
        ):
            self._saving.propose(file, changes)
        for change in (*changes, file.record()):
            state.journal.also(change)
        self._settle([vacancy.asset])

    def _drop_refused(self, vacancy: Vacancy) -> None:
        """What was refused has no file any more that it could be recorded from."""
        version = vacancy.version
        if version is not None and version.state is VersionState.REFUSED:
            self._state.journal.also(self._state.finish(version, VersionState.DROPPED))
            vacancy.version = None

    def _undo(self, vacancy: Vacancy, why: str) -> None:
        """An asset's file is back under its name."""
        state = self._state
        self._drop_refused(vacancy)
        state.locals.vacancies.pop(vacancy.asset, None)
        log.warning("%s is back under its name: %s", self._path(vacancy), why)
        folders = {vacancy.folder}
        file = vacancy.to
        if file is not None and not file.removed:
            file.moved_from = None
            folders.add(file.folder)
            if file.draft is None and not file.is_ignored:
                file.removed = True
                state.locals.take_out(file)
                node = state.node_of(file)
                if node is not None:
                    node.local, node.shown = None, None
            else:
                file.reason = why
            state.journal.also(file.record())
        state.show_again(folders)

    def _path(self, vacancy: Vacancy) -> str:
        return self._state.path_of(vacancy.folder, vacancy.name.decode(errors="replace"))

    async def _make(self, folder: LocalFolder) -> None:
        """A folder has rested: it becomes a collection."""
        try:
            await self.collection_of(folder.id)
        except (Refused, NotFound) as exc:
            folder.reason = str(exc)
            log.warning("the folder %s stays on this machine: %s", self._state.path_of(folder.id), exc)
        except (MountfsError, OSError) as exc:
            folder.made_at = trio.current_time()
            log.info("the folder %s is sent later: %s", self._state.path_of(folder.id), exc)

    async def collection_of(self, folder: CollectionId) -> CollectionId:
        """The collection of a folder, made with those above it if they are local."""
        local = self._state.locals.folders.get(folder)
        if local is None:
            return folder
        if local.is_ignored:
            raise NameInvalid("its folder stays on this machine")
        parent = await self.collection_of(local.parent)
        text = names.file_text(local.name)
        names.require_valid(text, at_root=parent == ROOT)
        await self.ask(self._studio.make_collection, local.id, text, parent)
        return folder

    async def end_names_in(self, folder: CollectionId) -> None:
        """What was removed from a folder a moment ago is in the trash before the folder is."""
        for vacancy in list(self._state.locals.vacancies.values()):
            if vacancy.folder == folder and not vacancy.has_ended:
                await self._end(vacancy)

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

    # Files that are never closed

    async def _seal_idle(self, file: LocalFile) -> None:
        """A file that is open was made safe a while ago and not written since: this is a version of it."""
        file.synced_at = None
        if self._is_in_transaction(file):
            file.synced_at = trio.current_time()
            return
        try:
            await self._saving.seal(file)
        except OSError as exc:
            log.error("%s is not sent: %s", self._state.path_of_file(file), exc.strerror)

    def _is_in_transaction(self, file: LocalFile) -> bool:
        """Whether a database keeps part of its content in a file beside it."""
        return any(
            other.size > 0 and other.name in (file.name + b"-wal", file.name + b"-journal")
            for other in self._state.locals.files_in(file.folder)
        )

    # Versions

    async def _send(self, versions: Sequence[Version]) -> None:
        """Store the contents of versions and offer them together."""
        state = self._state
        changes: list[Change] = []
        sent: list[Version] = []
        for version in versions:
            try:
                if version.draft is not None:
                    await self._saving.sync_sealed(version.draft, changes)
            except OSError as exc:
                self._postpone(version, exc)
                continue
            if version.state is VersionState.WAITING:
                version.state = VersionState.PUBLISHING
                changes.append(version.record())
                sent.append(version)
        try:
            await state.journal.commit(changes, why="before publishing", durable=True)
        except OSError as exc:
            for version in sent:
                self._postpone(version, exc)
            return
        stored: list[_Stored] = []
        small = [version for version in sent if version.size <= _SMALL]
        async with trio.open_nursery() as nursery:
            if small:
                nursery.start_soon(self._store_small, small, stored)
            for version in sent:
                if version.size > _SMALL:
                    nursery.start_soon(self._store, version, stored)
        if stored:
            await self._offer(sorted(stored, key=lambda each: each.version.order))

    async def _store_small(self, versions: Sequence[Version], stored: list[_Stored]) -> None:
        """Store small contents in one go; one by one what cannot be."""
        jobs: list[tuple[Version, Draft, Manifest | None]] = []
        others: list[Version] = []
        for version in versions:
            if version.draft is None:
                others.append(version)
                continue
            try:
                base = version.draft.checkpoint
                manifest = await self._manifests.get(base.id) if base is not None else None
                jobs.append((version, self._state.drafts.hold(version.draft), manifest))
            except (MountfsError, OSError):
                others.append(version)  # told where it is stored alone
        found: list[Ingested] = []
        try:
            found = await trio.to_thread.run_sync(self._ingest_small, jobs, limiter=self._ingests)
        except (MountfsError, OSError):
            others += [version for version, _, _ in jobs]
        finally:
            for _, draft, _ in jobs:
                self._state.drafts.let_go(draft)
        for (version, _, _), each in zip(jobs, found, strict=False):
            await self._store(version, stored, _Stored(version, each.size, each.xxh3, each.chunks))
        for version in others:
            await self._store(version, stored)

    def _ingest_small(self, jobs: Sequence[tuple[Version, Draft, Manifest | None]]) -> list[Ingested]:
        store = GatheringStore(self._chunks)
        found = [
            ingest_segments(draft.size, draft.segments(), manifest, store) for _, draft, manifest in jobs
        ]
        store.flush()
        return found

    async def _store(self, version: Version, stored: list[_Stored], found: _Stored | None = None) -> None:
        try:
            if found is None:
                found = await self._contents(version)
            if await self._is_head(version, found):
                self._became(version, None)
                self._settle([version.asset])
            else:
                stored.append(found)
        except (Refused, NotFound, ContentError) as exc:
            await self._refused(version, exc)
        except (MountfsError, OSError) as exc:
            self._postpone(version, exc)
        except Exception as exc:  # a fault over one version must not hold up the others
            log.exception("storing a version failed unexpectedly")
            self._postpone(version, exc)

    async def _contents(self, version: Version) -> _Stored:
        draft = version.draft
        if draft is None:
            if version.content is None:
                empty = await self._ingest_nothing()
                return _Stored(version, empty.size, empty.xxh3, empty.chunks)
            manifest = await self._manifests.get(version.content.id)
            return _Stored(version, manifest.size, manifest.xxh3, manifest.chunks)
        base: Manifest | None = None
        if draft.checkpoint is not None:
            base = await self._manifests.get(draft.checkpoint.id)
        segments = draft.segments()
        self.sending = Sending(self.path_of(version), 0, draft.size, trio.current_time())
        self._state.drafts.hold(draft)
        try:
            found = await trio.to_thread.run_sync(
                lambda: ingest_segments(draft.size, segments, base, self._chunks, progress=self._progress),
                limiter=self._ingests,
            )
        finally:
            self._state.drafts.let_go(draft)
            self.sending = Sending()
        log.info(
            "%s: %d bytes stored, %d of them new: %s",
            self.path_of(version),
            found.size,
            found.new_bytes,
            found.work,
        )
        return _Stored(version, found.size, found.xxh3, found.chunks)

    async def _ingest_nothing(self) -> Ingested:
        return await trio.to_thread.run_sync(ingest_segments, 0, (), None, self._chunks)

    def _progress(self, count: int) -> None:
        self.sending.done += count

    async def _is_head(self, version: Version, found: _Stored) -> bool:
        """Whether the asset has this very content already."""
        asset = self._state.namespace.catalogue.assets.get(version.asset)
        head = asset.head if asset is not None else None
        if head is None or (head.size, head.xxh3) != (found.size, found.xxh3):
            return False
        return (await self._manifests.get(head.id)).chunks == found.chunks

    async def _offer(self, stored: Sequence[_Stored]) -> None:
        """Offer versions together; one by one if one of them is refused."""
        proposals: list[Proposal] = []
        offered: list[_Stored] = []
        for each in stored:
            try:
                proposals.append(await self._proposal(each))
                offered.append(each)
            except (Refused, NotFound) as exc:
                await self._refused(each.version, exc)
            except (MountfsError, OSError) as exc:
                self._postpone(each.version, exc)
        if not offered:
            return
        try:
            checkpoints = await self.ask(self._studio.publish, proposals)
        except (Refused, NotFound, ContentError) as exc:
            if len(offered) == 1:
                await self._refused(offered[0].version, exc)
                return
            for each in offered:
                await self._offer([each])
        except (MountfsError, OSError) as exc:
            for each in offered:
                self._postpone(each.version, exc)
        except Exception as exc:  # a fault of the studio must not end the mount
            log.exception("publishing failed unexpectedly")
            for each in offered:
                self._postpone(each.version, exc)
        else:
            for each, checkpoint in zip(offered, checkpoints, strict=True):
                self._became(each.version, checkpoint)
            self._settle([each.version.asset for each in offered])
            await self._state.journal.commit([], why="published", durable=True)

    async def _proposal(self, stored: _Stored) -> Proposal:
        version = stored.version
        new: NewAsset | None = None
        if version.is_new and version.asset not in self._state.namespace.catalogue.assets:
            new = await self._new_asset(version)
        version.new = new
        return Proposal(
            id=version.id,
            asset=version.asset,
            base=None if new is not None else version.base,
            size=stored.size,
            xxh3=stored.xxh3,
            mtime_ns=version.mtime_ns,
            chunks=stored.chunks,
            comment=version.comment,
            executable=version.executable,
            new=new,
        )

    async def _new_asset(self, version: Version) -> NewAsset:
        state = self._state
        file = state.locals.files.get(version.file)
        if file is None or file.removed:
            raise NotFound("its file was removed")
        if not self._may_make_folders() and file.folder in state.locals.folders:
            raise NotPermitted(Toggle.CREATE_COLLECTION)
        collection = await self.collection_of(file.folder)
        name, extension = names.split(names.file_text(file.name))
        shared = self._is_shared(collection)
        me = state.viewer.person.id if state.viewer.owner and not shared else NOBODY
        return NewAsset(
            name, extension, collection, is_resource=shared or not state.viewer.owner, assignee=me
        )

    def _is_shared(self, collection: CollectionId) -> bool:
        collections = self._state.namespace.catalogue.collections
        while collection in collections:
            if collections[collection].is_shared:
                return True
            collection = collections[collection].parent
        return False

    def _became(self, version: Version, checkpoint: Checkpoint | None) -> None:
        """A version is a checkpoint now; None: it is the content that the asset has already."""
        state = self._state
        asset = state.namespace.catalogue.assets.get(version.asset)
        if checkpoint is None:
            assert asset is not None
            now = asset.head
        else:
            now = checkpoint
        assert now is not None
        version.checkpoint = now
        if checkpoint is not None:
            self._announce(version, checkpoint)
        file, draft = state.locals.files.get(version.file), version.draft
        changes: list[Change] = []
        if draft is not None:
            # Most drafts are held by one version and one file, and nobody need look for others.
            holders = [file] if draft.holders <= 2 else list(state.locals.files.values())
            if draft.holders > 2:
                changes += state.drafts.rebase(draft, now)
            for other in holders:
                if other is not None and other.draft is draft:
                    other.content = now
                    state.release(other)
                    changes.append(other.record())
                    node = state.node_of(other)
                    if node is not None:
                        node.content, node.shown = now, None
        if file is not None and (file.asset == version.asset or file.version is version):
            if file.version is version:
                file.version = None
            file.is_new, file.base, file.reason = False, now.id, ""
            node = state.node_of(file)
            if node is not None:
                node.asset = version.asset  # it may have been made before there was one
            if file.draft is None:
                file.content = now
                if node is not None:
                    node.content = now
            state.locals.add(file)
            changes.append(file.record())
            changes.append(
                state.namespace.keep_number(version.asset, now.id, file.ino, file.mode, file.mtime_ns)
            )
        elif file is not None and file.moved_from == version.asset:
            file.base = now.id
            changes.append(file.record())
        for later in state.versions.values():
            if later.asset == version.asset and later is not version:
                later.is_new = False
                if later.base == version.id:
                    later.base = now.id
                state.stir()
        for vacancy in state.locals.vacancies.values():
            if vacancy.version is version:
                vacancy.version = None
        state.heads.opened(version.asset, now)
        done = VersionState.PUBLISHED if checkpoint is not None else VersionState.EQUAL
        changes.append(state.finish(version, done))
        for change in changes:
            state.journal.also(change)

    def _announce(self, version: Version, checkpoint: Checkpoint) -> None:
        """Show what the studio has just taken before its news comes: what follows is decided by that."""
        state, me = self._state, self._state.viewer
        catalogue = state.namespace.catalogue
        if checkpoint.asset != version.asset:  # the name was in the trash, and that asset is back
            for other in state.versions.values():
                if other.asset == version.asset and other is not version:
                    other.asset = checkpoint.asset
            file = state.locals.of_asset.get(version.asset)
            if file is not None:
                file.asset = checkpoint.asset
                state.locals.add(file)
            version.asset = checkpoint.asset
        known, new = catalogue.assets.get(version.asset), version.new
        if known is not None:
            if known.head is None or known.head.number < checkpoint.number:
                catalogue.apply(Changes(catalogue.cursor, assets=(replace(known, head=checkpoint),)))
        elif new is not None:
            asset = Asset(
                id=version.asset,
                name=new.name,
                extension=new.extension,
                collection=new.collection,
                is_resource=new.is_resource and me.owner,
                is_link=False,
                pointer="",
                status="todo",
                assignee=new.assignee if me.owner else me.person.id,
                created_at=checkpoint.created_at,
                head=checkpoint,
            )
            catalogue.apply(Changes(catalogue.cursor, assets=(asset,)))

    def _settle(self, assets: Sequence[AssetId]) -> None:
        """The news of what was just done may have come before the answer."""
        state = self._state
        known = [asset for asset in assets if asset in state.namespace.catalogue.assets]
        folders, changes = state.namespace.settle(known)
        for change in changes:
            state.journal.also(change)
        if folders:
            state.show_again(folders)

    async def _refused(self, version: Version, why: MountfsError) -> None:
        """The studio says no: what was written stays here and says why."""
        state = self._state
        file = state.locals.files.get(version.file)
        if version.is_new and (file is None or file.removed):
            state.journal.also(state.finish(version, VersionState.DROPPED))
            return
        version.state = VersionState.REFUSED
        version.reason = str(why)
        version.is_lost_race = isinstance(why, LostRace)
        if file is not None:
            file.reason = version.reason
        log.warning("%s is not recorded: %s", self.path_of(version), why)
        version.done.set()
        await state.journal.commit([version.record()], why="refused", durable=False)
        self._settle([version.asset])

    def _postpone(self, version: Version, why: Exception) -> None:
        """Something is wrong that will pass: try again later."""
        pause = min(_FIRST_PAUSE * 2**version.tries, _LONGEST_PAUSE)
        if not version.tries:
            log.warning("%s is sent later: %s", self.path_of(version), why)
        version.tries += 1
        version.state = VersionState.WAITING
        version.reason = str(why)
        version.not_before = trio.current_time() + pause
        self._state.stir()

    def path_of(self, version: Version) -> str:
        """Where the file of a version is, from the top of the mount."""
        state = self._state
        file = state.locals.files.get(version.file)
        if file is not None:
            return state.path_of_file(file)
        asset = state.namespace.catalogue.assets.get(version.asset)
        return state.path_of(asset.collection, names.file_name(asset)) if asset is not None else "a file"

    async def ask(self, act: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Ask the studio, one thing at a time. If cancelled, the answer is still waited for."""
        return await trio.to_thread.run_sync(partial(act, *arguments, **named), limiter=self._calls)
