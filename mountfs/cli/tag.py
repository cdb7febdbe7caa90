"""``mountfs tag``: words on files, by which people find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    storage_dir_option,
)
from mountfs.cli.target import Target, open_target, open_to_change
from mountfs.model import ROOT, Asset, AssetId
from mountfs.studio.outline import Thing

if TYPE_CHECKING:
    from mountfs.studio.tags import Tags


@click.group()
def command() -> None:
    """Put words on files, and find files by them. Whoever sees a file sees its tags.

    \b
      mountfs tag add film.clst:/shots/sh010.blend hero night
      mountfs tag list film.clst:/shots
      mountfs tag list film.clst --tag hero
      mountfs tag remove film.clst:/shots/sh010.blend night
    """


@command.command("list")
@path_argument
@click.option("--tag", "wanted", metavar="TAG", help="Only files that have this tag.")
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def list_(
    path: str, wanted: str | None, username: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """List files that have tags, at PATH and below, with their tags.

    \b
      mountfs tag list film.clst
      mountfs tag list film.clst:/shots --tag hero
    """
    with open_target(path, username=username, storage_dir=storage_dir) as target:
        tags = _tags(target)
        found = [
            {"path": place, "tags": tags[thing.id]}
            for place, thing in _at_and_below(target)
            if isinstance(thing, Asset) and thing.id in tags
        ]
    if wanted is not None:
        word = wanted.strip().casefold()
        found = [each for each in found if word in (tag.casefold() for tag in each["tags"])]
    found.sort(key=lambda each: str(each["path"]))
    if as_json:
        output.as_json(found)
    elif not found:
        output.remark("nothing there has such a tag" if wanted else "nothing there has a tag")
    else:
        output.table(("PATH", "TAGS"), ((each["path"], ", ".join(each["tags"])) for each in found))


@command.command("add")
@path_argument
@click.argument("words", metavar="TAG...", nargs=-1, required=True)
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def add(
    path: str,
    words: tuple[str, ...],
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Put tags on a file. The case of letters makes no difference.

    \b
      mountfs tag add film.clst:/shots/sh010.blend hero "needs rain"
    """
    with open_to_change(path, username=username, storage_dir=storage_dir, dry_run=dry_run) as target:
        left = _each(target, words, target.studio.tag)
    _tell(target.path, list(left.words), dry_run=dry_run, as_json=as_json)


@command.command("remove")
@path_argument
@click.argument("words", metavar="TAG...", nargs=-1, required=True)
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def remove(
    path: str,
    words: tuple[str, ...],
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Take tags off a file. One that it does not have is no error.

    \b
      mountfs tag remove film.clst:/shots/sh010.blend hero
    """
    with open_to_change(path, username=username, storage_dir=storage_dir, dry_run=dry_run) as target:
        left = _each(target, words, target.studio.untag)
    _tell(target.path, list(left.words), dry_run=dry_run, as_json=as_json)


def _each(target: Target, words: tuple[str, ...], act: Callable[[AssetId, str], Tags]) -> Tags:
    """The tags that are there after the last, which are known when all of it is done."""
    return [act(target.asset.id, word) for word in words][-1]


def _at_and_below(target: Target) -> Iterator[tuple[str, Thing]]:
    """What is at the target's path, or below it if that is a folder, each with its whole path."""
    thing = target.thing
    if isinstance(thing, Asset):
        yield target.path, thing
        return
    for place, each in target.outline.walk(thing.id if thing else ROOT):
        yield f"{target.path.rstrip('/')}/{place}", each


def _tags(target: Target) -> dict[AssetId, list[str]]:
    """The tags of every visible file that has some."""
    found: dict[AssetId, list[str]] = {}
    for word, assets in target.studio.tagged().items():
        for asset in assets:
            found.setdefault(asset, []).append(word)
    return found


def _tell(path: str, tags: list[str], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        output.as_json({"path": path, "tags": tags})
    else:
        text = f"{path} is tagged {', '.join(tags)}" if tags else f"{path} has no tag now"
        output.outcome(text, dry_run=dry_run)
