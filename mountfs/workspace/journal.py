"""The journal: what this mount knows that the project does not know yet, kept through the death of the
program.

Whoever changes something says which records follow from it and waits until they are written; what comes at
the same time is written together. A record is the whole of one thing, so replaying is reading.

Kinds: ``file`` and ``folder`` (local names), ``draft``, ``version`` (on its way to be a checkpoint),
``number`` (an inode number that a save kept), ``look`` (permissions and times of a folder).
``docs/formats.md`` gives their bodies.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import trio

from mountfs.workspace.disk import Change, Disk

log = logging.getLogger(__name__)

_SOON = 0.01
"""Seconds until what nobody waits for is written, if nothing else is."""

_AGAIN = 1.0
"""Seconds until it is tried again when that failed."""


@dataclass(slots=True, eq=False)
class _Job:
    changes: list[Change]
    durable: bool
    why: str
    also: list[Change]
    """What is written too, and nobody waits for."""
    after: list[Callable[[], None]]
    before: Callable[[], None] | None = None
    done: trio.Event = field(default_factory=trio.Event)
    error: OSError | None = None


class Journal:
    """Writes records in the order in which they are given. `run` must be running."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._limiter = trio.CapacityLimiter(1)
        self._waiting: list[_Job] = []
        self._wake = trio.Event()
        self._also: list[Change] = []
        self._also_after: list[Callable[[], None]] = []
        self._after: list[Callable[[], None]] = []
        """What to do when all that was written so far is on the disk."""
        self._has_ended = False
        self._is_soon = False
        """Whether something waits that nobody waits for."""

    def load(self) -> dict[str, dict[str, Mapping[str, Any]]]:
        """All records by kind and id. Blocks; for the start of a mount."""
        found: dict[str, dict[str, Mapping[str, Any]]] = {
            kind: {} for kind in ("file", "folder", "draft", "version", "number", "look")
        }
        for record in self._disk.records():
            if record.body is not None:
                found.setdefault(record.kind, {})[record.id] = record.body
        return found

    def also(self, change: Change, after: Callable[[], None] | None = None) -> None:
        """Write this with whatever is written next; ``after`` when it is on the disk. Never waits."""
        self._also.append(change)
        if after is not None:
            self._also_after.append(after)

    def soon(self, changes: Sequence[Change]) -> None:
        """Write these with whatever is written next, or in a moment. Never waits."""
        self._also += changes
        if not self._is_soon:
            self._is_soon = True
            self._wake.set()

    async def commit(
        self,
        changes: Sequence[Change],
        *,
        why: str,
        durable: bool,
        before: Callable[[], None] | None = None,
    ) -> None:
        """Write records; OSError if that is impossible, and nothing is written then.

        ``before`` is called in the thread that writes, just before: for what is soon done and has to be done
        first. A transaction is short: once given here it is not cancelled.
        """
        if self._has_ended:
            raise OSError(errno.EIO, "the mount has ended")
        job = self._job(changes, durable=durable, why=why, before=before)
        self._waiting.append(job)
        self._wake.set()
        with trio.CancelScope(shield=True):  # what follows in memory belongs to it
            await job.done.wait()
        if job.error is not None:
            raise job.error

    def _job(
        self,
        changes: Sequence[Change],
        *,
        durable: bool,
        why: str,
        before: Callable[[], None] | None = None,
    ) -> _Job:
        job = _Job(list(changes), durable, why, self._also, self._also_after, before)
        self._also, self._also_after, self._is_soon = [], [], False
        return job

    async def run(self) -> None:
        """Write until cancelled."""
        try:
            while True:
                if not self._waiting:
                    await self._next()
                jobs, self._waiting = self._waiting, []
                with trio.CancelScope(shield=True):  # a transaction is short, and ends one way or the other
                    await self._write(jobs)
        finally:
            self._has_ended = True
            for job in self._waiting:
                job.error = OSError(errno.EIO, "the mount has ended")
                job.done.set()

    async def _next(self) -> None:
        """Wait for a job; make one when nobody else does and something is to be written soon."""
        while not self._waiting:
            self._wake = trio.Event()
            if not self._is_soon:
                await self._wake.wait()
                continue
            with trio.move_on_after(_SOON):
                await self._wake.wait()
            if not self._waiting:
                self._waiting.append(self._job((), durable=False, why="soon"))

    async def _write(self, jobs: list[_Job]) -> None:
        durable = any(job.durable for job in jobs)
        why = "+".join(sorted({job.why for job in jobs if job.durable is durable}))
        changes = [change for job in jobs for change in (*job.also, *job.changes)]
        befores = [job.before for job in jobs if job.before is not None]
        afters: list[Callable[[], None]] = []
        try:
            await trio.to_thread.run_sync(self._commit, befores, changes, durable, why, limiter=self._limiter)
        except OSError as exc:
            if len(jobs) > 1:  # what is wrong with one of them may not be wrong with the others
                for job in jobs:
                    await self._write([job])
                return
            jobs[0].error = exc
            is_soon = not jobs[0].changes and not jobs[0].durable
            self._put_back(jobs[0])
            log.warning("the journal cannot be written: %s", exc)
            await trio.sleep(_AGAIN if is_soon else 0)
        else:
            self._after += [after for job in jobs for after in job.after]
            if durable:
                afters, self._after = self._after, []
        for job in jobs:
            job.done.set()
        if afters:
            await trio.to_thread.run_sync(_tidy, afters, limiter=self._limiter)

    def _put_back(self, job: _Job) -> None:
        """What nobody waits for is written with the next job, before what was said later of the same."""
        if self._waiting:
            self._waiting[0].also[:0] = job.also
        else:
            self._also[:0] = job.also
            self._is_soon = self._is_soon or bool(job.also)
        self._also_after += job.after

    def _commit(
        self, befores: Sequence[Callable[[], None]], changes: Sequence[Change], durable: bool, why: str
    ) -> None:
        for before in befores:
            before()
        self._disk.commit(changes, durable=durable, why=why)


def _tidy(afters: Sequence[Callable[[], None]]) -> None:
    for after in afters:
        try:
            after()
        except OSError as exc:
            log.warning("local files cannot be tidied up: %s", exc)
