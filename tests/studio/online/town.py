"""A studio in which everybody is, who may ask it for something: members with every right and with none, those
who see and those who do not, people of another project, machines; and what they ask with."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from mountfs import wire
from mountfs.content.ingest import ingest
from mountfs.model import (
    ALL_TOGGLES,
    Asset,
    AssetId,
    CheckpointId,
    CollectionId,
    Proposal,
    UserId,
)
from mountfs.storage.create import FirstUser
from mountfs.studio.accounts import AccountId, MadeToken
from mountfs.studio.bound import BoundStudio
from mountfs.studio.hosting import HostedProject
from mountfs.studio.limits import USUAL, Limits
from mountfs.testing.online import OPERATOR, OnlineStudio, online_studio, password_of
from mountfs.testing.projects import Casting, add_files, arrange, new_id

ALLOWED, BLIND, LACKING, STRANGER = "mara", "iris", "nora", "oto"
"""Sees the secret folder and has every right; the same rights, and does not see it; sees it, and has no
right at all; is in another project."""

FILES = {
    "library/props/boat.obj": b"a boat",
    "secret/plan.txt": b"the plan" * 1000,
    "secret/map.png": bytes(range(256)) * 100,
    "other/task.blend": b"somebody else's task",
}


@dataclass(frozen=True, slots=True)
class Secret:
    """What is hidden from some: ids of an asset, of its version and folder, and its chunk."""

    asset: AssetId
    checkpoint: CheckpointId
    folder: CollectionId


class Town:
    """The studio, the project ``id``, and its people."""

    def __init__(self, online: OnlineStudio, data: Path) -> None:
        self.online = online
        self._data = data
        self.hosted = self._project("Harbor", FILES)
        self.id = self.hosted.project.id
        self.owner = self._owner()
        self.owner.create_role("everything", ALL_TOGGLES)
        self.owner.create_role("nothing", frozenset())
        casting = Casting(
            crew={ALLOWED: "everything", BLIND: "everything", LACKING: "nothing"},
            shared=["library"],
            folders={"secret": ALLOWED},
        )
        self._join(self.hosted, casting)
        self.owner.assign(self.folder("secret"), self._user(LACKING))
        other = self._project("Elsewhere", {"file.txt": b"elsewhere"})
        self.elsewhere = other.project.id
        self._join(other, Casting(crew={STRANGER: "artist"}))

    def _project(self, name: str, files: dict[str, bytes]) -> HostedProject:
        admin = FirstUser("root@harbor.example", "root", "Root", "-")
        hosted = self.online.house.hosting.create(name, admin)
        service = hosted.service
        add_files(service.for_owner(service.author()), files)
        return hosted

    def _join(self, hosted: HostedProject, casting: Casting) -> None:
        for username, user in arrange(hosted.service, casting).items():
            account = self.online.hire(username)
            self.online.house.accounts.memberships.add(OPERATOR, hosted.project.id, account.id, user=user)

    def _owner(self) -> BoundStudio:
        return self.hosted.service.for_owner(self.hosted.service.author())

    def _user(self, username: str) -> UserId:
        return next(each.id for each in self.hosted.service.people() if each.username == username)

    def account(self, username: str) -> str:
        """Somebody's account."""
        return self.online.caller(username).id

    def asset(self, path: str) -> Asset:
        """The asset at a path."""
        folder, _, name = path.rpartition("/")
        inside = self.folder(folder)
        return next(
            each
            for each in self.owner.tree().assets.values()
            if each.collection == inside and each.name + each.extension == name
        )

    def folder(self, path: str) -> CollectionId:
        """The collection at a path."""
        at = CollectionId("")
        for name in path.split("/") if path else ():
            at = next(
                each.id
                for each in self.owner.tree().collections.values()
                if each.parent == at and each.name == name
            )
        return at

    def secret(self, path: str = "secret/plan.txt") -> Secret:
        """What is hidden of a file."""
        asset = self.asset(path)
        assert asset.head is not None
        return Secret(asset.id, asset.head.id, asset.collection)

    def new_secret(self) -> Secret:
        """The same of a file that is made for the asker, and may be spoiled."""
        name = f"secret/{new_id()}.txt"
        add_files(self.owner, {name: name.encode()})
        return self.secret(name)

    def user(self, username: str) -> UserId:
        """Who somebody is in the project."""
        return self._user(username)

    def audit(self) -> list[tuple[str, str]]:
        """The project's own record: acts, and what they were about."""
        with self.owner.looking() as (connection, _, _):
            rows = connection.exec_driver_sql("SELECT act, subject FROM mountfs_audit ORDER BY rowid")
            return [(act, subject) for act, subject in rows]

    def new_folder(self) -> CollectionId:
        """A folder of those who see the secret one, with a file in it, which may be shown to everybody."""
        name = f"hidden-{new_id()}"
        add_files(self.owner, {f"{name}/a.txt": name.encode()})
        for username in (ALLOWED, LACKING):
            self.owner.assign(self.folder(name), self._user(username))
        return self.folder(name)

    def joined(self) -> AccountId:
        """The account of a new member."""
        account = self.online.hire(f"new-{new_id()[:8]}")
        self.online.house.accounts.memberships.add(OPERATOR, self.id, account.id, joining_as="artist")
        return account.id

    def token(self, username: str) -> str:
        """A session of somebody that is nobody else's."""
        email = f"{username}@harbor.example"
        return self.online.house.accounts.sessions.login(email, password_of(username)).token

    def lend(self, secret: Secret, user: UserId) -> None:
        """Let somebody see a file: it is their task now."""
        self.owner.set_kind(secret.asset, is_resource=False)
        self.owner.assign(secret.asset, user)

    def begin(self, account: AccountId) -> str:
        """A session of somebody who has just come."""
        accounts = self.online.house.accounts
        (found,) = accounts.people.get(frozenset([account])).values()
        return self.token(found.username)

    def node_token(self, username: str = ALLOWED) -> str:
        """A machine's token, made by somebody."""
        return self.make_node_token(username).token

    def make_node_token(self, username: str = ALLOWED) -> MadeToken:
        """The same, with what is known of it."""
        accounts = self.online.house.accounts
        return accounts.node_tokens.make(accounts.sessions.authenticate(self.token(username)), self.id)

    def revoked(self, username: str = ALLOWED) -> str:
        """A token whose session was ended."""
        token = self.token(username)
        sessions = self.online.house.accounts.sessions
        sessions.logout(sessions.authenticate(token))
        return token

    def expired(self, username: str = ALLOWED) -> str:
        """A token whose session began a year ago."""
        token = self.token(username)
        session = self.online.house.accounts.sessions.authenticate(token).session
        assert session is not None
        long = 365 * 24 * 3600
        with closing(sqlite3.connect(self._data / "studio.db")) as book, book:
            book.execute(
                "UPDATE session SET created_at = created_at - ?, seen_at = seen_at - ? WHERE id = ?",
                (long, long, session.id),
            )
        return token

    @contextmanager
    def client(self, token: str | None) -> Iterator[httpx.Client]:
        """An attacker's own client: it believes nothing, and says what it likes."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        with httpx.Client(base_url=self.online.url, headers=headers, timeout=60, trust_env=False) as client:
            yield client

    def path(self, rest: str, project: str | None = None) -> str:
        """A path below the project."""
        return f"{wire.API}/projects/{self.id if project is None else project}{rest}"

    def offer(self, username: str, content: bytes, to: Secret | None = None) -> Proposal:
        """A version that somebody could offer; its chunks are in the store, and theirs."""
        studio = self.hosted.for_member(self._user(username))
        taken = ingest(io.BytesIO(content), studio.chunks)
        return Proposal(
            id=CheckpointId(new_id()),
            asset=to.asset if to else AssetId(new_id()),
            base=to.checkpoint if to else None,
            size=taken.size,
            xxh3=taken.xxh3,
            mtime_ns=1_795_000_000_123_456_789,
            chunks=taken.chunks,
        )


@contextmanager
def town(folder: Path, limits: Limits = USUAL) -> Iterator[Town]:
    """A town, for as long as the block lasts."""
    with online_studio(folder, limits) as online:
        yield Town(online, folder)
