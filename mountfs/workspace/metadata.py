"""Permission bits and times that programs give to files and folders: no change of any content, and nobody's
business but this mount's.

They are kept with what is local, with a file of the project until somebody else saves it, and with a folder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mountfs.errors import NotFound, NotPermitted, Refused
from mountfs.model import Toggle
from mountfs.workspace.locals import LocalFile
from mountfs.workspace.looks import Kept
from mountfs.workspace.nodes import CollectionFolder, File, Node, Special
from mountfs.workspace.saving import Saving
from mountfs.workspace.state import LocalState
from mountfs.workspace.versions import VersionState


@dataclass(frozen=True, slots=True)
class Given:
    """What a program gives; None: that stays as it is. Times in ns since 1970."""

    mode: int | None = None
    mtime_ns: int | None = None
    atime_ns: int | None = None
    ctime_ns: int | None = None
    """When it was given, if the kernel says so."""


class Metadata:
    """Permission bits and times in one mount."""

    def __init__(self, state: LocalState, saving: Saving) -> None:
        self._state = state
        self._saving = saving

    def may_have(self, node: Node, mode: int) -> bool:
        """Whether a mode adds no right to write that is not there."""
        if isinstance(node, Special):
            return True
        if isinstance(node, CollectionFolder):
            is_local = node.collection in self._state.locals.folders
            may_write = is_local or self._state.namespace.catalogue.may_write_in(node.collection)
            return may_write or not mode & 0o222
        if not isinstance(node, File):
            return False
        try:
            self._saving.require_writable(node)
        except (Refused, NotFound):
            return not mode & 0o222
        return True

    def give(self, node: Node, given: Given) -> None:
        """Take over what a program gives. NotPermitted for what has nothing of its own, as past versions."""
        node.shown = None
        if isinstance(node, CollectionFolder):
            self._give_folder(node, given)
        elif isinstance(node, Special):
            self._give_local(node.local, given)
        elif not isinstance(node, File):
            raise NotPermitted(Toggle.UPDATE_ASSET)
        elif node.local is not None:
            self._give_local(node.local, given)
        elif node.content is not None and not node.is_unlinked:
            self._give_clean(node, given)

    def _now(self, given: Given) -> int:
        return given.ctime_ns if given.ctime_ns is not None else self._state.clock_ns()

    def _give_folder(self, node: CollectionFolder, given: Given) -> None:
        namespace = self._state.namespace
        look = namespace.look_of(node.collection)
        if given.mode is not None:
            look.mode = given.mode
        if given.mtime_ns is not None:
            look.mtime_ns = given.mtime_ns
        if given.atime_ns is not None:
            look.atime_ns = given.atime_ns
        look.ctime_ns = self._now(given)
        self._state.journal.also(look.record(node.collection, namespace.project_time(node.collection)))

    def _give_local(self, local: LocalFile, given: Given) -> None:
        state = self._state
        if given.mode is not None:
            local.mode = given.mode
        if given.mtime_ns is not None:
            local.mtime_ns = given.mtime_ns
        if given.atime_ns is not None:
            local.atime_ns = given.atime_ns
        local.ctime_ns = self._now(given)
        if not local.removed:
            state.journal.also(local.record())
        version = local.version
        if version is not None and version.state is VersionState.WAITING and not local.is_changed:
            version.mtime_ns, version.executable = local.mtime_ns, bool(local.mode & 0o111)
            state.journal.also(version.record())

    def _give_clean(self, node: File, given: Given) -> None:
        namespace, content = self._state.namespace, node.content
        assert content is not None
        kept = namespace.kept.get(node.asset)
        if kept is None or kept.checkpoint != content.id:
            kept = Kept(content.id, node.ino, namespace.clean_mode(node) & 0o777, content.mtime_ns)
        changed = replace(
            kept,
            mode=kept.mode if given.mode is None else given.mode,
            mtime_ns=kept.mtime_ns if given.mtime_ns is None else given.mtime_ns,
            atime_ns=kept.atime_ns if given.atime_ns is None else given.atime_ns,
            ctime_ns=self._now(given),
        )
        self._state.journal.also(namespace.keep(node.asset, changed))
