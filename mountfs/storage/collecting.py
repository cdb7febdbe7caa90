"""Which stored chunks nothing names, and letting them go.

A chunk is named by every checkpoint, also those in the trash, by templates and by previews; and by what the
caller knows of: drafts on this machine are made over checkpoints, so whoever purges those looks for drafts
first. A project may hold more than is known here, written by a newer program. What cannot be enumerated is a
reason to touch nothing: a table of an unknown name that seems to be about chunks, a list of chunks that is
none.

What goes was noted before and has been unreferenced ever since (`unreferenced`). It goes under the write
lock, after another look at the names, some at a time. For chunks that are files, first their rows and then,
in another transaction, the files that have no row: so a row never promises a file that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, inspect, select

from mountfs.errors import ProjectBusy, ProjectFileError
from mountfs.model import ChunkId
from mountfs.storage.batches import batches
from mountfs.storage.chunk_files import ChunkFiles
from mountfs.storage.columns import metadata
from mountfs.storage.deflated import DeflatedChunks
from mountfs.storage.holding import alone_with
from mountfs.storage.project import Project
from mountfs.storage.tables import (
    asset_checkpoint,
    chunk,
    chunk_ref,
    mountfs_chunk,
    mountfs_unreferenced,
    preview,
    template,
)
from mountfs.storage.unreferenced import GRACE

NAMING = (asset_checkpoint.c.chunks, template.c.chunks)
"""Columns that are lists of chunks."""

_ABOUT_CHUNKS = re.compile(r"chunk|manifest", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{64}")
_TOGETHER = 64 << 20
"""Bytes of chunks that go in one transaction: nobody waits long for it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Stored chunks and their lengths, in bytes."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Collected:
    """What a look at a project's chunks found, and what was done. ``kept``: named by something; ``noted``: by
    nothing, but not for long enough; ``ripe``: may go, or have gone. ``left``: files without a row."""

    kept: Stored
    noted: Stored
    ripe: Stored
    left: Stored
    removed: bool = False


def stored_chunks(project: Project) -> dict[ChunkId, int]:
    """Every stored chunk of the project and the length of its frame."""
    with project.database.reading() as connection:
        return _stored(connection, project)


def stored_lengths(connection: Connection) -> dict[ChunkId, int]:
    """The length of every stored frame, wherever frames lie."""
    lengths: dict[ChunkId, int] = {}
    if inspect(connection).has_table(chunk_ref.name):
        lengths.update(_lengths(connection, chunk_ref.c.hash, chunk_ref.c.size))
    # Not the column `size`: it stands behind the blob, and SQLite would walk all of that.
    lengths.update(_lengths(connection, chunk.c.hash, func.length(chunk.c.data)))
    return lengths


def _stored(connection: Connection, project: Project) -> dict[ChunkId, int]:
    if project.mode == "deflated":
        return _lengths(connection, chunk_ref.c.hash, chunk_ref.c.size)
    return _lengths(connection, chunk.c.hash, func.length(chunk.c.data))


def _lengths(connection: Connection, name: Any, length: Any) -> dict[ChunkId, int]:
    rows = connection.execute(select(name, length))
    return {ChunkId(one): size if isinstance(size, int) else 0 for one, size in rows}


def named_chunks(connection: Connection) -> set[str]:
    """Every chunk that something in the project names. ProjectFileError for what cannot be enumerated."""
    _require_known(connection)
    named: set[str] = set()
    for column in NAMING:
        for (chunks,) in connection.execute(select(column)):
            if not isinstance(chunks, str):
                raise ProjectFileError(
                    f"a list of chunks in {column.table.name} is damaged, so what it names is not known; "
                    "mountfs verify tells which"
                )
            named.update(chunks.split(","))
    named.update(str(name) for (name,) in connection.execute(select(preview.c.hash)) if name)
    named.discard("")
    return named


def _require_known(connection: Connection) -> None:
    schema = inspect(connection)
    for table in schema.get_table_names():
        if table in metadata.tables or table.startswith("sqlite_"):
            continue
        about = [table, *(str(column["name"]) for column in schema.get_columns(table))]
        if table.startswith("mountfs_") or any(_ABOUT_CHUNKS.search(name) for name in about):
            raise ProjectFileError(
                f"the project file has a table {table!r} that this mountfs does not know and that may name "
                "chunks; use the program that made it"
            )


def drop_unnamed(project: Project, chunks: Iterable[ChunkId]) -> None:
    """Remove the rows of those chunks that nothing names."""
    wanted = list(chunks)
    if not wanted:
        return
    with project.database.writing() as connection:
        named = named_chunks(connection)
        _drop_rows(connection, project, [name for name in wanted if name not in named])


