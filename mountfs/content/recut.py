"""A changed file's content into a chunk store: only what lies around a change is cut, hashed and compressed.

The cutter begins anew after every cut. So if a cut of the new content falls on a boundary of the base, and
the bytes from there to the base's next boundary are the base's, the next cut falls there too: that chunk is
the base's chunk. Going through the file from boundary to boundary, a chunk of the base is *reused* if nothing
in it changed and a cut falls on its beginning; else its bytes are cut. The last chunk of a file ends because
the file does, so it is reused only if both files end with it. The chunks are those that `ingest` would give.

XXH3 of the whole wants each byte once, in order. Chunks of the base are fetched and decompressed a few ahead.
What is cut is verified by its SHA-256. What is only streamed is verified together, by the base's own XXH3, if
that can be had by streaming little more than is needed; else by SHA-256 too. Nothing is answered before.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import accumulate
from types import TracebackType
from typing import Self

import xxhash

from mountfs.content._cutter import MINIMUM
from mountfs.content.assemble import check_whole
from mountfs.content.ingest import ingest, nobody_listens
from mountfs.content.pipeline import Ingested, Pipeline, fill
from mountfs.content.segments import BASE, Segment, SegmentSource, check_segments, split
from mountfs.digest import decode_frame, decode_unverified, verify
from mountfs.errors import ChecksumMismatch, ContentError
from mountfs.interfaces import ChunkStore
from mountfs.model import Chunk, ChunkRef, Manifest

AHEAD = 16 * 1024 * 1024
"""Raw bytes of the base that are decompressed ahead. The frames of those come on top."""

_WORTH = 4
"""A byte that is streamed for the base's XXH3 alone is paid by this many whose SHA-256 it saves."""


def ingest_segments(
    size: int,
    segments: Sequence[Segment],
    base: Manifest | None,
    store: ChunkStore,
    *,
    progress: Callable[[int], None] | None = None,
) -> Ingested:
    """Put the content that the segments describe: the same answer as `ingest` of its bytes, sooner.

    The segments cover ``[0, size)`` in order, and none of the base goes beyond its end (ValueError). Like
    `ingest`, this blocks, tells ``progress`` each byte once, in the caller's thread, and has ended all its
    threads when it returns or raises: OSError of a local file, ContentError of the base (ChunkMissing,
    ChunkCorrupt, ChecksumMismatch), any error of the store or of ``progress``. Chunks already put stay.
    """
    check_segments(size, segments, base)
    started = time.perf_counter()
    told = progress or nobody_listens
    if base is None or all(segment.origin is not BASE for segment in segments):
        source = SegmentSource(segments)
        taken = ingest(source, store, progress=told)
        work = replace(taken.work, local_bytes=source.local_bytes)
    elif size == base.size and all(segment.origin is BASE for segment in segments):
        told(size)
        taken = Ingested(size, base.xxh3, base.chunks, 0)
        work = replace(taken.work, reused_chunks=len(base.chunks))
    else:
        parts = list(_parts(size, segments, base))
        taken = _take_small(size, parts, store, told) if size <= MINIMUM else _recut(parts, base, store, told)
        work = taken.work
    return replace(taken, work=replace(work, seconds=time.perf_counter() - started))


@dataclass(frozen=True, slots=True)
class _Part:
    """The new content between two boundaries of the base, or beyond its end, and the base's chunk there."""

    start: int
    segments: list[Segment]
    ref: ChunkRef | None
    """None beyond the end of the base."""
    is_needed: bool
    """Whether any byte of the chunk is in the new content."""
    reusable: Chunk | None
    """The chunk, if it is the new content's too where a cut falls on its beginning."""


def _parts(size: int, segments: Sequence[Segment], base: Manifest) -> Iterator[_Part]:
    bounds = [0, *accumulate(chunk.size for chunk in base.chunks)]
    if bounds[-1] != base.size:
        raise ChecksumMismatch(
            f"checkpoint {base.checkpoint} has {bounds[-1]} bytes of chunks, and {base.size} are recorded"
        )
    pieces = split(segments, [*bounds, max(size, base.size)])
    for index, (chunk, start, end) in enumerate(zip(base.chunks, bounds, bounds[1:], strict=False)):
        within = next(pieces)
        is_ours = bool(within) and within[-1].end == end and all(one.origin is BASE for one in within)
        ends_by_cut = end < base.size or end == size
        yield _Part(
            start,
            within,
            ChunkRef(base.checkpoint, index, chunk),
            is_needed=any(one.origin is BASE for one in within),
            reusable=chunk if is_ours and ends_by_cut else None,
        )
    yield _Part(base.size, next(pieces), None, is_needed=False, reusable=None)


