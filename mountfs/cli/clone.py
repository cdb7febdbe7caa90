"""``mountfs clone``: a project of one's own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import DAMAGED, NOT_FOUND, PROJECT_FILE, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import as_option, dry_run_option, exits, json_option, storage_dir_option
from mountfs.cli.paths import SUFFIX
from mountfs.cli.progress import progress
from mountfs.cli.target import open_target
from mountfs.names import printable


@click.command()
@click.argument("source", metavar="PROJECT.clst|MOUNT")
@click.argument("file", metavar="NEW.clst", type=click.Path(path_type=Path))
@as_option
@dry_run_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, DAMAGED, PROJECT_FILE, UNAVAILABLE)
def command(
    source: str,
    file: Path,
    username: str | None,
    dry_run: bool,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Make a project of one's own, NEW.clst, with all that is visible in another one.

    With --as, or from that user's mount, only what they see is in it: their files with their history, and
    nothing that tells of the rest. Versions keep their ids, numbers may differ; the trash stays behind. The
    clone is a project by itself, whose admin they are. Every byte is verified before it gets its name.
    Stopped at any time, nothing has the name; run it again to go on.

    \b
      mountfs clone film.clst mine.clst
      mountfs clone film.clst for-bo.clst --as bo
    """
    from mountfs.exchange.cloning import Cloning

    if file.suffix != SUFFIX:
        raise click.UsageError(f"a project file's name ends in {SUFFIX}: {file.stem}{SUFFIX}")
    with (
        open_target(source, username=username, storage_dir=storage_dir) as target,
        progress("cloning") as meter,
    ):
        if target.path != "/":
            raise click.UsageError("a whole project is cloned; mountfs export writes a part of one")
        cloning = Cloning(target.project, target.studio, file, meter)
        done = cloning.check() if dry_run else cloning.run()
    if as_json:
        output.as_json(asdict(done))
        return
    files, folders = output.count(done.files, "file"), output.count(done.folders, "folder")
    what = f"{files} in {folders}, {output.count(done.versions, 'version')}, {output.size(done.bytes)}"
    click.echo(printable(f"would make {file}: {what}" if dry_run else f"{file}: {what}, verified"))
