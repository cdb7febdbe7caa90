"""Manifests: what a checkpoint's row says, whether a proposed one can be, and whose chunks it may name."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from mountfs.digest import MAX_CHUNK
from mountfs.errors import ContentError, ManifestInvalid
from mountfs.interfaces import ChunkStore
from mountfs.model import EMPTY_XXH3, AssetId, CheckpointId, ChunkId, Manifest, Proposal, UserId
from mountfs.rights import may_read, may_see_history
from mountfs.storage.batches import batches
from mountfs.storage.tables import asset_checkpoint
from mountfs.studio import rows
from mountfs.studio.catalogue import Catalogue
from mountfs.studio.change import Change
from mountfs.studio.findings import not_uploaded
from mountfs.studio.visibility import Sight

_columns = asset_checkpoint.c
_CHUNK_ID = re.compile(r"[0-9a-f]{64}")
_XXH3 = re.compile(r"[0-9a-f]{16}")


MAX_COMMENT = 10_000
"""Characters of a version's comment."""


class Recorded(NamedTuple):
    """A checkpoint's row, as far as it says what its content is and whose. What cannot be is -1 or empty, and
    ``chunks`` is None when it is no text."""

    id: CheckpointId
    asset: AssetId
    author: UserId
    size: int
    xxh3: str
    chunks: str | None
    trashed: bool

    def chunk_ids(self) -> tuple[ChunkId, ...]:
        """The chunks in their order; an empty file has none. ContentError when the row cannot be right."""
        if self.chunks is None:
            raise ContentError("the manifest is damaged: its list of chunks is no text")
        return tuple(map(ChunkId, self.chunks.split(","))) if self.chunks else ()


def recorded(connection: Connection, ids: Iterable[CheckpointId]) -> dict[CheckpointId, Recorded]:
    """The rows of checkpoints, those that exist."""
    found = {}
    for batch in batches(ids):
        for id_, asset, author, size, xxh3, chunks, trashed in connection.execute(
            select(
                *map(
                    rows.raw,
                    (
                        _columns.id,
                        _columns.asset_id,
                        _columns.author_id,
                        _columns.file_size,
                        _columns.xxhash_checksum,
                        _columns.chunks,
                        _columns.trashed,
                    ),
                )
            ).where(_columns.id.in_(batch))
        ):
            found[id_] = Recorded(
                id_,
                AssetId(_text(asset)),
                UserId(_text(author)),
                size if isinstance(size, int) else -1,
                _text(xxh3),
                chunks if isinstance(chunks, str) else None,
                trashed != 0,
            )
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def require_possible(content: Proposal | Manifest) -> None:
    """ManifestInvalid unless sizes and ids are such as some content could have."""
    sizes = [chunk.size for chunk in content.chunks]
    if sum(sizes) != content.size or any(not 0 < size <= MAX_CHUNK for size in sizes):
        raise ManifestInvalid("the sizes of the chunks do not add up to the size of the file")
    if not all(_CHUNK_ID.fullmatch(chunk.id) for chunk in content.chunks):
        raise ManifestInvalid("a chunk's id is not a SHA-256")
    if isinstance(content, Proposal) and not (
        abs(content.mtime_ns) < 1 << 63 and len(content.comment) <= MAX_COMMENT and _is_text(content.comment)
    ):
        raise ManifestInvalid("no version has such a time, or such a comment")
    if not _XXH3.fullmatch(content.xxh3) or (not content.size and content.xxh3 != EMPTY_XXH3):
        raise ManifestInvalid("the checksum is not one of this content")


def _is_text(text: str) -> bool:
    """Whether it can be kept, and sent: half a character cannot."""
    return not any("\ud800" <= each <= "\udfff" or each == "\0" for each in text)


class Uploads:
    """Which chunks each user has put through this process: they may name them in a manifest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by: dict[UserId, set[ChunkId]] = {}

    def add(self, user: UserId, chunk: ChunkId) -> None:
        """A user has put a chunk."""
        with self._lock:
            self._by.setdefault(user, set()).add(chunk)

    def among(self, user: UserId, chunks: Iterable[ChunkId]) -> set[ChunkId]:
        """Those of these that the user has put."""
        with self._lock:
            return self._by.get(user, set()).intersection(chunks)


def visible_chunks(
    connection: Connection, catalogue: Catalogue, sight: Sight, wanted: set[ChunkId], *, old_ones: bool
) -> set[ChunkId]:
    """Those of ``wanted`` that are in a visible checkpoint; with ``old_ones`` not only in heads.

    There is no index from chunks to checkpoints: all are read until every chunk has been found.
    """
    found: set[ChunkId] = set()
    if not wanted:
        return found
    statement = select(_columns.id, _columns.asset_id, _columns.chunks).where(_columns.trashed.is_(False))
    versions: Any = connection.execution_options(yield_per=500).execute(statement)
    for id_, asset, chunks in versions:
        if not isinstance(chunks, str) or asset not in sight.assets:
            continue
        head = catalogue.assets[asset].asset.head
        if old_ones or (head is not None and head.id == id_):
            found.update(wanted.intersection(chunks.split(",")))
            if len(found) == len(wanted):
                break
    versions.close()
    return found


def require_chunks(change: Change, store: ChunkStore, uploads: Uploads, wanted: set[ChunkId]) -> None:
    """ManifestInvalid unless every chunk is stored and the actor may name it; it says the same for both."""
    viewer = change.viewer
    absent: set[ChunkId] = store.missing(wanted)
    if not absent and not viewer.owner:
        absent = wanted - uploads.among(viewer.person.id, wanted)
        if absent and may_read(viewer):
            absent -= visible_chunks(
                change.connection, change.catalogue, change.sight, absent, old_ones=may_see_history(viewer)
            )
    if absent:
        raise not_uploaded()
