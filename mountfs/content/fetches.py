"""Getting chunks: one fetch for all who want one, in worker threads, what is waited for before what may be.

A fetch is *wanted* when a reader waits for it, else it was asked for ahead. Wanted ones go first; one that
was asked for ahead and is then wanted moves over. Each worker task takes a job when room for it can be
reserved (see `shelf`), makes one thread hop for it, and delivers. A job is one chunk, or several small ones.
When no room can be made, wanted fetches wait until other readers have taken theirs, and those asked for ahead
are dropped: memory is never exceeded, and no reader holds one chunk while it waits for another, so that
waiting always ends.

A chunk that could not be had is remembered for a moment, so that a tool that tries again in a loop does not
read and hash the same damaged bytes all the time.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence

import trio

from mountfs.content.shelf import Ahead, Fetch, Shelf
from mountfs.digest import decode_frame
from mountfs.errors import MountfsError, StorageUnavailable
from mountfs.interfaces import ChunkStore, DecodingStore, frames_of
from mountfs.model import Chunk, ChunkRef

log = logging.getLogger(__name__)

_SMALL_JOB = 256 * 1024
"""Raw bytes up to which chunks that are wanted at the same time share one thread hop."""

_AHEAD_JOB = 1024 * 1024
"""Raw bytes that share one hop when nobody waits yet: about a millisecond."""

_FAILURES = 1024
"""Chunks whose failure is remembered; more mean that the whole store is gone."""


class Fetches:
    """All fetches from one store. `run` must run in a nursery for anything to arrive.

    ``budget`` in bytes of decoded chunks, there or on their way (the compressed frames of the jobs that run,
    no more than the largest chunk each, come on top); ``failure_rest`` in seconds.
    """

    def __init__(self, store: ChunkStore, *, budget: int, workers: int, failure_rest: float) -> None:
        self.shelf = Shelf(budget)
        self._store = store
        self._workers = workers
        self._limiter = trio.CapacityLimiter(workers)
        self._failure_rest = failure_rest
        self._coming: dict[Chunk, Fetch] = {}
        self._wanted: deque[Fetch] = deque()
        self._ahead: deque[list[Fetch]] = deque()
        self._failures: dict[Chunk, tuple[float, Exception]] = {}
        self._reported: set[Chunk] = set()
        self._idle = trio.lowlevel.ParkingLot()
        self._ended = False

    @property
    def busy(self) -> bool:
        """Whether any chunk is on its way."""
        return bool(self._coming)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled. Then, threads that are at work being waited for, whoever still waits for a
        chunk gets StorageUnavailable."""
        try:
            async with trio.open_nursery() as nursery:
                for _ in range(self._workers):
                    nursery.start_soon(self._work)
                task_status.started()
        finally:
            self._end()

    def get_nowait(self, chunk: Chunk) -> bytes | None:
        """The raw bytes, if they are there."""
        fetch = self.shelf.find(chunk)
        return None if fetch is None else fetch.raw

    async def get(self, ref: ChunkRef) -> bytes:
        """The raw bytes, verified. ChunkMissing, ChunkCorrupt, StorageUnavailable.

        Cancelling the caller harms nobody else who waits for the chunk; a fetch that runs is finished and
        kept. Without a wait this only checks for a cancellation.
        """
        while True:
            fetch = self._want(ref)
            raw = fetch.raw
            if raw is not None:
                await trio.lowlevel.checkpoint_if_cancelled()
                return raw
            fetch.waiters += 1
            try:
                await fetch.done.wait()
            finally:
                fetch.waiters -= 1
                if not fetch.waiters:
                    self._idle.unpark_all()
            raw = fetch.outcome()
            if raw is not None:
                return raw

    def start_ahead(self, ref: ChunkRef, ahead: Ahead) -> bool:
        """Have a chunk fetched that a reader will probably come to. False if memory does not allow it now.

        What is unread may take half of the budget, all readers together: the rest is for those who wait.
        """
        chunk = ref.chunk
        if chunk in self._coming or chunk in self._failures or self.shelf.peek(chunk) is not None:
            return True
        fetch = Fetch(ref)
        if self._ended or self.shelf.unread + fetch.cost > self.shelf.budget // 2:
            return False
        self.shelf.ahead_of(fetch, ahead)
        self._coming[chunk] = fetch
        self._ahead.append([fetch])
        self._idle.unpark()
        return True

    def forget_ahead(self, ahead: Ahead) -> None:
        """The reader went elsewhere: what has not begun never is, and the rest is like any other chunk."""
        for fetch in list(ahead.fetches):
            if fetch.started or fetch.urgent:
                self.shelf.reached(fetch)
            else:
                self._drop(fetch)

    async def prefetch(self, refs: Iterable[ChunkRef]) -> None:
        """Have many small chunks fetched with few hops, up to a quarter of the budget. Never raises for them:
        whoever reads one that could not be had is told.

        Returns when all are there. If cancelled, those on their way still arrive.
        """
        job: list[Fetch] = []
        started: list[Fetch] = []
        size, cost = 0, 0
        for ref in refs:
            if ref.chunk in self._coming or self.shelf.peek(ref.chunk) is not None:
                continue
            fetch = Fetch(ref)
            cost += fetch.cost
            if self._ended or cost > self.shelf.budget // 4:
                break
            if size + ref.chunk.size > _AHEAD_JOB:
                job, size = [], 0
            if not job:
                self._ahead.append(job)
            job.append(fetch)
            size += ref.chunk.size
            started.append(fetch)
            self._coming[ref.chunk] = fetch
        self._idle.unpark_all()
        await trio.lowlevel.checkpoint()
        for fetch in started:
            if not fetch.done.is_set():  # to wait for what is there would be one more turn of the loop
                await fetch.done.wait()

    def _want(self, ref: ChunkRef) -> Fetch:
        """The fetch of a chunk that a reader is going to wait for; atomic, so that there is only one."""
        fetch = self.shelf.find(ref.chunk)
        if fetch is not None:
            return fetch
        fetch = self._coming.get(ref.chunk)
        if fetch is None:
            if self._ended:
                raise StorageUnavailable("the content library is closed")
            self._raise_remembered(ref.chunk)
            fetch = self._coming[ref.chunk] = Fetch(ref)
        if fetch.ahead is not None:
            self.shelf.reached(fetch)
        if not fetch.urgent:
            fetch.urgent = True
            if not fetch.started:
                self._wanted.append(fetch)
                self._idle.unpark()
        return fetch

    def _raise_remembered(self, chunk: Chunk) -> None:
        remembered = self._failures.get(chunk)
        if remembered is None:
            return
        until, error = remembered
        if trio.current_time() < until:
            raise error.with_traceback(None)
        del self._failures[chunk]

    async def _work(self) -> None:
        while True:
            job = self._take_job()
            if not job:
                await self._idle.park()
                continue
            refs = [fetch.ref for fetch in job]
            outcomes = await trio.to_thread.run_sync(_fetch, self._store, refs, limiter=self._limiter)
            for fetch, outcome in zip(job, outcomes, strict=True):
                self._deliver(fetch, outcome)

    def _take_job(self) -> list[Fetch]:
        """The next fetches to make in one hop, their room reserved; empty if there are none, or no room."""
        job: list[Fetch] = []
        size = 0
        while self._wanted:
            fetch = self._wanted[0]
            if not fetch.waiters:
                # everybody who wanted it was cancelled before it began
                self._wanted.popleft()
                self._drop(fetch)
                continue
            size += fetch.ref.chunk.size
            if (job and size > _SMALL_JOB) or not self.shelf.reserve(fetch.cost, spare_unread=False):
                break
            self._wanted.popleft()
            fetch.started = True
            job.append(fetch)
        return job if job or self._wanted else self._take_ahead()

    def _take_ahead(self) -> list[Fetch]:
        while self._ahead:
            job: list[Fetch] = []
            for fetch in self._ahead.popleft():
                if fetch.urgent or fetch.started or fetch.done.is_set():
                    continue
                if self.shelf.reserve(fetch.cost, spare_unread=True):
                    fetch.started = True
                    job.append(fetch)
                else:
                    self._drop(fetch)
            if job:
                return job
        return []

    def _drop(self, fetch: Fetch) -> None:
        """Nobody waits for a fetch that has not begun: it never does."""
        self.shelf.reached(fetch)
        del self._coming[fetch.ref.chunk]
        fetch.done.set()

    def _deliver(self, fetch: Fetch, outcome: bytes | Exception) -> None:
        chunk = fetch.ref.chunk
        del self._coming[chunk]
        if isinstance(outcome, Exception):
            self.shelf.release(fetch.cost)
            self.shelf.reached(fetch)
            fetch.error = outcome
            self._remember(fetch.ref, outcome)
        else:
            fetch.raw = outcome
            self._reported.discard(chunk)
            self.shelf.add(fetch)
        fetch.done.set()

    def _remember(self, ref: ChunkRef, error: Exception) -> None:
        self._report(ref, error)
        _without_frames(error)
        now = trio.current_time()
        if len(self._failures) >= _FAILURES:
            self._failures = {chunk: kept for chunk, kept in self._failures.items() if kept[0] > now}
        if len(self._failures) < _FAILURES and self._failure_rest > 0:
            self._failures[ref.chunk] = (now + self._failure_rest, error)

    def _report(self, ref: ChunkRef, error: Exception) -> None:
        """One line for a bad chunk, and no other before it was read well."""
        if ref.chunk in self._reported:
            return
        if len(self._reported) < _FAILURES:
            self._reported.add(ref.chunk)
        ours = isinstance(error, MountfsError)
        log.error(
            "checkpoint %s, chunk number %d cannot be read: %s",
            ref.checkpoint,
            ref.index + 1,
            error,
            exc_info=None if ours else error,
        )

    def _end(self) -> None:
        self._ended = True
        for fetch in self._coming.values():
            if fetch.started:
                self.shelf.release(fetch.cost)
            self.shelf.reached(fetch)
            fetch.error = StorageUnavailable("the content library is closed")
            fetch.done.set()
        self._coming.clear()
        self._wanted.clear()
        self._ahead.clear()


def _without_frames(error: BaseException) -> None:
    """Let go what an error's tracebacks refer to: the bytes of chunks, which no budget would count."""
    error.__traceback__ = None
    for inner in (error.__cause__, error.__context__):
        if inner is not None:
            _without_frames(inner)


def _fetch(store: ChunkStore, refs: Sequence[ChunkRef]) -> list[bytes | Exception]:
    """In a worker thread: the chunks, or why one cannot be had."""
    try:
        if isinstance(store, DecodingStore):
            return store.get_decoded(refs)
        return [
            frame if isinstance(frame, Exception) else _decoded(frame, ref)
            for frame, ref in zip(frames_of(store, refs), refs, strict=True)
        ]
    except Exception as exc:  # noqa: BLE001 - as below
        return [exc] * len(refs)


def _decoded(frame: bytes, ref: ChunkRef) -> bytes | Exception:
    try:
        return decode_frame(frame, ref.chunk)
    except Exception as exc:  # noqa: BLE001 - it belongs to those who wait for this chunk, not to the worker
        return exc
