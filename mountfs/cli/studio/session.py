"""``mountfs studio session``: where people are logged in."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import NOT_FOUND, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import dry_run_option, exits, json_option
from mountfs.cli.studio.office import data_dir_argument, opened_office, tell, who_argument
from mountfs.errors import NotFound

_EXITS = (NOT_FOUND, REFUSED, PROJECT_FILE, SETTINGS, UNAVAILABLE)


@click.group("session")
def command() -> None:
    """List where somebody is logged in, end one session, or all.

    \b
      mountfs studio session list /srv/studio kim
      mountfs studio session end-all /srv/studio kim
    """


@command.command("list")
@data_dir_argument
@who_argument
@json_option
@exits(*_EXITS)
def list_(data_dir: Path, who: str, as_json: bool) -> None:
    """List somebody's sessions: id, on what, from where, since when, last used.

    \b
      mountfs studio session list /srv/studio kim
    """
    with opened_office(data_dir) as office:
        found = office.accounts.sessions.of(office.operator, office.account(who).id)
    if as_json:
        output.as_json([asdict(each) for each in found])
        return
    output.table(
        ("ID", "DEVICE", "ADDRESS", "SINCE", "LAST USED"),
        (
            (each.id, each.device, each.address, output.time(each.created_at), output.time(each.seen_at))
            for each in found
        ),
    )


@command.command("end")
@data_dir_argument
@who_argument
@click.argument("session", metavar="ID")
@dry_run_option
@json_option
@exits(*_EXITS)
def end(data_dir: Path, who: str, session: str, dry_run: bool, as_json: bool) -> None:
    """End one of somebody's sessions, by its id.

    \b
      mountfs studio session end /srv/studio kim 3f2a91c0
    """
    with opened_office(data_dir) as office:
        account = office.account(who)
        mine = office.accounts.sessions.of(office.operator, account.id)
        found = [each for each in mine if each.id == session]
        if not found:
            raise NotFound(f"{account.username} has no such session; mountfs studio session list has the ids")
        if not dry_run:
            office.accounts.sessions.revoke(office.operator, found[0].id)
    facts = {"username": account.username, "sessions_ended": 1}
    tell(f"a session of {account.username} has ended", facts, as_json=as_json, dry_run=dry_run)


@command.command("end-all")
@data_dir_argument
@who_argument
@dry_run_option
@json_option
@exits(*_EXITS)
def end_all(data_dir: Path, who: str, dry_run: bool, as_json: bool) -> None:
    """Log somebody out everywhere.

    \b
      mountfs studio session end-all /srv/studio kim
    """
    with opened_office(data_dir) as office:
        account = office.account(who)
        ended = len(office.accounts.sessions.of(office.operator, account.id))
        if not dry_run:
            ended = office.accounts.sessions.revoke_all(office.operator, account.id)
    what = output.count(ended, "session")
    facts = {"username": account.username, "sessions_ended": ended}
    tell(f"{account.username} is logged out everywhere ({what})", facts, as_json=as_json, dry_run=dry_run)
