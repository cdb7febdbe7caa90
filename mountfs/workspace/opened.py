"""A handle of a file: its bytes as they are now, from the checkpoint below and from the draft over it."""

from __future__ import annotations

from collections.abc import Callable

from mountfs.model import Checkpoint, CheckpointId
from mountfs.workspace.disk import Bytes
from mountfs.workspace.drafts import Draft
from mountfs.workspace.nodes import File
from mountfs.workspace.reading import OpenFile


class OpenNode:
    """A handle of a file: its bytes, as they are now, changed or not."""

    def __init__(self, node: File, open_checkpoint: Callable[[Checkpoint], OpenFile]) -> None:
        self._node = node
        self._open_checkpoint = open_checkpoint
        self._clean: OpenFile | None = None
        self._clean_id: CheckpointId | None = None
        if node.content is not None and (node.local is None or node.local.draft is None):
            self._of(node.content)

    def read_nowait(self, offset: int, length: int) -> Bytes | None:
        """The bytes, fewer only at the end; None if they have to be waited for."""
        local = self._node.local
        draft = local.draft if local is not None else None
        if draft is None:
            content = self._node.content
            return self._of(content).read_nowait(offset, length) if content is not None else b""
        found: list[Bytes] = []
        for piece in draft.pieces(offset, offset + length):
            if isinstance(piece.origin, Checkpoint):
                data = self._of(piece.origin).read_nowait(piece.start, piece.end - piece.start)
                if data is None:
                    return None
                found.append(data)
            else:
                found.append(_own(piece.origin, piece.start, piece.end))
        return found[0] if len(found) == 1 else b"".join(found)

    async def read(self, offset: int, length: int) -> Bytes:
        """The same, waiting. ContentError, StorageUnavailable. Cancelling loses nothing."""
        local = self._node.local
        draft = local.draft if local is not None else None
        if draft is None:
            content = self._node.content
            return await self._of(content).read(offset, length) if content is not None else b""
        found = bytearray()
        pieces = list(draft.pieces(offset, offset + length))
        try:
            for piece in pieces:
                if isinstance(piece.origin, Checkpoint):
                    found += await self._of(piece.origin).read(piece.start, piece.end - piece.start)
                else:
                    found += _own(piece.origin, piece.start, piece.end)
        except OSError:
            now = self._node.local.draft if self._node.local is not None else None
            if now is draft and pieces == list(draft.pieces(offset, offset + length)):
                raise
            return await self.read(offset, length)  # it has become a checkpoint meanwhile
        return found

    def close(self) -> None:
        """Nobody reads any more."""
        if self._clean is not None:
            self._clean.close()

    def _of(self, content: Checkpoint) -> OpenFile:
        if self._clean is None or self._clean_id != content.id:
            if self._clean is not None:
                self._clean.close()
            self._clean = self._open_checkpoint(content)
            self._clean_id = content.id
        return self._clean


def _own(origin: Draft | None, start: int, end: int) -> bytes:
    return origin.pread(start, end - start) if origin is not None else bytes(end - start)
