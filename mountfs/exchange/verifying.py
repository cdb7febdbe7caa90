"""Read everything a project has recorded, and name whatever is not as it was recorded.

Every checkpoint of every asset is read, those in the trash too, since they can be restored: each chunk
against its SHA-256, then size and XXH3 of the whole. Chunks that no checkpoint names are read as well. The
sizes that are recorded for chunks are not believed but compared: a frame has its own, and its bytes are
hashed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import xxhash
from sqlalchemy import inspect, select

from mountfs.digest import decode_frame, frame_content_size
from mountfs.errors import ChunkCorrupt, ContentError, StorageUnavailable
from mountfs.exchange.meter import Meter
from mountfs.model import CheckpointId, Chunk, ChunkId, ChunkRef
from mountfs.names import showable
from mountfs.storage.frames import contents
from mountfs.storage.project import Project
from mountfs.storage.tables import asset, asset_checkpoint, chunk, chunk_ref, collection, mountfs_chunk

_Row = Any  # of SQLAlchemy: its columns are attributes


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong. ``begin`` and ``end`` are byte positions in the file, where they are known."""

    path: str
    reason: str
    number: int | None = None
    checkpoint: str | None = None
    chunk: str | None = None
    begin: int | None = None
    end: int | None = None


@dataclass(slots=True)
class Verified:
    """What was looked at, and what is wrong. ``bytes`` counts content as it was read."""

    files: int = 0
    versions: int = 0
    chunks: int = 0
    bytes: int = 0
    flaws: list[Flaw] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Version:
    path: str
    number: int
    id: CheckpointId
    size: int


