"""What `stat` says of a node.

Mode bits are a hint: they show what the viewer may do; whoever opens is asked again. A file nobody may have
the bytes of is 0000. Times of a file are those its content had when it was recorded.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass

from mountfs.model import Checkpoint
from mountfs.rights import may_checkpoint, may_read
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
    atime_ns: int | None = None
    """When it was read, if a program said so."""


def attributes_of(node: Node, namespace: Namespace) -> Attributes:
    """The attributes of any node, from memory."""
    catalogue, bits = namespace.catalogue, namespace.default_bits
    if isinstance(node, File):
        if node.local is not None:
            return _local(node, node.local)
        return _file(node, namespace)
    if isinstance(node, CollectionFolder):
        return _collection(node, namespace)
    if isinstance(node, Special):
        return _local(node, node.local)
    if isinstance(node, Version):
        mode = 0o444 & bits if may_read(catalogue.viewer) else 0
        return _content(node.ino, mode, node.content)
    if isinstance(node, Link):
        asset = catalogue.assets.get(node.asset)
        made = asset.created_at * _SECOND if asset else 0
        return Attributes(node.ino, stat.S_IFREG | 0o444 & bits, 1, len(node.body), made, made)
    if isinstance(node, HistoryFolder):
        folders = catalogue.folder_count(node.collection)
        folders += sum(not asset.is_link for asset in catalogue.assets_in(node.collection))
        made = namespace.project_time(node.collection) * _SECOND
        return Attributes(node.ino, stat.S_IFDIR | 0o555 & bits, 2 + folders, 0, made, made)
    if isinstance(node, AssetHistory):
        asset = catalogue.assets.get(node.asset)
        made = (asset.head.created_at if asset.head else asset.created_at) * _SECOND if asset else 0
        return Attributes(node.ino, stat.S_IFDIR | 0o555 & bits, 2, 0, made, made)
    raise AssertionError(f"no attributes for {node!r}")


def _local(node: Node, file: LocalFile) -> Attributes:
    """What a program that made a file here made of it."""
    nlink = 0 if file.removed else 1
    changed = file.ctime_ns or file.mtime_ns
    kind = file.kind | file.mode
    return Attributes(node.ino, kind, nlink, file.size, file.mtime_ns, changed, file.atime_ns)


def _file(node: File, namespace: Namespace) -> Attributes:
    catalogue = namespace.catalogue
    viewer = catalogue.viewer
    asset = catalogue.assets.get(node.asset)
    mode = 0
    if may_read(viewer):
        mode = 0o644 if asset is not None and may_checkpoint(viewer, asset) else 0o444
    nlink = 0 if node.is_unlinked else 1
    bits = namespace.default_bits
    if node.content is None:
        made = asset.created_at * _SECOND if asset else 0
        return Attributes(node.ino, stat.S_IFREG | mode & bits, nlink, 0, made, made)
    kept = namespace.kept.get(node.asset)
    if kept is not None and kept.checkpoint == node.content.id:
        # Saved through this mount: programs remember the permissions and the time they gave it.
        shown = kept.mode & (0o7777 if mode & 0o200 else 0o7555) if mode else 0
        made = kept.ctime_ns or node.content.created_at * _SECOND
        size = node.content.size
        return Attributes(node.ino, stat.S_IFREG | shown, nlink, size, kept.mtime_ns, made, kept.atime_ns)
    return _content(node.ino, mode & bits, node.content, nlink)


def _content(ino: int, mode: int, content: Checkpoint, nlink: int = 1) -> Attributes:
    if content.executable:
        mode |= (mode & 0o444) >> 2
    made = content.created_at * _SECOND
    return Attributes(ino, stat.S_IFREG | mode, nlink, content.size, content.mtime_ns, made)


def _collection(node: CollectionFolder, namespace: Namespace) -> Attributes:
    catalogue = namespace.catalogue
    local, look = namespace.locals.folders.get(node.collection), namespace.looks.get(node.collection)
    may_write = local is not None or catalogue.may_write_in(node.collection)
    if look is not None and look.mode is not None:
        mode = look.mode & (0o7777 if may_write else 0o7555)
    else:
        mode = (0o755 if may_write else 0o555) & namespace.default_bits
    made = look.mtime_ns if look is not None else None
    if made is None:
        made = local.mtime_ns if local is not None else namespace.project_time(node.collection) * _SECOND
    changed, read = (look.ctime_ns or made, look.atime_ns) if look is not None else (made, None)
    folders = catalogue.folder_count(node.collection)
    folders += sum(1 for each in namespace.locals.folders_in(node.collection))
    return Attributes(node.ino, stat.S_IFDIR | mode, 2 + folders, 0, made, changed, read)
