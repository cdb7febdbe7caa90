"""What somebody in front of the screen wants to know of at once, and could not know otherwise: a program that
saves has long been told that all is well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What happened."""

    UNSENT = "something that was closed is on its way to be a version"
    REFUSED = "the project does not take what was saved"
    DAMAGED = "something that was written did not arrive"
    FULL = "there is no room for what is written"
    SLOW = "what was saved waits for long to be a version"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to know. ``path`` is from the top of the mount, empty if it is about no file; ``reason`` a
    sentence for people.
    """

    kind: Kind
    path: str = ""
    reason: str = ""


def unnoticed(notice: Notice) -> None:
    """Nobody wants to know."""
