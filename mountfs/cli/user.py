"""``mountfs user``: the people of a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import (
    as_option,
    dry_run_option,
    exits,
    json_option,
    project_or_mount_argument,
    storage_dir_option,
)
from mountfs.cli.role import role_named
from mountfs.cli.target import open_target, open_to_change
from mountfs.studio.permissions import Act

if TYPE_CHECKING:
    from mountfs.studio.crew import Colleague

HEADINGS = ("USERNAME", "NAME", "E-MAIL", "ROLE", "TASKS", "FOLDERS")


@click.group()
def command() -> None:
    """List the people of a project, take somebody in, let somebody leave, give somebody another role.

    A role says what its people may do; what they see is decided by mountfs assign, library and depend.

    \b
      mountfs user list film.clst
      mountfs user add film.clst kim --email kim@harbor.example --role artist
      mountfs user role film.clst bo supervisor
      mountfs user remove film.clst bo
    """


@command.command("list")
@project_or_mount_argument
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def list_(path: str, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """List people: username, name, e-mail address, role, tasks and folders they are assigned.

    Who may manage people or assign work sees everybody. Others see those with whom they share something.

    \b
      mountfs user list film.clst
      mountfs user list film.clst --json
    """
    with open_target(path, username=username, storage_dir=storage_dir) as target:
        people = [_about(colleague) for colleague in target.studio.crew()]
    if as_json:
        output.as_json(people)
        return
    columns = ("username", "name", "email", "role", "tasks", "folders")
    output.table(HEADINGS, ([each[column] for column in columns] for each in people), right=HEADINGS[4:])


@command.command("add")
@project_or_mount_argument
@click.argument("new_username", metavar="USERNAME")
@click.option("--email", metavar="ADDRESS", required=True, help="Their e-mail address.")
@click.option("--name", metavar="NAME", default="", help="First and last name; else the username.")
@click.option("--role", default="artist", show_default=True, help="What they may do; see mountfs role list.")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def add(
    path: str,
    new_username: str,
    email: str,
    name: str,
    role: str,
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Take somebody into a project. They see shared folders, and what they are assigned.

    \b
      mountfs user add film.clst kim --email kim@harbor.example
      mountfs user add film.clst lou --email lou@harbor.example --name "Lou Sol" --role supervisor
    """
    first, _, last = (name.strip() or new_username).partition(" ")
    with open_to_change(path, username=username, storage_dir=storage_dir, dry_run=dry_run) as target:
        target.studio.require(Act.ADD_USER)
        given = role_named(target.studio, role)
        person = target.studio.add_user(
            email=email,
            username=new_username,
            first_name=first,
            last_name=last.strip() or "-",  # the format wants one
            role=given.id,
        )
    if as_json:
        output.as_json({"username": person.username, "email": person.email, "role": given.name})
    else:
        output.outcome(f"{person.username} <{person.email}> is {_a(given.name)} now", dry_run=dry_run)


@command.command("remove")
@project_or_mount_argument
@click.argument("who", metavar="USERNAME")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def remove(
    path: str, who: str, dry_run: bool, username: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """Let somebody leave a project: they see nothing of it any more, and their tasks are nobody's.

    What they made stays, with their versions. The last admin cannot leave.

    \b
      mountfs user remove film.clst bo --dry-run
      mountfs user remove film.clst bo
    """
    with open_to_change(
        path, username=username, storage_dir=storage_dir, dry_run=dry_run, administers=Act.REMOVE_USER
    ) as target:
        person = target.person(who)
        known = next(each for each in target.studio.crew() if each.person.id == person.id)
        target.studio.remove_user(person.id)
    if as_json:
        output.as_json({"username": person.username, "tasks": known.tasks, "folders": known.folders})
        return
    left = f"; {output.count(known.tasks, 'task')} of theirs nobody's now" if known.tasks else ""
    output.outcome(f"{person.username} is not in the project any more{left}", dry_run=dry_run)


@command.command("role")
@project_or_mount_argument
@click.argument("who", metavar="USERNAME")
@click.argument("role")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def role_(
    path: str,
    who: str,
    role: str,
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Give somebody another role. Nobody gives rights that they do not have; one admin stays.

    \b
      mountfs user role film.clst bo supervisor
    """
    with open_to_change(
        path, username=username, storage_dir=storage_dir, dry_run=dry_run, administers=Act.SET_ROLE
    ) as target:
        person = target.person(who)
        given = role_named(target.studio, role)
        target.studio.set_role(person.id, given.id)
    if as_json:
        output.as_json({"username": person.username, "role": given.name})
    else:
        output.outcome(f"{person.username} is {_a(given.name)} now", dry_run=dry_run)


def _about(colleague: Colleague) -> dict[str, Any]:
    person = colleague.person
    return {
        "username": person.username,
        "name": person.name.removesuffix(" -"),
        "email": person.email,
        "id": person.id,
        "role": colleague.role,
        "tasks": colleague.tasks,
        "folders": colleague.folders,
    }


def _a(role: str) -> str:
    return f"an {role}" if role[:1].lower() in "aeio" else f"a {role}"
