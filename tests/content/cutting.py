"""What cutting must answer: the format's rule written down slowly, generated content, recorded files."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import zstandard

from mountfs.content.gear import GEAR

KIB = 1024
MIB = 1024 * KIB

SAMPLES = Path(__file__).parents[2].parent / "shared" / "clst"


def reference_cuts(
    data: bytes, minimum: int, normal: int, maximum: int, strict_bits: int, loose_bits: int
) -> list[int]:
    """The format's rule, byte by byte in plain integers: where each chunk ends, the last one too."""
    ends: list[int] = []
    start = 0
    while start < len(data):
        fingerprint = 0
        end = min(start + maximum, len(data))
        for place in range(start + minimum, end):
            fingerprint = ((fingerprint << 1) + GEAR[data[place]]) & (2**64 - 1)
            bits = strict_bits if place - start < normal else loose_bits
            if fingerprint & (2**bits - 1) == 0:
                end = place + 1
                break
        ends.append(end)
        start = end
    return ends


def _noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def _lines(count: int) -> bytes:
    return b"".join(b"v %d.%03d %d\n" % (n * 7919 % 1000, n * 104729 % 1000, n) for n in range(count))


GENERATED: dict[str, tuple[Callable[[], bytes], list[int]]] = {
    "noise": (
        lambda: _noise(1, 12 * MIB + 5),
        [
            1329476,
            2536648,
            3608536,
            4833433,
            6163995,
            7373120,
            8566571,
            9640852,
            10820887,
            12151011,
            12582917,
        ],
    ),
    "zeros": (lambda: bytes(20 * MIB + 3), [8388608, 16777216, 20971523]),
    "ones": (lambda: b"\xff" * (9 * MIB + 3), [8388608, 9437187]),
    "period": (lambda: _noise(2, 96 * KIB) * 120, [8388608, 11796480]),
    "lines": (
        lambda: _lines(500_000),
        [1647909, 2792093, 3962684, 5025604, 5726090, 7038455, 8091299, 8333890],
    ),
    "minimum": (lambda: _noise(3, 512 * KIB), [524288]),
    "minimum and one": (lambda: _noise(3, 512 * KIB + 1), [524289]),
    "normal and one": (lambda: _noise(4, 1 * MIB + 1), [1048577]),
    "inserted": (
        lambda: _noise(1, 3 * MIB) + b"fourteen bytes" + _noise(1, 12 * MIB + 5)[3 * MIB :],
        [
            1329476,
            2536648,
            3608550,
            4833447,
            6164009,
            7373134,
            8566585,
            9640866,
            10820901,
            12151025,
            12582931,
        ],
    ),
}
"""Content anybody can make again, and where the format cuts it (the end of each chunk)."""


def recorded_files() -> Iterator[tuple[str, list[bytes]]]:
    """Every checkpoint in the sample project files beside the repository, as its raw chunks in order."""
    for path in sorted(SAMPLES.glob("*.clst")):
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as project:
            ((name,),) = project.execute("SELECT value FROM config WHERE name = 'project_id'")
            folder = SAMPLES / "deflated-storage" / name / "chunks"
            frames = dict(project.execute("SELECT hash, data FROM chunk"))
            for checkpoint, chunks in project.execute("SELECT id, chunks FROM asset_checkpoint"):
                raws = []
                for chunk in filter(None, chunks.split(",")):
                    frame = frames.get(chunk) or (folder / chunk[:2] / chunk[2:4] / chunk).read_bytes()
                    raws.append(zstandard.ZstdDecompressor().decompress(frame))
                yield f"{path.stem} {checkpoint}", raws
