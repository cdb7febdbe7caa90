"""``mountfs studio audit``: what was done in a studio, and what was refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import NOT_FOUND, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.moment import Moment
from mountfs.cli.options import exits, json_option
from mountfs.cli.studio.office import data_dir_argument, opened_office


@click.command("audit")
@data_dir_argument
@click.option("--actor", metavar="WHO", help="Only what this person did; 'operator:LOGIN' for commands.")
@click.option("--act", help="Only this act, or those that begin so, such as 'refused:'.")
@click.option("--subject", help="Only what is about this: an id, or an e-mail address.")
@click.option("--since", metavar="TIME", type=Moment(), help="Only since then: 2026-11-21T10:00, or 2h.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="So many rows.")
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, SETTINGS, UNAVAILABLE)
def command(
    data_dir: Path,
    actor: str | None,
    act: str | None,
    subject: str | None,
    since: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what was done and refused in a studio, newest first: when, who, what, about what, details.

    What was done inside a project has its own record, in the project.

    \b
      mountfs studio audit /srv/studio
      mountfs studio audit /srv/studio --act refused: --since 2d --json
    """
    from mountfs.studio.accounts import AccountId, Wanted

    with opened_office(data_dir) as office:
        whose = actor or ""
        if whose and not whose.startswith("operator"):
            whose = office.account(whose).id
        wanted = Wanted(whose, act or "", subject or "", since)
        found = office.accounts.audit.read(office.operator, wanted, limit=limit)
        people = office.accounts.people.get(frozenset(AccountId(each.actor) for each in found))
    names: dict[str, str] = {id_: account.username for id_, account in people.items()}
    if as_json:
        output.as_json([asdict(each) for each in found])
        return
    output.table(
        ("WHEN", "WHO", "ACT", "ABOUT", "DETAILS"),
        (
            (
                output.time(each.at),
                names.get(each.actor, each.actor),
                each.act,
                each.subject,
                json.dumps(each.detail, ensure_ascii=False),
            )
            for each in found
        ),
    )
