"""``mountfs track``: a local file becomes part of the project."""

from __future__ import annotations

import click

from mountfs.cli import MOUNT, NOT_FOUND, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.paths import require_in_mount
from mountfs.names import printable


@click.command()
@click.argument("path", metavar="PATH")
@json_option
@exits(NOT_FOUND, REFUSED, MOUNT, UNAVAILABLE)
def command(path: str, as_json: bool) -> None:
    """Let a local file in a mount become part of the project, when it is closed and has rested.

    For files that stay on this machine by their name, and for all new files of a mount with -o track=manual.

    \b
      mountfs track ~/mnt/shots/notes.tmp
      mountfs wait ~/mnt/shots/notes.tmp
    """
    answer = require_in_mount(path, below=True).ask("track")
    if as_json:
        output.as_json(answer)
    else:
        why = f": {answer['reason']}" if answer["reason"] else ""
        click.echo(printable(f"{path} is {answer['state']}{why}"))
