"""``mountfs discard``: the project's version instead of local changes."""

from __future__ import annotations

import sys
import unicodedata

import click

from mountfs.cli import MOUNT, NOT_FOUND, REFUSED, UNAVAILABLE, Missing, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.paths import InMount, require_in_mount
from mountfs.names import printable


@click.command()
@click.argument("path", metavar="PATH")
@click.option("--yes", "typed", metavar="NAME", help="The name of the file, for scripts: nothing is asked.")
@json_option
@exits(NOT_FOUND, REFUSED, MOUNT, UNAVAILABLE)
def command(path: str, typed: str | None, as_json: bool) -> None:
    """Give up the local changes of a file in a mount: it shows the project's version again.

    To go on, its name has to be typed. What is given up is kept for 7 days, in a folder that the command
    names. A new file that is no version yet leaves the mount.

    \b
      mountfs discard ~/mnt/shots/sh010.blend
      mountfs discard ~/mnt/shots/sh010.blend --yes sh010.blend
    """
    place = require_in_mount(path, below=True)
    local = [file for file in place.status()["files"] if file["path"] == place.path]
    if not local:
        raise Missing(f"{path} has no local changes; mountfs status lists what has")
    if typed is None:
        typed = _ask(place, int(local[0]["local_bytes"]))
    if _spelled(typed) != _spelled(place.full.name):
        raise click.UsageError(f"the name is {place.full.name!r}, not {typed!r}; nothing was discarded")
    answer = place.ask("discard")
    if as_json:
        output.as_json(answer)
    else:
        click.echo(printable(f"given up; for 7 days it is kept as {answer['kept']}"))


def _ask(place: InMount, size: int) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError(f"type the name of the file to go on: --yes {place.full.name}")
    output.say(f"{place.full} has {output.size(size)} that are only on this machine.")
    answer: str = click.prompt("To give them up, type the name of the file", err=True)
    return answer


def _spelled(name: str) -> str:
    """However a keyboard composes letters."""
    return unicodedata.normalize("NFC", name.strip())
