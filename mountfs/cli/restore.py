"""``mountfs restore``: something comes back from the trash."""

from __future__ import annotations

from pathlib import Path

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, REFUSED, UNAVAILABLE, Missing, output
from mountfs.cli.options import (
    as_option,
    dry_run_option,
    exits,
    json_option,
    path_argument,
    storage_dir_option,
)
from mountfs.cli.target import Target, open_target
from mountfs.cli.trashed import Trashed, trashed
from mountfs.errors import NameTaken


@click.command()
@path_argument
@click.option("--id", "id_", metavar="ID", help="Which of several of that name: the beginning of its id.")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def command(
    path: str, id_: str | None, dry_run: bool, username: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """Bring a file or folder back from the trash, to where it was, with its history.

    PATH is where it was; mountfs trash --list lists what there is. When several things of that name are in
    the trash, --id says which.

    \b
      mountfs trash --list ~/mnt
      mountfs restore ~/mnt/shots/sh010.blend
      mountfs restore film.clst:/shots/sh010.blend --id 3f2a91c0
    """
    with open_target(
        path, username=username, storage_dir=storage_dir, read_only=False, settled=True
    ) as target:
        found = _choose(target, id_)
        try:
            with target.studio.together(rehearse=dry_run):
                target.studio.restore(found.id)
        except NameTaken as exc:
            raise NameTaken(
                f"{found.path} cannot come back: something else has this name by now; rename or trash that"
            ) from exc
    if as_json:
        output.as_json(found._asdict())
    else:
        output.outcome(f"{found.path} is back", dry_run=dry_run)


def _choose(target: Target, id_: str | None) -> Trashed:
    everything = trashed(target.studio)
    found = [each for each in everything if each.path == target.path]
    if not found:
        above = [each for each in everything if target.path.startswith(f"{each.path}/")]
        hint = f": {above[0].path}, which it is in, is; restore that" if above else ""
        raise Missing(f"{target.path} is not in the trash{hint or '; mountfs trash --list lists what is'}")
    chosen = [each for each in found if each.id.startswith(id_ or "")]
    if len(chosen) == 1:
        return chosen[0]
    choice = ", ".join(f"--id {each.id}" for each in found)
    if chosen:
        raise click.UsageError(f"{len(found)} things of this name are in the trash; say which: {choice}")
    raise Missing(f"nothing of this name in the trash has the id {id_}; there is {choice}")
