"""``mountfs gc``: content that nothing names any more. (The name is the one that such commands have.)"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import MOUNT, PROJECT_FILE, UNAVAILABLE, output
from mountfs.cli.in_use import versions_in_use
from mountfs.cli.options import dry_run_option, exits, json_option, project_argument, storage_dir_option
from mountfs.cli.progress import progress
from mountfs.cli.target import open_project_for, settings
from mountfs.cli.typed import is_meant, yes_option
from mountfs.names import printable

if TYPE_CHECKING:
    from mountfs.storage.collecting import Collected


@click.command()
@project_argument
@dry_run_option
@yes_option("the project file")
@storage_dir_option
@json_option
@exits(PROJECT_FILE, MOUNT, UNAVAILABLE)
def command(
    project_file: Path, dry_run: bool, typed: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """Remove content that nothing names any more: no version, in the trash or not, and no template.

    Such content is first only noted. It goes in a later run, when 7 days have passed and still nothing names
    it, and only if the name of the project file is typed, or given with --yes. So run it now and then. It may
    run while the project is mounted and written to. Stopped at any time, everything is consistent.

    Versions leave for good with mountfs purge. The room in a project file is used again by what is saved
    later; the file itself does not shrink.

    \b
      mountfs gc film.clst
      mountfs gc film.clst --yes film.clst
    """
    from mountfs.storage.collecting import Collection

    with (
        open_project_for(project_file, None, storage_dir, read_only=dry_run) as (project, studio),
        progress("collecting") as meter,
    ):
        versions_in_use(settings().state_dir, project)
        collection = Collection(project, time.time, meter.advance)
        found = collection.look() if dry_run else collection.note()
        gone = not dry_run and found.ripe.count + found.left.count > 0
        if gone and is_meant(project_file.name, typed, _question(project_file, found)):
            meter.begin(found.ripe.bytes)
            found = collection.remove(studio.record_collected)
    if as_json:
        output.as_json(asdict(found))
        return
    if not dry_run and gone and not found.removed:
        output.say(f"nothing was removed; to remove it: mountfs gc {project_file} --yes {project_file.name}")
    click.echo(printable(_summary(found)))


def _question(project_file: Path, found: Collected) -> str:
    size = output.size(found.ripe.bytes + found.left.bytes)
    return f"{project_file.name} has {size} that nothing has named for 7 days."


def _summary(found: Collected) -> str:
    went = "removed" if found.removed else "may go"
    count, size = found.ripe.count + found.left.count, found.ripe.bytes + found.left.bytes
    return (
        f"{output.count(count, 'chunk')} {went} ({output.size(size)}); "
        f"{found.noted.count} unreferenced for less than 7 days ({output.size(found.noted.bytes)}); "
        f"{found.kept.count} in use ({output.size(found.kept.bytes)})"
    )