class Collection:
    """One look, perhaps with consequences. ``clock`` gives Unix seconds; ``told`` is called with bytes that
    are gone."""

    def __init__(self, project: Project, clock: Callable[[], float], told: Callable[[int], None]) -> None:
        self._project = project
        self._clock = clock
        self._told = told

    def look(self) -> Collected:
        """What there is; nothing is changed, nothing noted."""
        with self._project.database.reading() as connection:
            stored = _stored(connection, self._project)
            return self._sorted_out(connection, stored, named_chunks(connection))[0]

    def note(self) -> Collected:
        """Note what is unreferenced now, and forget what is not any more."""
        with self._project.database.writing() as connection:
            stored = _stored(connection, self._project)
            named = named_chunks(connection)
            found, _ = self._sorted_out(connection, stored, named)
            noted = set(connection.execute(select(mountfs_unreferenced.c.hash)).scalars())
            unnamed = {name for name in stored if name not in named}
            for batch in batches(noted - unnamed):
                connection.execute(delete(mountfs_unreferenced).where(mountfs_unreferenced.c.hash.in_(batch)))
            now = int(self._clock())
            for new in batches(sorted(unnamed - noted)):
                connection.execute(
                    insert(mountfs_unreferenced), [{"hash": name, "seen_at": now} for name in new]
                )
        return found

    def remove(self, record: Callable[[Connection, Collected], None]) -> Collected:
        """Note, then let go what may. ``record`` is called in the last transaction, with what went.

        Stopped at any time, some of it has gone and the rest goes with the next run. ProjectBusy while a
        backup copies the files of chunks.
        """
        with self._while_nobody_copies():
            return self._remove(record)

    @contextmanager
    def _while_nobody_copies(self) -> Iterator[None]:
        if self._files is None:
            yield
            return
        with alone_with(
            self._files.root, ProjectBusy(f"the chunks in {self._files.root} are being backed up")
        ):
            yield

    def _remove(self, record: Callable[[Connection, Collected], None]) -> Collected:
        self.note()
        with self._project.database.reading() as connection:
            stored = _stored(connection, self._project)
            found, ripe = self._sorted_out(connection, stored, named_chunks(connection))
        for together in _bundles(ripe, stored):
            with self._project.database.writing() as connection:
                going = self._still_ripe(connection, together)
                _drop_rows(connection, self._project, going)
            self._told(sum(stored[name] for name in going))
        self._remove_files()
        with self._project.database.writing() as connection:
            record(connection, found)
        return Collected(found.kept, found.noted, found.ripe, found.left, removed=True)

    def _sorted_out(
        self, connection: Connection, stored: dict[ChunkId, int], named: set[str]
    ) -> tuple[Collected, list[ChunkId]]:
        seen = self._seen(connection)
        unnamed = [name for name in stored if name not in named]
        limit = int(self._clock()) - GRACE
        ripe = [name for name in unnamed if name in seen and seen[name] <= limit]
        going = set(ripe)
        left = self._without_row(set(stored))
        return (
            Collected(
                kept=_sum(stored, (name for name in stored if name in named)),
                noted=_sum(stored, (name for name in unnamed if name not in going)),
                ripe=_sum(stored, ripe),
                left=Stored(len(left), sum(left.values())),
            ),
            ripe,
        )

    def _seen(self, connection: Connection) -> dict[str, int]:
        if not inspect(connection).has_table(mountfs_unreferenced.name):
            return {}
        rows = connection.execute(select(mountfs_unreferenced.c.hash, mountfs_unreferenced.c.seen_at))
        return {name: at for name, at in rows if isinstance(at, int)}

    def _still_ripe(self, connection: Connection, chunks: list[ChunkId]) -> list[ChunkId]:
        """Those that are still noted and that still nothing names: another program may not have asked."""
        seen, limit = self._seen(connection), int(self._clock()) - GRACE
        named = named_chunks(connection)
        return [name for name in chunks if seen.get(name, limit + 1) <= limit and name not in named]

    @property
    def _files(self) -> ChunkFiles | None:
        chunks = self._project.chunks
        return chunks.files if isinstance(chunks, DeflatedChunks) else None

    def _without_row(self, stored: set[ChunkId]) -> dict[str, int]:
        """Files of chunks without a row, and what writers that died left; those that are old enough."""
        if self._files is None:
            return {}
        limit = self._clock() - GRACE
        return {
            name: found.st_size
            for name, found in self._files.listing()
            if name not in stored
            and (_HASH.fullmatch(name) or name.startswith("."))
            and found.st_mtime <= limit
        }

    def _remove_files(self) -> None:
        files = self._files
        if files is None:
            return
        for together in batches(sorted(self._without_row(set(stored_chunks(self._project)))), 256):
            # Under the lock: whoever puts one of them now finds it gone, or its row keeps it (`deflated`).
            with self._project.database.writing() as connection:
                rows = connection.execute(select(chunk_ref.c.hash).where(chunk_ref.c.hash.in_(together)))
                kept = set(rows.scalars())
                for name in together:
                    if name.startswith("."):
                        files.remove_unfinished(name)
                    elif name not in kept:
                        files.remove(ChunkId(name))


def _bundles(ripe: Sequence[ChunkId], stored: dict[ChunkId, int]) -> Iterable[list[ChunkId]]:
    bundle: list[ChunkId] = []
    size = 0
    for name in ripe:
        bundle.append(name)
        size += stored[name]
        if size >= _TOGETHER:
            yield bundle
            bundle, size = [], 0
    if bundle:
        yield bundle


def _drop_rows(connection: Connection, project: Project, chunks: Sequence[ChunkId]) -> None:
    table = chunk_ref if project.mode == "deflated" else chunk
    for batch in batches(chunks):
        for each in (table, mountfs_chunk, mountfs_unreferenced):
            connection.execute(delete(each).where(each.c.hash.in_(batch)))


def _sum(stored: dict[ChunkId, int], names: Iterable[ChunkId]) -> Stored:
    sizes = [stored[name] for name in names]
    return Stored(len(sizes), sum(sizes))
