"""A project for the tests of mounts: written by this process while another one has it mounted.

A `Film` is a file of its own, mounted in personal mode. A `StudioFilm` lies at a studio, which a process of
its own serves, and is mounted by way of that one. A test that takes a `Home` runs for both.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from pathlib import Path

from mountfs.config import MountOptions
from mountfs.content.ingest import ingest
from mountfs.model import (
    NOBODY,
    ROOT,
    Asset,
    AssetId,
    Checkpoint,
    CheckpointId,
    CollectionId,
    NewAsset,
    Proposal,
    Toggle,
    UserId,
)
from mountfs.names import split
from mountfs.storage.create import FirstUser, create_project
from mountfs.storage.open import open_project
from mountfs.studio.service import StudioService
from mountfs.testing.mounts import Mount, Mounts
from mountfs.testing.online import OnlineStudio

MTIME = 1_700_000_000_123_456_789


class Film:
    """A project file, with its owner's hands."""

    def __init__(self, path: Path, *, mode: str = "compact", storage_dir: Path | None = None) -> None:
        self.path = path
        create_project(
            path,
            name="Film",
            author=FirstUser("ada@harbor.example", "ada", "Ada", "Lind"),
            mode=mode,
            storage_dir=storage_dir,
        )
        self._open(storage_dir)

    def _open(self, storage_dir: Path | None) -> None:
        self.project = open_project(self.path, storage_dir=storage_dir)
        self.service = StudioService(self.project)
        self.owner = self.service.for_owner(self.service.author(""))

    def mount(
        self,
        mounts: Mounts,
        username: str | None = None,
        *,
        at: str = "mnt",
        options: MountOptions | None = None,
        program: str = "mountfs.daemon",
    ) -> Mount:
        """Mount it as somebody, or as its owner."""
        return mounts.mount(self.path, username, at=at, options=options, program=program)

    def close(self) -> None:
        self.project.close()

    def folder(self, path: str) -> CollectionId:
        """The collection at a path, made if it is not there."""
        parent = ROOT
        for name in filter(None, path.split("/")):
            there = [one for one in self.owner.tree().collections.values() if one.parent == parent]
            found = next((one for one in there if one.name == name), None)
            if found is None:
                found = self.owner.make_collection(CollectionId(str(uuid.uuid4())), name, parent)
            parent = found.id
        return parent

    def asset(self, path: str) -> Asset | None:
        """The asset at a path."""
        folder, _, file_name = path.rpartition("/")
        place = (self.folder(folder), *split(file_name))
        assets = self.owner.tree().assets.values()
        return next((one for one in assets if (one.collection, one.name, one.extension) == place), None)

    def add_user(self, username: str, role: str, may: frozenset[Toggle] | None = None) -> UserId:
        """Take somebody into the project; ``may`` changes what the role allows."""
        if may is not None:
            self.owner.edit_role(role, may)
        return self.owner.add_user(
            email=f"{username}@harbor.example",
            username=username,
            first_name=username.title(),
            last_name="Lind",
            role=role,
        ).id

    def write(
        self, path: str, content: bytes, *, executable: bool = False, assignee: UserId = NOBODY
    ) -> Checkpoint:
        """Commit content as the next version of the file at a path."""
        return self.write_all({path: content}, executable=executable, assignee=assignee)[0]

    def write_all(
        self, files: dict[str, bytes], *, executable: bool = False, assignee: UserId = NOBODY
    ) -> list[Checkpoint]:
        """The same for many files in one commit."""
        proposals = []
        known: dict[str, CollectionId] = {}
        for path, content in files.items():
            folder, _, file_name = path.rpartition("/")
            if folder not in known:
                known[folder] = self.folder(folder)
            asset = self.asset(path) if len(files) == 1 else None
            name, extension = split(file_name)
            taken = ingest(io.BytesIO(content), self.project.chunks)
            proposals.append(
                Proposal(
                    id=CheckpointId(str(uuid.uuid4())),
                    asset=asset.id if asset else AssetId(str(uuid.uuid4())),
                    base=asset.head.id if asset and asset.head else None,
                    size=taken.size,
                    xxh3=taken.xxh3,
                    mtime_ns=MTIME,
                    chunks=taken.chunks,
                    comment=f"about {file_name}",
                    executable=executable,
                    new=None if asset else NewAsset(name, extension, known[folder], not assignee, assignee),
                )
            )
        return list(self.owner.publish(proposals))


class StudioFilm(Film):
    """A project of a studio; what is kept of it where it is mounted lies in a folder.

    Its owner is the admin ada, who works in every folder: at a studio nobody sees all there is.
    """

    def __init__(self, online: OnlineStudio, folder: Path) -> None:
        chunks = online.house.hosting.chunks
        super().__init__(folder / "film.clst", mode="deflated", storage_dir=chunks)
        self._online = online
        self._cache = folder / "cache"
        self.project.close()
        self.path = self.path.rename(online.house.hosting.path(self.project.id))
        self._open(chunks)
        self._members: set[str] = set()

    def mount(
        self,
        mounts: Mounts,
        username: str | None = None,
        *,
        at: str = "mnt",
        options: MountOptions | None = None,
        program: str = "mountfs.daemon",
    ) -> Mount:
        """Mount it as somebody, who has an account then, or as ada."""
        username = username or "ada"
        if username not in self._members:
            (user,) = (each.id for each in self.service.people() if each.username == username)
            self._online.take_in(self.project.id, username, user)
            self._members.add(username)
        remote = self._online.remote(username, self.project.id, self._cache)
        return mounts.mount(remote, at=at, options=options, program=program)

    def folder(self, path: str) -> CollectionId:
        """The collection at a path, made if it is not there; then ada works in it."""
        top = path.split("/")[0]
        if top and not any(
            each.parent == ROOT and each.name == top for each in self.owner.tree().collections.values()
        ):
            self.owner.assign(super().folder(top), self.service.author(""))
        return super().folder(path)


Home = Callable[[Path], Film]
"""Makes a project, given an empty folder for it."""


def personal(folder: Path) -> Film:
    """A file."""
    return Film(folder / "film.clst")
