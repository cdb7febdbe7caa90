"""A long table of planned work, a part at a time, so that others can save in between.

A transaction holds up everybody else's, so only a short table is one. Of a long one, each part is first tried
and taken back, until all that cannot be is known and nothing was changed; then each part is made for good. A
row is in a part with the rows that it needs. So whenever it is stopped, the same table again finds each row
either missing or as the table says, and makes the missing ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from mountfs.exchange.table import doubled
from mountfs.studio.planning import Planning, make_rows
from mountfs.studio.service import BoundStudio
from mountfs.wire.plans import Planned, Row, Wrong

PART = 250
"""Rows in a transaction. A writer that waits for it gives up after ten seconds."""


class Parts(Protocol):
    """Makes parts of a table, each in one transaction, of which nothing stays if a row of it cannot be."""

    def attempt(self, rows: Sequence[Row], beside: Sequence[Row], *, refusals_count: bool) -> Planned:
        """Say what rows would lead to; ``beside`` are others that these need."""

    def make(self, rows: Sequence[Row], *, dry_run: bool) -> Planned:
        """Make rows, after those that they need."""


class PartsHere:
    """The same in a project's file; ``begin`` gives a planning of the project as it is."""

    def __init__(self, studio: BoundStudio, begin: Callable[[], Planning]) -> None:
        self._studio = studio
        self._begin = begin
        self._planning: Planning | None = None

    def attempt(self, rows: Sequence[Row], beside: Sequence[Row], *, refusals_count: bool) -> Planned:
        """Say what rows would lead to."""
        return make_rows(
            self._studio, self._begin(), rows, beside, rehearse=True, refusals_count=refusals_count
        )

    def make(self, rows: Sequence[Row], *, dry_run: bool) -> Planned:
        """Make rows, after those that they need."""
        self._planning = self._planning or self._begin()
        return make_rows(self._studio, self._planning, rows, rehearse=dry_run)


def carry_out(table: Parts, rows: Sequence[Row], *, dry_run: bool) -> Planned:
    """Make what a table names.

    With ``wrong`` rows in the answer, nothing was made but what the rest of it names: that is nothing, unless
    rows that were tried could not be made after all, because the project has changed, or of two rows in
    different parts only one can be.
    """
    twice = dict(doubled(rows))
    by_path = {row.path: row for row in rows if row.number not in twice}
    parts = list(_parts(by_path))
    found = Planned(wrong=[Wrong(number, why) for number, why in twice.items()])
    if len(parts) > 1 or twice:
        for part in parts:
            known = {row.path for row in part}
            beside = {path: by_path[path] for row in part for path in _needs(row, by_path)}
            others = [row for path, row in beside.items() if path not in known]
            found.add(table.attempt(part, others, refusals_count=not dry_run))
    if found.wrong:
        return Planned(wrong=sorted(found.wrong))
    if dry_run and len(parts) > 1:
        return found
    done = Planned()
    for part in parts:
        made = table.make(part, dry_run=dry_run)
        if made.wrong:
            done.wrong = sorted(made.wrong)
            break
        done.add(made)
    return done


def _parts(by_path: Mapping[str, Row]) -> Iterator[list[Row]]:
    """The rows in their order, but what a row needs is in the same part or in an earlier one."""
    placed: set[str] = set()
    part: list[Row] = []
    for path in by_path:
        waiting = [path]
        while waiting:
            row = by_path[waiting.pop()]
            if row.path not in placed:
                placed.add(row.path)
                part.append(row)
                waiting += _needs(row, by_path)
        if len(part) >= PART:
            yield part
            part = []
    if part:
        yield part


def _needs(row: Row, by_path: Mapping[str, Row]) -> list[str]:
    """The rows that are to be there with this one: what its file needs, and the folders above it."""
    above = row.path.split("/")[1:-1]
    folders = ("/" + "/".join(above[: depth + 1]) for depth in range(len(above)))
    return [path for path in (*row.depends, *folders) if path in by_path]
