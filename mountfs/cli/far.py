"""A studio's project as commands see it that are given a path in a mount of one.

What `interfaces.Studio` offers works as with a file; what else a command would ask says plainly that it
cannot be done from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.parse import quote, unquote, urlsplit

from mountfs.cli.studio_account import configured, line_of
from mountfs.errors import MountError, NotFound, UserUnknown
from mountfs.interfaces import ChunkStore
from mountfs.model import ProjectId, UserId
from mountfs.transport.chunks import RemoteChunks
from mountfs.transport.client import StudioClient
from mountfs.transport.line import Line
from mountfs.wire import people

if TYPE_CHECKING:
    from mountfs.storage.open import Project
    from mountfs.studio.service import BoundStudio


@dataclass(frozen=True, slots=True)
class FarProject:
    """What commands want to know of a project that lies in no file here."""

    id: ProjectId
    name: str
    path: str
    chunks: ChunkStore
    version: str = ""
    mode: str = "studio"


class FarStudio(StudioClient):
    """The studio, for commands."""

    def __getattr__(self, name: str) -> NoReturn:
        raise MountError(
            "this command works on project files; for a project of a studio it works on its machine only"
        )


@contextmanager
def opened_far(info: Mapping[str, Any]) -> Iterator[tuple[Project, BoundStudio]]:
    """The project that a mount of a studio shows, as its account sees it. Unauthenticated,
    StudioUnavailable."""
    remote = info["remote"]
    config, keys = configured()
    line = line_of(config, keys.find(remote["url"], remote["email"]))
    id_ = ProjectId(remote["project"])
    chunks = RemoteChunks(line, id_)
    try:
        project = FarProject(id_, info["project_name"], info["project"], chunks)
        # What else these two have, no command that gets this far asks for.
        yield cast("Project", project), cast("BoundStudio", FarStudio(line, id_))
    finally:
        chunks.close()
        line.close()


@contextmanager
def entered(address: str, email: str) -> Iterator[tuple[StudioClient, ChunkStore, Line]]:
    """A project at URL/PROJECT, as one's account sees it, and the way to it. NotFound for a project that is
    not theirs, Unauthenticated, StudioUnavailable."""
    from mountfs.keys import plain_email, studio_url
    from mountfs.remote import find_project, projects

    parts = urlsplit(address)
    url, name = studio_url(f"{parts.scheme}://{parts.netloc}"), unquote(parts.path).strip("/")
    if not name:
        raise NotFound(f"{address} names a studio and no project of it: URL/PROJECT")
    config, keys = configured()
    session = keys.find(url, plain_email(email))
    line = line_of(config, session)
    try:
        id_ = ProjectId(find_project(projects(line, config.state_dir, session.email), name).id)
        chunks = RemoteChunks(line, id_)
        try:
            yield StudioClient(line, id_), chunks, line
        finally:
            chunks.close()
    finally:
        line.close()


def member_named(line: Line, project: ProjectId, who: str) -> UserId:
    """One of a project's people, by username or e-mail address. UserUnknown, also for somebody whom one may
    not know of."""
    members = line.ask("GET", f"/projects/{quote(project, safe='')}/members", list[people.MemberFacts])
    for each in members:
        if who.casefold() in (each.username.casefold(), each.email.casefold()):
            return each.user
    raise UserUnknown(f"there is nobody called {who!r} in this project, as far as you may know")
