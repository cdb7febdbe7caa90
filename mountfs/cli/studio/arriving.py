"""``mountfs studio bootstrap`` and ``accept``: becoming the first admin, and coming in by an invitation."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from mountfs.cli import NOT_FOUND, PROJECT_FILE, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import Command, exits, json_option
from mountfs.cli.studio.office import hand_over, opened_office, secret_file_option
from mountfs.cli.studio_account import configured, is_studio, password, password_file_option, secret
from mountfs.errors import ConfigError
from mountfs.wire import people

target_argument = click.argument("target", metavar="DATA_DIR|URL")


class Newcomer(NamedTuple):
    """Who somebody is going to be."""

    name: str
    username: str
    password: str


def _newcomer_options(command: Command) -> Command:
    options: list[Callable[..., Any]] = [
        click.option("--name", metavar="NAME", help="First and last name."),
        click.option("--username", default="", help="The short name; else made of the e-mail address."),
        password_file_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _file_option(name: str, what: str) -> Callable[[Command], Command]:
    return click.option(
        name,
        "file",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help=f"Read {what} from the first line of FILE, which only you may read.",
    )


@click.command()
@target_argument
@_file_option("--secret-file", "the secret")
@click.option("--email", metavar="ADDRESS", help="The admin's e-mail address.")
@_newcomer_options
@click.option("--renew", is_flag=True, help="Print a new secret, for one that was lost (DATA_DIR only).")
@secret_file_option("--new-secret-file", "the new secret")
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, SETTINGS, UNAVAILABLE)
def bootstrap(
    target: str,
    file: Path | None,
    email: str | None,
    name: str | None,
    username: str,
    password_file: Path | None,
    renew: bool,
    secret_file: Path | None,
    as_json: bool,
) -> None:
    """Become the first admin of a studio, by the secret that mountfs studio create printed.

    The secret is dead after that. What is not given is asked for at the terminal; secret and password are
    never on the command line, where everybody could read them.

    \b
      mountfs studio bootstrap /srv/new --secret-file s --email a@harbor.example --name Ada --password-file pw
    """
    if renew:
        if is_studio(target):
            raise click.UsageError("a new secret is made on the studio's machine: give DATA_DIR")
        with opened_office(Path(target)) as office:
            hand_over(office.accounts.bootstrap.renew(office.operator), secret_file, as_json=as_json)
        return
    given = secret("The secret", file, "--secret-file")
    address = email or _typed("E-mail address", "--email")
    who = _newcomer(name, username, password_file)
    if is_studio(target):
        asked = people.Bootstrap(given, address, who.name, who.password, who.username)
        made = _ask(target, "/bootstrap", people.AccountFacts, asked)
        _welcome(made.email, made.username, None, as_json, "is the studio's admin now")
        return
    with opened_office(Path(target)) as office:
        account = office.accounts.bootstrap.claim(
            given, email=address, name=who.name, password=who.password, username=who.username or None
        )
    _welcome(account.email, account.username, None, as_json, "is the studio's admin now")


@click.command()
@target_argument
@_file_option("--token-file", "the invitation's token")
@_newcomer_options
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, SETTINGS, UNAVAILABLE)
def accept(
    target: str,
    file: Path | None,
    name: str | None,
    username: str,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Come into a studio by an invitation: choose a name and a password.

    \b
      mountfs studio accept /srv/studio --token-file ~/nel.token --name "Nel Ito" --password-file ~/pw
    """
    given = secret("The invitation's token", file, "--token-file")
    who = _newcomer(name, username, password_file)
    if is_studio(target):
        asked = people.Accepting(given, who.name, who.password, who.username)
        made = _ask(target, "/invitations/accept", people.Accepted, asked)
        _welcome(made.account.email, made.account.username, made.project, as_json, "is in the studio now")
        return
    with opened_office(Path(target)) as office:
        account, joined = office.accounts.invitations.accept(
            given, name=who.name, password=who.password, username=who.username or None
        )
    project = joined.project if joined is not None else None
    _welcome(account.email, account.username, project, as_json, "is in the studio now")


def _newcomer(name: str | None, username: str, password_file: Path | None) -> Newcomer:
    called = name or _typed("First and last name", "--name")
    return Newcomer(
        called, username, password("A password, 12 characters or more", password_file, twice=True)
    )


def _typed(prompt: str, option: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigError(f"there is no terminal to type it at: use {option}")
    return str(click.prompt(prompt, err=True))


def _ask(url: str, path: str, kind: type[Any], asked: object) -> Any:
    from mountfs.keys import studio_url
    from mountfs.transport.line import Line, Patience

    config, _ = configured()
    line = Line(studio_url(url), lambda: "", config.studio.ca_file or None, patience=Patience(tries=1))
    try:
        return line.ask("POST", path, kind, body=asked)
    finally:
        line.close()


def _welcome(email: str, username: str, project: str | None, as_json: bool, what: str) -> None:
    if as_json:
        output.as_json({"email": email, "username": username, "project": project})
    else:
        output.outcome(f"{username} <{email}> {what}")
