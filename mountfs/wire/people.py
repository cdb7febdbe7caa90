"""What is said of people: accounts, sessions, tokens for machines, invitations, members, the record.

Times are Unix seconds. What is secret does not show in a ``repr``. Roles of the studio are ``admin`` and
``user``; those of a project are its own, by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mountfs.model import ProjectId, UserId

StudioRole = Literal["admin", "user"]
"""What somebody may do in the studio. It opens no project."""


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """A person in the studio. ``removed_at`` is set for somebody who was."""

    id: str
    email: str
    username: str
    name: str
    role: str
    created_at: int
    removed_at: int | None = None


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A login that lasts. ``address`` and ``device`` are where it was begun; ``current``: it is the one that
    asks."""

    id: str
    account: str
    created_at: int
    seen_at: int
    expires_at: int
    device: str
    address: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class Me:
    """Who asks, and in which session."""

    account: AccountFacts
    session: SessionFacts


@dataclass(frozen=True, slots=True)
class Login:
    """Who wants a session."""

    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session that has just begun. The token is told here and never again."""

    account: AccountFacts
    session: SessionFacts
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """How many sessions ended."""

    sessions: int


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """The password there is, and the one there is to be."""

    old: str = field(repr=False)
    new: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecoveryOffered:
    """Somebody may choose another password until then. The token is told here and never again."""

    account: AccountFacts
    expires_at: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recovering:
    """The token for a forgotten password, and the one there is to be."""

    token: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Who becomes the studio's first admin, by the secret that was told when it was made."""

    secret: str = field(repr=False)
    email: str
    name: str
    password: str = field(repr=False)
    username: str = ""


@dataclass(frozen=True, slots=True)
class StudioRoleGiven:
    """A role in the studio."""

    role: StudioRole


@dataclass(frozen=True, slots=True)
class RoleGiven:
    """A role in a project, by its name."""

    role: str


@dataclass(frozen=True, slots=True)
class Inviting:
    """Who is to come in, and perhaps into which project, with a role there."""

    email: str
    role: StudioRole = "user"
    project: ProjectId | None = None
    project_role: str | None = None


@dataclass(frozen=True, slots=True)
class InvitationFacts:
    """An invitation that still works. ``made_by`` is an account, or the operator of the studio's machine."""

    id: str
    email: str
    role: str
    project: ProjectId | None
    project_role: str | None
    made_by: str
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that has just been made. The token is told here and never again."""

    invitation: InvitationFacts
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepting:
    """Somebody comes in. ``username`` may be empty: it is then made of the e-mail address."""

    token: str = field(repr=False)
    name: str
    password: str = field(repr=False)
    username: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Somebody has come in, and perhaps into a project."""

    account: AccountFacts
    project: ProjectId | None


@dataclass(frozen=True, slots=True)
class Joining:
    """The token of an invitation, for somebody who is here already."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Joined:
    """The project that somebody is in now."""

    project: ProjectId | None


@dataclass(frozen=True, slots=True)
class ProjectMade:
    """What a new project is to be called."""

    name: str


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """Somebody in a project. ``account`` is None for people of an imported file who are not in the studio,
    ``role`` empty where it is nobody's business. ``tasks`` and ``folders`` count what is assigned to them of
    what the asker may know of."""

    user: UserId
    account: str | None
    username: str
    name: str
    email: str
    role: str
    tasks: int = 0
    folders: int = 0


@dataclass(frozen=True, slots=True)
class MakingToken:
    """A token for a machine: what it is for, and how long it works (seconds)."""

    label: str = ""
    lifetime: int = 24 * 3600


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """A machine's way into one project, to read what its maker sees."""

    id: str
    account: str
    project: ProjectId
    label: str
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class TokenMade:
    """A token for a machine that has just been made. It is told here and never again."""

    facts: TokenFacts
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """One thing that was done, or refused. ``actor`` is an account, the operator, or empty for somebody who
    was not known; ``detail`` has plain values."""

    id: int
    at: int
    actor: str
    act: str
    subject: str
    detail: dict[str, object]
    request: str
