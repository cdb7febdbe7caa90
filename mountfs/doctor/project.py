"""A project file: can it be used, and is there anything in it that people will stumble over?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mountfs.doctor.finding import Finding, good, notice, problem
from mountfs.doctor.places import check_disk
from mountfs.errors import ForeignSchema, MountfsError, ProjectFileError, StorageUnavailable, WrongVersion
from mountfs.model import ROOT, Asset, AssetId, Collection, CollectionId
from mountfs.names import file_name, is_local_only, opens_in_browser, printable, shown_names
from mountfs.storage.open import open_project
from mountfs.storage.project import Project
from mountfs.studio.catalogue import Catalogue
from mountfs.studio.reading import CatalogueReader
from mountfs.studio.visibility import Reach

MOST = 20
"""Findings of one kind that are told one by one."""


def check(path: Path, storage_dir: Path | None) -> Iterator[Finding]:
    """Everything about one project file. It is only read."""
    if not path.is_file():
        what = f"{path} is a folder, not a project file" if path.is_dir() else f"there is no file {path}"
        yield problem("project", what, "name a project file: mountfs doctor PROJECT.clst")
        return
    yield from check_disk(path.absolute(), mend="keep the project file on a disk of this machine")
    try:
        project = open_project(path, storage_dir=storage_dir, read_only=True)
    except MountfsError as exc:
        yield problem("project", str(exc), _mend(exc))
        return
    with project:
        yield good("project", f"{project.name}: format {project.version}, storage {project.mode}")
        for warning in project.warnings:
            yield problem("project", warning, "ask where this file comes from before anybody writes to it")
        yield from _contents(project)


def _mend(exc: MountfsError) -> str:
    match exc:
        case WrongVersion():
            return "open it once in Clustta, or use a newer mountfs"
        case ForeignSchema():
            return "ask where this file comes from"
        case StorageUnavailable():
            return "mountfs doctor PROJECT.clst --storage-dir DIR, with the folder of its chunks"
        case ProjectFileError():
            return "mountfs verify PROJECT.clst, and a backup"
    return ""


def _contents(project: Project) -> Iterator[Finding]:
    with CatalogueReader(project.database).current() as catalogue:
        living = _Living(catalogue)
        for kind in (_names(living), _links(living), _shared_needs(living)):
            found = list(kind)
            yield from found[:MOST]
            if len(found) > MOST:
                yield notice(found[0].about, f"and {len(found) - MOST} more of this kind")
        yield good("project", f"{len(living.assets)} files in {len(living.collections)} folders")


class _Living:
    """Everything that is not in the trash, and where it is."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.reach = Reach(catalogue)
        sight = self.reach.everything()
        self.assets: list[Asset] = [catalogue.assets[id_].asset for id_ in sight.assets]
        self.collections: list[Collection] = [
            catalogue.collections[id_].collection for id_ in sight.collections
        ]

    def path(self, thing: Asset | Collection) -> str:
        """``/a/b/name``, as the rows call it."""
        parts = [file_name(thing)]
        above = thing.collection if isinstance(thing, Asset) else thing.parent
        while above in self.catalogue.collections and above != ROOT:
            folder = self.catalogue.collections[above].collection
            parts.append(folder.name)
            above = folder.parent
        return printable("/" + "/".join(reversed(parts)))


def _names(living: _Living) -> Iterator[Finding]:
    """Names that a folder cannot show as they are: equal ones, impossible ones, ones that would run code."""
    inside: dict[CollectionId, list[Asset | Collection]] = {}
    for collection in living.collections:
        inside.setdefault(collection.parent, []).append(collection)
    for asset in living.assets:
        inside.setdefault(asset.collection, []).append(asset)
    for folder, things in inside.items():
        shown = shown_names(things, at_root=folder == ROOT)
        for thing in things:
            wanted = file_name(thing)
            if is_local_only(wanted):
                mend = "take it out of the project, or rename it there"
                yield notice(
                    "names", f"{living.path(thing)} is not shown: its name makes programs run code", mend
                )
            elif shown[thing.id] != wanted:
                mend = "rename it in the project"
                yield notice("names", f"{living.path(thing)} is shown as {printable(shown[thing.id])}", mend)


def _links(living: _Living) -> Iterator[Finding]:
    for asset in living.assets:
        if asset.is_link and not opens_in_browser(asset.pointer):
            text = f"{living.path(asset)} is shown empty: {printable(asset.pointer)!r} is no web address"
            yield notice("links", text, "give the link an address that begins with https://")


def _shared_needs(living: _Living) -> Iterator[Finding]:
    """Shared assets that need what not all who see them see: being shared pulls nothing in."""
    catalogue, reach = living.catalogue, living.reach
    for asset in living.assets:
        if asset.id not in reach.shared_assets:
            continue
        needs: set[AssetId] = {
            need for need in catalogue.asset_needs.get(asset.id, ()) if reach.is_live(need)
        }
        for folder in catalogue.folder_needs.get(asset.id, ()):
            needs |= reach.assets_below(folder)
        for hidden in sorted(needs - reach.shared_assets):
            needed = living.path(catalogue.assets[hidden].asset)
            text = f"{living.path(asset)} is shared, and needs {needed}, which is not"
            yield notice("shared", text, "share the folder of what is needed too")
