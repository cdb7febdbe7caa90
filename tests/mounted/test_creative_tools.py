"""Creative tools open what lies in a mount as if it lay on a disk. Run by ``make test-dcc``."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from mountfs.testing.mounts import Mounts
from tests.mounted.film import Film

PATIENCE = 240.0
"""Seconds for one run of a tool: Blender alone takes several to start."""

MAKE_LIBRARY = """
import bpy, os
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.mesh.primitive_uv_sphere_add(segments=256, ring_count=256)
bpy.context.object.name = "fox"
bpy.ops.wm.save_as_mainfile(filepath=os.path.abspath("library/fox.blend"), compress=COMPRESS)
"""

MAKE_SHOT = """
import bpy, os
bpy.ops.wm.read_factory_settings(use_empty=True)
shot = os.path.abspath("shots/sh010.blend")
bpy.ops.wm.save_as_mainfile(filepath=shot)
with bpy.data.libraries.load(os.path.abspath("library/fox.blend"), link=True, relative=True) as (_, here):
    here.objects = ["fox"]
bpy.context.scene.collection.objects.link(here.objects[0])
bpy.ops.wm.save_as_mainfile(filepath=shot, compress=COMPRESS)
"""

LOOK = """
import bpy, json
fox = bpy.data.objects["fox"]
print("FOUND", json.dumps([len(fox.data.vertices), fox.library.filepath]))
"""


def blender(folder: Path, script: str, *files: str) -> str:
    """What Blender prints while it runs a script, with a file open if one is given."""
    done = subprocess.run(
        ["blender", "--background", "--factory-startup", *files, "--python-expr", script],
        cwd=folder,
        env={**os.environ, "PWD": str(folder)},  # which is what Blender takes relative paths from
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def keep(film: Film, folder: Path, *names: str) -> None:
    """Record files of a folder under the same names."""
    for name in names:
        film.folder(str(Path(name).parent))
        film.write(name, (folder / name).read_bytes())


@pytest.mark.dcc
@pytest.mark.parametrize("compress", [False, True], ids=["plain", "compressed"])
def test_blender_opens_a_scene_and_what_it_links(
    film: Film, mounts: Mounts, tmp_path: Path, compress: bool
) -> None:
    """An artist opens a shot in the mount, and the fox it links from the library is there, whole."""
    disk = tmp_path / "disk"
    (disk / "library").mkdir(parents=True)
    (disk / "shots").mkdir()
    blender(disk, MAKE_LIBRARY.replace("COMPRESS", str(compress)))
    blender(disk, MAKE_SHOT.replace("COMPRESS", str(compress)))
    keep(film, disk, "library/fox.blend", "shots/sh010.blend")
    (disk / "library/fox.blend").rename(disk / "moved-away")  # so that only the mount can be the source
    mount = mounts.mount(film.path)
    printed = blender(mount.path, LOOK, "shots/sh010.blend")
    found = json.loads(next(line for line in printed.splitlines() if line.startswith("FOUND"))[6:])
    assert found == [255 * 256 + 2, "//../library/fox.blend"]


@pytest.mark.dcc
@pytest.mark.parametrize("name", ["take.mp4", "take.mkv"])
def test_ffprobe_reads_a_video(film: Film, mounts: Mounts, tmp_path: Path, name: str) -> None:
    """A player learns from the mount what it learns from the disk, and decodes the same frames."""
    (tmp_path / "shots").mkdir()
    take = f"shots/{name}"
    make = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=duration=5:size=640x360:rate=25", take]
    subprocess.run(make, cwd=tmp_path, check=True, timeout=PATIENCE)
    keep(film, tmp_path, take)
    mount = mounts.mount(film.path)
    probe = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", take]
    frames = ["ffmpeg", "-v", "error", "-i", take, "-f", "framemd5", "-"]
    for command in (probe, frames):
        there, here = (
            subprocess.run(command, cwd=cwd, check=True, timeout=PATIENCE, capture_output=True).stdout
            for cwd in (mount.path, tmp_path)
        )
        assert there == here != b""
