"""Chunks that nothing names: since when they are known to be so, and when they may go.

Whoever makes a version stores its chunks first and names them a while later, so a chunk without a name may be
somebody's who has not come to it yet. Therefore a chunk is first only noted in ``mountfs_unreferenced``, and
goes when it has been there for `GRACE`. Putting it again takes it off the list. One that will go soon counts
as missing already (`LEAVING`), so that whoever needs it puts it again instead of relying on it.
"""

from __future__ import annotations

GRACE = 7 * 86400
"""Seconds for which a chunk stays after it was first seen unreferenced."""

LEAVING = GRACE - 86400
"""Seconds after which it is no longer said to be there: whoever was told before has a day to name it."""

WANTED_AGAIN = "DELETE FROM mountfs_unreferenced WHERE hash = ?"
"""The statement that takes a chunk off the list."""

NOT_LEAVING = "hash NOT IN (SELECT hash FROM mountfs_unreferenced WHERE seen_at <= ?)"
"""A condition: the chunk may be relied on. Its parameter is `relied_on_until`."""


ALL = "? IS NOT NULL"
"""The same for a project without that table, which nothing was ever noted in."""


def relied_on_until(now: float) -> int:
    """Chunks that were noted after this moment (Unix seconds) may be relied on."""
    return int(now) - LEAVING
