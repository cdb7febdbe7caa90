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
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mountfs.cli.paths import InMount
from mountfs.errors import LocalStateError, MountError, MountfsError
from mountfs.model import CheckpointId
from mountfs.mountlock import folders_of
from mountfs.mountpoints import mounts

if TYPE_CHECKING:
    from mountfs.storage.project import Project


_CONTENT = "SELECT body FROM record WHERE kind NOT IN ('number', 'look', 'sync', 'folder')"
"""The records that may be about content: these kinds are about names and numbers, any other one counts."""


def versions_in_use(state_dir: Path, project: Project) -> frozenset[CheckpointId]:
    """The versions that this user's drafts and local files of a project need, and others that they mention.

    LocalStateError when a journal cannot be read, MountError when a mount does not answer, or somebody else
    on this machine has the project mounted.
    """
    # A mount may have been made with another configuration than this command.
    places = {state_dir, *_places_of_mounts(project)}
    return frozenset(
        CheckpointId(text)
        for place in places
        for folder in folders_of(place, project.id)
        if (folder / "journal.db").exists()
        for text in _mentioned(folder / "journal.db")
    )


def _places_of_mounts(project: Project) -> list[Path]:
    """Where the mounts of a project keep their state. MountError for one that cannot be asked."""
    # The mount table has no more of a mount than a name.
    names = {project.name, str(project.path), project.path.name}
    silent: list[Path] = []
    known: list[Mapping[str, Any]] = []
    for mount in mounts():
        if not mount.is_ours:
            continue
        try:
            info = InMount(mount.path).info
        except MountfsError:
            if mount.source in names:
                silent.append(mount.path)
        else:
            if info["project_id"] == project.id:
                known.append(info)
    # Another project may have the same name.
    if silent and _open_elsewhere(project, {os.getpid(), *(int(info["pid"]) for info in known)}):
        raise MountError(
            f"{project.name} is mounted at {silent[0]}, by another user or another configuration: "
            "what is not sent there cannot be asked; try again when it is unmounted"
        )
    return [Path(info["state_dir"]) for info in known]


def _open_elsewhere(project: Project, known: set[int]) -> bool:
    """Whether a process other than the ``known`` ones has this very file open: false only if certainly none
    has.

    The kernel's list of locks names device and inode of each, for everybody to read. A process that has a
    project with a log open keeps a lock on it, and this one is such a process: the line of its own says how
    the list calls the file. Processes of another pid namespace than this one's are not in it.
    """
    number = project.path.stat().st_ino
    with project.database.fetching() as connection:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        connection.execute("SELECT count(*) FROM config").fetchone()
        held = [(int(pid), file) for pid, file in _locks() if file.rpartition(":")[2] == str(number)]
    ours = {file for pid, file in held if pid == os.getpid()}
    return mode != "wal" or len(ours) != 1 or any(file in ours and pid not in known for pid, file in held)


def _locks() -> Iterator[tuple[str, str]]:
    """The locks on this machine: the process, and the file as ``major:minor:inode``."""
    # 2: POSIX  ADVISORY  READ 17968 fe:00:3564310 1073741826 1073742335
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if len(fields) >= 8:
            yield fields[-4], fields[-3]


def _mentioned(journal: Path) -> Iterator[str]:
    """Every text in records that have content: whatever they call it, an id is an id."""
    try:
        place = f"file:{quote(os.fsencode(journal))}?mode=ro"
        with closing(sqlite3.connect(place, uri=True)) as connection:
            bodies = [body for (body,) in connection.execute(_CONTENT)]
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
