"""Handing out what was just taken into a project: a mount shows only what is assigned to somebody, what that
needs, and what is shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import uuid4

from mountfs.errors import NotFound
from mountfs.exchange.scan import Scan
from mountfs.interfaces import Studio
from mountfs.model import ROOT, Asset, AssetId, Collection, CollectionId, UserId
from mountfs.studio.outline import Outline


class Handing(Studio, Protocol):
    """A project in which work is handed out, in a file or over the network."""

    def assign(self, what: AssetId | CollectionId, user: UserId) -> object:
        """Give a task to somebody, or let somebody work in a collection."""

    def share(self, collection: CollectionId) -> object:
        """Let everybody in the project see a collection and all below it."""


def share(studio: Handing, path: str) -> None:
    """Let everybody see a folder, which is made if need be: what is put there then is a library's. NotFound
    for the top, and for a file; Refused."""
    outline, at = Outline(studio.tree()), ROOT
    for name in path.strip("/").split("/"):
        thing = outline.children(at).get(name) if name else None
        if isinstance(thing, Asset) or not name:
            raise NotFound(f"{path}: there can be no such folder")
        made = thing or studio.make_collection(CollectionId(str(uuid4())), name, at)
        at = CollectionId(made.id)
    studio.share(at)


def hand_out(studio: Handing, found: Scan, to: UserId, libraries: Sequence[str]) -> int:
    """Give somebody the tasks among the files that were taken, and their folders at the top, but for
    libraries. How many tasks are theirs by that. Refused, where one's role does not allow it."""
    tree = studio.tree()
    outline, me = Outline(tree), tree.viewer.person.id
    places = tuple(f"{library.strip('/')}/" for library in libraries)
    taken, tasks = {file.path for file in found.files}, 0
    for name in sorted({path.partition("/")[0] for path in found.folders}):
        folder = outline.children(ROOT).get(name)
        if isinstance(folder, Collection) and not folder.is_shared and to != me:
            studio.assign(folder.id, to)
    for path, thing in outline.walk():
        if not isinstance(thing, Asset) or path not in taken or path.startswith(places):
            continue
        if thing.is_resource or thing.is_link or thing.assignee not in ("", me) or thing.assignee == to:
            continue
        studio.assign(thing.id, to)
        tasks += 1
    return tasks
