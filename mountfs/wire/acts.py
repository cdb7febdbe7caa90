"""What is asked of a studio about a project beside its files' content: acts, together and for good or on
trial, and what the commands that do them look at first.

An act is named as the right-checking method that does it, and has the fields that this needs; the others are
left as they are. `docs/protocol.md` lists them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mountfs.model import (
    NOBODY,
    Asset,
    AssetId,
    Checkpoint,
    Chunk,
    Collection,
    CollectionId,
    Person,
    Role,
    Toggle,
    UserId,
)

ActName = Literal[
    "revert",
    "trash",
    "restore",
    "trash_checkpoint",
    "restore_checkpoint",
    "assign",
    "unassign",
    "set_kind",
    "share",
    "unshare",
    "depend",
    "undepend",
    "set_status",
    "edit_comment",
    "tag",
    "untag",
    "set_role",
    "edit_role",
    "create_role",
    "remove_role",
    "add_template",
    "remove_template",
    "restore_template",
]

Administering = Literal["assign", "unassign", "share", "unshare", "depend", "undepend", "set_role"]
"""Acts for which whoever may assign work reaches what they do not see."""

MAX_ACTS = 250
"""Acts that are one transaction: as long as it lasts, nobody else in the project saves."""

MAX_TRASHED = 4096
"""Assets that go into the trash together."""

MAX_TEXT = 10_000
"""Characters of any text of an act."""


LATEST = 1 << 36
"""Seconds: some two thousand years."""


@dataclass(frozen=True, slots=True)
class Act:
    """``what`` is the id of what it is about: an asset, a collection, a version, a person, a role or a
    template; ``on`` that of what is needed, ``user`` that of somebody. ``new`` is the id of what comes into
    being, so that the same again makes nothing twice."""

    act: ActName
    what: str = ""
    on: str = ""
    user: UserId = NOBODY
    new: str = ""
    text: str = ""
    rights: list[Toggle] = field(default_factory=list)
    is_resource: bool = False
    replace: bool = False
    administration: bool = False


@dataclass(frozen=True, slots=True)
class ActsAsked:
    """Acts that are one: all of them happen, or none. ``rehearse``: only say what would come of them."""

    acts: list[Act]
    rehearse: bool = False


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """What new files can begin with."""

    id: str
    name: str
    extension: str
    size: int
    xxh3: str

    @property
    def file_name(self) -> str:
        """Its name with its extension."""
        return self.name + self.extension


@dataclass(frozen=True, slots=True)
class TemplateAsked:
    """Content that was sent becomes a template, with the id ``new``. ``rehearse``: only say whether the name
    and the right for it are there."""

    file_name: str
    size: int
    xxh3: str
    chunks: list[Chunk]
    new: str = ""
    replace: bool = False
    rehearse: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an act: how many people come to see something by it, and how many assets somebody does;
    what was made; the words that are on the asset then."""

    viewers: int = 0
    assets: int = 0
    version: Checkpoint | None = None
    role: Role | None = None
    template: TemplateFacts | None = None
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TrashAsked:
    """Assets that go into the trash, all of them or none."""

    assets: list[AssetId]


@dataclass(frozen=True, slots=True)
class Trash:
    """What the asker would see again if it were brought back, each thing by itself, and where it was."""

    assets: list[Asset]
    collections: list[Collection]
    paths: dict[str, str]


@dataclass(frozen=True, slots=True)
class Rules:
    """What everybody in a project may know: what its roles allow, which words there are, and who can give
    out work."""

    roles: list[Role]
    statuses: list[str]
    asset_types: list[str]
    dependency_types: list[str]
    helpers: list[Person]


@dataclass(frozen=True, slots=True)
class FolderWork:
    """Somebody works in a folder."""

    user: UserId
    folder: CollectionId


@dataclass(frozen=True, slots=True)
class Dependency:
    """An asset needs another, or all that is in and below a collection."""

    asset: AssetId
    on: str
    type: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A word, and the visible assets that have it."""

    word: str
    assets: list[AssetId]


@dataclass(frozen=True, slots=True)
class ReasonFacts:
    """Why somebody sees a thing, and by way of which things."""

    because: str
    via: list[str]


@dataclass(frozen=True, slots=True)
class MayFacts:
    """Whether somebody may do something with a thing; if not, the right that is missing, or whose task it
    is."""

    act: str
    allowed: bool
    lacks: Toggle | None = None
    assignee: UserId | None = None


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """One person's access to one thing. Without reasons they do not see it."""

    person: Person
    role: str
    reasons: list[ReasonFacts]
    may: list[MayFacts]


@dataclass(frozen=True, slots=True)
class UndoAsked:
    """What somebody did since a moment (Unix seconds) at a path and below is to be taken back."""

    user: UserId
    since: int
    path: str = "/"
    rehearse: bool = False


@dataclass(frozen=True, slots=True)
class StepFacts:
    """Something that was taken back, and how."""

    what: str
    path: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LeftFacts:
    """Something that was not, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class UndoneFacts:
    """What was taken back, in this order, and what was not."""

    steps: list[StepFacts]
    left: list[LeftFacts]
