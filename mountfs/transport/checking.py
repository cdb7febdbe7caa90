"""What a studio says is believed only as far as it can be: a studio that lies harms no mount.

Types are checked when JSON is read (`wire`). Here: that a tree is one, that ids can be ids, that sizes add
up. Names need no check, since whatever shows them makes a name of any text (`names.shown_names`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from mountfs.digest import MAX_CHUNK
from mountfs.errors import WireError
from mountfs.model import (
    ROOT,
    Asset,
    AssetId,
    Changes,
    Checkpoint,
    CheckpointId,
    Collection,
    CollectionId,
    Cursor,
    Manifest,
    Proposal,
    Tree,
)
from mountfs.wire.acts import Trash

MAX_DEPTH = 256
"""Folders in folders."""

_ID = re.compile(r"[!-~]{1,128}")
_CHUNK_ID = re.compile(r"[0-9a-f]{64}\??")
_XXH3 = re.compile(r"[0-9a-f]{0,16}")
_CURSOR = re.compile(r"[!-~]{0,200}")
_LARGEST = 1 << 62
_LATEST = 1 << 36
"""Seconds: some two thousand years, as far as any program reckons."""

_LATEST_NS = 1 << 63


def require_tree(tree: Tree) -> Tree:
    """The tree. WireError unless every folder leads to the top, and everything is in a folder."""
    _require_cursor(tree.cursor)
    _require_collections(tree.collections.values(), tree.collections)
    for asset in tree.assets.values():
        _require_asset(asset)
        if asset.collection != ROOT and asset.collection not in tree.collections:
            raise WireError("the studio's tree has an asset that is in no folder")
    return tree


def require_trash(trash: Trash) -> Trash:
    """What is in the trash, if it can be. WireError unless it is said of each thing where it was."""
    for asset in trash.assets:
        _require_asset(asset)
    for collection in trash.collections:
        _require_collection(collection)
    there: list[str] = [*(each.id for each in trash.assets), *(each.id for each in trash.collections)]
    if not trash.paths.keys() >= set(there):
        raise WireError("the studio does not say where something in the trash was")
    return trash


def require_changes(changes: Changes) -> Changes:
    """The changes, if they can be some."""
    _require_cursor(changes.cursor)
    for asset in changes.assets:
        _require_asset(asset)
    for collection in changes.collections:
        _require_collection(collection)
        if collection.id in (ROOT, collection.parent):
            raise WireError("the studio tells of a folder that is in itself")
    return changes


def require_manifest(manifest: Manifest, asked: CheckpointId) -> Manifest:
    """The manifest. WireError unless it is the one asked for and its sizes add up."""
    sizes = [chunk.size for chunk in manifest.chunks]
    if manifest.checkpoint != asked or sum(sizes) != manifest.size:
        raise WireError("the studio's manifest is another one, or its sizes do not add up")
    if any(not 0 < size <= MAX_CHUNK for size in sizes) or not _XXH3.fullmatch(manifest.xxh3):
        raise WireError("the studio's manifest has chunks that cannot be")
    if not all(_CHUNK_ID.fullmatch(chunk.id) for chunk in manifest.chunks):
        raise WireError("the studio's manifest names what is no chunk")
    return manifest


def _require_collections(collections: Iterable[Collection], known: Mapping[CollectionId, Collection]) -> None:
    depths = {ROOT: 0}
    for collection in collections:
        _require_collection(collection)
        way: list[CollectionId] = []
        at = collection.id
        while at not in depths:
            way.append(at)
            if at not in known or len(way) > MAX_DEPTH:
                raise WireError("the studio's tree has a folder that does not lead to the top")
            at = known[at].parent
        for below, folder in enumerate(reversed(way), start=1):
            depths[folder] = depths[at] + below
        if depths[collection.id] > MAX_DEPTH:
            raise WireError(f"the studio's tree has folders that are more than {MAX_DEPTH} deep")


def require_versions(versions: Sequence[Checkpoint], asset: AssetId | None = None) -> Sequence[Checkpoint]:
    """The versions, if they can be some, of this asset. WireError."""
    for version in versions:
        _require_version(version, version.asset if asset is None else asset)
    return versions


def require_answers(made: Sequence[Checkpoint], proposals: Sequence[Proposal]) -> Sequence[Checkpoint]:
    """The versions that were made of proposals, in their order. WireError for others."""
    if [each.id for each in made] != [each.id for each in proposals]:
        raise WireError("the studio made other versions than were offered")
    return require_versions(made)


def _require_collection(collection: Collection) -> None:
    _require_id(collection.id)
    _require_moment(collection.created_at)
    _require_moment(collection.mtime)


def _require_asset(asset: Asset) -> None:
    _require_id(asset.id)
    _require_moment(asset.created_at)
    if asset.head is not None:
        _require_version(asset.head, asset.id)


def _require_version(version: Checkpoint, asset: AssetId) -> None:
    _require_id(version.id)
    _require_moment(version.created_at)
    if (
        version.asset != asset
        or not 0 <= version.size < _LARGEST
        or abs(version.mtime_ns) >= _LATEST_NS
        or not 0 <= version.number < 1 << 31
    ):
        raise WireError("the studio tells of a version that cannot be")


def _require_moment(moment: int) -> None:
    if abs(moment) >= _LATEST:
        raise WireError("the studio tells of a moment that cannot be")


def _require_cursor(cursor: Cursor) -> None:
    if _CURSOR.fullmatch(cursor) is None:
        raise WireError("the studio gives a cursor that is none")


def _require_id(id_: str) -> None:
    # As a part of an address, dots would lead elsewhere.
    if _ID.fullmatch(id_) is None or id_ in (".", ".."):
        raise WireError("the studio uses an id that is none")
