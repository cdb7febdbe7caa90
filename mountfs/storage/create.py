"""Making a project file: whole, or not at all.

The file is built under another name in the same folder and linked to its own when it is complete, so that a
crash leaves no half project, and a file that is there already is never touched.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.pool import StaticPool

from mountfs.errors import ProjectFileError, StorageUnavailable
from mountfs.model import ProjectId
from mountfs.storage.appear import appear, remove, require_free
from mountfs.storage.connections import translated
from mountfs.storage.fresh import FirstUser, fill
from mountfs.storage.schema import build
from mountfs.storage.tables import MODES

__all__ = ["FirstUser", "create_project"]

VERSION = "1.9"


def _random_id() -> str:
    return str(uuid.uuid4())


def create_project(
    path: Path,
    *,
    name: str,
    author: FirstUser,
    mode: str = "compact",
    storage_dir: Path | None = None,
    clock: Callable[[], float] = time.time,
    new_id: Callable[[], str] = _random_id,
    private: bool = False,
) -> None:
    """Make a project at ``path``, where nothing may be yet. A `deflated` one gets ``storage_dir``, which is
    made if need be, for its chunks. ``private``: nobody else on this machine can read it (0600).

    ProjectFileError when something is in the way or a name is empty, StorageUnavailable when the disk is.
    """
    path = path.absolute()
    _check(path, name, author, mode, storage_dir)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        if storage_dir is not None:
            storage_dir.mkdir(parents=True, exist_ok=True)
        if private:  # SQLite gives its log files the mode of the file that they belong to
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        with translated(temporary):
            _build(temporary, name, author, mode, int(clock()), new_id)
        appear(temporary, path)
    except OSError as exc:
        raise StorageUnavailable(f"{path} cannot be made: {exc.strerror}") from exc
    finally:
        remove(temporary)


def _check(path: Path, name: str, author: FirstUser, mode: str, storage_dir: Path | None) -> None:
    require_free(path)
    if mode not in MODES or mode == "object_storage":
        raise ProjectFileError(f"a project cannot be made with its chunks in {mode!r}: compact or deflated")
    if (mode == "deflated") != (storage_dir is not None):
        raise ProjectFileError("a deflated project needs --storage-dir DIR for its chunks, others have none")
    if not all((name, author.email, author.username, author.first_name, author.last_name)):
        raise ProjectFileError("a project needs a name, and its first user an e-mail address and all names")


def _build(path: Path, name: str, author: FirstUser, mode: str, now: int, new_id: Callable[[], str]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)

        @event.listens_for(engine, "begin")
        def say_begin(begun: Connection) -> None:
            begun.exec_driver_sql("BEGIN IMMEDIATE")

        with engine.begin() as writing:
            build(writing)
            fill(
                writing,
                project=ProjectId(new_id()),
                name=name,
                version=VERSION,
                mode=mode,
                author=author,
                now=now,
                new_id=new_id,
            )
        engine.dispose()
    finally:
        connection.close()
