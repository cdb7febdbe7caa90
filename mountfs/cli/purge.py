"""``mountfs purge``: what is in the trash goes for good."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import MOUNT, NOT_FOUND, PROJECT_FILE, REFUSED, UNAVAILABLE, output
from mountfs.cli.in_use import versions_in_use
from mountfs.cli.options import dry_run_option, exits, json_option, path_argument, storage_dir_option
from mountfs.cli.target import open_target, settings
from mountfs.cli.typed import is_meant, yes_option
from mountfs.names import printable

if TYPE_CHECKING:
    from mountfs.studio.purging import Purge

DAY = 86400


@click.command()
@path_argument
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(0, 100_000),
    default=0,
    show_default=True,
    help="Only what has been in the trash for so many days.",
)
@dry_run_option
@yes_option("the project file")
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, MOUNT, UNAVAILABLE)
def command(
    path: str, days: int, dry_run: bool, typed: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """Remove what is in the trash for good: files and folders at PATH and below, and single versions.

    It lists what would go, and goes on only if the name of the project file is typed, or given with --yes.
    What a mount on this machine still stands on stays. Nothing brings back what was purged, but a backup.
    The content goes later, by mountfs gc. Versions of a file that come after a purged one move up by a
    number.

    \b
      mountfs purge -n film.clst
      mountfs purge film.clst:/shots --days 30 --yes film.clst
    """
    with open_target(path, storage_dir=storage_dir, read_only=dry_run) as target:
        before = int(time.time()) - days * DAY + 1
        in_use = versions_in_use(settings().state_dir, target.project)
        studio, name = target.studio, target.project.path.name
        what = studio.purgeable(target.path, before, in_use)
        if not as_json:
            for each in what.paths:
                click.echo(printable(each))
            for each in what.in_use:
                output.say(f"{each} stays: something on this machine stands on it")
        removed = bool(what) and not dry_run and is_meant(name, typed, _question(name, what))
        if removed:
            what = studio.purge(target.path, before, in_use)
    if as_json:
        output.as_json(
            {
                "removed": removed,
                "paths": what.paths,
                "files": len(what.assets),
                "folders": len(what.collections),
                "versions": len(what.checkpoints),
                "bytes": what.size,
                "in_use": what.in_use,
            }
        )
    elif not what:
        output.say("nothing from there is in the trash")
    elif removed:
        output.say(f"removed: {_summary(what)}; mountfs gc frees the room")
    else:
        again = "" if dry_run else f"; to remove them: add --yes {name}"
        output.say(f"would remove {_summary(what)}{again}")


def _summary(what: Purge) -> str:
    files, folders = output.count(len(what.assets), "file"), output.count(len(what.collections), "folder")
    return f"{files}, {folders}, {output.count(len(what.checkpoints), 'version')} ({output.size(what.size)})"


def _question(name: str, what: Purge) -> str:
    return f"{name}: {_summary(what)} in the trash would be gone for good."
