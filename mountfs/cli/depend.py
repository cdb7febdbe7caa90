"""``mountfs depend``: what a file needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from mountfs.cli.target import Target, open_target, open_to_change
from mountfs.model import Asset, AssetId, CollectionId
from mountfs.studio.permissions import Act

if TYPE_CHECKING:
    from mountfs.studio.widening import Shown


@click.group()
def command() -> None:
    """Say what a file needs, files or whole folders: whoever works on it sees these, too.

    What is needed by what is needed is seen as well. ON is a path of the same project; beside a PATH that is
    PROJECT.clst:/path, it can be just /path.

    \b
      mountfs depend add film.clst:/shots/sh010.blend /characters/notes.txt
      mountfs depend add film.clst:/shots/sh010.blend /library --type working
      mountfs depend list film.clst:/shots/sh010.blend
      mountfs depend remove film.clst:/shots/sh010.blend /library
    """


@command.command("list")
@path_argument
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def list_(path: str, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """List what a file needs, and what needs it: directly, as far as you see it.

    \b
      mountfs depend list film.clst:/shots/sh010.blend
    """
    with open_target(
        path, username=username, storage_dir=storage_dir, administers=Act.DEPEND, if_permitted=True
    ) as target:
        asset = target.asset
        found = [
            {
                "direction": "needs" if each.asset == asset.id else "needed by",
                "path": target.path_of(each.on if each.asset == asset.id else each.asset),
                "type": each.type,
            }
            for each in target.studio.dependencies(asset.id, administration=target.administration)
        ]
    found.sort(key=lambda each: (each["direction"] != "needs", each["path"]))
    if as_json:
        output.as_json(found)
    elif not found:
        output.remark(f"{target.path} needs nothing, and nothing needs it")
    else:
        columns = ("direction", "path", "type")
        output.table([each.upper() for each in columns], ([row[each] for each in columns] for row in found))


@command.command("add")
@path_argument
@click.argument("on", metavar="ON...", nargs=-1, required=True)
@click.option("--type", "kind", metavar="TYPE", default="linked", show_default=True, help="In which way.")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def add(
    path: str,
    on: tuple[str, ...],
    kind: str,
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Say that a file needs others, or all that is in a folder. All of them or none.

    \b
      mountfs depend add film.clst:/shots/sh020.blend /characters/fox.blend /library
    """
    with open_to_change(
        path, username=username, storage_dir=storage_dir, dry_run=dry_run, administers=Act.DEPEND
    ) as target:
        kinds = {each.casefold(): each for each in target.studio.dependency_types()}
        if kind.casefold() not in kinds:
            raise Missing(
                f"there is no type of dependencies {kind!r}; there are: {', '.join(kinds.values())}"
            )
        kind = kinds[kind.casefold()]
        begun = [_add(target, target.beside(each), kind) for each in on]
    done = [about | {"people": shown.viewers, "files": shown.assets} for about, shown in begun]
    _tell(done, "needs", dry_run=dry_run, as_json=as_json)


@command.command("remove")
@path_argument
@click.argument("on", metavar="ON...", nargs=-1, required=True)
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def remove(
    path: str,
    on: tuple[str, ...],
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Say that a file does not need others any more. Whoever saw them for no other reason loses them.

    \b
      mountfs depend remove film.clst:/shots/sh010.blend /characters/fox.blend
    """
    with open_to_change(
        path, username=username, storage_dir=storage_dir, dry_run=dry_run, administers=Act.UNDEPEND
    ) as target:
        done = [_remove(target, target.beside(each)) for each in on]
    _tell(done, "no longer needs", dry_run=dry_run, as_json=as_json)


def _on(target: Target, other: Target) -> AssetId | CollectionId:
    thing = other.thing
    if thing is None:
        raise click.UsageError("nothing needs the whole project; name a file or folder in it")
    if not isinstance(target.thing, Asset):
        raise click.UsageError(f"{target.path} is a folder; only files need something")
    return thing.id


def _add(target: Target, other: Target, kind: str) -> tuple[dict[str, Any], Shown]:
    """What is told of it, and who comes to see what, which is known when all of it is done."""
    on = _on(target, other)
    shown = target.studio.depend(target.asset.id, on, kind, administration=target.administration)
    return {"path": target.path, "on": other.path, "type": kind}, shown


def _remove(target: Target, other: Target) -> dict[str, Any]:
    target.studio.undepend(target.asset.id, _on(target, other), administration=target.administration)
    return {"path": target.path, "on": other.path}


def _tell(done: list[dict[str, Any]], verb: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        output.as_json(done)
        return
    for each in done:
        text = f"{each['path']} {verb} {each['on']}"
        if each.get("people"):
            people = output.count(each["people"], "person comes", "people come")
            text += f"; {people} to see {output.count(each['files'], 'file')} more"
        output.outcome(text, dry_run=dry_run)
