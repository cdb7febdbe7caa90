"""Content for measurements: made from a seed, so that two runs measure the same bytes."""

from __future__ import annotations

import random
from pathlib import Path

MIB = 1 << 20


def write_mixed(path: Path, size: int, seed: int = 1) -> None:
    """A file of ``size`` bytes, half of it random and half like a text scene, in pieces of 256 KiB.

    Packed textures beside vertex lists: what a scene file holds.
    """
    rng = random.Random(seed)
    with path.open("wb") as out:
        left = size
        while left > 0:
            piece = rng.randbytes(MIB // 4) if rng.random() < 0.5 else _vertices(rng, MIB // 4)
            out.write(piece[:left])
            left -= len(piece)


def write_random(path: Path, size: int, seed: int = 1) -> None:
    """A file of ``size`` incompressible bytes: a video, a packed texture."""
    rng = random.Random(seed)
    with path.open("wb") as out:
        for start in range(0, size, MIB):
            out.write(rng.randbytes(min(MIB, size - start)))


def _vertices(rng: random.Random, size: int) -> bytes:
    """Text of numbers with few distinct lines between them; zstd halves it, as it does real vertex lists."""
    line = b"v %.6f %.6f\n" % (rng.random(), rng.random())
    digits = rng.randbytes(size // 2).hex().encode()
    return b"".join(digits[start : start + 40] + line for start in range(0, len(digits), 40))[:size]
