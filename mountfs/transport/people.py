"""Sessions at a studio: logging in and out, and who one is there."""

from __future__ import annotations

import platform

from mountfs.transport.line import Line, Patience
from mountfs.wire import people

ONCE = Patience(tries=1)
"""For whoever is waiting at a terminal, and for what must not be tried twice by itself."""


def log_in(url: str, email: str, password: str, ca_file: str | None = None) -> people.LoggedIn:
    """Begin a session. Unauthenticated, TooMany, StudioUnavailable, ConfigError for an unsafe address."""
    line = Line(url, lambda: "", ca_file, patience=ONCE, device=device())
    try:
        return line.ask("POST", "/sessions", people.LoggedIn, body=people.Login(email, password))
    finally:
        line.close()


def log_out(line: Line) -> None:
    """End the session of the line."""
    line.tell("DELETE", "/sessions/current")


def log_out_everywhere(line: Line) -> int:
    """End all sessions of the account; how many there were."""
    return line.ask("DELETE", "/sessions", people.Ended).sessions


def end_session(line: Line, session: str) -> None:
    """End one session of the account. NotFound."""
    line.tell("DELETE", f"/sessions/{session}")


def me(line: Line) -> people.Me:
    """Who the session is of."""
    return line.ask("GET", "/me", people.Me)


def sessions(line: Line) -> list[people.SessionFacts]:
    """All sessions of the account, the last used first."""
    return line.ask("GET", "/sessions", list[people.SessionFacts])


def device() -> str:
    """What this machine calls itself in the list of sessions."""
    return f"mountfs on {platform.node() or 'a machine without a name'}"
