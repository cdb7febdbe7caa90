"""What was discarded stays for a week, readable for its owner only."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mountfs.workspace.kept import KEPT_FOR, Kept


@pytest.fixture
def new_id() -> Callable[[], str]:
    numbers = iter(range(1000))
    return lambda: f"{next(numbers):08}-rest"


async def pieces(*content: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece
    if then is not None:
        raise then


async def test_what_is_kept_is_for_its_owner_alone(tmp_path: Path, new_id: Callable[[], str]):
    """Two of one name lie beside each other."""
    kept = Kept(tmp_path / "a" / "kept", new_id)
    first = await kept.keep("scene.blend", pieces(b"one ", b"two"))
    second = await kept.keep("scene.blend", pieces(b"three"))
    assert (first.read_bytes(), second.read_bytes()) == (b"one two", b"three")
    assert first.name.endswith("-scene.blend")
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700


async def test_the_longest_name_can_be_kept(tmp_path: Path, new_id: Callable[[], str]):
    """A name that fills all there is has no room for what is put before it; its end is kept."""
    path = await Kept(tmp_path, new_id).keep("ü" * 121 + ".blend", pieces(b"x"))
    assert path.name.endswith("ü.blend")


async def test_what_fails_half_way_leaves_nothing(tmp_path: Path, new_id: Callable[[], str]):
    """Nobody finds half of their work and takes it for all of it."""
    with pytest.raises(OSError, match="disk"):
        await Kept(tmp_path, new_id).keep("a", pieces(b"half", then=OSError("disk")))
    assert os.listdir(tmp_path) == []


async def test_after_a_week_it_goes(tmp_path: Path, new_id: Callable[[], str]):
    """Whoever thought again had seven days; nothing goes before."""
    now = 1_700_000_000.0
    kept = Kept(tmp_path, new_id, lambda: now)
    kept.forget_old()
    old, young = await kept.keep("old", pieces(b"1")), await kept.keep("young", pieces(b"2"))
    os.utime(old, (now - KEPT_FOR - 1, now - KEPT_FOR - 1))
    os.utime(young, (now - KEPT_FOR + 1, now - KEPT_FOR + 1))
    newest = await kept.keep("new", pieces(b"3"))
    assert set(os.listdir(tmp_path)) == {young.name, newest.name}
    Kept(tmp_path / "missing", new_id).forget_old()
