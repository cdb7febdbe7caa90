"""Assets, folders and versions as objects of JSON: one place, so that commands agree on words."""

from __future__ import annotations

from typing import Any

from mountfs.cli import output
from mountfs.cli.target import Target
from mountfs.model import Asset, Checkpoint, Collection


def kind(thing: Asset | Collection | None) -> str:
    """``folder``, ``file`` or ``link``."""
    if isinstance(thing, Asset):
        return "link" if thing.is_link else "file"
    return "folder"


def version(target: Target, checkpoint: Checkpoint) -> dict[str, Any]:
    """A version: the keys of ``mountfs log --json``."""
    return {
        "number": checkpoint.number,
        "id": checkpoint.id,
        "author": target.username(checkpoint.author),
        "time": output.time(checkpoint.created_at),
        "size": checkpoint.size,
        "xxh3": checkpoint.xxh3,
        "comment": checkpoint.comment,
        "modified": output.time(checkpoint.mtime_ns / 1e9),
        "executable": checkpoint.executable,
    }


def entry(target: Target, name: str, thing: Asset | Collection) -> dict[str, Any]:
    """A line of a listing: the keys of ``mountfs ls --json``."""
    if isinstance(thing, Collection):
        return {"name": name, "type": "folder", "id": thing.id, "shared": thing.is_shared}
    head = thing.head
    return {
        "name": name,
        "type": kind(thing),
        "id": thing.id,
        "size": head.size if head else 0,
        "number": head.number if head else None,
        "modified": output.time(head.mtime_ns / 1e9) if head else None,
        "status": thing.status,
        "task": not thing.is_resource,
        "assignee": target.username(thing.assignee),
    }
