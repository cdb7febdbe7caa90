"""``mountfs mine``: what is assigned to me, and why nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mountfs.cli import MOUNT, NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, UNAVAILABLE, output
from mountfs.cli.options import as_option, exits, json_option, storage_dir_option
from mountfs.cli.paths import mounts_here
from mountfs.cli.target import Target, open_target
from mountfs.model import Asset
from mountfs.studio.permissions import Act

HEADINGS = ("PATH", "STATUS", "VERSION", "MODIFIED")


@click.command()
@click.argument("path", metavar="[PROJECT.clst|MOUNT]", required=False)
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, PROJECT_FILE, MOUNT, UNAVAILABLE, NOT_LOGGED_IN)
def command(path: str | None, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """List what is assigned to you: your tasks, what is done last, and the folders you work in.

    Without PROJECT.clst it is about the mount that you are in, or all your mounts. When nothing is assigned
    to you, it says why that may be, what you see all the same, and who can help.

    \b
      mountfs mine film.clst --as bo
      mountfs mine film.clst --json
    """
    places = [path] if path is not None else [str(place.mount) for place in mounts_here()]
    told = []
    for place in places:
        with open_target(place, username=username, storage_dir=storage_dir) as target:
            told.append(_about(target))
    if as_json:
        output.as_json(told)
        return
    rows = [row for each in told for row in _rows(each)]
    if rows:
        output.table(HEADINGS, rows, right=("VERSION",))
    for each in told:
        for line in each["explanation"]:
            output.outcome(line)


def _rows(one: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    for task in one["tasks"]:
        yield (task["path"], task["status"], task["number"] or "", task["modified"] or "")
    for folder in one["folders"]:
        yield (f"{folder['path']}/", output.count(folder["files"], "file"), "", "")


def _about(target: Target) -> dict[str, Any]:
    me = target.tree.viewer.person
    mine: list[tuple[str, Asset]] = [
        (path, thing)
        for path, thing in target.outline.walk()
        if isinstance(thing, Asset) and thing.assignee == me.id
    ]
    mine.sort(key=lambda each: (each[1].status == "done", each[0]))
    tasks = [_task(_shown(target, path), asset) for path, asset in mine]
    folders = [
        {"path": _shown(target, target.path_of(id_)[1:]), "files": target.outline.count_below(id_)}
        for id_ in target.studio.folders_of(me.id)
    ]
    folders.sort(key=lambda each: str(each["path"]))
    return {
        "project": target.project.name,
        "username": me.username,
        "tasks": tasks,
        "folders": folders,
        "explanation": [] if tasks or folders else list(_explanation(target)),
    }


def _shown(target: Target, path: str) -> str:
    """A path as it can be given to other commands and programs."""
    return str(target.mounted.mount / path) if target.mounted else f"/{path}"


def _task(path: str, asset: Asset) -> dict[str, Any]:
    head = asset.head
    return {
        "path": path,
        "status": asset.status,
        "number": head.number if head else None,
        "modified": output.time(head.mtime_ns / 1e9) if head else None,
    }


def _explanation(target: Target) -> Iterator[str]:
    """Why nothing is assigned, what is visible all the same, and who can help."""
    viewer, tree = target.tree.viewer, target.tree
    me = viewer.person
    yield f"nothing in {target.project.name} is assigned to {me.username}"
    if viewer.owner:
        yield (
            f"you hold the project file, so you see all of it, in the name of {me.username} <{me.email}>: "
            "user.email of your configuration, or else the first admin"
        )
    elif tree.assets:
        shown = output.count(len(tree.assets), "file is", "files are")
        yield f"{shown} visible to you all the same: what is shared with everybody"
    else:
        yield "nothing is shared with everybody either, so an empty mount is as it should be"
    lost = [asset for asset in target.studio.trash_listing().assets if asset.assignee == me.id]
    if lost:
        names = ", ".join(asset.name + asset.extension for asset in lost)
        yield f"in the trash there is: {names} (mountfs trash --list)"
    helpers = [each for each in target.studio.who_may(Act.ASSIGN) if each.id != me.id]
    if target.studio.may(Act.ASSIGN):
        yield f"you may assign work: mountfs assign PATH {me.username}"
    elif helpers:
        names = ", ".join(f"{each.username} <{each.email}>" for each in helpers)
        yield f"who can assign you work: {names}"
    else:
        yield "nobody in the project can assign work: an admin has to be made, by whoever holds the file"
