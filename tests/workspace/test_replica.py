"""A mount without network: what is known here, for how long, and that the studio's no is one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mountfs.errors import (
    DeadlineExceeded,
    LocalStateError,
    MountfsError,
    NotFound,
    NotPermitted,
    StudioUnavailable,
    TooMany,
    Unauthenticated,
    WireError,
)
from mountfs.interfaces import Studio
from mountfs.model import (
    ALL_TOGGLES,
    AssetId,
    Changes,
    CheckpointId,
    Cursor,
    Proposal,
    Toggle,
    Tree,
)
from mountfs.testing.cuts import CutStudio
from mountfs.testing.studios import MemoryStudio
from mountfs.workspace.replica import Replica
from mountfs.workspace.replicated import ReplicatedStudio

DAY = 86_400.0


class Mount:
    """A mount of a studio in memory behind a cable, which can be started again, and a calendar."""

    def __init__(self, folder: Path, studio: MemoryStudio) -> None:
        self.studio = studio
        self.cable = CutStudio(studio)
        self.today = 1_700_000_000.0
        self.epoch = "first"
        self.days = 14
        self.path = folder / "state" / "replica.db"
        self.start()

    def start(self, about: str = "film as ada") -> None:
        self.replica = Replica(self.path, about)
        self.here = ReplicatedStudio(
            self.cable,
            self.replica,
            epoch=lambda: self.epoch,
            offline_days=self._offline_days,
            first_pause=0.0,
            now=lambda: self.today,
        )

    def _offline_days(self) -> int:
        if self.cable.fault is not None:
            raise self.cable.fault
        return self.days

    def restart(self, about: str = "film as ada") -> None:
        self.here.close()
        self.start(about)


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    studio = MemoryStudio()
    studio.write("shots/sh010.blend", b"first")
    studio.write("shots/sh020.blend", b"other" * 50_000)
    studio.link("page", "https://x.example")
    mount = Mount(tmp_path, studio)
    yield mount
    mount.here.close()


def follow(studio: Studio, cursor: Cursor) -> Cursor:
    """Take over news until there is none, as a mount does."""
    while changes := studio.changes(cursor):
        cursor = studio.tree().cursor if changes.reload else changes.cursor
    return cursor


@pytest.mark.parametrize(
    "fault", [StudioUnavailable("cut"), DeadlineExceeded("slow"), TooMany(3), WireError("a portal")]
)
def test_a_mount_comes_up_without_network(mount: Mount, fault: MountfsError):
    """Everything is there as it was when the studio was last reached, after a restart too."""
    tree = mount.here.tree()
    assert mount.here.viewer() == tree.viewer
    mount.here.ignore_list()
    mount.restart()
    mount.cable.fault = fault
    assert mount.here.tree() == tree
    assert mount.here.viewer() == tree.viewer
    assert mount.here.ignore_list() == []
    assert mount.here.changes(tree.cursor) == Changes(tree.cursor)
    assert mount.here.offline_since == mount.today
    assert mount.path.stat().st_mode & 0o777 == 0o600
    assert mount.path.parent.stat().st_mode & 0o777 == 0o700


def test_news_is_known_after_a_restart(mount: Mount):
    """What was heard of while the studio could be reached is what shows without it."""
    cursor = mount.here.tree().cursor
    mount.studio.write("shots/sh010.blend", b"second")
    mount.studio.write("props/boat.obj", b"boat")
    mount.studio.hide("shots/sh020.blend")
    mount.studio.let(ALL_TOGGLES - {Toggle.CREATE_ASSET})
    cursor = follow(mount.here, cursor)
    tree = mount.studio.tree()
    mount.studio.write("shots/sh030.blend", b"nobody has heard of it")
    mount.cable.cut()
    mount.restart()
    assert mount.here.tree() == tree
    mount.cable.repair()
    assert follow(mount.here, cursor) == mount.studio.tree().cursor
    mount.cable.cut()
    assert mount.here.tree() == mount.studio.tree()


def test_nothing_is_known_of_what_was_never_reached(mount: Mount):
    """The first mount of a project needs the studio, and says so."""
    mount.cable.cut()
    with pytest.raises(StudioUnavailable, match="has to be reached once"):
        mount.here.tree()


def test_without_the_studio_for_two_weeks(mount: Mount):
    """After the time that a machine may be away, nothing is shown until it was back once."""
    tree = mount.here.tree()
    mount.cable.cut()
    mount.today += 14 * DAY - 60
    assert mount.here.tree() == tree
    mount.today += 120
    for ask in (mount.here.tree, mount.here.viewer, mount.here.ignore_list):
        with pytest.raises(StudioUnavailable, match="last reached on 2023-11-14, which is too long ago"):
            ask()
    with pytest.raises(StudioUnavailable, match="too long ago"):
        mount.here.changes(tree.cursor)
    mount.cable.repair()
    mount.here.changes(tree.cursor)
    mount.cable.cut()
    assert mount.here.tree() == tree


@pytest.mark.parametrize("days", [0, 3, 30])
def test_the_studio_says_for_how_long(mount: Mount, days: int):
    """What it has set holds from when it was last asked, also for a mount that comes up without it."""
    mount.days = days
    mount.here.tree()
    mount.cable.cut()
    mount.restart()
    mount.today += days * DAY
    mount.here.tree()
    mount.today += 1
    with pytest.raises(StudioUnavailable, match="too long ago"):
        mount.here.tree()
    mount.cable.repair()
    mount.days = 5
    mount.today += DAY
    tree = mount.here.tree()
    mount.cable.cut()
    mount.today += 4 * DAY
    assert mount.here.tree() == tree


def test_a_clock_that_is_set_back_gives_no_more_time(mount: Mount):
    """Whoever sets the clock of a machine back is not shown the project for longer."""
    mount.here.tree()
    mount.cable.cut()
    mount.today -= DAY
    with pytest.raises(StudioUnavailable, match="in the future by this machine's clock"):
        mount.here.tree()


@pytest.mark.parametrize("no", [Unauthenticated("log in"), NotFound("no such project")])
def test_a_no_is_not_taken_for_a_missing_network(mount: Mount, no: MountfsError):
    """Whose session has ended, or who is no longer in the project, is not shown what is kept here: neither at
    once, nor by pulling the cable. What a mount shows already, it goes on to show until somebody logs in."""
    tree = mount.here.tree()
    mount.cable.fault = no
    with pytest.raises(type(no)):
        mount.here.tree()
    if isinstance(no, Unauthenticated):
        assert mount.here.changes(tree.cursor) == Changes(tree.cursor)
        assert mount.here.needs_login
    else:
        with pytest.raises(type(no)):
            mount.here.changes(tree.cursor)
    mount.cable.cut()
    mount.restart()
    with pytest.raises(StudioUnavailable, match="has to be reached once"):
        mount.here.tree()
    mount.cable.repair()
    assert follow(mount.here, tree.cursor) == tree.cursor
    mount.cable.cut()
    assert mount.here.tree() == tree


def test_manifests_that_were_seen_are_known(mount: Mount):
    """A file that was opened once can be opened again without network; another one says why it cannot."""
    first, second = (mount.studio.asset_at(f"shots/sh0{each}0.blend").head for each in "12")
    assert first is not None
    assert second is not None
    mount.here.tree()
    seen = mount.here.manifest(second.id)
    mount.cable.cut()
    mount.restart()
    assert mount.here.manifest(second.id) == seen
    assert mount.here.manifests([first.id, second.id]) == {second.id: seen}
    with pytest.raises(StudioUnavailable, match="not on this machine"):
        mount.here.manifest(first.id)
    mount.cable.repair()
    both = mount.here.manifests([first.id, second.id])
    mount.cable.cut()
    assert mount.here.manifests([first.id, second.id]) == both


def test_versions_of_the_past_are_known_if_their_history_was(mount: Mount):
    """An older version that was opened by way of its history can be opened again."""
    asset = mount.studio.asset_at("shots/sh010.blend")
    mount.studio.write("shots/sh010.blend", b"second")
    mount.here.tree()
    old = mount.here.history(asset.id)[-1]
    manifest = mount.here.manifest(old.id)
    mount.cable.cut()
    assert mount.here.manifest(old.id) == manifest
    with pytest.raises(StudioUnavailable):
        mount.here.history(asset.id)


def test_what_is_out_of_sight_is_forgotten(mount: Mount):
    """A file that somebody may not see any more cannot be opened by pulling the cable."""
    asset = mount.studio.asset_at("shots/sh010.blend")
    assert asset.head is not None
    cursor = mount.here.tree().cursor
    mount.here.manifest(asset.head.id)
    mount.studio.hide("shots/sh010.blend")
    follow(mount.here, cursor)
    mount.cable.cut()
    with pytest.raises(StudioUnavailable):
        mount.here.manifest(asset.head.id)


def test_who_may_have_no_bytes_has_no_manifests(mount: Mount):
    """Losing the right to bytes holds without network too."""
    head = mount.studio.asset_at("shots/sh010.blend").head
    assert head is not None
    cursor = mount.here.tree().cursor
    mount.here.manifest(head.id)
    mount.studio.let(ALL_TOGGLES - {Toggle.PULL_CHUNK})
    follow(mount.here, cursor)
    mount.cable.cut()
    with pytest.raises(NotPermitted):
        mount.here.manifest(head.id)


def test_a_no_to_a_manifest_is_one(mount: Mount):
    """A version that the studio says is not there is forgotten here."""
    head = mount.studio.asset_at("shots/sh010.blend").head
    assert head is not None
    mount.here.tree()
    mount.here.manifest(head.id)
    del mount.studio.known_manifests[head.id]
    with pytest.raises(NotFound):
        mount.here.manifest(head.id)
    mount.cable.cut()
    with pytest.raises(StudioUnavailable):
        mount.here.manifest(head.id)


def test_manifests_take_a_bounded_place(mount: Mount, monkeypatch: pytest.MonkeyPatch):
    """However many files somebody opens, only the last ones are kept."""
    monkeypatch.setattr("mountfs.workspace.replica._MANIFEST_CHUNKS", 20)
    heads = [mount.studio.write(f"many/{number}", b"x").id for number in range(12)]
    mount.here.tree()
    for head in heads:
        mount.here.manifest(head)
    mount.cable.cut()
    assert list(mount.here.manifests(heads)) == heads[2:]


def test_in_a_new_epoch_everything_is_read_anew(mount: Mount):
    """After the studio was restored from a backup, the mount does not go on from a cursor of before."""
    cursor = mount.here.tree().cursor
    mount.epoch = "second"
    assert mount.here.changes(cursor).reload
    tree = mount.here.tree()
    assert mount.here.changes(tree.cursor) == Changes(tree.cursor)
    mount.restart()
    assert not mount.here.changes(tree.cursor).reload


def test_after_a_restart_a_new_epoch_is_noticed(mount: Mount):
    """Also if the studio was restored while nobody looked."""
    cursor = mount.here.tree().cursor
    mount.restart()
    mount.epoch = "second"
    assert mount.here.changes(cursor).reload


def test_what_changes_something_goes_to_the_studio(mount: Mount):
    """Nothing is pretended: without the studio a change is refused for now, which is no verdict."""
    asset = mount.studio.asset_at("shots/sh010.blend")
    mount.here.tree()
    mount.cable.cut()
    offer = Proposal(CheckpointId("c"), asset.id, None, 0, "", 0, ())
    for act in (
        lambda: mount.here.publish([offer]),
        lambda: mount.here.rename(asset.id, "x", "", asset.collection),
        lambda: mount.here.check_rename(asset.id, "x", "", asset.collection),
        lambda: mount.here.make_collection(asset.collection, "x", asset.collection),
        lambda: mount.here.trash(asset.id),
        lambda: mount.here.set_status(asset.id, "wip"),
    ):
        with pytest.raises(StudioUnavailable):
            act()


def test_a_studio_that_says_when_to_ask_again_is_not_asked_before(mount: Mount):
    """However short the pauses are else."""
    tree = mount.here.tree()
    mount.cable.fault = TooMany(3600)
    assert mount.here.changes(tree.cursor) == Changes(tree.cursor)
    before = mount.cable.calls
    assert mount.here.tree() == tree
    assert mount.cable.calls == before
    mount.cable.repair()
    mount.here.ask_again()
    assert mount.here.tree() == tree
    assert mount.cable.calls > before


def test_while_it_is_away_the_studio_is_not_asked_all_the_time(mount: Mount):
    """Waiting for news without network is waiting, and what is known here comes at once."""
    tree = mount.here.tree()
    away = ReplicatedStudio(mount.cable, mount.replica, first_pause=3600, now=lambda: mount.today)
    away.tree()
    mount.cable.cut()
    away.changes(tree.cursor)
    before = mount.cable.calls
    assert [away.changes(tree.cursor, 0.01) for _ in range(3)] == [Changes(tree.cursor)] * 3
    assert away.tree() == tree
    with pytest.raises(StudioUnavailable):
        away.history(AssetId("a"))
    assert mount.cable.calls == before


def test_a_replica_that_is_damaged_is_made_anew(mount: Mount, caplog: pytest.LogCaptureFixture):
    """A mount of a machine whose disk was at fault comes up again as soon as the studio is reached."""
    tree = mount.here.tree()
    mount.here.close()
    mount.path.write_bytes(b"damage" * 1000)
    mount.start()
    mount.cable.cut()
    with pytest.raises(StudioUnavailable):
        mount.here.tree()
    mount.cable.repair()
    assert mount.here.tree() == tree
    assert len(caplog.records) == 1


def test_a_replica_of_something_else_is_emptied(mount: Mount):
    """What one account has seen is not shown to another, though they use the same folder."""
    mount.here.tree()
    mount.cable.cut()
    mount.restart(about="film as ben")
    with pytest.raises(StudioUnavailable):
        mount.here.tree()


def test_where_no_replica_can_be_the_cause_is_told(tmp_path: Path):
    """A folder in its place, for one."""
    (tmp_path / "replica.db").mkdir()
    with pytest.raises(LocalStateError, match="cannot be used"):
        Replica(tmp_path / "replica.db", "film")


def test_a_replica_that_cannot_be_written_costs_nothing(mount: Mount, caplog: pytest.LogCaptureFixture):
    """While the disk is full the studio's answers are shown all the same; then the replica catches up."""
    cursor = mount.here.tree().cursor
    mount.replica._db.execute("PRAGMA query_only = ON")  # as a disk that is full
    mount.studio.write("a", b"a")
    cursor = follow(mount.here, cursor)
    mount.studio.write("b", b"b")
    cursor = follow(mount.here, cursor)
    assert len(caplog.records) == 1
    mount.replica._db.execute("PRAGMA query_only = OFF")
    while mount.replica.cursor != cursor:
        assert mount.here.changes(cursor) == Changes(cursor)
    mount.cable.cut()
    assert mount.here.tree() == mount.studio.tree()


