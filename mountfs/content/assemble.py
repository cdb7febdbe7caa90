"""A whole file from its chunks, in order and verified, without an event loop: for export and verifying."""

from __future__ import annotations

from collections.abc import Iterator

import xxhash

from mountfs.digest import decode_frame
from mountfs.errors import ChecksumMismatch
from mountfs.interfaces import ChunkStore
from mountfs.model import ChunkRef, Manifest


def assemble(manifest: Manifest, store: ChunkStore) -> Iterator[bytes]:
    """The raw chunks of a checkpoint, each verified before it is given out.

    ChunkMissing, ChunkCorrupt, StorageUnavailable where a chunk is reached; ChecksumMismatch after the last
    one if size or XXH3 of the whole are not the recorded ones. So a file is good only when the iterator has
    ended: write it to a temporary name until then.
    """
    whole = xxhash.xxh3_64()
    size = 0
    for index, chunk in enumerate(manifest.chunks):
        raw = decode_frame(store.get(ChunkRef(manifest.checkpoint, index, chunk)), chunk)
        whole.update(raw)
        size += len(raw)
        yield raw
    check_whole(manifest, size, whole.hexdigest())


def check_whole(manifest: Manifest, size: int, xxh3: str) -> None:
    """ChecksumMismatch if this is not the size (bytes) and XXH3 that the checkpoint was recorded with."""
    if size != manifest.size:
        raise ChecksumMismatch(
            f"checkpoint {manifest.checkpoint} has {size} bytes of content, and {manifest.size} are recorded"
        )
    if xxh3 != manifest.xxh3:
        raise ChecksumMismatch(
            f"checkpoint {manifest.checkpoint} has the checksum {xxh3}, and {manifest.xxh3} is recorded"
        )
