"""``mountfs trash``: out of sight, but not gone."""

from __future__ import annotations

from pathlib import Path

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import (
    as_option,
    dry_run_option,
    exits,
    json_option,
    path_argument,
    storage_dir_option,
)
from mountfs.cli.target import Target, open_target
from mountfs.cli.trashed import Trashed, trashed

HEADINGS = ("PATH", "TYPE", "ID")


@click.command()
@path_argument
@click.option("--list", "listing", is_flag=True, help="List what is in the trash, at PATH and below.")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def command(
    path: str, listing: bool, dry_run: bool, username: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """Put a file, or a folder with all that is in it, into the trash of the project; or list what is there.

    It vanishes for everybody, and keeps its history. mountfs restore brings it back to where it was. A file
    with changes that are not saved yet is refused.

    \b
      mountfs trash ~/mnt/shots/sh010.blend
      mountfs trash --list ~/mnt
      mountfs trash --list film.clst:/shots
    """
    with open_target(
        path, username=username, storage_dir=storage_dir, read_only=listing, settled=True
    ) as target:
        found = _below(target) if listing else [_put_away(target, dry_run=dry_run)]
    if as_json:
        output.as_json([each._asdict() for each in found] if listing else found[0]._asdict())
    elif listing and not found:
        output.remark("nothing from there is in the trash")
    elif listing:
        output.table(HEADINGS, found)
    else:
        text = f"{found[0].path} is in the trash; to have it back: mountfs restore {path}"
        output.outcome(text, dry_run=dry_run)


def _below(target: Target) -> list[Trashed]:
    top = target.path.rstrip("/")
    return [each for each in trashed(target.studio) if each.path == top or each.path.startswith(f"{top}/")]


def _put_away(target: Target, *, dry_run: bool) -> Trashed:
    thing = target.thing
    if thing is None:
        raise click.UsageError("the top of a project cannot be trashed; name a file or folder in it")
    if target.mounted is not None:
        target.mounted.require_saved()
    with target.studio.together(rehearse=dry_run):
        target.studio.trash(thing.id)
    return Trashed(target.path, "file" if thing.id in target.tree.assets else "folder", thing.id)
