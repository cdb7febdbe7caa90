"""The folder that a studio is backed up to, as ``docs/formats.md`` describes it::

    backup.json                      which studio's backups these are
    chunks/PROJECT/chunks/hh/hh/…    the content of all states, each piece once
    states/20261121T203015Z/         a state: the databases as they were at one moment
        state.json                   what else is in it, and what it needs; written last
        studio.db  signing.key
        projects/PROJECT.clst  projects/PROJECT.chunks

A state gets its name when everything in it is on the disk, and all content that it names. Whoever can read
the folder can read the whole studio, so it is closed to others.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeVar

from mountfs import wire
from mountfs.config import private_folder
from mountfs.errors import StorageUnavailable, StudioDataError, WireError
from mountfs.model import ChunkId, ProjectId
from mountfs.storage.chunk_files import sync_folder
from mountfs.storage.holding import alone_with
from mountfs.studio.data_folder import CHUNKS, PROJECTS

FORMAT = 1
STATE = "state.json"

_LARGEST = 256 << 20
_PART = ".unfinished"


@dataclass(frozen=True, slots=True)
class Owner:
    """``backup.json``: whose backups these are."""

    format: int
    studio: str


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a state: its name below the state, its length, and its SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class KeptProject:
    """A project of a state. ``chunks`` of content are needed, which take ``bytes`` as they are stored."""

    id: ProjectId
    name: str
    chunks: int
    bytes: int


@dataclass(frozen=True, slots=True)
class State:
    """``state.json``. ``made_at`` in Unix seconds; ``flaws``: what was damaged in the studio already."""

    format: int
    studio: str
    epoch: str
    made_at: int
    program: str
    files: list[KeptFile]
    projects: list[KeptProject]
    flaws: list[str] = field(default_factory=list)


Known = TypeVar("Known", Owner, State)


class BackupFolder:
    """One such folder. Nothing is made before `begin`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.chunks = self.path / CHUNKS
        self._states = self.path / "states"

    # Reading

    def owner(self) -> str | None:
        """The id of the studio whose backups these are; None for a folder that holds nothing.
        StudioDataError for one that holds something else."""
        about = self.path / "backup.json"
        if not about.exists():
            if self.path.is_dir() and any(self.path.iterdir()):
                raise StudioDataError(f"{self.path} is no folder of backups, and not empty")
            return None
        return _decoded(Owner, about).studio

    def names(self) -> list[str]:
        """All states, oldest first."""
        if not self._states.is_dir():
            return []
        return sorted(each.name for each in self._states.iterdir() if not each.name.startswith("."))

    def pick(self, name: str | None) -> str:
        """A state's name; None is for the newest. StudioDataError when there is no such state."""
        if self.owner() is None or not self.names():
            raise StudioDataError(f"there is no backup in {self.path}")
        names = self.names()
        if name is None:
            return names[-1]
        if name not in names:
            raise StudioDataError(f"{self.path} has no state {name}; there are: {', '.join(names)}")
        return name

    def at(self, name: str) -> Path:
        """Where a state lies."""
        return self._states / name

    def state(self, name: str) -> State:
        """What a state says of itself. StudioDataError when it is damaged."""
        found = _decoded(State, self.at(name) / STATE)
        for file in found.files:
            parts = PurePosixPath(file.name).parts
            if not parts or parts[0] == "/" or ".." in parts:
                raise StudioDataError(f"{self.at(name) / STATE} names files elsewhere")
        return found

    def require_sound(self, name: str, state: State) -> None:
        """StudioDataError unless all files of a state are as they were written."""
        for file in state.files:
            if look_at(self.at(name), file.name) != file:
                raise StudioDataError(f"{self.at(name) / file.name} is not as it was written: it is damaged")

    def needed(self, name: str, project: ProjectId) -> Iterator[tuple[ChunkId, int]]:
        """The chunks of a project, each with the length of its frame."""
        path = self.at(name) / list_of(project)
        try:
            with path.open(encoding="ascii") as lines:
                for line in lines:
                    chunk, _, length = line.rstrip("\n").partition(" ")
                    yield ChunkId(chunk), int(length)
        except (OSError, ValueError) as exc:
            raise StudioDataError(f"{path} cannot be read: it is damaged") from exc

    # Writing

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one who makes states here; the folder is made if need be. StudioDataError."""
        private_folder(self.path)
        with alone_with(self.path, StudioDataError(f"another backup to {self.path} is running")):
            yield

    def begin(self, studio: str) -> Path:
        """An empty folder for a new state; what runs that were stopped left is gone."""
        if self.owner() is None:
            write_durably(self.path / "backup.json", wire.encode(Owner(FORMAT, studio)))
        private_folder(self.chunks)
        private_folder(self._states)
        for left in self._states.glob(".*"):
            shutil.rmtree(left)
        return private_folder(private_folder(self._states / _PART) / PROJECTS).parent

    def finish(self, part: Path, state: State) -> str:
        """Give a state its name, which tells its time."""
        write_durably(part / STATE, wire.encode(state))
        for folder in (part / PROJECTS, part):
            sync_folder(folder)
        at = state.made_at
        while self.at(name := _name(at)).exists():
            at += 1  # two within a second
        part.rename(self.at(name))
        sync_folder(self._states)
        return name

    def drop(self, name: str) -> None:
        """Remove a state; what only it named stays, for `unneeded`."""
        gone = self._states / f".{name}"
        self.at(name).rename(gone)
        shutil.rmtree(gone)


def list_of(project: str) -> str:
    """The name of the list of a project's chunks, in a state."""
    return f"{PROJECTS}/{project}.chunks"


def file_of(project: str) -> str:
    """The name of a project's file, in a state and in a studio."""
    return f"{PROJECTS}/{project}.clst"


def look_at(folder: Path, name: str) -> KeptFile | None:
    """What a file is; None without one."""
    try:
        with (folder / name).open("rb") as file:
            return KeptFile(
                name, os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()
            )
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StorageUnavailable(f"{folder / name} cannot be read: {exc.strerror}") from exc


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read. StorageUnavailable."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        beside.rename(path)
        sync_folder(path.parent)
    except OSError as exc:
        raise StorageUnavailable(f"{path} cannot be written: {exc.strerror}") from exc


def _name(at: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))


def _decoded(kind: type[Known], path: Path) -> Known:
    try:
        if path.stat().st_size > _LARGEST:
            raise StudioDataError(f"{path} is damaged")
        found = wire.decode(kind, path.read_bytes())
    except FileNotFoundError:
        raise StudioDataError(f"{path} is not there: this is no backup") from None
    except OSError as exc:
        raise StorageUnavailable(f"{path} cannot be read: {exc.strerror}") from exc
    except WireError as exc:
        raise StudioDataError(f"{path} is damaged: {exc}") from exc
    if found.format != FORMAT:
        raise StudioDataError(f"{path} was written by a newer mountfs (its format is {found.format})")
    return found
