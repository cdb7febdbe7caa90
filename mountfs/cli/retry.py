"""``mountfs retry``: what was refused is offered again."""

from __future__ import annotations

import click

from mountfs.cli import MOUNT, NOT_FOUND, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.paths import require_in_mount


@click.command()
@click.argument("path", metavar="PATH|MOUNT")
@json_option
@exits(NOT_FOUND, REFUSED, MOUNT, UNAVAILABLE)
def command(path: str, as_json: bool) -> None:
    """Send again what was refused at PATH and below, after its reason was removed.

    A file that lost a race (state outdated) becomes the next version after the newest: look at that one
    first, since yours does not have its changes.

    \b
      mountfs status ~/mnt
      mountfs retry ~/mnt/shots/sh010.blend
      mountfs wait ~/mnt/shots/sh010.blend
    """
    answer = require_in_mount(path).ask("retry")
    if as_json:
        output.as_json(answer)
        return
    tried = int(answer["tried"])
    click.echo(
        f"{output.count(tried, 'file')} on the way again; mountfs status tells how it ends"
        if tried
        else "nothing here was refused"
    )
