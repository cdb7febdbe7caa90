"""``mountfs assign``: whose task a file is, and who works in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, REFUSED, UNAVAILABLE, describe, output
from mountfs.cli.options import (
    as_option,
    dry_run_option,
    exits,
    json_option,
    paths_argument,
    storage_dir_option,
)
from mountfs.cli.target import Target, open_to_change
from mountfs.errors import Refused
from mountfs.model import Asset, Person
from mountfs.studio.permissions import Act

if TYPE_CHECKING:
    from mountfs.studio.widening import Shown


@click.command()
@paths_argument
@click.argument("assignee", metavar="USERNAME")
@click.option("--task", is_flag=True, help="Make a file that is everybody's (a resource) a task first.")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def command(
    paths: tuple[str, ...],
    assignee: str,
    task: bool,
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Give somebody tasks, or folders to work in: they see these, and all that they need, at once.

    A file has one assignee, who alone saves it: whoever had it loses it. A folder may have several, who see
    all that is in it. It lasts until it is changed; mountfs unassign ends it. All PATHs are assigned or none.

    \b
      mountfs assign film.clst:/shots/sh010.blend bo
      mountfs assign film.clst:/shots/sh010.blend film.clst:/shots/sh020.blend bo
      mountfs assign film.clst:/characters bo --dry-run
    """
    with open_to_change(
        paths[0], username=username, storage_dir=storage_dir, dry_run=dry_run, administers=Act.ASSIGN
    ) as first:
        person = first.person(assignee)
        begun = [_assign(each, person, task=task) for each in first.all(paths)]
    done = [about | {"shown": shown.assets} for about, shown in begun]
    if as_json:
        output.as_json(done)
        return
    for each in done:
        output.outcome(_sentence(each), dry_run=dry_run)


def _assign(target: Target, person: Person, *, task: bool) -> tuple[dict[str, Any], Shown]:
    """What is told of it, and who comes to see what, which is known when all of it is done."""
    thing = target.thing
    if thing is None:
        raise click.UsageError("the top of a project is not assigned; name a file or folder in it")
    before = ""
    if isinstance(thing, Asset):
        before = target.username(thing.assignee)
        if thing.is_resource and not task:
            raise Refused(f"{target.path} is a resource: whoever sees it works on it; --task makes it a task")
        if thing.is_resource:
            target.studio.set_kind(thing.id, is_resource=False, administration=target.administration)
    elif thing.id in target.studio.folders_of(person.id, administration=target.administration):
        before = person.username
    shown = target.studio.assign(thing.id, person.id, administration=target.administration)
    about = {
        "path": target.path,
        "type": describe.kind(thing),
        "assignee": person.username,
        "before": before,
    }
    return about, shown


def _sentence(done: dict[str, Any]) -> str:
    who, before = done["assignee"], done["before"]
    if before == who:
        return f"{done['path']} is assigned to {who} already"
    text = f"{done['path']} is assigned to {who}"
    if before:
        text += f", and no longer to {before}"
    if done["shown"]:
        text += f"; with it {who} comes to see {output.count(done['shown'], 'file')}"
    return text
