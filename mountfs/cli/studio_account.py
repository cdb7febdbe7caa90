"""Which studio, as whom: what the commands about sessions share with ``mountfs mount``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.config import Config, Places, load
from mountfs.errors import ConfigError
from mountfs.keys import Keys, Session, plain_email, studio_url

if TYPE_CHECKING:  # an operator's command, and a server, has no use for what speaks to one
    from mountfs.transport.line import Line

url_argument = click.argument("url", metavar="URL")

email_option = click.option(
    "--as", "email", metavar="EMAIL", default="", help="Which of your accounts at this studio."
)


def is_studio(text: str) -> bool:
    """Whether an argument is the address of a studio."""
    return text.startswith(("https://", "http://"))


def keys_of(config: Config) -> Keys:
    """Where this person's tokens are."""
    return Keys.of(config, Places.of_this_user(), may_prompt=sys.stdin.isatty())


def configured() -> tuple[Config, Keys]:
    """This person's configuration, and their tokens."""
    config = load(Places.of_this_user())
    return config, keys_of(config)


def line_of(config: Config, session: Session) -> Line:
    """A session's way to its studio."""
    from mountfs.transport.line import Line, Patience
    from mountfs.transport.people import device

    patience = Patience(tries=2, deadline=10.0, silence=config.studio.timeout)  # somebody waits at a terminal
    return Line(
        session.studio,
        lambda: session.token,
        config.studio.ca_file or None,
        patience=patience,
        device=device(),
    )


@contextmanager
def logged_in(url: str, email: str) -> Iterator[tuple[Session, Line]]:
    """The session at a studio, and a line to it. Unauthenticated."""
    config, keys = configured()
    session = keys.find(studio_url(url), plain_email(email))
    line = line_of(config, session)
    try:
        yield session, line
    finally:
        line.close()


def password(prompt: str, file: Path | None, *, twice: bool = False) -> str:
    """A password: the first line of a file that nobody else can read, or typed. ConfigError for neither."""
    return secret(prompt, file, "--password-file", twice=twice)


def secret(prompt: str, file: Path | None, option: str, *, twice: bool = False) -> str:
    """The same for anything that nobody else may know; ``option`` is the one that names the file."""
    if file is not None:
        if os.stat(file).st_mode & 0o077:
            raise ConfigError(f"others may read {file}: chmod 600 {file}")
        try:
            first = file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
        except UnicodeDecodeError:
            first = ""
        if not first:
            raise ConfigError(f"the first line of {file} is empty, or no text")
        return first
    if not sys.stdin.isatty():
        raise ConfigError(f"there is no terminal to type it at: use {option} FILE")
    typed: str = click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)
    return typed


password_file_option = click.option(
    "--password-file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Read the password from the first line of FILE, which only you may read.",
)
