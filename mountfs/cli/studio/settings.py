"""``mountfs studio settings``: what holds for all who mount a studio's projects."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import click

from mountfs.cli import NOT_FOUND, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.studio.office import data_dir_argument, opened_office


@click.command("settings")
@data_dir_argument
@click.option(
    "--offline-days",
    metavar="DAYS",
    type=int,
    help="For how long a mount goes on without the studio after it was last reached; 0: not at all.",
)
@click.option(
    "--mount-path",
    metavar="DIR",
    help="Where projects are mounted if nothing else is said: the same folder on all machines.",
)
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, SETTINGS, UNAVAILABLE)
def command(data_dir: Path, offline_days: int | None, mount_path: str | None, as_json: bool) -> None:
    """Show what holds for all who mount this studio's projects, or change it.

    \b
      mountfs studio settings /srv/studio
      mountfs studio settings /srv/studio --offline-days 3 --mount-path /prod
    """
    with opened_office(data_dir) as office:
        settings = office.accounts.settings.all()
        wanted = replace(
            settings,
            offline_days=settings.offline_days if offline_days is None else offline_days,
            mount_path=settings.mount_path if mount_path is None else mount_path,
        )
        if wanted != settings:
            office.accounts.settings.change(office.operator, wanted)
    if as_json:
        output.as_json(asdict(wanted))
    else:
        output.table(
            ("SETTING", "VALUE"), [("offline days", wanted.offline_days), ("mount path", wanted.mount_path)]
        )
