"""What is kept of versions that were sent: for how long, how much of it, and through a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mountfs.model import AssetId, Changes, CheckpointId, CollectionId, Cursor, NewAsset
from mountfs.testing.studios import MemoryStudio
from mountfs.workspace.accepted import KEPT_FOR, Accepted, Place
from mountfs.workspace.catalogue import Catalogue
from mountfs.workspace.disk import Change, LocalDisk
from mountfs.workspace.drafts import Drafts, DraftState
from mountfs.workspace.versions import Version

PLACE = Place("a.txt", CollectionId("folder"), ((CollectionId("folder"), "work", CollectionId("")),))


class Keeper:
    """What one mount keeps, with a clock, an epoch and a disk that a test decides about."""

    def __init__(self, folder: Path, quota: int = 1 << 20) -> None:
        self.disk = LocalDisk(folder)
        self.now, self.epoch, self.full = 1e9, "one", False
        self.records: dict[str, dict[str, Mapping[str, Any]]] = {"draft": {}, "accepted": {}}
        self._quota = quota
        self.start()

    def start(self) -> None:
        """As a mount does when it begins, with what the journal knows."""
        self.drafts = Drafts(self.disk, 0, 0, self._forget, self._note)
        self.accepted = Accepted(
            self.drafts,
            self._note,
            lambda: self.full,
            lambda: self.epoch,
            quota=self._quota,
            clock=lambda: self.now,
        )
        self.drafts.restore(self.records["draft"])
        self.accepted.restore(self.records["accepted"])
        self.drafts.drop_unused()

    def send(self, name: str, size: int = 100, asset: str = "asset") -> None:
        """Have a version accepted."""
        draft = self.drafts.hold(self.drafts.make(None))
        self.drafts.write(draft, 0, b"x" * size)
        draft.state, draft.synced = DraftState.SEALED, draft.generation
        self._note(draft.record())
        version = Version(
            CheckpointId(name),
            len(self.accepted) + 1,
            AssetId(asset),
            True,
            1,
            draft,
            None,
            None,
            0,
            False,
            new=NewAsset("a", ".txt", CollectionId("folder"), False),
        )
        self.accepted.keep(version, 1, PLACE)
        self.drafts.let_go(draft)

    def _note(self, change: Change) -> None:
        records = self.records[change.kind]
        if change.body is None:
            records.pop(change.id, None)
        else:
            records[change.id] = change.body

    def _forget(self, change: Change, after: Any) -> None:
        self._note(change)
        after()


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(tmp_path)


def test_what_was_sent_is_kept_through_a_restart(keeper: Keeper):
    """A mount that was ended still has what it sent, and it takes no room from what is to be sent."""
    keeper.send("first")
    keeper.start()
    keeper.epoch = "two"
    (kept,) = keeper.accepted.of_others().values()
    assert kept[0].draft is not None
    assert kept[0].draft.pread(0, 100) == b"x" * 100
    assert (kept[0].is_new, kept[0].place) == (True, PLACE)
    assert keeper.drafts.used == 0


def test_what_was_sent_goes_after_a_week(keeper: Keeper):
    """Nothing is kept for longer than a week, on the disk neither."""
    keeper.send("first")
    keeper.now += KEPT_FOR - 1
    keeper.send("second")
    keeper.now += 2
    keeper.accepted.forget_old()
    assert set(keeper.records["accepted"]) == {"second"}
    assert len(keeper.disk.drafts()) == 1


def test_the_oldest_goes_first_when_there_is_no_room(tmp_path: Path):
    """A quota holds, and a disk that is nearly full keeps nothing of it."""
    keeper = Keeper(tmp_path, quota=250)
    for name in ("first", "second", "third"):
        keeper.send(name)
    assert set(keeper.records["accepted"]) == {"second", "third"}
    keeper.full = True
    keeper.accepted.forget_old()
    assert keeper.records["accepted"] == {}
    assert keeper.disk.drafts() == []


def test_only_what_another_epoch_took_is_looked_for(keeper: Keeper):
    """In the epoch that took it, nobody asks for a version again; what was found in another is that one's."""
    keeper.send("first")
    assert not keeper.accepted.has_others()
    assert not keeper.accepted.is_open(AssetId("asset"))
    keeper.epoch = "two"
    assert keeper.accepted.has_others()
    assert keeper.accepted.is_open(AssetId("asset"))
    keeper.accepted.confirm(keeper.accepted.of_others()[AssetId("asset")], "two")
    assert not keeper.accepted.has_others()
    keeper.start()
    assert not keeper.accepted.has_others()


def test_what_is_called_otherwise_comes_back_so(tmp_path: Path):
    """A file, or a folder above it, that has another name by now; also after a restart. What is not there any
    more keeps the name that it had last."""
    keeper = Keeper(tmp_path)
    keeper.send("a")
    keeper.send("b")
    keeper.send("else", asset="other")
    studio = MemoryStudio()
    studio.write("play/b.txt", b"content")
    tree = studio.tree()
    (there,) = tree.assets.values()
    moved = replace(there, id=AssetId("asset"))
    catalogue = Catalogue(replace(tree, assets={moved.id: moved}))
    (folder,) = tree.collections.values()
    wanted = Place("b.txt", folder.id, ((folder.id, "play", CollectionId("")),))
    for changes in (Changes(Cursor("1"), assets=(moved,)), Changes(Cursor("2"), collections=(folder,))):
        keeper.accepted.follow(catalogue, changes)
        keeper.start()
        keeper.epoch += "+"
        found = keeper.accepted.of_others()
        assert [each.place for each in found[AssetId("asset")]] == [wanted, wanted]
        assert [each.place for each in found[AssetId("other")]] == [PLACE]
