"""Telling people what is not a checkpoint yet, and why; and doing with it what they say."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import trio

from mountfs.errors import NotFound, Refused
from mountfs.interfaces import Studio
from mountfs.model import Asset, AssetId
from mountfs.workspace.asking import Asking
from mountfs.workspace.contents import Contents
from mountfs.workspace.disk import Change
from mountfs.workspace.kept import Kept
from mountfs.workspace.locals import LocalFile, Vacancy
from mountfs.workspace.nodes import CollectionFolder, File, Node, Special
from mountfs.workspace.replicated import reach_of
from mountfs.workspace.saving import Saving
from mountfs.workspace.state import LocalState
from mountfs.workspace.versions import Version, VersionState


class Status:
    """What is local in one mount, for people and for their commands."""

    def __init__(
        self,
        state: LocalState,
        saving: Saving,
        contents: Contents,
        studio: Studio,
        ask: Asking,
        kept_folder: Path,
    ) -> None:
        self._state = state
        self._saving = saving
        self._contents = contents
        self._studio = studio
        self._ask = ask
        self._kept = Kept(kept_folder, state.new_id)
        self._kept.forget_old()

    # Telling

    def state_of(self, file: LocalFile) -> str:
        """One word for a local file."""
        version = file.version
        if file.is_damaged:
            return "damaged"
        if version is not None and version.state is VersionState.REFUSED:
            return "outdated" if version.is_lost_race else "refused"
        if version is not None and version.state is VersionState.PUBLISHING:
            return "sending"
        if version is not None:
            return "waiting"
        if file.is_ignored or not stat.S_ISREG(file.kind):
            return "scratch"
        if file.is_changed:
            return "modified"
        return "waiting" if file.follows else "untracked"

    def node_state(self, node: File) -> str:
        """One word for a file of the mount."""
        if node.local is not None:
            return self.state_of(node.local)
        asset = self._state.namespace.catalogue.assets.get(node.asset)
        return "normal" if asset is not None and asset.head == node.content else "outdated"

    def error_of(self, node: File) -> str:
        """Why a file is not sent; empty if nothing is wrong."""
        local = node.local
        if local is None:
            return ""
        if local.version is not None and local.version.state is VersionState.REFUSED:
            return local.version.reason
        return local.reason

    def report(self, path: str | None) -> Mapping[str, object]:
        """All local files at or below a path: what `mountfs status` shows."""
        files = [self._entry(file) for file in self._files(path or "")]
        state, sending = self._state, self._contents.sending
        totals = {
            "files": len(files),
            "drafts": state.drafts.used,
            "scratch": state.drafts.scratch_used,
            "draft_quota": state.options.draft_quota,
            "scratch_quota": state.options.scratch_quota,
            "versions": sum(1 for each in state.versions.values() if each.is_on_its_way),
        }
        passed = trio.current_time() - sending.since
        now = None
        if sending.path:
            now = {
                "path": sending.path,
                "bytes": sending.done,
                "of": sending.size,
                "rate": sending.done / passed if passed > 0 else 0.0,
            }
        return {
            "studio": reach_of(self._studio),
            "files": sorted(files, key=lambda file: str(file["path"])),
            "totals": totals,
            "sending": now,
        }

    def _entry(self, file: LocalFile) -> dict[str, object]:
        version = file.version
        reason = file.reason
        if version is not None and version.reason:
            reason = version.reason
        return {
            "path": self._state.path_of_file(file),
            "state": self.state_of(file),
            "reason": reason,
            "size": file.size,
            "local_bytes": file.draft.touched.total if file.draft is not None else 0,
            "since": file.mtime_ns // 1_000_000_000,
            "checkpoint": file.base,
        }

    def _files(self, path: str) -> Iterator[LocalFile]:
        for file in list(self._state.locals.files.values()):
            where = self._state.path_of_file(file)
            if not path or where == path or where.startswith(path + "/"):
                yield file

    # Waiting

    async def wait(self, path: str | None, seconds: float) -> Mapping[str, object]:
        """End the quiet times of what was closed at or below a path, and wait until it is a checkpoint or
        refused, at most so long (seconds).
        """
        with trio.move_on_after(seconds):
            await self._settled(path or "")
        refused = [self._refusal(version) for version in self._versions(path or "", on_their_way=False)]
        pending = [self._path_of(version) for version in self._versions(path or "", on_their_way=True)]
        pending += [self._state.path_of(v.folder, os.fsdecode(v.name)) for v in self._empty(path or "")]
        return {"done": not pending, "refused": refused, "pending": pending}

    async def _settled(self, path: str) -> None:
        state = self._state
        while True:
            began, empty = trio.current_time(), self._empty(path)
            for vacancy in empty:
                vacancy.since = -state.times.grace
            waiting = list(self._versions(path, on_their_way=True))
            for version in waiting:
                version.hurried = True
            if not waiting and not empty:
                return
            state.stir()
            if waiting:
                for version in waiting:  # there may be very many: they are not listed again for each
                    await version.done.wait()
            else:  # nor are these all the time
                await trio.sleep(max(0.01, 4 * (trio.current_time() - began)))

    def _empty(self, path: str) -> list[Vacancy]:
        if not path:
            return list(self._state.locals.vacancies.values())
        found = []
        for vacancy in self._state.locals.vacancies.values():
            where = self._state.path_of(vacancy.folder, os.fsdecode(vacancy.name))
            if where == path or where.startswith(path + "/"):
                found.append(vacancy)
        return found

    def _versions(self, path: str, *, on_their_way: bool) -> Iterator[Version]:
        for version in list(self._state.versions.values()):
            where = self._path_of(version)
            if path and where != path and not where.startswith(path + "/"):
                continue
            if version.is_on_its_way is on_their_way:
                yield version

    def _path_of(self, version: Version) -> str:
        return self._state.path_of_version(version)

    def _refusal(self, version: Version) -> dict[str, str]:
        return {"path": self._path_of(version), "reason": version.reason}

    async def settle_asset(self, asset: str) -> None:
        """End the quiet time of one asset and wait for its version: for whoever asks for its history."""
        while True:
            waiting = [each for each in self._state.versions.of_asset(AssetId(asset)) if each.is_on_its_way]
            if not waiting:
                return
            for version in waiting:
                version.hurried = True
            self._state.stir()
            await waiting[0].done.wait()

    # Doing

    def file_at(self, path: str) -> LocalFile:
        """The local file at a path. NotFound."""
        for file in self._files(path):
            if self._state.path_of_file(file) == path:
                return file
        raise NotFound(f"{path}: there is nothing here that is not sent")

    def comment(self, node: File, text: str) -> None:
        """Say something about the next version of a file."""
        local = node.local or self._saving.begin(node)
        local.comment, local.commented_at = text, trio.current_time()
        version = local.version
        if version is not None and version.state is VersionState.WAITING:
            version.comment = text
            self._state.journal.also(version.record())

    async def comment_at(self, path: str, text: str) -> Mapping[str, object]:
        """Say something about the next version of a changed file, by its path. Refused without a change."""
        node = self._node_at(path)
        if node.local is None or not (node.local.is_changed or node.local.version):
            raise Refused(f"{path} has no change that is not recorded")
        self.comment(node, text)
        return {"comment": text}

    async def retry(self, path: str | None) -> Mapping[str, object]:
        """Offer again what was refused; what lost a race is offered as the next version after the newest."""
        state = self._state
        heads = await self._newest()
        tried = 0
        for file in list(self._files(path or "")):
            changes: list[Change] = []
            version = file.version
            if version is not None and version.state is VersionState.REFUSED:
                asset = heads.get(version.asset) or state.namespace.catalogue.assets.get(version.asset)
                if asset is not None:
                    version.base = file.base = asset.head.id if asset.head is not None else None
                    version.is_new = file.is_new = False
                version.state, version.reason, version.hurried = VersionState.WAITING, "", True
                version.done = trio.Event()
                version.tries, version.not_before = 0, 0.0
                file.reason = ""
                changes.append(version.record())
            elif file.is_changed and not file.is_damaged and not self._is_open(file):
                file.reason = ""
                with trio.CancelScope(shield=True):  # a draft is sealed and a version, or neither
                    sealed = await self._saving.seal(file)
                if sealed is not None:
                    sealed.hurried = True
            elif version is None and not file.is_changed and not file.is_ignored and not file.follows:
                proposed = self._saving.propose(file, changes)
                if proposed is None:
                    continue
                proposed.hurried = True
            else:
                continue
            tried += 1
            await state.journal.commit([*changes, file.record()], why="retried", durable=False)
        state.stir()
        return {"tried": tried}

    async def _newest(self) -> dict[AssetId, Asset]:
        """What the project has that was not heard of yet: a race may be lost to what is news."""
        changes = await self._ask(self._studio.changes, self._state.namespace.catalogue.cursor)
        return {asset.id: asset for asset in changes.assets}

    def _is_open(self, file: LocalFile) -> bool:
        node = self._state.node_of(file)
        return node is not None and node.writers > 0

    async def discard(self, path: str) -> Mapping[str, object]:
        """Give up what was written at a path: the name shows what the studio has. The bytes are kept for a
        while; the answer says where. Refused while it is open or on its way. If cancelled before all of them
        are kept, nothing has happened.
        """
        file = self.file_at(path)
        self._require_at_rest(file, path)
        draft, written = file.draft, file.draft.generation if file.draft is not None else 0
        if draft is not None:
            self._state.drafts.hold(draft)
        try:
            place = await self._kept.keep(Path(path).name, self._contents.bytes_of(draft, file.content))
            try:
                if file.removed or file.draft is not draft or (draft and draft.generation != written):
                    raise Refused(f"{path} was changed just now; look at it and discard it again")
                self._require_at_rest(file, path)
            except Refused:
                place.unlink(missing_ok=True)
                raise
            self._give_up(file)
            with suppress(OSError):  # it is written later then, with whatever can be
                await self._state.journal.commit([], why="discarded", durable=False)
        finally:
            if draft is not None:
                self._state.drafts.let_go(draft)
        return {"kept": str(place)}

    def _require_at_rest(self, file: LocalFile, path: str) -> None:
        if self._is_open(file):
            raise Refused(f"{path} is open for writing: close it first")
        if file.version is not None and file.version.state is VersionState.PUBLISHING:
            raise Refused(f"{path} is being sent just now: wait for it, then go back with mountfs revert")

    def _give_up(self, file: LocalFile) -> None:
        """Let a name show again what the studio has for it."""
        state = self._state
        changes: list[Change] = []
        if file.version is not None:
            changes.append(state.finish(file.version, VersionState.DROPPED))
            file.version = None
        state.locals.take_out(file)
        file.removed = True
        node = state.node_of(file)
        if node is not None:
            node.is_unlinked = True
        if node is None or node.opens == 0:  # who has it open keeps what was there
            state.release(file)
            if node is not None:
                node.local = None
        state.journal.soon([*changes, file.record()])
        folders = {file.folder}
        if node is not None and isinstance(node.parent, CollectionFolder):
            folders.add(node.parent.collection)
        if node is not None:
            state.namespace.kept.pop(node.asset, None)
        state.show_again(folders)

    async def checkpoint(self, path: str, comment: str) -> Mapping[str, object]:
        """Record what a file is now, open or not, with a comment."""
        state = self._state
        node = self._node_at(path)
        local = node.local
        if local is None:
            if node.asset in state.namespace.catalogue.assets:
                raise Refused(f"{path} has no change that is not recorded")
            raise NotFound(f"{path}: there is no file here")
        local.comment, local.commented_at = comment, trio.current_time()
        if local.is_damaged:
            raise Refused(f"{path} is damaged: {local.reason or 'a write failed'}")
        if local.is_tracked is None and not local.follows:
            local.is_tracked = True
        with trio.CancelScope(shield=True):  # who goes away while this is done leaves a version, not half
            version = await self._saving.seal(local) or local.version
            if version is None:
                changes: list[Change] = []
                version = self._saving.propose(local, changes)
                await state.journal.commit(changes, why="checkpoint", durable=False)
        if version is None:
            raise Refused(local.reason or f"{path} stays on this machine: mountfs track")
        version.comment, version.hurried = comment, True
        state.stir()
        await version.done.wait()
        if version.checkpoint is None:
            raise Refused(version.reason or "something newer took its place")
        return {"checkpoint": version.checkpoint.id, "number": version.checkpoint.number}

    async def track(self, path: str, *, on: bool) -> Mapping[str, object]:
        """Send a local file, or keep it on this machine."""
        state = self._state
        node = self._node_at(path)
        local = node.local
        if local is None or local.follows:
            raise Refused(f"{path} is in the project already")
        changes: list[Change] = []
        local.is_tracked = on
        if on:
            local.is_ignored = False
            local.reason = ""
            if not local.is_changed:
                self._saving.propose(local, changes)
        elif local.version is not None and local.version.state is not VersionState.PUBLISHING:
            changes.append(state.finish(local.version, VersionState.DROPPED))
            local.version, local.asset, local.is_new = None, None, False
            local.reason = "it stays here because you said so"
            state.locals.add(local)
        await state.journal.commit([*changes, local.record()], why="tracked", durable=False)
        state.stir()
        return {"state": self.state_of(local), "reason": local.reason}

    def _node_at(self, path: str) -> File:
        node: Node | None = self._state.namespace.root
        for part in filter(None, path.split("/")):
            if not isinstance(node, CollectionFolder):
                node = None
                break
            node = self._state.namespace.child(node, os.fsencode(part))
        if isinstance(node, Special):
            raise Refused(f"{path} is no file that can be sent")
        if not isinstance(node, File):
            raise NotFound(f"{path}: there is no file here")
        return node
