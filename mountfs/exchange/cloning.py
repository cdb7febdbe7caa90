"""A project of one's own, with all that one sees in another.

The clone is made under a name of its own (`storage.appear`) and gets its own name when every byte of it has
been verified. Content comes first, chunk by chunk, through the same door as for a mount; then all rows in one
transaction. A clone that was stopped is found again by the next run, which copies only what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from mountfs.digest import decode_frame
from mountfs.errors import ContentError, MountfsError, ProjectFileError
from mountfs.exchange.meter import Meter
from mountfs.exchange.verifying import Verification
from mountfs.interfaces import ChunkStore
from mountfs.model import CheckpointId, Chunk, ChunkRef
from mountfs.storage import tables
from mountfs.storage.appear import (
    alone_in,
    finish,
    remove,
    require_free,
    unfinished_name,
    was_finished,
)
from mountfs.storage.batches import batches
from mountfs.storage.collecting import drop_unnamed, stored_chunks
from mountfs.storage.create import FirstUser, create_project
from mountfs.storage.open import open_project
from mountfs.storage.project import Project
from mountfs.studio.bound import BoundStudio
from mountfs.studio.cloning import Clone, visible_rows

_MARK = "mountfs_cloned_from"
"""The setting that says of what, and for whom, a clone is."""

_TOGETHER = 256
"""Manifests that are read in one go."""


@dataclass(frozen=True, slots=True)
class Cloned:
    """What a clone holds; ``bytes`` of content in all versions, ``copied`` chunks that were copied now."""

    file: str
    files: int
    folders: int
    versions: int
    people: int
    bytes: int
    copied: int


class Cloning:
    """One run. ``project`` is what the clone is of, as ``studio`` sees it."""

    def __init__(self, project: Project, studio: BoundStudio, file: Path, meter: Meter) -> None:
        self._project = project
        self._studio = studio
        self._file = file.absolute()
        self._meter = meter
        self._copied = 0

    def check(self) -> Cloned:
        """What would be made. ProjectFileError when there can be no file of this name."""
        require_free(self._file)
        return self._told(visible_rows(self._studio))

    def run(self) -> Cloned:
        """Make it. ContentError when something is damaged, and then nothing has the name."""
        if not self._file.parent.is_dir():
            raise ProjectFileError(f"there is no folder {self._file.parent}")
        with alone_in(self._file.parent):
            temporary = unfinished_name(self._file)
            rows = visible_rows(self._studio)
            if was_finished(temporary, self._file):
                return self._told(rows)
            require_free(self._file)
            with self._begun(temporary) as clone:
                self._fill(clone, rows)
            self._verify(temporary)
            finish(temporary, self._file)
            return self._told(rows)

    def _told(self, rows: Clone) -> Cloned:
        return Cloned(
            str(self._file),
            rows.count(tables.asset),
            rows.count(tables.collection),
            rows.count(tables.asset_checkpoint),
            rows.count(tables.user),
            rows.size,
            self._copied,
        )

    @property
    def _source(self) -> str:
        viewer = self._studio.viewer()
        return f"{self._project.id} {'owner' if viewer.owner else viewer.person.id}"

    def _begun(self, temporary: Path) -> Project:
        """The unfinished clone of an earlier run, or a new one."""
        if temporary.exists():
            with suppress(MountfsError):
                clone = open_project(temporary)
                with clone.database.reading() as connection:
                    mark = connection.execute(
                        select(tables.config.c.value).where(tables.config.c.name == _MARK)
                    ).scalar()
                if mark == self._source:
                    return clone
                clone.close()
        remove(temporary)
        anybody = FirstUser("nobody@localhost", "nobody", "No", "Body")  # the rows bring the people
        create_project(temporary, name=self._project.name, author=anybody)
        clone = open_project(temporary)
        with clone.database.writing() as connection:
            insert_rows(
                connection, "config", [{"name": _MARK, "value": self._source, "mtime": 0, "synced": 0}]
            )
        return clone

    def _fill(self, clone: Project, rows: Clone) -> None:
        self._meter.begin(rows.size)
        chunks: set[Chunk] = set()
        for batch in batches(rows.checkpoints, _TOGETHER):
            found = self._studio.manifests(batch)
            for checkpoint in batch:
                # Those that are not there are asked for one by one, for the reason.
                manifest = found.get(checkpoint) or self._studio.manifest(checkpoint)
                self._copy(clone, checkpoint, manifest.chunks, self._studio.chunks)
                chunks.update(manifest.chunks)
        for names, size in rows.loose:
            layout = self._project.sizes.layout(names, size)
            self._copy(clone, CheckpointId(""), layout, self._project.chunks)
            chunks.update(layout)
        with clone.database.writing() as connection:
            _replace(connection, rows)
            clone.sizes.record(connection, sorted(chunks, key=lambda chunk: chunk.id))
        names_now = {chunk.id for chunk in chunks}
        drop_unnamed(clone, [name for name in stored_chunks(clone) if name not in names_now])

    def _copy(
        self, clone: Project, checkpoint: CheckpointId, chunks: Sequence[Chunk], source: ChunkStore
    ) -> None:
        absent = clone.chunks.missing({chunk.id for chunk in chunks})
        for index, chunk in enumerate(chunks):
            if chunk.id in absent:
                frame = source.get(ChunkRef(checkpoint, index, chunk))
                decode_frame(frame, chunk)
                clone.chunks.put(chunk.id, frame)
                absent.discard(chunk.id)
                self._copied += 1
            self._meter.advance(chunk.size)

    def _verify(self, temporary: Path) -> None:
        self._meter.now("verifying")
        with open_project(temporary, read_only=True) as clone:
            flaws = Verification(clone, self._meter).run().flaws
        if flaws:
            # What was there from an earlier run is not believed again.
            remove(temporary)
            raise ContentError(f"the clone is damaged: {flaws[0].path}: {flaws[0].reason}; run it again")


def _replace(connection: Connection, rows: Clone) -> None:
    """Have exactly these rows in the tables, whatever was there before."""
    for table in list(rows.rows)[::-1]:
        if table is not tables.config:
            connection.exec_driver_sql(f'DELETE FROM "{table.name}"')
    # What is deleted is buried; here nothing was ever alive, and an id must not be buried twice.
    connection.exec_driver_sql("DELETE FROM tomb")
    for table, values in rows.rows.items():
        if table is tables.config:
            for row in values:
                connection.exec_driver_sql("DELETE FROM config WHERE name = ?", (row["name"],))
        insert_rows(connection, table.name, values)


def insert_rows(connection: Connection, table: str, values: list[dict[str, object]]) -> None:
    """Insert rows as they are, all with the columns of the first."""
    if not values:
        return
    columns = list(values[0])
    names = ", ".join(f'"{column}"' for column in columns)
    marks = ", ".join("?" * len(columns))
    for batch in batches(values):
        connection.exec_driver_sql(
            f'INSERT INTO "{table}" ({names}) VALUES ({marks})',
            [tuple(row[column] for column in columns) for row in batch],
        )
