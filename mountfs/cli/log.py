"""``mountfs log``: the versions of a file."""

from __future__ import annotations

from pathlib import Path

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, REFUSED, UNAVAILABLE, describe, output
from mountfs.cli.options import as_option, exits, json_option, path_argument, storage_dir_option
from mountfs.cli.target import open_target
from mountfs.model import Asset

COLUMNS = ("number", "id", "author", "time", "size", "xxh3", "comment")


@click.command()
@path_argument
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def command(path: str, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """List the versions of a file, newest first: number, id, author, time, size, xxh3, comment.

    The number counts all versions the file ever had; those in the trash are not listed. Times are UTC.
    Inside a mount, a version that was just saved is waited for.

    \b
      mountfs log ~/mnt/shots/sh010.blend
      mountfs log --json film.clst:/shots/sh010.blend
    """
    with open_target(path, username=username, storage_dir=storage_dir, settled=True) as target:
        thing = target.thing
        if not isinstance(thing, Asset):
            raise click.UsageError(
                "log is about a file, and this is a folder; mountfs ls lists what is in it"
            )
        versions = [describe.version(target, checkpoint) for checkpoint in target.studio.history(thing.id)]
    if as_json:
        output.as_json(versions)
        return
    rows = ([version[column] for column in COLUMNS] for version in versions)
    output.table([column.upper() for column in COLUMNS], rows, right=("NUMBER", "SIZE"))
