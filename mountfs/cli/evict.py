"""``mountfs evict``: content of a studio goes from this machine."""

from __future__ import annotations

import click

from mountfs.cli import MOUNT, NOT_FOUND, NOT_LOGGED_IN, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.paths import require_in_mount


@click.command()
@click.argument("path", metavar="PATH|MOUNT")
@json_option
@exits(NOT_FOUND, REFUSED, MOUNT, UNAVAILABLE, NOT_LOGGED_IN)
def command(path: str, as_json: bool) -> None:
    """Remove from this machine what it keeps of the files at PATH and below. They are fetched again when they
    are read.

    Nothing is lost: what is not sent yet is elsewhere, and stays. What is open stays, and what is pinned is
    refused.

    \b
      mountfs evict ~/mnt/shots
    """
    answer = require_in_mount(path).keeping("evict")
    if as_json:
        output.as_json(answer)
    else:
        click.echo(f"{output.size(int(answer['freed']))} are free")
