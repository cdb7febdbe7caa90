"""Open files and what waits: manifests, history, reading ahead over files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from mountfs.content.library import ContentLibrary
from mountfs.errors import ChunkCorrupt, NotFound, NotPermitted, ProjectBusy
from mountfs.model import ALL_TOGGLES, CheckpointId, ChunkRef, Manifest, ProjectId, Toggle, Viewer
from mountfs.testing.stores import MemoryStore
from mountfs.testing.studios import ADA, MemoryStudio
from mountfs.workspace.nodes import AssetHistory, File, Folder, Node
from mountfs.workspace.space import SpaceWatch
from mountfs.workspace.workspace import Workspace


@asynccontextmanager
async def working(studio: MemoryStudio, folder: Path) -> AsyncIterator[Workspace]:
    library = ContentLibrary(studio.store, budget=64 << 20, workers=2)
    space = SpaceWatch(folder, [folder])
    workspace = Workspace(
        ProjectId("film"), studio, studio.tree(), library, space, lambda: 0.0, lambda *_: None
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(workspace.run)
        yield workspace
        nursery.cancel_scope.cancel()


async def at(workspace: Workspace, path: str) -> Node:
    node: Node = workspace.root
    for name in path.split("/"):
        assert isinstance(node, Folder)
        found = await workspace.child(node, name.encode())
        assert found is not None, path
        node = found
    return node


async def test_a_file_reads_as_it_was_recorded_at_any_place(tmp_path: Path):
    """Every range of a file is what was recorded, and nothing comes after its end."""
    studio = MemoryStudio()
    content = bytes(range(256)) * 1000
    studio.write("a.bin", content)
    async with working(studio, tmp_path) as workspace:
        file = workspace.open(await at(workspace, "a.bin"))
        for start, length in ((0, 10), (65_530, 20), (255_990, 100), (256_000, 5), (300_000, 1), (0, 10**6)):
            assert bytes(await file.read(start, length)) == content[start : start + length]
        file.close()


async def test_an_open_file_stays_on_its_version(tmp_path: Path):
    """Whoever has a file open reads the version they opened to its end, though a newer one is there."""
    studio = MemoryStudio()
    studio.write("a.bin", b"old" * 50_000)
    async with working(studio, tmp_path) as workspace:
        file = workspace.open(await at(workspace, "a.bin"))
        start = bytes(await file.read(0, 10))
        cursor = studio.tree().cursor
        studio.write("a.bin", b"new" * 50_000)
        workspace.refresh(studio.changes(cursor))
        rest = bytes(await file.read(10, 200_000))
        assert start + rest == b"old" * 50_000
        newer = workspace.open(await at(workspace, "a.bin"))
        assert bytes(await newer.read(0, 6)) == b"newnew"


async def test_a_manifest_is_fetched_once_for_all_who_wait(tmp_path: Path):
    """Many programs that open one file at the same time cost one question to the studio."""
    studio = MemoryStudio()
    studio.write("a.bin", b"x" * 100)
    async with working(studio, tmp_path) as workspace:
        node = await at(workspace, "a.bin")

        async def read() -> None:
            assert bytes(await workspace.open(node).read(0, 100)) == b"x" * 100

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(read)
    assert len(studio.manifest_calls) == 1


async def test_a_manifest_that_cannot_be_had_fails_the_read_and_is_asked_for_again(tmp_path: Path):
    """A refusal reaches the reader; the next reader is not told yesterday's answer."""
    studio = MemoryStudio()
    checkpoint = studio.write("a.bin", b"x" * 100)
    async with working(studio, tmp_path) as workspace:
        node = await at(workspace, "a.bin")
        kept = studio.known_manifests.pop(checkpoint.id)
        with pytest.raises(NotFound):
            await workspace.open(node).read(0, 100)
        studio.known_manifests[checkpoint.id] = kept
        assert bytes(await workspace.open(node).read(0, 100)) == b"x" * 100


async def test_without_the_right_to_bytes_a_file_does_not_open(tmp_path: Path):
    """A viewer who may not have chunks is refused at once, whoever they are on this machine."""
    studio = MemoryStudio()
    studio.write("a.bin", b"x")
    studio.let(ALL_TOGGLES - {Toggle.PULL_CHUNK})
    async with working(studio, tmp_path) as workspace:
        with pytest.raises(NotPermitted):
            workspace.open(await at(workspace, "a.bin"))


