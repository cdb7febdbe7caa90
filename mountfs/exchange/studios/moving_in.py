"""A project file moves into a studio: its rows, each value checked, into a file of the studio's own, and its
content, verified, beside that of the studio's other projects.

Nothing of the file itself is used: its tables, triggers and settings may be anything. The project keeps its
id, its people theirs, its versions their ids and authors; what is in its trash stays there.

Whoever has an account with the address of somebody in the file is that person from now on. Nobody becomes
an admin by what a file says: those are named by whoever moves it in, or taken in later. People without an
account stay in the file, as authors and assignees, and open nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from mountfs.errors import (
    ChunkCorrupt,
    ContentError,
    NotAProject,
    NotFound,
    ProjectFileError,
    StudioDataError,
)
from mountfs.exchange.cloning import insert_rows
from mountfs.exchange.meter import Meter
from mountfs.exchange.studios.values import COPIED, SETTINGS, checked_rows
from mountfs.exchange.verifying import Verification
from mountfs.model import (
    NOBODY,
    ROOT,
    Asset,
    CheckpointId,
    Chunk,
    ChunkId,
    ChunkRef,
    Collection,
    Person,
    ProjectId,
    UserId,
)
from mountfs.names import require_valid
from mountfs.storage import tables
from mountfs.storage.appear import alone_in, finish, remove, require_free, unfinished_name
from mountfs.storage.batches import batches
from mountfs.storage.collecting import named_chunks, stored_chunks
from mountfs.storage.create import FirstUser, create_project
from mountfs.storage.frames import contents
from mountfs.storage.open import open_project
from mountfs.storage.project import Project
from mountfs.studio.accounts import Account, AccountId, Accounts, Operator
from mountfs.studio.bound import BoundStudio
from mountfs.studio.hosting import HostedProject, Hosting
from mountfs.studio.joining import bring_in
from mountfs.studio.members import ADMIN
from mountfs.studio.outline import Outline
from mountfs.studio.service import StudioService

_WORKERS = 4
_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody in the file. ``account`` is None for those who have none; ``comes_in``: they open the project
    from now on. ``sees``: so many files, once it is there."""

    user: UserId
    username: str
    email: str
    role: str
    account: AccountId | None
    comes_in: bool
    sees: int = 0


@dataclass(slots=True)
class MovedIn:
    """What was moved in, or would be; ``bytes`` as content is stored."""

    project: ProjectId
    name: str
    versions: int
    chunks: int
    bytes: int
    people: list[Newcomer]
    admins: list[str] = field(default_factory=list)
    assigned: int = 0
    libraries: list[str] = field(default_factory=list)


