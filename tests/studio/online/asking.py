"""Questions of several people to one studio, each asked once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from mountfs import wire
from mountfs.model import ProjectId
from mountfs.testing.online import OnlineStudio, password_of
from mountfs.transport.line import Line, Patience
from mountfs.wire import people

T = TypeVar("T")

ONCE = Patience(tries=1)


def email_of(username: str) -> str:
    """Everybody's address."""
    return f"{username}@harbor.example"


class Asking:
    """Lines to a studio: of people by their usernames, of whoever has a token, of nobody."""

    def __init__(self, online: OnlineStudio) -> None:
        self.online = online
        self._lines: dict[str, Line] = {}

    def with_token(self, token: str) -> Line:
        """Whoever has this token; nobody, if it is empty."""
        if token not in self._lines:
            self._lines[token] = Line(self.online.url, lambda: token, patience=ONCE)
        return self._lines[token]

    def as_(self, username: str) -> Line:
        """Somebody, in a session of theirs."""
        return self.with_token(self.online.login(username).token)

    @property
    def nobody(self) -> Line:
        """Somebody who is not logged in."""
        return self.with_token("")

    def login(self, username: str, password: str | None = None) -> people.LoggedIn:
        """Log in over the network."""
        asked = people.Login(email_of(username), password or password_of(username))
        return self.nobody.ask("POST", "/sessions", people.LoggedIn, body=asked)

    def make_project(self, name: str = "film", maker: str = "root") -> ProjectId:
        """A new project."""
        asked = people.ProjectMade(name)
        return ProjectId(self.as_(maker).ask("POST", "/projects", wire.ProjectFacts, body=asked).id)

    def put_member(self, project: ProjectId, who: str, role: str, by: str = "root") -> people.MemberFacts:
        """Take somebody in, or give them another role."""
        path = f"/projects/{project}/members/{email_of(who)}"
        return self.as_(by).ask("PUT", path, people.MemberFacts, body=people.RoleGiven(role))

    def members(self, project: ProjectId, by: str = "root") -> dict[str, people.MemberFacts]:
        """Who is in a project, by username."""
        found = self.as_(by).ask("GET", f"/projects/{project}/members", list[people.MemberFacts])
        return {each.username: each for each in found}

    def projects(self, username: str) -> list[str]:
        """What somebody may open, by name."""
        return [each.name for each in self.as_(username).ask("GET", "/projects", list[wire.ProjectFacts])]

    def audit(self, query: Mapping[str, Any] | None = None) -> list[people.AuditFacts]:
        """The record, as the admin reads it."""
        return self.as_("root").ask("GET", "/audit", list[people.AuditFacts], query=query)

    def close(self) -> None:
        """Let the lines go."""
        for line in self._lines.values():
            line.close()
