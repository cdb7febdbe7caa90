"""``mountfs verify``: every byte that a project has recorded."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import DAMAGED, OK, PROJECT_FILE, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option, project_argument, storage_dir_option
from mountfs.cli.progress import progress
from mountfs.exchange.verifying import Flaw, Verification
from mountfs.names import printable


@click.command()
@project_argument
@storage_dir_option
@json_option
@exits(DAMAGED, PROJECT_FILE, UNAVAILABLE)
@click.pass_context
def command(ctx: click.Context, project_file: Path, storage_dir: Path | None, as_json: bool) -> None:
    """Check every byte that a project has recorded: all versions of all files, and all templates.

    What is in the trash counts, too, since it can be brought back.

    Each chunk is read and compared with its SHA-256, each file with its size and checksum, and SQLite checks
    the database. What is wrong is named: the file, its version, the chunk, and which bytes of the file.

    \b
      mountfs verify film.clst
      mountfs verify --json film.clst --storage-dir /srv/chunks
    """
    from mountfs.storage.open import open_project

    with (
        open_project(project_file, storage_dir=storage_dir, read_only=True) as project,
        progress("verifying") as meter,
    ):
        done = Verification(project, meter).run()
    if as_json:
        output.as_json(asdict(done))
    else:
        for flaw in done.flaws:
            click.echo(printable(_line(flaw)))
        looked_at = [output.count(done.files, "file"), output.count(done.versions, "version")]
        if done.templates:
            looked_at.append(output.count(done.templates, "template"))
        looked_at += [output.count(done.chunks, "chunk"), output.size(done.bytes)]
        verdict = f"{output.count(len(done.flaws), 'flaw')}" if done.flaws else "all as recorded"
        click.echo(f"{', '.join(looked_at)}: {verdict}")
    ctx.exit(DAMAGED if done.flaws else OK)


def _line(flaw: Flaw) -> str:
    where = flaw.path
    if flaw.number is not None:
        where += f", version {flaw.number}"
    if flaw.begin is not None:
        where += f", bytes {flaw.begin} to {flaw.end}"
    return f"{where}: {flaw.reason}"
