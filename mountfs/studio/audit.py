"""The record of what was done and what was refused: rows that are added and never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import Connection, insert

from mountfs.model import UserId
from mountfs.storage.tables import mountfs_audit


def record(
    connection: Connection,
    *,
    id: str,
    at: int,
    actor: UserId,
    act: str,
    subject: str,
    detail: Mapping[str, object],
) -> None:
    """Add a row, in the transaction of what it tells of. ``at`` is in Unix seconds."""
    connection.execute(
        insert(mountfs_audit).values(
            id=id,
            at=at,
            actor_id=actor,
            act=act,
            subject=subject,
            detail=json.dumps(detail, sort_keys=True, ensure_ascii=False),
        )
    )
