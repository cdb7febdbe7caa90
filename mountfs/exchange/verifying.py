"""Read everything a project has recorded, and name whatever is not as it was recorded.

Every checkpoint of every asset and every template is read, those in the trash too, since they can be
restored: each chunk against its SHA-256, then size and XXH3 of the whole. Chunks that none of them names are
read as well. The
sizes that are recorded for chunks are not believed but compared: a frame has its own, and its bytes are
hashed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import xxhash
from sqlalchemy import inspect, select

from mountfs.digest import decode_frame, frame_content_size
from mountfs.errors import ChunkCorrupt, ContentError, StorageUnavailable
from mountfs.exchange.meter import Meter
from mountfs.model import CheckpointId, Chunk, ChunkId, ChunkRef
from mountfs.storage.frames import contents
from mountfs.storage.integrity import Recorded, damage, recorded
from mountfs.storage.project import Project
from mountfs.storage.tables import chunk, chunk_ref, mountfs_chunk


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
    templates: int = 0
    chunks: int = 0
    bytes: int = 0
    flaws: list[Flaw] = field(default_factory=list)


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
        database = self._project.database
        name = self._project.path.name
        self.done.flaws += [Flaw(name, f"the database: {line}") for line in damage(database)]
        with database.reading() as connection:
            everything = list(recorded(connection))
        versions = [content for content in everything if content.number]
        self.done.files = len({version.path for version in versions})
        self.done.versions = len(versions)
        self.done.templates = len(everything) - len(versions)
        self._meter.begin(sum(version.size for version in everything))
        with ThreadPoolExecutor(self._workers, "verify") as pool:
            try:
                for flaws in pool.map(self._version, everything):
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

    def _version(self, version: Recorded) -> list[Flaw]:
        """Read one checkpoint from its first to its last byte, past whatever is damaged."""
        self._meter.now(version.path)
        names = version.chunks
        whole = xxhash.xxh3_64()
        lengths: list[int | None] = []
        bad: dict[int, str] = {}
        for index, name in enumerate(names):
            if self._stop.is_set():
                return []
            try:
                raw = self._chunk(ChunkRef(version.checkpoint, index, Chunk(name, 0)))
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
        elif whole.hexdigest() != version.xxh3:
            reason = f"has the checksum {whole.hexdigest()}, and {version.xxh3} is recorded"
        else:
            return []
        return [_flaw(version, reason, None, 0, version.size)]

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
        self, version: Recorded, names: Sequence[ChunkId], lengths: list[int | None], bad: dict[int, str]
    ) -> list[Flaw]:
        """A flaw for each bad chunk, with the bytes it stands for as far as they can be told."""
        begins = _positions(lengths, version.size, from_end=False)
        ends = _positions(lengths, version.size, from_end=True)
        with self._lock:
            self._seen.update((names[index], None) for index in bad)
        return [
            _flaw(version, reason, names[index], begins[index], ends[index]) for index, reason in bad.items()
        ]


def _flaw(content: Recorded, reason: str, chunk: ChunkId | None, begin: int, end: int) -> Flaw:
    """What is wrong with a content. A template has no version."""
    return Flaw(content.path, reason, content.number or None, content.checkpoint or None, chunk, begin, end)


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
