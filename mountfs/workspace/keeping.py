"""What of a studio's content stays on this machine: what is open, what a person has pinned, and no longer
what has gone out of their sight.

Opening a file costs nothing here: every second what is open then is compared with what is held, so that only
files that are open for longer are written down. What is pinned is fetched, and again when somebody else has
saved it. Chunks of what has gone out of sight are removed, apart from what an open file still shows, which
goes when it is closed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack

import trio

from mountfs.content.disk_cache import DiskCache
from mountfs.errors import LocalStateError, MountfsError, NotFound, Refused
from mountfs.interfaces import ChunkStore, frames_of
from mountfs.model import ROOT, Asset, AssetId, CheckpointId, ChunkId, ChunkRef, CollectionId, Manifest
from mountfs.names import file_name
from mountfs.workspace.catalogue import Catalogue
from mountfs.workspace.manifests import Manifests

log = logging.getLogger(__name__)

_TICK = 1.0
"""Seconds between two looks at what is open."""
_TOGETHER = 16
"""Chunks that are fetched in one go for what is pinned."""
_MANIFESTS = 256
_AGAIN = 30.0
"""Seconds until what is pinned and could not be fetched is tried again."""


class Keeping:
    """Keeps a mount's content in a cache. ``mine`` is what the keys of its pins begin with. `run` must be
    running. ``take_gone`` answers which chunks nothing in sight needs any more, each once."""

    def __init__(
        self,
        cache: DiskCache,
        chunks: ChunkStore,
        manifests: Manifests,
        catalogue: Callable[[], Catalogue],
        mine: str,
        take_gone: Callable[[], set[ChunkId]],
    ) -> None:
        self._cache = cache
        self._chunks = chunks
        self._manifests = manifests
        self._catalogue = catalogue
        self._mine = mine
        self._take_gone = take_gone
        self._open: Counter[CheckpointId] = Counter()
        self._held: dict[CheckpointId, tuple[frozenset[ChunkId], ExitStack]] = {}
        self._unwanted: set[ChunkId] = set()
        self._pinned: dict[str, frozenset[CheckpointId]] = {}
        self._fetched: set[CheckpointId] = set()
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

    async def pin(self, thing: AssetId | CollectionId) -> Mapping[str, object]:
        """Keep everything at and below a thing here, and fetch it now. If cancelled, the rest is fetched
        later. StudioUnavailable, LocalStateError."""
        key = self._key(thing)
        self._pinned[key] = frozenset()
        await self._bring(key)
        return await self._told(key)

    async def unpin(self, thing: AssetId | CollectionId) -> Mapping[str, object]:
        """It may go when there is no room. Refused if it was not pinned itself."""
        key = self._key(thing)
        if key not in await self._pins():
            raise Refused("this is not pinned; mountfs pin --list lists what is")
        self._pinned.pop(key, None)
        await trio.to_thread.run_sync(self._cache.unpin, key, limiter=self._limiter)
        return {"unpinned": True}

    async def evict(self, thing: AssetId | CollectionId) -> Mapping[str, object]:
        """Remove from this machine what it has of a thing and all below it, unless it is pinned or open."""
        assets = list(self._assets(thing))
        for key in await self._pins():
            if {asset.id for asset in self._assets(self._thing(key))} & {asset.id for asset in assets}:
                raise Refused("some of it is pinned: mountfs unpin first")
        manifests = await self._manifests_of(assets)
        held = {chunk for chunks, _ in self._held.values() for chunk in chunks}
        chunks = {chunk.id for manifest in manifests for chunk in manifest.chunks} - held
        freed = await trio.to_thread.run_sync(self._cache.evict, chunks, limiter=self._limiter)
        return {"freed": freed}

    async def pins(self) -> Mapping[str, object]:
        """What is pinned in this mount, and how much of it is here."""
        return {"pins": [await self._told(key) for key in sorted(await self._pins())]}

    async def _told(self, key: str) -> dict[str, object]:
        chunks, here, size = (await self._pins()).get(key, (0, 0, 0))
        thing = self._thing(key)
        return {
            "path": self._path(thing),
            "files": sum(1 for _ in self._assets(thing)),
            "chunks": chunks,
            "here": here,
            "bytes": size,
        }

    async def _pins(self) -> dict[str, tuple[int, int, int]]:
        found = await trio.to_thread.run_sync(self._cache.pins, limiter=self._limiter)
        return {key: counts for key, counts in found.items() if key.startswith(f"{self._mine}/")}

    async def _keep_pins(self) -> None:
        try:
            self._pinned |= dict.fromkeys(await self._pins(), frozenset[CheckpointId]())
        except LocalStateError as exc:
            log.warning("what is pinned cannot be read: %s", exc)
        while True:
            for key in list(self._pinned):
                try:
                    await self._bring(key)
                except MountfsError as exc:
                    log.info("what is pinned is fetched later: %s", exc)
                    await trio.sleep(_AGAIN)
            await trio.sleep(_TICK)

    async def _bring(self, key: str) -> None:
        """Pin what a thing has now, and fetch what lacks."""
        async with self._pinning:
            assets = list(self._assets(self._thing(key)))
            heads = frozenset(asset.head.id for asset in assets if asset.head is not None)
            if heads == self._pinned.get(key):
                return
            manifests = await self._manifests_of(assets)
            chunks = {chunk.id for manifest in manifests for chunk in manifest.chunks}
            await trio.to_thread.run_sync(self._cache.pin, key, chunks, limiter=self._limiter)
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
            if key in self._pinned and len(manifests) == len(heads):
                self._pinned[key] = heads

    def _fetch(self, refs: Sequence[ChunkRef]) -> None:
        lacking = [ref for ref in refs if not self._cache.has([ref.chunk.id])]
        for found in frames_of(self._chunks, lacking):
            if isinstance(found, MountfsError):
                raise found

    async def _manifests_of(self, assets: Iterable[Asset]) -> list[Manifest]:
        heads = [asset.head.id for asset in assets if asset.head is not None and asset.head.size]
        found: list[Manifest] = []
        for start in range(0, len(heads), _MANIFESTS):
            some = heads[start : start + _MANIFESTS]
            self._manifests.start(some)
            found += [await self._manifests.get(each) for each in some]
        return found

    # Things

    def _key(self, thing: AssetId | CollectionId) -> str:
        return f"{self._mine}/{thing}"

    def _thing(self, key: str) -> AssetId | CollectionId:
        return CollectionId(key.removeprefix(f"{self._mine}/"))

    def _assets(self, thing: AssetId | CollectionId) -> Iterable[Asset]:
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

    def _path(self, thing: AssetId | CollectionId) -> str:
        catalogue = self._catalogue()
        asset = catalogue.assets.get(AssetId(thing))
        parts = [file_name(asset)] if asset is not None else []
        folder = asset.collection if asset is not None else CollectionId(thing)
        while folder != ROOT and folder in catalogue.collections:
            parts.append(catalogue.collections[folder].name)
            folder = catalogue.collections[folder].parent
        return "/".join(reversed(parts))

    def thing_at(self, path: str) -> AssetId | CollectionId:
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


def _within(manifest: Manifest, offset: int, length: int) -> Iterable[ChunkId]:
    start = 0
    for chunk in manifest.chunks:
        if start < offset + length and start + chunk.size > offset:
            yield chunk.id
        start += chunk.size
