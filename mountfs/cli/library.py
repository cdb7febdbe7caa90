"""``mountfs library``: folders that everybody sees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import (
    as_option,
    dry_run_option,
    exits,
    json_option,
    path_argument,
    project_or_mount_argument,
    storage_dir_option,
)
from mountfs.cli.target import open_target, open_to_change
from mountfs.model import Collection
from mountfs.studio.permissions import Act

if TYPE_CHECKING:
    from mountfs.studio.widening import Shown


@click.group()
def command() -> None:
    """Share folders with everybody in the project: they see all that is in them, now and later.

    What the files in a shared folder depend on is not shown by that; mountfs doctor names such files.

    \b
      mountfs library list film.clst
      mountfs library share film.clst:/characters --dry-run
      mountfs library share film.clst:/characters
      mountfs library unshare film.clst:/characters
    """


@command.command("list")
@project_or_mount_argument
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def list_(path: str, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """List the shared folders, and how many files are in each.

    \b
      mountfs library list film.clst
    """
    with open_target(path, username=username, storage_dir=storage_dir) as target:
        found = [
            {"path": f"/{inside}", "id": thing.id, "files": target.outline.count_below(thing.id)}
            for inside, thing in target.outline.walk()
            if isinstance(thing, Collection) and thing.is_shared
        ]
    found.sort(key=lambda each: str(each["path"]))
    if as_json:
        output.as_json(found)
    elif not found:
        output.remark("no folder is shared; mountfs library share PATH shares one")
    else:
        rows = ((each["path"], each["files"]) for each in found)
        output.table(("FOLDER", "FILES"), rows, right=("FILES",))


@command.command("share")
@path_argument
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def share(path: str, dry_run: bool, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """Share a folder: everybody in the project sees all that is in it and below.

    \b
      mountfs library share film.clst:/characters
    """
    with open_to_change(
        path, username=username, storage_dir=storage_dir, dry_run=dry_run, administers=Act.SHARE
    ) as target:
        folder = target.collection
        shown = target.studio.share(folder.id, administration=target.administration)
    if as_json:
        output.as_json({"path": target.path, "shared": True, "people": shown.viewers, "files": shown.assets})
    elif folder.is_shared:
        output.outcome(f"{target.path} is shared already", dry_run=dry_run)
    else:
        output.outcome(f"{target.path} is shared{_with_whom(shown)}", dry_run=dry_run)


@command.command("unshare")
@path_argument
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def unshare(path: str, dry_run: bool, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """Share a folder no longer: only those with a reason of their own see what is in it.

    \b
      mountfs library unshare film.clst:/library
    """
    with open_to_change(
        path, username=username, storage_dir=storage_dir, dry_run=dry_run, administers=Act.UNSHARE
    ) as target:
        folder = target.collection
        target.studio.unshare(folder.id, administration=target.administration)
    if as_json:
        output.as_json({"path": target.path, "shared": False})
    else:
        before = "is shared no longer" if folder.is_shared else "was not shared"
        output.outcome(f"{target.path} {before}", dry_run=dry_run)


def _with_whom(shown: Shown) -> str:
    if not shown.viewers:
        return ""
    people = output.count(shown.viewers, "person comes", "people come")
    return f"; {people} to see {output.count(shown.assets, 'file')} more"
