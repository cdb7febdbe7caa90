"""What is made of a journal that says more than the disk has."""

from __future__ import annotations

from pathlib import Path

import pytest

from mountfs.model import NOBODY, AssetId, Checkpoint, CheckpointId
from mountfs.workspace.disk import LocalDisk
from mountfs.workspace.drafts import Draft, Drafts, DraftState


@pytest.fixture
def disk(tmp_path: Path) -> LocalDisk:
    return LocalDisk(tmp_path)


def restored(disk: LocalDisk) -> Drafts:
    """All drafts, as the next mount has them."""
    drafts = Drafts(disk, 0, 0, lambda _, __: None, lambda _: None)
    drafts.restore({each.id: each.body for each in disk.records() if each.kind == "draft" and each.body})
    return drafts


def content(draft: Draft) -> bytes:
    """All of it; every byte of a checkpoint is a c."""
    found = b""
    for piece in draft.pieces(0, draft.size):
        length = piece.end - piece.start
        if isinstance(piece.origin, Draft):
            found += piece.origin.pread(piece.start, length)
        else:
            found += b"c" * length if piece.origin is not None else bytes(length)
    return found


def test_what_was_cut_off_after_it_was_made_safe_can_be_read(disk: LocalDisk):
    """A draft that was cut off and written on has the bytes that its file has."""
    drafts = restored(disk)
    draft = drafts.hold(drafts.make(None))
    drafts.write(draft, 0, b"a" * 10_000)
    disk.commit([draft.record()], durable=True, why="flushed")
    drafts.truncate(draft, 0)
    drafts.write(draft, 0, b"b" * 300)
    again = restored(disk)
    found = again.get(draft.id)
    assert found is not None
    assert found.state is DraftState.OPEN
    assert content(found) == b"b" * 300


def test_a_sealed_draft_that_lacks_bytes_is_damaged(disk: LocalDisk):
    """It never becomes a version."""
    drafts = restored(disk)
    draft = drafts.hold(drafts.make(None))
    drafts.write(draft, 0, b"a" * 10_000)
    draft.state = DraftState.SEALED
    disk.commit([draft.record()], durable=True, why="sealed")
    disk.truncate(draft.id, 5_000)
    found = restored(disk).get(draft.id)
    assert found is not None
    assert found.state is DraftState.DAMAGED


def test_a_draft_over_one_that_is_gone_is_damaged(disk: LocalDisk):
    """Nobody gets zeros for what was under it."""
    drafts = restored(disk)
    below = drafts.hold(drafts.make(None))
    drafts.write(below, 0, b"a" * 10_000)
    below.state = DraftState.SEALED
    above = drafts.hold(drafts.make(below))
    drafts.write(above, 0, b"b")
    disk.commit([above.record()], durable=True, why="flushed")
    found = restored(disk).get(above.id)
    assert found is not None
    assert found.state is DraftState.DAMAGED


@pytest.mark.parametrize("size", [0, 450])
def test_drafts_over_drafts_stay_few_and_right(disk: LocalDisk, size: int):
    """However often something is cut off or written over, it shows the bytes it should."""
    drafts = restored(disk)
    base = Checkpoint(CheckpointId("v"), AssetId("a"), 1, 0, NOBODY, size, "", 0)
    draft = drafts.hold(drafts.make(base))
    expected = bytearray(b"c" * size)
    for number in range(200):
        offset = number * 37 % 500
        piece = bytes([number]) * (1 + number % 50)
        if number % 7 == 3:
            size = number * 11 % 400
            drafts.truncate(draft, size)
            del expected[size:]
            expected.extend(bytes(size - len(expected)))
        drafts.write(draft, offset, piece)
        expected.extend(bytes(max(0, offset + len(piece) - len(expected))))
        expected[offset : offset + len(piece)] = piece
        draft.state = DraftState.SEALED
        draft = drafts.hold(drafts.make(draft))
        assert content(draft) == expected
        depth, under = 0, draft.base
        while isinstance(under, Draft):
            depth, under = depth + 1, under.base
        assert depth <= 17
