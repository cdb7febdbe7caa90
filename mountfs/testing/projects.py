"""Project files for tests, benchmarks and the demo.

- `new_project` makes an empty project and opens it.
- `production` fills one the way people do, through the rules: a crew in several roles, tasks, dependencies, a
  shared library. Its files are tiny unless ``content`` makes them; `arrange` does the casting alone, for a
  project whose files were imported (the demo).
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mountfs.content.ingest import ingest
from mountfs.model import (
    ROOT,
    AssetId,
    CheckpointId,
    CollectionId,
    NewAsset,
    Proposal,
    UserId,
)
from mountfs.names import split
from mountfs.storage.create import FirstUser, create_project
from mountfs.storage.open import Project, open_project
from mountfs.studio.service import BoundStudio, StudioService

ADA = FirstUser("ada@harbor.example", "ada", "Ada", "Lind")
"""The first admin of every project made here."""

MOMENT = 1_795_000_000
"""Unix seconds: when what is made here was made, unless it says otherwise."""


def new_project(path: Path, *, mode: str = "compact", storage_dir: Path | None = None) -> Project:
    """An empty project, open for writing."""
    create_project(path, name=path.stem, author=ADA, mode=mode, storage_dir=storage_dir)
    return open_project(path, storage_dir=storage_dir)


def new_id() -> str:
    """A random id, as rows have."""
    return str(uuid.uuid4())


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
