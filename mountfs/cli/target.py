"""What a command is about: a project and, in it, a path, seen with somebody's eyes.

PATH is either ``PROJECT.clst:/path``, or a path inside a mount. Inside a mount the mount's daemon tells which
project it shows and to whom; the command then reads the project file itself, with the same eyes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import Missing
from mountfs.cli.paths import SETTLE_TIME, SUFFIX, InMount, in_mount, in_project
from mountfs.config import Config, Places, load
from mountfs.errors import NotFound, UserUnknown
from mountfs.model import Asset, AssetId, Collection, CollectionId, Person, Tree
from mountfs.studio.outline import Outline, Thing

if TYPE_CHECKING:
    from mountfs.storage.open import Project
    from mountfs.studio.permissions import Act
    from mountfs.studio.service import BoundStudio


def settings() -> Config:
    """This person's configuration."""
    return load(Places.of_this_user())


@dataclass
class Target:
    """An open project, its rules for one viewer, and a path in it."""

    project: Project
    studio: BoundStudio
    path: str
    mounted: InMount | None = None
    """The mount that the path was given in."""
    administers: Act | None = None
    """The act of administration that the command is for: it reaches all that is not in the trash."""

    @cached_property
    def tree(self) -> Tree:
        """What the viewer sees; for administration the names of everything. NotPermitted."""
        return self.studio.tree() if self.administers is None else self.studio.administered(self.administers)

    @property
    def administration(self) -> bool:
        """Whether acts may reach beyond what the viewer sees, and say so in the audit."""
        from mountfs.studio.permissions import Act

        return self.administers is not None and not self.studio.is_owner and self.studio.may(Act.ASSIGN)

    @property
    def is_far(self) -> bool:
        """Whether the project is a studio's, in a mount of it."""
        return self.mounted is not None and self.mounted.info["remote"] is not None

    @cached_property
    def outline(self) -> Outline:
        """The same with the names that folders show."""
        return Outline(self.tree)

    @cached_property
    def thing(self) -> Thing | None:
        """What is at the path; None is the top of the project. NotFound."""
        try:
            return self.outline.at(self.path)
        except NotFound as exc:
            if self.mounted is not None and self.mounted.exists:
                raise Missing(
                    f"{self.path} is only on this machine, not in the project; mountfs status tells why"
                ) from exc
            raise

    @property
    def asset(self) -> Asset:
        """The file at the path. UsageError for a folder."""
        if not isinstance(self.thing, Asset):
            raise click.UsageError(f"{self.path} is a folder; name a file")
        return self.thing

    @property
    def collection(self) -> Collection:
        """The folder at the path. UsageError for a file, and for the top."""
        if not isinstance(self.thing, Collection):
            raise click.UsageError(f"{self.path} is not a folder in the project; name one")
        return self.thing

    def beside(self, text: str) -> Target:
        """Another path of the same project, given in any of the ways that there are; ``/path`` is one more
        for a project that is not given as a mount. UsageError for a path of another project."""
        named = in_project(text)
        if self.mounted is None and text.startswith("/") and not (named and named.file.exists()):
            place: _Place | None = _Place(self.project.path, text)
        else:
            place = _place(text)
        if place is None or (self.mounted is None) != (place.mounted is None):
            raise click.UsageError(f"{text} is not a path of {self.project.path}, as the first one is")
        if not self._has(place):
            raise click.UsageError(f"{text} is in another project; one command is about one")
        other = Target(self.project, self.studio, place.path, place.mounted, self.administers)
        other.outline = self.outline
        return other

    def _has(self, place: _Place) -> bool:
        """Whether a place is in this project."""
        here, there = (each and each.info["remote"] for each in (self.mounted, place.mounted))
        if here or there:
            return all(here and there and here[each] == there[each] for each in ("url", "project"))
        return place.project_file.exists() and place.project_file.samefile(self.project.path)

    def all(self, texts: Sequence[str]) -> list[Target]:
        """This path, which is the first of ``texts``, and the others."""
        return [self, *(self.beside(text) for text in texts[1:])]

    def path_of(self, what: AssetId | CollectionId) -> str:
        """Where something that the command reaches is: ``/shots/sh010.blend``. Its id, if no folder can
        show it."""
        return "/" + self._paths.get(what, what)

    @cached_property
    def _paths(self) -> dict[AssetId | CollectionId, str]:
        return {thing.id: path for path, thing in self.outline.walk()}

    def person(self, username: str) -> Person:
        """Somebody whom the viewer may know of, by username, e-mail address or id. UserUnknown."""
        for person in self.tree.people.values():
            if username.casefold() in (person.username.casefold(), person.email.casefold(), person.id):
                return person
        raise UserUnknown(f"there is no user {username!r} in this project")

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
    mounted: InMount | None = None


