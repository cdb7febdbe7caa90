"""``mountfs studio member``: who is in a project of a studio."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import NOT_FOUND, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, Missing, output
from mountfs.cli.options import dry_run_option, exits, json_option
from mountfs.cli.studio.office import (
    Office,
    data_dir_argument,
    opened_office,
    owner_of,
    project_argument,
    tell,
    who_argument,
)
from mountfs.errors import NotFound

if TYPE_CHECKING:
    from mountfs.model import ProjectId, Role
    from mountfs.studio.accounts import Account, Membership
    from mountfs.studio.hosting import HostedProject

_EXITS = (NOT_FOUND, REFUSED, PROJECT_FILE, SETTINGS, UNAVAILABLE)


@click.group("member")
def command() -> None:
    """List who is in a project, take somebody in or out, give somebody another role.

    PROJECT is a name or an id, WHO an e-mail address, a username or an id. Being in the studio opens no
    project, and being in a project shows what is shared there and what is assigned.

    \b
      mountfs studio member list /srv/studio film
      mountfs studio member add /srv/studio film bo --role artist
      mountfs studio member role /srv/studio film kim supervisor
      mountfs studio member remove /srv/studio film kim
    """


@command.command("list")
@data_dir_argument
@project_argument
@json_option
@exits(*_EXITS)
def list_(data_dir: Path, project: str, as_json: bool) -> None:
    """List the people of a project: username, name, e-mail, role, and what is assigned to them.

    Somebody without an account came with an imported file, and opens nothing.

    \b
      mountfs studio member list /srv/studio film
    """
    from mountfs.studio.joining import members_of

    with opened_office(data_dir) as office:
        hosted = office.project(project)
        joined = office.accounts.memberships.in_project(hosted.project.id)
        found = members_of(owner_of(hosted), joined)
    if as_json:
        output.as_json([asdict(each) for each in found])
        return
    output.table(
        ("USERNAME", "NAME", "E-MAIL", "ROLE", "TASKS", "FOLDERS", "ACCOUNT"),
        (
            (
                *(each.username, each.name, each.email, each.role, each.tasks, each.folders),
                "yes" if each.account is not None else "no",
            )
            for each in found
        ),
        right=("TASKS", "FOLDERS"),
    )


@command.command("add")
@data_dir_argument
@project_argument
@who_argument
@click.option("--role", default="artist", show_default=True, help="What they may do in the project.")
@json_option
@exits(*_EXITS)
def add(data_dir: Path, project: str, who: str, role: str, as_json: bool) -> None:
    """Take somebody of the studio into a project.

    \b
      mountfs studio member add /srv/studio film bo
    """
    from mountfs.studio.joining import bring_in

    with opened_office(data_dir) as office:
        hosted, account = office.project(project), office.account(who)
        owner = owner_of(hosted)
        _require_role(owner.roles(), role)
        memberships = office.accounts.memberships
        bring_in(hosted, memberships, office.operator, owner, account, role)
        facts = _facts(hosted, account) | {"role": role}
    tell(f"{account.username} is in {facts['project']} now, as {role}", facts, as_json=as_json)


@command.command("role")
@data_dir_argument
@project_argument
@who_argument
@click.argument("role")
@json_option
@exits(*_EXITS)
def role_(data_dir: Path, project: str, who: str, role: str, as_json: bool) -> None:
    """Give a member of a project another role. One admin stays.

    \b
      mountfs studio member role /srv/studio film kim supervisor
    """
    from mountfs.studio.joining import settle

    with opened_office(data_dir) as office:
        hosted, account = office.project(project), office.account(who)
        owner = owner_of(hosted)
        _require_role(owner.roles(), role)
        membership = _membership(office, hosted.project.id, account)
        if membership.joining_as is not None:
            settle(hosted, office.accounts.memberships, membership, account)
        owner.set_role(membership.user, role)
        facts = _facts(hosted, account) | {"role": role}
    tell(f"{account.username} is in {facts['project']} as {role} now", facts, as_json=as_json)


@command.command("remove")
@data_dir_argument
@project_argument
@who_argument
@dry_run_option
@json_option
@exits(*_EXITS)
def remove(data_dir: Path, project: str, who: str, dry_run: bool, as_json: bool) -> None:
    """Let a member leave a project: they open it no more, their machines' tokens for it are dead, and their
    tasks are nobody's. What they made stays.

    \b
      mountfs studio member remove /srv/studio film kim --dry-run
      mountfs studio member remove /srv/studio film kim
    """
    from mountfs.studio.joining import require_removable, send_away

    with opened_office(data_dir) as office:
        hosted, account = office.project(project), office.account(who)
        membership = _membership(office, hosted.project.id, account)
        owner = owner_of(hosted)
        if dry_run:
            require_removable(hosted, owner, membership)
        else:
            send_away(hosted, office.accounts.memberships, office.operator, owner, membership)
        facts = _facts(hosted, account)
    what = f"{account.username} is not in {facts['project']} any more"
    tell(what, facts, as_json=as_json, dry_run=dry_run)


def _facts(hosted: HostedProject, account: Account) -> dict[str, object]:
    return {"project": hosted.project.name, "username": account.username, "email": account.email}


def _membership(office: Office, project: ProjectId, account: Account) -> Membership:
    try:
        return office.accounts.memberships.get(project, account.id)
    except NotFound as exc:
        raise Missing(f"{account.username} is not in this project; mountfs studio member list") from exc


def _require_role(roles: list[Role], name: str) -> None:
    if name.casefold() not in {each.name.casefold() for each in roles}:
        raise Missing(
            f"there is no role {name!r} in this project, but {', '.join(each.name for each in roles)}"
        )
