"""A studio that really is one, for tests: served over HTTP from a thread of this process."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mountfs.launch import Remote
from mountfs.model import ProjectId, UserId
from mountfs.studio.accounts import Account, Caller, LoggedIn, Operator, Origin, Parameters, Passwords, create
from mountfs.studio.limits import USUAL, Limits
from mountfs.studio.routes.asking import House
from mountfs.studio.serve import ServeOptions, listen, opened, server
from mountfs.studio.signing import SIGNING_KEY, make_key
from mountfs.transport.chunks import RemoteChunks
from mountfs.transport.client import StudioClient
from mountfs.transport.line import Line

CHEAP = Parameters(passes=1, memory_kib=8, lanes=1)
"""What a password's hash costs in tests."""

ORIGIN = Origin("127.0.0.1", "tests", "tests")
OPERATOR = Operator("tests", ORIGIN)


def password_of(username: str) -> str:
    """Everybody's password, which is known here only."""
    return f"what nobody else says, {hashlib.sha256(username.encode()).hexdigest()[:6]}"


class OnlineStudio:
    """A studio that answers at ``url``; its house can be looked into."""

    def __init__(self, house: House, url: str) -> None:
        self.house = house
        self.url = url
        self._accounts: dict[str, Account] = {}
        self._logins: dict[str, LoggedIn] = {}
        self._to_close: list[Callable[[], None]] = []

    def hire(self, username: str) -> Account:
        """An account, with the password that everybody here has."""
        invitations = self.house.accounts.invitations
        token = invitations.invite(OPERATOR, f"{username}@harbor.example").token
        return invitations.accept(
            token, name=username.title(), username=username, password=password_of(username)
        )[0]

    def take_in(self, project: ProjectId, username: str, user: UserId) -> None:
        """Somebody with an account, made if there is none, is that user of a project."""
        account = self._accounts.get(username)
        if account is None:
            account = self._accounts[username] = self.hire(username)
        self.house.accounts.memberships.add(OPERATOR, project, account.id, user=user)

    def login(self, username: str) -> LoggedIn:
        """A session of somebody, which lasts for the test."""
        if username not in self._logins:
            email = f"{username}@harbor.example"
            self._logins[username] = self.house.accounts.sessions.login(email, password_of(username))
        return self._logins[username]

    def forget(self, username: str) -> None:
        """Whoever is asked for somebody's session next gets another one."""
        del self._logins[username]

    def caller(self, username: str) -> Caller:
        """Somebody, as the studio knows who asks."""
        return self.login(username).caller

    def line(self, username: str) -> Line:
        """Somebody's way to the studio."""
        token = self.login(username).token
        line = Line(self.url, lambda: token)
        self._to_close.append(line.close)
        return line

    def project(self, username: str, project: ProjectId) -> tuple[StudioClient, RemoteChunks]:
        """A project as somebody reaches it over the network."""
        line = self.line(username)
        chunks = RemoteChunks(line, project)
        self._to_close.append(chunks.close)
        return StudioClient(line, project), chunks

    def remote(self, username: str, project: ProjectId, cache_dir: Path) -> Remote:
        """A project to be mounted as somebody."""
        token = self.login(username).token
        return Remote(self.url, project, f"{username}@harbor.example", cache_dir, token)

    def close(self) -> None:
        """Let go of what people here had open."""
        for close in self._to_close:
            close()

    def adopt(self, file: Path, project: ProjectId) -> ProjectId:
        """Take in a copy of a project file, and each of its people who has an account by that address."""
        shutil.copyfile(file, self.house.hosting.path(project))
        for person in self.house.hosting.project(project).service.people():
            self.take_in(project, person.username, person.id)
        return project


@contextmanager
def online_studio(folder: Path, limits: Limits = USUAL) -> Iterator[OnlineStudio]:
    """A studio with nobody in it but its admin ``root``, for as long as the block lasts."""
    with new_studio(folder, limits) as (online, secret):
        claim(online.house, secret)
        yield online


@contextmanager
def new_studio(folder: Path, limits: Limits = USUAL) -> Iterator[tuple[OnlineStudio, str]]:
    """A studio that waits for its first admin, and the secret that makes one."""
    secret = found(folder)
    with served(folder, limits=limits) as online:
        yield online, secret


def found(folder: Path) -> str:
    """Make the data of a studio; the secret that makes its first admin."""
    secret = create(folder)
    make_key(folder / SIGNING_KEY)
    return secret


def claim(house: House, secret: str) -> None:
    """Make the admin ``root``."""
    house.accounts.bootstrap.claim(
        secret, email="root@harbor.example", name="Root", password=password_of("root"), origin=ORIGIN
    )


def cheap_passwords() -> Passwords:
    """Passwords whose hashes take no time."""
    return Passwords(secrets.token_bytes, CHEAP)


@contextmanager
def served(folder: Path, port: int = 0, limits: Limits = USUAL) -> Iterator[OnlineStudio]:
    """The studio whose data is in a folder; ``port`` 0: whichever is free."""
    with ExitStack() as stack:
        house = stack.enter_context(opened(folder, passwords=cheap_passwords(), limits=limits))
        options = ServeOptions(folder, port=port)
        listening = stack.enter_context(listen(options.host, options.port))
        serving = server(house, options, house.hosting.wake)
        thread = threading.Thread(target=lambda: asyncio.run(serving.serve([listening])), name="studio")
        thread.start()
        online = OnlineStudio(house, f"http://127.0.0.1:{listening.getsockname()[1]}")
        try:
            yield online
        finally:
            online.close()
            serving.should_exit = True
            thread.join(30)
