"""``mountfs du``: where the room of a project goes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mountfs.cli import NOT_FOUND, PROJECT_FILE, REFUSED, UNAVAILABLE, Missing, output
from mountfs.cli.options import as_option, exits, json_option, path_argument, storage_dir_option
from mountfs.cli.target import open_target

HEADINGS = ("STORED", "UNIQUE", "SHARED", "SIZE", "VERSIONS", "WHAT")


@click.command()
@path_argument
@click.option(
    "--by",
    type=click.Choice(["asset", "user", "checkpoint"]),
    default="asset",
    show_default=True,
    help="A line for each file, each author, or each version.",
)
@click.option("--limit", metavar="N", type=click.IntRange(1), help="The N greatest only.")
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE)
def command(
    path: str, by: str, limit: int | None, username: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """Show where the room of a project goes, at PATH and below: by file, by author or by version.

    STORED is what all of its content takes on the disk, compressed and each chunk once. UNIQUE is the part
    that nothing else has, which would be free if only this were gone; SHARED is the rest. SIZE is the content
    as it was saved. Versions in the trash count, as far as you see the whole project.

    \b
      mountfs du film.clst
      mountfs du film.clst:/shots --by user
      mountfs du ~/mnt/shots/sh010.blend --by checkpoint
    """
    from mountfs.studio.space import By, space

    with open_target(path, username=username, storage_dir=storage_dir) as target:
        total, parts = space(target.studio, target.path, By(by))
        if not total.versions and target.path != "/" and target.thing is None:
            raise Missing(f"{path} takes nothing")
    parts = parts[:limit]
    if as_json:
        output.as_json(
            {
                "total": _object(total),
                "parts": [{by: part.name, **_object(part), "trashed": part.trashed} for part in parts],
            }
        )
        return
    show = output.size if sys.stdout.isatty() else str
    lines = [
        *((part.name + (" (in the trash)" if part.trashed else ""), part) for part in parts),
        (f"{target.path} in all", total),
    ]
    output.table(
        HEADINGS,
        (
            (*(show(each) for each in (one.stored, one.unique, one.shared, one.size)), one.versions, name)
            for name, one in lines
        ),
        right=HEADINGS[:-1],
    )


def _object(share: object) -> dict[str, int]:
    return {key: getattr(share, key) for key in ("stored", "unique", "shared", "size", "versions")}
