"""Nodes: the things that inode numbers stand for.

A number is derived from what its node *is*: a folder from its collection, a file from its asset and
checkpoint, a past version from its checkpoint. So the same content has the same number after the kernel
forgot it and after a remount, and other content never has it: what the kernel caches under a number is right
for ever. A new checkpoint gives the name a new node; the old one lives on for whoever has it open.

`Nodes` knows every node that the kernel or a listing may still ask for. A node stays while it is *attached*
(the child of a listing) or the kernel holds references to it (`Node.lookups`, counted as FUSE counts them).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mountfs.model import AssetId, Checkpoint, CollectionId, ProjectId
from mountfs.workspace.locals import LocalFile

NO_ASSET = AssetId("")
"""In place of an asset: the file is only here."""

ROOT_INO = 1
"""The number of a mount's top folder, by FUSE's definition."""


@dataclass(slots=True, eq=False)
class Node:
    """Something with an inode number. Compared by identity: there is one object a number."""

    ino: int
    parent: Node | None
    lookups: int = field(default=0, init=False)
    attached: bool = field(default=False, init=False)
    shown: Any = field(default=None, init=False)
    """What the layer above made of its attributes, kept here so that it goes with the node; None: to be
    made.
    """


@dataclass(slots=True, eq=False)
class Folder(Node):
    """A node with children: None until somebody looks, then all of them, in listing order."""

    children: dict[bytes, Node] | None = field(default=None, init=False)


@dataclass(slots=True, eq=False)
class CollectionFolder(Folder):
    """A collection of the project, or its top."""

    collection: CollectionId
    folded: dict[str, bytes] | None = field(default=None, init=False)
    """Its names by what they are without their case; None: not worked out."""


@dataclass(slots=True, eq=False)
class HistoryFolder(Folder):
    """A collection below ``.checkpoints``."""

    collection: CollectionId


@dataclass(slots=True, eq=False)
class AssetHistory(Folder):
    """An asset below ``.checkpoints``: the folder of its versions, fetched when somebody looks."""

    asset: AssetId
    complete: bool = field(default=False, init=False)
    """Whether ``children`` were all versions when they were last compared with the asset's head."""
    asked_at: float = field(default=0.0, init=False)
    """When the studio was last asked for them, by the event loop's clock (seconds)."""


@dataclass(slots=True, eq=False)
class File(Node):
    """A file of an asset, or of this machine. Its content is one checkpoint, or none yet, unless there is a
    local one.
    """

    asset: AssetId
    content: Checkpoint | None
    local: LocalFile | None = field(default=None)
    """What is local of it."""
    is_unlinked: bool = field(default=False, init=False)
    """Whether it was removed or replaced here: what is still written to it is nobody's."""
    opens: int = field(default=0, init=False)
    writers: int = field(default=0, init=False)
    """How many handles may read and may write it."""


@dataclass(slots=True, eq=False)
class Version(Node):
    """A past version of an asset, below ``.checkpoints``."""

    asset: AssetId
    content: Checkpoint


@dataclass(slots=True, eq=False)
class Special(Node):
    """A symbolic link, a FIFO or a socket: they are only on this machine."""

    local: LocalFile


@dataclass(slots=True, eq=False)
class Link(Node):
    """An address, shown as a small file."""

    asset: AssetId
    body: bytes


AnyNode = TypeVar("AnyNode", bound=Node)


class Nodes:
    """Every live node by its number."""

    def __init__(self, project: ProjectId, root: CollectionFolder) -> None:
        self._by_ino: dict[int, Node] = {root.ino: root}
        # Keyed, so that a number tells nothing about an id, and two projects' numbers do not resemble each
        # other.
        self._hash = hashlib.blake2b(key=hashlib.sha256(project.encode()).digest(), digest_size=8)
        root.attached = True

    def __len__(self) -> int:
        return len(self._by_ino)

    def __iter__(self) -> Iterator[Node]:
        return iter(list(self._by_ino.values()))

    def get(self, ino: int) -> Node | None:
        """The node of a number, or None if it was forgotten or never given out."""
        return self._by_ino.get(ino)

    def number(self, *key: str) -> int:
        """The inode number of a key: 64 bits, neither 0 (no inode) nor 1 (the root)."""
        digest = self._hash.copy()
        digest.update("\0".join(key).encode())
        return int.from_bytes(digest.digest(), "big") or 2

    def obtain(self, ino: int, make: Callable[[int], AnyNode], kind: type[AnyNode]) -> AnyNode:
        """The node of a number, made if there is none."""
        node = self._by_ino.get(ino)
        if node is None:
            node = self._by_ino[ino] = make(ino)
        if not isinstance(node, kind):
            raise AssertionError(f"two nodes with the number {ino}")  # 1 in 2^64 for each pair
        return node

    def attach(self, node: Node, parent: Folder) -> None:
        """Note that a listing shows the node."""
        node.parent = parent
        node.attached = True
        self._by_ino[node.ino] = node

    def detach(self, node: Node) -> None:
        """Note that no listing shows the node any more; it goes when the kernel has forgotten it too."""
        node.attached = False
        self._drop_if_unused(node)

    def forget(self, ino: int, count: int) -> None:
        """The kernel gave back ``count`` references."""
        node = self._by_ino.get(ino)
        if node is None:
            return
        node.lookups -= count
        if node.lookups > 0 or ino == ROOT_INO:
            return
        if isinstance(node, Folder):
            self._drop_listing(node)
        self._drop_if_unused(node)

    def _drop_listing(self, folder: Folder) -> None:
        # The kernel holds a folder as long as it holds anything in it, so nobody misses these.
        for child in (folder.children or {}).values():
            if child.parent is folder:
                self.detach(child)
        folder.children = None

    def _drop_if_unused(self, node: Node) -> None:
        if not node.attached and node.lookups <= 0:
            self._by_ino.pop(node.ino, None)
