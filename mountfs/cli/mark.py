"""``mountfs mark``: how far a file is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, REFUSED, UNAVAILABLE, Missing, output
from mountfs.cli.options import (
    as_option,
    dry_run_option,
    exits,
    json_option,
    paths_argument,
    storage_dir_option,
)
from mountfs.cli.target import Target, open_to_change
from mountfs.studio.permissions import Act


@click.command()
@paths_argument
@click.argument("status")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def command(
    paths: tuple[str, ...],
    status: str,
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Say how far a file is: todo, ready, wip (work in progress), wfa (waiting for approval), retake, done.

    It is a word about the file, not about one version of it, and stops nobody from saving. A project may have
    other statuses. All PATHs are marked or none.

    \b
      mountfs mark film.clst:/shots/sh010.blend wfa
      mountfs mark film.clst:/shots/sh010.blend film.clst:/shots/sh020.blend done
    """
    with open_to_change(
        paths[0],
        username=username,
        storage_dir=storage_dir,
        dry_run=dry_run,
        administers=Act.ASSIGN,
        if_permitted=True,
    ) as first:
        known = {each.casefold(): each for each in first.studio.statuses()}
        if status.casefold() not in known:
            raise Missing(f"there is no status {status!r}; there are: {', '.join(known.values())}")
        done = [_mark(each, known[status.casefold()]) for each in first.all(paths)]
    if as_json:
        output.as_json(done)
        return
    for each in done:
        before = each["before"]
        text = "already" if before == each["status"] else f"(it was {before or 'nothing'})"
        output.outcome(f"{each['path']} is {each['status']} {text}", dry_run=dry_run)


def _mark(target: Target, status: str) -> dict[str, Any]:
    asset = target.asset
    if asset.status != status:
        target.studio.set_status(asset.id, status, administration=target.administration)
    return {"path": target.path, "before": asset.status, "status": status}
