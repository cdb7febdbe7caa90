"""Content of checkpoints, read at any place: chunks are fetched when they are touched, and verified before.

What the parts do: `reader` follows one reader and asks ahead for it, `fetches` brings each chunk once for all
readers, `shelf` keeps decoded chunks within the budget.
"""

from __future__ import annotations

from collections.abc import Iterable

import trio

from mountfs.content.fetches import Fetches
from mountfs.content.reader import OpenContent, WholeFiles
from mountfs.content.shelf import OVERHEAD
from mountfs.digest import MAX_CHUNK
from mountfs.interfaces import ChunkStore
from mountfs.model import ChunkRef, Manifest

__all__ = ["DEFAULT_BUDGET", "ContentLibrary", "OpenContent"]

DEFAULT_BUDGET = 96 * 1024 * 1024
"""Bytes of decoded chunks, there or on their way."""

DEFAULT_WORKERS = 2
"""Threads that fetch, decompress and verify: about 1 GB/s of raw bytes each."""


class ContentLibrary:
    """What readers open checkpoints at. Run `run` in a nursery for as long as anything is read.

    ``budget`` (bytes, at least one chunk of the largest size) bounds the decoded chunks of all readers
    together. A chunk that could not be had is not tried again for ``failure_rest`` seconds.
    """

    def __init__(
        self,
        store: ChunkStore,
        *,
        budget: int = DEFAULT_BUDGET,
        workers: int = DEFAULT_WORKERS,
        failure_rest: float = 1.0,
    ) -> None:
        if budget < MAX_CHUNK + OVERHEAD:
            raise ValueError(f"a budget of {budget} bytes cannot hold one chunk")
        self._fetches = Fetches(store, budget=budget, workers=workers, failure_rest=failure_rest)
        self._whole_files = WholeFiles()

    @property
    def held(self) -> int:
        """Bytes that decoded chunks take or are reserved for, never more than the budget."""
        return self._fetches.shelf.held

    @property
    def busy(self) -> bool:
        """Whether any chunk is on its way."""
        return self._fetches.busy

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Fetch what readers ask for, until cancelled; reads that still wait then get StorageUnavailable."""
        await self._fetches.run(task_status=task_status)

    def open(self, manifest: Manifest) -> OpenContent:
        """A reader of one checkpoint's content. Never waits. ChecksumMismatch if the sizes do not add up."""
        return OpenContent(self._fetches, self._whole_files, manifest)

    async def prefetch(self, manifests: Iterable[Manifest]) -> None:
        """Decode several small files in few thread jobs, before they are read; up to a quarter of the budget.

        Returns when they are there; errors are left to those who read. If cancelled, what is on its way
        still arrives.
        """
        await self._fetches.prefetch(
            ChunkRef(manifest.checkpoint, index, chunk)
            for manifest in manifests
            for index, chunk in enumerate(manifest.chunks)
        )

    def let_go(self, manifest: Manifest) -> None:
        """A file that somebody else keeps from now on: its chunks need not stay."""
        for chunk in manifest.chunks:
            self._fetches.shelf.drop(chunk)

    def close(self) -> None:
        """Let all decoded chunks go. Reads go on and fetch them again."""
        self._fetches.shelf.clear()
