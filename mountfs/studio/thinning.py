"""Which old versions may go, so that a history of years does not keep every hour of it.

Kept are the first and the newest version of a file, those with a comment, those that something stands on,
all of the last week, and of the weeks before that the last one of each day (in UTC). The others go into the
trash, and can be brought back until it is purged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter

from sqlalchemy import select

from mountfs.model import CheckpointId, CollectionId
from mountfs.names import file_name
from mountfs.storage import tables
from mountfs.studio import rows
from mountfs.studio.permissions import Act, require
from mountfs.studio.purging import folder_path
from mountfs.studio.view import View

DAY = 86400
ALL_FOR = 7 * DAY
"""Seconds for which every version is kept."""

DAILY_FOR = 60 * DAY
"""Seconds for which the last version of each day is kept."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the file at ``path``; ``size`` in bytes, ``created_at`` in Unix seconds."""

    path: str
    id: CheckpointId
    number: int
    created_at: int
    size: int
    has_comment: bool


def thinnable(view: View, path: str, now: int, in_use: AbstractSet[CheckpointId]) -> list[Version]:
    """The versions of what is at ``path`` and below that may go, as far as the viewer sees.

    NotPermitted for one who may not see the history or remove versions.
    """
    with view.looking() as (connection, catalogue, sight):
        viewer = view.viewer()
        require(viewer, Act.READ_HISTORY)
        require(viewer, Act.TRASH_CHECKPOINT)
        c = tables.asset_checkpoint.c
        columns = (c.id, c.asset_id, c.created_at, c.file_size, c.comment, c.trashed)
        found = connection.execute(
            select(*map(rows.raw, columns)).order_by(c.asset_id, c.created_at, rows.ROW_NUMBER)
        ).all()
        folders: dict[CollectionId, str] = {}
        top = path.rstrip("/")
        going: list[Version] = []
        for id_, group in groupby(found, key=lambda row: row.asset_id):
            if id_ not in sight.assets:
                continue
            asset = catalogue.assets[id_].asset
            folder = asset.collection
            place = f"{folders.setdefault(folder, folder_path(catalogue, folder))}/{file_name(asset)}"
            if place == top or place.startswith(f"{top}/"):
                versions = [
                    Version(
                        place,
                        CheckpointId(row.id),
                        number,
                        rows.whole(row.created_at),
                        max(rows.whole(row.file_size), 0),
                        bool(row.comment),
                    )
                    for number, row in enumerate(group, 1)
                    if row.trashed == 0
                ]
                going += _going(versions, now, in_use)
    return sorted(going, key=attrgetter("path", "number"))


def _going(versions: Sequence[Version], now: int, in_use: AbstractSet[CheckpointId]) -> Iterator[Version]:
    """Those of one file, given oldest first, that may go."""
    for version, following in pairwise(versions[1:]):
        age = now - version.created_at
        is_last_of_day = version.created_at // DAY != following.created_at // DAY
        if version.has_comment or version.id in in_use or age < ALL_FOR:
            continue
        if not (age < DAILY_FOR and is_last_of_day):
            yield version
