"""Following the project."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from mountfs.content.library import ContentLibrary
from mountfs.errors import ProjectBusy, StudioUnavailable
from mountfs.interfaces import Studio
from mountfs.model import Changes, Cursor, ProjectId
from mountfs.testing.cuts import CutStudio
from mountfs.testing.studios import MemoryStudio
from mountfs.workspace.feed import follow
from mountfs.workspace.news import News
from mountfs.workspace.replica import Replica
from mountfs.workspace.replicated import ReplicatedStudio
from mountfs.workspace.space import SpaceWatch
from mountfs.workspace.workspace import Workspace


class Told:
    """Remembers the news, and lets a test wait for a name to be in it."""

    def __init__(self) -> None:
        self.names: set[bytes] = set()
        self._came = trio.Event()

    def __call__(self, news: News) -> None:
        self.names |= {name for _, name in news.names}
        self._came.set()
        self._came = trio.Event()

    async def wait_for(self, name: bytes) -> None:
        with trio.fail_after(20):
            while name not in self.names:
                await self._came.wait()


@pytest.fixture
def looking(tmp_path: Path) -> Callable[[Studio], Workspace]:
    def make(studio: Studio) -> Workspace:
        library = ContentLibrary(MemoryStudio().store, budget=64 << 20, workers=1)
        space = SpaceWatch(tmp_path, [])
        workspace = Workspace(
            ProjectId("film"), studio, studio.tree(), library, space, lambda: 0.0, lambda *_: None
        )
        list(workspace.listings())
        return workspace

    return make


async def test_a_commit_is_told_as_soon_as_it_is_made(looking: Callable[[Studio], Workspace]):
    """What somebody else saves shows without anybody asking for it."""
    studio = MemoryStudio()
    told = Told()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow, studio, looking(studio), studio.tree().cursor, told)
        await trio.to_thread.run_sync(studio.write, "a.txt", b"a")
        await told.wait_for(b"a.txt")
        await trio.to_thread.run_sync(studio.write, "b.txt", b"b")
        await told.wait_for(b"b.txt")
        nursery.cancel_scope.cancel()


class BusyStudio(MemoryStudio):
    """Fails a few times before it answers."""

    failures = 2

    def changes(self, since: Cursor, wait: float = 0.0) -> Changes:
        if self.failures:
            self.failures -= 1
            raise ProjectBusy("somebody else writes")
        return super().changes(since, wait)


async def test_a_studio_that_fails_for_a_while_is_asked_again(
    looking: Callable[[Studio], Workspace], caplog: pytest.LogCaptureFixture
):
    """A busy project delays news; it does not end them."""
    studio = BusyStudio()
    told = Told()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow, studio, looking(studio), studio.tree().cursor, told)
        studio.write("a.txt", b"a")
        await told.wait_for(b"a.txt")
        nursery.cancel_scope.cancel()
    assert caplog.text.count("somebody else writes") == 1


class FaultyStudio(MemoryStudio):
    """Has a bug that shows a few times."""

    failures = 2

    def changes(self, since: Cursor, wait: float = 0.0) -> Changes:
        if self.failures:
            self.failures -= 1
            raise ZeroDivisionError("a bug in the studio")
        return super().changes(since, wait)


async def test_a_fault_of_the_studio_does_not_end_the_mount(
    looking: Callable[[Studio], Workspace], caplog: pytest.LogCaptureFixture
):
    """Whatever happens while news is asked for, it is asked for again, and the traceback is in the log."""
    studio = FaultyStudio()
    told = Told()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow, studio, looking(studio), studio.tree().cursor, told)
        studio.write("a.txt", b"a")
        await told.wait_for(b"a.txt")
        nursery.cancel_scope.cancel()
    assert caplog.text.count("Traceback") == 1
    assert "ZeroDivisionError: a bug in the studio" in caplog.text


class TrippingStudio(MemoryStudio):
    """Tells once of an asset that nobody can show, in the middle of news about many others."""

    folders = tuple(f"set{number}" for number in range(12))
    tripped = False

    def changes(self, since: Cursor, wait: float = 0.0) -> Changes:
        if self.tripped:
            return super().changes(since, wait)
        self.tripped = True
        for folder in self.folders:
            self.change(f"{folder}/old.txt", name=f"new-{folder}")
        assets = [self.asset_at(f"{folder}/new-{folder}.txt") for folder in self.folders]
        assets[5] = replace(assets[5], name=None)  # type: ignore[arg-type]  # the fault
        return Changes(self.tree().cursor, assets=tuple(assets))


async def test_after_news_that_cannot_be_taken_over_everything_is_compared_anew(
    looking: Callable[[Studio], Workspace], caplog: pytest.LogCaptureFixture
):
    """News that trips the mount up is overcome, and nobody keeps a name that it made stale halfway."""
    studio = TrippingStudio()
    for folder in studio.folders:
        studio.write(f"{folder}/old.txt", b"old")
    told = Told()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow, studio, looking(studio), studio.tree().cursor, told)
        for folder in studio.folders:
            await told.wait_for(f"new-{folder}.txt".encode())
        nursery.cancel_scope.cancel()
    assert "Traceback" in caplog.text


class ForgetfulStudio(MemoryStudio):
    """Does not know any cursor from before `forget` any more."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten = threading.Event()

    def changes(self, since: Cursor, wait: float = 0.0) -> Changes:
        if int(since) == 0 and self.forgotten.wait(wait):
            return Changes(since, reload=True)
        return super().changes(since, wait)