def _take_small(
    size: int, parts: Sequence[_Part], store: ChunkStore, told: Callable[[int], None]
) -> Ingested:
    """A content of at most the minimum chunk size: threads would not pay."""
    content = bytearray(size)
    local_bytes = base_bytes = 0
    for part in parts:
        raw = b""
        if part.ref is not None and part.is_needed:
            raw = decode_frame(store.get(part.ref), part.ref.chunk)
        source = SegmentSource(part.segments, raw, part.start)
        fill(source, memoryview(content)[part.start :])
        local_bytes += source.local_bytes
        base_bytes += len(raw)
    taken = ingest(BytesIO(content), store, progress=told)
    work = replace(taken.work, local_bytes=local_bytes, base_bytes=base_bytes, base_checked=base_bytes)
    return replace(taken, work=work)


def _recut(
    parts: Sequence[_Part], base: Manifest, store: ChunkStore, told: Callable[[int], None]
) -> Ingested:
    """Choose how the base is verified."""
    needless = sum(part.ref.chunk.size for part in parts if part.ref is not None and not part.is_needed)
    streamed = sum(part.reusable.size for part in parts if part.reusable is not None)
    progress = _Progress(told)
    if needless * _WORTH <= streamed:
        try:
            return _run(parts, base, store, progress, by_whole=True)
        except _NeedlessDamaged:
            progress.begin_again()
    return _run(parts, base, store, progress, by_whole=False)


def _run(
    parts: Sequence[_Part],
    base: Manifest,
    store: ChunkStore,
    told: Callable[[int], None],
    *,
    by_whole: bool,
) -> Ingested:
    """``by_whole``: have all of the base streamed, and verify by its XXH3 what is only streamed."""
    whole = xxhash.xxh3_64()
    local_bytes = 0
    with _BaseChunks(store, parts, by_whole=by_whole) as chunks, Pipeline(store, told) as pipeline:
        for part in parts:
            raw = chunks.next(part)
            if by_whole:
                whole.update(raw)
            if part.reusable is not None and pipeline.is_at_cut:
                pipeline.reuse(part.reusable, raw)
                continue
            if part.reusable is not None:
                chunks.check(part.reusable, raw)
            source = SegmentSource(part.segments, raw, part.start)
            pipeline.read(source)
            local_bytes += source.local_bytes
        if by_whole:
            check_whole(base, chunks.bytes, whole.hexdigest())
        taken = pipeline.finish()
    work = replace(
        taken.work, local_bytes=local_bytes, base_bytes=chunks.bytes, base_checked=chunks.checked_bytes
    )
    return replace(taken, work=work)


class _NeedlessDamaged(Exception):
    """A chunk was wanted for the base's XXH3 only, and cannot be had."""


class _Progress:
    """Tells each byte once, though it may be taken in twice."""

    def __init__(self, told: Callable[[int], None]) -> None:
        self._told = told
        self._place = 0
        self._done = 0

    def __call__(self, count: int) -> None:
        self._place += count
        if self._place > self._done:
            fresh, self._done = self._place - self._done, self._place
            self._told(fresh)

    def begin_again(self) -> None:
        self._place = 0


class _BaseChunks:
    """The base's chunks in order, a few of them got and decompressed ahead; leaving ends the threads.

    ``by_whole``: all of them, and those that may be reused are not verified; else those that are needed.
    """

    def __init__(self, store: ChunkStore, parts: Sequence[_Part], *, by_whole: bool) -> None:
        self._store = store
        self._by_whole = by_whole
        self._rest = deque(part for part in parts if self._is_wanted(part))
        self._coming: deque[Future[bytes]] = deque()
        self._room = AHEAD
        self._pool = ThreadPoolExecutor(max(2, min(4, os.cpu_count() or 2)), "recut-reader")
        self.bytes = 0
        """Raw bytes given out so far."""
        self.checked_bytes = 0
        """Of these, those whose SHA-256 was compared."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def next(self, part: _Part) -> bytes:
        """The chunk of the next part; nothing if it is not wanted. Errors of the store and of the chunk."""
        if part.ref is None or not self._is_wanted(part):
            return b""
        self._get_ahead()
        raw = self._coming.popleft().result()
        self._room += len(raw)
        self.bytes += len(raw)
        self.checked_bytes += len(raw) if self._is_checked(part) else 0
        return raw

    def check(self, chunk: Chunk, raw: bytes) -> None:
        """Verify a chunk that might have been reused, and is cut."""
        if self._by_whole:
            verify(raw, chunk)
            self.checked_bytes += len(raw)

    def _is_wanted(self, part: _Part) -> bool:
        return part.ref is not None and (part.is_needed or self._by_whole)

    def _is_checked(self, part: _Part) -> bool:
        return part.is_needed and not (self._by_whole and part.reusable)

    def _get_ahead(self) -> None:
        while self._rest and (ref := self._rest[0].ref):
            if self._coming and ref.chunk.size > self._room:
                return
            self._room -= ref.chunk.size
            self._coming.append(self._pool.submit(self._get, self._rest.popleft(), ref))

    def _get(self, part: _Part, ref: ChunkRef) -> bytes:
        decode = decode_frame if self._is_checked(part) else decode_unverified
        try:
            return decode(self._store.get(ref), ref.chunk)
        except ContentError as exc:
            if part.is_needed:
                raise
            raise _NeedlessDamaged from exc
