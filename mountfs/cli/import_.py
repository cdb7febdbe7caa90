"""``mountfs import``: a folder's files into a project. (The name ``import`` is Python's.)"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import (
    INCOMPLETE,
    NOT_FOUND,
    NOT_LOGGED_IN,
    OK,
    PROJECT_FILE,
    REFUSED,
    SETTINGS,
    UNAVAILABLE,
    output,
)
from mountfs.cli.options import exits, json_option, storage_dir_option
from mountfs.cli.progress import progress
from mountfs.cli.target import open_project_for
from mountfs.exchange.importing import Import, Imported
from mountfs.exchange.scan import scan
from mountfs.ignore import IgnoreRules


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("project_file", metavar="PROJECT.clst", type=click.Path(path_type=Path), required=False)
@click.option("--studio", metavar="URL/PROJECT", help="Into a project of a studio, where you are logged in.")
@click.option("--as", "email", metavar="EMAIL", default="", help="With --studio: which of your accounts.")
@click.option("-m", "--comment", metavar="TEXT", default="", help="The comment of the new versions.")
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, INCOMPLETE, PROJECT_FILE, SETTINGS, UNAVAILABLE, NOT_LOGGED_IN)
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    project_file: Path | None,
    studio: str | None,
    email: str,
    comment: str,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Take a folder's files into a project: folders become folders, files get their first version.

    Run it again at any time: only what changed gets a new version. Nothing is removed from the project
    because it is gone from DIR. Backups, locks and autosaves of tools are ignored, and so is what the
    project's own ignore list names. Symlinks, pipes and devices are left out and reported; so are names that
    no project can hold and files that cannot be read, and then the exit code is 5.

    With --studio the files go over the network into a project of a studio, as far as your role there allows
    it. What is new is assigned to you, but for what lands in a library, which everybody sees; others see it
    when it is assigned to them.

    \b
      mountfs import ~/film film.clst
      mountfs import ~/film --studio https://studio.example/film
      mountfs import ~/film film.clst -m "delivery of Friday"
    """
    if (project_file is None) == (studio is None):
        raise click.UsageError("into which project? PROJECT.clst, or --studio URL/PROJECT")
    with ExitStack() as stack:
        seen: int | None = None
        if studio is not None:
            from mountfs.cli.far import entered

            own: set[tuple[int, int]] = set()
            bound, chunks = stack.enter_context(entered(studio, email))
        else:
            assert project_file is not None
            opened = open_project_for(project_file, None, storage_dir, read_only=False)
            project, bound = stack.enter_context(opened)
            own, chunks = _identities(project.path, storage_dir), project.chunks
        found = scan(folder, IgnoreRules(bound.ignore_list()), without=own)
        with progress("importing") as meter:
            errand = Import(folder, found, bound, chunks, meter, comment=comment)
            try:
                done = errand.run()
            except KeyboardInterrupt:
                output.say(f"mountfs: {_summary(errand.done)} so far")
                raise
        if studio is not None:
            seen = len(bound.tree().assets)
    if as_json:
        output.as_json(asdict(done) | ({"seen": seen} if seen is not None else {}))
    else:
        for item in done.left_out:
            output.say(f"left out: {item.path}: {item.reason}")
        click.echo(_summary(done))
        if seen is not None:
            click.echo(f"you see {output.count(seen, 'file')} of the project now; what is new is yours")
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
