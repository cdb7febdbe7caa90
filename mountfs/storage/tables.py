"""The tables of a project, column for column as both programs that share the file expect them.

The first 28 tables are the common format (schema version 1.9). Their odd corners are part of it: primary
keys without NOT NULL, `DATETIME` columns of integers, "none" as the empty string in columns with foreign
keys (which are therefore declared and never enforced), and unique names that compare without regard to
case. `FORMAT_TABLES` lists them in the order they are created.

The tables named ``mountfs_…`` are ours. The other program ignores them, and a project without them is whole:

- ``mountfs_chunk``: the raw size of a chunk whose content was verified here. ``seal`` ties the size to the
  hash, so that a damaged or exchanged row is noticed (see `chunk_sizes`).
- ``mountfs_checkpoint``: what the common format has no room for: a file's mtime in nanoseconds, its execute
  bit.
- ``mountfs_audit``: who did what, append-only.

Indexes are named as in the format; `create_tables` makes them in the order of their names.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
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
    not_empty,
)

MODES = ("compact", "deflated", "object_storage")
"""Where chunks lie: in the file itself, in a directory, in an object store."""

metadata = MetaData()


def _id() -> Column[str]:
    return Column("id", TEXT, primary_key=True, nullable=True)


def _mtime() -> Column[int]:
    return Column("mtime", INTEGER, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, FLAG, nullable=False, server_default=false())


def _words(name: str, default: str | None = None) -> Column[str]:
    return Column(
        name, TEXT, nullable=False, server_default=None if default is None else text(f"'{default}'")
    )


def _name(name: str = "name") -> Column[str]:
    return Column(name, NOCASE, nullable=False)


def _link(column_name: str, target: str, on_delete: str | None = None) -> ForeignKeyConstraint:
    return ForeignKeyConstraint([column_name], [target], ondelete=on_delete)


config = Table(
    "config",
    metadata,
    Column("name", NOCASE, primary_key=True),
    Column("value", LONG_TEXT),
    _mtime(),
    _flag("synced"),
    not_empty("name"),
)

tomb = Table(
    "tomb",
    metadata,
    _id(),
    _mtime(),
    Column("table_name", UNTYPED, nullable=False),
    _flag("synced"),
)

preview = Table(
    "preview",
    metadata,
    Column("hash", TEXT, primary_key=True, nullable=True),
    Column("preview", LargeBinary),
    _words("extension", ""),
)

role = Table(
    "role",
    metadata,
    _id(),
    _mtime(),
    _name(),
    _flag("synced"),
    *(Column(toggle.value, FLAG, nullable=False, server_default=text("FALSE")) for toggle in Toggle),
    UniqueConstraint("name"),
    not_empty("name"),
)

user = Table(
    "user",
    metadata,
    _id(),
    _mtime(),
    Column("added_at", MOMENT, nullable=False),
    Column("first_name", TEXT),
    Column("last_name", TEXT),
    Column("username", NOCASE),
    _name("email"),
    Column("photo", LargeBinary),
    _words("role_id"),
    _flag("synced"),
    UniqueConstraint("username"),
    UniqueConstraint("email"),
    _link("role_id", "role.id"),
    *(not_empty(each) for each in ("first_name", "last_name", "username", "email")),
)

status = Table(
    "status",
    metadata,
    _id(),
    _mtime(),
    _name(),
    _name("short_name"),
    _words("color", "#cccccc"),
    _flag("synced"),
    UniqueConstraint("name"),
    UniqueConstraint("short_name"),
    not_empty("name"),
)


def _kind_table(name: str) -> Table:
    return Table(
        name,
        metadata,
        _id(),
        _mtime(),
        _name(),
        _name("icon"),
        _flag("synced"),
        UniqueConstraint("name"),
        UniqueConstraint("icon"),
        not_empty("name"),
    )


def _label_table(name: str, *, checked: bool) -> Table:
    checks = [not_empty("name")] if checked else []
    return Table(name, metadata, _id(), _mtime(), _name(), _flag("synced"), UniqueConstraint("name"), *checks)


asset_type = _kind_table("asset_type")
collection_type = _kind_table("collection_type")
dependency_type = _label_table("dependency_type", checked=True)
tag = _label_table("tag", checked=True)

collection = Table(
    "collection",
    metadata,
    _id(),
    Column("created_at", MOMENT, nullable=False),
    _mtime(),
    _name(),
    _words("collection_path", ""),
    Column("description", TEXT),
    _words("collection_type_id"),
    _words("parent_id"),
    _flag("trashed"),
    _words("preview_id", ""),
    _flag("synced"),
    _flag("is_shared"),
    _link("collection_type_id", "collection_type.id"),
    _link("parent_id", "collection.id"),
    _link("preview_id", "preview.hash"),
    UniqueConstraint("name", "parent_id"),
    not_empty("collection_type_id"),
    not_empty("name"),
    Index("idx_collection_parent", "parent_id"),
)

collection_assignee = Table(
    "collection_assignee",
    metadata,
    _id(),
    _mtime(),
    _words("collection_id"),
    _words("assignee_id", ""),
    _words("assigner_id", ""),
    _flag("synced"),
    _link("collection_id", "collection.id"),
    _link("assignee_id", "user.id"),
    _link("assigner_id", "user.id"),
    UniqueConstraint("collection_id", "assignee_id"),
    not_empty("collection_id"),
)

asset = Table(
    "asset",
    metadata,
    _id(),
    Column("created_at", MOMENT, nullable=False),
    _mtime(),
    _name(),
    _words("description", ""),
    _words("extension"),
    _flag("is_resource"),
    _flag("is_link"),
    _words("pointer", ""),
    _words("status_id"),
    _words("asset_type_id"),
    _words("collection_id", ""),
    _words("assignee_id", ""),
    _words("assigner_id", ""),
    _words("preview_id", ""),
    _flag("trashed"),
    _flag("synced"),
    _link("preview_id", "preview.hash"),
    _link("status_id", "status.id"),
    _link("asset_type_id", "asset_type.id"),
    _link("collection_id", "collection.id"),
    _link("assignee_id", "user.id"),
    _link("assigner_id", "user.id"),
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
    _id(),
    Column("created_at", SECONDS, nullable=False),
    _mtime(),
    _words("asset_id"),
    _words("xxhash_checksum"),
    Column("time_modified", INTEGER, nullable=False),
    Column("file_size", INTEGER, nullable=False),
    _words("chunks"),
    _words("comment", ""),
    _words("author_id"),
    _words("group_id", ""),
    _words("preview_id", ""),
    _flag("trashed"),
    _flag("synced"),
    _link("preview_id", "preview.hash"),
    _link("asset_id", "asset.id"),
    _link("author_id", "user.id"),
)


def _dependency_table(name: str, on: str) -> Table:
    return Table(
        name,
        metadata,
        _id(),
        _mtime(),
        _words("asset_id"),
        _words("dependency_id"),
        _words("dependency_type_id"),
        _flag("synced"),
        _link("asset_id", "asset.id"),
        _link("dependency_id", f"{on}.id"),
        _link("dependency_type_id", "dependency_type.id"),
        UniqueConstraint("asset_id", "dependency_id"),
        Index(f"idx_{name}_asset", "asset_id"),
    )


asset_dependency = _dependency_table("asset_dependency", "asset")
collection_dependency = _dependency_table("collection_dependency", "collection")

asset_tag = Table(
    "asset_tag",
    metadata,
    _id(),
    _mtime(),
    _words("asset_id"),
    _words("tag_id"),
    _flag("synced"),
    _link("asset_id", "asset.id"),
    _link("tag_id", "tag.id"),
    UniqueConstraint("asset_id", "tag_id"),
    Index("idx_asset_tag_asset", "asset_id"),
    Index("idx_asset_tag_tag", "tag_id"),
)

template = Table(
    "template",
    metadata,
    _id(),
    _mtime(),
    _name(),
    _words("extension"),
    _words("xxhash_checksum"),
    Column("file_size", INTEGER, nullable=False),
    _words("chunks"),
    _flag("trashed"),
    _flag("synced"),
    UniqueConstraint("name", "extension"),
    not_empty("name"),
)

workflow = _label_table("workflow", checked=False)

workflow_link = Table(
    "workflow_link",
    metadata,
    _id(),
    _mtime(),
    _name(),
    _words("collection_type_id"),
    _words("workflow_id"),
    _words("linked_workflow_id"),
    _flag("synced"),
    _link("workflow_id", "workflow.id"),
    _link("linked_workflow_id", "workflow.id"),
    _link("collection_type_id", "collection_type.id"),
    UniqueConstraint("workflow_id", "linked_workflow_id", "name"),
    not_empty("collection_type_id"),
)

workflow_collection = Table(
    "workflow_collection",
    metadata,
    _id(),
    _mtime(),
    _name(),
    _words("workflow_id"),
    _words("collection_type_id"),
    _flag("synced"),
    _link("workflow_id", "workflow.id"),
    _link("collection_type_id", "collection_type.id"),
    UniqueConstraint("name", "workflow_id"),
    *(not_empty(each) for each in ("workflow_id", "collection_type_id", "name")),
)

workflow_asset = Table(
    "workflow_asset",
    metadata,
    _id(),
    _mtime(),
    _name(),
    _words("workflow_id"),
    _flag("is_resource"),
    _flag("is_link"),
    _words("pointer", ""),
    _words("template_id"),
    _words("asset_type_id"),
    _flag("synced"),
    _link("workflow_id", "workflow.id"),
    _link("template_id", "template.id"),
    _link("asset_type_id", "asset_type.id"),
    UniqueConstraint("name", "workflow_id"),
    *(not_empty(each) for each in ("workflow_id", "template_id", "asset_type_id", "name")),
)

integration_project = Table(
    "integration_project",
    metadata,
    _id(),
    _mtime(),
    _words("integration_id"),
    _words("external_project_id"),
    _words("external_project_name", ""),
    _words("api_url", ""),
    _words("sync_options", "{}"),
    _words("linked_by_user_id", ""),
    _words("linked_at", ""),
    Column("enabled", INTEGER, nullable=False, server_default=text("1")),
    _flag("synced"),
)

integration_collection_mapping = Table(
    "integration_collection_mapping",
    metadata,
    _id(),
    _mtime(),
    _words("integration_id"),
    _words("external_id"),
    _words("external_type", ""),
    _words("external_name", ""),
    _words("external_parent_id", ""),
    _words("external_path", ""),
    _words("external_metadata", "{}"),
    _words("collection_id", ""),
    _words("synced_at", ""),
    _flag("synced"),
    _link("collection_id", "collection.id", "SET NULL"),
    UniqueConstraint("integration_id", "external_id"),
    Index("idx_integration_collection_mapping_collection", "collection_id"),
    Index("idx_integration_collection_mapping_external", "integration_id", "external_id"),
)

integration_asset_mapping = Table(
    "integration_asset_mapping",
    metadata,
    _id(),
    _mtime(),
    _words("integration_id"),
    _words("external_id"),
    *(_words(f"external_{each}", "") for each in ("name", "parent_id", "type", "status")),
    _words("external_assignees", "[]"),
    _words("external_metadata", "{}"),
    _words("asset_id", ""),
    _words("last_pushed_checkpoint_id", ""),
    _words("synced_at", ""),
    _flag("synced"),
    _link("asset_id", "asset.id", "SET NULL"),
    UniqueConstraint("integration_id", "external_id"),
    Index("idx_integration_asset_mapping_asset", "asset_id"),
    Index("idx_integration_asset_mapping_external", "integration_id", "external_id"),
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
    _words("storage_key"),
    Column("size", INTEGER, nullable=False),
    Column("created_at", INTEGER, nullable=False),
)

project_storage = Table(
    "project_storage",
    metadata,
    Column("id", INTEGER, primary_key=True, nullable=True, autoincrement=False),
    _words("mode"),
    Column("updated_at", INTEGER, nullable=False),
    CheckConstraint(column("id") == 1),
    CheckConstraint(column("mode").in_(MODES)),
)

FORMAT_TABLES = tuple(metadata.sorted_tables)

mountfs_chunk = Table(
    "mountfs_chunk",
    metadata,
    Column("hash", TEXT, primary_key=True),
    Column("raw_size", INTEGER, nullable=False),
    Column("seal", TEXT, nullable=False),
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

OUR_TABLES = (mountfs_chunk, mountfs_checkpoint, mountfs_audit)


def create_tables(connection: Connection, tables: tuple[Table, ...]) -> None:
    """Create tables and their indexes, leaving alone what exists."""
    for table in tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            connection.execute(CreateIndex(index, if_not_exists=True))
