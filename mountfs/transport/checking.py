"""What a studio says is believed only as far as it can be: a studio that lies harms no mount.

Types are checked when JSON is read (`wire`). Here: that a tree is one, that ids can be ids, that sizes add
up. Names need no check, since whatever shows them makes a name of any text (`names.shown_names`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mountfs.digest import MAX_CHUNK
from mountfs.errors import WireError
from mountfs.model import ROOT, Asset, Changes, CheckpointId, Collection, CollectionId, Manifest, Tree

MAX_DEPTH = 256
"""Folders in folders."""

_ID = re.compile(r"[!-~]{1,128}")
_CHUNK_ID = re.compile(r"[0-9a-f]{64}\??")
_XXH3 = re.compile(r"[0-9a-f]{0,16}")
_LARGEST = 1 << 62


def require_tree(tree: Tree) -> Tree:
    """The tree. WireError unless every folder leads to the top, and everything is in a folder."""
    _require_collections(tree.collections.values(), tree.collections)
    for key, asset in tree.assets.items():
        _require_asset(asset)
        if key != asset.id or (asset.collection != ROOT and asset.collection not in tree.collections):
            raise WireError("the studio's tree has an asset that is in no folder")
    for id_, collection in tree.collections.items():
        if id_ != collection.id:
            raise WireError("the studio's tree calls one folder by two ids")
    return tree


def require_changes(changes: Changes) -> Changes:
    """The changes, if they can be some."""
    for asset in changes.assets:
        _require_asset(asset)
    for collection in changes.collections:
        _require_id(collection.id)
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
    at_top = {ROOT}
    for collection in collections:
        _require_id(collection.id)
        way: list[CollectionId] = []
        at = collection.id
        while at not in at_top:
            way.append(at)
            if at not in known or len(way) > MAX_DEPTH:
                raise WireError("the studio's tree has a folder that does not lead to the top")
            at = known[at].parent
        at_top.update(way)


def _require_asset(asset: Asset) -> None:
    _require_id(asset.id)
    head = asset.head
    if head is None:
        return
    _require_id(head.id)
    if head.asset != asset.id or not 0 <= head.size < _LARGEST or abs(head.mtime_ns) >= _LARGEST:
        raise WireError("the studio tells of a version that cannot be")


def _require_id(id_: str) -> None:
    if _ID.fullmatch(id_) is None:
        raise WireError("the studio uses an id that is none")