class Verification:
    """One run over one project."""

    def __init__(self, project: Project, meter: Meter, *, workers: int = 0) -> None:
        self._project = project
        self._meter = meter
        self._workers = workers or min(8, os.cpu_count() or 1)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seen: dict[ChunkId, tuple[int, int] | None] = {}  # raw and stored length of the good ones
        self.done = Verified()

    def run(self) -> Verified:
        """Look at everything. NotAProject if the database cannot be read at all."""
        self.done.flaws += self._database()
        versions = self._versions()
        self.done.files = len({version.path for version in versions})
        self.done.versions = len(versions)
        self._meter.begin(sum(version.size for version in versions))
        with ThreadPoolExecutor(self._workers, "verify") as pool:
            try:
                for flaws in pool.map(self._version, versions):
                    self.done.flaws += flaws
                for flaw in pool.map(self._stray, self._strays()):
                    self.done.flaws += [flaw] if flaw else []
            except BaseException:
                self._stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        self.done.flaws += self._records()
        self.done.chunks = len(self._seen)
        return self.done

    def _database(self) -> Iterator[Flaw]:
        with self._project.database.reading() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(20)").scalars().all()
        return (Flaw(self._project.path.name, f"the database: {line}") for line in found if line != "ok")

    def _versions(self) -> list[_Version]:
        """Every checkpoint; the number is its rank by time, as everywhere."""
        columns = asset_checkpoint.c
        with self._project.database.reading() as connection:
            paths = _Paths(
                connection.execute(select(collection.c.id, collection.c.name, collection.c.parent_id)).all(),
                connection.execute(
                    select(asset.c.id, asset.c.name, asset.c.extension, asset.c.collection_id)
                ).all(),
            )
            rows = connection.execute(
                select(columns.id, columns.asset_id, columns.file_size).order_by(
                    columns.asset_id, columns.created_at, columns.id
                )
            ).all()
        versions: list[_Version] = []
        number, before = 0, None
        for row in rows:
            number = number + 1 if row.asset_id == before else 1
            before = row.asset_id
            versions.append(_Version(paths.of(row.asset_id), number, CheckpointId(row.id), row.file_size))
        return sorted(versions, key=lambda version: (version.path, version.number))

    def _strays(self) -> list[ChunkId]:
        """Chunks that no checkpoint named."""
        table = chunk if self._project.mode == "compact" else chunk_ref
        with self._project.database.reading() as connection:
            return [
                ChunkId(name)
                for name in connection.execute(select(table.c.hash)).scalars()
                if name not in self._seen
            ]

    def _stray(self, name: ChunkId) -> Flaw | None:
        try:
            self._chunk(ChunkRef(CheckpointId(""), 0, Chunk(name, 0)))
        except (ContentError, StorageUnavailable) as exc:
            return Flaw("(a chunk that no version names)", str(exc), chunk=name)
        return None

    def _records(self) -> Iterator[Flaw]:
        """Sizes that are recorded beside chunks: the stored length, and the raw one that readers rely on."""
        table = chunk if self._project.mode == "compact" else chunk_ref
        with self._project.database.reading() as connection:
            stored = connection.execute(select(table.c.hash, table.c.size)).all()
            has_ours = inspect(connection).has_table(mountfs_chunk.name)
            raw = (
                connection.execute(select(mountfs_chunk.c.hash, mountfs_chunk.c.raw_size)).all()
                if has_ours
                else []
            )
        for what, index, rows in (("raw", 0, raw), ("stored", 1, stored)):
            for name, size in rows:
                found = self._seen.get(name)
                if found is not None and found[index] != size:
                    reason = f"its {what} size is {found[index]} bytes, and {size} are recorded"
                    yield Flaw(f"(chunk {name})", reason, chunk=name)

    def _version(self, version: _Version) -> list[Flaw]:
        """Read one checkpoint from its first to its last byte, past whatever is damaged."""
        self._meter.now(version.path)
        with self._project.database.reading() as connection:
            columns = asset_checkpoint.c
            row = connection.execute(
                select(columns.chunks, columns.xxhash_checksum).where(columns.id == version.id)
            ).first()
        if row is None:
            return []  # purged since the list was made
        names = [ChunkId(name) for name in row.chunks.split(",")] if row.chunks else []
        whole = xxhash.xxh3_64()
        lengths: list[int | None] = []
        bad: dict[int, str] = {}
        for index, name in enumerate(names):
            if self._stop.is_set():
                return []
            try:
                raw = self._chunk(ChunkRef(version.id, index, Chunk(name, 0)))
            except (ContentError, StorageUnavailable) as exc:
                bad[index] = str(exc)
                lengths.append(None)
                continue
            whole.update(raw)
            lengths.append(len(raw))
            self._meter.advance(len(raw))
        size = sum(length or 0 for length in lengths)
        with self._lock:
            self.done.bytes += size
        if bad:
            return self._bad_chunks(version, names, lengths, bad)
        if size != version.size:
            reason = f"has {size} bytes of content, and {version.size} are recorded"
        elif whole.hexdigest() != row.xxhash_checksum:
            reason = f"has the checksum {whole.hexdigest()}, and {row.xxhash_checksum} is recorded"
        else:
            return []
        return [Flaw(version.path, reason, version.number, version.id, None, 0, version.size)]

    def _chunk(self, ref: ChunkRef) -> bytes:
        """A chunk's raw bytes, whatever size is recorded for it. ChunkMissing, ChunkCorrupt."""
        name = ref.chunk.id
        frame = self._project.chunks.get(ref)
        size = frame_content_size(frame[:18])
        if size is None and (found := contents(frame)):
            size = found.size  # other programs may leave it out of the header
        if size is None:
            raise ChunkCorrupt(name, "it is not a zstd frame")
        raw = decode_frame(frame, Chunk(name, size))
        with self._lock:
            self._seen[name] = (len(raw), len(frame))
        return raw

    def _bad_chunks(
        self, version: _Version, names: Sequence[ChunkId], lengths: list[int | None], bad: dict[int, str]
    ) -> list[Flaw]:
        """A flaw for each bad chunk, with the bytes it stands for as far as they can be told."""
        begins = _positions(lengths, version.size, from_end=False)
        ends = _positions(lengths, version.size, from_end=True)
        with self._lock:
            self._seen.update((names[index], None) for index in bad)
        return [
            Flaw(version.path, reason, version.number, version.id, names[index], begins[index], ends[index])
            for index, reason in bad.items()
        ]


def _positions(lengths: Sequence[int | None], size: int, *, from_end: bool) -> list[int]:
    """Where each piece begins (or, from the end, ends), counting from the nearest side that is known.

    One piece of unknown length has exact positions. Of several, the first begins and the last ends where it
    really does; in between the widest range that is possible is told.
    """
    positions = []
    place = size if from_end else 0
    for length in reversed(lengths) if from_end else lengths:
        positions.append(place)
        if length is not None:
            place += -length if from_end else length
    return positions[::-1] if from_end else positions


class _Paths:
    """Paths of assets as the project names them, also of those in the trash."""

    def __init__(
        self,
        collections: Sequence[_Row],
        assets: Sequence[_Row],
    ) -> None:
        self._collections = {row.id: (row.name, row.parent_id) for row in collections}
        self._assets = {row.id: (row.name + row.extension, row.collection_id) for row in assets}

    def of(self, asset_id: str) -> str:
        """``/a/b/name.ext``; the id of an asset that has no row."""
        if asset_id not in self._assets:
            return f"(asset {asset_id})"
        name, parent = self._assets[asset_id]
        parts = [showable(name)]
        while parent in self._collections and len(parts) < 100:  # a foreign file may have folders in a ring
            name, parent = self._collections[parent]
            parts.append(showable(name))
        return "/" + "/".join(reversed(parts))
