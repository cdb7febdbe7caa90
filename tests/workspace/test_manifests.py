"""Fetching manifests: one that cannot be had costs itself, and is told in as many words as it deserves."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import pytest
import trio

from mountfs.errors import ContentError, MountfsError, ProjectBusy
from mountfs.model import CheckpointId, Manifest
from mountfs.testing.studios import MemoryStudio
from mountfs.workspace.manifests import Manifests


class FaultyStudio(MemoryStudio):
    """Has a fault over one checkpoint, alone and in a batch, and answers for the others."""

    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self.fault = fault
        self.faulty = self.write("faulty", b"content").id
        self.sound = [self.write(name, name.encode()).id for name in ("a", "b", "c")]
        self.batches = 0

    def manifest(self, checkpoint: CheckpointId) -> Manifest:
        if checkpoint == self.faulty:
            raise self.fault
        return super().manifest(checkpoint)

    def manifests(self, checkpoints: Sequence[CheckpointId]) -> Mapping[CheckpointId, Manifest]:
        self.batches += 1
        return {each: self.manifest(each) for each in checkpoints}


async def outcomes(studio: FaultyStudio) -> dict[CheckpointId, Manifest | MountfsError]:
    """What whoever asks for each of the studio's manifests gets, all fetched in one go."""
    found: dict[CheckpointId, Manifest | MountfsError] = {}
    manifests = Manifests(studio, trio.CapacityLimiter(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(manifests.run)
        manifests.start([studio.faulty, *studio.sound])
        for each in (studio.faulty, *studio.sound):
            try:
                found[each] = await manifests.get(each)
            except MountfsError as exc:
                found[each] = exc
        nursery.cancel_scope.cancel()
    return found


async def test_a_fault_over_one_is_not_the_others(caplog: pytest.LogCaptureFixture):
    """Files that are read ahead together with one that trips the studio are read; the fault is told once."""
    studio = FaultyStudio(TypeError("a fault"))
    found = await outcomes(studio)
    assert all(isinstance(found[each], Manifest) for each in studio.sound)
    assert isinstance(found[studio.faulty], MountfsError)
    assert studio.batches == 1
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


@pytest.mark.parametrize("error", [ContentError("damaged"), ProjectBusy("busy")])
async def test_what_the_studio_says_is_passed_on(caplog: pytest.LogCaptureFixture, error: MountfsError):
    """What is wrong with a project reaches whoever reads, as it was said, and is no fault to trace."""
    studio = FaultyStudio(error)
    found = await outcomes(studio)
    assert found[studio.faulty] is error
    assert not [record for record in caplog.records if record.exc_info]


async def test_two_files_of_one_content_are_asked_for_once():
    """A folder with a copy that a tool moved away costs nobody the mount."""
    studio = MemoryStudio()
    version = studio.write("a", b"content").id
    manifests = Manifests(studio, trio.CapacityLimiter(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(manifests.run)
        manifests.start([version, version])
        assert (await manifests.get(version)).size == len(b"content")
        nursery.cancel_scope.cancel()
