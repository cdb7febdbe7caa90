"""How far a long errand has come."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """Told by an errand what it does. Calls may come from several threads."""

    def begin(self, total: int) -> None:
        """So many bytes are ahead."""

    def advance(self, count: int) -> None:
        """So many bytes are done."""

    def now(self, name: str) -> None:
        """This file is being worked on."""


class NoMeter:
    """Nobody is watching."""

    def begin(self, total: int) -> None:
        """Ignored."""

    def advance(self, count: int) -> None:
        """Ignored."""

    def now(self, name: str) -> None:
        """Ignored."""
