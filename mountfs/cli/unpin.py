"""``mountfs unpin``: what was pinned may go from this machine."""

from __future__ import annotations

import click

from mountfs.cli import MOUNT, NOT_FOUND, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import deps_option, exits, json_option
from mountfs.cli.paths import require_in_mount
from mountfs.names import printable


@click.command()
@click.argument("path", metavar="PATH|MOUNT")
@deps_option("What it depends on may go, too, if that was pinned with it.")
@json_option
@exits(NOT_FOUND, REFUSED, MOUNT, UNAVAILABLE)
def command(path: str, deps: bool, as_json: bool) -> None:
    """Let what was pinned at PATH go when there is no room for it. It stays until then: mountfs evict.

    \b
      mountfs unpin ~/mnt/shots
      mountfs unpin --deps ~/mnt/shots/sh010.blend
    """
    answer = require_in_mount(path).keeping("unpin", needs=deps)
    if as_json:
        output.as_json(answer)
    else:
        click.echo(printable(f"{path} is not pinned any more"))
