"""``mountfs mount``: a project becomes a folder."""

from __future__ import annotations

import faulthandler
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import MOUNT, NOT_FOUND, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.moment import Moment
from mountfs.cli.options import as_option, exits, json_option, project_argument, storage_dir_option
from mountfs.cli.target import settings
from mountfs.errors import MountfsError, ProjectFileError
from mountfs.names import printable

if TYPE_CHECKING:
    from mountfs.launch import Mounted, MountRequest


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
@click.option(
    "--at",
    metavar="TIME",
    type=Moment(),
    help="Show it as it was then, read-only: 2026-11-21T10:00 (UTC), or 2h, 3d: so long ago.",
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
    at: int | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Show a project as a folder: DIR, which must be empty and yours.

    When the command is done the mount answers; the program behind it stays in the background. A dead mount on
    DIR is cleaned away first. Without --as you see the whole project. What is saved in the mount becomes a
    version in the project; mountfs status shows what is not one yet.

    \b
      mountfs mount film.clst ~/mnt
      mountfs mount film.clst ~/mnt --as ada
      mountfs mount film.clst ~/mnt -o ro,memory=512MiB
      mountfs mount film.clst ~/past --at 2026-11-21T10:00

    \b
    Options for -o:
      memory=SIZE         bytes of decoded content kept for readers (256MiB)
      workers=N           threads that fetch, decompress and verify (4)
      read_ahead_kb=N     what the kernel reads ahead; needs root (1024)
      allow_other         let other users of this machine in
      gid=N               group of everything in the mount, for allow_other
      deadline=SECONDS    until a request is answered with an error (30)
      read_deadline=SECONDS  the same for reading content (300)
      ro                  let nothing be changed through this mount
      quiet_time=SECONDS  in which saves of one name are one version (1)
      join_time=SECONDS   until a version is made of a name that is saved again and again (10)
      grace_time=SECONDS  until a file that was renamed away or removed counts as that (5)
      empty_rest=SECONDS  until an empty file is a version (60)
      idle_time=SECONDS   of rest until a file that is never closed is a version (10)
      close=durable|lazy  whether closing waits for the disk (durable)
      track=auto|manual   new files: sent by themselves, or by mountfs track (auto)
      draft_quota=SIZE    bytes that unsent changes may take (0: what the disk has)
      scratch_quota=SIZE  bytes that local files may take (0: what the disk has)
      xattr               extended attributes, at the price of slower small writes
      desktop=off         no notifications, and no shutdown held back (on)
      thumbnails=auto|on|off  whole files for programs that make previews (auto: from local disks)
      noexec              let nothing in the mount be run as a program
    """
    from mountfs import daemon
    from mountfs.supervisor import Supervisor

    config = settings()
    request = daemon.MountRequest(
        project=project_file.absolute(),
        mount_point=folder.absolute(),
        state_dir=config.state_dir,
        runtime_dir=config.runtime_dir,
        username=username,
        author_email=config.user.email,
        storage_dir=storage_dir.absolute() if storage_dir else None,
        options=config.mount.with_text(",".join((*options, *(["ro"] if at is not None else [])))),
        at=at,
    )

    def announce(mounted: Mounted) -> None:
        for warning in mounted.warnings:
            output.say(f"mountfs: {warning}")
        if as_json:
            output.as_json(json.loads(mounted.to_json()))
        else:
            eyes = "all of it, as its owner" if mounted.owner else "as seen by"
            what = f"{mounted.project_name} is mounted at {mounted.mount_point}"
            way = ", read-only" if request.options.ro else ""
            way += f", as it was at {output.time(at)}" if at is not None else ""
            click.echo(printable(f"{what} ({eyes} {mounted.username}{way})"))

    try:
        if foreground:
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
            faulthandler.enable()  # a manager that takes this for hung kills it by a signal: say where it was
            daemon.run(request, announce, Supervisor.of_this_process(os.environ))
        else:
            announce(daemon.start(request))
    except ProjectFileError as exc:
        if not request.options.ro and _can_be_read(request):
            exc.args = (f"{exc}; to look at it, mount it with -o ro",)
        raise


def _can_be_read(request: MountRequest) -> bool:
    """Whether a project that cannot be written could be mounted to be looked at."""
    from mountfs.storage.open import open_project

    if request.project is None:
        return False
    try:
        open_project(request.project, storage_dir=request.storage_dir, read_only=True).close()
    except MountfsError:
        return False
    return True
