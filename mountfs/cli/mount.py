"""``mountfs mount``: a project becomes a folder."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import MOUNT, NOT_FOUND, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import as_option, exits, json_option, project_argument, storage_dir_option
from mountfs.cli.target import settings
from mountfs.names import printable

if TYPE_CHECKING:
    from mountfs.launch import Mounted


@click.command()
@project_argument
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@as_option
@click.option("-f", "--foreground", is_flag=True, help="Stay until it is unmounted; log to this terminal.")
@click.option(
    "-o",
    "options",
    metavar="KEY=VALUE,…",
    multiple=True,
    help="Mount options, as listed below. The table [mount] of config.toml has the defaults.",
)
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, MOUNT, SETTINGS, UNAVAILABLE)
def command(
    project_file: Path,
    folder: Path,
    username: str | None,
    foreground: bool,
    options: tuple[str, ...],
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Show a project as a folder: DIR, which must be empty and yours.

    When the command is done the mount answers; the program behind it stays in the background. A dead mount on
    DIR is cleaned away first. Without --as you see the whole project. Mounts are read-only in this version.

    \b
      mountfs mount film.clst ~/mnt
      mountfs mount film.clst ~/mnt --as ada
      mountfs mount film.clst ~/mnt -o memory=512MiB,workers=8

    \b
    Options for -o:
      memory=SIZE         bytes of decoded content kept for readers (256MiB)
      workers=N           threads that fetch, decompress and verify (4)
      read_ahead_kb=N     what the kernel reads ahead; needs root (1024)
      allow_other         let other users of this machine in
      gid=N               group of everything in the mount, for allow_other
      deadline=SECONDS    until a request is answered with an error (30)
      read_deadline=SECONDS  the same for reading content (300)
    """
    from mountfs import daemon

    config = settings()
    request = daemon.MountRequest(
        project=project_file.absolute(),
        mount_point=folder.absolute(),
        state_dir=config.state_dir,
        runtime_dir=config.runtime_dir,
        username=username,
        author_email=config.user.email,
        storage_dir=storage_dir.absolute() if storage_dir else None,
        options=config.mount.with_text(",".join(options)),
    )

    def announce(mounted: Mounted) -> None:
        for warning in mounted.warnings:
            output.say(f"mountfs: {warning}")
        if as_json:
            output.as_json(json.loads(mounted.to_json()))
        else:
            eyes = "all of it, as its owner" if mounted.owner else "as seen by"
            what = f"{mounted.project_name} is mounted at {mounted.mount_point}"
            click.echo(printable(f"{what} ({eyes} {mounted.username}, read-only)"))

    if foreground:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        daemon.run(request, announce)
    else:
        announce(daemon.start(request))
