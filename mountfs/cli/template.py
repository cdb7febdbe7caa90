"""``mountfs template``: what new files can begin with."""

from __future__ import annotations

import os
import stat
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, REFUSED, UNAVAILABLE, Missing, output
from mountfs.cli.options import (
    as_option,
    dry_run_option,
    exits,
    json_option,
    project_or_mount_argument,
    storage_dir_option,
)
from mountfs.cli.paths import in_mount, in_project
from mountfs.cli.progress import progress
from mountfs.cli.target import Target, open_target, open_to_change
from mountfs.errors import Refused
from mountfs.model import EMPTY_XXH3, Asset, CheckpointId, Manifest
from mountfs.names import file_name

if TYPE_CHECKING:
    from mountfs.studio.templates import Template

EMPTY = Manifest(CheckpointId(""), 0, EMPTY_XXH3, ())
"""Stands for content when only its name and the rights are to be checked."""


@click.group()
def command() -> None:
    """List what new files can begin with, add to it from a file, or remove from it.

    A template lies in the project, in no folder. mountfs new makes files from it.

    \b
      mountfs template add film.clst film.clst:/shots/sh010.blend --name shot.blend
      mountfs template list film.clst
      mountfs template remove film.clst shot.blend
      mountfs template restore film.clst shot.blend
    """


@command.command("list")
@project_or_mount_argument
@click.option("--trash", is_flag=True, help="List those that were removed instead.")
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def list_(path: str, trash: bool, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """List the templates: name, size, checksum.

    \b
      mountfs template list film.clst
    """
    with open_target(path, username=username, storage_dir=storage_dir) as target:
        found = target.studio.templates(trashed=trash)
    if as_json:
        output.as_json([_about(each) for each in found])
    elif not found:
        output.remark("there is none; mountfs template add makes one from a file" if not trash else "none")
    else:
        rows = ((each.file_name, each.size, each.xxh3) for each in found)
        output.table(("NAME", "SIZE", "XXH3"), rows, right=("SIZE",))


@command.command("add")
@project_or_mount_argument
@click.argument("source", metavar="FILE|PATH")
@click.option("--name", metavar="NAME", help="Its name, with the extension; else that of the file.")
@click.option("--replace", is_flag=True, help="Give the template of this name, if there is one, new content.")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def add(
    path: str,
    source: str,
    name: str | None,
    replace: bool,
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Add a template: from any FILE on this machine, or from the newest version of a PATH in the project.

    Files that were made from a template do not change when it is replaced.

    \b
      mountfs template add film.clst ~/film/shots/sh010.blend --name empty.blend
      mountfs template add film.clst film.clst:/shots/sh010.blend --name empty.blend --replace
    """
    with open_target(path, username=username, storage_dir=storage_dir, read_only=False) as target:
        if in_project(source) or in_mount(source):
            made = _from_asset(target, source, name, replace=replace, dry_run=dry_run)
        else:
            made = _from_file(target, Path(source), name, replace=replace, dry_run=dry_run)
    _tell(made, f"{made.file_name} is a template now", dry_run=dry_run, as_json=as_json)


@command.command("remove")
@project_or_mount_argument
@click.argument("name")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def remove(
    path: str, name: str, dry_run: bool, username: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """Remove a template. What was made from it stays; mountfs template restore brings it back.

    \b
      mountfs template add film.clst film.clst:/shots/sh010.blend --name shot.blend
      mountfs template remove film.clst shot.blend
    """
    with open_to_change(path, username=username, storage_dir=storage_dir, dry_run=dry_run) as target:
        found = _named(target, name)
        target.studio.remove_template(found.id)
    _tell(found, f"{found.file_name} is no template any more", dry_run=dry_run, as_json=as_json)


@command.command("restore")
@project_or_mount_argument
@click.argument("name")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def restore(
    path: str, name: str, dry_run: bool, username: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """Bring back a template that was removed, by the name that mountfs template list --trash shows.

    \b
      mountfs template add film.clst film.clst:/shots/sh010.blend --name shot.blend
      mountfs template remove film.clst shot.blend
      mountfs template restore film.clst shot.blend
    """
    with open_to_change(path, username=username, storage_dir=storage_dir, dry_run=dry_run) as target:
        found = _named(target, name, trashed=True)
        target.studio.restore_template(found.id)
    _tell(found, f"{found.file_name} is a template again", dry_run=dry_run, as_json=as_json)


def _named(target: Target, name: str, *, trashed: bool = False) -> Template:
    known = target.studio.templates(trashed=trashed)
    for each in known:
        if each.file_name.casefold() == name.casefold():
            return each
    names = ", ".join(each.file_name for each in known) or "none"
    raise Missing(f"there is no template {name!r}{' in the trash' if trashed else ''}; there are: {names}")


def _from_asset(target: Target, source: str, name: str | None, *, replace: bool, dry_run: bool) -> Template:
    other = target.beside(source) if target.mounted is None or in_mount(source) else None
    if other is None:
        raise click.UsageError(f"{source} is not in the mount that the template is for")
    thing = other.thing
    if not isinstance(thing, Asset):
        raise click.UsageError(f"{source} is a folder; name a file")
    if other.mounted is not None:
        other.mounted.require_saved()
    with target.studio.together(rehearse=dry_run):
        return target.studio.add_template_from(thing.id, name or file_name(thing), replace=replace)


def _from_file(target: Target, source: Path, name: str | None, *, replace: bool, dry_run: bool) -> Template:
    from mountfs.content.ingest import ingest

    chosen = name or source.name
    with _regular(source) as file:
        # What can be known before all of it is read: the name, and the right.
        with target.studio.together(rehearse=True, refusals_count=not dry_run):
            made = target.studio.add_template(chosen, EMPTY, replace=replace)
        if dry_run:
            return made
        with progress("reading") as meter:
            meter.begin(os.fstat(file.fileno()).st_size)
            taken = ingest(file, target.studio.chunks, progress=meter.advance)
    content = Manifest(CheckpointId(""), taken.size, taken.xxh3, taken.chunks)
    return target.studio.add_template(chosen, content, replace=replace)


def _regular(source: Path) -> FileIO:
    """A file that is one: no folder, and no pipe that nobody writes to."""
    descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused(f"{source} is not a regular file")
    return FileIO(descriptor)


def _about(template: Template) -> dict[str, Any]:
    return {
        "name": template.file_name,
        "id": template.id,
        "size": template.size,
        "xxh3": template.xxh3,
    }


def _tell(template: Template, text: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        output.as_json(_about(template))
    else:
        output.outcome(text, dry_run=dry_run)