async def test_an_open_file_out_of_sight_may_have_nothing_new(tmp_path: Path):
    """Who lost sight of an asset while it was open gets no more of it than this machine has."""
    studio = MemoryStudio()
    studio.write("a.bin", b"x")
    async with working(studio, tmp_path) as workspace:
        node = await at(workspace, "a.bin")
        assert workspace.may_still_read(node)
        cursor = studio.tree().cursor
        studio.hide("a.bin")
        workspace.refresh(studio.changes(cursor))
        assert not workspace.may_still_read(node)


async def test_a_damaged_chunk_fails_only_the_reads_that_need_it(tmp_path: Path):
    """Damage in one place leaves the rest of the file readable."""
    studio = MemoryStudio()
    content = bytes(65536) + b"\1" * 65536 + b"\2" * 65536
    checkpoint = studio.write("a.bin", content)
    damaged = studio.known_manifests[checkpoint.id].chunks[1].id
    studio.store.frames[damaged] = studio.store.frames[damaged][:-3]
    async with working(studio, tmp_path) as workspace:
        file = workspace.open(await at(workspace, "a.bin"))
        assert bytes(await file.read(0, 65536)) == bytes(65536)
        with pytest.raises(ChunkCorrupt):
            await file.read(65536, 1)
        assert bytes(await file.read(131072, 70_000)) == b"\2" * 65536


async def test_files_opened_in_order_are_made_ready_before_they_are_opened(tmp_path: Path):
    """A reader of a folder of small files finds the later ones decoded already."""
    studio = MemoryStudio()
    for number in range(30):
        studio.write(f"set/{number:02}.png", bytes([number]) * 1000)
    async with working(studio, tmp_path) as workspace:
        for number in range(3):
            file = workspace.open(await at(workspace, f"set/{number:02}.png"))
            assert bytes(await file.read(0, 5)) == bytes([number]) * 5
            file.close()
        later = workspace.open(await at(workspace, "set/06.png"))
        with trio.fail_after(10):
            while later.read_nowait(0, 5) is None:
                await trio.lowlevel.checkpoint()
        assert bytes(later.read_nowait(0, 5) or b"") == b"\6" * 5


async def test_history_is_fetched_when_somebody_looks(tmp_path: Path):
    """The versions of an asset are found by name, the newest too as soon as it is there."""
    studio = MemoryStudio()
    studio.write("a.txt", b"one")
    async with working(studio, tmp_path) as workspace:
        first = await at(workspace, ".checkpoints/a.txt/0001_2023-11-14T22-13-21Z_ada.txt")
        assert bytes(await workspace.open(first).read(0, 10)) == b"one"
        cursor = studio.tree().cursor
        studio.write("a.txt", b"two")
        workspace.refresh(studio.changes(cursor))
        second = await at(workspace, ".checkpoints/a.txt/0002_2023-11-14T22-13-22Z_ada.txt")
        assert bytes(await workspace.open(second).read(0, 10)) == b"two"
        folder = await at(workspace, ".checkpoints/a.txt")
        assert isinstance(folder, AssetHistory)
        assert [node for _, node in await workspace.listing(folder)] == [first, second]
        assert await workspace.child(folder, b"0003_nothing.txt") is None


async def test_a_version_that_goes_without_news_is_soon_not_found(tmp_path: Path):
    """What was put into the trash of a history is gone for whoever looked it up before."""
    studio = MemoryStudio()
    studio.write("a.txt", b"one")
    studio.write("a.txt", b"two")
    async with working(studio, tmp_path) as workspace:
        await at(workspace, ".checkpoints/a.txt/0001_2023-11-14T22-13-21Z_ada.txt")
        folder = await at(workspace, ".checkpoints/a.txt")
        assert isinstance(folder, AssetHistory)
        studio.trash_version("a.txt", 1)
        with trio.fail_after(20):
            while await workspace.child(folder, b"0001_2023-11-14T22-13-21Z_ada.txt") is not None:
                await trio.lowlevel.checkpoint()
        assert [name for name, _ in await workspace.listing(folder)] == [b"0002_2023-11-14T22-13-22Z_ada.txt"]