@contextmanager
def open_target(
    text: str,
    *,
    username: str | None = None,
    storage_dir: Path | None = None,
    read_only: bool = True,
    settled: bool = False,
    administers: Act | None = None,
    if_permitted: bool = False,
) -> Iterator[Target]:
    """Open what PROJECT.clst, PROJECT.clst:/path or a path inside a mount names, for reading unless told.

    ``settled``: a version that a mount is about to make of the path is waited for, for a while, since whoever
    has just saved expects to see it. ``administers``: the command is one of administration, for this act;
    with ``if_permitted`` it is an ordinary one for whoever may not do that.

    NotFound for a path that is neither; what the viewer does not see is NotFound when it is looked at.
    """
    place = _place(text)
    if place is None:
        raise NotFound(f"{text} is neither inside a mount nor PROJECT{SUFFIX}:/path")
    # Only None means "nobody was named": any other name, an empty one too, is one that has to exist.
    whose = place.username if username is None else username
    if settled and place.mounted is not None:
        with suppress(NotFound):  # it is looked for below, with the words that every command has for it
            place.mounted.wait(SETTLE_TIME)
    if place.mounted is not None and place.mounted.info["remote"] is not None:
        from mountfs.cli.far import opened_far

        if username is not None:
            raise click.UsageError(
                "--as is for project files: a studio shows its project to whoever has logged in"
            )
        with opened_far(place.mounted.info) as (far, far_studio):
            if if_permitted and administers is not None and not far_studio.may(administers):
                administers = None
            yield Target(far, far_studio, place.path, place.mounted, administers)
        return
    chunks = storage_dir or place.storage_dir
    with open_project_for(place.project_file, whose, chunks, read_only=read_only) as (project, studio):
        if if_permitted and administers is not None and not studio.may(administers):
            administers = None
        yield Target(project, studio, place.path, place.mounted, administers)


@contextmanager
def open_to_change(
    text: str,
    *,
    username: str | None,
    storage_dir: Path | None,
    dry_run: bool,
    administers: Act | None = None,
    if_permitted: bool = False,
) -> Iterator[Target]:
    """Open what `open_target` does for a command that changes it, all of it or nothing: what the block does
    is one transaction, and with ``dry_run`` it is tried and taken back."""
    with (
        open_target(
            text,
            username=username,
            storage_dir=storage_dir,
            read_only=False,
            administers=administers,
            if_permitted=if_permitted,
        ) as target,
        target.studio.together(rehearse=dry_run),
    ):
        yield target


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


def _place(text: str) -> _Place | None:
    found = in_project(text)
    if found is not None:
        return _Place(found.file, found.path)
    mounted = in_mount(text)
    if mounted is None:
        return None
    info = mounted.info
    path = "/" + (mounted.path or "")
    if info.get("at") is not None:
        # What was at this path may be elsewhere today, or be another thing.
        raise click.UsageError(
            f"{text} is in a mount of how the project was; commands are about how it is: "
            f"name {info['project']}:{path}, or where that is now"
        )
    return _Place(
        project_file=Path(info["project"]),
        path=path,
        username=None if info["owner"] else info["username"],
        storage_dir=Path(info["storage_dir"]) if info["storage_dir"] else None,
        mounted=mounted,
    )
