"""``mountfs studio import``: a project file moves into a studio. (The name ``import`` is Python's.)"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import DAMAGED, NOT_FOUND, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import dry_run_option, exits, json_option, storage_dir_option
from mountfs.cli.progress import progress
from mountfs.cli.studio.office import data_dir_argument, opened_office

if TYPE_CHECKING:
    from mountfs.exchange.studios.moving_in import MovedIn

HEADINGS = ("PERSON", "E-MAIL", "ACCOUNT", "ROLE", "SEES")


@click.command("import")
@click.argument("file", metavar="FILE.clst", type=click.Path(path_type=Path, dir_okay=False))
@data_dir_argument
@click.option("--admin", "admins", metavar="WHO", multiple=True, help="An account: an admin of the project.")
@click.option(
    "--person",
    "persons",
    metavar="NAME=WHO",
    multiple=True,
    help="Somebody in the file is this account, though their e-mail addresses differ.",
)
@click.option("--assign", metavar="WHO", help="Who gets the tasks that nobody has, and all folders.")
@click.option(
    "--library", "libraries", metavar="FOLDER", multiple=True, help="A folder that all members see."
)
@click.option("--name", metavar="NAME", help="What the project is called in the studio.")
@click.option("--yes", is_flag=True, help="Go on, ask nothing.")
@dry_run_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, DAMAGED, PROJECT_FILE, SETTINGS, UNAVAILABLE)
def command(
    file: Path,
    data_dir: Path,
    admins: tuple[str, ...],
    persons: tuple[str, ...],
    assign: str | None,
    libraries: tuple[str, ...],
    name: str | None,
    yes: bool,
    dry_run: bool,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Move a project file into a studio, with its history, its trash and its people.

    The file stays as it is: its rows go into a file of the studio's own, each value checked, and its content
    is verified. Whoever has an account with the e-mail address of somebody in the file is that person, and
    --person says so where the addresses differ; others stay in it as authors, and open nothing. Nobody
    becomes an admin by what the file says: --admin names those. You are shown who would be whom before
    anything is done.

    A mount shows only what is assigned to somebody, needed for that, or in a library; --assign and --library
    say so for all of it at once, and in the end you are told who sees how much.

    \b
      mountfs studio import film.clst /srv/studio --admin ada@harbor.example
      mountfs studio import film.clst /srv/studio --admin ada --assign bo --library library --yes
    """
    from mountfs.exchange.studios.moving_in import MovingIn
    from mountfs.storage.open import open_project

    with (
        opened_office(data_dir) as office,
        open_project(file, storage_dir=storage_dir, read_only=True) as source,
        progress("moving in") as meter,
    ):
        errand = MovingIn(
            source,
            office.accounts,
            office.hosting,
            office.operator,
            meter,
            admins=[office.account(each) for each in admins],
            persons={each: office.account(who) for each, who in map(_pair, persons)},
            name=name,
        )
        found = errand.check()
        if dry_run or not _is_meant(found, yes=yes):
            _answer(found, as_json, dry_run=True)
            return
        done = errand.run(assign=assign, libraries=libraries)
    _answer(done, as_json, dry_run=False)


def _pair(text: str) -> tuple[str, str]:
    name, equals, who = text.partition("=")
    if not (name and equals and who):
        raise click.UsageError(f"--person {text}: who in the file is which account? NAME=WHO")
    return name, who


def _is_meant(found: MovedIn, *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to confirm who is whom: look with --dry-run, then add --yes")
    _people(found, seen=False)
    return click.confirm("Is this right, and shall it move in?", err=True)


def _people(found: MovedIn, *, seen: bool) -> None:
    rows = (
        (
            each.username,
            each.email,
            _account(each.account is not None, comes_in=each.comes_in),
            each.role,
            output.count(each.sees, "file") if seen else "",
        )
        for each in found.people
    )
    output.table(HEADINGS, rows)


def _account(has_one: bool, *, comes_in: bool) -> str:
    if comes_in:
        return "comes in"
    return "not as an admin" if has_one else "none"


def _answer(found: MovedIn, as_json: bool, *, dry_run: bool) -> None:
    if as_json:
        output.as_json(asdict(found))
        return
    _people(found, seen=not dry_run)
    versions, chunks = output.count(found.versions, "version"), output.count(found.chunks, "chunk")
    text = f"{found.name} ({found.project}): {versions}, {chunks} ({output.size(found.bytes)})"
    if found.assigned:
        text += f"; {output.count(found.assigned, 'task')} assigned"
    output.outcome(text, dry_run=dry_run)
    inside = [each for each in found.people if each.comes_in]
    if not dry_run and not inside and not found.admins:
        output.say("Nobody is in it yet: mountfs studio member add takes people in.")
    for each in inside if not dry_run else ():
        if not each.sees:
            output.say(f"{each.username} sees nothing until something is assigned to them, or in a library")
