"""The nouns of the studio's own book: frozen values, and who an act is by.

Times are Unix seconds. What is secret is in no value but those that hand it over once (`LoggedIn`,
`Invited`, `MadeToken`, `OfferedRecovery`), and there it does not show in a ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from mountfs.model import ProjectId, UserId

AccountId = NewType("AccountId", str)
"""Also the user id under which a person appears in projects made on the studio."""

SessionId = NewType("SessionId", str)
NodeTokenId = NewType("NodeTokenId", str)
InvitationId = NewType("InvitationId", str)


class StudioRole(StrEnum):
    """What somebody may do in the studio. It opens no project."""

    ADMIN = "admin"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: the address of its socket, what the client calls itself, and the request's
    id. Nothing of it is believed; it is written down."""

    address: str = ""
    device: str = ""
    request: str = ""


NOWHERE = Origin()
"""The studio's own machine."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person in the studio. ``removed_at`` is set for somebody who was: the row stays for the audit."""

    id: AccountId
    email: str
    username: str
    name: str
    role: StudioRole
    created_at: int
    removed_at: int | None = None

    @property
    def is_admin(self) -> bool:
        """Whether they run the studio."""
        return self.role is StudioRole.ADMIN and self.removed_at is None


@dataclass(frozen=True, slots=True)
class Session:
    """A login that lasts. ``seen_at`` is at most a minute old while it is in use."""

    id: SessionId
    account: AccountId
    created_at: int
    seen_at: int
    expires_at: int
    device: str
    address: str


@dataclass(frozen=True, slots=True)
class NodeToken:
    """A machine's way into one project, to read what its maker sees."""

    id: NodeTokenId
    account: AccountId
    project: ProjectId
    label: str
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Membership:
    """Under which user id an account appears in a project.

    ``joining_as`` names a role that the project has still to give them: the studio's book and a project's
    file are two databases, so whoever opens the project does what is left (`Memberships.settle`).
    """

    project: ProjectId
    account: AccountId
    user: UserId
    added_at: int
    joining_as: str | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody may come in, and perhaps into a project. ``made_by`` is an account's id, or the operator."""

    id: InvitationId
    email: str
    role: StudioRole
    project: ProjectId | None
    project_role: str | None
    made_by: str
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request is by, found out from its token just now.

    With a ``node_token`` it is a machine, which may read that one project as its maker and do nothing else;
    ``account`` is the maker. Otherwise it is a person in a ``session``.
    """

    account: Account
    session: Session | None = None
    node_token: NodeToken | None = None
    origin: Origin = NOWHERE

    @property
    def id(self) -> AccountId:
        """The account's id."""
        return self.account.id

    @property
    def name_in_audit(self) -> str:
        """Who the audit says it was."""
        return self.account.id


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever runs commands on the studio's own machine, where its files lie. They may do everything."""

    login: str = ""
    origin: Origin = NOWHERE

    @property
    def name_in_audit(self) -> str:
        """Who the audit says it was."""
        return f"operator:{self.login}" if self.login else "operator"


Actor = Caller | Operator


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session that has just begun. The token is told here and never again."""

    caller: Caller
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that has just been made. The token is told here and never again."""

    invitation: Invitation
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A node token that has just been made. The token is told here and never again."""

    node_token: NodeToken
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OfferedRecovery:
    """A link for somebody who forgot their password. The token is told here and never again."""

    account: Account
    expires_at: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that was done, or refused. ``detail`` is plain JSON values."""

    id: int
    at: int
    actor: str
    act: str
    subject: str
    detail: dict[str, object]
    request: str
