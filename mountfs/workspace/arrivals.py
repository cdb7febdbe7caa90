"""What follows here when the studio has taken a version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import trio

from mountfs.model import Asset, AssetId, Checkpoint, NewAsset
from mountfs.workspace.accepted import place_of
from mountfs.workspace.disk import Change
from mountfs.workspace.locals import LocalFile, Vacancy
from mountfs.workspace.looks import Kept
from mountfs.workspace.state import LocalState
from mountfs.workspace.versions import Version, VersionState


class Arrivals:
    """Turns local content into what the project has, once it has it. Never waits."""

    def __init__(self, state: LocalState) -> None:
        self._state = state

    def became(self, version: Version, checkpoint: Checkpoint | None) -> None:
        """A version is a checkpoint now; None: it is the content that the asset has already."""
        state = self._state
        asset = state.namespace.catalogue.assets.get(version.asset)
        if checkpoint is None:
            assert asset is not None
            now = asset.head
        else:
            now = checkpoint
        assert now is not None
        version.checkpoint = now
        if checkpoint is not None:
            self._announce(version, checkpoint)
        file, draft = state.locals.files.get(version.file), version.draft
        changes: list[Change] = []
        is_dropped = version.state is VersionState.DROPPED
        if is_dropped and version.new is not None:
            self._leave(version, version.new, None)
        # A file that was made anew since has nothing of this, though the version was handed on to it.
        is_content = (
            not is_dropped
            and file is not None
            and (
                (file.draft is draft and (draft or file.content == version.content))
                # Another version of the same draft has become something before, and it is its content since.
                or (draft and file.version is version and file.draft is None and file.content)
            )
        )
        if draft is not None:
            # Most drafts are held by one version and its file, and nobody need look for others.
            is_alone = draft.holders <= 2 and file is not None and file.draft is draft
            holders = [file] if is_alone else list(state.locals.files.values())
            if not is_alone:
                changes += state.drafts.rebase(draft, now)
            for other in holders:
                if other is not None and other.draft is draft:
                    other.content = now
                    state.release(other)
                    changes.append(other.record())
                    node = state.node_of(other)
                    if node is not None:
                        node.content, node.shown = now, None
        if file is not None and (file.asset == version.asset or file.version is version):
            if file.version is version:
                file.version = None
            file.is_new, file.base, file.reason = False, now.id, ""
            node = state.node_of(file)
            if node is not None:
                node.asset = version.asset  # it may have been made before there was one
            if is_content:
                file.content = now
                if node is not None:
                    node.content, node.shown = now, None
            if version.new is not None and not _is_at(file, version.new):
                self._leave(version, version.new, file)
            state.locals.add(file)
            changes.append(file.record())
            kept = Kept(now.id, file.ino, file.mode, file.mtime_ns, file.atime_ns, file.ctime_ns)
            changes.append(state.namespace.keep(version.asset, kept))
        elif file is not None and file.moved_from == version.asset:
            file.base = now.id
            changes.append(file.record())
        for later in state.versions.of_asset(version.asset):
            if later is not version:
                later.is_new = False
                if later.base == version.id:
                    later.base = now.id
                changes.append(later.record())
                state.stir()
        vacancy = state.locals.vacancies.get(version.asset)
        if vacancy is not None and vacancy.version is version:
            vacancy.version = None
        state.heads.opened(version.asset, now)
        if checkpoint is not None:
            self._keep(version, checkpoint)
        done = VersionState.PUBLISHED if checkpoint is not None else VersionState.EQUAL
        changes.append(state.finish(version, done))
        for change in changes:
            state.journal.also(change)

    def _keep(self, version: Version, checkpoint: Checkpoint) -> None:
        """Keep what was sent, in case the studio forgets it."""
        place = place_of(self._state.namespace.catalogue, version.asset)
        if place is not None:
            self._state.accepted.keep(version, checkpoint.number, place)

    def _announce(self, version: Version, checkpoint: Checkpoint) -> None:
        """Show what the studio has just taken before its news comes: what follows is decided by that."""
        state, me = self._state, self._state.viewer
        catalogue = state.namespace.catalogue
        if checkpoint.asset != version.asset:  # the name was in the trash, and that asset is back
            before = version.asset
            for other in state.versions.of_asset(before):
                state.versions.give_to(checkpoint.asset, other)
            file = state.locals.of_asset.get(before)
            if file is not None:
                file.asset = checkpoint.asset
                state.locals.add(file)
            state.versions.give_to(checkpoint.asset, version)
        known, new = catalogue.assets.get(version.asset), version.new
        if known is not None:
            if known.head is None or known.head.number < checkpoint.number:
                catalogue.show_asset(replace(known, head=checkpoint))
        elif new is not None:
            asset = Asset(
                id=version.asset,
                name=new.name,
                extension=new.extension,
                collection=new.collection,
                is_resource=new.is_resource and me.owner,
                is_link=False,
                pointer="",
                status="todo",
                assignee=new.assignee if me.owner else me.person.id,
                created_at=checkpoint.created_at,
                head=checkpoint,
            )
            catalogue.show_asset(asset)

    def _leave(self, version: Version, new: NewAsset, file: LocalFile | None) -> None:
        """An asset was made at a name that its file has left meanwhile: it follows it, or is not wanted."""
        name = (new.name + new.extension).encode()
        vacancy = Vacancy(version.asset, new.collection, name, trio.current_time(), file, None)
        if file is not None:
            vacancy.version, file.version = file.version, None
            file.asset, file.moved_from = None, version.asset
        self._state.locals.vacancies[version.asset] = vacancy
        self._state.unwanted.pop(version.asset, None)
        self._state.stir(self._state.times.grace)

    def leave_unwanted(self, news: Iterable[AssetId]) -> None:
        """An asset may have been made by an offer whose answer was lost, for a file that is gone since: it is
        not wanted when it turns up."""
        state = self._state
        there = {*news, *state.namespace.catalogue.assets} if state.unwanted else ()
        for version in [one for key, one in state.unwanted.items() if key in there]:
            if version.new is not None:
                self._leave(version, version.new, None)

    def settle(self, assets: Sequence[AssetId]) -> None:
        """The news of what was just done may have come before the answer."""
        state = self._state
        catalogue = state.namespace.catalogue
        known = [asset for asset in assets if asset in catalogue.assets]
        # What has no file here any more shows what was announced; its news will be no news.
        alone = {catalogue.assets[asset].collection for asset in known if asset not in state.locals.of_asset}
        folders, changes = state.namespace.settle(known)
        folders |= alone
        for change in changes:
            state.journal.also(change)
        if folders:
            state.show_again(folders)


def _is_at(file: LocalFile, new: NewAsset) -> bool:
    """Whether a file is still where its asset was offered."""
    return file.folder == new.collection and file.name == (new.name + new.extension).encode()
