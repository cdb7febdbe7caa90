"""``mountfs convert``: a project's content into its file, or out of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import DAMAGED, PROJECT_FILE, UNAVAILABLE, output
from mountfs.cli.options import dry_run_option, exits, json_option, project_argument, storage_dir_option
from mountfs.cli.progress import progress
from mountfs.names import printable


@click.command()
@project_argument
@click.argument("mode", metavar="compact|deflated", type=click.Choice(["compact", "deflated"]))
@dry_run_option
@storage_dir_option
@json_option
@exits(DAMAGED, PROJECT_FILE, UNAVAILABLE)
def command(project_file: Path, mode: str, dry_run: bool, storage_dir: Path | None, as_json: bool) -> None:
    """Keep a project's content inside the project file (compact), or as files in a folder (deflated).

    --storage-dir names the folder that it goes into, or lies in now. Each chunk is verified in its new place
    before the project uses it there. Nobody may have the project open: unmount it first. Stopped at any time,
    the project is whole; run it again to go on. The files of a project that is compact again stay where they
    are, in case a backup stands on them.

    \b
      mountfs convert film.clst deflated --storage-dir /srv/chunks
      mountfs convert film.clst compact --storage-dir /srv/chunks
    """
    from mountfs.storage.converting import Conversion
    from mountfs.storage.open import open_project

    if mode == "deflated" and storage_dir is None:
        raise click.UsageError("name the folder for the content: --storage-dir DIR")
    open_project(project_file, storage_dir=storage_dir, read_only=True).close()  # with the words of its own
    folder = storage_dir or project_file.parent
    with progress("converting") as meter:
        conversion = Conversion(project_file, mode, folder, begin=meter.begin, advance=meter.advance)
        was, chunks, size = conversion.check()
        if dry_run:
            text = f"{output.count(chunks, 'chunk')} ({output.size(size)}) to be converted to {mode}"
            click.echo(printable(text if was != mode else f"{project_file} is {mode} already"))
            return
        if mode == "deflated":
            folder.mkdir(parents=True, exist_ok=True)
        done = conversion.run()
    if as_json:
        output.as_json({"was": was, **asdict(done)})
        return
    if was == mode:
        click.echo(printable(f"{project_file} is {mode} already"))
        return
    click.echo(
        printable(
            f"{project_file} is {mode}: {output.count(done.chunks, 'chunk')} verified, "
            f"{done.copied} of them copied ({output.size(done.bytes)})"
        )
    )
    if mode == "compact":
        output.say(f"its files in {folder} are not used any more, unless by a backup or a copy")
