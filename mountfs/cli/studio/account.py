"""``mountfs studio account``: the people of a studio."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import INCOMPLETE, NOT_FOUND, OK, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import dry_run_option, exits, json_option
from mountfs.cli.studio.office import (
    data_dir_argument,
    hand_over,
    opened_office,
    secret_file_option,
    tell,
    who_argument,
)
from mountfs.errors import RoleRule

_EXITS = (NOT_FOUND, REFUSED, PROJECT_FILE, SETTINGS, UNAVAILABLE)


@click.group("account")
def command() -> None:
    """List the people of a studio, say who runs it, let somebody go, help whoever forgot their password.

    People come in by invitation: mountfs studio invite.

    \b
      mountfs studio account list /srv/studio
      mountfs studio account role /srv/studio bo admin
      mountfs studio account recover /srv/studio bo --token-file ~/bo.token
      mountfs studio account remove /srv/studio kim
    """


@command.command("list")
@data_dir_argument
@click.option("--removed", is_flag=True, help="Also those who are not here any more.")
@json_option
@exits(*_EXITS)
def list_(data_dir: Path, removed: bool, as_json: bool) -> None:
    """List people: username, name, e-mail address, role in the studio, since when.

    \b
      mountfs studio account list /srv/studio
    """
    with opened_office(data_dir) as office:
        found = office.accounts.people.all(office.operator, removed=removed)
    if as_json:
        output.as_json([asdict(each) for each in found])
        return
    output.table(
        ("USERNAME", "NAME", "E-MAIL", "ROLE", "SINCE", "REMOVED"),
        (
            (
                *(each.username, each.name, each.email, each.role.value, output.time(each.created_at)),
                output.time(each.removed_at) if each.removed_at is not None else "",
            )
            for each in found
        ),
    )


@command.command("role")
@data_dir_argument
@who_argument
@click.argument("role", type=click.Choice(["admin", "user"]))
@json_option
@exits(*_EXITS)
def role_(data_dir: Path, who: str, role: str, as_json: bool) -> None:
    """Make somebody an admin of the studio, or no longer. It opens no project. One admin stays.

    \b
      mountfs studio account role /srv/studio bo admin
    """
    from mountfs.studio.accounts import StudioRole

    with opened_office(data_dir) as office:
        account = office.accounts.people.set_role(office.operator, office.account(who).id, StudioRole(role))
    what = f"{account.username} is {'an admin' if account.is_admin else 'a user'} of the studio now"
    tell(what, {"username": account.username, "role": account.role.value}, as_json=as_json)


@command.command("remove")
@data_dir_argument
@who_argument
@dry_run_option
@json_option
@exits(*_EXITS, INCOMPLETE)
@click.pass_context
def remove(ctx: click.Context, data_dir: Path, who: str, dry_run: bool, as_json: bool) -> None:
    """Let somebody go: their sessions, tokens, memberships and the invitations they made end at once.

    What they made stays. A project of which they are the last admin keeps their name; they do not open it.

    \b
      mountfs studio account remove /srv/studio kim --dry-run
      mountfs studio account remove /srv/studio kim
    """
    from mountfs.studio.joining import remove_account

    kept = []
    with opened_office(data_dir) as office:
        account = office.account(who)
        admins = [each for each in office.accounts.people.all(office.operator) if each.is_admin]
        if dry_run and admins == [account]:
            raise RoleRule("at least one admin of the studio stays: make somebody else one first")
        projects = len(office.accounts.memberships.of(account.id))
        if not dry_run:
            kept = remove_account(office.hosting, office.accounts, office.operator, account.id)
    what = output.count(projects, "project")
    tell(
        f"{account.username} is not in the studio any more, nor in {what}",
        {"username": account.username, "projects": projects, "named_still": [each.project for each in kept]},
        as_json=as_json,
        dry_run=dry_run,
    )
    for each in kept:
        output.say(f"the project {each.project} still names them: give it another admin, then remove them")
    ctx.exit(INCOMPLETE if kept else OK)


@command.command("recover")
@data_dir_argument
@who_argument
@secret_file_option("--token-file", "the token")
@json_option
@exits(*_EXITS)
def recover(data_dir: Path, who: str, secret_file: Path | None, as_json: bool) -> None:
    """Make a token with which somebody who forgot their password chooses another, once, within a day.

    \b
      mountfs studio account recover /srv/studio bo --token-file ~/bo.token
    """
    with opened_office(data_dir) as office:
        offered = office.accounts.recovery.offer(office.operator, office.account(who).id)
    until = output.time(offered.expires_at)
    told = f"{offered.account.username} may choose another password until {until}, with this token."
    facts = {"username": offered.account.username, "expires_at": offered.expires_at}
    hand_over(offered.token, secret_file, told, facts, as_json=as_json)


@command.command("unlock")
@data_dir_argument
@who_argument
@json_option
@exits(*_EXITS)
def unlock(data_dir: Path, who: str, as_json: bool) -> None:
    """Let somebody in again who typed wrong passwords too often.

    \b
      mountfs studio account unlock /srv/studio bo
    """
    with opened_office(data_dir) as office:
        account = office.account(who)
        office.accounts.people.let_in_again(office.operator, account.id)
    tell(f"{account.username} may log in again", {"username": account.username}, as_json=as_json)
