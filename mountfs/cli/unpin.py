"""``mountfs unpin``: what was pinned may go from this machine."""

from __future__ import annotations

import click

from mountfs.cli import MOUNT, NOT_FOUND, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.paths import require_in_mount
from mountfs.names import printable


@click.command()
@click.argument("path", metavar="PATH|MOUNT")
@json_option
@exits(NOT_FOUND, REFUSED, MOUNT, UNAVAILABLE)
def command(path: str, as_json: bool) -> None:
    """Let what was pinned at PATH go when there is no room for it. It stays until then: mountfs evict.

    \b
      mountfs unpin ~/mnt/shots
    """
    answer = require_in_mount(path).keeping("unpin")
    if as_json:
        output.as_json(answer)
    else:
        click.echo(printable(f"{path} is not pinned any more"))
