"""One reader of one checkpoint: which chunks a range touches, and what to have ready before it is asked for.

A reader *runs* when it reads on from where it stopped, or near it: the kernel has two requests of up to 1 MiB
on their way, in any order. A first read is no run, so that a tool which hops from header to header is
answered hop by hop and nothing is fetched in between. The second read of a run has one chunk fetched ahead;
each chunk it passes then doubles the window, to a bound of chunks and of bytes. A jump ends the run.

The whole-file checksum comes for free: each chunk that is reached in order is taken into it, and a file whose
last chunk was reached that way is compared. Chunks are verified one by one before; so what the comparison
finds is a manifest that was put together wrongly.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from itertools import accumulate

import trio
import xxhash

from mountfs.content.assemble import check_whole
from mountfs.content.fetches import Fetches
from mountfs.content.shelf import Ahead
from mountfs.errors import ChecksumMismatch
from mountfs.model import CheckpointId, ChunkRef, Manifest

log = logging.getLogger(__name__)

_NEAR = 2 * 1024 * 1024
"""Bytes around the expected place within which a read belongs to the run."""

_MOST_CHUNKS = 16
"""The largest window, in chunks; in bytes it is a quarter of the budget."""

_REMEMBERED = 100_000
"""Checkpoints that are remembered to be whole."""


class WholeFiles:
    """Checkpoints whose checksum was found right: nobody computes it again."""

    def __init__(self) -> None:
        self._right: set[CheckpointId] = set()

    def __contains__(self, checkpoint: CheckpointId) -> bool:
        return checkpoint in self._right

    def add(self, checkpoint: CheckpointId) -> None:
        """Remember one."""
        if len(self._right) >= _REMEMBERED:
            self._right.clear()
        self._right.add(checkpoint)


class OpenContent:
    """One reader's view of a checkpoint's content. It remembers how that reader moves: one for each handle.

    Several reads may be under way at once. Made by `ContentLibrary.open`; ChecksumMismatch there if the
    manifest's sizes do not add up.
    """

    def __init__(self, fetches: Fetches, whole_files: WholeFiles, manifest: Manifest) -> None:
        self.manifest = manifest
        self._fetches = fetches
        self._whole_files = whole_files
        self._starts = list(accumulate((chunk.size for chunk in manifest.chunks), initial=0))
        if self._starts[-1] != manifest.size:
            check_whole(manifest, self._starts[-1], manifest.xxh3)
        self._ahead = Ahead()
        self._window = 0
        self._expected = -1
        self._furthest = -1
        self._asked = -1
        self._hashed = 0
        self._hash: xxhash.xxh3_64 | None = None
        self._mismatch: ChecksumMismatch | None = None
        if manifest.checkpoint in whole_files:
            self._hashed = len(manifest.chunks)

    async def read(self, offset: int, length: int) -> bytes | memoryview:
        """The bytes at ``[offset, offset + length)``; fewer, or none, only at the end of the file.

        A view of the decoded chunk where the range lies in one, a copy else. ChunkMissing, ChunkCorrupt or
        StorageUnavailable if a chunk of this range cannot be had; ChecksumMismatch at the end of a file that
        is not the one recorded. If cancelled, nothing is lost: what was being fetched still arrives, and the
        same read may be made again. The deadline is the caller's.
        """
        end = min(offset + length, self.manifest.size)
        if not 0 <= offset < end:
            await trio.lowlevel.checkpoint()
            return b""
        first, last = self._index(offset), self._index(end - 1)
        self._move(offset, end, first, last)
        if first == last:
            raw = await self._chunk(first)
            self._check_end(end)
            return self._part(first, raw, offset, end)
        # Each chunk is copied from and let go before the next is waited for: a reader that kept one while
        # waiting could keep the room that the next one needs.
        joined = bytearray(end - offset)
        filled = 0
        for index in range(first, last + 1):
            self._fetch_ahead(max(index, self._asked) + 1, last)
            part = self._part(index, await self._chunk(index), offset, end)
            joined[filled : filled + len(part)] = part
            filled += len(part)
        self._check_end(end)
        return memoryview(joined)

    def read_nowait(self, offset: int, length: int) -> bytes | memoryview | None:
        """The same, if all chunks of the range are decoded and right; else None, and nothing has changed."""
        end = min(offset + length, self.manifest.size)
        if not 0 <= offset < end:
            return b""
        first, last = self._index(offset), self._index(end - 1)
        raws: list[bytes] = []
        for index in range(first, last + 1):
            raw = self._fetches.get_nowait(self.manifest.chunks[index])
            if raw is None:
                return None
            raws.append(raw)
        self._move(offset, end, first, last)
        for index, raw in enumerate(raws, first):
            self._take_in(index, raw)
        if self._mismatch is not None and end == self.manifest.size:
            return None
        if first == last:
            return self._part(first, raws[0], offset, end)
        return b"".join(self._part(index, raw, offset, end) for index, raw in enumerate(raws, first))

    def close(self) -> None:
        """The reader goes away; reads that are under way are still answered."""
        self._fetches.forget_ahead(self._ahead)
        self._window = 0

    def _index(self, offset: int) -> int:
        return bisect_right(self._starts, offset) - 1

    def _ref(self, index: int) -> ChunkRef:
        return ChunkRef(self.manifest.checkpoint, index, self.manifest.chunks[index])

    def _part(self, index: int, raw: bytes, offset: int, end: int) -> bytes | memoryview:
        start = self._starts[index]
        if offset <= start and end >= start + len(raw):
            return raw
        return memoryview(raw)[max(offset - start, 0) : end - start]

    async def _chunk(self, index: int) -> bytes:
        raw = await self._fetches.get(self._ref(index))
        self._take_in(index, raw)
        return raw

    def _move(self, offset: int, end: int, first: int, last: int) -> None:
        """Follow the reader to a range, and have fetched what it will probably want next."""
        if len(self.manifest.chunks) == 1:
            return
        if self._expected < 0:
            self._begin_run(end, last)
        elif abs(offset - self._expected) > _NEAR:
            self._fetches.forget_ahead(self._ahead)
            self._begin_run(end, last)
        else:
            self._expected = max(self._expected, end)
            passed = max(0, last - self._furthest)
            self._window = min(max(1, self._window << passed), _MOST_CHUNKS)
            self._furthest = max(self._furthest, last)
        self._fetch_ahead(max(first, self._asked) + 1, max(last, self._furthest + self._window))

    def _begin_run(self, end: int, last: int) -> None:
        self._expected = end
        self._furthest = last
        self._asked = -1
        self._window = 0

    def _fetch_ahead(self, begin: int, last: int) -> None:
        most = self._fetches.shelf.budget // 4
        for index in range(begin, min(last + 1, len(self.manifest.chunks))):
            if self._ahead.cost and self._ahead.cost + self.manifest.chunks[index].size > most:
                return
            if not self._fetches.start_ahead(self._ref(index), self._ahead):
                return
            self._asked = index

    def _take_in(self, index: int, raw: bytes) -> None:
        """Take a chunk that was reached into the checksum, if all before it were; compare after the last."""
        if index != self._hashed:
            return
        if self._hash is None:
            self._hash = xxhash.xxh3_64()
        chunks = self.manifest.chunks
        while True:
            self._hash.update(raw)
            self._hashed += 1
            if self._hashed == len(chunks):
                self._compare(self._hash.hexdigest())
                return
            # two requests may have come in the other order: then the next chunk was reached already
            following = (
                self._fetches.shelf.peek(chunks[self._hashed]) if self._hashed <= self._furthest else None
            )
            if following is None or following.raw is None:
                return
            raw = following.raw

    def _compare(self, xxh3: str) -> None:
        self._hash = None
        try:
            check_whole(self.manifest, self._starts[-1], xxh3)
        except ChecksumMismatch as exc:
            log.error("%s", exc)
            self._mismatch = exc
        else:
            self._whole_files.add(self.manifest.checkpoint)

    def _check_end(self, end: int) -> None:
        if self._mismatch is not None and end == self.manifest.size:
            raise self._mismatch
