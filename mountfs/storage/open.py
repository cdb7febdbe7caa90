"""Opening a project file: is it one, may it be written, and where do its chunks lie.

The file is looked at through a connection that cannot write before anything else happens, so that a file
that is refused is not touched. Only then is it opened for writing, and its triggers and views are made
ours.

Versions: the format known here is 1.9. A newer file is read (with a warning) and never written, since it
may hold rules that this program would break. An older one is refused: the program that made it knows how to
bring it up to date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select

from mountfs.errors import NotAProject, StorageUnavailable, WrongVersion
from mountfs.interfaces import ChunkStore
from mountfs.model import ProjectId
from mountfs.storage import schema
from mountfs.storage.chunk_sizes import ChunkSizes
from mountfs.storage.compact import CompactChunks
from mountfs.storage.database import Database
from mountfs.storage.deflated import DeflatedChunks
from mountfs.storage.project import Project
from mountfs.storage.tables import (
    MODES,
    OUR_TABLES,
    config,
    mountfs_chunk,
    mountfs_unreferenced,
    project_storage,
)

__all__ = ["Project", "open_project"]

VERSION = (1, 9)
OLDEST = (1, 2)
"""The oldest version that the other program brings up to date by opening it."""


def open_project(path: Path, *, storage_dir: Path | None = None, read_only: bool = False) -> Project:
    """Open a project file; ``storage_dir`` is where a `deflated` project keeps its chunks.

    NotAProject, WrongVersion, ForeignSchema (naming the trigger), ProjectBusy; StorageUnavailable when
    the chunks are not where they should be. A file that is refused has not been changed.
    """
    database = Database(path, read_only=True)
    try:
        with database.reading() as connection:
            found = schema.survey(connection)
            facts = _facts(connection, database.path)
        warnings = _judge(facts, found, database.path, read_only=read_only)
        if not read_only:
            schema.refuse_unknown(found)
        chunks_at = _storage_folder(facts.mode, storage_dir, database.path)
        if not read_only:
            database.close()
            database = _writable(path)
        ours = found.our_tables if read_only else {table.name for table in OUR_TABLES}
        chunks = _chunk_store(database, facts, chunks_at, lists_leaving=mountfs_unreferenced.name in ours)
        sizes = ChunkSizes(database, chunks, recorded=mountfs_chunk.name in ours)
        return Project(
            path=database.path,
            id=facts.id,
            name=facts.name,
            version=facts.version,
            mode=facts.mode,
            read_only=read_only,
            database=database,
            chunks=chunks,
            sizes=sizes,
            warnings=warnings,
        )
    except BaseException:
        database.close()
        raise


@dataclass(frozen=True, slots=True)
class _Facts:
    id: ProjectId
    name: str
    version: str
    mode: str


def _facts(connection: Connection, path: Path) -> _Facts:
    # Values may be text or blobs: both have been seen in files of the other program.
    rows = connection.execute(select(func.lower(config.c.name), config.c.value)).all()
    values = {name: _as_text(value) for name, value in rows}
    for needed in ("project_id", "version"):
        if not values.get(needed):
            raise NotAProject(f"{path} is not a project file: its configuration has no {needed!r}")
    if re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}", values["project_id"]) is None:
        raise NotAProject(f"{path} is not a project file: its project id is not an id")
    return _Facts(
        ProjectId(values["project_id"]),
        values.get("project_name", "") or path.stem,
        values["version"],
        _mode(connection, path),
    )


def _as_text(value: str | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _mode(connection: Connection, path: Path) -> str:
    there = connection.exec_driver_sql(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'project_storage'"
    ).scalar_one()
    if not there:
        return "compact"
    mode = connection.execute(select(project_storage.c.mode).where(project_storage.c.id == 1)).scalar()
    if mode is None:
        return "compact"
    if mode not in MODES:
        raise NotAProject(f"{path} keeps its chunks in a way that nobody here knows ({mode!r})")
    return str(mode)


def _judge(facts: _Facts, found: schema.Survey, path: Path, *, read_only: bool) -> list[str]:
    """Refuse a version that cannot be used so; say what the user of a read-only file should know."""
    match = re.fullmatch(r"(\d{1,4})\.(\d{1,4})(\.\d{1,4})*", facts.version)
    if match is None:
        raise WrongVersion(f"{path} has the format version {facts.version!r}, which is none")
    version = (int(match[1]), int(match[2]))
    if version < OLDEST:
        raise WrongVersion(f"{path} has the format version {facts.version}, which is too old to be used")
    if version < VERSION:
        raise WrongVersion(
            f"{path} has the format version {facts.version}; open it once in Clustta, which brings it to 1.9"
        )
    warnings = []
    if version > VERSION:
        if not read_only:
            raise WrongVersion(
                f"{path} has the format version {facts.version}, newer than 1.9: it can be opened read-only, "
                "and a newer mountfs may be able to write it"
            )
        warnings.append(f"{path.name} has the format version {facts.version}, newer than 1.9: read-only")
    if found.unknown_triggers:
        names = ", ".join(found.unknown_triggers)
        warnings.append(f"{path.name} carries triggers that mountfs does not know ({names}): read-only")
    return warnings


def _writable(path: Path) -> Database:
    database = Database(path)
    try:
        database.use_log()
        with database.writing() as connection:
            schema.mend(connection)
    except BaseException:
        database.close()
        raise
    return database


def _storage_folder(mode: str, given: Path | None, path: Path) -> Path | None:
    if mode == "object_storage":
        raise StorageUnavailable(
            f"{path} keeps its chunks in an object store, which mountfs cannot reach yet"
        )
    if mode != "deflated":
        return None
    if given is None:
        raise StorageUnavailable(
            f"{path} keeps its chunks in a folder and does not say which: name it with --storage-dir DIR"
        )
    if not given.is_dir():
        raise StorageUnavailable(f"--storage-dir: there is no folder {given}")
    return given.absolute()


def _chunk_store(
    database: Database, facts: _Facts, folder: Path | None, *, lists_leaving: bool
) -> ChunkStore:
    if folder is None:
        return CompactChunks(database, lists_leaving=lists_leaving)
    return DeflatedChunks(database, folder, facts.id, lists_leaving=lists_leaving)
