"""``mountfs import``: a folder's files into a project. (The name ``import`` is Python's.)"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import INCOMPLETE, NOT_FOUND, OK, PROJECT_FILE, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option, project_argument, storage_dir_option
from mountfs.cli.progress import progress
from mountfs.cli.target import open_project_for
from mountfs.exchange.importing import Import, Imported
from mountfs.exchange.scan import scan
from mountfs.ignore import IgnoreRules


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@project_argument
@click.option("-m", "--comment", metavar="TEXT", default="", help="The comment of the new versions.")
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, INCOMPLETE, PROJECT_FILE, UNAVAILABLE)
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    project_file: Path,
    comment: str,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Take a folder's files into a project: folders become folders, files get their first version.

    Run it again at any time: only what changed gets a new version. Nothing is removed from the project
    because it is gone from DIR. Backups, locks and autosaves of tools are ignored, and so is what the
    project's own ignore list names. Symlinks, pipes and devices are left out and reported; so are names that
    no project can hold and files that cannot be read, and then the exit code is 5.

    \b
      mountfs import ~/film film.clst
      mountfs import ~/film film.clst -m "delivery of Friday"
    """
    with open_project_for(project_file, None, storage_dir, read_only=False) as (project, studio):
        without = _identities(project.path, storage_dir)
        found = scan(folder, IgnoreRules(studio.ignore_list()), without=without)
        with progress("importing") as meter:
            errand = Import(folder, found, studio, project.chunks, meter, comment=comment)
            try:
                done = errand.run()
            except KeyboardInterrupt:
                output.say(f"mountfs: {_summary(errand.done)} so far")
                raise
    if as_json:
        output.as_json(asdict(done))
    else:
        for item in done.left_out:
            output.say(f"left out: {item.path}: {item.reason}")
        click.echo(_summary(done))
    ctx.exit(INCOMPLETE if any(item.lost for item in done.left_out) else OK)


def _summary(done: Imported) -> str:
    parts = [
        f"{output.count(done.new, 'file')} new",
        f"{done.changed} changed",
        f"{done.unchanged} unchanged",
    ]
    if done.collections:
        parts.append(output.count(done.collections, "new folder"))
    if done.ignored:
        parts.append(f"{done.ignored} ignored")
    if done.left_out:
        parts.append(f"{len(done.left_out)} left out")
    return (
        ", ".join(parts) + f"; {output.size(done.bytes_read)} read, {output.size(done.bytes_new)} of it new"
    )


def _identities(*paths: Path | None) -> set[tuple[int, int]]:
    """The project's own files, in case they lie in the folder that is imported."""
    found = set()
    for path in paths:
        for place in (
            (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")) if path else ()
        ):
            if place.exists():
                seen = os.stat(place)
                found.add((seen.st_dev, seen.st_ino))
    return found
