"""``mountfs studio invite``: asking people into a studio."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import NOT_FOUND, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import dry_run_option, exits, json_option
from mountfs.cli.studio.office import (
    data_dir_argument,
    hand_over,
    opened_office,
    owner_of,
    secret_file_option,
    tell,
)
from mountfs.errors import NotFound

_EXITS = (NOT_FOUND, REFUSED, PROJECT_FILE, SETTINGS, UNAVAILABLE)


@click.group("invite")
def command() -> None:
    """Ask somebody in, list open invitations, withdraw one.

    An invitation is a token, which works once, for seven days. Whoever holds it comes in with the address
    that was invited (mountfs studio accept), so it is given to nobody else.

    \b
      mountfs studio invite create /srv/studio lou@harbor.example
      mountfs studio invite list /srv/studio
    """


@command.command("create")
@data_dir_argument
@click.argument("email")
@click.option("--admin", is_flag=True, help="They are to run the studio, too.")
@click.option("--project", metavar="PROJECT", help="They are to be in this project.")
@click.option("--role", help="What they may do in the project.  [default: artist]")
@secret_file_option("--token-file", "the token")
@json_option
@exits(*_EXITS)
def create(
    data_dir: Path,
    email: str,
    admin: bool,
    project: str | None,
    role: str | None,
    secret_file: Path | None,
    as_json: bool,
) -> None:
    """Ask somebody in, perhaps into a project. An earlier invitation of theirs is withdrawn by that.

    \b
      mountfs studio invite create /srv/studio lou@harbor.example --project film --role supervisor
      mountfs studio invite create /srv/studio lou@harbor.example --token-file ~/lou.token
    """
    from mountfs.studio.accounts import StudioRole
    from mountfs.studio.accounts.naming import email_address
    from mountfs.studio.joining import require_invitable

    if role is not None and project is None:
        raise click.UsageError("--role is a role in a project: name it with --project")
    with opened_office(data_dir) as office:
        hosted = office.project(project) if project is not None else None
        given = (role or "artist") if hosted is not None else None
        if hosted is not None and given is not None:
            require_invitable(owner_of(hosted), hosted.service, email_address(email), given)
        made = office.accounts.invitations.invite(
            office.operator,
            email,
            role=StudioRole.ADMIN if admin else StudioRole.USER,
            project=hosted.project.id if hosted is not None else None,
            project_role=given,
        )
    until = output.time(made.invitation.expires_at)
    told = f"{made.invitation.email} may come in until {until}, by mountfs studio accept, with this token."
    hand_over(made.token, secret_file, told, asdict(made.invitation), as_json=as_json)


@command.command("list")
@data_dir_argument
@json_option
@exits(*_EXITS)
def list_(data_dir: Path, as_json: bool) -> None:
    """List the invitations that still work, newest first: id, e-mail address, role, project, until when.

    \b
      mountfs studio invite list /srv/studio
    """
    with opened_office(data_dir) as office:
        found = office.accounts.invitations.open(office.operator)
    if as_json:
        output.as_json([asdict(each) for each in found])
        return
    output.table(
        ("ID", "E-MAIL", "ROLE", "PROJECT", "ROLE THERE", "UNTIL"),
        (
            (
                *(each.id, each.email, each.role.value, each.project or "", each.project_role or ""),
                output.time(each.expires_at),
            )
            for each in found
        ),
    )


@command.command("withdraw")
@data_dir_argument
@click.argument("invitation", metavar="ID|EMAIL")
@dry_run_option
@json_option
@exits(*_EXITS)
def withdraw(data_dir: Path, invitation: str, dry_run: bool, as_json: bool) -> None:
    """Withdraw an invitation, or all of an e-mail address.

    \b
      mountfs studio invite withdraw /srv/studio nel@harbor.example
    """
    with opened_office(data_dir) as office:
        wanted = invitation.strip().lower()
        found = [
            each
            for each in office.accounts.invitations.open(office.operator)
            if wanted in (each.id, each.email)
        ]
        if not found:
            raise NotFound("there is no such invitation")
        for each in found if not dry_run else ():
            office.accounts.invitations.revoke(office.operator, each.id)
    what = output.count(len(found), "invitation")
    facts = {"email": found[0].email, "withdrawn": [each.id for each in found]}
    tell(f"{what} of {found[0].email} withdrawn", facts, as_json=as_json, dry_run=dry_run)
