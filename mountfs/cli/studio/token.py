"""``mountfs studio token``: tokens for machines, such as the nodes of a render farm."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import NOT_FOUND, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import dry_run_option, exits, json_option
from mountfs.cli.studio.office import (
    data_dir_argument,
    hand_over,
    opened_office,
    project_argument,
    secret_file_option,
    tell,
    who_argument,
)
from mountfs.errors import NotFound

_EXITS = (NOT_FOUND, REFUSED, PROJECT_FILE, SETTINGS, UNAVAILABLE)
_UNITS = {"m": 60, "h": 3600, "d": 86400}


def _seconds(ctx: click.Context, parameter: click.Parameter, text: str) -> int:
    """``90m``, ``24h``, ``7d``."""
    found = re.fullmatch(r"([1-9]\d{0,5})([mhd])", text.strip())
    if found is None:
        raise click.BadParameter("write for example 90m, 24h or 7d", ctx, parameter)
    return int(found[1]) * _UNITS[found[2]]


@click.group("token")
def command() -> None:
    """Make tokens for machines, list and revoke them.

    A machine's token reads one project, as far as the person sees it whose token it is, and does nothing
    else. It is dead when they leave the project, or when its time has passed.

    \b
      mountfs studio token create /srv/studio film kim --label farm --token-file ~/farm.token
      mountfs studio token list /srv/studio
    """


@command.command("create")
@data_dir_argument
@project_argument
@who_argument
@click.option("--label", default="", help="What it is for.")
@click.option(
    "--lifetime",
    metavar="TIME",
    callback=_seconds,
    default="24h",
    show_default=True,
    help="How long it works: 90m, 24h, 7d; at most 30d.",
)
@secret_file_option("--token-file", "the token")
@json_option
@exits(*_EXITS)
def create(
    data_dir: Path,
    project: str,
    who: str,
    label: str,
    lifetime: int,
    secret_file: Path | None,
    as_json: bool,
) -> None:
    """Make a token for a machine, to read what WHO sees of PROJECT. It is told once.

    \b
      mountfs studio token create /srv/studio film kim --lifetime 7d --token-file ~/farm.token
    """
    with opened_office(data_dir) as office:
        hosted, account = office.project(project), office.account(who)
        made = office.accounts.node_tokens.make(
            office.operator, hosted.project.id, maker=account.id, label=label, lifetime=lifetime
        )
    until = output.time(made.node_token.expires_at)
    told = f"This token reads {hosted.project.name} as {account.username} does, until {until}."
    hand_over(made.token, secret_file, told, asdict(made.node_token), as_json=as_json)


@command.command("list")
@data_dir_argument
@json_option
@exits(*_EXITS)
def list_(data_dir: Path, as_json: bool) -> None:
    """List the tokens of machines that still work: id, label, whose, project, until when.

    \b
      mountfs studio token list /srv/studio
    """
    with opened_office(data_dir) as office:
        found = office.accounts.node_tokens.of(office.operator)
        makers = office.accounts.people.get(frozenset(each.account for each in found))
    if as_json:
        output.as_json([asdict(each) for each in found])
        return
    output.table(
        ("ID", "LABEL", "WHOSE", "PROJECT", "UNTIL"),
        (
            (each.id, each.label, makers[each.account].username, each.project, output.time(each.expires_at))
            for each in found
        ),
    )


@command.command("revoke")
@data_dir_argument
@click.argument("token", metavar="ID")
@dry_run_option
@json_option
@exits(*_EXITS)
def revoke(data_dir: Path, token: str, dry_run: bool, as_json: bool) -> None:
    """End a token, by its id.

    \b
      mountfs studio token revoke /srv/studio 3f2a91c0
    """
    with opened_office(data_dir) as office:
        found = [each for each in office.accounts.node_tokens.of(office.operator) if each.id == token]
        if not found:
            raise NotFound("there is no such token; mountfs studio token list has the ids")
        if not dry_run:
            office.accounts.node_tokens.revoke(office.operator, found[0].id)
    what = f"the token {found[0].label or token} works no more"
    tell(what, {"id": token, "label": found[0].label}, as_json=as_json, dry_run=dry_run)
