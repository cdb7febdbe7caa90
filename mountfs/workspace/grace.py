"""Names and folders whose time is up: an asset whose name stayed empty is renamed or trashed, a folder that
has rested becomes a collection.

What the studio refuses is undone here: the asset is back under its name, and the log says why.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import trio

from mountfs import names
from mountfs.errors import MountfsError, NameInvalid, NotFound, Refused
from mountfs.interfaces import BulkStudio, Studio
from mountfs.model import ROOT, AssetId, CollectionId, Toggle
from mountfs.workspace.arrivals import Arrivals
from mountfs.workspace.asking import Asking
from mountfs.workspace.contents import Contents
from mountfs.workspace.disk import Change
from mountfs.workspace.locals import LocalFile, LocalFolder, Vacancy
from mountfs.workspace.saving import Saving
from mountfs.workspace.state import LocalState
from mountfs.workspace.versions import Version, VersionState

log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_FOREVER = 3600.0

TOGETHER = 1024
"""Names that are ended in one go: each go is a transaction, and others wait for that long."""


class Grace:
    """Ends the waiting of names and folders. ``send`` sends versions now, ``ready`` are those that may be."""

    def __init__(
        self,
        state: LocalState,
        saving: Saving,
        studio: Studio,
        ask: Asking,
        contents: Contents,
        arrivals: Arrivals,
        send: Callable[[Sequence[Version]], Awaitable[None]],
        ready: Callable[[], list[Version]],
    ) -> None:
        self._state = state
        self._saving = saving
        self._studio = studio
        self._ask = ask
        self._contents = contents
        self._arrivals = arrivals
        self._send = send
        self._ready = ready
        self._one_ends = trio.Lock()
        self._to_show: set[CollectionId] = set()

    async def end(self, vacancy: Vacancy) -> None:
        """The grace of a name has ended: tell the studio what became of it, or undo it here. Nothing happens
        if the name was filled meanwhile.
        """
        state = self._state
        async with self._one_ends:
            async with state.names:  # who fills it just now is let finish
                if state.locals.vacancies.get(vacancy.asset) is not vacancy or vacancy.has_ended:
                    return
                vacancy.is_ending = True
            await self._end(vacancy)

    async def _end(self, vacancy: Vacancy) -> None:
        version = vacancy.version
        if version is not None and version.is_on_its_way:
            version.hurried = True
            await self._send([version])
            if version.is_on_its_way:
                self._end_later(vacancy, max(version.not_before, trio.current_time() + _FIRST_PAUSE))
                return
        file = vacancy.to if vacancy.to is not None and not vacancy.to.removed else None
        if file is None and not await self._is_needless(vacancy.asset):
            self._end_later(vacancy, trio.current_time() + _FIRST_PAUSE)
            return
        if file is not None and file.is_ignored:
            self._undo(vacancy, "it was moved to a name that stays on this machine, so it is still here")
            return
        try:
            if file is None:
                await self._contents.make_own({vacancy.asset})
                with suppress(NotFound):  # it is away already: somebody was quicker, or an answer was lost
                    await self._ask(self._studio.trash, vacancy.asset)
            else:
                parent = await self.collection_of(file.folder)
                name, extension = names.split(names.file_text(file.name))
                await self._ask(self._studio.rename, vacancy.asset, name, extension, parent)
        except (Refused, NotFound) as exc:
            self._undo(vacancy, str(exc))
        except (MountfsError, OSError) as exc:
            log.warning("%s cannot be renamed or removed yet: %s", vacancy.name.decode(errors="replace"), exc)
            self._end_later(vacancy, trio.current_time() + _LONGEST_PAUSE)
        else:
            if file is not None:
                vacancy.has_ended = True
                self._arrive(vacancy, file)
            else:
                self._is_away(vacancy)

    async def end_removed(self, vacancies: Sequence[Vacancy]) -> None:
        """The graces of many names have ended. Those that were only removed, which may be as many as a folder
        had, are told to the studio in one go if it takes that; of the others nothing is done.
        """
        if not isinstance(self._studio, BulkStudio):
            return
        async with self._one_ends:
            async with self._state.names:  # who fills one just now is let finish
                going = [vacancy for vacancy in vacancies if self._is_only_removed(vacancy)]
                for vacancy in going:
                    vacancy.is_ending = True
            assets = [vacancy.asset for vacancy in going]
            try:
                if assets:
                    await self._contents.make_own(set(assets))
                    await self._ask(self._studio.trash_assets, assets)
            except (MountfsError, OSError) as exc:
                log.info("%d names are ended one by one: %s", len(going), exc)
            else:
                for vacancy in going:
                    self._is_away(vacancy)

    def _is_only_removed(self, vacancy: Vacancy) -> bool:
        """Whether nothing is left of an asset's file, nor on its way from its name, nor made from it."""
        return (
            self._state.locals.vacancies.get(vacancy.asset) is vacancy
            and not vacancy.has_ended
            and (vacancy.to is None or vacancy.to.removed)
            and not (vacancy.version is not None and vacancy.version.is_on_its_way)
            and not any(version.is_on_its_way for version in self._state.versions.made_from(vacancy.asset))
        )

    def _is_away(self, vacancy: Vacancy) -> None:
        """An asset whose file was removed is in the trash."""
        vacancy.has_ended = True
        self._drop_refused(vacancy)
        # News of it may have come before the answer, and never come of what was made a moment ago.
        self._state.namespace.catalogue.forget_asset(vacancy.asset)
        self._state.locals.vacancies.pop(vacancy.asset, None)
        self._to_show.add(vacancy.folder)

    def show(self) -> None:
        """Show what else has changed in folders because names have ended: something may be called otherwise
        now. All names of a folder are worked out for that, so it is done once for many that have ended.
        """
        folders = self._to_show & self._state.namespace.crowded
        self._to_show.clear()
        if folders:
            self._state.show_again(folders)

    def _end_later(self, vacancy: Vacancy, moment: float) -> None:
        """It could not be ended now; until it is, the name can be filled."""
        vacancy.is_ending, vacancy.not_before = False, moment

    async def _is_needless(self, asset: AssetId) -> bool:
        """Whether no version on its way is made from this asset any more: the content of what is in the trash
        cannot be offered. They are sent now.
        """
        needed = [
            version
            for version in self._state.versions.made_from(asset)
            if version.is_on_its_way and version.asset != asset
        ]
        for version in needed:
            version.hurried = True
        ready = [version for version in self._ready() if version in needed] if needed else []
        if ready:
            await self._send(ready)
        return not any(version.is_on_its_way for version in needed)

    def _arrive(self, vacancy: Vacancy, file: LocalFile) -> None:
        """An asset's file has moved along with it."""
        state = self._state
        changes: list[Change] = []
        file.moved_from, file.asset, file.is_new = None, vacancy.asset, False
        # What it was made from stays: somebody else's version may have come since. What was refused stays so.
        file.version = vacancy.version
        state.locals.add(file)
        if (
            file.draft is not None
            and file.draft.is_sealed
            and (file.version is None or file.version.draft is not file.draft)
        ):
            self._saving.propose(file, changes)
        for change in (*changes, file.record()):
            state.journal.also(change)
        self._arrivals.settle([vacancy.asset])

    def _drop_refused(self, vacancy: Vacancy) -> None:
        """What was refused has no file any more that it could be recorded from."""
        version = vacancy.version
        if version is not None and version.state is VersionState.REFUSED:
            self._state.journal.also(self._state.finish(version, VersionState.DROPPED))
            vacancy.version = None

    def _undo(self, vacancy: Vacancy, why: str) -> None:
        """An asset's file is back under its name."""
        state = self._state
        self._drop_refused(vacancy)
        state.locals.vacancies.pop(vacancy.asset, None)
        log.warning("%s is back under its name: %s", self._path(vacancy), why)
        folders = {vacancy.folder}
        file = vacancy.to
        if file is not None and not file.removed:
            file.moved_from = None
            folders.add(file.folder)
            if file.draft is None and not file.is_ignored:
                file.removed = True
                state.locals.take_out(file)
                node = state.node_of(file)
                if node is not None:
                    node.local, node.shown = None, None
            else:
                file.reason = why
            state.journal.also(file.record())
        state.show_again(folders)

    def _path(self, vacancy: Vacancy) -> str:
        return self._state.path_of(vacancy.folder, vacancy.name.decode(errors="replace"))

    async def make(self, folder: LocalFolder) -> None:
        """A folder has rested: it becomes a collection."""
        try:
            await self.collection_of(folder.id)
        except (Refused, NotFound) as exc:
            if folder.removed:
                return
            folder.reason = str(exc)
            log.warning("the folder %s stays on this machine: %s", self._state.path_of(folder.id), exc)
        except (MountfsError, OSError) as exc:
            folder.made_at = trio.current_time()
            log.info("the folder %s is sent later: %s", self._state.path_of(folder.id), exc)

    async def collection_of(self, folder: CollectionId) -> CollectionId:
        """The collection of a folder, made with those above it if they are local."""
        local = self._state.locals.folders.get(folder)
        if local is None:
            return folder
        if local.is_ignored:
            raise NameInvalid("its folder stays on this machine")
        name, place = local.name, local.parent
        parent = await self.collection_of(place)
        text = names.file_text(name)
        names.require_valid(text, at_root=parent == ROOT)
        local.is_being_made = True
        try:
            made = await self._ask(self._studio.make_collection, local.id, text, parent)
            while (local.name, local.parent) != (name, place) and not local.removed:
                # It was renamed while it was made.
                name, place = local.name, local.parent
                parent, text = await self.collection_of(place), names.file_text(name)
                await self._ask(self._studio.rename, local.id, text, "", parent)
                made = replace(made, name=text, parent=parent)
            if local.removed:
                await self._ask(self._studio.trash, local.id)
                self._state.namespace.catalogue.forget_collection(local.id)
                raise NotFound("its folder was removed")
        finally:
            local.is_being_made = False
            self._state.namespace.catalogue.unwanted.discard(local.id)
        if not local.arrived:  # the news of it has not come before the answer
            # What happens to it before it comes is the studio's business already.
            self._state.namespace.catalogue.show_collection(made)
            self._arrivals.settle([])
        return folder

    async def end_names_in(self, folder: CollectionId) -> None:
        """What was removed from a folder a moment ago is in the trash before the folder is."""
        empty = [vacancy for vacancy in self._state.locals.vacancies.values() if vacancy.folder == folder]
        for start in range(0, len(empty), TOGETHER):
            await self.end_removed(empty[start : start + TOGETHER])
        for vacancy in empty:
            if not vacancy.has_ended:
                await self.end(vacancy)
        self.show()

    def vacancy_due(self, vacancy: Vacancy) -> float:
        """When the grace of a name ends."""
        if vacancy.has_ended:
            return trio.current_time() + _FOREVER
        return max(vacancy.since + self._state.times.grace, vacancy.not_before)

    def folder_due(self, folder: LocalFolder) -> float:
        """When a folder has rested."""
        if folder.is_ignored or folder.reason or not self.may_make_folders:
            return trio.current_time() + _FOREVER
        parent = self._state.locals.folders.get(folder.parent)
        if parent is not None:
            return trio.current_time() + _FOREVER  # its parent comes first
        if folder.made_at is None:
            folder.made_at = trio.current_time()
        return folder.made_at + self._state.times.grace

    @property
    def may_make_folders(self) -> bool:
        """Whether a folder of this viewer can become a collection."""
        viewer = self._state.viewer
        return viewer.owner or Toggle.CREATE_COLLECTION in viewer.may
