"""``mountfs comment``: what is said of a version."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from mountfs.cli import MOUNT, NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, REFUSED, UNAVAILABLE, Missing, output
from mountfs.cli.options import (
    as_option,
    dry_run_option,
    exits,
    json_option,
    storage_dir_option,
)
from mountfs.cli.paths import LOCAL, SETTLE_TIME
from mountfs.cli.target import Target, open_target
from mountfs.errors import NotFound
from mountfs.model import Asset, Checkpoint


@click.command()
@click.argument("path", metavar="PATH[@N]")
@click.argument("text")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, MOUNT, UNAVAILABLE, NOT_LOGGED_IN)
def command(
    path: str, text: str, dry_run: bool, username: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """Say something of the newest version of a file, or of version N, instead of what was said of it before.

    In a mount, what was just saved is the newest version: it is sent first. While the file has changes that
    are no version yet, because a program has it open, say, TEXT is for the version that they become. An empty
    TEXT takes the comment away. A version of somebody else's needs the right to remove versions.

    \b
      mountfs comment ~/mnt/shots/sh010.blend "the tail is longer"
      mountfs comment film.clst:/shots/sh010.blend@1 "first blocking"
    """
    with open_target(path, username=username, storage_dir=storage_dir, read_only=False) as whole:
        target, number = _split(whole, path)
        if number is None and _is_changed(target):
            assert target.mounted is not None
            done: dict[str, Any] = {"path": target.path, "number": None, "before": "", "comment": text}
            if not dry_run:
                target.mounted.ask("comment", comment=text)
        else:
            version = _version(target, number)
            with target.studio.together(rehearse=dry_run):
                target.studio.edit_comment(version.id, text)
            done = {
                "path": target.path,
                "number": version.number,
                "before": version.comment,
                "comment": text,
            }
    if as_json:
        output.as_json(done)
        return
    what = "its next version" if done["number"] is None else f"version {done['number']}"
    said = f"says: {text}" if text else "has no comment now"
    output.outcome(f"{done['path']}: {what} {said}", dry_run=dry_run)


def _split(target: Target, path: str) -> tuple[Target, int | None]:
    """The file that is meant, and the number of the version if one is named."""
    found = re.fullmatch(r"(.+)@(\d{1,9})", path, re.DOTALL)
    if found is not None and not _is_there(target):
        return target.beside(found[1]), int(found[2])
    return target, None


def _is_there(target: Target) -> bool:
    """Whether a file has this very name, with what looks like a number at its end."""
    try:
        return target.thing is not None
    except NotFound:
        return False


def _is_changed(target: Target) -> bool:
    """Whether the file has changes that become a version later, after what can be one now has become one."""
    mounted = target.mounted
    if mounted is None or mounted.read_only:
        return False
    mounted.write_back()
    mounted.wait(SETTLE_TIME)
    return any(
        file["path"] == mounted.path and file["state"] not in LOCAL for file in mounted.status()["files"]
    )


def _version(target: Target, number: int | None) -> Checkpoint:
    thing = target.thing
    if not isinstance(thing, Asset):
        raise click.UsageError("a folder has no versions; name a file")
    history = target.studio.history(thing.id)
    if number is not None:
        history = [each for each in history if each.number == number]
    if not history:
        raise Missing(f"{target.path} has no {'version yet' if number is None else f'version {number}'}")
    return history[0]
