"""Tables that a project has and mountfs never uses: workflows, and links to production trackers.

They are made with every project and kept as they are, because the other program works with them.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, UniqueConstraint, text

from mountfs.storage.columns import (
    INTEGER,
    flag,
    id_column,
    link,
    metadata,
    mtime_column,
    name_column,
    not_empty,
    words,
)

workflow = Table(
    "workflow",
    metadata,
    id_column(),
    mtime_column(),
    name_column(),
    flag("synced"),
    UniqueConstraint("name"),
)

workflow_link = Table(
    "workflow_link",
    metadata,
    id_column(),
    mtime_column(),
    name_column(),
    words("collection_type_id"),
    words("workflow_id"),
    words("linked_workflow_id"),
    flag("synced"),
    link("workflow_id", "workflow.id"),
    link("linked_workflow_id", "workflow.id"),
    link("collection_type_id", "collection_type.id"),
    UniqueConstraint("workflow_id", "linked_workflow_id", "name"),
    not_empty("collection_type_id"),
)

workflow_collection = Table(
    "workflow_collection",
    metadata,
    id_column(),
    mtime_column(),
    name_column(),
    words("workflow_id"),
    words("collection_type_id"),
    flag("synced"),
    link("workflow_id", "workflow.id"),
    link("collection_type_id", "collection_type.id"),
    UniqueConstraint("name", "workflow_id"),
    *(not_empty(each) for each in ("workflow_id", "collection_type_id", "name")),
)

workflow_asset = Table(
    "workflow_asset",
    metadata,
    id_column(),
    mtime_column(),
    name_column(),
    words("workflow_id"),
    flag("is_resource"),
    flag("is_link"),
    words("pointer", ""),
    words("template_id"),
    words("asset_type_id"),
    flag("synced"),
    link("workflow_id", "workflow.id"),
    link("template_id", "template.id"),
    link("asset_type_id", "asset_type.id"),
    UniqueConstraint("name", "workflow_id"),
    *(not_empty(each) for each in ("workflow_id", "template_id", "asset_type_id", "name")),
)

integration_project = Table(
    "integration_project",
    metadata,
    id_column(),
    mtime_column(),
    words("integration_id"),
    words("external_project_id"),
    words("external_project_name", ""),
    words("api_url", ""),
    words("sync_options", "{}"),
    words("linked_by_user_id", ""),
    words("linked_at", ""),
    Column("enabled", INTEGER, nullable=False, server_default=text("1")),
    flag("synced"),
)

integration_collection_mapping = Table(
    "integration_collection_mapping",
    metadata,
    id_column(),
    mtime_column(),
    words("integration_id"),
    words("external_id"),
    words("external_type", ""),
    words("external_name", ""),
    words("external_parent_id", ""),
    words("external_path", ""),
    words("external_metadata", "{}"),
    words("collection_id", ""),
    words("synced_at", ""),
    flag("synced"),
    link("collection_id", "collection.id", "SET NULL"),
    UniqueConstraint("integration_id", "external_id"),
    Index("idx_integration_collection_mapping_collection", "collection_id"),
    Index("idx_integration_collection_mapping_external", "integration_id", "external_id"),
)

integration_asset_mapping = Table(
    "integration_asset_mapping",
    metadata,
    id_column(),
    mtime_column(),
    words("integration_id"),
    words("external_id"),
    *(words(f"external_{each}", "") for each in ("name", "parent_id", "type", "status")),
    words("external_assignees", "[]"),
    words("external_metadata", "{}"),
    words("asset_id", ""),
    words("last_pushed_checkpoint_id", ""),
    words("synced_at", ""),
    flag("synced"),
    link("asset_id", "asset.id", "SET NULL"),
    UniqueConstraint("integration_id", "external_id"),
    Index("idx_integration_asset_mapping_asset", "asset_id"),
    Index("idx_integration_asset_mapping_external", "integration_id", "external_id"),
)
