"""What of a studio's content stays on this machine: what is open, what a person has pinned, and no longer
what has gone out of their sight.

Opening a file costs nothing here: every second what is open then is compared with what is held, so that only
files that are open for longer are written down. What is pinned is fetched, and again when somebody else has
saved it. What a pinned thing needs may be pinned with it; only the studio knows what that is, and while it is
away, what was pinned stays so. Chunks of what has gone out of sight are removed, apart from what an open file
still shows, which goes when it is closed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import trio

from mountfs.content.disk_cache import DiskCache
from mountfs.errors import LocalStateError, MountfsError, NotFound, Refused
from mountfs.interfaces import ChunkStore, frames_of
from mountfs.model import (
    ROOT,
    Asset,
    AssetId,
    CheckpointId,
    ChunkId,
    ChunkRef,
    CollectionId,
    Cursor,
    Manifest,
)
from mountfs.names import file_name
from mountfs.workspace.catalogue import Catalogue
from mountfs.workspace.manifests import Manifests

Thing = AssetId | CollectionId

log = logging.getLogger(__name__)

_TICK = 1.0
"""Seconds between two looks at what is open."""
_TOGETHER = 16
"""Chunks that are fetched in one go for what is pinned."""
_MANIFESTS = 256
_AGAIN = 30.0
"""Seconds until what is pinned and could not be fetched is tried again."""
_NEEDS_AFTER = 5.0
"""Seconds between two questions what a pinned thing needs, when there are news."""
_NEEDS_ANYWAY = 300.0
"""The same without: what hangs together otherwise than before, and shows nobody anything, is no news."""


@dataclass(frozen=True, slots=True)
class _Pin:
    """What is pinned: a thing and all below it, or what that needs."""

    thing: Thing
    needs: bool = False

    def key(self, mine: str) -> str:
        """What the cache calls it, which no other mount does."""
        return f"{mine}/{'needs:' if self.needs else ''}{self.thing}"

    @classmethod
    def of_key(cls, key: str, mine: str) -> _Pin:
        """The pin that the cache calls so."""
        name = key.removeprefix(f"{mine}/")
        return cls(CollectionId(name.removeprefix("needs:")), name.startswith("needs:"))


@dataclass(slots=True)
class _Needed:
    """What a thing needs, and when the studio said so."""

    assets: frozenset[AssetId]
    cursor: Cursor
    asked: float


class Keeping:
    """Keeps a mount's content in a cache. ``mine`` is what the keys of its pins begin with. `run` must be
    running. ``take_gone`` answers which chunks nothing in sight needs any more, each once, and ``needed_for``
    asks the studio what a thing needs, in a thread."""

    def __init__(
        self,
        cache: DiskCache,
        chunks: ChunkStore,
        manifests: Manifests,
        catalogue: Callable[[], Catalogue],
        mine: str,
        take_gone: Callable[[], set[ChunkId]],
        needed_for: Callable[[Thing], Collection[AssetId]],
    ) -> None:
        self._cache = cache
        self._chunks = chunks
        self._manifests = manifests
        self._catalogue = catalogue
        self._mine = mine
        self._take_gone = take_gone
        self._needed_for = needed_for
        self._needed: dict[Thing, _Needed] = {}
        self._open: Counter[CheckpointId] = Counter()
        self._held: dict[CheckpointId, tuple[frozenset[ChunkId], ExitStack]] = {}
        self._unwanted: set[ChunkId] = set()
        self._pinned: dict[_Pin, frozenset[CheckpointId] | None] = {}
        self._limiter = trio.CapacityLimiter(2)
        self._pinning = trio.Lock()

    async def run(self) -> None:
        """Hold, fetch and remove, until cancelled; then nothing is held any more."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hold_what_is_open)
                nursery.start_soon(self._keep_pins)
        finally:
            for _, stack in self._held.values():
                stack.close()

    # What is open

    def opened(self, checkpoint: CheckpointId) -> None:
        """A handle shows this."""
        self._open[checkpoint] += 1

    def closed(self, checkpoint: CheckpointId) -> None:
        """A handle does no more."""
        self._open[checkpoint] -= 1
        if self._open[checkpoint] <= 0:
            del self._open[checkpoint]

    async def is_here(self, checkpoint: CheckpointId, offset: int, length: int) -> bool:
        """Whether this machine has all of a range. A look at the disk."""
        manifest = self._manifests.get_nowait(checkpoint)
        if manifest is None:
            return False
        chunks = list(_within(manifest, offset, length))
        return await trio.to_thread.run_sync(self._cache.has, chunks, limiter=self._limiter)

    async def _hold_what_is_open(self) -> None:
        while True:
            await trio.sleep(_TICK)
            wanted = set(self._open)
            come = {
                one: frozenset(chunk.id for chunk in manifest.chunks)
                for one in wanted - self._held.keys()
                if (manifest := self._manifests.get_nowait(one)) is not None
            }
            gone = [self._held.pop(one)[1] for one in self._held.keys() - wanted]
            self._unwanted |= self._take_gone()
            held = {chunk for chunks, _ in self._held.values() for chunk in chunks}
            unwanted = self._unwanted - held - {chunk for chunks in come.values() for chunk in chunks}
            self._unwanted -= unwanted
            if come or gone or unwanted:
                with trio.CancelScope(shield=True):  # what is held is known, or is not held
                    self._held |= await trio.to_thread.run_sync(
                        self._change, come, gone, unwanted, limiter=self._limiter
                    )

    def _change(
        self,
        come: Mapping[CheckpointId, frozenset[ChunkId]],
        gone: Iterable[ExitStack],
        unwanted: Collection[ChunkId],
    ) -> dict[CheckpointId, tuple[frozenset[ChunkId], ExitStack]]:
        held: dict[CheckpointId, tuple[frozenset[ChunkId], ExitStack]] = {}
        for checkpoint, chunks in come.items():
            stack = ExitStack()
            stack.enter_context(self._cache.hold(chunks))
            held[checkpoint] = chunks, stack
        for stack in gone:
            stack.close()
        if unwanted and (freed := self._cache.evict(unwanted)):
            log.info("%d bytes of what is out of sight are removed from this machine", freed)
        return held

    # What is pinned

    async def pin(self, thing: Thing, *, needs: bool = False) -> Mapping[str, object]:
        """Keep everything at and below a thing here, with ``needs`` what that depends on, too, and fetch it
        now. If cancelled, the rest is fetched later. StudioUnavailable, LocalStateError."""
        pins = _pins_of(thing, needs=needs)
        if needs:  # without an answer nothing is pinned
            await self._ask_what_is_needed(thing)
        for pin in pins:
            self._pinned.setdefault(pin, None)
            await self._bring(pin)
        return {"pins": [await self._told(pin) for pin in pins]}

    async def unpin(self, thing: Thing, *, needs: bool = False) -> Mapping[str, object]:
        """It may go when there is no room, with ``needs`` what it depends on, too. Refused if it was not
        pinned itself."""
        there = await self._pins()
        pins = [pin for pin in _pins_of(thing, needs=needs) if pin in there]
        if not pins:
            raise Refused("this is not pinned; mountfs pin --list lists what is")
        for pin in pins:
            self._pinned.pop(pin, None)
            await trio.to_thread.run_sync(self._cache.unpin, pin.key(self._mine), limiter=self._limiter)
        return {"unpinned": True}

    async def evict(self, thing: Thing) -> Mapping[str, object]:
        """Remove from this machine what it has of a thing and all below it, unless it is pinned or open."""
        assets = list(self._assets_below(thing))
        for pin in await self._pins():
            pinned = self._assets(pin)
            if pinned is None:
                raise Refused("it may be pinned, which only the studio knows now: mountfs unpin --deps first")
            if {asset.id for asset in pinned} & {asset.id for asset in assets}:
                raise Refused("some of it is pinned: mountfs unpin first")
        manifests = await self._manifests_of(assets)
        # What was closed a moment ago is held until the next look.
        open_ones = self._held.keys() & self._open.keys()
        held = {chunk for one in open_ones for chunk in self._held[one][0]}
        chunks = {chunk.id for manifest in manifests for chunk in manifest.chunks} - held
        freed = await trio.to_thread.run_sync(self._cache.evict, chunks, limiter=self._limiter)
        return {"freed": freed}

    async def pins(self) -> Mapping[str, object]:
        """What is pinned in this mount, and how much of it is here."""
        there = sorted(await self._pins(), key=lambda pin: (self._path(pin.thing), pin.needs))
        return {"pins": [await self._told(pin) for pin in there]}

    async def _told(self, pin: _Pin) -> dict[str, object]:
        chunks, here, size = (await self._pins()).get(pin, (0, 0, 0))
        assets = self._assets(pin)
        return {
            "path": self._path(pin.thing),
            "needs": pin.needs,
            "files": None if assets is None else len(assets),
            "chunks": chunks,
            "here": here,
            "bytes": size,
        }

    async def _pins(self) -> dict[_Pin, tuple[int, int, int]]:
        found = await trio.to_thread.run_sync(self._cache.pins, limiter=self._limiter)
        mine = self._mine
        return {_Pin.of_key(key, mine): counts for key, counts in found.items() if key.startswith(f"{mine}/")}

    async def _keep_pins(self) -> None:
        try:
            self._pinned |= dict.fromkeys(await self._pins())
        except LocalStateError as exc:
            log.warning("what is pinned cannot be read: %s", exc)
        while True:
            for pin in list(self._pinned):
                try:
                    if pin.needs and self._may_need_something_else(pin.thing):
                        await self._ask_what_is_needed(pin.thing)
                    await self._bring(pin)
                except MountfsError as exc:
                    log.info("what is pinned is fetched later: %s", exc)
                    await trio.sleep(_AGAIN)
            await trio.sleep(_TICK)

    def _may_need_something_else(self, thing: Thing) -> bool:
        known = self._needed.get(thing)
        if known is None:
            return True
        rest = _NEEDS_ANYWAY if known.cursor == self._catalogue().cursor else _NEEDS_AFTER
        return trio.current_time() - known.asked >= rest

    async def _ask_what_is_needed(self, thing: Thing) -> None:
        asked, cursor = trio.current_time(), self._catalogue().cursor
        try:
            found = await trio.to_thread.run_sync(
                self._needed_for, thing, limiter=self._limiter, abandon_on_cancel=True
            )
        except NotFound:  # it is out of sight, and so needs nothing
            found = ()
        self._needed[thing] = _Needed(frozenset(found), cursor, asked)

    async def _bring(self, pin: _Pin) -> None:
        """Pin what there is of it now, and fetch what lacks. What is not known stays as it was."""
        async with self._pinning:
            assets = self._assets(pin)
            if assets is None or pin not in self._pinned:
                return
            heads = frozenset(asset.head.id for asset in assets if asset.head is not None)
            if heads == self._pinned[pin]:
                return
            manifests = await self._manifests_of(assets)
            chunks = {chunk.id for manifest in manifests for chunk in manifest.chunks}
            await trio.to_thread.run_sync(self._cache.pin, pin.key(self._mine), chunks, limiter=self._limiter)
            refs = [
                ChunkRef(manifest.checkpoint, index, chunk)
                for manifest in manifests
                for index, chunk in enumerate(manifest.chunks)
            ]
            for start in range(0, len(refs), _TOGETHER):
                some = refs[start : start + _TOGETHER]
                await trio.to_thread.run_sync(
                    self._fetch, some, limiter=self._limiter, abandon_on_cancel=True
                )
            if pin in self._pinned and len(manifests) == sum(1 for _ in self._with_content(assets)):
                self._pinned[pin] = heads

    def _fetch(self, refs: Sequence[ChunkRef]) -> None:
        lacking = [ref for ref in refs if not self._cache.has([ref.chunk.id])]
        for found in frames_of(self._chunks, lacking):
            if isinstance(found, MountfsError):
                raise found

    async def _manifests_of(self, assets: Iterable[Asset]) -> list[Manifest]:
        heads = list(self._with_content(assets))
        found: list[Manifest] = []
        for start in range(0, len(heads), _MANIFESTS):
            some = heads[start : start + _MANIFESTS]
            self._manifests.start(some)
            found += [await self._manifests.get(each) for each in some]
        return found

    # Things

    @staticmethod
    def _with_content(assets: Iterable[Asset]) -> Iterable[CheckpointId]:
        return (asset.head.id for asset in assets if asset.head is not None and asset.head.size)

    def _assets(self, pin: _Pin) -> list[Asset] | None:
        """The visible assets that are pinned; None if only the studio knows which."""
        if not pin.needs:
            return list(self._assets_below(pin.thing))
        if (needed := self._needed.get(pin.thing)) is None:
            return None
        assets = self._catalogue().assets
        return [assets[each] for each in needed.assets if each in assets]

    def _assets_below(self, thing: Thing) -> Iterable[Asset]:
        """The visible assets at and below a thing."""
        catalogue = self._catalogue()
        if (asset := catalogue.assets.get(AssetId(thing))) is not None:
            yield asset
            return
        folders = [CollectionId(thing)]
        while folders:
            folder = folders.pop()
            yield from catalogue.assets_in(folder)
            folders += [each.id for each in catalogue.folders_in(folder)]

    def _path(self, thing: Thing) -> str:
        catalogue = self._catalogue()
        asset = catalogue.assets.get(AssetId(thing))
        parts = [file_name(asset)] if asset is not None else []
        folder = asset.collection if asset is not None else CollectionId(thing)
        while folder != ROOT and folder in catalogue.collections:
            parts.append(catalogue.collections[folder].name)
            folder = catalogue.collections[folder].parent
        return "/".join(reversed(parts))

    def thing_at(self, path: str) -> Thing:
        """What a path from the top of the mount leads to. NotFound."""
        catalogue, folder = self._catalogue(), ROOT
        parts = [part for part in path.split("/") if part]
        for number, part in enumerate(parts):
            below = next((one.id for one in catalogue.folders_in(folder) if one.name == part), None)
            if below is not None:
                folder = below
                continue
            for asset in catalogue.assets_in(folder) if number == len(parts) - 1 else ():
                if file_name(asset) == part:
                    return asset.id
            raise NotFound(f"{path}: the project has nothing there")
        return folder


def _pins_of(thing: Thing, *, needs: bool) -> list[_Pin]:
    """The pins of a thing; the whole project has all that it needs."""
    return [_Pin(thing), _Pin(thing, needs=True)] if needs and thing != ROOT else [_Pin(thing)]


def _within(manifest: Manifest, offset: int, length: int) -> Iterable[ChunkId]:
    start = 0
    for chunk in manifest.chunks:
        if start < offset + length and start + chunk.size > offset:
            yield chunk.id
        start += chunk.size
