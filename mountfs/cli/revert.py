"""``mountfs revert``: an old version becomes the newest again."""

from __future__ import annotations

from pathlib import Path

import click

from mountfs.cli import (
    NOT_FOUND,
    NOT_LOGGED_IN,
    PROJECT_FILE,
    REFUSED,
    UNAVAILABLE,
    Missing,
    describe,
    output,
)
from mountfs.cli.numbered import numbered
from mountfs.cli.options import as_option, dry_run_option, exits, json_option, storage_dir_option
from mountfs.cli.target import open_target
from mountfs.model import Asset


@click.command()
@click.argument("version", metavar="PATH@N")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def command(
    version: str, dry_run: bool, username: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """Make version N of a file the newest again: as a new version with its content.

    Nothing is lost: what was the newest stays in the history, and can be gone back to in the same way.
    mountfs log lists the versions with their numbers. A file with changes that are not saved yet is refused.

    \b
      mountfs log ~/mnt/shots/sh010.blend
      mountfs revert ~/mnt/shots/sh010.blend@3
      mountfs revert film.clst:/shots/sh010.blend@3
    """
    path, number = numbered(version)
    with open_target(path, username=username, storage_dir=storage_dir, read_only=False) as target:
        thing = target.thing
        if not isinstance(thing, Asset):
            raise click.UsageError("a folder has no versions; name a file")
        if target.mounted is not None:
            target.mounted.require_saved()
        history = target.studio.history(thing.id)
        old = next((checkpoint for checkpoint in history if checkpoint.number == number), None)
        if old is None:
            raise Missing(f"{path} has no version {number}; mountfs log lists those it has")
        is_newest = old == history[0]
        with target.studio.together(rehearse=dry_run):
            newest = old if is_newest else target.studio.revert(old.id)
        made = describe.version(target, newest)
    if as_json:
        output.as_json(made)
    elif is_newest:
        output.outcome(f"version {number} of {path} is the newest already", dry_run=dry_run)
    else:
        text = f"{path} is now version {made['number']}, with the content of version {number}"
        output.outcome(text, dry_run=dry_run)
