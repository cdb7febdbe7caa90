"""The way out: what is due becomes checkpoints, renames and entries in the trash.

One task looks for what is due, in this order: names whose grace has ended, files that are never closed,
folders that have rested, versions. Versions go together: their contents are cut and stored first, without any
lock of the project, then all are offered in one go.

The studio's no is final until a person says otherwise: the content stays here, readable, and says why.
Anything else (a disk, a lock, a network) is tried again after growing pauses. Nothing here ever drops
content.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import trio

from mountfs import names
from mountfs.errors import (
    ContentError,
    LimitExceeded,
    LostRace,
    ManifestInvalid,
    MountfsError,
    NotFound,
    NotPermitted,
    Refused,
    StudioUnavailable,
)
from mountfs.interfaces import Studio
from mountfs.model import NOBODY, AssetId, CollectionId, NewAsset, Proposal, Toggle
from mountfs.workspace.arrivals import Arrivals
from mountfs.workspace.asking import Asking
from mountfs.workspace.contents import Contents, Stored
from mountfs.workspace.disk import Change
from mountfs.workspace.grace import TOGETHER, Grace
from mountfs.workspace.locals import LocalFile, Vacancy
from mountfs.workspace.manifests import Manifests
from mountfs.workspace.notice import Kind, Notice
from mountfs.workspace.replicated import far
from mountfs.workspace.saving import Saving
from mountfs.workspace.state import LocalState
from mountfs.workspace.versions import Version, VersionState

log = logging.getLogger(__name__)

_TOGETHER = 256
"""Versions offered in one go, while there are no more than a few thousand."""
_MOST_TOGETHER = 2048
"""The same when there are very many: whatever comes of each offer is seen to in all folders concerned."""
_AT_A_TIME = 5.0
"""Seconds for telling of names that have gone, until it is looked what else is due."""
_STORED_AGAIN = 2
"""Times that chunks are stored again when they were gone at the offer."""

_BREATH = 0.25
"""Seconds between two times that something is sent, unless somebody waits: what is closed at about the same
time goes together, since each offer is a transaction."""
_BREATHS = 2.0
"""How many times as long as an offer took until the next, where that is more: very many files go together in
fewer offers then, of which each has the studio look at what has changed."""
_LONGEST_BREATH = 2.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_LONG = 60.0
"""Seconds after the first close until somebody wants to know that it is no version yet."""
_FOREVER = 3600.0

_RESTORED = "the studio was restored from a backup, and is read anew"

_FINAL = (Refused, NotFound, ContentError, LimitExceeded)
"""What asking again does not change."""


class Publisher:
    """Sends what one mount has to send."""

    def __init__(
        self,
        state: LocalState,
        saving: Saving,
        studio: Studio,
        ask: Asking,
        contents: Contents,
        manifests: Manifests,
    ) -> None:
        self._state = state
        self._saving = saving
        self._studio = studio
        self._far = far(studio)
        self._ask = ask
        self._contents = contents
        self._manifests = manifests
        self.arrivals = Arrivals(state)
        self.grace = Grace(state, saving, studio, ask, contents, self.arrivals, self._send, self._ready)
        self._not_before = 0.0

    async def run(self) -> None:
        """Send whatever is due, until cancelled."""
        while True:
            if any(version.is_on_its_way for version in self._state.versions.values()):
                self._state.notice(Notice(Kind.UNSENT))
            delay = self._state.next_due - trio.current_time()
            if delay > 0:
                with trio.move_on_after(delay):
                    await self._state.stirred()
                continue
            self._state.next_due = math.inf
            try:
                await self.send_due()
            except Exception:  # a fault over one thing must not end the mount
                log.exception("sending failed unexpectedly")
                await trio.sleep(_FIRST_PAUSE)
            self._state.next_due = min(self._state.next_due, self._next_due())
            await trio.lowlevel.checkpoint()

    def send_again(self) -> None:
        """What could not be sent may be tried again now: the studio is back."""
        for version in self._state.versions.values():
            version.not_before, version.tries = 0.0, 0
        for vacancy in self._state.locals.vacancies.values():
            vacancy.not_before = 0.0
        self._not_before = 0.0
        self._state.stir()

    async def send_due(self) -> None:
        """Send what is due now."""
        now = trio.current_time()
        empty = self._state.locals.vacancies.values()
        await self._end_names([vacancy for vacancy in empty if self.grace.vacancy_due(vacancy) <= now])
        for file in list(self._state.locals.files.values()):
            if file.synced_at is not None and self._idle_due(file) <= now:
                await self._seal_idle(file)
        for folder in list(self._state.locals.folders.values()):
            if self.grace.folder_due(folder) <= now:
                await self.grace.make(folder)
        due = [version for version in self._ready() if self._version_due(version) <= now]
        if due and (now >= self._not_before or any(version.hurried for version in due)):
            self._not_before = now + _BREATH
            together = min(max(_TOGETHER, len(due) // 16), _MOST_TOGETHER)
            await self._send(sorted(due, key=lambda version: version.order)[:together])

    async def _end_names(self, vacancies: Sequence[Vacancy]) -> None:
        """The graces of names have ended. What else is due is not to wait for very many."""
        began, reached = trio.current_time(), 0
        while reached < len(vacancies) and trio.current_time() - began <= _AT_A_TIME:
            await self.grace.end_removed(vacancies[reached : reached + TOGETHER])
            reached += TOGETHER
        began = trio.current_time()
        for vacancy in vacancies[:reached]:
            if trio.current_time() - began > _AT_A_TIME:
                break
            if not vacancy.has_ended:
                await self.grace.end(vacancy)
        self.grace.show()

    # When

    def _next_due(self) -> float:
        """The moment of the next thing that is due."""
        local = self._state.locals
        moments = [trio.current_time() + _FOREVER]
        moments += [self.grace.vacancy_due(vacancy) for vacancy in local.vacancies.values()]
        moments += [self._idle_due(file) for file in local.files.values() if file.synced_at is not None]
        moments += [self.grace.folder_due(folder) for folder in local.folders.values()]
        moments += [
            version.not_before if version.hurried else max(self._not_before, self._version_due(version))
            for version in self._ready()
        ]
        return min(moments)

    def _ready(self) -> list[Version]:
        """The first version of each asset that waits, unless its name is empty for a moment."""
        state = self._state
        first: dict[AssetId, Version] = {}
        for version in sorted(state.versions.values(), key=lambda version: version.order):
            if version.is_on_its_way:
                first.setdefault(version.asset, version)
        return [
            version
            for version in first.values()
            if version.state is VersionState.WAITING
            and not state.accepted.is_open(version.asset)
            and ((vacancy := state.locals.vacancies.get(version.asset)) is None or vacancy.is_ending)
        ]

    def _version_due(self, version: Version) -> float:
        file = self._state.locals.files.get(version.file)
        is_written = file is not None and file.version is version and file.is_changed and not file.is_damaged
        return version.due(self._state.times, is_written=is_written)

    def _idle_due(self, file: LocalFile) -> float:
        if file.synced_at is None or not file.is_changed or file.is_damaged or file.removed:
            return trio.current_time() + _FOREVER
        if not file.follows and file.is_ignored:
            return trio.current_time() + _FOREVER
        return file.synced_at + self._state.times.idle

    # Files that are never closed

    async def _seal_idle(self, file: LocalFile) -> None:
        """A file that is open was made safe a while ago and not written since: this is a version of it."""
        file.synced_at = None
        if self._is_in_transaction(file):
            file.synced_at = trio.current_time()
            return
        try:
            await self._saving.seal(file)
        except OSError as exc:
            log.error("%s is not sent: %s", self._state.path_of_file(file), exc.strerror)

    def _is_in_transaction(self, file: LocalFile) -> bool:
        """Whether a database keeps part of its content in a file beside it."""
        return any(
            other.size > 0 and other.name in (file.name + b"-wal", file.name + b"-journal")
            for other in self._state.locals.files_in(file.folder)
        )

    # Versions

    async def _send(self, versions: Sequence[Version]) -> None:
        """Store the contents of versions and offer them together."""
        state = self._state
        if self._far is not None and self._far.is_away:
            for version in versions:
                self._postpone(version, StudioUnavailable(f"the studio is not reached: {self._far.why}"))
            return
        if self._is_another:
            for version in versions:
                self._postpone(version, StudioUnavailable(_RESTORED))
            return
        changes: list[Change] = []
        sent: list[Version] = []
        for version in versions:
            try:
                if version.draft is not None:
                    await self._saving.sync_sealed(version.draft, changes)
            except OSError as exc:
                self._postpone(version, exc)
                continue
            if version.state is VersionState.WAITING:
                version.state = VersionState.PUBLISHING
                changes.append(version.record())
                sent.append(version)
        try:
            await state.journal.commit(changes, why="before publishing", durable=True)
        except OSError as exc:
            for version in sent:
                self._saving.not_recorded(version.draft)
                self._postpone(version, exc)
            return
        sent = [version for version in sent if version.state is VersionState.PUBLISHING]
        stored: list[Stored] = []
        for version, outcome in await self._contents.store(sent):
            await self._take_stock(version, outcome, stored)
        if stored:
            await self._offer(sorted(stored, key=lambda each: each.version.order))

    async def _take_stock(self, version: Version, outcome: Stored | Exception, stored: list[Stored]) -> None:
        """What is to be done with a version whose content is stored, or could not be."""
        try:
            if isinstance(outcome, Exception):
                raise outcome
            if await self._is_head(version, outcome):
                self.arrivals.became(version, None)
                self.arrivals.settle([version.asset])
            else:
                stored.append(outcome)
        except _FINAL as exc:
            await self._refused(version, exc)
        except (MountfsError, OSError) as exc:
            self._postpone(version, exc)
        except Exception as exc:  # a fault over one version must not hold up the others
            log.exception("storing a version failed unexpectedly")
            self._postpone(version, exc)

    async def _is_head(self, version: Version, found: Stored) -> bool:
        """Whether the asset has this very content already."""
        asset = self._state.namespace.catalogue.assets.get(version.asset)
        head = asset.head if asset is not None else None
        if head is None or (head.size, head.xxh3) != (found.size, found.xxh3):
            return False
        return (await self._manifests.get(head.id)).chunks == found.chunks

    async def _offer(self, stored: Sequence[Stored]) -> None:
        """Offer versions together; one by one if one of them is refused."""
        proposals: list[Proposal] = []
        offered: list[Stored] = []
        for each in stored:
            if each.version.state is not VersionState.PUBLISHING:
                continue  # nobody wants it any more
            try:
                proposals.append(await self._proposal(each))
                offered.append(each)
            except (Refused, NotFound) as exc:
                await self._refused(each.version, exc)
            except (MountfsError, OSError) as exc:
                self._postpone(each.version, exc)
        if not offered:
            return
        began = trio.current_time()
        for each in offered:
            each.version.is_offered = True
        try:
            checkpoints = await self._ask(self._studio.publish, proposals)
        except _FINAL as exc:
            for each in offered:
                each.version.is_offered = False
            if self._is_another:  # what it knows now may be offered again first
                for each in offered:
                    self._postpone(each.version, StudioUnavailable(_RESTORED))
                return
            if len(offered) == 1:
                version = offered[0].version
                if isinstance(exc, ManifestInvalid) and version.stored_again < _STORED_AGAIN:
                    version.stored_again += 1  # a studio that was restarted does not remember who sent what
                    self._postpone(version, exc)
                else:
                    await self._refused(version, exc)
                return
            for each in offered:
                await self._offer([each])
        except (MountfsError, OSError) as exc:
            for each in offered:
                self._postpone(each.version, exc)
        except Exception as exc:  # a fault of the studio must not end the mount
            log.exception("publishing failed unexpectedly")
            for each in offered:
                self._postpone(each.version, exc)
        else:
            now = trio.current_time()
            self._not_before = max(self._not_before, now + min(_BREATHS * (now - began), _LONGEST_BREATH))
            for each, checkpoint in zip(offered, checkpoints, strict=True):
                self.arrivals.became(each.version, checkpoint)
            self.arrivals.settle([each.version.asset for each in offered])
            try:
                await self._state.journal.commit([], why="published", durable=True)
            except OSError as exc:  # it is written with the next one that works
                log.warning("what was sent is not noted on this machine yet: %s", exc.strerror)

    @property
    def _is_another(self) -> bool:
        """Whether the studio was restored, and what it has now was not read yet."""
        return self._far is not None and self._far.is_another

    async def _proposal(self, stored: Stored) -> Proposal:
        version = stored.version
        new: NewAsset | None = None
        if version.is_new and version.asset not in self._state.namespace.catalogue.assets:
            new = await self._new_asset(version)
        version.new = new or version.new  # it may be a second offer, whose asset has turned up since
        return Proposal(
            id=version.id,
            asset=version.asset,
            base=None if new is not None else version.base,
            size=stored.size,
            xxh3=stored.xxh3,
            mtime_ns=version.mtime_ns,
            chunks=stored.chunks,
            comment=version.comment,
            executable=version.executable,
            new=new,
        )

    async def _new_asset(self, version: Version) -> NewAsset:
        state = self._state
        file = state.locals.files.get(version.file)
        if file is None or file.removed:
            raise NotFound("its file was removed")
        if not self.grace.may_make_folders and file.folder in state.locals.folders:
            raise NotPermitted(Toggle.CREATE_COLLECTION)
        collection = await self.grace.collection_of(file.folder)
        name, extension = names.split(names.file_text(file.name))
        shared = self._is_shared(collection)
        me = state.viewer.person.id if state.viewer.owner and not shared else NOBODY
        return NewAsset(
            name, extension, collection, is_resource=shared or not state.viewer.owner, assignee=me
        )

    def _is_shared(self, folder: CollectionId) -> bool:
        collections = self._state.namespace.catalogue.collections
        made = (
            self._state.locals.folders
        )  # a folder that was made a moment ago is below others that are known
        while folder in collections or folder in made:
            if folder in collections and collections[folder].is_shared:
                return True
            folder = collections[folder].parent if folder in collections else made[folder].parent
        return False

    async def _refused(self, version: Version, why: MountfsError) -> None:
        """The studio says no: what was written stays here and says why."""
        state = self._state
        if version.state is not VersionState.PUBLISHING:
            return
        others = state.versions.of_asset(version.asset)
        later = [each for each in others if each.base == version.id and each.is_on_its_way]
        if later:  # what was refused was never a version: the next one takes its place
            for each in later:
                each.base = version.base
                state.journal.also(each.record())
            state.journal.soon([state.finish(version, VersionState.SUPERSEDED)])
            return
        file = state.locals.files.get(version.file)
        if version.is_new and (file is None or file.removed):
            state.journal.also(state.finish(version, VersionState.DROPPED))
            return
        version.state = VersionState.REFUSED
        version.reason = str(why)
        version.is_lost_race = isinstance(why, LostRace)
        if file is not None:
            file.reason = version.reason
        log.warning("%s is not recorded: %s", self._state.path_of_version(version), why)
        version.done.set()
        state.notice(Notice(Kind.REFUSED, state.path_of_version(version), str(why)))
        state.journal.soon([version.record()])
        self.arrivals.settle([version.asset])

    def _postpone(self, version: Version, why: Exception) -> None:
        """Something is wrong that will pass: try again later."""
        if not version.is_on_its_way:
            return
        pause = min(_FIRST_PAUSE * 2**version.tries, _LONGEST_PAUSE)
        if version.tries and trio.current_time() - version.first_closed > _LONG:
            self._state.notice(Notice(Kind.SLOW, self._state.path_of_version(version), str(why)))
        if not version.tries:
            log.warning("%s is sent later: %s", self._state.path_of_version(version), why)
        version.tries += 1
        version.state = VersionState.WAITING
        version.reason = str(why)
        version.not_before = trio.current_time() + pause
        self._state.stir()
