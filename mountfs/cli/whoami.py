"""``mountfs whoami``: who one is at which studio."""

from __future__ import annotations

import click

from mountfs.cli import NOT_LOGGED_IN, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.studio_account import configured, line_of


@click.command()
@click.argument("url", metavar="[URL]", required=False)
@json_option
@exits(SETTINGS, UNAVAILABLE, NOT_LOGGED_IN)
def command(url: str | None, as_json: bool) -> None:
    """List your accounts at studios, and whether you are logged in there; with URL, at that one.

    \b
      mountfs whoami
      mountfs whoami https://studio.example --json
    """
    from mountfs.errors import KeyringUnavailable, MountfsError, StudioUnavailable, Unauthenticated
    from mountfs.keys import studio_url
    from mountfs.transport import people

    config, keys = configured()
    wanted = studio_url(url) if url else None
    rows: list[dict[str, object]] = []
    for account in keys.accounts():
        if wanted is not None and account.studio != wanted:
            continue
        row: dict[str, object] = {
            "studio": account.studio,
            "email": account.email,
            "username": "",
            "role": "",
        }
        try:
            session = keys.find(account.studio, account.email)
            line = line_of(config, session)
            try:
                me = people.me(line)
            finally:
                line.close()
            row |= {"username": me.account.username, "role": me.account.role, "state": "logged in"}
        except Unauthenticated:
            row["state"] = "logged out"
        except StudioUnavailable:
            row["state"] = "not reached"
        except (KeyringUnavailable, MountfsError) as exc:
            row["state"] = str(exc)
        rows.append(row)
    if as_json:
        output.as_json(rows)
    elif rows:
        output.table(
            ["Studio", "Account", "Username", "State"],
            [[each["studio"], each["email"], each["username"], each["state"]] for each in rows],
        )
    if not rows:
        raise Unauthenticated(f"you are not logged in{f' at {wanted}' if wanted else ''}: mountfs login URL")
