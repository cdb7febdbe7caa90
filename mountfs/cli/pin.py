"""``mountfs pin``: content of a studio stays on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from mountfs.cli import INCOMPLETE, MOUNT, NOT_FOUND, NOT_LOGGED_IN, OK, UNAVAILABLE, output
from mountfs.cli.options import deps_option, exits, json_option
from mountfs.cli.paths import require_in_mount
from mountfs.names import printable

COUNTS = ("chunks", "here", "bytes")

HEADINGS = ("PATH", "FILES", *(each.upper() for each in COUNTS))


@click.command()
@click.argument("path", metavar="PATH|MOUNT")
@click.option("--list", "lists", is_flag=True, help="Change nothing: list what is pinned in this mount.")
@deps_option("Pin what it depends on, too, as far as you see it: whatever that is at the time.")
@json_option
@exits(NOT_FOUND, INCOMPLETE, MOUNT, UNAVAILABLE, NOT_LOGGED_IN)
@click.pass_context
def command(ctx: click.Context, path: str, lists: bool, deps: bool, as_json: bool) -> None:
    """Fetch what a studio has at PATH and below, and keep it on this machine: it can be read without network.

    What others save there later is fetched, too, while the mount runs. Pins stay until mountfs unpin, also
    when the mount ends. They count against the cache: if they do not fit, a part is not here, and the command
    says so.

    \b
      mountfs pin ~/mnt/shots
      mountfs pin --deps ~/mnt/shots/sh010.blend
      mountfs pin --list ~/mnt
    """
    place = require_in_mount(path)
    pins = place.keeping("pins" if lists else "pin", needs=deps)["pins"]
    if as_json:
        output.as_json(pins)
    else:
        rows = [
            (_named(pin), *("" if pin[key] is None else pin[key] for key in ("files", *COUNTS)))
            for pin in pins
        ]
        output.table(HEADINGS, rows)
    whole = all(pin["here"] == pin["chunks"] for pin in pins)
    if not whole and not lists:
        output.say("mountfs: not all of it is here: is the cache full? [studio] cache_size in config.toml")
    ctx.exit(OK if whole or lists else INCOMPLETE)


def _named(pin: Mapping[str, Any]) -> str:
    path = printable(pin["path"] or ".")
    return f"what {path} needs" if pin["needs"] else path