class MovingIn:
    """One run. ``admins``: accounts that become admins of the project, in the file or not; ``persons``: who
    somebody in the file is, by username or address there, where the addresses do not tell."""

    def __init__(
        self,
        source: Project,
        accounts: Accounts,
        hosting: Hosting,
        by: Operator,
        meter: Meter,
        *,
        admins: Sequence[Account] = (),
        persons: Mapping[str, Account] | None = None,
        name: str | None = None,
    ) -> None:
        self._source = source
        self._accounts = accounts
        self._hosting = hosting
        self._by = by
        self._meter = meter
        self._admins = admins
        self._persons = {who.casefold(): account for who, account in (persons or {}).items()}
        self._name = name or source.name
        self._sizes: list[Chunk] = []
        self._tasks: tuple[frozenset[str], UserId] = (frozenset(), NOBODY)
        """Tasks that are somebody's from the first."""

    def check(self) -> MovedIn:
        """What would be moved in, and who would be whom. StudioDataError when the project is there already,
        NotAProject for rows that cannot be, NameInvalid for a name that no folder can have."""
        require_valid(self._name, at_root=True)
        if self._hosting.path(self._source.id).exists():
            raise StudioDataError(
                f"the project {self._source.id} is in this studio already; mountfs studio project list"
            )
        self._require_own_ids()
        people = self._users()
        with self._source.database.reading() as connection:
            for table in COPIED:
                for _ in checked_rows(connection, table, people):
                    pass
            names = named_chunks(connection)
            versions = connection.execute(select(tables.asset_checkpoint.c.id)).all()
        stored = stored_chunks(self._source)
        needed = {ChunkId(each) for each in names}
        return MovedIn(
            self._source.id,
            self._name,
            len(versions),
            len(needed),
            sum(stored.get(each, 0) for each in needed),
            list(self._newcomers()),
            [account.username for account in self._admins],
        )

    def run(self, *, assign: str | None = None, libraries: Sequence[str] = ()) -> MovedIn:
        """Move it in. ``assign``: who gets all tasks that nobody has, and the folders at the top; everybody
        sees ``libraries``. ContentError when content is damaged: then nothing has come in."""
        done = self.check()
        self._tasks = self._tasks_for(assign, libraries)
        done.assigned = len(self._tasks[0])
        path = self._hosting.path(self._source.id)
        with alone_in(path.parent):
            require_free(path)
            temporary = unfinished_name(path)
            remove(temporary)
            try:
                with self._begun(temporary) as target:
                    self._copy_content(target)
                    self._copy_rows(target)
                    flaws = Verification(target, self._meter).run().flaws
                    if flaws:
                        raise ContentError(f"what was copied is damaged: {flaws[0].path}: {flaws[0].reason}")
                finish(temporary, path)
            except BaseException:
                remove(temporary)
                raise
        hosted = self._hosting.project(self._source.id)
        self._take_in(hosted, done)
        self._hand_out(hosted, done, assign, libraries)
        done.people = [_seen_by(each, hosted) for each in done.people]
        return done

    # People

    def _newcomers(self) -> Iterator[Newcomer]:
        service = StudioService(self._source)
        studio = service.for_owner(service.author())
        admins = {account.id for account in self._admins}
        for person, role, *_ in studio.crew():
            account = self._account_of(person)
            comes_in = account is not None and (role.casefold() != ADMIN or account.id in admins)
            yield Newcomer(
                person.id,
                person.username,
                person.email,
                role,
                account.id if account is not None else None,
                comes_in,
            )

    def _account_of(self, person: Person) -> Account | None:
        email = person.email
        for who in (person.username, email):
            if (named := self._persons.get(who.casefold())) is not None:
                return named
        try:
            found = self._accounts.people.find(email)
        except NotFound:
            return None
        return found if found.email == email.strip().lower() else None

    def _require_own_ids(self) -> None:
        """NotAProject when somebody in the file has the id of an account that is another person: they would
        be them in the project."""
        for person in StudioService(self._source).people():
            try:
                account = self._accounts.people.find(person.id)
            except NotFound:
                continue
            if str(account.id) == str(person.id) and account.email != person.email.strip().lower():
                whose = f"another person's account, {account.username}"
                raise NotAProject(f"{person.username} in the file has the id of {whose}")

    def _users(self) -> frozenset[UserId]:
        return frozenset(each.id for each in StudioService(self._source).people())

    def _take_in(self, hosted: HostedProject, done: MovedIn) -> None:
        memberships = self._accounts.memberships
        for each in done.people:
            if each.comes_in and each.account is not None:
                memberships.add(self._by, hosted.project.id, each.account, user=each.user)
        inside = {each.account: each for each in done.people if each.comes_in}
        owner = hosted.service.for_keeper(self._by.name_in_audit)
        owner.because = "moved in"
        for account in self._admins:
            there = inside.get(account.id)
            if there is None:
                bring_in(hosted, memberships, self._by, owner, account, ADMIN)
            elif there.role.casefold() != ADMIN:
                owner.set_role(there.user, ADMIN)

    def _hand_out(
        self, hosted: HostedProject, done: MovedIn, assign: str | None, libraries: Sequence[str]
    ) -> None:
        owner = hosted.service.for_keeper(self._by.name_in_audit)
        owner.because = "moved in"
        outline = Outline(owner.tree())
        with owner.together():
            for path in libraries:
                folder = outline.at(path)
                if not isinstance(folder, Collection):
                    raise NotFound(f"{path}: there is no such folder")
                owner.share(folder.id)
                done.libraries.append(path.strip("/"))
            if assign is not None:
                user = self._user_of(hosted, assign)
                done.assigned += hand_to(owner, outline, user, done.libraries)

    def _tasks_for(self, assign: str | None, libraries: Sequence[str]) -> tuple[frozenset[str], UserId]:
        """The tasks that nobody has, and who gets them, if that is somebody in the file: in very many rows
        this is quicker than one act for each."""
        wanted = (assign or "").casefold()
        user = next(
            (
                each.user
                for each in self._newcomers()
                if wanted and wanted in (each.username.casefold(), each.email.casefold(), each.account)
            ),
            NOBODY,
        )
        if user == NOBODY:
            return frozenset(), NOBODY
        service = StudioService(self._source)
        outline = Outline(service.for_owner(service.author()).tree())
        return frozenset(thing.id for thing in _unassigned(outline, libraries)), user

    def _user_of(self, hosted: HostedProject, who: str) -> UserId:
        """Somebody by their account, or by their name in the file. UserUnknown."""
        with suppress(NotFound):
            account = self._accounts.people.find(who)
            membership = self._accounts.memberships.get(hosted.project.id, account.id)
            if membership.joining_as is None:
                return membership.user
        return hosted.service.for_user(who).viewer().person.id

    # Rows and content

    @contextmanager
    def _begun(self, temporary: Path) -> Iterator[Project]:
        ids = iter([str(self._source.id)])
        anybody = FirstUser("nobody@localhost", "nobody", "No", "Body")  # the rows bring the people
        create_project(
            temporary,
            name=self._name,
            author=anybody,
            mode="deflated",
            storage_dir=self._hosting.chunks,
            new_id=lambda: next(ids, None) or str(uuid4()),
        )
        temporary.chmod(0o600)
        with open_project(temporary, storage_dir=self._hosting.chunks) as target:
            yield target

    def _copy_content(self, target: Project) -> None:
        with self._source.database.reading() as connection:
            needed = sorted(named_chunks(connection))
        stored = stored_chunks(self._source)
        self._meter.begin(sum(stored.get(ChunkId(each), 0) for each in needed))

        def one(name: str) -> Chunk:
            chunk = ChunkId(name)
            frame = self._source.chunks.get(ChunkRef(CheckpointId(""), 0, Chunk(chunk, 0)))
            found = contents(frame)
            if found is None or found.id != chunk:
                raise ChunkCorrupt(chunk, "mountfs verify tells what it belongs to; nothing was moved in")
            target.chunks.put(chunk, frame)
            self._meter.advance(len(frame))
            return found

        with ThreadPoolExecutor(_WORKERS, "move in") as pool:
            for batch in batches(needed, _TOGETHER):
                self._sizes += pool.map(one, batch)

    def _copy_rows(self, target: Project) -> None:
        people = self._users()
        try:
            with self._source.database.reading() as source, target.database.writing() as connection:
                for table in COPIED[::-1]:
                    connection.exec_driver_sql(f'DELETE FROM "{table.name}"')
                connection.exec_driver_sql("DELETE FROM tomb")  # of the rows that a new file begins with
                for table in COPIED:
                    for batch in batches(checked_rows(source, table, people)):
                        for row in batch if table is tables.asset else ():
                            if row["id"] in self._tasks[0]:
                                row["assignee_id"] = self._tasks[1]
                        insert_rows(connection, table.name, batch)
                settings = select(tables.config.c.name, tables.config.c.value)
                for name, value in source.execute(settings):
                    if str(name).casefold() in SETTINGS and isinstance(value, str):
                        setting: dict[str, object] = {"name": name, "value": value, "mtime": 0, "synced": 0}
                        insert_rows(connection, "config", [setting])
                target.sizes.record(connection, sorted(set(self._sizes), key=lambda chunk: chunk.id))
        except DBAPIError as exc:
            raise ProjectFileError(f"rows of the file contradict each other: {exc.orig}") from exc


def hand_to(studio: BoundStudio, outline: Outline, user: UserId, libraries: Sequence[str]) -> int:
    """Give somebody the folders at the top, and all tasks that nobody has, but for libraries. How many
    tasks."""
    for thing in list(outline.children(ROOT).values()):
        if isinstance(thing, Collection) and not thing.is_shared and thing.name not in libraries:
            studio.assign(thing.id, user)
    tasks = _unassigned(outline, libraries)
    for task in tasks:
        studio.assign(task.id, user)
    return len(tasks)


def _unassigned(outline: Outline, libraries: Sequence[str]) -> list[Asset]:
    """The tasks that nobody has, but for those in libraries."""
    places = tuple(f"{library.strip('/')}/" for library in libraries)
    return [
        thing
        for path, thing in outline.walk()
        if isinstance(thing, Asset)
        and not (thing.is_resource or thing.is_link or path.startswith(places))
        and thing.assignee == NOBODY
    ]


def _seen_by(person: Newcomer, hosted: HostedProject) -> Newcomer:
    return replace(person, sees=len(hosted.service.for_user(person.user).tree().assets))
