"""``mountfs show``: everything about one file or folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, UNAVAILABLE, describe, output
from mountfs.cli.options import as_option, exits, json_option, path_argument, storage_dir_option
from mountfs.cli.target import Target, open_target
from mountfs.model import ROOT, Asset, Collection
from mountfs.rights import may_checkpoint, may_read


@click.command()
@path_argument
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def command(path: str, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """Tell everything about a file or folder, or about the project itself.

    \b
      mountfs show ~/mnt/shots/sh010.blend
      mountfs show film.clst:/
      mountfs show --json film.clst:/shots
    """
    with open_target(path, username=username, storage_dir=storage_dir) as target:
        about = _about(target)
    if as_json:
        output.as_json(about)
        return
    flat: list[tuple[str, object]] = []
    for name, value in about.items():
        if isinstance(value, dict):
            flat += [(f"{name} {key}", inner) for key, inner in value.items()]
        else:
            flat.append((name, value))
    output.fields((name, _plain(value)) for name, value in flat)


def _plain(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _about(target: Target) -> dict[str, Any]:
    thing = target.thing
    about: dict[str, Any] = {"path": target.path, "type": describe.kind(thing)}
    if isinstance(thing, Asset):
        viewer = target.tree.viewer
        about |= {
            "id": thing.id,
            "kind": "resource" if thing.is_resource else "task",
            "status": thing.status,
            "assignee": target.username(thing.assignee),
            "address": thing.pointer,
            "readable": may_read(viewer),
            "may_checkpoint": may_checkpoint(viewer, thing),
            **_local(target),
            "version": describe.version(target, thing.head) if thing.head else None,
        }
    elif isinstance(thing, Collection):
        about |= {"id": thing.id, "shared": thing.is_shared, "entries": _entries(target, thing)}
    else:
        project, person = target.project, target.tree.viewer.person
        about |= {
            "entries": _entries(target, None),
            "project": {
                "name": project.name,
                "id": project.id,
                "file": str(project.path),
                "version": project.version,
                "storage": project.mode,
                "files": len(target.tree.assets),
                "folders": len(target.tree.collections),
                "people": sorted(each.username for each in target.tree.people.values()),
            },
            "viewer": {"username": person.username, "email": person.email, "owner": target.tree.viewer.owner},
        }
    return about


def _local(target: Target) -> dict[str, Any]:
    """In a mount: whether what it shows is the version below, or something that is not sent yet."""
    if target.mounted is None:
        return {}
    files = target.mounted.status()["files"]
    mine = next((file for file in files if file["path"] == target.mounted.path), None)
    return {"state": mine["state"], "reason": mine["reason"]} if mine else {"state": "normal"}


def _entries(target: Target, folder: Collection | None) -> int:
    return len(target.outline.children(folder.id if folder else ROOT))
