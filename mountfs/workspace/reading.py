"""Open files: the bytes behind a handle, which stay those of the version that was opened.

Opening waits for nothing: the manifest is asked for at once and needed at the first read. Reads that find
their bytes decoded are answered without a wait; `read_nowait` says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import trio

from mountfs.content.library import ContentLibrary, OpenContent
from mountfs.errors import ProjectBusy, StudioUnavailable, TooMany
from mountfs.model import Checkpoint
from mountfs.workspace.manifests import Manifests

Bytes = bytes | bytearray | memoryview

_BUSY_PAUSE = 0.2
"""Seconds until a locked project is asked again; asking has waited for the lock already."""

_AWAY_PAUSE = 0.5
_LONGEST_AWAY = 20.0
"""Seconds for which a reader waits for a studio that has just gone, as when it is started again."""


class OpenFile(Protocol):
    """What a handle reads from."""

    def read_nowait(self, offset: int, length: int) -> Bytes | None:
        """The bytes, fewer only at the end of the file; None if they have to be waited for."""

    async def read(self, offset: int, length: int) -> Bytes:
        """The same, waiting. ContentError, StorageUnavailable. Cancelling loses nothing."""

    def close(self) -> None:
        """Nobody reads any more."""


class OpenBody:
    """A file whose bytes are known: a link's, or an empty one."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read_nowait(self, offset: int, length: int) -> Bytes | None:
        """The bytes."""
        return self._body[offset : offset + length]

    async def read(self, offset: int, length: int) -> Bytes:
        """The bytes."""
        return self._body[offset : offset + length]

    def close(self) -> None:
        """Nothing to let go."""


class OpenCheckpoint:
    """A checkpoint's content. ``is_lost`` says that its studio is away for so long that nobody is to wait."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        manifests: Manifests,
        library: ContentLibrary,
        is_lost: Callable[[], bool] = lambda: True,
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        self._is_lost = is_lost
        self._closed = closed
        self._checkpoint = checkpoint
        self._manifests = manifests
        self._library = library
        self._content: OpenContent | None = None
        manifests.start((checkpoint.id,))

    def read_nowait(self, offset: int, length: int) -> Bytes | None:
        """The bytes, if they are decoded already."""
        content = self._content
        if content is None:
            manifest = self._manifests.get_nowait(self._checkpoint.id)
            if manifest is None:
                return None
            content = self._content = self._library.open(manifest)
        return content.read_nowait(offset, length)

    async def read(self, offset: int, length: int) -> Bytes:
        """The bytes, verified. While another program holds the project's lock they are waited for: how long
        is for whoever asks to say. A studio that has just gone is waited for a little.
        """
        began = trio.current_time()
        while True:
            try:
                return await self._read(offset, length)
            except ProjectBusy:
                await trio.sleep(_BUSY_PAUSE)
            except (StudioUnavailable, TooMany):
                if self._is_lost() or trio.current_time() - began > _LONGEST_AWAY:
                    raise
                await trio.sleep(_AWAY_PAUSE)

    async def _read(self, offset: int, length: int) -> Bytes:
        content = self._content
        if content is None:
            manifest = await self._manifests.get(self._checkpoint.id)
            content = self._content = self._library.open(manifest)
        return await content.read(offset, length)

    def close(self) -> None:
        """Let the content go; a read that is on its way is still answered."""
        closed, self._closed = self._closed, _done
        closed()
        if self._content is not None:
            self._content.close()


def _done() -> None:
    """It was closed already."""
