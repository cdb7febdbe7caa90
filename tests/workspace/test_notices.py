"""What becomes of a save, told to whoever wants to know at once."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
import trio

from mountfs.config import MountOptions
from mountfs.content.library import ContentLibrary
from mountfs.errors import LostRace, ProjectBusy, QuotaExceeded
from mountfs.interfaces import Studio
from mountfs.model import ProjectId, Proposal
from mountfs.testing.studios import MemoryStudio
from mountfs.workspace import publisher
from mountfs.workspace.disk import LocalDisk
from mountfs.workspace.news import News
from mountfs.workspace.nodes import CollectionFolder
from mountfs.workspace.notice import Kind, Notice
from mountfs.workspace.space import SpaceWatch
from mountfs.workspace.state import SaveOptions
from mountfs.workspace.versions import Times
from mountfs.workspace.workspace import Workspace
from mountfs.workspace.writing import Writing

BOUND = 30.0


class Unwilling(MemoryStudio):
    """A studio that takes no version."""

    def __init__(self, why: Exception) -> None:
        super().__init__()
        self._why = why

    def publish(self, proposals: Sequence[Proposal]) -> NoReturn:  # noqa: ARG002  # the protocol's
        raise self._why


def workspace_on(folder: Path, studio: Any, options: SaveOptions) -> tuple[Workspace, Writing]:
    """A mount without a kernel."""
    numbers = itertools.count()
    disk = LocalDisk(folder)
    library = ContentLibrary(studio.store, budget=MountOptions().memory, workers=1)
    space = SpaceWatch(folder, [folder])
    workspace = Workspace(ProjectId("film"), studio, studio.tree(), library, space, time.time, print)

    def tell(news: News) -> None:
        """There is no kernel."""

    writing = workspace.make_writable(
        studio.store,
        disk,
        folder / "kept",
        options,
        (),
        time.time_ns,
        lambda: f"id-{next(numbers)}",
        tell,
    )
    return workspace, writing


async def noticed_of_a_save(folder: Path, studio: Studio, options: SaveOptions, kind: Kind) -> Notice:
    """The first notice of a kind, after a new file was written and closed."""
    workspace, writing = workspace_on(folder, studio, options)
    heard, hear = trio.open_memory_channel[Notice](1000)
    writing.state.notice = heard.send_nowait
    async with trio.open_nursery() as nursery:
        await nursery.start(workspace.run)
        root = workspace.root
        assert isinstance(root, CollectionFolder)
        node = await writing.naming.create(root, b"a.txt", 0o644)
        writing.opened(node, writable=True)
        with contextlib.suppress(QuotaExceeded):  # what matters here is what is told of it
            writing.saving.write(node, 0, b"text")
        await writing.saving.released(node)
        with trio.fail_after(BOUND):
            async for notice in hear:
                if notice.kind is kind:
                    nursery.cancel_scope.cancel()
                    return notice
    raise AssertionError("it ended")


OPTIONS = SaveOptions(Times(quiet=0.0))


async def test_who_waits_for_long_is_told_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A version that a locked project keeps from being made is told once that takes long, with the reason."""
    monkeypatch.setattr(publisher, "_LONG", 0.0)
    studio = Unwilling(ProjectBusy("another program holds the project"))
    notice = await noticed_of_a_save(tmp_path, studio, OPTIONS, Kind.SLOW)
    assert notice == Notice(Kind.SLOW, "a.txt", "another program holds the project")


async def test_a_refusal_is_told_with_its_reason(tmp_path: Path):
    """Whoever lost a race, or a right, is told when the studio says so."""
    studio = Unwilling(LostRace("somebody was quicker"))
    notice = await noticed_of_a_save(tmp_path, studio, OPTIONS, Kind.REFUSED)
    assert notice == Notice(Kind.REFUSED, "a.txt", "somebody was quicker")


async def test_what_is_closed_is_told_as_unsent(tmp_path: Path):
    """Whoever holds back a shutdown knows of a close at once."""
    notice = await noticed_of_a_save(tmp_path, MemoryStudio(), SaveOptions(Times(quiet=60.0)), Kind.UNSENT)
    assert notice == Notice(Kind.UNSENT)


async def test_a_full_quota_is_told_with_its_size(tmp_path: Path):
    """Whoever writes more than fits is told how much does."""
    notice = await noticed_of_a_save(tmp_path, MemoryStudio(), SaveOptions(draft_quota=1), Kind.FULL)
    assert notice.reason == "changes that are not sent yet may take 1 bytes in all"
