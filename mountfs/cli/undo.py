"""``mountfs undo``: what somebody did since a moment is taken back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from mountfs.cli import INCOMPLETE, NOT_FOUND, NOT_LOGGED_IN, OK, PROJECT_FILE, REFUSED, UNAVAILABLE, output
from mountfs.cli.moment import Moment
from mountfs.cli.options import as_option, dry_run_option, exits, json_option, storage_dir_option
from mountfs.cli.target import Target, open_target
from mountfs.errors import UserUnknown
from mountfs.model import UserId

if TYPE_CHECKING:
    from mountfs.cli.far import FarStudio
    from mountfs.studio.undoing import Undone
    from mountfs.wire.acts import UndoneFacts


@click.command()
@click.argument("path", metavar="PATH")
@click.option("--by", "who", metavar="USER", required=True, help="Whose acts are taken back.")
@click.option(
    "--since",
    metavar="TIME",
    type=Moment(),
    required=True,
    help="2026-11-21T10:00 (UTC), or 30min, 2h, 3d ago.",
)
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, INCOMPLETE, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
@click.pass_context
def command(
    ctx: click.Context,
    path: str,
    who: str,
    since: int,
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Take back what USER did at PATH and below since TIME; begin with --dry-run, which lists it.

    What they put into the trash comes back, what they renamed or moved goes back, and where the newest
    version is theirs, the last one before theirs becomes the newest again. Nothing is lost: their versions
    stay in the history, and all of it can be taken back in turn. What somebody else changed since stays, and
    is listed; then the exit code is 5. New files that they made stay too.

    \b
      mountfs undo -n film.clst --by bo --since 2h
      mountfs undo ~/mnt/shots --by bo --since 2026-11-21T10:00
    """
    with open_target(path, username=username, storage_dir=storage_dir, read_only=False) as target:
        if target.mounted is not None and not dry_run:
            target.mounted.require_saved()
        done = _undo(target, _person(target, who), since, dry_run=dry_run)
    if as_json:
        output.as_json({"dry_run": dry_run, **asdict(done)})
    else:
        output.table(("WHAT", "PATH", "DETAIL"), ((step.what, step.path, step.detail) for step in done.steps))
        for left in done.left:
            output.say(f"stays: {left.path}: {left.reason}")
        count = output.count(len(done.steps), "thing")
        output.say(f"{count} {'would be taken' if dry_run else 'taken'} back; {len(done.left)} to stay")
    ctx.exit(INCOMPLETE if done.left else OK)


def _undo(target: Target, who: UserId, since: int, *, dry_run: bool) -> Undone | UndoneFacts:
    if target.is_far:
        return cast("FarStudio", target.studio).undo(who, since, target.path, rehearse=dry_run)
    from mountfs.studio.undoing import undo

    return undo(target.studio, who, since, target.path, rehearse=dry_run)


def _person(target: Target, who: str) -> UserId:
    for person in target.tree.people.values():
        if who.casefold() in (person.username.casefold(), person.email.casefold(), person.id):
            return person.id
    raise UserUnknown(f"there is no user {who!r} in this project")
