"""Work that is planned: lines of a table, and what they have led to; the same in process and far away."""

from __future__ import annotations

from dataclasses import dataclass, field

from mountfs.wire import Refusal

FOLDER = "folder"

MAX_ROWS = 1000
"""Lines that are made together, those that they need among them."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table. ``number`` counts the lines of its text, from 1; ``path`` begins with a slash."""

    number: int
    path: str
    type: str = ""
    template: str = ""
    assignee: str = ""
    status: str = ""
    depends: tuple[str, ...] = ()

    @property
    def is_folder(self) -> bool:
        """Whether it is about a folder."""
        return self.type == FOLDER


@dataclass(frozen=True, slots=True)
class Differing:
    """Where the project has something otherwise than a table says."""

    path: str
    what: str


@dataclass(frozen=True, slots=True, order=True)
class Wrong:
    """A line that cannot be, by its number."""

    number: int
    why: str


@dataclass(slots=True)
class Planned:
    """What a table has led to, by paths. ``differing`` is what the project has otherwise than the table says,
    ``changed`` what was brought in line; ``wrong`` are the lines that cannot be."""

    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    differing: list[Differing] = field(default_factory=list)
    unchanged: int = 0
    wrong: list[Wrong] = field(default_factory=list)

    def add(self, other: Planned) -> None:
        """What another part of the table has led to."""
        self.files += other.files
        self.folders += [each for each in other.folders if each not in set(self.folders)]
        self.changed += other.changed
        self.differing += other.differing
        self.unchanged += other.unchanged
        self.wrong += other.wrong


@dataclass(frozen=True, slots=True)
class PlanAsked:
    """Lines that are to be there together, all of them or none. ``beside`` are lines that these need, for a
    rehearsal: the answer is not about them. ``update``: what is there is brought in line."""

    rows: list[Row]
    beside: list[Row] = field(default_factory=list)
    update: bool = False
    rehearse: bool = False


@dataclass(frozen=True, slots=True)
class FileAsked:
    """One new file, and the folders above it if ``parents`` says so."""

    row: Row
    parents: bool = False
    rehearse: bool = False


@dataclass(frozen=True, slots=True)
class FileMade:
    """What one new file has led to, or why it cannot be."""

    planned: Planned | None = None
    refused: Refusal | None = None