async def test_a_history_that_has_changed_is_not_answered_from_memory(tmp_path: Path):
    """The kernel forgets the names of an asset's versions with each change of the asset, and so do we."""
    studio = MemoryStudio()
    studio.write("a.txt", b"one")
    async with working(studio, tmp_path) as workspace:
        name = b"0001_2023-11-14T22-13-21Z_ada.txt"
        folder = await at(workspace, ".checkpoints/a.txt")
        assert isinstance(folder, AssetHistory)
        assert await workspace.child(folder, name) is workspace.child_nowait(folder, name) is not None
        cursor = studio.tree().cursor
        studio.write("a.txt", b"two")
        assert (folder.ino, name) in workspace.refresh(studio.changes(cursor)).names
        assert workspace.child_nowait(folder, name) is None


async def test_history_ends_with_the_right_to_it_for_whoever_is_inside(tmp_path: Path):
    """Who loses view_checkpoint finds nothing in folders they hold, opens no version and reads no further."""
    studio = MemoryStudio(viewer=Viewer(ADA, ALL_TOGGLES))
    studio.write("shots/a.txt", b"one")
    async with working(studio, tmp_path) as workspace:
        folder = await at(workspace, ".checkpoints/shots")
        history = await at(workspace, ".checkpoints/shots/a.txt")
        version = await at(workspace, ".checkpoints/shots/a.txt/0001_2023-11-14T22-13-21Z_ada.txt")
        assert isinstance(folder, Folder)
        assert isinstance(history, AssetHistory)
        assert workspace.may_still_read(version)
        for node in (folder, history, version):
            node.lookups += 1
        cursor = studio.tree().cursor
        studio.let(ALL_TOGGLES - {Toggle.VIEW_CHECKPOINT})
        news = workspace.refresh(studio.changes(cursor))
        assert {(folder.ino, b"a.txt"), (history.ino, b"0001_2023-11-14T22-13-21Z_ada.txt")} <= set(
            news.names
        )
        assert await workspace.child(folder, b"a.txt") is None
        assert await workspace.listing(folder) == []
        with pytest.raises(NotPermitted):
            await workspace.listing(history)
        with pytest.raises(NotPermitted):
            workspace.open(version)
        assert not workspace.may_still_read(version)
        assert workspace.may_still_read(await at(workspace, "shots/a.txt"))


class LockedStudio(MemoryStudio):
    """Another program holds the project's lock a few times, before manifests and before chunks."""

    def __init__(self) -> None:
        super().__init__(LockedStore())
        self.locked = 2

    def manifest(self, checkpoint: CheckpointId) -> Manifest:
        if self.locked:
            self.locked -= 1
            raise ProjectBusy("another program writes")
        return super().manifest(checkpoint)


class LockedStore(MemoryStore):
    """The same of chunks."""

    locked = 1

    def get(self, ref: ChunkRef) -> bytes:
        if self.locked:
            self.locked -= 1
            raise ProjectBusy("another program writes")
        return super().get(ref)


async def test_a_reader_waits_while_another_program_holds_the_project(tmp_path: Path):
    """A lock that is held for long delays a read up to its deadline, and does not fail it."""
    studio = LockedStudio()
    studio.write("a.bin", b"x" * 100)
    async with working(studio, tmp_path) as workspace:
        file = workspace.open(await at(workspace, "a.bin"))
        with trio.fail_after(20):
            assert bytes(await file.read(0, 100)) == b"x" * 100


async def test_empty_files_and_links_need_no_studio(tmp_path: Path):
    """What has no chunks is read at once."""
    studio = MemoryStudio()
    studio.write("empty.txt", b"")
    studio.link("wiki", "https://harbor.example/wiki")
    async with working(studio, tmp_path) as workspace:
        empty = await at(workspace, "empty.txt")
        assert isinstance(empty, File)
        assert workspace.open(empty).read_nowait(0, 10) == b""
        body = workspace.open(await at(workspace, "wiki.url")).read_nowait(0, 100)
        assert body == b"[InternetShortcut]\nURL=https://harbor.example/wiki\n"
    assert not studio.manifest_calls
