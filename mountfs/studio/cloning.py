"""What a project is to one viewer, as rows: for a project file of their own.

Only what the viewer sees is in it, and nothing tells of the rest: people they do not know of, dependencies on
hidden things, versions that their role does not show, the trash, the audit. Ids, times, authors and manifests
stay, so that a version is the same version in both files.

The viewer is an admin of the clone, whatever they are in the project: it is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, inspect, select

from mountfs.model import CheckpointId, ChunkId, Toggle
from mountfs.rights import may_see_history
from mountfs.storage import kept_tables, tables
from mountfs.storage.integrity import chunk_list
from mountfs.studio import rows
from mountfs.studio.catalogue import Catalogue
from mountfs.studio.members import ADMIN
from mountfs.studio.permissions import Act, require
from mountfs.studio.view import View

Values = dict[str, Any]

SETTINGS = ("project_name", "ignore_list", "project_icon")
"""What of the configuration is the clone's too."""


@dataclass(frozen=True, slots=True)
class Clone:
    """``rows`` by table, those that others hang on first. ``checkpoints`` are the versions with content, and
    ``loose`` are contents without a version (templates): chunks and size."""

    rows: Mapping[Table, list[Values]]
    checkpoints: tuple[CheckpointId, ...]
    loose: tuple[tuple[tuple[ChunkId, ...], int], ...]
    size: int

    def count(self, table: Table) -> int:
        """How many rows of a table."""
        return len(self.rows.get(table, ()))


def visible_rows(view: View) -> Clone:
    """All that the viewer sees. NotPermitted for one who may not read content."""
    people = view.tree().people
    with view.looking() as (connection, catalogue, sight):
        viewer = view.viewer()
        require(viewer, Act.READ_CONTENT)
        reader = _Rows(connection, people.keys())
        history = may_see_history(viewer)
        admins = {id_ for id_, role in catalogue.roles.items() if role.name.casefold() == ADMIN}

        def user(row: Values) -> bool:
            if row["id"] == viewer.person.id and not viewer.owner and row["role_id"] not in admins:
                row["role_id"] = min(admins, default=row["role_id"])
            if not viewer.owner:
                row["photo"] = b""
            return row["id"] in people

        def version(row: Values) -> bool:
            head = catalogue.versions_of(row["asset_id"]).head
            is_head = head is not None and head.id == row["id"]
            return row["asset_id"] in sight.assets and row["trashed"] == 0 and (history or is_head)

        found: dict[Table, list[Values]] = {}
        for table in (
            tables.role,
            tables.status,
            tables.asset_type,
            tables.collection_type,
            tables.dependency_type,
        ):
            found[table] = reader.all(table)
        found[tables.user] = reader.some(tables.user, user)
        folders = reader.some(tables.collection, lambda row: row["id"] in sight.collections)
        found[tables.collection] = sorted(folders, key=lambda row: _depth(catalogue, row["id"]))
        found[tables.collection_assignee] = reader.some(
            tables.collection_assignee,
            lambda row: (
                row["collection_id"] in sight.collections
                and (viewer.owner or row["assignee_id"] == viewer.person.id)
                and row["assignee_id"] in people
            ),
        )
        found[tables.asset] = reader.some(tables.asset, lambda row: row["id"] in sight.assets)
        versions = found[tables.asset_checkpoint] = reader.some(tables.asset_checkpoint, version)
        ids = {row["id"] for row in versions}
        if rows.has_ours(connection):
            found[tables.mountfs_checkpoint] = reader.some(
                tables.mountfs_checkpoint, lambda row: row["checkpoint_id"] in ids
            )
        found[tables.asset_dependency] = reader.some(
            tables.asset_dependency,
            lambda row: row["asset_id"] in sight.assets and row["dependency_id"] in sight.assets,
        )
        found[tables.collection_dependency] = reader.some(
            tables.collection_dependency,
            lambda row: row["asset_id"] in sight.assets and row["dependency_id"] in sight.collections,
        )
        tagged = found[tables.asset_tag] = reader.some(
            tables.asset_tag, lambda row: row["asset_id"] in sight.assets
        )
        tags = {row["tag_id"] for row in tagged}
        found[tables.tag] = reader.some(tables.tag, lambda row: viewer.owner or row["id"] in tags)
        loose = []
        if viewer.owner or Toggle.VIEW_TEMPLATE in viewer.may:
            templates = found[tables.template] = reader.some(tables.template, lambda row: row["trashed"] == 0)
            loose = [(chunk_list(row["chunks"]), rows.whole(row["file_size"])) for row in templates]
        if viewer.owner:
            for table in _WORKFLOWS:
                found[table] = reader.all(table)
        shown = {row["preview_id"] for each in (folders, found[tables.asset], versions) for row in each}
        found[tables.preview] = reader.some(tables.preview, lambda row: row["hash"] in shown)
        found[tables.config] = reader.some(tables.config, lambda row: str(row["name"]).casefold() in SETTINGS)
    size = sum(max(rows.whole(row["file_size"]), 0) for row in versions)
    return Clone(found, tuple(CheckpointId(row["id"]) for row in versions), tuple(loose), size)


_WORKFLOWS = (
    kept_tables.workflow,
    kept_tables.workflow_link,
    kept_tables.workflow_collection,
    kept_tables.workflow_asset,
)


class _Rows:
    """Rows as they lie in the file, without what the driver would make of them."""

    def __init__(self, connection: Connection, people: AbstractSet[str]) -> None:
        self._connection = connection
        self._people = people
        self._there = set(inspect(connection).get_table_names())

    def all(self, table: Table) -> list[Values]:
        """Every row of a table."""
        return self.some(table, lambda _: True)

    def some(self, table: Table, belongs: Callable[[Values], bool]) -> list[Values]:
        """The rows of a table that belong to the clone."""
        return [row for row in self._read(table) if belongs(row)]

    def _read(self, table: Table) -> Iterator[Values]:
        if table.name not in self._there:
            return
        statement = select(*map(rows.raw, table.c)).order_by(*_in_order(table))
        for found in self._connection.execute(statement).mappings():
            row = dict(found)
            for name in ("assignee_id", "assigner_id", "author_id"):
                if name in row and row[name] not in self._people:
                    row[name] = ""
            if "synced" in row:
                row["synced"] = 0
            yield row


def _in_order(table: Table) -> tuple[Any, ...]:
    return () if table is tables.mountfs_checkpoint else (rows.ROW_NUMBER,)


def _depth(catalogue: Catalogue, folder: str) -> int:
    depth = 0
    while (row := catalogue.collections.get(folder)) is not None:  # type: ignore[call-overload]  # a foreign id
        folder = row.collection.parent
        depth += 1
    return depth
