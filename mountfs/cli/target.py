"""What a command is about: a project and, in it, a path, seen with somebody's eyes.

PATH is either ``PROJECT.clst:/path``, or a path inside a mount. Inside a mount the mount's daemon tells which
project it shows and to whom; the command then reads the project file itself, with the same eyes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mountfs.config import Config, Places, load
from mountfs.errors import NotFound
from mountfs.exchange.outline import Outline, Thing
from mountfs.model import Tree
from mountfs.mountpoints import mount_of

if TYPE_CHECKING:
    from mountfs.storage.open import Project
    from mountfs.studio.service import BoundStudio

SUFFIX = ".clst"


def settings() -> Config:
    """This person's configuration."""
    return load(Places.of_this_user())


@dataclass
class Target:
    """An open project, its rules for one viewer, and a path in it."""

    project: Project
    studio: BoundStudio
    path: str

    @cached_property
    def tree(self) -> Tree:
        """What the viewer sees."""
        return self.studio.tree()

    @cached_property
    def outline(self) -> Outline:
        """The same with the names that folders show."""
        return Outline(self.tree)

    @cached_property
    def thing(self) -> Thing | None:
        """What is at the path; None is the top of the project. NotFound."""
        return self.outline.at(self.path)

    def username(self, user: str) -> str:
        """The short name of a person the viewer may know of; else the id."""
        person = next((person for id_, person in self.tree.people.items() if id_ == user), None)
        return person.username if person else user


@dataclass(frozen=True, slots=True)
class _Place:
    project_file: Path
    path: str
    username: str | None = None
    storage_dir: Path | None = None


@contextmanager
def open_target(
    text: str, *, username: str | None = None, storage_dir: Path | None = None
) -> Iterator[Target]:
    """Open what PROJECT.clst, PROJECT.clst:/path or a path inside a mount names, for reading.

    NotFound for a path that is neither; what the viewer does not see is NotFound when it is looked at.
    """
    place = _in_project(text) or _in_mount(text)
    if place is None:
        raise NotFound(f"{text} is neither inside a mount nor PROJECT{SUFFIX}:/path")
    # Only None means "nobody was named": any other name, an empty one too, is one that has to exist.
    whose = place.username if username is None else username
    with open_project_for(place.project_file, whose, storage_dir or place.storage_dir) as (project, studio):
        yield Target(project, studio, place.path)


@contextmanager
def open_project_for(
    project_file: Path, username: str | None, storage_dir: Path | None, *, read_only: bool = True
) -> Iterator[tuple[Project, BoundStudio]]:
    """Open a project as one of its users, or with None as its owner. Warnings go to stderr."""
    from mountfs.cli.output import say
    from mountfs.storage.open import open_project
    from mountfs.studio.service import StudioService

    with open_project(project_file, storage_dir=storage_dir, read_only=read_only) as project:
        for warning in project.warnings:
            say(f"mountfs: {warning}")
        service = StudioService(project)
        yield (
            project,
            service.for_owner(service.author(settings().user.email))
            if username is None
            else service.for_user(username),
        )


def _in_project(text: str) -> _Place | None:
    """``PROJECT.clst:/path``, split at the last place where the left part can be a project file."""
    for at in (at for at in range(len(text) - 1, 0, -1) if text[at] == ":"):
        if text[:at].endswith(SUFFIX) or Path(text[:at]).is_file():
            return _Place(Path(text[:at]), "/" + text[at + 1 :].strip("/"))
    if text.endswith(SUFFIX) and mount_of(Path(text)) is None:
        return _Place(Path(text), "/")
    return None


def _in_mount(text: str) -> _Place | None:
    """A path in a mount: its daemon tells what it shows, to whom."""
    mount = mount_of(Path(text))
    if mount is None:
        return None
    from mountfs.control import ask

    info = ask(mount.path, {"op": "info"})
    inside = Path(text).absolute()
    if not inside.is_relative_to(mount.path):
        inside = inside.resolve()  # the path went through a symlink
    return _Place(
        project_file=Path(info["project"]),
        path=os.path.normpath("/" / inside.relative_to(mount.path)),
        username=None if info["owner"] else info["username"],
        storage_dir=Path(info["storage_dir"]) if info["storage_dir"] else None,
    )
