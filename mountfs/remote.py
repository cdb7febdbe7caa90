"""A studio from this machine: which projects an account has there, and the parts of a mount of one.

What is kept here of a studio lies below ``studios`` in the state directory, one folder for each (studio,
account): the list of projects, and a replica of each that was mounted (`workspace.replica`). With them a
mount comes up without network. Chunks are in one cache for all (`content.disk_cache`).
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mountfs import wire
from mountfs.config import private_folder
from mountfs.content.disk_cache import CachedStore, DiskCache
from mountfs.errors import LocalStateError, NotFound, StudioUnavailable, WireError
from mountfs.interfaces import ChunkStore, Studio
from mountfs.launch import Remote
from mountfs.model import ProjectId
from mountfs.transport.chunks import RemoteChunks
from mountfs.transport.client import StudioClient
from mountfs.transport.line import Line
from mountfs.workspace.replica import Replica
from mountfs.workspace.replicated import ReplicatedStudio

log = logging.getLogger(__name__)


def projects(line: Line, state_dir: Path, email: str) -> list[wire.ProjectFacts]:
    """The projects that an account may open; without network, those it could the last time."""
    kept = folder_of(state_dir, line.url, email) / "projects.json"
    try:
        found = line.ask("GET", "/projects", list[wire.ProjectFacts])
    except StudioUnavailable:
        with suppress(OSError, WireError):
            return wire.decode(list[wire.ProjectFacts], kept.read_bytes())
        raise
    _write(kept, wire.encode(found))
    return found


def find_project(known: list[wire.ProjectFacts], name: str) -> wire.ProjectFacts:
    """A project by its name or its id. NotFound, also when several are called so."""
    same = [each for each in known if name in (each.id, each.name)]
    same = same or [each for each in known if each.name.casefold() == name.casefold()]
    if len(same) != 1:
        why = (
            f"several projects are called {name!r}: name its id" if same else f"you have no project {name!r}"
        )
        listed = ", ".join(
            sorted(f"{each.name} ({each.id})" if same else each.name for each in same or known)
        )
        raise NotFound(f"{why} at this studio; there are: {listed or 'none that you are a member of'}")
    return same[0]


def folder_of(state_dir: Path, url: str, email: str) -> Path:
    """Where this machine keeps what it knows of a studio, as one account sees it."""
    short = hashlib.sha256(f"{url}\n{email}".encode()).hexdigest()[:20]
    return private_folder(private_folder(state_dir / "studios") / short)


@contextmanager
def opened(remote: Remote, state_dir: Path) -> Iterator[tuple[ProjectId, str, Studio, ChunkStore]]:
    """The project's id and name, its studio and its chunks, for as long as the block lasts."""
    id_ = ProjectId(remote.project)
    with ExitStack() as stack:
        line = Line(remote.url, lambda: remote.token, remote.ca_file)
        stack.callback(line.close)
        remote_chunks = RemoteChunks(line, id_)
        stack.callback(remote_chunks.close)
        chunks: ChunkStore = remote_chunks
        try:
            cache = DiskCache(remote.cache_dir)
        except LocalStateError as exc:
            log.warning("chunks are not kept on this machine: %s", exc)
        else:
            stack.callback(cache.close)
            chunks = CachedStore(remote_chunks, cache)
        folder = folder_of(state_dir, remote.url, remote.email)
        replica = Replica(folder / f"{_name(id_)}.db", f"{remote.url} {id_} {remote.email}")
        studio = ReplicatedStudio(StudioClient(line, id_), replica, epoch=lambda: line.epoch)
        stack.callback(studio.close)
        known = projects(line, state_dir, remote.email)
        name = next((each.name for each in known if each.id == id_), remote.project)
        yield id_, name, studio, chunks


def _name(id_: str) -> str:
    """An id as the name of one file: a studio may have made it to lead elsewhere."""
    return hashlib.sha256(id_.encode()).hexdigest()[:20]


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.chmod(0o600)
    beside.rename(path)
