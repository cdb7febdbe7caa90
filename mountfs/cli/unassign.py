"""``mountfs unassign``: an assignment ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
from mountfs.model import NOBODY, Asset, Person
from mountfs.studio.permissions import Act


@click.command()
@paths_argument
@click.option("--from", "whom", metavar="USERNAME", help="From this person only; for a folder with several.")
@click.option(
    "--resource", is_flag=True, help="Make a file everybody's (a resource): who sees it may save it."
)
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def command(
    paths: tuple[str, ...],
    whom: str | None,
    resource: bool,
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Take tasks, or folders to work in, back from whoever has them.

    They no longer see what they have no other reason to see. What they have saved stays; what they have not
    sent yet stays on their machine and is refused. All PATHs are taken back or none.

    \b
      mountfs unassign film.clst:/shots/sh010.blend
      mountfs unassign film.clst:/shots/sh010.blend --from bo
      mountfs unassign film.clst:/shots/sh020.blend --resource
    """
    with open_to_change(
        paths[0], username=username, storage_dir=storage_dir, dry_run=dry_run, administers=Act.UNASSIGN
    ) as first:
        person = first.person(whom) if whom is not None else None
        done = [_unassign(each, person, resource=resource) for each in first.all(paths)]
    if as_json:
        output.as_json(done)
        return
    for each in done:
        output.outcome(_sentence(each), dry_run=dry_run)


def _unassign(target: Target, person: Person | None, *, resource: bool) -> dict[str, Any]:
    thing = target.thing
    if thing is None:
        raise click.UsageError("the top of a project is not assigned; name a file or folder in it")
    if resource and not isinstance(thing, Asset):
        raise click.UsageError(f"{target.path} is a folder; --resource is about files")
    had = _assignees(target)
    if person is not None:
        had = [each for each in had if each.id == person.id]
    elif len(had) > 1:
        names = ", ".join(each.username for each in had)
        raise click.UsageError(f"{target.path} is assigned to {names}; say from whom: --from USERNAME")
    for each in had:
        target.studio.unassign(thing.id, each.id, administration=target.administration)
    if resource:
        target.studio.set_kind(target.asset.id, is_resource=True, administration=target.administration)
    return {
        "path": target.path,
        "type": describe.kind(thing),
        "before": [each.username for each in had],
        "resource": resource or (isinstance(thing, Asset) and thing.is_resource),
    }


def _assignees(target: Target) -> list[Person]:
    thing = target.thing
    if not isinstance(thing, Asset):
        return target.studio.works_in(target.collection.id)
    if thing.assignee == NOBODY:
        return []
    # Somebody who left, by the hand of another program perhaps, is known by the id alone.
    return [target.tree.people.get(thing.assignee) or Person(thing.assignee, thing.assignee, "")]


def _sentence(done: dict[str, Any]) -> str:
    if done["before"]:
        text = f"{done['path']} is no longer assigned to {done['before'][0]}"
    else:
        text = f"{done['path']} was not assigned"
    return f"{text}; whoever sees it and may update files may save it" if done["resource"] else text
