"""``mountfs doctor``: what is wrong, and what mends it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from mountfs.cli import INCOMPLETE, NOT_FOUND, OK, output
from mountfs.cli.options import exits, json_option, storage_dir_option
from mountfs.cli.target import settings
from mountfs.doctor import machine, places
from mountfs.doctor.finding import Finding, Level, problem
from mountfs.errors import ConfigError
from mountfs.names import printable

COLOURS = {Level.GOOD: "green", Level.NOTICE: "yellow", Level.PROBLEM: "red"}


@click.command()
@click.argument("project_file", metavar="[PROJECT.clst]", required=False, type=click.Path(path_type=Path))
@storage_dir_option
@json_option
@exits(NOT_FOUND, INCOMPLETE)
@click.pass_context
def command(ctx: click.Context, project_file: Path | None, storage_dir: Path | None, as_json: bool) -> None:
    """Look for what is wrong on this machine and in a project, and say what mends it.

    Looks at FUSE and its permissions, versions, your folders and disks, and dead mount points. With a
    project also at its file: version, unknown triggers, names that collide or cannot be shown, links that
    cannot be opened, and shared files that need something their viewers cannot see. Changes nothing.

    A problem makes the exit code 5; what is only worth knowing does not.

    \b
      mountfs doctor
      mountfs doctor film.clst
    """
    findings = list(_findings(project_file, storage_dir))
    if as_json:
        output.as_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            show(finding)
    ctx.exit(INCOMPLETE if any(finding.level is Level.PROBLEM for finding in findings) else OK)


def _findings(project_file: Path | None, storage_dir: Path | None) -> Iterator[Finding]:
    allow_other = False
    try:
        config = settings()
    except ConfigError as exc:
        yield problem("config", str(exc), "correct that line")
    else:
        allow_other = config.mount.allow_other
        yield from places.check_config(config)
    yield from machine.check(machine.Machine.here(), allow_other=allow_other)
    yield from places.check_mounts()
    if project_file is not None:
        from mountfs.doctor import project

        yield from project.check(project_file, storage_dir)


def show(finding: Finding) -> None:
    """Print one finding."""
    if not sys.stdout.isatty():
        click.echo("\t".join(printable(text) for text in asdict(finding).values()).rstrip("\t"))
        return
    mark = click.style(f"{finding.level:<8}", fg=COLOURS[finding.level])
    click.echo(f"{mark}{finding.about}: {printable(finding.text)}")
    if finding.mend:
        click.echo(f"{'':8}→ {printable(finding.mend)}")
