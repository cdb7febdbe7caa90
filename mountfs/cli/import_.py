"""``mountfs import``: a folder's files into a project. (The name ``import`` is Python's.)"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click

from mountfs.cli import (
    INCOMPLETE,
    NOT_FOUND,
    NOT_LOGGED_IN,
    OK,
    PROJECT_FILE,
    REFUSED,
    SETTINGS,
    UNAVAILABLE,
    output,
)
from mountfs.cli.options import exits, json_option, storage_dir_option
from mountfs.cli.progress import progress
from mountfs.cli.target import open_project_for
from mountfs.exchange.handing import Handing, hand_out, share
from mountfs.exchange.importing import Import, Imported
from mountfs.exchange.scan import scan
from mountfs.ignore import IgnoreRules
from mountfs.interfaces import ChunkStore
from mountfs.model import UserId
from mountfs.names import printable


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("project_file", metavar="PROJECT.clst", type=click.Path(path_type=Path), required=False)
@click.option("--studio", metavar="URL/PROJECT", help="Into a project of a studio, where you are logged in.")
@click.option("--as", "email", metavar="EMAIL", default="", help="With --studio: which of your accounts.")
@click.option(
    "--assign", "assignee", metavar="WHO", help="Whose the new tasks are, and the folders at the top."
)
@click.option("--library", "libraries", metavar="FOLDER", multiple=True, help="A folder that everybody sees.")
@click.option("-m", "--comment", metavar="TEXT", default="", help="The comment of the new versions.")
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, INCOMPLETE, PROJECT_FILE, SETTINGS, UNAVAILABLE, NOT_LOGGED_IN)
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    project_file: Path | None,
    studio: str | None,
    email: str,
    assignee: str | None,
    libraries: tuple[str, ...],
    comment: str,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Take a folder's files into a project: folders become folders, files get their first version.

    Run it again at any time: only what changed gets a new version. Nothing is removed from the project
    because it is gone from DIR. Backups, locks and autosaves of tools are ignored, and so is what the
    project's own ignore list names. Symlinks, pipes and devices are left out and reported; so are names that
    no project can hold and files that cannot be read, and then the exit code is 5.

    With --studio the files go over the network into a project of a studio, as far as your role there allows
    it. What is new is assigned to you. Others see what is assigned to them, what that needs, and libraries:
    --assign and --library say so for all of it, and then you are told who sees how much.

    \b
      mountfs import ~/film film.clst
      mountfs import ~/film --studio https://studio.example/film
      mountfs import ~/film film.clst -m "delivery of Friday"
    """
    if (project_file is None) == (studio is None):
        raise click.UsageError("into which project? PROJECT.clst, or --studio URL/PROJECT")
    with ExitStack() as stack:
        place = _far(stack, studio, email) if studio is not None else _near(stack, project_file, storage_dir)
        bound, chunks, own = place.studio, place.chunks, place.own
        to = place.person(assignee) if assignee is not None else None
        for library in libraries:
            share(bound, library)
        found = scan(folder, IgnoreRules(bound.ignore_list()), without=own)
        with progress("importing") as meter:
            errand = Import(folder, found, bound, chunks, meter, comment=comment)
            try:
                done = errand.run()
            except KeyboardInterrupt:
                output.say(f"mountfs: {_summary(errand.done)} so far")
                raise
        tasks = hand_out(bound, found, to, libraries) if to is not None else 0
        seen = place.sees()
    if as_json:
        output.as_json(asdict(done) | {"assigned": tasks, "sees": dict(seen)})
    else:
        for item in done.left_out:
            output.say(f"left out: {item.path}: {item.reason}")
        click.echo(_summary(done))
        if tasks:
            click.echo(printable(f"{output.count(tasks, 'task')} assigned to {assignee}"))
        if studio is not None or assignee is not None or libraries:
            for name, count in seen:
                click.echo(printable(f"{name} sees {output.count(count, 'file')}"))
    ctx.exit(INCOMPLETE if any(item.lost for item in done.left_out) else OK)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where it goes. ``own``: files that are the project's and not to be taken; ``person`` finds somebody by
    name; ``sees``: who sees how many files, of those whom one may ask about."""

    studio: Handing
    chunks: ChunkStore
    own: set[tuple[int, int]]
    person: Callable[[str], UserId]
    sees: Callable[[], list[tuple[str, int]]]


def _near(stack: ExitStack, project_file: Path | None, storage_dir: Path | None) -> _Place:
    from mountfs.studio.service import StudioService

    assert project_file is not None
    opened = open_project_for(project_file, None, storage_dir, read_only=False)
    project, studio = stack.enter_context(opened)
    service = StudioService(project)

    def sees() -> list[tuple[str, int]]:
        people = service.people()
        return [(each.username, len(service.for_user(each.id).tree().assets)) for each in people]

    def person(who: str) -> UserId:
        return service.for_user(who).viewer().person.id

    return _Place(studio, project.chunks, _identities(project.path, storage_dir), person, sees)


def _far(stack: ExitStack, address: str, email: str) -> _Place:
    from mountfs.cli.far import entered, member_named

    studio, chunks, line = stack.enter_context(entered(address, email))

    def sees() -> list[tuple[str, int]]:
        tree = studio.tree()
        return [(tree.viewer.person.username, len(tree.assets))]

    return _Place(studio, chunks, set(), partial(member_named, line, studio.project), sees)


def _summary(done: Imported) -> str:
    parts = [
        f"{output.count(done.new, 'file')} new",
        f"{done.changed} changed",
        f"{done.unchanged} unchanged",
    ]
    if done.collections:
        parts.append(output.count(done.collections, "new folder"))
    if done.ignored:
        parts.append(f"{done.ignored} ignored")
    if done.left_out:
        parts.append(f"{len(done.left_out)} left out")
    return (
        ", ".join(parts) + f"; {output.size(done.bytes_read)} read, {output.size(done.bytes_new)} of it new"
    )


def _identities(*paths: Path | None) -> set[tuple[int, int]]:
    """The project's own files, in case they lie in the folder that is imported."""
    found = set()
    for path in paths:
        for place in (
            (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")) if path else ()
        ):
            if place.exists():
                seen = os.stat(place)
                found.add((seen.st_dev, seen.st_ino))
    return found
