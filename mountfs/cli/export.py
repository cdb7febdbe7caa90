"""``mountfs export``: a project's files into an ordinary folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import DAMAGED, NOT_FOUND, OK, PROJECT_FILE, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import as_option, exits, json_option, storage_dir_option
from mountfs.cli.progress import progress
from mountfs.cli.target import open_target
from mountfs.exchange.exporting import Export


@click.command()
@click.argument("source", metavar="PROJECT.clst|PATH")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, DAMAGED, PROJECT_FILE, UNAVAILABLE)
@click.pass_context
def command(
    ctx: click.Context,
    source: str,
    folder: Path,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Write the newest version of every file that is visible into DIR, verified.

    DIR is made if it is missing, and must be empty, or hold what an export of the same that was stopped has
    left; that goes on then. Nothing is ever replaced. A file whose content is damaged is left out and named,
    the others are written, and the exit code is 6. Links become NAME.url.

    \b
      mountfs export film.clst /srv/delivery
      mountfs export film.clst:/shots/sh010 /srv/sh010 --as ada
      mountfs export ~/mnt/library /srv/library
    """
    with (
        open_target(source, username=username, storage_dir=storage_dir) as target,
        progress("exporting") as meter,
    ):
        source = f"{target.project.id} {target.path} {target.tree.viewer.person.id}"
        export = Export(target.studio, target.project.chunks, target.outline, meter, source=source)
        done = export.run(target.thing, folder)
    if as_json:
        output.as_json(asdict(done))
    else:
        for item in done.damaged:
            output.say(f"damaged: {item.path}: {item.reason}")
        files, folders = output.count(done.files, "file"), output.count(done.folders, "folder")
        click.echo(f"{files} in {folders}, {output.size(done.bytes)}, verified; {len(done.damaged)} damaged")
    ctx.exit(DAMAGED if done.damaged else OK)
