"""The nouns of mountfs: frozen values that every layer speaks in.

Nothing here decides, fetches or stores. Ids have types of their own, so that passing a checkpoint's id where
an asset's is wanted is a type error. Times are integers: Unix seconds for what the studio records
(``created_at``), nanoseconds for a file's modification time (``mtime_ns``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

ProjectId = NewType("ProjectId", str)
CollectionId = NewType("CollectionId", str)
AssetId = NewType("AssetId", str)
CheckpointId = NewType("CheckpointId", str)
UserId = NewType("UserId", str)
RoleId = NewType("RoleId", str)

ChunkId = NewType("ChunkId", str)
"""Lower-case hex SHA-256 of a chunk's raw bytes."""

Cursor = NewType("Cursor", str)
"""An opaque place in one subscriber's stream of changes."""

ROOT = CollectionId("")
"""The top of a project. Clustta's files write the empty string for "no parent" and "no collection"."""

NOBODY = UserId("")
"""No assignee."""

EMPTY_XXH3 = "2d06800538d394c2"
"""XXH3-64 of no bytes: the checksum of an empty file."""


class Toggle(StrEnum):
    """One right of a role; the value is the column of the project file's ``role`` table."""

    VIEW_COLLECTION = "view_collection"
    CREATE_COLLECTION = "create_collection"
    UPDATE_COLLECTION = "update_collection"
    DELETE_COLLECTION = "delete_collection"
    VIEW_ASSET = "view_asset"
    CREATE_ASSET = "create_asset"
    UPDATE_ASSET = "update_asset"
    DELETE_ASSET = "delete_asset"
    VIEW_TEMPLATE = "view_template"
    CREATE_TEMPLATE = "create_template"
    UPDATE_TEMPLATE = "update_template"
    DELETE_TEMPLATE = "delete_template"
    VIEW_CHECKPOINT = "view_checkpoint"
    CREATE_CHECKPOINT = "create_checkpoint"
    DELETE_CHECKPOINT = "delete_checkpoint"
    PULL_CHUNK = "pull_chunk"
    ASSIGN_ASSET = "assign_asset"
    UNASSIGN_ASSET = "unassign_asset"
    ADD_USER = "add_user"
    REMOVE_USER = "remove_user"
    CHANGE_ROLE = "change_role"
    CHANGE_STATUS = "change_status"
    SET_DONE_ASSET = "set_done_asset"
    SET_RETAKE_ASSET = "set_retake_asset"
    VIEW_DONE_ASSET = "view_done_asset"
    MANAGE_DEPENDENCIES = "manage_dependencies"
    MANAGE_SHARE_LINKS = "manage_share_links"


ALL_TOGGLES = frozenset(Toggle)


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of toggles."""

    id: RoleId
    name: str
    may: frozenset[Toggle]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody a viewer may know of: who shares something visible with them."""

    id: UserId
    username: str
    email: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose eyes a studio answer is for.

    ``owner`` is personal mode without ``--as``: everything is visible and everything may be done, and
    ``person`` is only the author that new checkpoints carry.
    """

    person: Person
    may: frozenset[Toggle]
    owner: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """A folder. ``parent`` is ROOT at the top."""

    id: CollectionId
    name: str
    parent: CollectionId
    is_shared: bool
    created_at: int
    mtime: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One immutable version of an asset, without its manifest.

    ``number`` is its rank among all checkpoints of the asset, trashed ones included, from 1. ``mtime_ns`` is
    the file's own modification time; ``executable`` whether the file had an execute bit when it was recorded.
    """

    id: CheckpointId
    asset: AssetId
    number: int
    created_at: int
    author: UserId
    size: int
    xxh3: str
    mtime_ns: int
    comment: str = ""
    executable: bool = False
    trashed: bool = False


@dataclass(frozen=True, slots=True)
class Asset:
    """A file. ``head`` is the checkpoint this reader gets; None for an asset without any, and for links."""

    id: AssetId
    name: str
    extension: str
    collection: CollectionId
    is_resource: bool
    is_link: bool
    pointer: str
    status: str
    assignee: UserId
    created_at: int
    head: Checkpoint | None

    @property
    def number(self) -> int:
        """The number of its newest checkpoint; 0 without any."""
        return self.head.number if self.head is not None else 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of content: its id and its raw size in bytes."""

    id: ChunkId
    size: int


@dataclass(frozen=True, slots=True)
class ChunkRef:
    """A chunk as it is asked for: through the checkpoint that makes it visible, never by its bare hash."""

    checkpoint: CheckpointId
    index: int
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Manifest:
    """The ordered chunks of one checkpoint; the sizes add up to ``size``."""

    checkpoint: CheckpointId
    size: int
    xxh3: str
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """All that one viewer sees at one moment, and the cursor from which changes follow."""

    viewer: Viewer
    cursor: Cursor
    collections: dict[CollectionId, Collection]
    assets: dict[AssetId, Asset]
    people: dict[UserId, Person]


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from the tree at an earlier cursor, for the same viewer.

    ``assets`` and ``collections`` are new or changed and carry their whole new value; ``gone_…`` are no
    longer visible, for whatever reason (the reason is nobody's business). ``reload`` says that the studio
    no longer knows the cursor: read the whole tree again.
    """

    cursor: Cursor
    assets: tuple[Asset, ...] = ()
    collections: tuple[Collection, ...] = ()
    gone_assets: tuple[AssetId, ...] = ()
    gone_collections: tuple[CollectionId, ...] = ()
    people: tuple[Person, ...] = ()
    viewer: Viewer | None = None
    reload: bool = False

    @property
    def about(self) -> set[AssetId | CollectionId]:
        """The assets and collections that something is said of."""
        return {
            *(asset.id for asset in self.assets),
            *(collection.id for collection in self.collections),
            *self.gone_assets,
            *self.gone_collections,
        }

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(
            self.reload
            or self.assets
            or self.collections
            or self.gone_assets
            or self.gone_collections
            or self.viewer
        )


@dataclass(frozen=True, slots=True)
class NewAsset:
    """What a proposal needs to know to bring a new asset into being."""

    name: str
    extension: str
    collection: CollectionId
    is_resource: bool
    assignee: UserId = NOBODY


@dataclass(frozen=True, slots=True)
class Proposal:
    """A finished version, offered to the studio.

    The ids are chosen by whoever proposes, once, so that offering the same thing again is recognised.
    ``base`` is the head the content was made from: None for a new asset's first checkpoint. ``new`` is there
    when the asset does not exist yet. ``group`` joins checkpoints made in one go.
    """

    id: CheckpointId
    asset: AssetId
    base: CheckpointId | None
    size: int
    xxh3: str
    mtime_ns: int
    chunks: tuple[Chunk, ...]
    comment: str = ""
    executable: bool = False
    group: str = ""
    new: NewAsset | None = field(default=None)
