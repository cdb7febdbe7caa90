"""Reading the record of what was done and refused, newest first. Nothing in it is ever changed."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import select

from mountfs.studio.accounts.desk import Desk, require_admin
from mountfs.studio.accounts.tables import audit
from mountfs.studio.accounts.values import Actor, AuditRow

MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: all that are left empty match. ``act`` is the act's name or its beginning, so that
    ``refused:`` finds every refusal; ``since`` and ``until`` are Unix seconds, the second not included."""

    actor: str = ""
    act: str = ""
    subject: str = ""
    since: int | None = None
    until: int | None = None


class Audit:
    """The studio's audit."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def read(
        self, by: Actor, wanted: Wanted | None = None, *, before: int | None = None, limit: int = 100
    ) -> tuple[AuditRow, ...]:
        """A page of rows, the newest first: at most ``limit``, below the id ``before`` (the last of the page
        before). AdminsOnly."""
        asked = wanted or Wanted()
        rows = select(audit).order_by(audit.c.id.desc()).limit(max(1, min(limit, MAX_PAGE)))
        if before is not None:
            rows = rows.where(audit.c.id < before)
        if asked.actor:
            rows = rows.where(audit.c.actor == asked.actor)
        if asked.act:
            rows = rows.where(audit.c.act.startswith(asked.act, autoescape=True))
        if asked.subject:
            rows = rows.where(audit.c.subject == asked.subject)
        if asked.since is not None:
            rows = rows.where(audit.c.at >= asked.since)
        if asked.until is not None:
            rows = rows.where(audit.c.at < asked.until)
        with self._desk.database.reading() as connection:
            require_admin(connection, by)
            return tuple(
                AuditRow(row.id, row.at, row.actor, row.act, row.subject, json.loads(row.detail), row.request)
                for row in connection.execute(rows)
            )
