"""What a writable mount knows beyond the project, in one place for those who change it.

`LocalState` belongs to one mount and one event loop. Who changes names holds `LocalState.names`; everything
else is changed in stretches without a wait.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import trio

from mountfs.ignore import IgnoreRules
from mountfs.model import ROOT, AssetId, CollectionId, Viewer
from mountfs.names import file_name, is_local_only
from mountfs.workspace.accepted import Accepted
from mountfs.workspace.disk import Change, Disk
from mountfs.workspace.drafts import Drafts, DraftState
from mountfs.workspace.heads import Heads
from mountfs.workspace.journal import Journal
from mountfs.workspace.locals import LocalFile, LocalFolder, Locals
from mountfs.workspace.looks import FolderLook, Kept
from mountfs.workspace.namespace import Namespace
from mountfs.workspace.news import News
from mountfs.workspace.nodes import CollectionFolder, File
from mountfs.workspace.notice import Kind, Notice, unnoticed
from mountfs.workspace.on_the_way import Versions
from mountfs.workspace.versions import Times, Version, VersionState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """How a mount saves. ``lazy``: closing does not wait for the disk. ``tracks``: new files are sent by
    themselves. Quotas in bytes, 0: none.
    """

    times: Times = field(default_factory=Times)
    lazy: bool = False
    tracks: bool = True
    draft_quota: int = 0
    scratch_quota: int = 0


_UNWANTED = 10_000


class LocalState:
    """Local files, drafts and versions of one mount, their journal, and the names they have."""

    def __init__(
        self,
        namespace: Namespace,
        disk: Disk,
        options: SaveOptions,
        ignored: Iterable[str],
        clock_ns: Callable[[], int],
        new_id: Callable[[], str],
        tell: Callable[[News], None],
        epoch: Callable[[], str] | None = None,
    ) -> None:
        self.namespace = namespace
        self.disk = disk
        self.options = options
        self.times = options.times
        self.clock_ns = clock_ns
        self.new_id = new_id
        self.tell = tell
        self.journal = Journal(disk)
        self.drafts = Drafts(
            disk, options.draft_quota, options.scratch_quota, self.journal.also, self.journal.also
        )
        self.accepted = Accepted(self.drafts, self.journal.also, disk.is_nearly_full, epoch)
        self.heads = Heads()
        self.versions = Versions()
        self.unwanted: dict[AssetId, Version] = {}
        """New assets that were offered for files that have gone since: they may turn up yet."""
        self.names = trio.Lock()
        """Held while names change, from the check to the end."""
        self.disk_threads = trio.CapacityLimiter(4)
        self._rules = IgnoreRules(ignored)
        self._order = 0
        self.next_due = 0.0
        """When the publisher looks next for what is due, by the event loop's clock."""
        self._wake = trio.Event()
        self.notice: Callable[[Notice], None] = unnoticed
        """Tells whoever wants to know at once. Never waits."""
        self.drafts.damaged = self._notice_damage

    @property
    def locals(self) -> Locals:
        """The local files and folders."""
        return self.namespace.locals

    @property
    def viewer(self) -> Viewer:
        """Whose mount it is."""
        return self.namespace.catalogue.viewer

    def next_order(self) -> int:
        """A number for a version: they are sent in this order."""
        self._order += 1
        return self._order

    @property
    def last_order(self) -> int:
        """The number of the newest version."""
        return self._order

    async def sent(self) -> None:
        """Wait until nothing that was closed is on its way any more: it is a version, or refused."""
        while waiting := [version for version in self.versions.values() if version.is_on_its_way]:
            for version in waiting:
                await version.done.wait()

    def _notice_damage(self, why: OSError) -> None:
        full = why.errno in (errno.ENOSPC, errno.EDQUOT)
        self.notice(Notice(Kind.FULL if full else Kind.DAMAGED, reason=why.strerror or str(why)))

    def stir(self, after: float = 0.0) -> None:
        """Something is due after so many seconds. Looking for all that is due takes time, so it is done when
        something is, and not whenever something happens."""
        moment = trio.current_time() + after
        if moment < self.next_due:
            self.next_due = moment
            self._wake.set()

    async def stirred(self) -> None:
        """Wait for `stir`."""
        await self._wake.wait()
        self._wake = trio.Event()

    def is_ignored(self, folder: CollectionId, name: bytes, *, is_folder: bool = False) -> bool:
        """Whether a new name stays on this machine: by the rules for names, or because its folder does."""
        parent = self.locals.folders.get(folder)
        if parent is not None and parent.is_ignored:
            return True
        text = name.decode(errors="replace")
        if is_local_only(text):
            return True
        return self._rules.matches(self.path_of(folder, text), is_folder=is_folder)

    def path_of(self, folder: CollectionId, name: str = "") -> str:
        """The path of a name, or of a folder, from the top of the mount."""
        parts = [name] if name else []
        catalogue = self.namespace.catalogue
        while folder != ROOT:
            local = self.locals.folders.get(folder)
            collection = catalogue.collections.get(folder)
            if collection is not None:
                parts.append(collection.name)
                folder = collection.parent
            elif local is not None:
                parts.append(local.name.decode(errors="replace"))
                folder = local.parent
            else:
                break
        return "/".join(reversed(parts))

    def path_of_file(self, file: LocalFile) -> str:
        """Where a local file is, from the top of the mount."""
        node = self.namespace.nodes.get(file.ino)
        if node is not None and node.attached and isinstance(node.parent, CollectionFolder):
            name = self.namespace.name_of(node)
            if name is not None:
                return self.path_of(node.parent.collection, name.decode(errors="replace"))
        asset = self.namespace.catalogue.assets.get(file.asset) if file.asset else None
        if asset is not None and file.follows:
            return self.path_of(asset.collection, file_name(asset))
        return self.path_of(file.folder, file.name.decode(errors="replace"))

    def path_of_version(self, version: Version) -> str:
        """Where the file of a version is, from the top of the mount."""
        file = self.locals.files.get(version.file)
        if file is not None:
            return self.path_of_file(file)
        asset = self.namespace.catalogue.assets.get(version.asset)
        return self.path_of(asset.collection, file_name(asset)) if asset is not None else "a file"

    def node_of(self, file: LocalFile) -> File | None:
        """The node of a local file, if anybody may ask for it."""
        node = self.namespace.nodes.get(file.ino)
        return node if isinstance(node, File) else None

    def before(self, version: Version) -> Version | None:
        """An earlier version of the same asset that is still on its way."""
        for other in self.versions.of_asset(version.asset):
            if other.order < version.order and other.is_on_its_way:
                return other
        return None

    def show_again(self, folders: Iterable[CollectionId]) -> None:
        """Work out the names of folders again and have the kernel forget what is different."""
        self.tell(self.namespace.rework(folders))

    def release(self, file: LocalFile) -> None:
        """A local file's content is not needed for its name any more."""
        if file.draft is not None:
            self.drafts.let_go(file.draft)
            file.draft = None

    def finish(self, version: Version, state: VersionState) -> Change:
        """A version has become something, or nothing: it is not on its way any more."""
        may_be_there = version.is_offered or version.state is VersionState.PUBLISHING
        version.state = state
        self.versions.pop(version.id, None)
        if state is VersionState.DROPPED:
            self.accepted.drop([version.id])  # nobody wants it again
            if may_be_there and version.new is not None and len(self.unwanted) < _UNWANTED:
                self.unwanted[version.asset] = version
        change = version.record()
        if version.draft is not None:
            self.drafts.let_go(version.draft)
            version.draft = None
        version.done.set()
        return change

    def restore(self, records: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Take over what the journal knows: names that were empty for a moment are not any more."""
        self.drafts.restore(records["draft"])
        for key, body in records["folder"].items():
            folder = LocalFolder(
                CollectionId(key),
                CollectionId(body["parent"]),
                body["name"].encode("utf-8", "surrogateescape"),
                body["is_ignored"],
                body["mtime_ns"],
            )
            self.locals.add_folder(folder)
        for key, body in records["number"].items():
            self.namespace.keep(AssetId(key), Kept(**body))
        for key, body in records["look"].items():
            place = CollectionId(key)
            if place in self.locals.folders or self.namespace.catalogue.knows(place):
                # A folder that arrived in the project when this mount ended has no other names than before.
                is_ours = place in self.locals.folders
                time = body["project_time"] if is_ours else self.namespace.project_time(place)
                self.namespace.looks[place] = FolderLook.restored(body, time)
            else:
                self.journal.also(Change("look", key, None))
        taken = {body["asset"] for body in records["file"].values()}
        for key, body in records["file"].items():
            draft = self.drafts.get(body["draft"]) if body["draft"] is not None else None
            file = LocalFile.restored(key, body, draft)
            if file.moved_from is not None:
                # The asset is back where it was, with what was written to its file.
                file.removed = draft is None
                if file.moved_from not in taken:
                    file.asset, file.is_ignored = file.moved_from, False
                file.moved_from = None
                self.journal.also(file.record())
                if file.removed:
                    continue
            if draft is not None:
                self.drafts.hold(draft)
                self.drafts.count_as(draft, scratch=file.is_ignored)
            self.locals.add(file)
        for key, body in sorted(records["version"].items(), key=lambda item: item[1]["order"]):
            draft = self.drafts.get(body["draft"]) if body["draft"] is not None else None
            version = Version.restored(key, body, draft)
            self._order = max(self._order, version.order)
            if draft is None and body["draft"] is not None:
                log.error("a version of %s has lost its content", self.path_of_version(version))
                self.journal.also(Change("version", key, None))
                continue
            if draft is not None:
                self.drafts.hold(draft)
            if version.state is VersionState.PUBLISHING:
                version.state = VersionState.WAITING
            if draft is not None and draft.damage is not None:
                version.state, version.reason = VersionState.REFUSED, str(draft.damage.strerror)
            self.versions[version.id] = version
            owner = self.locals.files.get(version.file)
            if owner is not None and version.is_on_its_way and version.size == 0 and owner.is_changed:
                # It was empty only for a moment, as it is when it is renamed while it is written.
                self.journal.also(self.finish(version, VersionState.SUPERSEDED))
            elif owner is not None:
                owner.version = version
        self.accepted.restore(records.get("accepted", {}))
        self._order = max(self._order, self.accepted.last_order)
        self.drafts.drop_unused()
        for file in self.locals.files.values():
            if file.draft is not None and file.draft.state in (DraftState.OPEN, DraftState.FLUSHED):
                file.reason = "it was not closed when the mount ended"
        log.info(
            "local: %d files, %d folders, %d versions to send",
            len(self.locals.files),
            len(self.locals.folders),
            len(self.versions),
        )
