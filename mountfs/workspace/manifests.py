"""Manifests, fetched when somebody opens a file and kept for the next one who does.

One fetch a checkpoint, however many wait for it; a waiter that gives up does not stop it. A manifest never
changes, so one that is kept is right for ever; they are kept up to a number of chunks, the longest unused go
first.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import trio

from mountfs.errors import MountfsError
from mountfs.interfaces import Studio
from mountfs.model import CheckpointId, Manifest

log = logging.getLogger(__name__)

_KEPT_CHUNKS = 100_000
"""About 20 MB, and all of a project of 100 GB."""


@dataclass(slots=True, eq=False)
class _Fetch:
    done: trio.Event = field(default_factory=trio.Event)
    found: Manifest | MountfsError | None = None


class Manifests:
    """The manifests of one mount's files. `run` must be running."""

    def __init__(self, studio: Studio, limiter: trio.CapacityLimiter) -> None:
        self._studio = studio
        self._limiter = limiter
        self._kept: OrderedDict[CheckpointId, Manifest] = OrderedDict()
        self._kept_chunks = 0
        self._fetches: dict[CheckpointId, _Fetch] = {}
        self._send, self._jobs = trio.open_memory_channel[list[CheckpointId]](math.inf)

    def get_nowait(self, checkpoint: CheckpointId) -> Manifest | None:
        """The manifest, if it is here."""
        found = self._kept.get(checkpoint)
        if found is not None:
            self._kept.move_to_end(checkpoint)
        return found

    def start(self, checkpoints: Iterable[CheckpointId]) -> None:
        """Begin to fetch what is neither here nor on its way, all in one go. Errors are for whoever asks."""
        # Two files may have the same content: what a tool moved away, and what it was made from.
        new = (one for one in checkpoints if one not in self._kept and one not in self._fetches)
        wanted = list(dict.fromkeys(new))
        if not wanted:
            return
        self._fetches.update((one, _Fetch()) for one in wanted)
        self._send.send_nowait(wanted)

    async def get(self, checkpoint: CheckpointId) -> Manifest:
        """The manifest. NotFound, NotPermitted and whatever else the studio says. Cancelling is harmless."""
        found = self.get_nowait(checkpoint)
        if found is not None:
            return found
        self.start((checkpoint,))
        fetch = self._fetches[checkpoint]
        await fetch.done.wait()
        if isinstance(fetch.found, Manifest):
            return fetch.found
        assert fetch.found is not None
        raise fetch.found

    async def run(self) -> None:
        """Serve fetches until cancelled."""
        async with trio.open_nursery() as nursery:
            async for wanted in self._jobs:
                nursery.start_soon(self._fetch, wanted)

    async def _fetch(self, wanted: Sequence[CheckpointId]) -> None:
        found = await trio.to_thread.run_sync(
            self._ask, wanted, limiter=self._limiter, abandon_on_cancel=True
        )
        for checkpoint, one in zip(wanted, found, strict=True):
            fetch = self._fetches.pop(checkpoint)
            fetch.found = one
            fetch.done.set()
            if isinstance(one, Manifest):
                self._keep(one)

    def _ask(self, wanted: Sequence[CheckpointId]) -> list[Manifest | MountfsError]:
        found: Mapping[CheckpointId, Manifest] = {}
        if len(wanted) > 1:
            try:
                found = self._studio.manifests(wanted)
            except MountfsError as exc:  # the project is busy or away, for each of them
                return [exc] * len(wanted)
            except Exception as exc:  # noqa: BLE001  # a fault over one is not the others', and is traced there
                log.warning("fetching %d manifests failed, asking for each: %r", len(wanted), exc)
        return [found.get(checkpoint) or self._ask_one(checkpoint) for checkpoint in wanted]

    def _ask_one(self, checkpoint: CheckpointId) -> Manifest | MountfsError:
        try:
            return self._studio.manifest(checkpoint)
        except MountfsError as exc:
            return exc
        except Exception as exc:  # a fault of the studio fails this read, not the mount
            log.exception("fetching the manifest of %s failed", checkpoint)
            return MountfsError(f"the studio failed: {exc}")

    def _keep(self, manifest: Manifest) -> None:
        self._kept[manifest.checkpoint] = manifest
        self._kept_chunks += len(manifest.chunks) + 1
        while self._kept_chunks > _KEPT_CHUNKS and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._kept_chunks -= len(gone.chunks) + 1
