"""Damaged chunks: the right bytes or an error for exactly the ranges concerned, and a line in the log."""

from __future__ import annotations

import errno
import os
import random
import sqlite3
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest

from mountfs.testing.mounts import Mount, Mounts
from tests.mounted.film import Film

PAGE = 4096

Damage = Callable[[sqlite3.Connection, list[str]], None]


def flip(database: sqlite3.Connection, chunks: list[str]) -> None:
    (frame,) = database.execute("SELECT data FROM chunk WHERE hash = ?", (chunks[2],)).fetchone()
    broken = bytearray(frame)
    broken[len(broken) // 2] ^= 0x10
    database.execute("UPDATE chunk SET data = ? WHERE hash = ?", (bytes(broken), chunks[2]))


def truncate(database: sqlite3.Connection, chunks: list[str]) -> None:
    database.execute("UPDATE chunk SET data = substr(data, 1, length(data) / 2) WHERE hash = ?", (chunks[2],))


def delete(database: sqlite3.Connection, chunks: list[str]) -> None:
    database.execute("DELETE FROM chunk WHERE hash = ?", (chunks[2],))


def replace(database: sqlite3.Connection, chunks: list[str]) -> None:
    database.execute(
        "UPDATE chunk SET data = (SELECT data FROM chunk WHERE hash = ?) WHERE hash = ?",
        (chunks[1], chunks[2]),
    )


def empty(database: sqlite3.Connection, chunks: list[str]) -> None:
    database.execute("UPDATE chunk SET data = x'' WHERE hash = ?", (chunks[2],))


def no_frame(database: sqlite3.Connection, chunks: list[str]) -> None:
    database.execute("UPDATE chunk SET data = randomblob(1000) WHERE hash = ?", (chunks[2],))


@pytest.mark.parametrize("damage", [flip, truncate, delete, replace, empty, no_frame])
def test_only_the_ranges_of_a_damaged_chunk_fail(mounts: Mounts, film: Film, damage: Damage):
    """A reader gets the right bytes everywhere but in the damaged chunk, and EIO there; others notice
    nothing.
    """
    content = random.Random(7).randbytes(6 << 20)
    checkpoint = film.write("a.bin", content)
    film.write("other.bin", b"unharmed")
    chunks = film.owner.manifest(checkpoint.id).chunks
    ends = list(accumulate(chunk.size for chunk in chunks))
    bad = range(ends[1], ends[2])
    film.close()
    with sqlite3.connect(film.path) as database:
        damage(database, [chunk.id for chunk in chunks])
    database.close()

    mount = mounts.mount(film.path)
    mount.expect_log(f"ERROR .*{chunks[2].id}")
    check_pages(mount.path / "a.bin", content, bad)
    check_pages(mount.path / "a.bin", content, bad)
    assert (mount.path / "other.bin").read_bytes() == b"unharmed"
    assert len([line for line in mount.log.splitlines() if chunks[2].id in line]) == 1


def check_pages(path: Path, content: bytes, bad: range) -> None:
    """Read every page by itself: right, or EIO if any of its bytes is in the damaged range."""
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    try:
        for start in range(0, len(content), PAGE):
            touches = start < bad.stop and start + PAGE > bad.start
            expected = errno.EIO if touches else content[start : start + PAGE]
            assert page(fd, start) == expected, f"at {start}, the damage is in {bad}"
    finally:
        os.close(fd)


def page(fd: int, start: int) -> bytes | int:
    """The bytes of a page, or the number of the error."""
    try:
        return os.pread(fd, PAGE, start)
    except OSError as exc:
        return exc.errno or 0


def test_a_whole_read_of_a_damaged_file_fails(mounts: Mounts, film: Film):
    """Nobody who copies a damaged file gets to its end without an error."""
    content = random.Random(8).randbytes(4 << 20)
    checkpoint = film.write("a.bin", content)
    chunk = film.owner.manifest(checkpoint.id).chunks[-1]
    film.close()
    with sqlite3.connect(film.path) as database:
        database.execute("DELETE FROM chunk WHERE hash = ?", (chunk.id,))
    database.close()
    mount: Mount = mounts.mount(film.path)
    mount.expect_log(chunk.id)
    with pytest.raises(OSError, match="Input/output error"):
        (mount.path / "a.bin").read_bytes()
