"""Offering again what a studio has forgotten: it was restored from a backup, and lacks what came after that.

Whenever the tree was read in a new epoch, what this mount has sent in the last week (`accepted`) is looked
for in the history of each asset. What is not there is offered again under the same id, as the next version of
what the studio has now, if it has the version that this one was made over; the earlier before the later. A
new file's folder is made again too, both under the names that they had last; what the studio has keeps the
name that it has there. What was made over a version that the studio has not either (somebody
else's, whose mount is to offer it) is shown as changed here, with the reason, and goes on when that is there.

Until it is known what the studio still has of an asset, nothing else is offered of it.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence

import trio

from mountfs.errors import MountfsError, NotFound, NotPermitted, Refused
from mountfs.interfaces import Studio
from mountfs.model import ROOT, Asset, AssetId, CheckpointId
from mountfs.workspace.accepted import AcceptedVersion
from mountfs.workspace.asking import Asking
from mountfs.workspace.disk import Change
from mountfs.workspace.locals import LocalFile, LocalFolder
from mountfs.workspace.state import LocalState
from mountfs.workspace.versions import Version, VersionState

log = logging.getLogger(__name__)

_PAUSE = 1.0
"""Seconds after the studio could not be asked."""

_REASON = "the studio was restored from a backup and lacks the version that this one was made over"


class Offering:
    """Looks for what was sent, and offers it again. `run` must be running."""

    def __init__(self, state: LocalState, studio: Studio, ask: Asking) -> None:
        self._state = state
        self._studio = studio
        self._ask = ask
        self._wake = trio.Event()
        self._heads: dict[AssetId, CheckpointId | None] = {}
        """What assets had when they were last looked at."""

    def look(self) -> None:
        """The project was read: perhaps in another epoch, or something is there again. Never waits."""
        if self._state.accepted.has_others():
            self._wake.set()

    async def run(self) -> None:
        """Look when there is a reason to, until cancelled."""
        self.look()
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            try:
                for asset, versions in self._state.accepted.of_others().items():
                    if self._is_news(asset, versions):
                        await self._look_for(asset, versions)
            except (MountfsError, OSError) as exc:
                log.info("it is looked later what the studio still has of what was sent: %s", exc)
                await trio.sleep(_PAUSE)
                self._wake.set()
            except Exception:  # a fault over one thing must not end the mount
                log.exception("looking for what the studio still has failed unexpectedly")
                await trio.sleep(_PAUSE)

    def _is_news(self, asset_id: AssetId, versions: Sequence[AcceptedVersion]) -> bool:
        asset, epoch = self._state.namespace.catalogue.assets.get(asset_id), self._state.accepted.epoch
        head = asset.head.id if asset is not None and asset.head is not None else None
        before = self._heads.get(asset_id)
        self._heads[asset_id] = head
        return before != head or any(each.looked_at != epoch for each in versions)

    async def _look_for(self, asset_id: AssetId, versions: Sequence[AcceptedVersion]) -> None:
        state, epoch = self._state, self._state.accepted.epoch
        asset = state.namespace.catalogue.assets.get(asset_id)
        known = await self._known(asset, versions) if asset is not None else set()
        if state.accepted.epoch != epoch:
            return  # it is read in yet another one, so this is asked again
        state.accepted.confirm([each for each in versions if each.id in known], epoch)
        lost = [each for each in versions if each.id not in known]
        first = next((number for number, each in enumerate(lost) if self._is_to_go(each, epoch)), None)
        has_later = bool(lost) and any(
            each.id in known and each.order > lost[0].order for each in versions
        )  # what came after was taken without it
        if first is not None and not has_later:
            self._offer(asset, lost, known)
        for each in versions:
            each.looked_at = epoch
        state.stir()

    async def _known(self, asset: Asset, versions: Sequence[AcceptedVersion]) -> set[CheckpointId]:
        """Which versions of an asset the studio has now, as far as this viewer may know."""
        head = asset.head
        try:
            return {each.id for each in await self._ask(self._studio.history, asset.id)}
        except NotPermitted:  # the newest tells enough: what is not after it has been there
            number = head.number if head is not None else 0
            known = {each.id for each in versions if each.number <= number}
            return known | ({head.id} if head is not None else set())
        except (NotFound, Refused):
            return set()

    def _is_to_go(self, kept: AcceptedVersion, epoch: str) -> bool:
        """Whether it is not on its way already, nor refused in this epoch."""
        version = self._state.versions.get(kept.id)
        if version is None:
            return kept.looked_at != epoch
        return version.state is VersionState.REFUSED and version.reason == _REASON

    def _offer(self, asset: Asset | None, lost: Sequence[AcceptedVersion], known: set[CheckpointId]) -> None:
        """Let versions be on their way again, at once and in order, or show the last of them as changed."""
        first, last = lost[0], lost[-1]
        head = asset.head.id if asset is not None and asset.head is not None else None
        is_new = asset is None
        if is_new and not first.is_new:
            log.warning("%s was sent, and the studio does not show it any more", first.place.name)
            return
        is_ready = is_new or first.base in known or (first.base is None and head is None)
        if not is_ready and last.id in self._state.versions:
            return  # it says so already
        file = self._file(asset, last)
        changes: list[Change] = []
        base = head
        for each in lost if is_ready else [last]:
            version = self._version(each, file, is_new=is_new)
            version.base = base if is_ready else each.base
            version.state = VersionState.WAITING if is_ready else VersionState.REFUSED
            version.is_lost_race, version.reason = not is_ready, "" if is_ready else _REASON
            base = each.id
            changes.append(version.record())
            if each is last:
                file.version = version if file.version in (None, version) else file.version
                file.reason = version.reason
        log.warning(
            "the studio was restored and lacks %d of the versions of %s that were sent: %s",
            len(lost),
            self._state.path_of_file(file),
            "they are offered again" if is_ready else _REASON,
        )
        self._state.journal.soon([*changes, file.record()])
        self._state.show_again({file.folder})

    def _version(self, kept: AcceptedVersion, file: LocalFile, *, is_new: bool) -> Version:
        """A version as it was when it was sent."""
        state = self._state
        version = state.versions.get(kept.id)
        if version is None:
            version = Version.restored(kept.id, kept.body, kept.draft)
            version.asset = kept.asset
            if kept.draft is not None:
                state.drafts.hold(kept.draft)
            state.versions[version.id] = version
        version.file, version.is_new, version.hurried = file.id, is_new, True
        version.tries, version.not_before, version.stored_again = 0, 0.0, 0
        version.done = trio.Event()
        return version

    def _file(self, asset: Asset | None, last: AcceptedVersion) -> LocalFile:
        """The local file of what was sent: one that is there, or one that shows it."""
        state, place = self._state, last.place
        file = state.locals.of_asset.get(last.asset)
        if asset is None:
            self._make_folders(last)
        if file is None:
            body = last.body
            version = Version.restored(last.id, body, last.draft)
            file = LocalFile(
                id=state.locals.new_id(),
                ino=secrets.randbits(63) | 1 << 62,
                folder=asset.collection if asset is not None else place.folder,
                name=place.name.encode("utf-8", "surrogateescape"),
                mode=0o755 if version.executable else 0o644,
                mtime_ns=version.mtime_ns,
                asset=last.asset,
                content=version.content,
                draft=state.drafts.hold(last.draft) if last.draft is not None else None,
                base=version.base,
                made_at=trio.current_time(),
            )
        file.is_new = asset is None
        state.locals.add(file)
        return file

    def _make_folders(self, kept: AcceptedVersion) -> None:
        """Have the folders above a file that the studio does not have any more."""
        state = self._state
        for id_, name, parent in reversed(kept.place.above):
            if id_ == ROOT or id_ in state.namespace.catalogue.collections or id_ in state.locals.folders:
                continue
            folder = LocalFolder(
                id_,
                parent,
                name.encode("utf-8", "surrogateescape"),
                is_ignored=False,
                mtime_ns=state.clock_ns(),
                made_at=trio.current_time(),
            )
            state.locals.add_folder(folder)
            state.journal.soon([folder.record()])
            state.show_again({parent})
