"""Where each chunk of a file begins: raw sizes that can be trusted.

A manifest in the project file is a list of hashes without sizes. The offset of a chunk is the sum of the
sizes before it, so one wrong size moves every later byte to a wrong place, even though each chunk still
matches its name. A frame's header states a size, but a header can be damaged, and two rows of the chunk
table can be exchanged. Therefore:

1. A file of one chunk: the chunk is as long as the file.
2. Sizes in ``mountfs_chunk`` are trusted: they were written here, by whoever cut the content or verified
   it. A ``seal`` over hash and size shows a damaged or exchanged row, and such a row counts for nothing.
3. Any other chunk is read, decoded and hashed once; its size is then remembered, in the table if the
   project can be written, else in memory. What is found under a wrong name still tells the size of the
   chunk it really is, so two exchanged rows cost their own ranges and no others.
4. Of chunks that cannot be verified (missing, damaged), one that is alone is as long as what the file's
   size leaves for it. If there are several, everything from the first to the last of them becomes a *lost
   span*: pieces that no store has and no bytes can match, so that reading them fails, and what lies before
   and after is still right.
5. The sizes must add up to the file's size. If they do not, or cannot, then nothing is known to be in its
   place, and the whole manifest is refused.

A file in which one thing is damaged thus yields right bytes or an error everywhere. (Whoever writes a
consistent lie into all of it has simply written another file; the seal is against damage, not against
people.)
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import insert

from mountfs.digest import MAX_CHUNK
from mountfs.errors import ChunkCorrupt, ChunkMissing, ContentError, MountfsError, NotAProject
from mountfs.interfaces import ChunkStore
from mountfs.model import CheckpointId, Chunk, ChunkId, ChunkRef
from mountfs.storage.batches import batches
from mountfs.storage.connections import translated
from mountfs.storage.database import Database
from mountfs.storage.frames import contents
from mountfs.storage.tables import mountfs_chunk

_TOGETHER = 256
"""Chunks verified between two times of writing down what was found."""


class ChunkSizes:
    """Raw sizes of a project's chunks. Usable from any thread.

    ``recorded`` says that the project has the table ``mountfs_chunk``.
    """

    def __init__(
        self, database: Database, store: ChunkStore, *, recorded: bool, workers: int | None = None
    ) -> None:
        self._database = database
        self._store = store
        self._recorded = recorded
        self._workers = workers or min(8, os.cpu_count() or 1)
        self._verified: dict[ChunkId, int] = {}
        self._lock = threading.Lock()

    def layout(self, chunk_ids: Sequence[ChunkId], file_size: int) -> tuple[Chunk, ...]:
        """The chunks of a file with sizes that add up to ``file_size`` (bytes).

        May read and decode chunks nobody has verified yet. Pieces of a lost span have ids that are no hash
        (see `lost`). ContentError when hashes and size cannot belong together; StorageUnavailable when the
        store does not answer, which says nothing about the content.
        """
        if not isinstance(file_size, int):
            # SQLite keeps whatever was put into a column, whatever type the column has.
            raise ContentError("the manifest is damaged: its size is no number")
        if not 0 <= file_size <= len(chunk_ids) * MAX_CHUNK or (chunk_ids and not file_size):
            raise ContentError(
                f"the manifest is damaged: {len(chunk_ids)} chunks cannot hold {file_size} bytes"
            )
        if len(chunk_ids) <= 1:
            return tuple(Chunk(each, file_size) for each in chunk_ids)
        wanted = set(chunk_ids)
        sizes = self._known(wanted)
        if wanted <= sizes.keys() and _total(chunk_ids, sizes) == file_size:
            return tuple(Chunk(each, sizes[each]) for each in chunk_ids)
        # A sum that is wrong although all is known means that a record is: look at the chunks themselves.
        doubtful = wanted - sizes.keys() or wanted
        sizes = {each: size for each, size in sizes.items() if each not in doubtful}
        sizes.update(self._verify(doubtful))
        return _place(chunk_ids, file_size, sizes)

    def record(self, connection: Connection, chunks: Iterable[Chunk]) -> None:
        """Write down sizes that the caller knows to be true, having cut or verified the content; inside the
        caller's transaction, with the manifest that names the chunks."""
        for batch in batches(chunks):
            statement = insert(mountfs_chunk)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["hash"],
                    set_={"raw_size": statement.excluded.raw_size, "seal": statement.excluded.seal},
                ),
                [{"hash": each.id, "raw_size": each.size, "seal": _seal(each)} for each in batch],
            )

    def _known(self, wanted: set[ChunkId]) -> dict[ChunkId, int]:
        with self._lock:
            known = {each: self._verified[each] for each in wanted if each in self._verified}
        if not self._recorded:
            return known
        try:
            with translated(self._database.path), self._database.fetching() as connection:
                for batch in batches(sorted(wanted - known.keys())):
                    marks = ",".join("?" * len(batch))
                    rows = connection.execute(
                        f"SELECT hash, raw_size, seal FROM mountfs_chunk WHERE hash IN ({marks})", batch
                    )
                    known.update(
                        (name, size)
                        for name, size, seal in rows
                        if isinstance(size, int) and seal == _seal(Chunk(name, size))
                    )
        except NotAProject:
            # The table is only a memory; where it is damaged, the chunks themselves are asked.
            pass
        return known

    def _verify(self, doubtful: set[ChunkId]) -> dict[ChunkId, int]:
        found: dict[ChunkId, int] = {}
        with ThreadPoolExecutor(min(self._workers, len(doubtful)), "mountfs-verify") as pool:
            for batch in batches(sorted(doubtful), _TOGETHER):
                new = {each.id: each.size for each in pool.map(self._examine, batch) if each is not None}
                self._remember(new)
                found.update(new)
        return found

    def _examine(self, name: ChunkId) -> Chunk | None:
        """What lies under a chunk's name."""
        try:
            frame = self._store.get(ChunkRef(CheckpointId(""), 0, Chunk(name, 0)))
        except (ChunkMissing, ChunkCorrupt):
            return None
        found = contents(frame)
        return found if found is not None and found.size > 0 else None

    def _remember(self, sizes: Mapping[ChunkId, int]) -> None:
        if not self._write_down(sizes):
            with self._lock:
                self._verified.update(sizes)

    def _write_down(self, sizes: Mapping[ChunkId, int]) -> bool:
        if self._database.read_only:
            return False
        rows = [(name, size, _seal(Chunk(name, size))) for name, size in sizes.items()]
        try:
            with self._database.appending() as connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO mountfs_chunk (hash, raw_size, seal) VALUES (?, ?, ?)", rows
                )
        except (MountfsError, sqlite3.Error):
            # Another writer is busy, the disk is full: reading goes on, and memory serves as well.
            return False
        return True


