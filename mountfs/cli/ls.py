"""``mountfs ls``: what a folder of a project holds."""

from __future__ import annotations

from pathlib import Path

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, UNAVAILABLE, describe, output
from mountfs.cli.options import as_option, exits, json_option, path_argument, storage_dir_option
from mountfs.cli.target import open_target
from mountfs.model import ROOT, Asset
from mountfs.studio.outline import Thing

HEADINGS = ("NAME", "VERSION", "SIZE", "MODIFIED", "STATUS", "ASSIGNEE")


@click.command()
@path_argument
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def command(path: str, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """List a folder of a project: names, newest versions, who works on what.

    \b
      mountfs ls ~/mnt/shots
      mountfs ls film.clst:/shots --as ada
      mountfs ls --json film.clst:/
    """
    with open_target(path, username=username, storage_dir=storage_dir) as target:
        thing = target.thing
        if isinstance(thing, Asset):
            things: dict[str, Thing] = {target.path.rpartition("/")[2]: thing}
        else:
            things = target.outline.children(thing.id if thing else ROOT)
        entries = [describe.entry(target, name, thing) for name, thing in things.items()]
    if as_json:
        output.as_json(entries)
        return
    output.table(HEADINGS, map(_row, entries), right=("VERSION", "SIZE"))


def _row(entry: dict[str, object]) -> tuple[object, ...]:
    if entry["type"] == "folder":
        return (f"{entry['name']}/", "", "", "", "shared" if entry["shared"] else "", "")
    columns = ("name", "number", "size", "modified", "status", "assignee")
    return tuple("" if entry[key] is None else entry[key] for key in columns)
