"""What the doctor says about one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    GOOD = "good"
    NOTICE = "notice"
    """Works, but somebody may be surprised."""
    PROBLEM = "problem"
    """Something does not work, or soon will not."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``mend`` is a command, or what to do, when something is to be done."""

    level: Level
    about: str
    text: str
    mend: str = ""


def good(about: str, text: str) -> Finding:
    """All is well with this."""
    return Finding(Level.GOOD, about, text)


def notice(about: str, text: str, mend: str = "") -> Finding:
    """It works, and this should be known."""
    return Finding(Level.NOTICE, about, text, mend)


def problem(about: str, text: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(Level.PROBLEM, about, text, mend)
