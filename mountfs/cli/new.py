"""``mountfs new``: files that are planned, before anybody saves them."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import (
    as_option,
    dry_run_option,
    exits,
    json_option,
    path_argument,
    storage_dir_option,
)
from mountfs.cli.target import Target, open_target
from mountfs.errors import Refused
from mountfs.model import Asset
from mountfs.studio.permissions import Act

if TYPE_CHECKING:
    from mountfs.cli.far import FarStudio
    from mountfs.wire.plans import Planned, Row

MAX_TABLE = 64 << 20
"""Bytes of a table."""


@click.command()
@path_argument
@click.option("--template", metavar="NAME", default="", help="Begin with the content of this template.")
@click.option("--assign", "assignee", metavar="USERNAME", default="", help="Whose task it is.")
@click.option("--status", default="", help="How far it is; else todo.")
@click.option(
    "--type", "kind", metavar="TYPE", default="", help="task (the default), resource, or a type of files."
)
@click.option("-p", "--parents", is_flag=True, help="Make the folders above it where they are missing.")
@click.option(
    "--csv",
    "table",
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Make what a table names, below the folder PATH; - is standard input.",
)
@click.option("--update", is_flag=True, help="With --csv: bring what is there in line with the table.")
@dry_run_option
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def command(
    path: str,
    template: str,
    assignee: str,
    status: str,
    kind: str,
    parents: bool,
    table: Path | None,
    update: bool,
    dry_run: bool,
    username: str | None,
    storage_dir: Path | None,
    as_json: bool,
) -> None:
    """Make a file that is planned: empty, or with the content of a template; or a whole table of them.

    A table is a CSV file. Its first line names its columns: path, and any of type, template, assignee,
    status, depends (several paths, with ; between them). The type is task (if empty), resource, folder, or a
    type of files that the project has. Folders that are missing are made. All of it is tried first; if a line
    cannot be, nothing is made. A long table is made in parts; stopped in between, give it again to go on.

    The same table again changes nothing. Where the project has something else than the table says, because
    work has gone on, that is told; --update brings the assignee, status and dependencies in line.

    \b
      mountfs template add film.clst film.clst:/shots/sh010.blend --name shot.blend
      mountfs new film.clst:/shots/sh030.blend --template shot.blend --assign bo
      printf 'path,assignee\\n/shots/sh040.blend,bo\\n' >shots.csv && mountfs new film.clst --csv shots.csv
      mountfs new film.clst --csv shots.csv --update --dry-run
    """
    from mountfs.wire.plans import Row

    if table is not None and (template or assignee or status or kind or parents):
        raise click.UsageError("with --csv, the table says what each file is: leave out the other options")
    if table is None and update:
        raise click.UsageError("--update is for --csv")
    text = _read(table) if table is not None else ""
    with open_target(
        path,
        username=username,
        storage_dir=storage_dir,
        read_only=False,
        administers=Act.ASSIGN,
        if_permitted=True,
    ) as target:
        target.studio.require(Act.MAKE_ASSET)
        if table is not None:
            done = _apply(target, text, table, update=update, dry_run=dry_run)
        else:
            row = Row(0, target.path, kind.casefold(), template, assignee, status)
            done = _make(target, row, parents=parents, dry_run=dry_run)
    if as_json:
        told = asdict(done) | {"differing": [(each.path, each.what) for each in done.differing]}
        del told["wrong"]
        output.as_json(told)
        return
    for each in done.differing:
        output.say(f"{each.path}: {each.what}")
    output.outcome(_summary(done) if table is not None else f"{done.files[0]} is made", dry_run=dry_run)


def _make(target: Target, row: Row, *, parents: bool, dry_run: bool) -> Planned:
    """One file."""
    if row.path == "/" or row.is_folder:
        raise click.UsageError("name the file that is to be made, as in film.clst:/shots/sh030.blend")
    if target.mounted is not None and target.mounted.exists:
        raise Refused(f"{target.mounted.full} is there already; mountfs track makes a local file part of it")
    if target.is_far:
        return cast("FarStudio", target.studio).make_file(row, parents=parents, rehearse=dry_run)
    from mountfs.studio.planning import make_file

    return make_file(target.studio, row, parents=parents, rehearse=dry_run)


def _apply(target: Target, text: str, table: Path, *, update: bool, dry_run: bool) -> Planned:
    """All of a table, or Refused after each line that cannot be was told."""
    from mountfs.exchange.batches import PartsHere, carry_out
    from mountfs.exchange.table import read_table
    from mountfs.studio.planning import planning_of

    if isinstance(target.thing, Asset):
        raise click.UsageError(
            f"{target.path} is a file; name the project, or the folder of the table's paths"
        )
    rows = read_table(text, target.path)
    if target.is_far:
        done = carry_out(cast("FarStudio", target.studio).plans(update=update), rows, dry_run=dry_run)
    else:
        parts = PartsHere(target.studio, lambda: planning_of(target.studio, update=update))
        done = carry_out(parts, rows, dry_run=dry_run)
    if done.wrong:
        for each in done.wrong:
            output.say(f"{table}:{each.number}: {each.why}")
        lines = f"{output.count(len(done.wrong), 'line')} of {len(rows)} in {table} cannot be"
        if done.files or done.folders or done.changed:
            raise Refused(f"{lines}; made are {_summary(done)}: correct the table and give it again")
        raise Refused(f"{lines}, so nothing was changed")
    return done


def _read(table: Path) -> str:
    if str(table) == "-":
        data = sys.stdin.buffer.read(MAX_TABLE + 1)
    else:
        with table.open("rb") as file:
            data = file.read(MAX_TABLE + 1)
    if len(data) > MAX_TABLE:
        raise click.UsageError(f"{table} is longer than {output.size(MAX_TABLE)}: divide it")
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise click.UsageError(f"{table} is not UTF-8 text; save it as CSV UTF-8") from exc


def _summary(done: Planned) -> str:
    parts = [output.count(len(done.files), "new file"), output.count(len(done.folders), "new folder")]
    if done.changed:
        parts.append(f"{len(done.changed)} changed")
    parts.append(f"{done.unchanged} unchanged")
    if done.differing:
        places = len({each.path for each in done.differing})
        parts.append(f"{places} not as the table says, and left so (--update brings them in line)")
    return ", ".join(parts)
