"""Work while the network is cut, and what becomes of it when it is back."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio

from mountfs.config import MountOptions
from mountfs.content.assemble import assemble
from mountfs.content.disk_cache import CachedStore, DiskCache, Limits
from mountfs.content.library import ContentLibrary
from mountfs.errors import (
    DeadlineExceeded,
    LimitExceeded,
    MountfsError,
    NameTaken,
    NotFound,
    StudioUnavailable,
    TooMany,
    Unauthenticated,
    WireError,
)
from mountfs.model import ROOT, Asset, ChunkId, ProjectId, Tree
from mountfs.storage.create import FirstUser, create_project
from mountfs.storage.open import open_project
from mountfs.studio.service import StudioService
from mountfs.testing.cuts import CutStudio
from mountfs.testing.stores import FlakyStore
from mountfs.workspace import grace, publisher
from mountfs.workspace import writing as writing_module
from mountfs.workspace.disk import LocalDisk
from mountfs.workspace.feed import follow
from mountfs.workspace.news import News
from mountfs.workspace.nodes import File, Folder
from mountfs.workspace.replica import Replica
from mountfs.workspace.replicated import ReplicatedStudio
from mountfs.workspace.space import SpaceWatch
from mountfs.workspace.state import SaveOptions
from mountfs.workspace.versions import Times, VersionState
from mountfs.workspace.workspace import Workspace
from mountfs.workspace.writing import Writing

BOUND = 30.0
OPTIONS = SaveOptions(Times(quiet=0.0, grace=0.0, empty_rest=0.0))


class Remote:
    """A project behind a cable, and what a machine keeps of it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        path = folder / "film.clst"
        create_project(path, name="Film", author=FirstUser("ada@x.org", "ada", "Ada", "L"))
        project = stack.enter_context(open_project(path))
        service = StudioService(project)
        self.studio = service.for_owner(service.author())
        self.cable = CutStudio(self.studio)
        self.chunks = FlakyStore(self.studio.chunks, self._is_cut)
        self._folder = folder
        self._numbers = itertools.count()

    def _is_cut(self, call: str, chunk: ChunkId) -> bool:
        return bool(call and chunk) and self.cable.fault is not None

    @asynccontextmanager
    async def mounted(self) -> AsyncIterator[tuple[Workspace, Writing]]:
        """A mount without a kernel, on what an earlier one has left."""
        with ExitStack() as stack:
            cache = DiskCache(self._folder / "cache", Limits(1 << 30, 0))
            stack.callback(cache.close)
            store = CachedStore(self.chunks, cache)
            here = ReplicatedStudio(
                self.cable, Replica(self._folder / "state" / "replica.db", "film"), first_pause=0.01
            )
            stack.callback(here.close)
            tree = here.tree()
            state = self._folder / "state"
            library = ContentLibrary(store, budget=MountOptions().memory, workers=1)
            workspace = Workspace(
                ProjectId("film"), here, tree, library, SpaceWatch(state, []), time.time, lambda *_: None
            )
            disk = LocalDisk(state)
            stack.callback(disk.close)
            writing = workspace.make_writable(
                *(store, disk, state / "kept", OPTIONS, (), time.time_ns),
                lambda: f"id-{next(self._numbers)}",
                forget,
            )
            async with trio.open_nursery() as nursery:
                await nursery.start(workspace.run)
                nursery.start_soon(follow, here, workspace, tree.cursor, forget)
                yield workspace, writing
                await writing.finish()  # as an unmount does
                nursery.cancel_scope.cancel()

    def shown(self) -> dict[str, bytes]:
        """What the project holds, by path; nothing while it changes."""
        with suppress(NotFound):
            return self._shown(self.studio.tree())
        return {}

    def _shown(self, tree: Tree) -> dict[str, bytes]:

        def path(asset: Asset) -> str:
            name = asset.name + asset.extension
            folder = asset.collection
            while folder != ROOT:
                name = f"{tree.collections[folder].name}/{name}"
                folder = tree.collections[folder].parent
            return name

        heads = {path(asset): asset.head for asset in tree.assets.values()}
        return {
            name: b"".join(assemble(self.studio.manifest(head.id), self.studio.chunks))
            for name, head in heads.items()
            if head is not None
        }


def forget(news: News) -> None:
    """There is no kernel that would have to."""


def folder_at(workspace: Workspace, name: bytes) -> Folder:
    found = workspace.child_nowait(workspace.root, name)
    assert isinstance(found, Folder)
    return found


async def save(workspace: Workspace, writing: Writing, folder: Folder, name: bytes, content: bytes) -> None:
    """Write a file whole, as most programs do."""
    node = workspace.child_nowait(folder, name)
    if node is None:
        node = await writing.naming.create(folder, name, 0o644)
    assert isinstance(node, File)
    writing.opened(node, writable=True)
    writing.saving.truncate(node, 0)
    writing.saving.write(node, 0, content)
    await writing.saving.flush(node)
    await writing.saving.released(node)


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(BOUND):
        while not condition():  # most of it is told by nobody, in another thread
            await trio.to_thread.run_sync(threading.Event().wait, 0.01)


