"""Names and frames of content: SHA-256 of a chunk, XXH3 of a whole file, zstd frames that are safe to read.

A frame is foreign input: it may come from a damaged disk or from another program. `decode_frame` therefore
believes nothing that a frame says about itself. It knows the size beforehand, allocates that and no more, and
lets no byte out that does not belong to the chunk's name.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Final

import xxhash
import zstandard

from mountfs._density import looks_dense
from mountfs.errors import ChunkCorrupt
from mountfs.model import Chunk, ChunkId

MAX_CHUNK: Final = 8 * 1024 * 1024
"""The largest raw size of a chunk, bytes. A frame that claims more is refused, nothing being allocated."""

MAX_FRAME: Final = MAX_CHUNK + MAX_CHUNK // 128 + 1024
"""No frame of a chunk is larger, bytes: what does not compress is stored with a few bytes for each block."""

LEVEL: Final = 3
"""zstd's compression level, the project file's."""

MAGIC: Final = b"\x28\xb5\x2f\xfd"
"""The first bytes of a zstd frame (a skippable frame begins otherwise, and is no frame of a chunk)."""

BLOCK: Final = 128 * 1024
"""The largest block of a zstd frame, bytes."""


class _Contexts(threading.local):
    """zstd's working memory, one set for each thread: the library's contexts must not be shared."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True, write_checksum=False)
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_CHUNK)


_contexts = _Contexts()


def chunk_id(raw: bytes | memoryview) -> ChunkId:
    """The name of a chunk with these raw bytes."""
    return ChunkId(hashlib.sha256(raw).hexdigest())


def xxh3_hex(raw: bytes | memoryview) -> str:
    """The checksum of a whole file: XXH3-64, 16 lower-case hex digits."""
    return xxhash.xxh3_64_hexdigest(raw)


def encode_frame(raw: bytes | memoryview) -> bytes:
    """One zstd frame with these bytes, its content size in the header, without a checksum.

    Bytes that would not get smaller are framed as they are, which costs a copy and a look at them.
    """
    if looks_dense(raw):
        return raw_frame(raw)
    return _contexts.compressor.compress(raw)


def raw_frame(raw: bytes | memoryview) -> bytes:
    """A zstd frame that holds the bytes as they are: 9 bytes of header, and 3 for every 128 KiB.

    A header with a single segment and a content size of four bytes, then raw blocks (type 0) of the largest
    size that a decoder has to accept.
    """
    view = memoryview(raw)
    parts: list[bytes | memoryview] = [MAGIC, b"\xa0", len(view).to_bytes(4, "little")]
    for start in range(0, len(view) or 1, BLOCK):
        block = view[start : start + BLOCK]
        is_last = start + BLOCK >= len(view)
        parts.append((len(block) << 3 | is_last).to_bytes(3, "little"))
        parts.append(block)
    return b"".join(parts)


def frame_content_size(head: bytes) -> int | None:
    """The raw size that a frame's header (18 bytes are enough) states; None if it does not, or is none."""
    if head[:4] != MAGIC:
        return None
    try:
        size = zstandard.frame_content_size(head)
    except zstandard.ZstdError:
        return None
    return None if size < 0 else size


def decode_frame(frame: bytes | memoryview, chunk: Chunk) -> bytes:
    """The raw bytes of a chunk: exactly ``chunk.size`` of them, and of the name it has.

    ChunkCorrupt says why not: no frame, cut short, another size, more than one frame, other bytes. At most
    ``chunk.size`` bytes are allocated for the answer, whatever the frame claims.
    """
    raw = decode_unverified(frame, chunk)
    verify(raw, chunk)
    return raw


def verify(raw: bytes | memoryview, chunk: Chunk) -> None:
    """ChunkCorrupt if these bytes are not those that the chunk is named after."""
    if chunk_id(raw) != chunk.id:
        raise ChunkCorrupt(chunk.id, "its bytes have another SHA-256")


def decode_unverified(frame: bytes | memoryview, chunk: Chunk) -> bytes:
    """As many bytes as the chunk has, which may be *any* bytes: nothing was compared with its name.

    For whoever compares a checksum of the whole before anything comes of them, or calls `verify`; everybody
    else wants `decode_frame`. ChunkCorrupt, and what is allocated, are as there.
    """
    if not 0 <= chunk.size <= MAX_CHUNK:
        raise ChunkCorrupt(chunk.id, f"a size of {chunk.size} bytes is recorded, which no chunk has")
    if bytes(frame[:4]) != MAGIC:
        raise ChunkCorrupt(chunk.id, "it is not a zstd frame")
    try:
        head = zstandard.get_frame_parameters(frame)
    except zstandard.ZstdError as exc:
        raise ChunkCorrupt(chunk.id, f"its header is unreadable ({exc})") from exc
    if head.content_size not in (chunk.size, zstandard.CONTENTSIZE_UNKNOWN):
        raise ChunkCorrupt(chunk.id, f"it holds {head.content_size} bytes instead of {chunk.size}")
    if head.dict_id:
        raise ChunkCorrupt(chunk.id, "it needs a dictionary")
    try:
        raw: bytes = _contexts.decompressor.decompress(
            frame, max_output_size=chunk.size, allow_extra_data=False
        )
    except zstandard.ZstdError as exc:
        raise ChunkCorrupt(chunk.id, f"it does not decompress ({exc})") from exc
    if len(raw) != chunk.size:
        raise ChunkCorrupt(chunk.id, f"it holds {len(raw)} bytes instead of {chunk.size}")
    return raw
