"""What `stat` says of a node.

Mode bits are a hint: they show what the viewer may do; whoever opens is asked again. A file nobody may have
the bytes of is 0000. Times of a file are those its content had when it was recorded.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass

from mountfs.model import Checkpoint, CollectionId
from mountfs.rights import may_checkpoint, may_read
from mountfs.workspace.catalogue import Catalogue
from mountfs.workspace.nodes import AssetHistory, CollectionFolder, File, HistoryFolder, Link, Node, Version

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Attributes:
    """One node's attributes: file type and permission bits, links, bytes, and times in ns since 1970."""

    ino: int
    mode: int
    nlink: int
    size: int
    mtime_ns: int
    ctime_ns: int


def attributes_of(node: Node, catalogue: Catalogue) -> Attributes:
    """The attributes of any node, from memory."""
    if isinstance(node, File):
        return _file(node, catalogue)
    if isinstance(node, CollectionFolder):
        return _collection(node, catalogue)
    if isinstance(node, Version):
        mode = 0o444 if may_read(catalogue.viewer) else 0
        return _content(node.ino, mode, node.content)
    if isinstance(node, Link):
        asset = catalogue.assets.get(node.asset)
        made = asset.created_at * _SECOND if asset else 0
        return Attributes(node.ino, stat.S_IFREG | 0o444, 1, len(node.body), made, made)
    if isinstance(node, HistoryFolder):
        folders = catalogue.folder_count(node.collection)
        folders += sum(not asset.is_link for asset in catalogue.assets_in(node.collection))
        made = _collection_time(node.collection, catalogue) * _SECOND
        return Attributes(node.ino, stat.S_IFDIR | 0o555, 2 + folders, 0, made, made)
    if isinstance(node, AssetHistory):
        asset = catalogue.assets.get(node.asset)
        made = (asset.head.created_at if asset.head else asset.created_at) * _SECOND if asset else 0
        return Attributes(node.ino, stat.S_IFDIR | 0o555, 2, 0, made, made)
    raise AssertionError(f"no attributes for {node!r}")


def _file(node: File, catalogue: Catalogue) -> Attributes:
    viewer = catalogue.viewer
    asset = catalogue.assets.get(node.asset)
    mode = 0
    if may_read(viewer):
        mode = 0o644 if asset is not None and may_checkpoint(viewer, asset) else 0o444
    if node.content is None:
        made = asset.created_at * _SECOND if asset else 0
        return Attributes(node.ino, stat.S_IFREG | mode, 1, 0, made, made)
    return _content(node.ino, mode, node.content)


def _content(ino: int, mode: int, content: Checkpoint) -> Attributes:
    if content.executable:
        mode |= (mode & 0o444) >> 2
    made = content.created_at * _SECOND
    return Attributes(ino, stat.S_IFREG | mode, 1, content.size, content.mtime_ns, made)


def _collection(node: CollectionFolder, catalogue: Catalogue) -> Attributes:
    mode = 0o755 if catalogue.may_write_in(node.collection) else 0o555
    made = max(node.mtime, _collection_time(node.collection, catalogue)) * _SECOND
    return Attributes(
        node.ino, stat.S_IFDIR | mode, 2 + catalogue.folder_count(node.collection), 0, made, made
    )


def _collection_time(collection_id: CollectionId, catalogue: Catalogue) -> int:
    """When the folder or the names in it last changed, as far as the project says."""
    collection = catalogue.collections.get(collection_id)
    own = max(collection.created_at, collection.mtime) if collection else 0
    return max(own, max((asset.created_at for asset in catalogue.assets_in(collection_id)), default=0))