async def read(workspace: Workspace, folder: Folder, name: bytes) -> bytes:
    node = workspace.child_nowait(folder, name)
    assert isinstance(node, File)
    content = workspace.open(node)
    try:
        with trio.fail_after(BOUND):
            return bytes(await content.read(0, 1 << 20))
    finally:
        content.close()


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[ExitStack], Remote]:
    monkeypatch.setattr(writing_module, "_LAST_SENDING", 0.1)
    monkeypatch.setattr(publisher, "_LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(grace, "_LONGEST_PAUSE", 0.05)
    return lambda stack: Remote(tmp_path, stack)


@pytest.mark.parametrize(
    "fault",
    [
        StudioUnavailable("cut"),
        DeadlineExceeded("slow"),
        TooMany(1),
        WireError("?"),
        Unauthenticated("log in"),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_what_is_done_without_network_arrives(
    remote: Callable[[ExitStack], Remote], fault: MountfsError
):
    """Saves, new files and folders, moves and removals wait while the studio decides nothing. Then they
    arrive, each once; a session that has ended loses nothing either."""
    with ExitStack() as stack:
        there = remote(stack)
        async with there.mounted() as (workspace, writing):
            await writing.folders.mkdir(workspace.root, b"shots", 0o755)
            await writing.folders.mkdir(workspace.root, b"props", 0o755)
            shots = folder_at(workspace, b"shots")
            for name in (b"a", b"b", b"c"):
                await save(workspace, writing, shots, name, b"old " + name)
            await until(lambda: len(there.shown()) == 3 and not writing.state.versions)
            there.cable.fault = fault
            shots, props = folder_at(workspace, b"shots"), folder_at(workspace, b"props")
            await save(workspace, writing, shots, b"a", b"new a")
            await save(workspace, writing, shots, b"d", b"new d")
            await writing.folders.mkdir(shots, b"more", 0o755)
            if not isinstance(fault, Unauthenticated):  # whose no ends what needs the studio's word
                await writing.rename(shots, b"b", props, b"b2", replace=True)
            await writing.naming.unlink(shots, b"c")
            tries = there.cable.calls
            await until(lambda: there.cable.calls > tries + 12)
            assert not [one for one in writing.state.versions.values() if one.state is VersionState.REFUSED]
            assert there.shown() == {f"shots/{name}": f"old {name}".encode() for name in "abc"}
            there.cable.repair()
            moved = {"shots/b": b"old b"} if isinstance(fault, Unauthenticated) else {"props/b2": b"old b"}
            wanted = {"shots/a": b"new a", "shots/d": b"new d", **moved}
            await until(lambda: there.shown() == wanted)
            await until(lambda: not writing.state.versions)
            numbers = {asset.name: asset.number for asset in there.studio.tree().assets.values()}
            assert numbers["a"] == 2
            assert numbers["d"] == 1


async def test_a_mount_begins_and_works_without_network(remote: Callable[[ExitStack], Remote]):
    """What was opened before is read from this machine, what is saved waits across a restart, and arrives."""
    with ExitStack() as stack:
        there = remote(stack)
        async with there.mounted() as (workspace, writing):
            await save(workspace, writing, workspace.root, b"a", b"content of a")
            await until(lambda: "a" in there.shown() and not writing.state.versions)
        async with there.mounted() as (workspace, writing):
            assert await read(workspace, workspace.root, b"a") == b"content of a"
        there.cable.cut()
        async with there.mounted() as (workspace, writing):
            assert await read(workspace, workspace.root, b"a") == b"content of a"
            await save(workspace, writing, workspace.root, b"b", b"content of b")
            await until(lambda: bool(writing.state.versions))
        async with there.mounted() as (workspace, writing):
            assert await read(workspace, workspace.root, b"b") == b"content of b"
            there.cable.repair()
            await until(lambda: there.shown() == {"a": b"content of a", "b": b"content of b"})


@pytest.mark.parametrize(
    "no", [LimitExceeded("it has too many chunks"), NameTaken("the name is not available")]
)
async def test_what_asking_again_cannot_change_is_final(
    remote: Callable[[ExitStack], Remote], monkeypatch: pytest.MonkeyPatch, no: MountfsError
):
    """A version that the studio will never take is not offered for ever: it stays here, with the reason."""
    with ExitStack() as stack:
        there = remote(stack)
        offers: list[object] = []

        def refuse(proposals: object) -> None:
            offers.append(proposals)
            raise no

        monkeypatch.setattr(there.studio, "publish", refuse)
        async with there.mounted() as (workspace, writing):
            await save(workspace, writing, workspace.root, b"a", b"content")
            await until(
                lambda: any(one.state is VersionState.REFUSED for one in writing.state.versions.values())
            )
            (version,) = writing.state.versions.values()
            assert version.reason == str(no)
            assert len(offers) == 1
            assert await read(workspace, workspace.root, b"a") == b"content"


async def test_a_mount_ends_at_once_without_network(
    remote: Callable[[ExitStack], Remote], monkeypatch: pytest.MonkeyPatch
):
    """Nobody waits for a sending that cannot be; the next mount sends it."""
    monkeypatch.setattr(writing_module, "_LAST_SENDING", 10 * BOUND)
    with ExitStack() as stack:
        there = remote(stack)
        with trio.fail_after(BOUND):
            async with there.mounted() as (workspace, writing):
                there.cable.cut()
                await save(workspace, writing, workspace.root, b"a", b"content")
                await until(lambda: any(one.tries for one in writing.state.versions.values()))
        there.cable.repair()
        async with there.mounted():
            await until(lambda: there.shown() == {"a": b"content"})


async def test_a_folder_that_was_just_made_stays_when_the_network_goes(
    remote: Callable[[ExitStack], Remote],
):
    """What the studio has taken and what is kept of its tree here does not know yet goes on showing."""
    with ExitStack() as stack:
        there = remote(stack)
        async with there.mounted() as (workspace, writing):
            await writing.folders.mkdir(workspace.root, b"shots", 0o755)
            await save(workspace, writing, folder_at(workspace, b"shots"), b"a", b"content")
            await until(lambda: not writing.state.versions)
            there.cable.cut()
            tries = there.cable.calls
            await until(lambda: there.cable.calls > tries + 12)
            assert workspace.child_nowait(folder_at(workspace, b"shots"), b"a") is not None
            there.cable.repair()
            await until(lambda: there.shown() == {"shots/a": b"content"})
