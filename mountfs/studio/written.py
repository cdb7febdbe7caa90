"""From the nouns of the model to rows of the project file: the columns of what is new."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from mountfs.errors import NotFound
from mountfs.model import Asset, Checkpoint
from mountfs.storage import tables
from mountfs.studio import rows
from mountfs.studio.change import Change
from mountfs.studio.statuses import status_id


def asset_values(change: Change, asset: Asset, type_id: str) -> dict[str, object]:
    """The row of a new asset. NotFound for a status that the project does not have."""
    return {
        "id": asset.id,
        "created_at": rows.written_moment(asset.created_at),
        "mtime": change.now,
        "name": asset.name,
        "extension": asset.extension,
        "is_resource": asset.is_resource,
        "status_id": status_id(change, asset.status),
        "asset_type_id": type_id,
        "collection_id": asset.collection,
        "assignee_id": asset.assignee,
        "assigner_id": asset.assignee and change.viewer.person.id,
        "synced": False,
    }


def version_values(change: Change, checkpoint: Checkpoint, chunks: str, group: str) -> dict[str, object]:
    """The row of a new checkpoint. ``chunks`` as the column has them, joined by commas."""
    return {
        "id": checkpoint.id,
        "created_at": checkpoint.created_at,
        "mtime": change.now,
        "asset_id": checkpoint.asset,
        "xxhash_checksum": checkpoint.xxh3,
        "time_modified": checkpoint.mtime_ns // 1_000_000_000,
        "file_size": checkpoint.size,
        "chunks": chunks,
        "comment": checkpoint.comment,
        "author_id": checkpoint.author,
        "group_id": group,
        "preview_id": "",
        "trashed": False,
        "synced": False,
    }


def our_version_values(checkpoint: Checkpoint) -> dict[str, object]:
    """What of a checkpoint goes into the table of our own."""
    return {
        "checkpoint_id": checkpoint.id,
        "mtime_ns": checkpoint.mtime_ns,
        "executable": checkpoint.executable,
    }


def write_version(change: Change, checkpoint: Checkpoint, chunks: str) -> None:
    """Write one new checkpoint, in a group of its own."""
    values = version_values(change, checkpoint, chunks, change.new_id())
    change.connection.execute(insert(tables.asset_checkpoint).values(values))
    change.connection.execute(insert(tables.mountfs_checkpoint).values(our_version_values(checkpoint)))


def asset_types(connection: Connection) -> list[str]:
    """The names of the types an asset can have, ``generic`` first."""
    columns = tables.asset_type.c
    found = select(columns.name).order_by(columns.name != "generic", columns.name)
    return [str(name) for name in connection.execute(found).scalars()]


def asset_type_id(connection: Connection, name: str = "") -> str:
    """The id of a type of assets by its name; without one, of ``generic`` or the first there is. NotFound."""
    columns = tables.asset_type.c
    found = select(columns.id).order_by(columns.name != "generic", columns.name).limit(1)
    if name:
        found = found.where(columns.name == name)
    id_ = connection.execute(found).scalar()
    if id_ is None:
        raise NotFound(f"there is no type of files {name!r} in this project")
    return str(id_)
