"""``mountfs studio project``: the projects of a studio."""

from __future__ import annotations

from pathlib import Path

import click

from mountfs.cli import NOT_FOUND, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.studio.office import data_dir_argument, opened_office

_EXITS = (NOT_FOUND, REFUSED, PROJECT_FILE, SETTINGS, UNAVAILABLE)


@click.group("project")
def command() -> None:
    """List the projects of a studio, or make one.

    \b
      mountfs studio project list /srv/studio
      mountfs studio project create /srv/studio series --admin ada@harbor.example
    """


@command.command("list")
@data_dir_argument
@json_option
@exits(*_EXITS)
def list_(data_dir: Path, as_json: bool) -> None:
    """List projects: name, id, and how many people are in each.

    \b
      mountfs studio project list /srv/studio
    """
    with opened_office(data_dir) as office:
        found = [
            {
                "name": each.project.name,
                "id": each.project.id,
                "members": len(office.accounts.memberships.in_project(each.project.id)),
            }
            for each in office.projects()
        ]
    found.sort(key=lambda each: str(each["name"]).casefold())
    if as_json:
        output.as_json(found)
    else:
        output.table(("NAME", "ID", "MEMBERS"), ([*each.values()] for each in found), right=("MEMBERS",))


@command.command("create")
@data_dir_argument
@click.argument("name")
@click.option(
    "--admin", metavar="WHO", required=True, help="Whose project it is: its first member and admin."
)
@json_option
@exits(*_EXITS)
def create(data_dir: Path, name: str, admin: str, as_json: bool) -> None:
    """Make a new, empty project. Nobody but its admin opens it until they take others in.

    \b
      mountfs studio project create /srv/studio series --admin ada@harbor.example
    """
    from mountfs.studio.joining import found_project

    with opened_office(data_dir) as office:
        first = office.account(admin)
        made = found_project(office.hosting, office.accounts, office.operator, first, name)
        facts = {"name": made.project.name, "id": made.project.id, "admin": first.username}
    if as_json:
        output.as_json(facts)
    else:
        output.outcome(f"{facts['name']} ({facts['id']}) is there now; its admin is {facts['admin']}")
