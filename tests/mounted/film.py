"""A project for the tests of mounts: written by this process while another one has it mounted."""

from __future__ import annotations

import io
import uuid
from pathlib import Path

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
        self.project = open_project(path, storage_dir=storage_dir)
        self.service = StudioService(self.project)
        self.owner = self.service.for_owner(self.service.author(""))

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
