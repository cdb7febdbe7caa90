"""Attributes as the kernel takes them, made once a node.

A listing hands out thousands of these; making each one again would cost more than all the rest of the answer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import pyfuse3

from mountfs.workspace.attributes import Attributes
from mountfs.workspace.nodes import Node, Version
from mountfs.workspace.workspace import HISTORY_FRESH, Workspace

TIMEOUT = 3600.0
"""Seconds for which the kernel need not ask again. It is told of every change, so this could be longer."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose everything in the mount is, and which permission bits show where no program has given any."""

    uid: int
    gid: int
    mask: int = 0o777

    @classmethod
    def of_mounter(cls, *, allow_other: bool = False, gid: int = -1) -> Ownership:
        """The mounting user's. With ``allow_other``, nothing for others, so that a group has to be named."""
        group = os.getgid() if gid < 0 else gid
        return cls(os.getuid(), group, 0o750 if allow_other else 0o777)


class Entries:
    """Makes the kernel's attributes of nodes. They are kept with the node, until its attributes change."""

    def __init__(self, workspace: Workspace, ownership: Ownership) -> None:
        self._workspace = workspace
        self._ownership = ownership
        workspace.show_at_most(ownership.mask)
        nothing = pyfuse3.EntryAttributes()
        nothing.st_ino = pyfuse3.InodeT(0)
        nothing.entry_timeout = TIMEOUT
        self.nothing = nothing
        """The answer for a name that does not exist: the kernel remembers it as it remembers entries."""

    def of(self, node: Node) -> pyfuse3.EntryAttributes:
        """The attributes of a node."""
        made: pyfuse3.EntryAttributes | None = node.shown
        if made is None:
            made = node.shown = self._make(self._workspace.attributes(node))
            if isinstance(node, Version):
                made.entry_timeout = HISTORY_FRESH
        return made

    def is_own(self, node: Node, attr: pyfuse3.EntryAttributes, fields: pyfuse3.SetattrFields) -> bool:
        """Whether a change of owner or group would change nothing: everything here has one of each."""
        entry = self.of(node)
        return not (
            (fields.update_uid and attr.st_uid != entry.st_uid)
            or (fields.update_gid and attr.st_gid != entry.st_gid)
        )

    def _make(self, found: Attributes) -> pyfuse3.EntryAttributes:
        own = self._ownership
        entry = pyfuse3.EntryAttributes()
        entry.st_ino = pyfuse3.InodeT(found.ino)
        entry.entry_timeout = entry.attr_timeout = TIMEOUT
        entry.st_mode = pyfuse3.ModeT(found.mode)
        entry.st_nlink = found.nlink
        entry.st_uid, entry.st_gid = own.uid, own.gid
        entry.st_size = found.size
        entry.st_blocks = (found.size + 511) // 512  # 0 would make `tar -S` archive zeros
        entry.st_mtime_ns = found.mtime_ns
        entry.st_atime_ns = found.mtime_ns if found.atime_ns is None else found.atime_ns
        entry.st_ctime_ns = found.ctime_ns
        return entry
