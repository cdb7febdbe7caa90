"""``mountfs checkpoint``: a version, now."""

from __future__ import annotations

import click

from mountfs.cli import MOUNT, NOT_FOUND, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.paths import require_in_mount
from mountfs.names import printable


@click.command()
@click.argument("path", metavar="PATH")
@click.option("-m", "--message", metavar="TEXT", default="", help="The comment of the version.")
@json_option
@exits(NOT_FOUND, REFUSED, MOUNT, UNAVAILABLE)
def command(path: str, message: str, as_json: bool) -> None:
    """Make a version of a changed file in a mount now, with a comment; of one that is open, too.

    Saving and closing makes versions by itself. This is for a comment, for a version in the middle of work,
    and for a program that never closes its file. It returns when the version is in the project.

    \b
      mountfs checkpoint ~/mnt/shots/sh010.blend -m "before the new rig"
    """
    place = require_in_mount(path, below=True)
    place.write_back()
    answer = place.ask("checkpoint", comment=message)
    if as_json:
        output.as_json(answer)
    else:
        click.echo(printable(f"{path} is version {answer['number']} ({answer['checkpoint']})"))
