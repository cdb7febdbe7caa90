"""One open project, and the studios of those who look at it.

All of them stand on one catalogue in memory, brought up to date when any process commits to the file.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path

from mountfs.errors import UserUnknown
from mountfs.model import Person, UserId
from mountfs.storage.open import Project
from mountfs.studio.bound import BoundStudio
from mountfs.studio.catalogue import Member
from mountfs.studio.change import nothing
from mountfs.studio.chunk_index import ChunkIndex
from mountfs.studio.findings import Findings
from mountfs.studio.limits import USUAL, Limits
from mountfs.studio.manifests import Sent
from mountfs.studio.members import is_admin
from mountfs.studio.reading import CatalogueReader
from mountfs.studio.uploads import Uploads

__all__ = ["BoundStudio", "StudioService"]


def _random_id() -> str:
    return str(uuid.uuid4())


class StudioService:
    """The rules over one open project. ``clock`` gives Unix seconds, ``new_id`` ids of new rows; ``notes`` is
    a folder for what is noted beside the project's file, if it is to outlive the process."""

    def __init__(
        self,
        project: Project,
        *,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = _random_id,
        limits: Limits = USUAL,
        notes: Path | None = None,
    ) -> None:
        self._project = project
        self._clock = clock
        self._new_id = new_id
        self._reader = CatalogueReader(project.database, clock=clock)
        self._limits = limits
        self._sent = Sent(
            Uploads(notes and notes / f"{project.id}.uploads", limits, clock),
            ChunkIndex(project.database, notes and notes / f"{project.id}.chunks"),
        )
        self._findings = Findings(project.chunks, limits)

    def close(self) -> None:
        """Let what is noted go; the project stays open."""
        self._sent.close()

    def for_user(self, who: str) -> BoundStudio:
        """The studio as one of the project's people may see and change it, by username, id or e-mail
        address. UserUnknown."""
        return self._bind(self._find(who), is_owner=False)

    def for_owner(self, author: UserId) -> BoundStudio:
        """The studio for whoever holds the project's file: everything is visible and allowed, and new
        versions are ``author``'s. UserUnknown unless that is one of the project's people."""
        return self._bind(self._find(author), is_owner=True)

    def for_keeper(self, name: str) -> BoundStudio:
        """The same for whoever looks after the project without being in it, such as a studio's operator: the
        audit has what they do under this name."""
        keeper = self.for_owner(self.author())
        keeper.recorded_as = UserId(name)
        return keeper

    def author(self, email: str | None = None) -> UserId:
        """Who the owner is taken for: whoever has this address, else the first admin."""
        with self._reader.current() as catalogue:
            people = sorted(catalogue.members.values(), key=lambda member: member.person.username.casefold())
            wanted = (email or "").strip().lower()
            same = [each for each in people if wanted and each.person.email.lower() == wanted]
            admins = [each for each in people if is_admin(catalogue, each.person.id)]
            for member in (*same, *admins, *people):
                return member.person.id
        raise nothing()

    def people(self) -> tuple[Person, ...]:
        """Everybody in the project, by username."""
        with self._reader.current() as catalogue:
            people = [member.person for member in catalogue.members.values()]
        return tuple(sorted(people, key=lambda person: person.username.casefold()))

    def _find(self, who: str) -> Member:
        with self._reader.current() as catalogue:
            if who in catalogue.members:
                return catalogue.members[UserId(who)]
            for member in catalogue.members.values():
                if who and who.casefold() in (
                    member.person.username.casefold(),
                    member.person.email.casefold(),
                ):
                    return member
        raise UserUnknown(f"there is no user {who!r} in this project")

    def _bind(self, member: Member, *, is_owner: bool) -> BoundStudio:
        return BoundStudio(
            self._project,
            self._reader,
            member,
            is_owner=is_owner,
            clock=self._clock,
            new_id=self._new_id,
            sent=self._sent,
            findings=self._findings,
            limits=self._limits,
        )
