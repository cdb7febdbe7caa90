"""Project files for tests, benchmarks and the demo.

- `new_project` makes an empty project and opens it.
- `production` fills one the way people do, through the rules: a crew in several roles, tasks, dependencies, a
  shared library. Its files are tiny unless ``content`` makes them; `arrange` does the casting alone, for a
  project whose files were imported (the demo).
- `Rows` writes rows as another program would, rules or no rules: cycles, orphans, things in the trash.
- `random_project` is a small heap of such rows, drawn from a `random.Random` (Hypothesis has one to give).
- `big_project` is as large as a feature film, written in a second or two. Its files have no stored content
  but the one chunk they share.
"""

from __future__ import annotations

import io
import random
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from mountfs.content.ingest import ingest
from mountfs.digest import chunk_id, encode_frame, xxh3_hex
from mountfs.model import (
    NOBODY,
    ROOT,
    AssetId,
    CheckpointId,
    CollectionId,
    NewAsset,
    Proposal,
    UserId,
)
from mountfs.names import split
from mountfs.storage import tables
from mountfs.storage.batches import batches
from mountfs.storage.create import FirstUser, create_project
from mountfs.storage.open import Project, open_project
from mountfs.studio.rows import written_moment
from mountfs.studio.service import BoundStudio, StudioService

ADA = FirstUser("ada@harbor.example", "ada", "Ada", "Lind")
"""The first admin of every project made here."""

MOMENT = 1_795_000_000
"""Unix seconds: when rows written here were made, unless they say otherwise."""


def new_project(path: Path, *, mode: str = "compact", storage_dir: Path | None = None) -> Project:
    """An empty project, open for writing."""
    create_project(path, name=path.stem, author=ADA, mode=mode, storage_dir=storage_dir)
    return open_project(path, storage_dir=storage_dir)


def new_id() -> str:
    """A random id, as rows have."""
    return str(uuid.uuid4())


# A production


@dataclass(frozen=True, slots=True)
class Casting:
    """Who does what in a production, by paths. ``needs`` is what a file depends on: files, or folders when
    the path ends in a slash."""

    crew: Mapping[str, str]
    shared: Sequence[str] = ()
    tasks: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)


HARBOR = Casting(
    crew={
        "mina": "production manager",
        "sol": "supervisor",
        "ann": "artist",
        "bo": "artist",
        "eve": "artist",
        "val": "vendor",
    },
    shared=["library"],
    tasks={
        "characters/fox/fox.blend": "bo",
        "characters/owl/owl.blend": "eve",
        "sequences/sq010/sh010/anim.blend": "ann",
        "sequences/sq010/sh010/light.blend": "bo",
        "sequences/sq020/sh010/comp.nk": "val",
        "editorial/cut.otio": "sol",
    },
    folders={"characters/owl": "eve"},
    needs={
        "sequences/sq010/sh010/anim.blend": ["characters/fox/fox.blend", "library/props/"],
        "sequences/sq010/sh010/light.blend": ["sequences/sq010/sh010/anim.blend"],
        "characters/fox/fox.blend": ["characters/fox/lookdev/fox_look.usda"],
        "characters/fox/lookdev/fox_look.usda": ["characters/fox/fox.blend"],
        "sequences/sq020/sh010/comp.nk": ["sequences/sq010/sh010/light.blend", "sequences/sq020/plates/"],
    },
    statuses={"characters/fox/fox.blend": "wip", "sequences/sq010/sh010/anim.blend": "retake"},
)
"""Who does what in `production`."""

HARBOR_FILES = (
    "library/props/lantern.obj",
    "library/props/boat.obj",
    "library/textures/wood.png",
    "library/Größe und Maß.txt",
    "characters/fox/fox.blend",
    "characters/fox/lookdev/fox_look.usda",
    "characters/owl/owl.blend",
    "characters/owl/notes.txt",
    "sequences/sq010/sh010/anim.blend",
    "sequences/sq010/sh010/light.blend",
    "sequences/sq020/sh010/comp.nk",
    "sequences/sq020/plates/plate.0001.exr",
    "editorial/cut.otio",
    "editorial/archive.tar.gz",
    "README",
)


def production(
    path: Path,
    *,
    files: Iterable[str] = HARBOR_FILES,
    casting: Casting = HARBOR,
    content: Callable[[str], bytes] = lambda path: f"{path}\n".encode(),
) -> Project:
    """A small production, open for writing."""
    project = new_project(path)
    service = StudioService(project)
    owner = service.for_owner(service.author())
    add_files(owner, {each: content(each) for each in files})
    arrange(service, casting)
    return project


def add_files(
    studio: BoundStudio, files: Mapping[str, bytes], *, is_resource: bool = True
) -> dict[str, AssetId]:
    """New assets with their first checkpoint, and the collections they are in; by path."""
    places = Places(studio)
    made = {}
    proposals = []
    for path, content in files.items():
        folder, _, name = path.rpartition("/")
        taken = ingest(io.BytesIO(content), studio.chunks)
        made[path] = AssetId(new_id())
        proposals.append(
            Proposal(
                id=CheckpointId(new_id()),
                asset=made[path],
                base=None,
                size=taken.size,
                xxh3=taken.xxh3,
                mtime_ns=MOMENT * 1_000_000_000 + 123_456_789,
                chunks=taken.chunks,
                new=NewAsset(*split(name), places.folder(folder, make=True), is_resource=is_resource),
            )
        )
    studio.publish(proposals)
    return made


def arrange(service: StudioService, casting: Casting) -> dict[str, UserId]:
    """Bring a crew into a project whose files are there, and give them their work; the ids by username."""
    owner = service.for_owner(service.author())
    crew = {
        name: owner.add_user(
            email=f"{name}@harbor.example",
            username=name,
            first_name=name.title(),
            last_name="Harbor",
            role=role,
        ).id
        for name, role in casting.crew.items()
    }
    places = Places(owner)
    for path in casting.shared:
        owner.share(places.folder(path))
    for path, name in casting.folders.items():
        owner.assign(places.folder(path), crew[name])
    for path, name in casting.tasks.items():
        owner.set_kind(places.file(path), is_resource=False)
        owner.assign(places.file(path), crew[name])
    for path, needs in casting.needs.items():
        for need in needs:
            is_folder = need.endswith("/")
            owner.depend(places.file(path), places.folder(need) if is_folder else places.file(need))
    for path, status in casting.statuses.items():
        owner.set_status(places.file(path), status)
    return crew


class Places:
    """From paths to ids, as one viewer sees the tree at this moment."""

    def __init__(self, studio: BoundStudio) -> None:
        tree = studio.tree()
        self._studio = studio
        self._folders = {(each.parent, each.name): each.id for each in tree.collections.values()}
        self._files = {
            (each.collection, each.name + each.extension): each.id for each in tree.assets.values()
        }

    def folder(self, path: str, *, make: bool = False) -> CollectionId:
        """The collection at a path. KeyError, unless it may be made."""
        at = ROOT
        for name in filter(None, path.split("/")):
            if make and (at, name) not in self._folders:
                made = self._studio.make_collection(CollectionId(new_id()), name, at)
                self._folders[at, name] = made.id
            at = self._folders[at, name]
        return at

    def file(self, path: str) -> AssetId:
        """The asset at a path. KeyError."""
        folder, _, name = path.rpartition("/")
        return self._files[self.folder(folder), name]


# Rows


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
