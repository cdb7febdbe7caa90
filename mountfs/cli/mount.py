"""``mountfs mount``: a project becomes a folder."""

from __future__ import annotations

import faulthandler
import getpass
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import click

from mountfs.cli import (
    MOUNT,
    NOT_FOUND,
    NOT_LOGGED_IN,
    PROJECT_FILE,
    REFUSED,
    SETTINGS,
    UNAVAILABLE,
    Missing,
    output,
)
from mountfs.cli.moment import Moment
from mountfs.cli.options import exits, json_option, mount_point, somebody, storage_dir_option
from mountfs.cli.studio_account import is_studio, keys_of, line_of
from mountfs.cli.target import settings
from mountfs.errors import MountError, MountfsError, ProjectFileError
from mountfs.names import printable, showable

if TYPE_CHECKING:
    from mountfs.config import Config, MountOptions
    from mountfs.launch import Mounted, MountRequest


@click.command()
@click.argument("what", metavar="PROJECT.clst|URL[/PROJECT]")
@click.argument("folder", metavar="[DIR]", type=mount_point, required=False)
@click.option(
    "--as",
    "username",
    metavar="USERNAME",
    callback=somebody,
    help="See the project as this user: a view, no protection. Of a studio: your account's e-mail address.",
)
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
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, MOUNT, SETTINGS, UNAVAILABLE, NOT_LOGGED_IN)
def command(
    what: str,
    folder: Path | None,
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

    At a studio where you are logged in, URL/PROJECT is one of your projects, by its name, and URL all of
    them, each a folder in DIR. Without DIR it is /studio/PROJECT, or where the studio has set, so that paths
    in scenes are the same on all machines. Without network a mount shows what is on this machine, for two
    weeks or as long as the studio has set.

    \b
      mountfs mount film.clst ~/mnt
      mountfs mount https://studio.example/film ~/work
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
    from mountfs.launch import MountRequest
    from mountfs.supervisor import Supervisor

    config = settings()
    chosen = config.mount.with_text(",".join((*options, *(["ro"] if at is not None else []))))
    if is_studio(what):
        if at is not None or storage_dir is not None:
            raise click.UsageError("--at and --storage-dir are for project files")
        requests = _of_studio(config, what, folder, username or "", chosen)
        if foreground and len(requests) != 1:
            raise click.UsageError("--foreground is for one project: name it, URL/PROJECT")
    else:
        if folder is None:
            raise click.UsageError("Missing argument 'DIR': where to mount it")
        requests = [
            MountRequest(
                project=Path(what).absolute(),
                mount_point=folder.absolute(),
                state_dir=config.state_dir,
                runtime_dir=config.runtime_dir,
                username=username,
                author_email=config.user.email,
                storage_dir=storage_dir.absolute() if storage_dir else None,
                options=chosen,
                at=at,
            )
        ]

    def announce(mounted: Mounted) -> None:
        for warning in mounted.warnings:
            output.say(f"mountfs: {warning}")
        if as_json:
            output.as_json(json.loads(mounted.to_json()))
        else:
            eyes = "all of it, as its owner" if mounted.owner else "as seen by"
            where = f"{mounted.project_name} is mounted at {mounted.mount_point}"
            way = ", read-only" if chosen.ro else ""
            way += f", as it was at {output.time(at)}" if at is not None else ""
            click.echo(printable(f"{where} ({eyes} {mounted.username}{way})"))

    try:
        if foreground:
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
            faulthandler.enable()  # a manager that takes this for hung kills it by a signal: say where it was
            daemon.run(requests[0], announce, Supervisor.of_this_process(os.environ))
            return
        for request in requests:
            announce(daemon.start(request))
    except ProjectFileError as exc:
        if not chosen.ro and _can_be_read(requests[0]):
            exc.args = (f"{exc}; to look at it, mount it with -o ro",)
        raise


def _of_studio(
    config: Config, what: str, folder: Path | None, email: str, options: MountOptions
) -> list[MountRequest]:
    """What to mount of a studio, and where. NotFound for a project that is not one of theirs."""
    from mountfs.keys import plain_email, studio_url
    from mountfs.launch import MountRequest, Remote
    from mountfs.remote import find_project, is_first_time_at, projects
    from mountfs.remote import settings as set_by

    parts = urlsplit(what)
    url = studio_url(f"{parts.scheme}://{parts.netloc}")
    name = unquote(parts.path).strip("/")
    session = keys_of(config).find(url, plain_email(email))
    line = line_of(config, session)
    try:
        known = projects(line, config.state_dir, session.email)
        # The same on all machines, so that what one scene says of another is true on each.
        usual = Path(set_by(line, config.state_dir, session.email).mount_path)
    finally:
        line.close()
    chosen = [find_project(known, name)] if name else known
    if not chosen:
        raise Missing(f"you are a member of no project at {url}; a project's admin can take you in")
    if folder is None:
        _require_outside_home(usual, url)
    top = folder.absolute() if folder is not None else usual / (showable(chosen[0].name) if name else "")
    if folder is None or not name:
        _make_folders(top.parent if name else top, [each.name for each in chosen])
    if (
        folder is not None
        and top not in (usual, usual / showable(chosen[0].name))
        and not config.studio.any_folder
        and sys.stdout.isatty()
        and is_first_time_at(top, config.state_dir, url, session.email)
    ):
        output.remark(
            f"mountfs: paths in scenes are the same on all machines if this is mounted at {usual}; "
            "to mount elsewhere without this remark: [studio] any_folder = true in config.toml"
        )
    return [
        MountRequest(
            project=None,
            mount_point=top if name else top / showable(each.name),
            state_dir=config.state_dir,
            runtime_dir=config.runtime_dir,
            remote=Remote(
                url,
                each.id,
                session.email,
                config.cache_dir / "chunks",
                session.token,
                config.studio.ca_file or None,
                config.studio.cache_size,
                config.studio.timeout,
            ),
            options=options,
        )
        for each in chosen
    ]


def _require_outside_home(place: Path, url: str) -> None:
    """MountError for a place that is this person's own, or above what is."""
    home = Path.home()
    if home != Path("/") and (place.is_relative_to(home) or home.is_relative_to(place)):
        raise MountError(f"{url} wants to be mounted at {place}, where your own files are: name a DIR")


def _make_folders(top: Path, names: list[str]) -> None:
    """A folder for each project in one that is there. MountError says how to make that one."""
    for name in names:
        try:
            (top / showable(name)).mkdir(exist_ok=True)
        except FileExistsError:  # a dead mount, which is cleaned away when it is mounted
            continue
        except OSError as exc:
            raise MountError(
                f"{top} is not a folder of yours to mount in ({exc.strerror}); make it once with: "
                f"sudo install -d -o {getpass.getuser()} {top}"
            ) from exc


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
