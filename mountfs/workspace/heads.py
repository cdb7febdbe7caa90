"""Which checkpoint somebody had before their eyes: what the next version of a name is made from.

A program that writes a temporary file and renames it does not say what it started from. It is the checkpoint
of that name last opened through this mount; or, if it was not opened, the one shown when the temporary file
was made.
"""

from __future__ import annotations

from collections import defaultdict

from mountfs.model import AssetId, Checkpoint, CheckpointId

_REMEMBERED = 32
"""Earlier heads of an asset that are remembered: temporary files do not live longer than that."""


class Heads:
    """What was opened and shown through one mount."""

    def __init__(self) -> None:
        self._opened: dict[AssetId, CheckpointId] = {}
        self._passed: defaultdict[AssetId, list[tuple[float, CheckpointId | None]]] = defaultdict(list)

    def opened(self, asset: AssetId, content: Checkpoint | None) -> None:
        """Somebody opened this checkpoint, or recorded it."""
        if content is not None:
            self._opened[asset] = content.id

    def replaced(self, asset: AssetId, before: Checkpoint | None, now: float) -> None:
        """Until now, this was what the name showed."""
        passed = self._passed[asset]
        passed.append((now, before.id if before is not None else None))
        del passed[:-_REMEMBERED]

    def seen(self, asset: AssetId, head: Checkpoint | None, made_at: float) -> CheckpointId | None:
        """What a file that was made at a moment, and replaces the asset's, was made from."""
        if asset in self._opened:
            return self._opened[asset]
        for until, checkpoint in self._passed.get(asset, ()):
            if made_at < until:
                return checkpoint
        return head.id if head is not None else None
