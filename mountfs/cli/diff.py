"""``mountfs diff``: what is different between two versions."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import (
    DAMAGED,
    NOT_FOUND,
    NOT_LOGGED_IN,
    PROJECT_FILE,
    REFUSED,
    UNAVAILABLE,
    describe,
    output,
)
from mountfs.cli.numbered import numbered, version_at, versions_at
from mountfs.cli.options import as_option, exits, json_option, storage_dir_option
from mountfs.cli.target import open_target
from mountfs.names import printable

if TYPE_CHECKING:
    from mountfs.exchange.comparing import Comparison

SHOWN = 20
"""Changed places that are listed for people."""

COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command()
@click.argument("old", metavar="PATH@N")
@click.argument("new", metavar="[PATH@M]", required=False)
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, DAMAGED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def command(old: str, new: str | None, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """Say what is different between two versions of a file, or between one and the newest.

    It tells how many chunks and bytes changed, and at which places of the file; for text, up to 4 MiB, the
    lines. mountfs log lists the versions with their numbers.

    \b
      mountfs diff ~/mnt/shots/sh010.usda@3
      mountfs diff film.clst:/shots/sh010.usda@3 film.clst:/shots/sh010.usda@5
    """
    from mountfs.exchange.comparing import compare

    path, number = numbered(old)
    other, other_number = numbered(new) if new is not None else (path, None)
    if other != path:
        raise click.UsageError("two versions of one file are compared; both paths have to be the same")
    with open_target(path, username=username, storage_dir=storage_dir, settled=True) as target:
        before = version_at(target, path, number)
        after = versions_at(target)[0] if other_number is None else version_at(target, path, other_number)
        names = (f"{target.path}@{before.number}", f"{target.path}@{after.number}")
        studio = target.studio
        found = compare(studio.manifest(before.id), studio.manifest(after.id), studio.chunks, names)
        made = {"old": describe.version(target, before), "new": describe.version(target, after)}
    if as_json:
        output.as_json({**made, "equal": found.is_equal, **asdict(found)})
        return
    if found.lines:
        for line in found.lines:
            colour = COLOURS.get(line[:1]) if sys.stdout.isatty() else None
            click.echo(click.style(printable(line), fg=colour))
    else:
        for each in found.stretches[:SHOWN]:
            click.echo(f"bytes {each.old_begin}-{each.old_end} became {each.new_begin}-{each.new_end}")
        if len(found.stretches) > SHOWN:
            click.echo(f"and {len(found.stretches) - SHOWN} more places")
    output.say(_summary(names, found))


def _summary(names: tuple[str, str], found: Comparison) -> str:
    if found.is_equal:
        return f"{names[0]} and {names[1]} have the same content"
    return (
        f"{names[0]} to {names[1]}: {output.size(found.bytes_removed)} removed, "
        f"{output.size(found.bytes_added)} added; chunks: {found.chunks_same} the same, "
        f"{found.chunks_removed} removed, {found.chunks_added} added"
    )
