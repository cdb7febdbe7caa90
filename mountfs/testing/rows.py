"""Project files as other programs leave them, or as large as they come, for tests and benchmarks.

- `Rows` writes rows as another program would, rules or no rules: cycles, orphans, things in the trash.
- `random_project` is a small heap of such rows, drawn from a `random.Random` (Hypothesis has one to give).
- `big_project` is as large as a feature film, written in a second or two. Its files have no stored content
  but the one chunk they share.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from mountfs.digest import chunk_id, encode_frame, xxh3_hex
from mountfs.model import (
    NOBODY,
    ROOT,
    AssetId,
    CheckpointId,
    CollectionId,
    UserId,
)
from mountfs.names import split
from mountfs.storage import tables
from mountfs.storage.batches import batches
from mountfs.storage.open import Project
from mountfs.studio.rows import written_moment
from mountfs.testing.projects import MOMENT, new_id, new_project

_TABLES = {table.name: table for table in tables.FORMAT_TABLES}


class Rows:
    """Writes rows into a project as another program would, in one transaction each or in one `together`."""

    def __init__(self, project: Project, *, clock: Callable[[], float] = lambda: MOMENT) -> None:
        self._project = project
        self._clock = clock
        self._open: Connection | None = None
        with project.database.reading() as connection:
            self._ids = {
                table.name: {row[0]: row[1] for row in connection.execute(select(table.c.name, table.c.id))}
                for table in (
                    tables.role,
                    tables.status,
                    tables.asset_type,
                    tables.collection_type,
                    tables.dependency_type,
                )
            }

    @contextmanager
    def together(self) -> Iterator[Connection]:
        """One transaction for all that is written in the block."""
        if self._open is not None:
            yield self._open
            return
        with self._project.database.writing() as self._open:
            try:
                yield self._open
            finally:
                self._open = None

    def user(self, username: str, role: str = "artist") -> UserId:
        """Somebody new."""
        return UserId(
            self._insert(
                "user",
                added_at=written_moment(MOMENT),
                first_name=username.title(),
                last_name="Row",
                username=username,
                email=f"{username}@rows.example",
                photo=b"",
                role_id=self._ids["role"][role],
            )
        )

    def collection(
        self, name: str, parent: CollectionId = ROOT, *, shared: bool = False, trashed: bool = False
    ) -> CollectionId:
        """A collection."""
        return CollectionId(
            self._insert(
                "collection",
                created_at=written_moment(MOMENT),
                name=name,
                description="",
                collection_type_id=self._ids["collection_type"]["generic"],
                parent_id=parent,
                trashed=trashed,
                is_shared=shared,
            )
        )

    def asset(
        self,
        name: str,
        collection: CollectionId = ROOT,
        *,
        assignee: UserId = NOBODY,
        is_resource: bool = False,
        trashed: bool = False,
        pointer: str = "",
        contents: Sequence[bytes] = (b"x",),
    ) -> AssetId:
        """An asset, with a checkpoint for each of ``contents``; a link if it has a ``pointer``."""
        stem, extension = split(name)
        asset = AssetId(
            self._insert(
                "asset",
                created_at=written_moment(MOMENT),
                name=stem,
                extension=extension,
                is_resource=is_resource,
                is_link=bool(pointer),
                pointer=pointer,
                status_id=self._ids["status"]["todo"],
                asset_type_id=self._ids["asset_type"]["generic"],
                collection_id=collection,
                assignee_id=assignee,
                trashed=trashed,
            )
        )
        for number, content in enumerate(() if pointer else contents):
            self.checkpoint(asset, content, created_at=MOMENT + number, author=assignee)
        return asset

    def checkpoint(
        self,
        asset: AssetId,
        content: bytes,
        *,
        created_at: int,
        author: UserId = NOBODY,
        trashed: bool = False,
    ) -> CheckpointId:
        """A checkpoint of one chunk, whose frame is stored."""
        name = chunk_id(content)
        if content:
            with self.together() as connection:
                known = connection.execute(select(tables.chunk.c.hash).where(tables.chunk.c.hash == name))
                if known.first() is None:
                    frame = encode_frame(content)
                    connection.execute(insert(tables.chunk).values(hash=name, data=frame, size=len(frame)))
        return CheckpointId(
            self._insert(
                "asset_checkpoint",
                created_at=created_at,
                asset_id=asset,
                xxhash_checksum=xxh3_hex(content),
                time_modified=MOMENT,
                file_size=len(content),
                chunks=name if content else "",
                author_id=author,
                group_id=new_id(),
                trashed=trashed,
            )
        )

    def assign(self, collection: CollectionId, user: UserId) -> str:
        """A collection is assigned to somebody."""
        return self._insert("collection_assignee", collection_id=collection, assignee_id=user)

    def need(self, asset: AssetId, on: AssetId, kind: str = "linked") -> str:
        """An asset depends on an asset."""
        return self._insert(
            "asset_dependency",
            asset_id=asset,
            dependency_id=on,
            dependency_type_id=self._ids["dependency_type"][kind],
        )

    def need_folder(self, asset: AssetId, on: CollectionId, kind: str = "linked") -> str:
        """An asset depends on a collection."""
        return self._insert(
            "collection_dependency",
            asset_id=asset,
            dependency_id=on,
            dependency_type_id=self._ids["dependency_type"][kind],
        )

    def change(self, table: str, id_: str, **values: object) -> None:
        """Change columns of a row, and nothing else: not its mtime unless it is among them."""
        where = _TABLES[table]
        with self.together() as connection:
            connection.execute(update(where).where(where.c.id == id_).values(**values))

    def remove(self, table: str, id_: str) -> None:
        """Delete a row."""
        where = _TABLES[table]
        with self.together() as connection:
            connection.execute(where.delete().where(where.c.id == id_))

    def _insert(self, table: str, **values: object) -> str:
        id_ = new_id()
        with self.together() as connection:
            connection.execute(
                insert(_TABLES[table]).values(**{"id": id_, "mtime": int(self._clock())} | values)
            )
        return id_


@dataclass(frozen=True, slots=True)
class Heap:
    """The ids of what `random_project` made."""

    users: list[UserId]
    collections: list[CollectionId]
    assets: list[AssetId]


def random_project(rows: Rows, draw: random.Random, *, size: int = 12) -> Heap:
    """Fill a project with rows as they come: about ``size`` collections and twice as many assets.

    Everything that the visibility rule speaks of is likely to be there: nested, shared, assigned and trashed
    collections, dependencies of both kinds with cycles, and what only broken files have: collections that are
    each other's parents, and things whose collection is gone.
    """
    heap = Heap([], [], [])
    with rows.together():
        heap.users.extend(rows.user(f"u{number}") for number in range(3))
        for number in range(size):
            parent = draw.choice([ROOT, *heap.collections])
            heap.collections.append(
                rows.collection(
                    f"c{number}", parent, shared=draw.random() < 0.12, trashed=draw.random() < 0.12
                )
            )
        for number in range(2 * size):
            heap.assets.append(
                rows.asset(
                    f"a{number}.x",
                    draw.choice([ROOT, *heap.collections]),
                    assignee=draw.choice([*heap.users, NOBODY, NOBODY, NOBODY]),
                    trashed=draw.random() < 0.1,
                )
            )
        for user in heap.users:
            for collection in draw.sample(heap.collections, draw.randrange(2)):
                rows.assign(collection, user)
        for asset in draw.sample(heap.assets, size):
            for other in draw.sample(heap.assets, draw.randrange(3)):
                rows.need(asset, other)
            for folder in draw.sample(heap.collections, draw.randrange(2)):
                rows.need_folder(asset, folder)
        if draw.random() < 0.3:
            ring = draw.sample(heap.collections, 2)
            rows.change("collection", ring[0], parent_id=ring[1])
            rows.change("collection", ring[1], parent_id=ring[0])
        if draw.random() < 0.3:
            rows.remove("collection", draw.choice(heap.collections))
    return heap


def big_project(path: Path, *, assets: int = 100_000, collections: int = 5_000, users: int = 50) -> Project:
    """A project as large as a feature film, open for writing: sequences, shots, departments; every tenth
    collection assigned to somebody, every asset somebody's task, a dependency for every fifth."""
    project = new_project(path)
    rows = Rows(project)
    draw = random.Random(collections)
    with rows.together() as connection:
        crew = [rows.user(f"artist{number:03}") for number in range(users)]
        folders: list[CollectionId] = []
        for number in range(collections):
            parent = ROOT if number < 20 else folders[draw.randrange(number // 8 + 1)]
            folders.append(rows.collection(f"folder{number:05}", parent, shared=number == 0))
        template = rows.asset("template.blend", folders[0], assignee=crew[0])
        row = dict(connection.execute(select(tables.asset)).mappings().one())
        version = dict(connection.execute(select(tables.asset_checkpoint)).mappings().one())
        ids = [
            template,
            *(AssetId(str(uuid.UUID(int=draw.getrandbits(128), version=4))) for _ in range(1, assets)),
        ]
        for batch in batches(range(1, assets), 5_000):
            connection.execute(
                insert(tables.asset),
                [
                    row
                    | {
                        "id": ids[number],
                        "name": f"asset_{number:06}",
                        "collection_id": folders[number % collections],
                        "assignee_id": crew[number % users],
                    }
                    for number in batch
                ],
            )
            connection.execute(
                insert(tables.asset_checkpoint),
                [version | {"id": new_id(), "asset_id": ids[number]} for number in batch],
            )
        for number in range(0, collections, 10):
            rows.assign(folders[number], crew[number % users])
        kind = connection.execute(select(tables.dependency_type.c.id)).scalars().first()
        for batch in batches(range(0, assets - 1, 5), 5_000):
            connection.execute(
                insert(tables.asset_dependency),
                [
                    {
                        "id": new_id(),
                        "mtime": MOMENT,
                        "asset_id": ids[number],
                        "dependency_id": ids[number + 1],
                        "dependency_type_id": kind,
                    }
                    for number in batch
                ],
            )
    return project
