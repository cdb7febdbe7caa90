"""Manifests: what a checkpoint's row says, whether a proposed one can be, and whose chunks it may name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

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
from mountfs.studio.chunk_index import ChunkIndex
from mountfs.studio.findings import not_uploaded
from mountfs.studio.uploads import Uploads
from mountfs.studio.visibility import Sight

_columns = asset_checkpoint.c
_CHUNK_ID = re.compile(r"[0-9a-f]{64}")
_XXH3 = re.compile(r"[0-9a-f]{16}")

_LOOKED_INTO = 100
"""Versions that are looked into in one go, for chunks that one may name."""

_OLDER = 50
"""Versions of one asset that are looked into, when the one that should have a chunk is in the trash."""

_VERSIONS = select(
    rows.ROW_NUMBER, *map(rows.raw, (_columns.id, _columns.asset_id, _columns.chunks, _columns.trashed))
)

MAX_COMMENT = 10_000
"""Characters of a version's comment."""


@dataclass(frozen=True, slots=True)
class Sent:
    """By what is decided whose chunks somebody may name: what each has sent, and what is where."""

    uploads: Uploads
    index: ChunkIndex

    def close(self) -> None:
        """Let both go."""
        self.uploads.close()
        self.index.close()


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
        abs(content.mtime_ns) < 1 << 63 and is_comment(content.comment)
    ):
        raise ManifestInvalid("no version has such a time, or such a comment")
    if not _XXH3.fullmatch(content.xxh3) or (not content.size and content.xxh3 != EMPTY_XXH3):
        raise ManifestInvalid("the checksum is not one of this content")


def is_comment(text: str) -> bool:
    """Whether it can be kept, and sent: half a character cannot."""
    return len(text) <= MAX_COMMENT and not any("\ud800" <= each <= "\udfff" or each == "\0" for each in text)


class Lately(NamedTuple):
    """Where an asset's versions lie in their table, oldest first, and which is its head."""

    rows: tuple[int, ...]
    head: CheckpointId | None


def lately(catalogue: Catalogue, assets: Iterable[AssetId]) -> dict[AssetId, Lately]:
    """The same of several assets."""
    found = {}
    for asset in assets:
        known = catalogue.versions_of(asset)
        found[asset] = Lately(known.rows, known.head.id if known.head is not None else None)
    return found


def visible_chunks(
    connection: Connection,
    index: ChunkIndex,
    sight: Sight,
    wanted: set[ChunkId],
    about: Callable[[set[AssetId]], Mapping[AssetId, Lately]],
    *,
    old_ones: bool,
) -> set[ChunkId]:
    """Those of ``wanted`` that are in a visible checkpoint; with ``old_ones`` not only in heads.

    The index says where to look: first where it says, then, as that version may be in the trash, into others
    of the same assets.
    """
    places = index.holders(wanted, sight.assets)
    known = about({place.asset for found in places.values() for place in found})
    found: set[ChunkId] = set()

    def look(where: dict[int, set[ChunkId]]) -> None:
        most_first = sorted(where, key=lambda row: -len(where[row]))
        for batch in batches(most_first, _LOOKED_INTO):
            rest = [row for row in batch if not where[row] <= found]
            statement = _VERSIONS.where(rows.ROW_NUMBER.in_(rest))
            for row, id_, asset, chunks, trashed in rows.read(connection, statement):
                is_seen = trashed == 0 and asset in known and isinstance(chunks, str)
                if is_seen and (old_ones or known[asset].head == id_):
                    found.update(where[row].intersection(chunks.split(",")))

    look(_by_row((chunk, place.row) for chunk, found_at in places.items() for place in found_at))
    look(
        _by_row(
            (chunk, row)
            for chunk in places.keys() - found
            for place in places[chunk]
            for row in known[place.asset].rows[-_OLDER:]
        )
    )
    return found


def _by_row(pairs: Iterable[tuple[ChunkId, int]]) -> dict[int, set[ChunkId]]:
    found: dict[int, set[ChunkId]] = {}
    for chunk, row in pairs:
        found.setdefault(row, set()).add(chunk)
    return found


def require_chunks(change: Change, store: ChunkStore, sent: Sent, wanted: set[ChunkId]) -> None:
    """ManifestInvalid unless every chunk is stored and the actor may name it; it says the same for both."""
    viewer = change.viewer
    absent: set[ChunkId] = store.missing(wanted)
    if not absent and not viewer.owner:
        absent = wanted - sent.uploads.among(viewer.person.id, wanted)
        if absent and may_read(viewer):
            about = partial(lately, change.catalogue)
            absent -= visible_chunks(
                change.connection, sent.index, change.sight, absent, about, old_ones=may_see_history(viewer)
            )
    if absent:
        raise not_uploaded()
