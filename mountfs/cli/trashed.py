"""What lies in a project's trash, by path."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mountfs.model import AssetId, CollectionId

if TYPE_CHECKING:
    from mountfs.studio.service import BoundStudio


class Trashed(NamedTuple):
    """Something in the trash: where it was, ``file`` or ``folder``, and its id."""

    path: str
    type: str
    id: AssetId | CollectionId


def trashed(studio: BoundStudio) -> list[Trashed]:
    """All that the viewer could bring back, in the order of paths."""
    found = studio.trash_listing()
    things = [Trashed(found.paths[asset.id], "file", asset.id) for asset in found.assets]
    things += [Trashed(found.paths[folder.id], "folder", folder.id) for folder in found.collections]
    return sorted(things)