def lost(chunk: ChunkId) -> ChunkId:
    """The name of a piece of a lost span that contains this chunk: no hash, so that nothing is found under
    it and nothing ever matches it."""
    return ChunkId(f"{chunk}?")


def _place(chunk_ids: Sequence[ChunkId], file_size: int, sizes: Mapping[ChunkId, int]) -> tuple[Chunk, ...]:
    times = Counter(each for each in chunk_ids if each not in sizes)
    rest = file_size - _total(chunk_ids, sizes)
    if not times:
        if rest:
            raise ContentError(f"the manifest is damaged: its chunks hold {-rest} bytes more than the file")
        return tuple(Chunk(each, sizes[each]) for each in chunk_ids)
    if len(times) == 1:
        ((alone, count),) = times.items()
        size, remainder = divmod(rest, count)
        if remainder or not 1 <= size <= MAX_CHUNK:
            raise ContentError(f"the manifest is damaged: no size of chunk {alone} makes the file whole")
        return tuple(Chunk(each, sizes.get(each, size)) for each in chunk_ids)
    places = [index for index, each in enumerate(chunk_ids) if each not in sizes]
    first, last = places[0], places[-1]
    before, after = chunk_ids[:first], chunk_ids[last + 1 :]
    span = file_size - _total(before, sizes) - _total(after, sizes)
    if not last - first < span <= (last - first + 1) * MAX_CHUNK:
        raise ContentError("the manifest is damaged: no sizes of its unreadable chunks make the file whole")
    name = lost(chunk_ids[first])
    pieces = [Chunk(name, min(MAX_CHUNK, span - at)) for at in range(0, span, MAX_CHUNK)]
    return (
        *(Chunk(each, sizes[each]) for each in before),
        *pieces,
        *(Chunk(each, sizes[each]) for each in after),
    )


def _total(chunk_ids: Iterable[ChunkId], sizes: Mapping[ChunkId, int]) -> int:
    return sum(sizes.get(each, 0) for each in chunk_ids)


def _seal(chunk: Chunk) -> str:
    return hashlib.sha256(f"{chunk.id} {chunk.size}".encode()).hexdigest()[:16]
