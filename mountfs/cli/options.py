"""Arguments and options that several commands share, and the part of ``--help`` about exit codes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mountfs.cli import MEANINGS, OK, STOPPED

Command = TypeVar("Command", bound=Callable[..., Any])

project_argument = click.argument("project_file", metavar="PROJECT.clst", type=click.Path(path_type=Path))

project_or_mount_argument = click.argument("path", metavar="PROJECT.clst|MOUNT")

path_argument = click.argument("path", metavar="PATH")

paths_argument = click.argument("paths", metavar="PATH...", nargs=-1, required=True)


class Folder(click.Path):
    """A folder, and not nothing: a script's variable that is unset must not name the current one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. BadParameter."""
        if not value:
            self.fail("it names no folder", param, ctx)
        return super().convert(value, param, ctx)


class MountPoint(click.Path):
    """A mount point. It is not touched, because one that hangs keeps whoever touches it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        del param, ctx
        return self.coerce_path_result(value)


mount_point = MountPoint(path_type=Path, file_okay=False)


storage_dir_option = click.option(
    "--storage-dir",
    metavar="DIR",
    type=Folder(path_type=Path, file_okay=False),
    help="Where the chunks of a project with storage 'deflated' lie.",
)


def somebody(ctx: click.Context, parameter: click.Parameter, username: str | None) -> str | None:
    """A script's variable that is unset must not give it the owner's view."""
    if username is not None and not username.strip():
        raise click.BadParameter("it names nobody; leave out --as to see the whole project", ctx, parameter)
    return username


as_option = click.option(
    "--as",
    "username",
    metavar="USERNAME",
    callback=somebody,
    help="See the project as this user. A view, no protection: who can read the file can read all of it.",
)

dry_run_option = click.option(
    "-n", "--dry-run", is_flag=True, help="Say what would be done, after the same checks, and change nothing."
)


def deps_option(what: str) -> Callable[[Command], Command]:
    """``--deps``: what a thing depends on is meant, too; ``what`` says for what."""
    return click.option("--deps", is_flag=True, help=what)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def exits(*codes: int) -> Callable[[Command], Command]:
    """Add the exit codes of a command to the end of its help (below ``@click.command``)."""

    def add(function: Command) -> Command:
        lines = [f"{code:>5}  {MEANINGS[code]}" for code in sorted({OK, *codes, STOPPED})]
        function.__doc__ = (
            f"{inspect.cleandoc(function.__doc__ or '')}\n\n\b\nExit codes:\n" + "\n".join(lines) + "\n"
        )
        return function

    return add
