"""``mountfs role``: what the roles of a project allow."""

from __future__ import annotations

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
from mountfs.cli.target import open_target, open_to_change
from mountfs.model import Role, Toggle
from mountfs.studio.permissions import EFFECTS, Act

if TYPE_CHECKING:
    from mountfs.studio.service import BoundStudio


def role_named(studio: BoundStudio, name: str) -> Role:
    """A role, whatever the case of the name. Missing, with the names there are."""
    roles = studio.roles()
    for role in roles:
        if role.name.casefold() == name.strip().casefold():
            return role
    raise Missing(f"there is no role {name!r}; there are: {', '.join(role.name for role in roles)}")


TOGGLE = click.Choice([toggle.value for toggle in Toggle], case_sensitive=False)


@click.group()
def command() -> None:
    """List the roles of a project, show what one allows, and change that; make and remove roles.

    A role is a set of rights. Nobody gives or takes rights that they do not have themselves. The role admin
    has every right, and stays as it is.

    \b
      mountfs role list film.clst
      mountfs role show film.clst artist
      mountfs role allow film.clst artist create_asset
      mountfs role deny film.clst artist create_asset
      mountfs role new film.clst intern --like vendor
      mountfs role remove film.clst intern
    """


@command.command("list")
@project_or_mount_argument
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def list_(path: str, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """List the roles: name, how many rights, and who has it as far as you may know.

    \b
      mountfs role list film.clst
    """
    with open_target(path, username=username, storage_dir=storage_dir) as target:
        crew = target.studio.crew()
        roles = [
            {
                "name": role.name,
                "rights": sorted(role.may),
                "people": [each.person.username for each in crew if each.role == role.name],
            }
            for role in target.studio.roles()
        ]
    if as_json:
        output.as_json(roles)
        return
    rows = ((each["name"], len(each["rights"]), ", ".join(each["people"])) for each in roles)
    output.table(("ROLE", "RIGHTS", "PEOPLE"), rows, right=("RIGHTS",))


@command.command("show")
@project_or_mount_argument
@click.argument("role")
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def show(path: str, role: str, username: str | None, storage_dir: Path | None, as_json: bool) -> None:
    """Show what a role allows: every right, yes or no, and what it is for.

    \b
      mountfs role show film.clst artist
    """
    with open_target(path, username=username, storage_dir=storage_dir) as target:
        found = role_named(target.studio, role)
    if as_json:
        output.as_json(_about(found))
        return
    rows = [
        (toggle.value, "yes" if toggle in found.may else "no", EFFECTS[toggle].in_commands)
        for toggle in Toggle
    ]
    output.table(("RIGHT", "ALLOWED", "IT IS FOR"), rows)


@command.command("allow")
@project_or_mount_argument
@click.argument("role")
@click.argument("rights", metavar="RIGHT...", type=TOGGLE, nargs=-1, required=True)
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def allow(
    path: str,
    role: str,
    rights: tuple[str, ...],
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Give a role rights. Everybody who has the role has them at once, in their mounts too.

    \b
      mountfs role allow film.clst artist create_asset create_collection
    """
    given = {Toggle(right) for right in rights}
    with open_to_change(path, username=username, storage_dir=storage_dir, dry_run=dry_run) as target:
        found = _edit(target.studio, role, given=given)
    _tell(found, f"{found.name} may {_list(given)} now", dry_run=dry_run, as_json=as_json)


@command.command("deny")
@project_or_mount_argument
@click.argument("role")
@click.argument("rights", metavar="RIGHT...", type=TOGGLE, nargs=-1, required=True)
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def deny(
    path: str,
    role: str,
    rights: tuple[str, ...],
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Take rights from a role. Everybody who has the role loses them at once, in their mounts too.

    \b
      mountfs role deny film.clst artist create_asset
    """
    taken = {Toggle(right) for right in rights}
    with open_to_change(path, username=username, storage_dir=storage_dir, dry_run=dry_run) as target:
        found = _edit(target.studio, role, taken=taken)
    _tell(found, f"{found.name} may not {_list(taken)} now", dry_run=dry_run, as_json=as_json)


@command.command("new")
@project_or_mount_argument
@click.argument("role")
@click.option("--like", metavar="ROLE", help="Begin with the rights of this role; else with none.")
@click.option("--allow", "rights", metavar="RIGHT", type=TOGGLE, multiple=True, help="A right it has, too.")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def new(
    path: str,
    role: str,
    like: str | None,
    rights: tuple[str, ...],
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Make a role.

    \b
      mountfs role new film.clst intern --like vendor --allow view_checkpoint
    """
    with open_to_change(path, username=username, storage_dir=storage_dir, dry_run=dry_run) as target:
        may = role_named(target.studio, like).may if like is not None else frozenset()
        made = target.studio.create_role(role, may | {Toggle(right) for right in rights})
    text = f"there is a role {made.name} now, with {output.count(len(made.may), 'right')}"
    _tell(made, text, dry_run=dry_run, as_json=as_json)


@command.command("remove")
@project_or_mount_argument
@click.argument("role")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def remove(
    path: str, role: str, dry_run: bool, username: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """Remove a role that nobody has.

    \b
      mountfs role remove film.clst trainee
    """
    with open_to_change(path, username=username, storage_dir=storage_dir, dry_run=dry_run) as target:
        found = role_named(target.studio, role)
        target.studio.remove_role(found.id)
    _tell(found, f"the role {found.name} is removed", dry_run=dry_run, as_json=as_json)


def _edit(
    studio: BoundStudio, name: str, *, given: set[Toggle] | None = None, taken: set[Toggle] | None = None
) -> Role:
    """Change a role's rights; what it is now."""
    studio.require(Act.EDIT_ROLE)
    role = role_named(studio, name)
    may = (role.may | (given or set())) - (taken or set())
    studio.edit_role(role.id, may)
    return Role(role.id, role.name, frozenset(may))


def _about(role: Role) -> dict[str, Any]:
    return {"name": role.name, "rights": sorted(role.may)}


def _list(toggles: set[Toggle]) -> str:
    return ", ".join(sorted(toggles))


def _tell(role: Role, text: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        output.as_json(_about(role))
    else:
        output.outcome(text, dry_run=dry_run)
