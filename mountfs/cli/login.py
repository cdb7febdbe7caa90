"""``mountfs login``: begin a session at a studio."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from mountfs.cli import NOT_LOGGED_IN, REFUSED, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.studio_account import configured, password, password_file_option, url_argument


@click.command()
@url_argument
@click.option("--as", "email", metavar="EMAIL", default="", help="Your account's e-mail address.")
@password_file_option
@json_option
@exits(REFUSED, SETTINGS, UNAVAILABLE, NOT_LOGGED_IN)
def command(url: str, email: str, password_file: Path | None, as_json: bool) -> None:
    """Log in at a studio, so that its projects can be mounted.

    The password is asked for here and kept nowhere. What the studio gives for it goes into your keyring, and
    lasts until you log out or do not use it for a week. Your mounts of that studio go on with it. You may
    have accounts at several studios, and several at one. On a machine without a keyring, name a file for it
    in config.toml: [studio] token_file.

    \b
      mountfs login https://studio.example --as ada@harbor.example
      mountfs login https://studio.example --as ada@harbor.example --password-file ~/secret
    """
    from mountfs.errors import ConfigError
    from mountfs.keys import Session, studio_url
    from mountfs.transport.people import log_in

    config, keys = configured()
    url = studio_url(url)
    if not email:
        known = {each.email for each in keys.accounts() if each.studio == url}
        email = known.pop() if len(known) == 1 else config.user.email
    if not email:
        raise ConfigError("say as whom: mountfs login URL --as EMAIL")
    secret = password(f"Password of {email}", password_file)
    entered = log_in(url, email, secret, config.studio.ca_file or None)
    keys.keep(Session(url, entered.account.email, entered.token))
    _tell_mounts(url, entered.account.email, entered.token)
    if as_json:
        output.as_json({"studio": url, "email": entered.account.email, "username": entered.account.username})
        return
    click.echo(f"Logged in at {url} as {entered.account.username}.")


def _tell_mounts(url: str, email: str, token: str) -> None:
    """Mounts of this account use the new session from now on."""
    import os

    from mountfs.cli.paths import own_mounts
    from mountfs.control import ask
    from mountfs.errors import MountfsError
    from mountfs.mountpoints import mounts

    mine = {mount.path for mount in mounts() if mount.uid in (None, os.geteuid())}
    for place in own_mounts():
        if place.mount not in mine:  # root sees everybody's, and hands nobody else a session
            continue
        with suppress(MountfsError):  # dead, or a mount of a file
            ask(place.mount, {"op": "renew", "url": url, "email": email, "token": token}, timeout=2.0)
