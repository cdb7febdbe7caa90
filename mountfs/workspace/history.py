"""History as files: ``.checkpoints`` at the top of a mount mirrors the tree, and an asset in it is a folder
of its versions, ``0003_2026-11-21T10-11-12Z_ada.blend``.

``.checkpoints`` can be reached by name but is not listed, so that nothing that walks the project copies its
whole past. Only the folder of one asset needs the studio, when somebody looks into it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from mountfs.model import Checkpoint
from mountfs.names import MAX_NAME_BYTES, showable

HISTORY_NAME = b".checkpoints"
"""The name of the history at the top of a mount."""


_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""Unix seconds of the years 1 to 9999, which is what can be written as a date. Another program may have
written anything, and its versions are shown all the same.
"""


def version_name(checkpoint: Checkpoint, author: str, extension: str) -> bytes:
    """The file name of a version. Sorting by name is sorting by age; two versions never share a name.

    ``author`` is a user name; a long one is cut, since the number alone makes the name unique.
    """
    moment = datetime.fromtimestamp(min(max(checkpoint.created_at, _FIRST), _LAST), UTC)
    made = f"{moment.year:04}-{moment:%m-%dT%H-%M-%SZ}"
    head = f"{checkpoint.number:04}_{made}_{showable(author or 'unknown')}".encode()
    tail = showable(extension).encode() if extension else b""
    if len(tail) > MAX_NAME_BYTES // 2:
        tail = b""
    return head[: MAX_NAME_BYTES - len(tail)].decode(errors="ignore").encode() + tail
