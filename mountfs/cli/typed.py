"""The name that has to be typed before something is gone for good."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable

import click

from mountfs.cli import output
from mountfs.cli.options import Command


def yes_option(what: str) -> Callable[[Command], Command]:
    """``--yes NAME``, for scripts. ``what`` it is the name of."""
    return click.option("--yes", "typed", metavar="NAME", help=f"The name of {what}: go on, ask nothing.")


def is_meant(name: str, typed: str | None, question: str) -> bool:
    """Whether to go on: the name was given, or is typed now. False where nobody can be asked.

    UsageError for another name.
    """
    if typed is None:
        if not sys.stdin.isatty():
            return False
        output.say(question)
        typed = str(click.prompt("To go on, type its name", err=True))
    if _spelled(typed) != _spelled(name):
        raise click.UsageError(f"the name is {name!r}, not {typed!r}; nothing was removed")
    return True


def _spelled(name: str) -> str:
    """However a keyboard composes letters."""
    return unicodedata.normalize("NFC", name.strip())
