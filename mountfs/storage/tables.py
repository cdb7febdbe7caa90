"""The tables of a project, column for column as both programs that share the file expect them.

The first 28 tables are the common format (schema version 1.9). Their odd corners are part of it: primary
keys without NOT NULL, `DATETIME` columns of integers, "none" as the empty string in columns with foreign
keys (which are therefore declared and never enforced), and unique names that compare without regard to
case. `FORMAT_TABLES` lists them in the order they are created; seven of them, which mountfs keeps and never
uses, stand in `kept_tables`.

The tables named ``mountfs_…`` are ours. The other program ignores them, and a project without them is whole:

- ``mountfs_chunk``: the raw size of a chunk whose content was verified here. ``seal`` ties the size to the
  hash, so that a damaged or exchanged row is noticed (see `chunk_sizes`).
- ``mountfs_checkpoint``: what the common format has no room for: a file's mtime in nanoseconds, its execute
  bit.
- ``mountfs_audit``: who did what, append-only.
- ``mountfs_unreferenced``: chunks that nothing named when they were last looked at, and since when (see
  `unreferenced`).

Indexes are named as in the format; `create_tables` makes them in the order of their names.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
    column,
    false,
    text,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from mountfs.model import Toggle
from mountfs.storage.columns import (
    FLAG,
    INTEGER,
    LONG_TEXT,
    MOMENT,
    NOCASE,
    SECONDS,
    TEXT,
    UNTYPED,
    flag,
    id_column,
    link,
    metadata,
    mtime_column,
    name_column,
    not_empty,
    words,
)
from mountfs.storage.kept_tables import (
    integration_asset_mapping,
    integration_collection_mapping,
    integration_project,
    workflow,
    workflow_asset,
    workflow_collection,
    workflow_link,
)

MODES = ("compact", "deflated", "object_storage")
"""Where chunks lie: in the file itself, in a directory, in an object store."""

config = Table(
    "config",
    metadata,
    Column("name", NOCASE, primary_key=True),
    Column("value", LONG_TEXT),
    mtime_column(),
    flag("synced"),
    not_empty("name"),
)

tomb = Table(
    "tomb",
    metadata,
    id_column(),
    mtime_column(),
    Column("table_name", UNTYPED, nullable=False),
    flag("synced"),
)

preview = Table(
    "preview",
    metadata,
    Column("hash", TEXT, primary_key=True, nullable=True),
    Column("preview", LargeBinary),
    words("extension", ""),
)

role = Table(
    "role",
    metadata,
    id_column(),
    mtime_column(),
    name_column(),
    flag("synced"),
    *(Column(toggle.value, FLAG, nullable=False, server_default=text("FALSE")) for toggle in Toggle),
    UniqueConstraint("name"),
    not_empty("name"),
)

user = Table(
    "user",
    metadata,
    id_column(),
    mtime_column(),
    Column("added_at", MOMENT, nullable=False),
    Column("first_name", TEXT),
    Column("last_name", TEXT),
    Column("username", NOCASE),
    name_column("email"),
    Column("photo", LargeBinary),
    words("role_id"),
    flag("synced"),
    UniqueConstraint("username"),
    UniqueConstraint("email"),
    link("role_id", "role.id"),
    *(not_empty(each) for each in ("first_name", "last_name", "username", "email")),
)

status = Table(
    "status",
    metadata,
    id_column(),
    mtime_column(),
    name_column(),
    name_column("short_name"),
    words("color", "#cccccc"),
    flag("synced"),
    UniqueConstraint("name"),
    UniqueConstraint("short_name"),
    not_empty("name"),
)


def _kind_table(name: str) -> Table:
    return Table(
        name,
        metadata,
        id_column(),
        mtime_column(),
        name_column(),
        name_column("icon"),
        flag("synced"),
        UniqueConstraint("name"),
        UniqueConstraint("icon"),
        not_empty("name"),
    )


def _label_table(name: str) -> Table:
    return Table(
        name,
        metadata,
        id_column(),
        mtime_column(),
        name_column(),
        flag("synced"),
        UniqueConstraint("name"),
        not_empty("name"),
    )


asset_type = _kind_table("asset_type")
collection_type = _kind_table("collection_type")
dependency_type = _label_table("dependency_type")
tag = _label_table("tag")

collection = Table(
    "collection",
    metadata,
    id_column(),
    Column("created_at", MOMENT, nullable=False),
    mtime_column(),
    name_column(),
    words("collection_path", ""),
    Column("description", TEXT),
    words("collection_type_id"),
    words("parent_id"),
    flag("trashed"),
    words("preview_id", ""),
    flag("synced"),
    flag("is_shared"),
    link("collection_type_id", "collection_type.id"),
    link("parent_id", "collection.id"),
    link("preview_id", "preview.hash"),
    UniqueConstraint("name", "parent_id"),
    not_empty("collection_type_id"),
    not_empty("name"),
    Index("idx_collection_parent", "parent_id"),
)

collection_assignee = Table(
    "collection_assignee",
    metadata,
    id_column(),
    mtime_column(),
    words("collection_id"),
    words("assignee_id", ""),
    words("assigner_id", ""),
    flag("synced"),
    link("collection_id", "collection.id"),
    link("assignee_id", "user.id"),
    link("assigner_id", "user.id"),
    UniqueConstraint("collection_id", "assignee_id"),
    not_empty("collection_id"),
)

asset = Table(
    "asset",
    metadata,
    id_column(),
    Column("created_at", MOMENT, nullable=False),
    mtime_column(),
    name_column(),
    words("description", ""),
    words("extension"),
    flag("is_resource"),
    flag("is_link"),
    words("pointer", ""),
    words("status_id"),
    words("asset_type_id"),
    words("collection_id", ""),
    words("assignee_id", ""),
    words("assigner_id", ""),
    words("preview_id", ""),
    flag("trashed"),
    flag("synced"),
    link("preview_id", "preview.hash"),
    link("status_id", "status.id"),
    link("asset_type_id", "asset_type.id"),
    link("collection_id", "collection.id"),
    link("assignee_id", "user.id"),
    link("assigner_id", "user.id"),
    UniqueConstraint("name", "collection_id", "extension"),
    not_empty("asset_type_id"),
    not_empty("name"),
    Index("idx_asset_assignee", "assignee_id"),
    Index("idx_asset_assigner", "assigner_id"),
    Index("idx_asset_collection", "collection_id"),
    Index("idx_asset_preview", "preview_id"),
    Index("idx_asset_type", "asset_type_id"),
)

asset_checkpoint = Table(
    "asset_checkpoint",
    metadata,
    id_column(),
    Column("created_at", SECONDS, nullable=False),
    mtime_column(),
    words("asset_id"),
    words("xxhash_checksum"),
    Column("time_modified", INTEGER, nullable=False),
    Column("file_size", INTEGER, nullable=False),
    words("chunks"),
    words("comment", ""),
    words("author_id"),
    words("group_id", ""),
    words("preview_id", ""),
    flag("trashed"),
    flag("synced"),
    link("preview_id", "preview.hash"),
    link("asset_id", "asset.id"),
    link("author_id", "user.id"),
)


def _dependency_table(name: str, on: str) -> Table:
    return Table(
        name,
        metadata,
        id_column(),
        mtime_column(),
        words("asset_id"),
        words("dependency_id"),
        words("dependency_type_id"),
        flag("synced"),
        link("asset_id", "asset.id"),
        link("dependency_id", f"{on}.id"),
        link("dependency_type_id", "dependency_type.id"),
        UniqueConstraint("asset_id", "dependency_id"),
        Index(f"idx_{name}_asset", "asset_id"),
    )


asset_dependency = _dependency_table("asset_dependency", "asset")
collection_dependency = _dependency_table("collection_dependency", "collection")

asset_tag = Table(
    "asset_tag",
    metadata,
    id_column(),
    mtime_column(),
    words("asset_id"),
    words("tag_id"),
    flag("synced"),
    link("asset_id", "asset.id"),
    link("tag_id", "tag.id"),
    UniqueConstraint("asset_id", "tag_id"),
    Index("idx_asset_tag_asset", "asset_id"),
    Index("idx_asset_tag_tag", "tag_id"),
)

template = Table(
    "template",
    metadata,
    id_column(),
    mtime_column(),
    name_column(),
    words("extension"),
    words("xxhash_checksum"),
    Column("file_size", INTEGER, nullable=False),
    words("chunks"),
    flag("trashed"),
    flag("synced"),
    UniqueConstraint("name", "extension"),
    not_empty("name"),
)

chunk = Table(
    "chunk",
    metadata,
    Column("hash", TEXT, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("size", INTEGER, nullable=False),
)

chunk_ref = Table(
    "chunk_ref",
    metadata,
    Column("hash", TEXT, primary_key=True),
    words("storage_key"),
    Column("size", INTEGER, nullable=False),
    Column("created_at", INTEGER, nullable=False),
)

project_storage = Table(
    "project_storage",
    metadata,
    Column("id", INTEGER, primary_key=True, nullable=True, autoincrement=False),
    words("mode"),
    Column("updated_at", INTEGER, nullable=False),
    CheckConstraint(column("id") == 1),
    CheckConstraint(column("mode").in_(MODES)),
)

KEPT_TABLES = (
    workflow,
    workflow_link,
    workflow_collection,
    workflow_asset,
    integration_project,
    integration_collection_mapping,
    integration_asset_mapping,
)
FORMAT_TABLES = tuple(metadata.sorted_tables)

mountfs_chunk = Table(
    "mountfs_chunk",
    metadata,
    Column("hash", TEXT, primary_key=True),
    Column("raw_size", INTEGER, nullable=False),
    Column("seal", TEXT, nullable=False),
    sqlite_with_rowid=False,  # Always asked by hash, and half the pages are read without a second tree.
)

mountfs_checkpoint = Table(
    "mountfs_checkpoint",
    metadata,
    Column("checkpoint_id", TEXT, primary_key=True),
    Column("mtime_ns", INTEGER, nullable=False),
    Column("executable", FLAG, nullable=False, server_default=false()),
)

mountfs_audit = Table(
    "mountfs_audit",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("at", INTEGER, nullable=False),
    Column("actor_id", TEXT, nullable=False),
    Column("act", TEXT, nullable=False),
    Column("subject", TEXT, nullable=False),
    Column("detail", TEXT, nullable=False, server_default=text("'{}'")),
    Index("idx_mountfs_audit_at", "at"),
)

mountfs_unreferenced = Table(
    "mountfs_unreferenced",
    metadata,
    Column("hash", TEXT, primary_key=True),
    Column("seen_at", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)

OUR_TABLES = (mountfs_chunk, mountfs_checkpoint, mountfs_audit, mountfs_unreferenced)


def create_tables(connection: Connection, tables: tuple[Table, ...]) -> None:
    """Create tables and their indexes, leaving alone what exists."""
    for table in tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            connection.execute(CreateIndex(index, if_not_exists=True))
