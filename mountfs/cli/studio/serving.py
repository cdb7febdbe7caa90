"""``mountfs studio create``, ``serve`` and ``doctor``: a studio's data directory and its server."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mountfs.cli import INCOMPLETE, NOT_FOUND, OK, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.doctor import show
from mountfs.cli.options import Command, exits, json_option
from mountfs.cli.studio.office import data_dir_argument, hand_over, require_own, secret_file_option

if TYPE_CHECKING:
    from mountfs.studio.serve import ServeOptions

_FILE = click.Path(path_type=Path, dir_okay=False)


def _serve_options(command: Command) -> Command:
    options: list[Callable[..., Any]] = [
        click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at."),
        click.option(
            "--port", type=click.IntRange(0, 65535), default=8420, show_default=True, help="0: a free one."
        ),
        click.option("--cert", metavar="FILE", type=_FILE, help="The certificate's chain, PEM."),
        click.option("--key", metavar="FILE", type=_FILE, help="The certificate's key, PEM, unencrypted."),
        click.option(
            "--trusted-proxy",
            "proxies",
            metavar="ADDRESS",
            multiple=True,
            help="An address or network of a proxy that does TLS, and is believed about its clients.",
        ),
        click.option(
            "--limit",
            "limits",
            metavar="NAME=NUMBER",
            multiple=True,
            help="How much one account or token has at a time: docs/protocol.md has the names.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _options(
    data_dir: Path,
    host: str,
    port: int,
    cert: Path | None,
    key: Path | None,
    proxies: tuple[str, ...],
    limits: tuple[str, ...],
) -> ServeOptions:
    from mountfs.studio.limits import USUAL
    from mountfs.studio.serve import ServeOptions

    return ServeOptions(data_dir, host, port, cert, key, frozenset(proxies), USUAL.changed(limits))


@click.command()
@data_dir_argument
@secret_file_option("--secret-file", "the secret")
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, SETTINGS, UNAVAILABLE)
def create(data_dir: Path, secret_file: Path | None, as_json: bool) -> None:
    """Make a new studio: its book of accounts, and its signing key, in a folder that is closed to others.

    It prints a secret, once: whoever has it becomes the studio's first admin, with mountfs studio bootstrap.
    No account is there by default.

    \b
      mountfs studio create /srv/studio
      mountfs studio create /srv/studio --secret-file ~/studio.secret
    """
    from mountfs.studio.founding import make_studio

    if secret_file is not None and os.path.lexists(secret_file):
        raise FileExistsError(17, "it exists already", str(secret_file))
    secret = make_studio(data_dir)
    told = f"There is a studio in {data_dir}. This secret makes its first admin: mountfs studio bootstrap."
    hand_over(secret, secret_file, told, {"data_dir": str(data_dir)}, as_json=as_json)


@click.command()
@data_dir_argument
@_serve_options
@exits(PROJECT_FILE, SETTINGS, UNAVAILABLE)
def serve(
    data_dir: Path,
    host: str,
    port: int,
    cert: Path | None,
    key: Path | None,
    proxies: tuple[str, ...],
    limits: tuple[str, ...],
) -> None:
    """Answer the people of a studio, until SIGTERM or Ctrl-C; what was begun is ended first.

    What is not safe is refused, with what to change: an address that others can reach needs a certificate
    (--cert, --key), or a proxy that does TLS and is named (--trusted-proxy). The log goes to stderr, one JSON
    object a line. A service manager is told when it answers; systemd/mountfs-studio.service is a unit for it.

    \b
      mountfs studio serve /srv/studio --port 8420
      mountfs studio serve /srv/studio --port 8420 --trusted-proxy 127.0.0.1
      mountfs studio serve /srv/studio --limit requests=1000 --limit burst=20000
    """
    from mountfs.studio.logs import log_to_stderr
    from mountfs.studio.safety import require_safe
    from mountfs.studio.serve import problems_of, run
    from mountfs.supervisor import Supervisor

    require_own(data_dir)
    options = _options(data_dir, host, port, cert, key, proxies, limits)
    require_safe(problems_of(options))  # a person reads this, and a program what is logged
    log_to_stderr()
    run(options, Supervisor.of_this_process(os.environ), _tell)


def _tell(url: str) -> None:
    click.echo(f"the studio answers at {url}")
    sys.stdout.flush()


@click.command()
@data_dir_argument
@_serve_options
@json_option
@exits(INCOMPLETE, NOT_FOUND, SETTINGS, UNAVAILABLE)
@click.pass_context
def doctor(
    ctx: click.Context,
    data_dir: Path,
    host: str,
    port: int,
    cert: Path | None,
    key: Path | None,
    proxies: tuple[str, ...],
    limits: tuple[str, ...],
    as_json: bool,
) -> None:
    """Look for what is wrong with a studio, and say what mends it.

    Makes the check that serve makes, for the same options; opens the book of accounts and every project; and
    tells of projects that nobody is in. Changes nothing. A problem makes the exit code 5.

    \b
      mountfs studio doctor /srv/studio
      mountfs studio doctor /srv/studio --host 0.0.0.0 --trusted-proxy 10.0.0.5
    """
    from mountfs.doctor.finding import Level
    from mountfs.doctor.studio import check

    require_own(data_dir)
    findings = list(check(_options(data_dir, host, port, cert, key, proxies, limits)))
    if as_json:
        output.as_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            show(finding)
    ctx.exit(INCOMPLETE if any(finding.level is Level.PROBLEM for finding in findings) else OK)
