"""One clear line in the log for each damaged chunk, however often readers come by."""

from __future__ import annotations

import errno
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyfuse3 import FUSEError

from mountfs.errors import ChunkCorrupt, ChunkMissing
from mountfs.model import ChunkId
from mountfs.workspace.nodes import File, Node, Version

log = logging.getLogger(__name__)

_AGAIN = 3600.0
"""Seconds after which the same chunk is named again."""
_REMEMBERED = 10_000


class DamageLog:
    """Remembers which chunks were reported."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reported: OrderedDict[ChunkId, float] = OrderedDict()

    @contextmanager
    def noted(self, node: Node) -> Iterator[None]:
        """Report a damaged or missing chunk of a node's content; EIO for whoever reads it."""
        try:
            yield
        except (ChunkCorrupt, ChunkMissing) as exc:
            if self._is_news(exc.chunk):
                whose = f"asset {node.asset}" if isinstance(node, File | Version) else "a file"
                log.error(
                    "%s: what needs it of %s cannot be read; mountfs verify lists all damage", exc, whose
                )
            raise FUSEError(errno.EIO) from exc

    def _is_news(self, chunk: ChunkId) -> bool:
        now = self._clock()
        if now - self._reported.get(chunk, -_AGAIN) < _AGAIN:
            return False
        self._reported[chunk] = now
        self._reported.move_to_end(chunk)
        if len(self._reported) > _REMEMBERED:
            self._reported.popitem(last=False)
        return True
