"""Which versions of a project mounts on this machine stand on.

A draft is made over a version and reads from it what was not touched; a version on its way, and a local file,
may be another one's content. Who removes versions for good has to leave these. They are in the journals of
this user's mounts, also of those that are not mounted now. What cannot be asked is a reason to remove
nothing.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mountfs.errors import LocalStateError, MountError
from mountfs.model import CheckpointId
from mountfs.mountlock import folders_of
from mountfs.mountpoints import mounts

if TYPE_CHECKING:
    from mountfs.storage.project import Project


_CONTENT = "SELECT body FROM record WHERE kind NOT IN ('number', 'look', 'sync', 'folder')"
"""The records that may be about content: these kinds are about names and numbers, any other one counts."""


def versions_in_use(state_dir: Path, project: Project) -> frozenset[CheckpointId]:
    """The versions that this user's drafts and local files of a project need, and others that they mention.

    LocalStateError when a journal cannot be read, MountError when somebody else on this machine has the
    project mounted.
    """
    _require_ours(project.name, project.path)
    return frozenset(
        CheckpointId(text)
        for folder in folders_of(state_dir, project.id)
        if (folder / "journal.db").exists()
        for text in _mentioned(folder / "journal.db")
    )


def _require_ours(project_name: str, file: Path) -> None:
    # The mount table has no more of a mount than the project's name, which another project may have too.
    for mount in mounts():
        if not mount.is_ours or mount.source != project_name or mount.uid in (None, os.geteuid()):
            continue
        if _may_be_open_to(mount.uid, file):
            raise MountError(
                f"another user of this machine has {project_name} mounted at {mount.path}, and what they "
                "have not sent yet cannot be asked; try again when it is unmounted"
            )


def _may_be_open_to(uid: int | None, file: Path) -> bool:
    """Whether permissions let a user read a file: false only if they certainly do not."""
    if uid == 0:
        return True
    real = file.resolve()
    for place, owner, others in (
        (real, stat.S_IRUSR, stat.S_IRGRP | stat.S_IROTH),
        *((folder, stat.S_IXUSR, stat.S_IXGRP | stat.S_IXOTH) for folder in real.parents),
    ):
        found = place.stat()
        if not found.st_mode & (owner if found.st_uid == uid else others):
            return False
    return True


def _mentioned(journal: Path) -> Iterator[str]:
    """Every text in records that have content: whatever they call it, an id is an id."""
    try:
        place = f"file:{quote(os.fsencode(journal))}?mode=ro"
        with closing(sqlite3.connect(place, uri=True)) as connection:
            bodies = [
                body
                for (body,) in connection.execute(
                    "SELECT body FROM record WHERE kind NOT IN ('number', 'look', 'sync', 'folder')"
                )
            ]
        for body in bodies:
            yield from _texts(json.loads(body))
    except (sqlite3.Error, ValueError, TypeError) as exc:
        raise LocalStateError(
            f"{journal} cannot be read ({exc}), so what it needs is not known; mount the project once, or "
            "remove that folder if nothing in it matters"
        ) from exc


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
