"""Where the room of a project goes: by file, by person, by version.

Chunks are shared: by the versions of one file, and by files that have content in common. So what something
takes has two answers: what all of its chunks take (``stored``), and what would be free if only it were gone
(``unique``); the rest is shared with something else.

Everything is counted within what the viewer may read, and nothing else is looked at: how much of a file is
shared with a hidden one would tell of that. The owner sees everything, also the trash and templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, select

from mountfs.model import AssetId, ChunkId, CollectionId, UserId
from mountfs.names import file_name
from mountfs.rights import may_see_history
from mountfs.storage import tables
from mountfs.storage.collecting import stored_lengths
from mountfs.storage.integrity import chunk_list
from mountfs.studio import rows
from mountfs.studio.catalogue import Catalogue
from mountfs.studio.permissions import Act, require
from mountfs.studio.purging import folder_path
from mountfs.studio.view import View
from mountfs.studio.visibility import Reach


class By(StrEnum):
    """What the room is divided by."""

    ASSET = "asset"
    USER = "user"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Share:
    """What one file, person or version takes, in bytes.

    ``size`` is the content as it was recorded, ``stored`` all of its chunks, ``unique`` those that nothing
    else has. ``trashed``: all of it is in the trash.
    """

    name: str
    versions: int
    size: int
    stored: int
    unique: int
    trashed: bool = False

    @property
    def shared(self) -> int:
        """Bytes of chunks that something else has too."""
        return self.stored - self.unique


def space(view: View, path: str, by: By) -> tuple[Share, list[Share]]:
    """What everything at ``path`` and below takes, and its parts, the greatest first.

    NotPermitted for a viewer who may not read content.
    """
    with view.looking() as (connection, catalogue, sight):
        require(view.viewer(), Act.READ_CONTENT)
        places = _Places(catalogue, None if view.is_owner else sight.assets)
        names = _names(by, catalogue)
        count = _Count(stored_lengths(connection))
        top = path.rstrip("/")
        for version in _versions(connection, view, catalogue):
            place = places.of(version.asset)
            if place is None:
                continue
            path, is_live = place
            inside = path == top or path.startswith(f"{top}/")
            count.add(names(version, path) if inside else None, version, is_live=is_live)
        if view.is_owner:
            for (chunks,) in connection.execute(select(tables.template.c.chunks)):
                count.elsewhere.update(chunk_list(chunks))
    return count.total(), count.parts()


class _Version(NamedTuple):
    asset: AssetId
    author: UserId
    number: int
    size: int
    chunks: tuple[ChunkId, ...]
    trashed: bool


@dataclass(slots=True)
class _Group:
    versions: int = 0
    size: int = 0
    chunks: set[ChunkId] = field(default_factory=set)
    trashed: bool = True


class _Count:
    """Adds up versions. ``elsewhere`` are chunks of what was not asked for."""

    def __init__(self, lengths: Mapping[ChunkId, int]) -> None:
        self.elsewhere: set[ChunkId] = set()
        self._lengths = lengths
        self._groups: dict[str, _Group] = {}
        self._everything = _Group()
        self._only_in: dict[ChunkId, str | None] = {}
        """The one group that has a chunk; None when there are several."""

    def add(self, name: str | None, version: _Version, *, is_live: bool) -> None:
        """Count a version to the group of this name; None for what was not asked for."""
        if name is None:
            self.elsewhere.update(version.chunks)
            return
        for group in (self._groups.setdefault(name, _Group()), self._everything):
            group.versions += 1
            group.size += version.size
            group.chunks.update(version.chunks)
            group.trashed = group.trashed and (version.trashed or not is_live)
        for chunk in version.chunks:
            if self._only_in.setdefault(chunk, name) != name:
                self._only_in[chunk] = None

    def total(self) -> Share:
        """All that was asked for."""
        return self._share("", self._everything, self._everything.chunks - self.elsewhere)

    def parts(self) -> list[Share]:
        """Each group, the greatest first."""
        shares = []
        for name, group in self._groups.items():
            own = {chunk for chunk in group.chunks if self._only_in[chunk] is not None} - self.elsewhere
            shares.append(self._share(name, group, own))
        return sorted(shares, key=lambda share: (-share.stored, share.name))

    def _share(self, name: str, group: _Group, own: set[ChunkId]) -> Share:
        stored, unique = (sum(self._lengths.get(chunk, 0) for chunk in each) for each in (group.chunks, own))
        return Share(name, group.versions, group.size, stored, unique, bool(group.versions) and group.trashed)


class _Places:
    """Where assets are, and whether they are live; only those that count."""

    def __init__(self, catalogue: Catalogue, visible: AbstractSet[AssetId] | None) -> None:
        self._catalogue = catalogue
        self._visible = visible
        self._live = Reach(catalogue)
        self._folders: dict[CollectionId, str] = {}

    def of(self, asset: AssetId) -> tuple[str, bool] | None:
        row = self._catalogue.assets.get(asset)
        if self._visible is not None and asset not in self._visible:
            return None
        if row is None:
            return f"/asset {asset}", False
        folder = row.asset.collection
        if folder not in self._folders:
            self._folders[folder] = folder_path(self._catalogue, folder)
        return f"{self._folders[folder]}/{file_name(row.asset)}", self._live.is_live(asset)


def _names(by: By, catalogue: Catalogue) -> Callable[[_Version, str], str]:
    """Which group a version at a path belongs to."""
    if by is By.ASSET:
        return lambda _, path: path
    if by is By.CHECKPOINT:
        return lambda version, path: f"{path}@{version.number}"
    people = {user: member.person.username for user, member in catalogue.members.items()}
    return lambda version, _: people.get(version.author, version.author)


def _versions(connection: Connection, view: View, catalogue: Catalogue) -> Iterator[_Version]:
    """Every version; for others than the owner those that they may read, of whatever asset."""
    viewer = view.viewer()
    c = tables.asset_checkpoint.c
    columns = (c.id, c.asset_id, c.created_at, c.author_id, c.file_size, c.chunks, c.trashed)
    found = connection.execute(
        select(*map(rows.raw, columns)).order_by(c.asset_id, c.created_at, rows.ROW_NUMBER)
    )
    numbers: dict[str, int] = {}
    for id_, asset, _, author, size, chunks, trashed in found:
        numbers[asset] = number = numbers.get(asset, 0) + 1
        if not view.is_owner:
            head = catalogue.versions_of(asset).head
            is_head = head is not None and head.id == id_
            if trashed != 0 or not (is_head or may_see_history(viewer)):
                continue
        yield _Version(
            asset, UserId(str(author)), number, max(rows.whole(size), 0), chunk_list(chunks), trashed != 0
        )
