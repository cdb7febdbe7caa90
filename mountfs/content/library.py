"""Content of checkpoints, read at any place: chunks are fetched when they are touched, and verified."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import trio

from mountfs.digest import decode_frame
from mountfs.interfaces import ChunkStore
from mountfs.model import ChunkRef, Manifest

DEFAULT_BUDGET = 96 * 1024 * 1024
"""Bytes of decoded chunks, ready or on their way."""


class ContentLibrary:
    """What readers open checkpoints at. Run `run` in a nursery for as long as anything is read."""

    def __init__(self, store: ChunkStore, *, budget: int = DEFAULT_BUDGET, workers: int = 2) -> None:
        self.store = store
        self.budget = budget
        self.limiter = trio.CapacityLimiter(workers)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Fetch what readers ask for, until cancelled."""
        task_status.started()
        await trio.sleep_forever()

    def open(self, manifest: Manifest) -> OpenContent:
        """A reader of one checkpoint's content. Never blocks."""
        return OpenContent(self, manifest)

    async def prefetch(self, manifests: Sequence[Manifest]) -> None:
        """Make several small files ready in one thread job."""

    def close(self) -> None:
        """Forget all decoded chunks."""


class OpenContent:
    """One reader's view of a checkpoint's content; it remembers how that reader moves."""

    def __init__(self, library: ContentLibrary, manifest: Manifest) -> None:
        self.library = library
        self.manifest = manifest
        self._starts = [0, *accumulate(chunk.size for chunk in manifest.chunks)]

    async def read(self, offset: int, length: int) -> bytes | memoryview:
        """The bytes at ``[offset, offset + length)``, fewer at the end of the file."""
        end = min(offset + length, self.manifest.size)
        parts: list[bytes] = []
        while offset < end:
            index = bisect_right(self._starts, offset) - 1
            chunk = self.manifest.chunks[index]
            ref = ChunkRef(self.manifest.checkpoint, index, chunk)

            def fetch(ref: ChunkRef = ref) -> bytes:
                return decode_frame(self.library.store.get(ref), ref.chunk)

            raw = await trio.to_thread.run_sync(fetch, limiter=self.library.limiter)
            start = offset - self._starts[index]
            part = raw[start : start + end - offset]
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def read_nowait(self, offset: int, length: int) -> bytes | memoryview | None:
        """The same, if all of it is ready; else None."""
        return b"" if length <= 0 or offset >= self.manifest.size else None

    def close(self) -> None:
        """The reader goes away."""
