"""One story, several people: a production, and each of its people's studio by name."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

from sqlalchemy import select

from mountfs.content.ingest import ingest
from mountfs.model import (
    Asset,
    AssetId,
    Checkpoint,
    CheckpointId,
    CollectionId,
    Manifest,
    NewAsset,
    Proposal,
    Toggle,
    UserId,
)
from mountfs.names import split
from mountfs.storage import tables
from mountfs.storage.open import Project
from mountfs.studio import rows
from mountfs.studio.service import BoundStudio, StudioService
from mountfs.testing.projects import Places, new_id


class Harbor:
    """A production under test. ``now`` is what the studio's clock says."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.now = 1_796_000_000.0
        self.service = StudioService(project, clock=lambda: self.now)
        self.owner = self.as_owner()

    def as_owner(self) -> BoundStudio:
        return self.service.for_owner(self.service.author())

    def as_(self, username: str) -> BoundStudio:
        return self.service.for_user(username)

    def user(self, username: str) -> UserId:
        return next(each.id for each in self.service.people() if each.username == username)

    def file(self, path: str) -> AssetId:
        return Places(self.owner).file(path)

    def folder(self, path: str) -> CollectionId:
        return Places(self.owner).folder(path)

    def asset(self, path: str) -> Asset:
        return self.owner.tree().assets[self.file(path)]

    def role(self, username: str, may: set[Toggle]) -> None:
        """Let somebody's role have exactly these rights."""
        self.owner.edit_role(self.role_of(username), may)

    def role_of(self, username: str) -> str:
        with self.project.database.reading() as connection:
            return str(
                connection.execute(
                    select(tables.role.c.name)
                    .join(tables.user, tables.user.c.role_id == tables.role.c.id)
                    .where(tables.user.c.username == username)
                ).scalar_one()
            )

    def audit(self) -> list[tuple[str, str, str, dict[str, object]]]:
        """(actor, act, subject, detail), oldest first."""
        names = {person.id: person.username for person in self.service.people()}
        audit = tables.mountfs_audit
        with self.project.database.reading() as connection:
            found = connection.execute(
                select(audit.c.actor_id, audit.c.act, audit.c.subject, audit.c.detail).order_by(
                    rows.ROW_NUMBER
                )
            ).all()
        return [(names.get(row[0], row[0]), row[1], row[2], json.loads(row[3])) for row in found]

    def save(self, who: BoundStudio, asset: Asset, content: bytes) -> Checkpoint:
        """Record the next version of an asset as somebody."""
        return who.publish([proposal(who, content, asset=asset)])[0]

    def create(self, who: BoundStudio, path: str, content: bytes = b"new") -> Checkpoint:
        """Make a new asset as somebody, in a folder that exists."""
        folder, _, name = path.rpartition("/")
        return who.publish([proposal(who, content, new=(self.folder(folder), name))])[0]


def proposal(
    studio: BoundStudio,
    content: bytes,
    *,
    asset: Asset | None = None,
    new: tuple[CollectionId, str] | None = None,
    is_resource: bool = True,
) -> Proposal:
    """A proposal whose chunks are stored, for an asset there is or for a new one."""
    taken = ingest(io.BytesIO(content), studio.chunks)
    return Proposal(
        id=CheckpointId(new_id()),
        asset=asset.id if asset else AssetId(new_id()),
        base=asset.head.id if asset and asset.head else None,
        size=taken.size,
        xxh3=taken.xxh3,
        mtime_ns=1_795_000_000_987_654_321,
        chunks=taken.chunks,
        comment="as proposed",
        executable=True,
        new=NewAsset(*split(new[1]), new[0], is_resource=is_resource) if new else None,
    )


def manifest(studio: BoundStudio, content: bytes) -> Manifest:
    """Content whose chunks are stored, for a template."""
    taken = ingest(io.BytesIO(content), studio.chunks)
    return Manifest(CheckpointId(""), taken.size, taken.xxh3, taken.chunks)


def names(studio: BoundStudio) -> set[str]:
    """The paths that somebody sees, files and folders (with a slash at the end)."""
    return set(paths_of(studio).values())


def paths_of(studio: BoundStudio) -> dict[AssetId | CollectionId, str]:
    """The path of everything that somebody sees."""
    tree = studio.tree()

    def path(folder: CollectionId) -> str:
        parts: list[str] = []
        while folder:
            parts.insert(0, tree.collections[folder].name)
            folder = tree.collections[folder].parent
        return "".join(f"{part}/" for part in parts)

    found: dict[AssetId | CollectionId, str] = {id_: path(id_) for id_ in tree.collections}
    for asset in tree.assets.values():
        found[asset.id] = path(asset.collection) + asset.name + asset.extension
    return found


def refusals(audit: Sequence[tuple[str, str, str, dict[str, object]]]) -> list[tuple[str, str]]:
    """Who was refused what."""
    return [(actor, act.removeprefix("refused: ")) for actor, act, _, _ in audit if act.startswith("refused")]
