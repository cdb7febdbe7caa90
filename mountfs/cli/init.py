"""``mountfs init``: a new, empty project file."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import PROJECT_FILE, SETTINGS, UNAVAILABLE
from mountfs.cli.options import exits, project_argument, storage_dir_option
from mountfs.cli.paths import SUFFIX
from mountfs.cli.target import settings
from mountfs.names import printable

if TYPE_CHECKING:
    from mountfs.storage.create import FirstUser


@click.command()
@project_argument
@click.option(
    "--storage",
    type=click.Choice(["compact", "deflated"]),
    default="compact",
    show_default=True,
    help="Keep content inside the project file, or as files in a folder.",
)
@storage_dir_option
@exits(PROJECT_FILE, SETTINGS, UNAVAILABLE)
def command(project_file: Path, storage: str, storage_dir: Path | None) -> None:
    """Make a new, empty project file.

    You become its first admin, under the address of user.email in your configuration, or else under your
    login name. A file that exists is never replaced.

    \b
      mountfs init film.clst
      mountfs init film.clst --storage deflated --storage-dir /srv/chunks
    """
    from mountfs.storage.create import create_project

    if project_file.suffix != SUFFIX:
        raise click.UsageError(f"a project file's name ends in {SUFFIX}: {project_file.stem}{SUFFIX}")
    if storage == "deflated" and storage_dir is None:
        raise click.UsageError("with --storage deflated, name the folder for the content: --storage-dir DIR")
    if storage == "compact" and storage_dir is not None:
        raise click.UsageError("--storage-dir is for --storage deflated; a compact project needs no folder")
    user = first_user(settings().user.email)
    create_project(project_file, name=project_file.stem, mode=storage, storage_dir=storage_dir, author=user)
    click.echo(printable(f"{project_file} is ready ({storage}); its admin is {user.username} <{user.email}>"))


def first_user(email: str) -> FirstUser:
    """The admin of a new project, from an address or else from the login of whoever runs this."""
    from mountfs.storage.create import FirstUser

    try:
        account = pwd.getpwuid(os.getuid())
        login, real_name = account.pw_name, account.pw_gecos.partition(",")[0]
    except KeyError:  # a user of a container that has no name there
        login, real_name = f"user{os.getuid()}", ""
    email = email.strip().lower() or f"{login}@{socket.gethostname().lower()}"
    first, _, last = real_name.strip().partition(" ")
    return FirstUser(
        email=email,
        username=email.partition("@")[0] or login,
        first_name=first or login,
        last_name=last.strip() or "-",  # the format wants one
    )
