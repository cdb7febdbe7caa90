"""What a new project begins with: configuration, roles, statuses, types, and its first admin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert

from mountfs.model import ProjectId, Toggle, UserId
from mountfs.storage.tables import (
    asset_type,
    collection_type,
    config,
    dependency_type,
    project_storage,
    role,
    status,
    user,
)

_ARTIST = {Toggle.VIEW_CHECKPOINT, Toggle.CREATE_CHECKPOINT, Toggle.PULL_CHUNK, Toggle.CHANGE_STATUS}
_ASSISTANT = _ARTIST | {
    Toggle.VIEW_ASSET,
    Toggle.SET_DONE_ASSET,
    Toggle.SET_RETAKE_ASSET,
    Toggle.VIEW_DONE_ASSET,
}
_MANAGER = {
    Toggle.VIEW_COLLECTION,
    Toggle.CREATE_COLLECTION,
    Toggle.UPDATE_COLLECTION,
    Toggle.VIEW_ASSET,
    Toggle.CREATE_ASSET,
    Toggle.UPDATE_ASSET,
    Toggle.VIEW_TEMPLATE,
    Toggle.CREATE_TEMPLATE,
    Toggle.UPDATE_TEMPLATE,
    Toggle.VIEW_CHECKPOINT,
    Toggle.ASSIGN_ASSET,
    Toggle.UNASSIGN_ASSET,
    Toggle.CHANGE_STATUS,
    Toggle.SET_DONE_ASSET,
    Toggle.SET_RETAKE_ASSET,
    Toggle.VIEW_DONE_ASSET,
    Toggle.MANAGE_DEPENDENCIES,
}

ROLES: dict[str, frozenset[Toggle]] = {
    "admin": frozenset(Toggle),
    "production manager": frozenset(_MANAGER),
    "supervisor": frozenset(
        _ASSISTANT
        | {
            Toggle.VIEW_COLLECTION,
            Toggle.DELETE_CHECKPOINT,
            Toggle.ASSIGN_ASSET,
            Toggle.UNASSIGN_ASSET,
            Toggle.MANAGE_SHARE_LINKS,
        }
    ),
    "assistant supervisor": frozenset(_ASSISTANT),
    "artist": frozenset(_ARTIST),
    "vendor": frozenset(_ARTIST - {Toggle.CREATE_CHECKPOINT}),
}

STATUSES = (
    ("todo", "todo", "#c0c0c0"),
    ("ready", "ready", "#f6a000"),
    ("work in progress", "wip", "#7696ee"),
    ("waiting for approval", "wfa", "#986dd1"),
    ("retake", "retake", "#dd0620"),
    ("done", "done", "#51e064"),
)
"""Name, short name, colour."""

DEPENDENCY_TYPES = ("waiting on", "blocking", "linked", "working")


@dataclass(frozen=True, slots=True)
class FirstUser:
    """The admin a project begins with. Nothing may be empty: the format's checks refuse that. ``id`` is for
    somebody who has one already."""

    email: str
    username: str
    first_name: str
    last_name: str
    id: UserId | None = None


def fill(
    connection: Connection,
    *,
    project: ProjectId,
    name: str,
    version: str,
    mode: str,
    author: FirstUser,
    now: int,
    new_id: Callable[[], str],
) -> None:
    """Write the rows of a fresh project into empty tables. ``now`` is in Unix seconds."""
    settings = {
        "project_id": project,
        "project_name": name,
        "remote": "",
        "studio_name": "",
        "working_dir": "",
        "version": version,
    }
    connection.execute(
        insert(config), [{"name": key, "value": value, "mtime": now} for key, value in settings.items()]
    )
    role_ids = {each: new_id() for each in ROLES}
    connection.execute(
        insert(role),
        [
            {"id": role_ids[each], "mtime": now, "name": each}
            | {toggle.value: toggle in may for toggle in Toggle}
            for each, may in ROLES.items()
        ],
    )
    connection.execute(
        insert(status),
        [
            {"id": new_id(), "mtime": now, "name": each, "short_name": short, "color": color}
            for each, short, color in STATUSES
        ],
    )
    connection.execute(
        insert(dependency_type), [{"id": new_id(), "mtime": now, "name": each} for each in DEPENDENCY_TYPES]
    )
    connection.execute(insert(asset_type).values(id=new_id(), mtime=now, name="generic", icon="generic"))
    connection.execute(insert(collection_type).values(id=new_id(), mtime=now, name="generic", icon="folder"))
    connection.execute(insert(project_storage).values(id=1, mode=mode, updated_at=now))
    connection.execute(
        insert(user).values(
            id=author.id or new_id(),
            mtime=now,
            added_at=datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            first_name=author.first_name,
            last_name=author.last_name,
            username=author.username,
            email=author.email,
            photo=b"",
            role_id=role_ids["admin"],
        )
    )
