"""``PATH@N``: a version of a file, by its number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from mountfs.cli import Missing
from mountfs.model import Asset, Checkpoint

if TYPE_CHECKING:
    from mountfs.cli.target import Target


def numbered(text: str) -> tuple[str, int]:
    """A path and a number. UsageError without a number."""
    found = re.fullmatch(r"(.+)@(\d{1,9})", text, re.DOTALL)
    if found is None:
        raise click.UsageError(f"say which version: {text}@N, with a number that mountfs log {text} lists")
    return found[1], int(found[2])


def versions_at(target: Target) -> list[Checkpoint]:
    """The versions of the file at a target's path, newest first. UsageError for a folder."""
    thing = target.thing
    if not isinstance(thing, Asset):
        raise click.UsageError("a folder has no versions; name a file")
    return list(target.studio.history(thing.id))


def version_at(target: Target, path: str, number: int) -> Checkpoint:
    """One version. Missing without one of this number."""
    for checkpoint in versions_at(target):
        if checkpoint.number == number:
            return checkpoint
    raise Missing(f"{path} has no version {number}; mountfs log lists those it has")
