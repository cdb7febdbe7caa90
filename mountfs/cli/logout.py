"""``mountfs logout``: end a session at a studio."""

from __future__ import annotations

import click

from mountfs.cli import NOT_LOGGED_IN, SETTINGS, UNAVAILABLE, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.studio_account import email_option, logged_in, url_argument


@click.command()
@url_argument
@email_option
@click.option("--everywhere", is_flag=True, help="End all your sessions, on every machine.")
@json_option
@exits(SETTINGS, UNAVAILABLE, NOT_LOGGED_IN)
def command(url: str, email: str, everywhere: bool, as_json: bool) -> None:
    """Log out at a studio. Mounts of it show from then on only what is on this machine, and send nothing.

    What was saved and not sent stays on this machine; log in again and mount again to send it. When the
    studio cannot be reached, the session is forgotten here and ends there by itself.

    \b
      mountfs logout https://studio.example
      mountfs logout https://studio.example --everywhere
    """
    from mountfs.cli.studio_account import configured
    from mountfs.errors import StudioUnavailable, Unauthenticated
    from mountfs.keys import Account
    from mountfs.transport import people

    with logged_in(url, email) as (session, line):
        ended = 1
        told = True
        try:
            who = session.email or people.me(line).account.email
            if everywhere:
                ended = people.log_out_everywhere(line)
            else:
                people.log_out(line)
        except Unauthenticated:
            who, ended = session.email, 0
        except StudioUnavailable:
            if everywhere:
                raise  # what was asked for cannot be done from here
            who, told = session.email, False
        configured()[1].forget(Account(session.studio, who))
    if as_json:
        output.as_json({"studio": session.studio, "email": who, "sessions_ended": ended if told else 0})
        return
    if not told:
        output.say(
            "mountfs: the studio cannot be reached; the session ends there when it is not used for a week"
        )
    click.echo(
        f"Logged out at {session.studio}" + (f" everywhere ({ended} sessions)." if everywhere else ".")
    )
