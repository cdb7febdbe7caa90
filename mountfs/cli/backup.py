"""``mountfs backup``: a project as it is now, as another file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import DAMAGED, OK, PROJECT_FILE, UNAVAILABLE, output
from mountfs.cli.options import dry_run_option, exits, json_option, project_argument, storage_dir_option
from mountfs.cli.paths import SUFFIX
from mountfs.cli.progress import progress
from mountfs.exchange.meter import NoMeter
from mountfs.names import printable


@click.command()
@project_argument
@click.argument("file", metavar="FILE.clst", type=click.Path(path_type=Path))
@dry_run_option
@storage_dir_option
@json_option
@exits(DAMAGED, PROJECT_FILE, UNAVAILABLE)
@click.pass_context
def command(
    ctx: click.Context,
    project_file: Path,
    file: Path,
    dry_run: bool,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Copy a project as it is at this moment to FILE.clst, which must not exist, and verify the copy.

    The project may be mounted and written to meanwhile. Every byte of the copy is compared with its checksum
    before the copy gets its name, so a file of that name is a good backup. Stopped at any time, nothing has
    the name; run it again. A project with storage 'deflated' has its content copied into a folder beside
    the copy, FILE.chunks. To go back to a backup, mount it, or copy it to where the project was.

    \b
      mountfs backup film.clst film-friday.clst
      mountfs backup -n series.clst /srv/backup/series.clst --storage-dir /srv/chunks
    """
    from mountfs.exchange.backing_up import Backup
    from mountfs.storage.open import open_project

    if file.suffix != SUFFIX:
        raise click.UsageError(f"a project file's name ends in {SUFFIX}: {file.stem}{SUFFIX}")
    with open_project(project_file, storage_dir=storage_dir, read_only=True) as project:
        if dry_run:
            Backup(project, file, NoMeter()).check()
            size = project_file.stat().st_size
            click.echo(printable(f"would copy {project_file} ({output.size(size)}) to {file} and verify it"))
            return
        with progress("backing up") as meter:
            done = Backup(project, file, meter).run()
    if as_json:
        output.as_json(asdict(done))
    else:
        for flaw in done.flaws:
            output.say(f"damaged in the project too: {flaw.path}: {flaw.reason}")
        files, versions = output.count(done.files, "file"), output.count(done.versions, "version")
        where = f" and {done.chunk_folder}" if done.chunk_folder else ""
        verdict = "as good as the project, which is damaged" if done.flaws else "verified"
        click.echo(printable(f"{file}{where}: {files}, {versions}, {output.size(done.bytes)}, {verdict}"))
    ctx.exit(DAMAGED if done.flaws else OK)
