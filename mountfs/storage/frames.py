"""What can be said of a stored frame without knowing its chunk's size beforehand.

Readers decode with `digest.decode_frame`, which wants a size that can be trusted. These two are for finding
that size, and for deciding whether a frame that lies under a chunk's name may stay there.
"""

from __future__ import annotations

import zstandard

from mountfs.digest import MAX_CHUNK, chunk_id, decode_frame, frame_content_size
from mountfs.errors import ChunkCorrupt
from mountfs.model import Chunk, ChunkId


def contents(frame: bytes) -> Chunk | None:
    """Which chunk a frame really holds, whatever its name: hash and raw size. None if it holds none."""
    size = frame_content_size(frame[:18])
    if size is not None and size > MAX_CHUNK:
        return None
    try:
        raw = zstandard.ZstdDecompressor(max_window_size=MAX_CHUNK).decompress(
            frame, max_output_size=MAX_CHUNK, allow_extra_data=False
        )
    except zstandard.ZstdError:
        return None
    return Chunk(chunk_id(raw), len(raw))


def holds(frame: bytes, chunk: ChunkId) -> bool:
    """Whether readers will get this chunk out of the frame."""
    size = frame_content_size(frame[:18])
    if size is None:
        found = contents(frame)
        size = found.size if found is not None else None
    if size is None:
        return False
    try:
        decode_frame(frame, Chunk(chunk, size))
    except ChunkCorrupt:
        return False
    return True
