"""Single changes in a copy of a project, as disks, people and programs make them. Each is drawn from a seed.

`damage` changes one thing in the stored content and says which chunks may suffer from it; for every other
chunk the right bytes must come out. The project must not be open meanwhile.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mountfs.digest import encode_frame
from mountfs.model import ChunkId


@dataclass(frozen=True, slots=True)
class Damage:
    """What was done, in a few words, and the chunks concerned."""

    what: str
    chunks: frozenset[ChunkId]


class StoredFrames:
    """The frames of a closed project, to be changed behind its back: rows, or files below ``storage_dir``."""

    def __init__(self, project: sqlite3.Connection, storage_dir: Path | None) -> None:
        self._project = project
        self._storage_dir = storage_dir
        if storage_dir is None:
            rows = project.execute("SELECT hash FROM chunk ORDER BY hash")
        else:
            rows = project.execute("SELECT hash FROM chunk_ref ORDER BY hash")
        self.names = [ChunkId(name) for (name,) in rows]
        self.table = "chunk" if storage_dir is None else "chunk_ref"

    def read(self, name: ChunkId) -> bytes:
        """A frame as it is stored."""
        if self._storage_dir is not None:
            return self._path(name).read_bytes()
        ((frame,),) = self._project.execute("SELECT data FROM chunk WHERE hash = ?", (name,))
        return bytes(frame)

    def write(self, name: ChunkId, frame: bytes) -> None:
        """Put other bytes where a frame was; what is recorded about it stays."""
        if self._storage_dir is not None:
            self._path(name).write_bytes(frame)
        else:
            self._project.execute("UPDATE chunk SET data = ? WHERE hash = ?", (frame, name))

    def remove(self, name: ChunkId) -> None:
        """Take a frame away."""
        if self._storage_dir is not None:
            self._path(name).unlink()
        else:
            self._project.execute("DELETE FROM chunk WHERE hash = ?", (name,))

    def set_size(self, name: ChunkId, size: int) -> None:
        """Record another stored size."""
        self._project.execute(f"UPDATE {self.table} SET size = ? WHERE hash = ?", (size, name))

    def set_raw_size(self, name: ChunkId, size: int) -> None:
        """Record another raw size, where raw sizes are recorded."""
        if self._project.execute("SELECT 1 FROM sqlite_master WHERE name = 'mountfs_chunk'").fetchone():
            self._project.execute("UPDATE mountfs_chunk SET raw_size = ? WHERE hash = ?", (size, name))

    def _path(self, name: ChunkId) -> Path:
        assert self._storage_dir is not None
        return next(self._storage_dir.glob(f"*/chunks/{name[:2]}/{name[2:4]}/{name}"))


def _flip(frames: StoredFrames, rng: random.Random) -> Damage:
    name = rng.choice(frames.names)
    changed = bytearray(frames.read(name))
    place = rng.randrange(len(changed)) if rng.random() < 0.6 else rng.randrange(min(20, len(changed)))
    bit = rng.randrange(8)
    changed[place] ^= 1 << bit
    frames.write(name, bytes(changed))
    return Damage(f"bit {bit} of byte {place} of {name} flipped", frozenset({name}))


def _cut_short(frames: StoredFrames, rng: random.Random) -> Damage:
    name = rng.choice(frames.names)
    frame = frames.read(name)
    length = rng.choice([0, 1, 4, len(frame) - 1, rng.randrange(len(frame))])
    frames.write(name, frame[:length])
    return Damage(f"{name} cut to {length} bytes", frozenset({name}))


def _remove(frames: StoredFrames, rng: random.Random) -> Damage:
    name = rng.choice(frames.names)
    frames.remove(name)
    return Damage(f"{name} removed", frozenset({name}))


def _swap(frames: StoredFrames, rng: random.Random) -> Damage:
    one, other = rng.sample(frames.names, 2)
    first, second = frames.read(one), frames.read(other)
    frames.write(one, second)
    frames.write(other, first)
    return Damage(f"{one} and {other} exchanged", frozenset({one, other}))


def _wrong_frame(frames: StoredFrames, rng: random.Random) -> Damage:
    name = rng.choice(frames.names)
    frame = frames.read(name)
    wrong = rng.choice(
        [
            encode_frame(rng.randbytes(rng.randrange(1, 100_000))),
            frame + frame,
            frame + b"\0",
            b"\0" * len(frame),
        ]
    )
    frames.write(name, wrong)
    return Damage(f"{name} replaced by {len(wrong)} other bytes", frozenset({name}))


def _wrong_size(frames: StoredFrames, rng: random.Random) -> Damage:
    name = rng.choice(frames.names)
    size = rng.choice([0, 1, -1, 2**40, rng.randrange(2**23)])
    if rng.random() < 0.5:
        frames.set_size(name, size)
        return Damage(f"stored size of {name} recorded as {size}", frozenset({name}))
    frames.set_raw_size(name, size)
    return Damage(f"raw size of {name} recorded as {size}", frozenset({name}))


_KINDS: tuple[Callable[[StoredFrames, random.Random], Damage], ...] = (
    _flip,
    _cut_short,
    _remove,
    _swap,
    _wrong_frame,
    _wrong_size,
)


def damage(path: Path, storage_dir: Path | None, seed: int) -> Damage:
    """Change one thing in the content that a project stores; the kinds of change take turns with the seed."""
    rng = random.Random(seed)
    with closing(sqlite3.connect(path)) as project, project:
        return _KINDS[seed % len(_KINDS)](StoredFrames(project, storage_dir), rng)
