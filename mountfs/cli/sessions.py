"""``mountfs sessions``: where one is logged in."""

from __future__ import annotations

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.studio_account import email_option, logged_in, url_argument


@click.command()
@url_argument
@email_option
@click.option("--end", "ending", metavar="ID", help="End this session.")
@json_option
@exits(NOT_FOUND, SETTINGS, UNAVAILABLE, NOT_LOGGED_IN)
def command(url: str, email: str, ending: str | None, as_json: bool) -> None:
    """List where you are logged in at a studio, the last used first; or end one of these sessions.

    \b
      mountfs sessions https://studio.example
      mountfs sessions https://studio.example --end 6f1c
    """
    from mountfs.cli import Missing
    from mountfs.transport import people

    with logged_in(url, email) as (_, line):
        found = people.sessions(line)
        if ending is not None:
            chosen = [each for each in found if ending and each.id.startswith(ending)]
            if len(chosen) != 1:
                raise Missing(f"{len(chosen)} of your sessions have an id that begins with {ending!r}")
            people.end_session(line, chosen[0].id)
            found = chosen
    if as_json:
        names = ("id", "created_at", "seen_at", "expires_at", "device", "address", "current")
        output.as_json([{name: getattr(each, name) for name in names} for each in found])
    elif ending is not None:
        click.echo(f"Ended the session of {found[0].device}.")
    else:
        output.table(
            ["Id", "Last used", "Machine", "Address", ""],
            [
                [
                    each.id[:8],
                    output.time(each.seen_at),
                    each.device,
                    each.address,
                    "this one" if each.current else "",
                ]
                for each in found
            ],
        )