class ReplicaMachine(RuleBasedStateMachine):
    """Random changes, cuts and restarts: without network the tree is that of the last contact."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="replica-"))
        self.studio = MemoryStudio()
        self.mount = Mount(self.folder, self.studio)
        self.known: Tree = self.mount.here.tree()

    paths = st.sampled_from(["a.txt", "x/a.txt", "x/b.txt", "x/y/c.txt", "z/d.txt"])

    def is_there(self, path: str) -> bool:
        return any(
            asset.name + asset.extension == path.rpartition("/")[2]
            and asset.collection == self.studio.folder(path.rpartition("/")[0])
            for asset in self.studio.tree().assets.values()
        )

    @rule(path=paths, content=st.binary(max_size=3))
    def write(self, path: str, content: bytes) -> None:
        self.studio.write(path, content)

    @rule(path=paths, status=st.sampled_from(["wip", "done"]))
    def change(self, path: str, status: str) -> None:
        if self.is_there(path):
            self.studio.change(path, status=status)

    @rule(path=paths)
    def hide(self, path: str) -> None:
        if self.is_there(path):
            self.studio.hide(path)

    @rule(path=st.sampled_from(["x", "x/y", "z"]))
    def remove_folder(self, path: str) -> None:
        self.studio.remove_folder(path)

    @rule(may=st.sets(st.sampled_from(sorted(Toggle))))
    def let(self, may: set[Toggle]) -> None:
        self.studio.let(frozenset(may))

    @rule()
    def cut(self) -> None:
        self.mount.cable.cut()

    @rule()
    def repair(self) -> None:
        self.mount.cable.repair()

    @rule()
    def restart(self) -> None:
        self.mount.restart()

    @rule()
    def mount_again(self) -> None:
        tree = self.mount.here.tree()
        if self.mount.cable.fault is None:
            self.known = self.studio.tree()
        assert tree == self.known

    @rule()
    def follow(self) -> None:
        reached = follow(self.mount.here, self.known.cursor)
        if self.mount.cable.fault is None:
            self.known = self.studio.tree()
        assert reached == self.known.cursor

    @rule()
    def lose_one_piece_of_news(self) -> None:
        """As a mount that is killed after the studio has answered, and before it took that over."""
        if self.mount.cable.fault is None:
            self.mount.here.changes(self.known.cursor)
            self.mount.here.changes(self.known.cursor)
            self.mount.restart()
            follow(self.mount.here, self.mount.here.tree().cursor)
            self.known = self.studio.tree()

    @rule()
    def restore(self) -> None:
        self.mount.epoch += "x"

    @invariant()
    def is_as_last_known(self) -> None:
        kept = self.mount.replica.tree()
        assert kept is not None
        assert replace(kept, people={}) == replace(self.known, people={})

    def teardown(self) -> None:
        self.mount.here.close()
        shutil.rmtree(self.folder)


ReplicaMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestReplicaAgainstStudio = ReplicaMachine.TestCase
