"""The files of a small production, made from nothing: text scenes, images, caches, a library.

Everything follows from a seed, so that every demo is the same. About 300 files and 60 MB, of which most are
simulation caches, as in a real show. Scenes name the library files they use, by relative paths.
"""

from __future__ import annotations

import random
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEED = 1815

CHARACTERS = ("fox", "owl")
PROPS = ("lantern", "boat", "kite", "ladder", "drum", "map")
SHOTS = tuple(f"sh{number:03d}" for number in range(10, 130, 10))
FRAMES = 16
CACHE_MB = {"sh010": 24, "sh020": 16, "sh050": 4, "sh060": 4, "sh070": 4, "sh110": 4}
"""Which shots have a simulated sea, and how large its cache is."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the production."""

    path: str
    content: bytes


def files() -> Iterator[Source]:
    """Every file, in the order of the work: library, characters, shots, editorial."""
    random_ = random.Random(SEED)
    yield Source("README.txt", b"Harbor: a film of twelve shots. Ask Ada before you change the library.\n")
    yield from _library(random_)
    yield from _characters(random_)
    yield from _shots(random_)
    yield Source("editorial/cut.edl", _cut())
    yield Source("editorial/notes/week 01.txt", b"sh020 is too long by a beat. Owl blinks twice in sh070.\n")


def write(folder: Path) -> int:
    """Write all files below a folder; how many."""
    count = 0
    for source in files():
        place = folder / source.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(source.content)
        count += 1
    return count


def animated(shot: str, take: int) -> Source:
    """A later state of a shot's animation: what an artist saves day by day."""
    return Source(f"shots/{shot}/{shot}_anim.usda", _scene(shot, take))


def _library(random_: random.Random) -> Iterator[Source]:
    for prop in PROPS:
        yield Source(f"library/props/{prop}/{prop}.usda", _model(prop, random_))
        for channel in ("diffuse", "roughness", "normal"):
            yield Source(f"library/props/{prop}/textures/{prop}_{channel}.png", _image(random_, 96))
    for name in ("dawn", "noon", "storm"):
        yield Source(f"library/light/{name}.usda", f'#usda 1.0\ndef DomeLight "{name}" {{}}\n'.encode())
        yield Source(f"library/light/{name}.png", _image(random_, 192))
    yield Source("library/tools/check_scene.py", b"#!/usr/bin/env python3\nprint('the scene is fine')\n")


def _characters(random_: random.Random) -> Iterator[Source]:
    for name in CHARACTERS:
        yield Source(f"characters/{name}/{name}_rig.usda", _model(name, random_))
        yield Source(f"characters/{name}/{name}_look.usda", _look(name))
        for part in ("body", "eyes", "feather" if name == "owl" else "fur"):
            for channel in ("diffuse", "roughness", "normal"):
                yield Source(f"characters/{name}/textures/{name}_{part}_{channel}.png", _image(random_, 128))
    yield Source("characters/owl/größentabelle.csv", "Teil;Größe\nFlügel;1,2\n".encode())


def _shots(random_: random.Random) -> Iterator[Source]:
    for number, shot in enumerate(SHOTS):
        yield animated(shot, 1)
        yield Source(f"shots/{shot}/{shot}_light.usda", _lighting(shot))
        yield Source(f"shots/{shot}/{shot}_comp.nk", f"Root {{\n name {shot}_comp\n}}\nRead {{}}\n".encode())
        for frame in range(1, FRAMES + 1):
            place = f"shots/{shot}/playblast/{shot}.{frame:04d}.png"
            yield Source(place, _image(random_, 64, shift=frame + number))
        if shot in CACHE_MB:
            yield Source(f"shots/{shot}/cache/{shot}_sea.bgeo", _cache(random_, CACHE_MB[shot] << 20))


def _model(name: str, random_: random.Random) -> bytes:
    points = ", ".join(
        f"({random_.uniform(-1, 1):.4f}, {random_.uniform(-1, 1):.4f}, {random_.uniform(-1, 1):.4f})"
        for _ in range(400)
    )
    head = f'#usda 1.0\n(\n    defaultPrim = "{name}"\n)\n'
    return f'{head}def Mesh "{name}" {{\n    point3f[] points = [{points}]\n}}\n'.encode()


def _look(name: str) -> bytes:
    return (
        f'#usda 1.0\nover "{name}" {{\n    asset inputs:file = @./textures/{name}_body_diffuse.png@\n}}\n'
    ).encode()


def _scene(shot: str, take: int) -> bytes:
    lines = ["#usda 1.0", "(", "    subLayers = ["]
    lines += [f"        @../../characters/{name}/{name}_rig.usda@," for name in CHARACTERS]
    lines += ["        @../../library/props/lantern/lantern.usda@", "    ]", ")"]
    lines += [f'over "fox" {{ double3 xformOp:translate.timeSamples = {{ # {shot}, take {take}']
    lines += [
        f"    {frame}: ({frame * 0.1 * take:.3f}, {(frame % 7) * 0.2:.3f}, 0)," for frame in range(1, 241)
    ]
    return "\n".join([*lines, "}}", ""]).encode()


def _lighting(shot: str) -> bytes:
    layers = f"        @./{shot}_anim.usda@,\n        @../../library/light/dawn.usda@\n"
    return f"#usda 1.0\n(\n    subLayers = [\n{layers}    ]\n)\n".encode()


def _cut() -> bytes:
    lines = ["TITLE: HARBOR", "FCM: NON-DROP FRAME"]
    for number, shot in enumerate(SHOTS):
        lines.append(
            f"{number + 1:03d}  {shot.upper()}  V  C  00:00:{number * 4:02d}:00 00:00:{number * 4 + 4:02d}:00"
        )
    return "\n".join([*lines, ""]).encode()


def _image(random_: random.Random, side: int, *, shift: int = 0) -> bytes:
    """A PNG: a gradient with some grain, so that it compresses about as well as a photograph."""
    red, green, blue = (random_.randrange(256) for _ in range(3))
    grain = random_.randbytes(side * side)
    rows = bytearray()
    for y in range(side):
        rows.append(0)
        for x in range(side):
            noise = grain[y * side + x] & 15
            rows += bytes(((red + x + shift) & 255, (green + y) & 255, (blue + noise) & 255))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def _cache(random_: random.Random, size: int) -> bytes:
    """Simulated points: half noise, half repetition, as caches are."""
    block = random_.randbytes(size // 2)
    return block + bytes(1 << 16) * (size // (1 << 17))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    print(f"{write(folder)} files in {folder}")
