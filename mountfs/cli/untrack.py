"""``mountfs untrack``: a new file stays on this machine."""

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
    """Keep a new file of a mount on this machine: it is not sent, until mountfs track says so.

    A file that is part of the project already stays so; mountfs trash puts that away.

    \b
      mountfs untrack ~/mnt/shots/try.blend
    """
    answer = require_in_mount(path, below=True).ask("untrack")
    if as_json:
        output.as_json(answer)
    else:
        click.echo(printable(f"{path} stays on this machine"))
