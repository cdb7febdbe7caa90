"""A long table of planned work, a part at a time, so that others can save in between.

A transaction holds up everybody else's, so only a short table is one. Of a long one, each part is first tried
and taken back, until all that cannot be is known and nothing was changed; then each part is made for good. A
row is in a part with the rows that it needs. So whenever it is stopped, the same table again finds each row
either missing or as the table says, and makes the missing ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from mountfs.exchange.planning import Planned, Planning, Row, doubled
from mountfs.studio.service import BoundStudio

PART = 250
"""Rows in a transaction. A writer that waits for it gives up after ten seconds."""


class _WrongError(Exception):
    """Ends a transaction of which some rows cannot be."""


def carry_out(
    studio: BoundStudio, begin: Callable[[], Planning], rows: Sequence[Row], *, dry_run: bool
) -> Planned:
    """Make what a table names; ``begin`` gives a planning of the project as it is.

    With ``wrong`` rows in the answer, nothing was made but what the rest of it names: that is nothing, unless
    rows that were tried could not be made after all, because the project has changed, or of two rows in
    different parts only one can be.
    """
    twice = dict(doubled(rows))
    by_path = {row.path: row for row in rows if row.number not in twice}
    parts = list(_parts(by_path))
    found = Planned(wrong=list(twice.items()))
    if len(parts) > 1 or twice:
        for part in parts:
            known = {row.path for row in part}
            beside = {path: by_path[path] for row in part for path in _needs(row, by_path)}
            others = [row for path, row in beside.items() if path not in known]
            found.add(_run(studio, begin(), part, others, dry_run=True, refusals_count=not dry_run))
    if found.wrong:
        return Planned(wrong=sorted(found.wrong))
    if dry_run and len(parts) > 1:
        return found
    done, planning = Planned(), begin()
    for part in parts:
        made = _run(studio, planning, part, dry_run=dry_run)
        if made.wrong:
            done.wrong = sorted(made.wrong)
            break
        done.add(made)
    return done


def _run(
    studio: BoundStudio,
    planning: Planning,
    rows: Sequence[Row],
    beside: Sequence[Row] = (),
    *,
    dry_run: bool,
    refusals_count: bool = False,
) -> Planned:
    """One transaction, of which nothing stays if a row of it cannot be."""
    made = Planned()
    try:
        with studio.together(rehearse=dry_run, refusals_count=refusals_count):
            made = planning.run(rows, beside)
            if made.wrong:
                raise _WrongError
    except _WrongError:
        pass
    return made


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
