"""What a command prints: tables with colour on a terminal, tab-separated lines in a pipe, or JSON.

Names and comments come from a project that others wrote, so everything passes `printable` on its way to a
terminal. In a pipe the same characters are escaped, so that one row is one line whatever a name holds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from mountfs.names import printable

if TYPE_CHECKING:
    from rich.table import Table


def as_json(value: Any) -> None:
    """One JSON document, ASCII only, so that no terminal and no locale can misread it."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))


def as_json_line(value: Any) -> None:
    """One JSON document on one line, of several that follow each other."""
    click.echo(json.dumps(value, ensure_ascii=True))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()) -> None:
    """Rows under headings; the columns named in ``right`` are numbers. In a pipe: no headings, tabs."""
    texts = [[printable(str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in texts:
            click.echo("\t".join(row))
        return
    from rich.console import Console

    Console().print(grid(headings, texts, right=right))


def grid(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()) -> Table:
    """The same as something that a terminal can draw and draw again."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        shown.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(printable(str(cell))) for cell in row))
    return shown


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, one pair a line, aligned on a terminal and separated by a tab in a pipe."""
    shown = [(name, printable(str(value))) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(
            f"{click.style(name.ljust(width), bold=True)}  {value}"
            if sys.stdout.isatty()
            else f"{name}\t{value}"
        )


def say(text: str) -> None:
    """One line for the person, on stderr, so that stdout stays what a script reads."""
    click.echo(printable(text), err=True)


def outcome(text: str, *, dry_run: bool = False) -> None:
    """The line that says what was done; with ``dry_run`` what would have been."""
    click.echo(printable(f"dry run, nothing is changed: {text}" if dry_run else text))


def remark(text: str) -> None:
    """A line for a person only: in a pipe, nothing is nothing."""
    if sys.stdout.isatty():
        click.echo(printable(text))


def time(seconds: float) -> str:
    """A moment, in UTC, as ISO 8601: ``2026-11-21T10:11:12Z``."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return str(seconds)  # a foreign file can hold any number


def size(count: int) -> str:
    """Bytes for people: ``812 B``, ``4.2 MiB``."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def count(number: int, one: str, many: str = "") -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {one if number == 1 else many or one + 's'}"
