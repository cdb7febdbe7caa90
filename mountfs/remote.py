"""A studio from this machine: which projects an account has there, and the parts of a mount of one.

What is kept here of a studio lies below ``studios`` in the state directory, one folder for each (studio,
account): the list of projects, what the studio has set, and a replica of each that was mounted
(`workspace.replica`). With them a mount comes up without network. Chunks are in one cache for all
(`content.disk_cache`).
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from mountfs import wire
from mountfs.config import private_folder
from mountfs.content.disk_cache import CachedStore, DiskCache, Limits
from mountfs.content.verifying import VerifyingStore
from mountfs.errors import LocalStateError, NotFound, StudioUnavailable, WireError
from mountfs.interfaces import ChunkStore
from mountfs.launch import Remote
from mountfs.model import ProjectId
from mountfs.transport.chunks import RemoteChunks
from mountfs.transport.client import StudioClient
from mountfs.transport.line import Line, Patience
from mountfs.transport.people import device
from mountfs.wire.settings import SettingsFacts, fault_of
from mountfs.workspace.replica import Replica
from mountfs.workspace.replicated import ReplicatedStudio

log = logging.getLogger(__name__)

_PROJECTS = "projects.json"
_SETTINGS = "settings.json"
_PLACE = "place"

_FIRST_ANSWER = 10.0
"""Seconds that a mount waits for the studio's first answer before it comes up without it."""


def projects(line: Line, state_dir: Path, email: str) -> list[wire.ProjectFacts]:
    """The projects that an account may open; without network, those it could the last time."""
    try:
        return _asked_projects(line, state_dir, email)
    except StudioUnavailable:
        if (known := _kept_projects(line, state_dir, email)) is None:
            raise
        return known


def _asked_projects(line: Line, state_dir: Path, email: str) -> list[wire.ProjectFacts]:
    found = line.ask("GET", "/projects", list[wire.ProjectFacts])
    _write(folder_of(state_dir, line.url, email) / _PROJECTS, wire.encode(found))
    return found


def _kept_projects(line: Line, state_dir: Path, email: str) -> list[wire.ProjectFacts] | None:
    with suppress(OSError, WireError):
        kept = (folder_of(state_dir, line.url, email) / _PROJECTS).read_bytes()
        return wire.decode(list[wire.ProjectFacts], kept)
    return None


def settings(line: Line, state_dir: Path, email: str) -> SettingsFacts:
    """What a studio has set for those who mount it; without network, what it had the last time."""
    with suppress(StudioUnavailable):
        return _asked_settings(line, state_dir, email)
    with suppress(OSError, WireError):
        kept = (folder_of(state_dir, line.url, email) / _SETTINGS).read_bytes()
        return wire.decode(SettingsFacts, kept)
    return SettingsFacts()


def _asked_settings(line: Line, state_dir: Path, email: str) -> SettingsFacts:
    said = line.ask("GET", "/settings", SettingsFacts)
    if fault := fault_of(said):
        log.warning("what the studio has set is not taken: %s", fault)
        said = SettingsFacts()
    _write(folder_of(state_dir, line.url, email) / _SETTINGS, wire.encode(said))
    return said


def is_first_time_at(place: Path, state_dir: Path, url: str, email: str) -> bool:
    """Whether a studio is mounted at another place than the last time this was asked."""
    known = folder_of(state_dir, url, email) / _PLACE
    with suppress(OSError):
        if known.read_bytes() == os.fsencode(place):
            return False
    _write(known, os.fsencode(place))
    return True


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


class Token:
    """What a session is opened with; another one takes its place when its owner has logged in again."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self) -> str:
        """The newest one."""
        return self._value

    def renew(self, value: str) -> None:
        """Use this one from now on."""
        self._value = value


@dataclass(frozen=True, slots=True)
class RemoteProject:
    """The parts of a mount of a studio's project. ``cache`` is None where this machine keeps no chunks."""

    id: ProjectId
    name: str
    studio: ReplicatedStudio
    chunks: ChunkStore
    cache: DiskCache | None
    warnings: tuple[str, ...]
    token: Token = field(repr=False)

    def renew(self, token: str) -> None:
        """Their owner has logged in again."""
        self.token.renew(token)
        self.studio.ask_again()


@contextmanager
def opened(remote: Remote, state_dir: Path) -> Iterator[RemoteProject]:
    """A project of a studio, for as long as the block lasts. Without network it is what was known last."""
    id_ = ProjectId(remote.project)
    token = Token(remote.token)
    with ExitStack() as stack:
        line = Line(remote.url, token, remote.ca_file, Patience(silence=remote.timeout), device())
        stack.callback(line.close)
        folder = folder_of(state_dir, remote.url, remote.email)
        replica = Replica(folder / f"{_name(id_)}.db", f"{remote.url} {id_} {remote.email}")
        studio = ReplicatedStudio(
            StudioClient(line, id_),
            replica,
            epoch=lambda: line.epoch,
            offline_days=lambda: _asked_settings(line, state_dir, remote.email).offline_days,
        )
        stack.callback(studio.close)
        remote_chunks = RemoteChunks(line, id_, require_reached=studio.require_reached)
        stack.callback(remote_chunks.close)
        warnings: list[str] = []
        cache: DiskCache | None = None
        try:
            cache = DiskCache(remote.cache_dir, _limits(remote))
        except (LocalStateError, OSError) as exc:
            warnings.append(f"chunks are not kept on this machine: {exc}")
        else:
            stack.callback(cache.close)
        known = _first_words(line, remote, state_dir, studio)
        if studio.offline_since is not None:
            warnings.append(
                f"the studio is not reached, shown is what was known here; what is saved waits ({studio.why})"
            )
        yield RemoteProject(
            id_,
            next((each.name for each in known if each.id == id_), remote.project),
            studio,
            VerifyingStore(remote_chunks) if cache is None else CachedStore(remote_chunks, cache),
            cache,
            tuple(warnings),
            token,
        )


def _first_words(
    line: Line, remote: Remote, state_dir: Path, studio: ReplicatedStudio
) -> list[wire.ProjectFacts]:
    """The account's projects. Whoever mounts without network is not to wait for it several times."""
    patience = Patience(tries=1, silence=min(_FIRST_ANSWER, remote.timeout))
    once = Line(line.url, line.token, line.ca_file, patience, line.device)
    try:
        return _asked_projects(once, state_dir, remote.email)
    except StudioUnavailable as exc:
        studio.lost(exc)
        return _kept_projects(line, state_dir, remote.email) or []
    finally:
        once.close()


def _limits(remote: Remote) -> Limits | None:
    if not remote.cache_size:
        return None
    usual = Limits.of_disk(private_folder(remote.cache_dir))
    return replace(usual, most=remote.cache_size)


def _name(id_: str) -> str:
    """An id as the name of one file: a studio may have made it to lead elsewhere."""
    return hashlib.sha256(id_.encode()).hexdigest()[:20]


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.chmod(0o600)
    beside.rename(path)
