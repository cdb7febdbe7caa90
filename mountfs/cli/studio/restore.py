"""``mountfs studio restore``: a studio as a backup has it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import DAMAGED, NOT_FOUND, OK, PROJECT_FILE, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import Folder, dry_run_option, exits, json_option
from mountfs.cli.progress import progress
from mountfs.cli.studio.office import operator, require_own
from mountfs.cli.typed import is_meant, yes_option
from mountfs.names import printable

if TYPE_CHECKING:
    from mountfs.exchange.studios.restoring import Restored


@click.command("restore")
@click.argument("folder", metavar="FROM", type=Folder(path_type=Path))
@click.argument("data_dir", metavar="DATA_DIR", type=Folder(path_type=Path))
@click.option("--at", "state", metavar="STATE", help="Which state; the newest if left out.")
@dry_run_option
@yes_option("the folder DATA_DIR")
@json_option
@exits(NOT_FOUND, DAMAGED, PROJECT_FILE, SETTINGS, UNAVAILABLE)
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    data_dir: Path,
    state: str | None,
    dry_run: bool,
    typed: str | None,
    as_json: bool,
) -> None:
    """Restore a studio from the backups in FROM, into an empty folder or in the place of what is there.

    The studio must not be running. In the place of another state, it says what would be replaced, and goes
    on only if the name of the folder is typed, or given with --yes; the databases that were there are kept in
    a folder replaced-…, until you remove it. Stopped at any time, run it again.

    Everybody has to log in again, and node tokens, invitations and links for new passwords end too: so what
    was revoked since the backup does not work again. Mounts of the studio go on when their people have logged
    in, and offer again what they had sent since the backup, for 7 days.

    \b
      mountfs studio restore /backup/studio /srv/studio
      mountfs studio restore /backup/studio /srv/studio --at 20261121T040000Z --yes studio
    """
    from mountfs.exchange.studios.restoring import Restoring

    require_own(data_dir)
    with progress("restoring") as meter:
        restoring = Restoring(folder, data_dir, operator(), meter, state=state)
        found = restoring.check()
        if dry_run:
            _answer(found, as_json, dry_run=True)
            return
        if found.replaces and not is_meant(data_dir.resolve().name, typed, _question(found)):
            _answer(found, as_json, dry_run=True)
            output.say(f"nothing was changed; to do it, add: --yes {data_dir.resolve().name}")
            return
        done = restoring.run()
    for flaw in done.flaws:
        output.say(f"damaged in the backup: {flaw}")
    _answer(done, as_json, dry_run=False)
    ctx.exit(DAMAGED if done.flaws else OK)


def _question(found: Restored) -> str:
    what = "another studio" if found.other else "a studio"
    return printable(f"There is {what} in {found.folder}. The state of {_moment(found)} takes its place.")


def _answer(found: Restored, as_json: bool, *, dry_run: bool) -> None:
    if as_json:
        output.as_json(asdict(found))
        return
    projects = ", ".join(project.name for project in found.projects) or "no project"
    text = f"{found.folder}: the state of {_moment(found)}, with {projects}"
    if found.replaces:
        text += ", in the place of another studio" if found.other else ", in the place of what is there"
    output.outcome(text, dry_run=dry_run)
    if found.kept_in is not None:
        output.say(f"What was there is in {found.kept_in}; remove it when you are content.")


def _moment(found: Restored) -> str:
    return output.time(found.made_at)
