"""Keeping a project in order: what is given up for good, and what is said of it in the audit.

Purging and collecting are for whoever holds the project's file: they reach everything, whoever sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from sqlalchemy import Connection

from mountfs.errors import Refused
from mountfs.model import CheckpointId
from mountfs.storage.collecting import Collected
from mountfs.studio import audit, history, purging, thinning
from mountfs.studio.acting import Acting
from mountfs.studio.permissions import Act
from mountfs.studio.purging import Purge

NAMED = 100
"""How many of the things that went an audit row names."""


class Upkeep(Acting):
    """A view whose owner can clear up."""

    def purgeable(self, path: str, before: int, in_use: AbstractSet[CheckpointId]) -> Purge:
        """What `purge` would remove. Refused unless the viewer is the owner."""
        self._require_owner()
        with self.looking() as (connection, catalogue, _):
            return purging.plan(connection, catalogue, path, before, in_use)

    def purge(self, path: str, before: int, in_use: AbstractSet[CheckpointId]) -> Purge:
        """Remove for good what is in the trash at ``path`` and below and was last touched before a moment
        (Unix seconds), but for what is ``in_use``. Refused unless the viewer is the owner."""
        self._require_owner()
        with self._writing() as connection:
            change = self._change(connection)
            what = purging.plan(connection, change.catalogue, path, before, in_use)
            if what:
                purging.purge(connection, what)
                change.detail |= {
                    "assets": len(what.assets),
                    "collections": len(what.collections),
                    "versions": len(what.checkpoints),
                    "paths": what.paths[:NAMED],
                }
                self._record(change, "purge", "")
        return what

    def thinnable(self, path: str, now: int, in_use: AbstractSet[CheckpointId]) -> list[thinning.Version]:
        """The versions at ``path`` and below that `thin` may put away (see `thinning`). NotPermitted."""
        return thinning.thinnable(self, path, now, in_use)

    def thin(self, versions: Sequence[CheckpointId]) -> None:
        """Put versions into the trash, all of them or none. NotPermitted, NotFound."""
        with self._writing() as connection:
            for version in versions:
                change = self._change(connection)
                history.trash_checkpoint(change, version)
                change.detail["because"] = "thin"
                self._record(change, Act.TRASH_CHECKPOINT.value, version)

    def record_collected(self, connection: Connection, collected: Collected) -> None:
        """Say in the audit what a collection of chunks has removed, in its transaction."""
        audit.record(
            connection,
            id=self._new_id(),
            at=int(self._clock()),
            actor=self._person.id,
            act="collect",
            subject="",
            detail={"chunks": collected.ripe.count, "bytes": collected.ripe.bytes},
        )

    def _require_owner(self) -> None:
        if not self.is_owner:
            raise Refused("only whoever holds the project's file may do this; leave out --as")
