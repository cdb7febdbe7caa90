"""``mountfs thin``: of old versions, fewer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import MOUNT, NOT_FOUND, PROJECT_FILE, REFUSED, UNAVAILABLE, output
from mountfs.cli.in_use import versions_in_use
from mountfs.cli.options import (
    as_option,
    dry_run_option,
    exits,
    json_option,
    path_argument,
    storage_dir_option,
)
from mountfs.cli.target import open_target, settings
from mountfs.cli.typed import is_meant, yes_option

if TYPE_CHECKING:
    from mountfs.studio.thinning import Version


@click.command()
@path_argument
@dry_run_option
@yes_option("the project file")
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, MOUNT, UNAVAILABLE)
def command(
    path: str,
    dry_run: bool,
    typed: str | None,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Put old versions of files at PATH and below into the trash, so that fewer are kept of older times.

    Kept are the first and the newest version of each file, those with a comment, what something on this
    machine stands on, all versions of the last 7 days, and of the last 60 days the last one of each day. It
    lists the others, and goes on only if the name of the project file is typed, or given with --yes. They
    stay in the trash until mountfs purge.

    \b
      mountfs thin -n film.clst
      mountfs thin film.clst:/shots --yes film.clst
    """
    with open_target(path, username=username, storage_dir=storage_dir, read_only=dry_run) as target:
        in_use = versions_in_use(settings().state_dir, target.project)
        going = target.studio.thinnable(target.path, int(time.time()), in_use)
        name = target.project.path.name
        if not as_json:
            output.table(
                ("VERSION", "TIME", "SIZE"),
                ((f"{each.path}@{each.number}", output.time(each.created_at), each.size) for each in going),
                right=("SIZE",),
            )
        question = f"{name}: {_summary(going)} would go into the trash."
        done = bool(going) and not dry_run and is_meant(name, typed, question)
        if done:
            target.studio.thin([each.id for each in going])
    if as_json:
        output.as_json({"trashed": done, "versions": [_object(each) for each in going]})
    elif not going:
        output.say("there is nothing to thin out")
    elif done:
        output.say(f"in the trash now: {_summary(going)}")
    else:
        again = "" if dry_run else f"; to do it: add --yes {name}"
        output.say(f"would put into the trash: {_summary(going)}{again}")


def _summary(going: list[Version]) -> str:
    return f"{output.count(len(going), 'version')} ({output.size(sum(each.size for each in going))})"


def _object(version: Version) -> dict[str, object]:
    return {
        "path": version.path,
        "number": version.number,
        "id": version.id,
        "time": output.time(version.created_at),
        "size": version.size,
    }
