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
from mountfs.workspace.locals import LocalFile
from mountfs.workspace.namespace import Namespace
from mountfs.workspace.nodes import (
    AssetHistory,
    CollectionFolder,
    File,
    HistoryFolder,
    Link,
    Node,
    Special,
    Version,
)

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


def attributes_of(node: Node, namespace: Namespace) -> Attributes:
    """The attributes of any node, from memory."""
    catalogue = namespace.catalogue
    if isinstance(node, File):
        if node.local is not None:
            return _local(node, node.local)
        return _file(node, namespace)
    if isinstance(node, CollectionFolder):
        return _collection(node, namespace)
    if isinstance(node, Special):
        return _local(node, node.local)
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


def _local(node: Node, file: LocalFile) -> Attributes:
    """What a program that made a file here made of it."""
    nlink = 0 if file.removed else 1
    return Attributes(node.ino, file.kind | file.mode, nlink, file.size, file.mtime_ns, file.mtime_ns)


def _file(node: File, namespace: Namespace) -> Attributes:
    catalogue = namespace.catalogue
    viewer = catalogue.viewer
    asset = catalogue.assets.get(node.asset)
    mode = 0
    if may_read(viewer):
        mode = 0o644 if asset is not None and may_checkpoint(viewer, asset) else 0o444
    if node.content is None:
        made = asset.created_at * _SECOND if asset else 0
        return Attributes(node.ino, stat.S_IFREG | mode, 1, 0, made, made)
    kept = namespace.kept.get(node.asset)
    if kept is not None and kept.checkpoint == node.content.id:
        # Saved through this mount: programs remember the permissions and the time they gave it.
        shown = kept.mode & (0o777 if mode & 0o200 else 0o555) if mode else 0
        made = node.content.created_at * _SECOND
        return Attributes(node.ino, stat.S_IFREG | shown, 1, node.content.size, kept.mtime_ns, made)
    return _content(node.ino, mode, node.content)


def _content(ino: int, mode: int, content: Checkpoint) -> Attributes:
    if content.executable:
        mode |= (mode & 0o444) >> 2
    made = content.created_at * _SECOND
    return Attributes(ino, stat.S_IFREG | mode, 1, content.size, content.mtime_ns, made)


def _collection(node: CollectionFolder, namespace: Namespace) -> Attributes:
    catalogue = namespace.catalogue
    made = max(node.mtime, _collection_time(node.collection, catalogue)) * _SECOND
    local = namespace.locals.folders.get(node.collection)
    if local is not None:
        mode, made = 0o755, max(made, local.mtime_ns)
    else:
        mode = 0o755 if catalogue.may_write_in(node.collection) else 0o555
    folders = catalogue.folder_count(node.collection)
    folders += sum(1 for each in namespace.locals.folders_in(node.collection))
    return Attributes(node.ino, stat.S_IFDIR | mode, 2 + folders, 0, made, made)


def _collection_time(collection_id: CollectionId, catalogue: Catalogue) -> int:
    """When the folder or the names in it last changed, as far as the project says."""
    collection = catalogue.collections.get(collection_id)
    own = max(collection.created_at, collection.mtime) if collection else 0
    return max(own, max((asset.created_at for asset in catalogue.assets_in(collection_id)), default=0))