async def test_when_the_studio_cannot_tell_what_changed_the_tree_is_read_again(
    looking: Callable[[Studio], Workspace],
):
    """After a restore from backup the mount shows what is there now."""
    studio = ForgetfulStudio()
    told = Told()
    workspace = looking(studio)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow, studio, workspace, studio.tree().cursor, told)
        studio.write("a.txt", b"a")
        studio.forgotten.set()
        await told.wait_for(b"a.txt")
        nursery.cancel_scope.cancel()
    assert workspace.tree_size == (1, 0)


class FarStudio(CutStudio):
    """Remembers for how long it was asked to wait."""

    def __init__(self, inner: MemoryStudio) -> None:
        super().__init__(inner)
        self.waits: list[float] = []

    def changes(self, since: Cursor, wait: float = 0.0) -> Changes:
        self.waits.append(wait)
        return super().changes(since, wait)


@pytest.fixture
def far(tmp_path: Path) -> Iterator[tuple[MemoryStudio, FarStudio, ReplicatedStudio]]:
    """A studio on the network that has a file."""
    inner = MemoryStudio()
    inner.write("a.txt", b"a")
    asked = FarStudio(inner)
    studio = ReplicatedStudio(asked, Replica(tmp_path / "state" / "replica.db", "film as ada"))
    yield inner, asked, studio
    studio.close()


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(20):
        while not condition():
            await trio.lowlevel.checkpoint()


async def test_a_mount_at_rest_asks_a_studio_seldom(
    looking: Callable[[Studio], Workspace], far: tuple[MemoryStudio, FarStudio, ReplicatedStudio]
):
    """One question waits there, and news comes as soon as there is some."""
    inner, asked, studio = far
    workspace, told = looking(studio), Told()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow, studio, workspace, studio.tree().cursor, told)
        await until(lambda: len(asked.waits) == 1)
        assert asked.waits[0] >= 20
        await trio.to_thread.run_sync(inner.write, "b.txt", b"b")
        await told.wait_for(b"b.txt")
        nursery.cancel_scope.cancel()


async def test_what_was_undone_at_once_is_found_out_soon(
    looking: Callable[[Studio], Workspace], far: tuple[MemoryStudio, FarStudio, ReplicatedStudio]
):
    """It is no news for the question that waits, so that one is given up."""
    _, asked, studio = far
    workspace = looking(studio)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow, studio, workspace, studio.tree().cursor, Told())
        await until(lambda: len(asked.waits) == 1)
        (asset,) = workspace._namespace.catalogue.assets
        workspace._namespace.catalogue.forget_asset(asset)  # as after a removal, which somebody took back
        assert workspace.tree_size[0] == 0
        await until(lambda: workspace.tree_size[0] == 1)
        nursery.cancel_scope.cancel()


async def test_a_studio_that_somebody_found_lost_is_asked_again_soon(
    looking: Callable[[Studio], Workspace], far: tuple[MemoryStudio, FarStudio, ReplicatedStudio]
):
    """Whoever waits for news hears nothing from a network that has gone: the others' word is enough."""
    _, asked, studio = far
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow, studio, looking(studio), studio.tree().cursor, Told())
        await until(lambda: len(asked.waits) == 1)
        studio.lost(StudioUnavailable("said somebody else"))
        await until(lambda: len(asked.waits) > 1 and studio.offline_since is None)
        nursery.cancel_scope.cancel()
