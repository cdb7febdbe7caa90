"""The project's patterns for names that stay local, in the way of ``.gitignore``."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from mountfs.storage.tables import config
from mountfs.studio.change import Change
from mountfs.studio.permissions import Act

_NAME = "ignore_list"


def ignore_list(connection: Connection) -> tuple[str, ...]:
    """The patterns. A value that is no list of texts, in a file somebody else wrote, counts as none."""
    # Read as it lies: the other program writes bytes, in a column for text.
    value = connection.execute(select(config.c.value).where(config.c.name == _NAME)).scalar()
    try:
        patterns = json.loads(value or "[]")
    except (ValueError, TypeError):  # TypeError: a number
        return ()
    return tuple(each for each in patterns if isinstance(each, str)) if isinstance(patterns, list) else ()


def set_ignore_list(change: Change, patterns: Sequence[str]) -> None:
    """Replace the patterns."""
    change.require(Act.SET_IGNORE_LIST)
    change.detail |= {"from": list(ignore_list(change.connection)), "to": list(patterns)}
    values = {"value": json.dumps(list(patterns), ensure_ascii=False), "mtime": change.now, "synced": False}
    found = change.connection.execute(update(config).where(config.c.name == _NAME).values(**values))
    if not found.rowcount:
        change.connection.execute(insert(config).values(name=_NAME, **values))
