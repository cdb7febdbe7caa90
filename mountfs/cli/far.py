"""A studio's project as commands see it that are given a path in a mount of one.

What commands ask of a project's file, they ask of the studio: each act checks there what it checks here. What
concerns the file itself (its space, its copies) is its operator's, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.parse import quote, unquote, urlsplit

from mountfs.cli.studio_account import configured, line_of
from mountfs.errors import MountError, NotFound, NotPermitted, Refused, UserUnknown
from mountfs.interfaces import ChunkStore
from mountfs.model import AssetId, CollectionId, Person, ProjectId, Role, Tree, UserId, Viewer
from mountfs.studio.access import Access, Answer, Because, Reason
from mountfs.studio.crew import Colleague
from mountfs.studio.permissions import NEEDS, Act
from mountfs.transport.acting import ActingClient
from mountfs.transport.chunks import RemoteChunks
from mountfs.transport.line import Line
from mountfs.wire import acts, people

if TYPE_CHECKING:
    from mountfs.storage.open import Project
    from mountfs.studio.service import BoundStudio

_NAMES: dict[Act, acts.Administering] = {
    Act.ASSIGN: "assign",
    Act.UNASSIGN: "unassign",
    Act.SHARE: "share",
    Act.UNSHARE: "unshare",
    Act.DEPEND: "depend",
    Act.UNDEPEND: "undepend",
    Act.SET_ROLE: "set_role",
}


@dataclass(frozen=True, slots=True)
class FarProject:
    """What commands want to know of a project that lies in no file here."""

    id: ProjectId
    name: str
    path: str
    chunks: ChunkStore
    version: str = ""
    mode: str = "studio"


class FarStudio(ActingClient):
    """The studio, for commands: what they ask a `BoundStudio` of a project's file, over the network."""

    is_owner = False

    def __init__(self, line: Line, project: ProjectId, chunks: ChunkStore) -> None:
        super().__init__(line, project)
        self.chunks = chunks
        self._viewer: Viewer | None = None
        self._rules: acts.Rules | None = None

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise MountError(
            "this command is about a project's file; for a project of a studio it works on its machine only"
        )

    def viewer(self) -> Viewer:
        """Whose eyes these answers are for; a command is over soon, so it asks once."""
        if self._viewer is None:
            self._viewer = super().viewer()
        return self._viewer

    def may(self, act: Act) -> bool:
        """Whether the viewer's role allows an act."""
        return self.viewer().may.issuperset(NEEDS[act])

    def require(self, act: Act) -> None:
        """NotPermitted for an act that the viewer's role does not allow: for whoever has to look something up
        first. The studio asks again when it is done."""
        for toggle in NEEDS[act]:
            if toggle not in self.viewer().may:
                raise NotPermitted(toggle)

    def administered(self, act: Act) -> Tree:
        """The names of everything that is not in the trash, for whoever may do an act of administration."""
        if act in (Act.ADD_USER, Act.REMOVE_USER):
            raise _accounts()
        return self.names(_NAMES[act])

    # The project's words and people

    def roles(self) -> list[Role]:
        """What each role allows, by name."""
        return self._known().roles

    def statuses(self) -> list[str]:
        """The short names of the statuses there are."""
        return self._known().statuses

    def asset_types(self) -> list[str]:
        """The names of the types that an asset can have."""
        return self._known().asset_types

    def dependency_types(self) -> list[str]:
        """The names of the types that a dependency can have."""
        return self._known().dependency_types

    def who_may(self, act: Act) -> list[Person]:
        """Those whose role allows it to give out work, by username."""
        assert act is Act.ASSIGN, "nobody asks for anything else"
        return self._known().helpers

    def crew(self) -> list[Colleague]:
        """The people whom the viewer may know of, by username."""
        return [
            Colleague(
                Person(each.user, each.username, each.email, each.name), each.role, each.tasks, each.folders
            )
            for each in self.members()
        ]

    def add_user(self, **_: object) -> NoReturn:
        """Nobody comes into a project of a studio without an account."""
        raise _accounts()

    def remove_user(self, _: UserId) -> NoReturn:
        """Nor do they leave it so."""
        raise _accounts()

    # Who sees what

    def folders_of(self, user: UserId, *, administration: bool = False) -> list[CollectionId]:
        """The collections that are assigned to somebody."""
        if administration:
            self.require(Act.ASSIGN)
        return [each.folder for each in self.folder_work() if each.user == user]

    def works_in(self, collection: CollectionId) -> list[Person]:
        """Those to whom a collection is assigned, by username."""
        self.require(Act.UNASSIGN)
        there = {each.user for each in self.folder_work() if each.folder == collection}
        return [each.person for each in self.crew() if each.person.id in there]

    def access(self, what: AssetId | CollectionId) -> Access:
        """What the viewer may do with a visible thing, and why they see it."""
        (found,) = self.accesses_to(what, administration=False)
        return _access(found)

    def accesses(self, what: AssetId | CollectionId) -> list[Access]:
        """The same for everybody in the project."""
        return [_access(each) for each in self.accesses_to(what, administration=True)]

    def _known(self) -> acts.Rules:
        if self._rules is None:
            self._rules = self.rules()
        return self._rules


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
        yield cast("Project", project), cast("BoundStudio", FarStudio(line, id_, chunks))
    finally:
        chunks.close()
        line.close()


@contextmanager
def entered(address: str, email: str) -> Iterator[tuple[ActingClient, ChunkStore, Line]]:
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
            yield ActingClient(line, id_), chunks, line
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


def _accounts() -> Refused:
    return Refused(
        "who is in a project of a studio is decided with the studio's accounts, on its machine: "
        "mountfs studio member, or mountfs studio invite for somebody new"
    )


def _access(found: acts.AccessFacts) -> Access:
    """Access, as commands know it. What a newer studio says beside that is left out, and what makes no
    sense."""
    known, reasons = {each.value for each in Act}, {each.value for each in Because}
    by_itself = {Because.TASK.value, Because.ABOVE.value}
    return Access(
        found.person,
        found.role,
        tuple(
            Reason(Because(each.because), tuple(AssetId(id_) for id_ in each.via))
            for each in found.reasons
            if each.because in reasons and (each.via or each.because in by_itself)
        ),
        {
            Act(each.act): Answer(each.allowed, each.lacks, each.assignee)
            for each in found.may
            if each.act in known
        },
    )
