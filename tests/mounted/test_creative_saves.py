"""Creative tools save into a mount: one checkpoint for each save, whole, and none of their helpers.

Run by ``make test-dcc``.
"""

from __future__ import annotations

import io
import os
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mountfs.config import MountOptions
from mountfs.testing.mounts import Mounts, wait_until
from tests.mounted.desk import Desk, execute
from tests.mounted.film import Film
from tests.mounted.sessions import SHOT

pytestmark = pytest.mark.dcc

PATIENCE = 240.0

SCENE = """
import bpy, os
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.wm.save_as_mainfile(filepath=os.path.abspath("scene.blend"))
"""

SESSION = """
import bpy, sys
for turn in range(3):
    bpy.data.texts.new(f"note {turn}")
    bpy.ops.wm.save_mainfile()
    print("SAVED", flush=True)
    sys.stdin.readline()
"""

COUNT = 'import bpy; print("NOTES", len(bpy.data.texts))'


def test_blender_saves_three_times(film: Film, mounts: Mounts, tmp_path: Path):
    """An artist who saves three times in a session has three checkpoints, and each opens as it was saved."""
    blender = ("blender", "--background", "--factory-startup")
    execute(tmp_path, *blender, "--python-expr", SCENE, patience=PATIENCE)
    scene = (tmp_path / "scene.blend").read_bytes()
    desk = Desk(film, mounts, {"scene.blend": scene}, options=MountOptions())
    session = subprocess.Popen(
        [*blender, "scene.blend", "--python-expr", SESSION],
        cwd=desk.folder,
        env={**os.environ, "PWD": str(desk.folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with session:
        assert session.stdin is not None
        assert session.stdout is not None
        for _ in range(3):
            assert "SAVED\n" in iter(session.stdout.readline, "")
            assert wait_until(desk.arrived, "the version of a save") == {"scene.blend": 1}
            session.stdin.write("\n")
            session.stdin.flush()
        session.communicate(timeout=PATIENCE)
    assert session.returncode == 0
    assert desk.versions() == {}, "nothing follows"
    assert (desk.folder / "scene.blend1").exists(), "Blender keeps the version before"
    assert desk.assets() == {"scene.blend"}
    history = desk.mount.path / ".checkpoints" / SHOT
    assert [path.name for path in history.iterdir()] == ["scene.blend"]
    versions = sorted((history / "scene.blend").iterdir())
    assert len(versions) == 4
    for saves, version in enumerate(versions):
        printed = execute(tmp_path, *blender, version, "--python-expr", COUNT, patience=PATIENCE)
        assert f"NOTES {saves}\n" in printed


PAINT = """
(let* ((image (car (gimp-image-new 64 64 RGB)))
       (layer (car (gimp-layer-new image 64 64 RGB-IMAGE "one" 100 LAYER-MODE-NORMAL))))
  (gimp-image-insert-layer image layer 0 0)
  (gimp-drawable-fill layer FILL-WHITE)
  (gimp-xcf-save 0 image layer "art.xcf" "art.xcf"))
"""

ADD_LAYER = """
(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "art.xcf" "art.xcf")))
       (layer (car (gimp-layer-new image 64 64 RGB-IMAGE "two" 100 LAYER-MODE-NORMAL))))
  (gimp-image-insert-layer image layer 0 0)
  (gimp-file-save RUN-NONINTERACTIVE image layer "art.xcf" "art.xcf")
  (gimp-file-save RUN-NONINTERACTIVE image layer "art.png" "art.png"))
"""


def test_gimp_saves_and_exports(film: Film, mounts: Mounts):
    """A painter saves an image, adds a layer, saves and exports: a checkpoint each time, of each file."""
    desk = Desk(film, mounts, {})

    def gimp(script: str) -> dict[str, int]:
        words = ("gimp-console-2.10", "-i", "-d", "-f", "-b", script, "-b", "(gimp-quit 0)")
        return desk.run(*words, patience=PATIENCE)

    assert gimp(PAINT) == {"art.xcf": 1}
    assert gimp(ADD_LAYER) == {"art.xcf": 1, "art.png": 1}
    assert desk.newest("art.xcf").startswith(b"gimp xcf")
    assert desk.newest("art.xcf").count(b"two\0") == 1
    assert desk.newest("art.png").endswith(b"IEND\xaeB`\x82")


def test_krita_saves(film: Film, mounts: Mounts):
    """Krita saves a painting over the one before; its temporary and backup files are nobody's assets."""
    desk = Desk(film, mounts, {"in.png": png(32, 32)})
    with a_screen() as display:
        for _ in range(2):
            made = desk.run(
                *("env", f"DISPLAY={display}", "krita", "in.png"),
                *("--export", "--export-filename", "art.kra"),
                patience=PATIENCE,
            )
            assert made == {"art.kra": 1}
            with zipfile.ZipFile(io.BytesIO(desk.newest("art.kra"))) as painting:
                assert painting.testzip() is None
    assert desk.assets() == {"in.png", "art.kra"}


LOGO = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect id="a" width="2" height="2"/></svg>'
)


def test_inkscape_saves(film: Film, mounts: Mounts):
    """Inkscape changes a drawing and saves it in place, then exports a picture of it."""
    desk = Desk(film, mounts, {"logo.svg": LOGO})
    actions = "select-by-id:a;object-to-path;export-filename:logo.svg;export-overwrite;export-do"
    assert desk.run("inkscape", "logo.svg", f"--actions={actions}", patience=PATIENCE) == {"logo.svg": 1}
    drawing = ElementTree.fromstring(desk.newest("logo.svg"))
    assert [each.get("id") for each in drawing if each.tag.endswith("path")] == ["a"]
    export = ("inkscape", "logo.svg", "--export-filename=logo.png")
    assert desk.run(*export, patience=PATIENCE) == {"logo.png": 1}
    assert desk.newest("logo.png").endswith(b"IEND\xaeB`\x82")


def test_libreoffice_saves(film: Film, mounts: Mounts, tmp_path: Path):
    """A producer's sheet is written by LibreOffice twice: two versions, and its locks are none."""
    desk = Desk(film, mounts, {"shots.csv": b"shot,frames\nsh010,48\n"})
    for frames in (b"48", b"52"):
        (desk.folder / "shots.csv").write_bytes(b"shot,frames\nsh010,%s\n" % frames)
        assert set(desk.versions()) <= {"shots.csv"}
        made = desk.run(
            *("soffice", f"-env:UserInstallation=file://{tmp_path}/office", "--headless"),
            *("--convert-to", "ods", "--outdir", ".", "shots.csv"),
            patience=PATIENCE,
        )
        assert made == {"shots.ods": 1}
        with zipfile.ZipFile(io.BytesIO(desk.newest("shots.ods"))) as sheet:
            assert sheet.testzip() is None
            assert b">%s<" % frames in sheet.read("content.xml")
    assert desk.assets() == {"shots.csv", "shots.ods"}


@pytest.mark.parametrize("name", ["take.mp4", "take.mov", "take.mkv", "take.avi"])
def test_ffmpeg_overwrites(film: Film, mounts: Mounts, name: str):
    """A render of a shot over the one before is its next version, index and all."""
    desk = Desk(film, mounts, {})
    flags = ["-movflags", "+faststart"] if name == "take.mp4" else []
    for rate in (12, 25):
        source = f"testsrc2=duration=1:size=320x180:rate={rate}"
        render = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, *flags, name]
        assert desk.run(*render, patience=PATIENCE) == {name: 1}
    assert desk.newest(name) == (desk.folder / name).read_bytes()
    execute(desk.folder, "ffmpeg", "-v", "error", "-xerror", "-i", name, "-f", "null", "-", patience=PATIENCE)


def png(width: int, height: int) -> bytes:
    """A black picture."""

    def block(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes((1 + 3 * width) * height))
    return b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + block(b"IDAT", rows) + block(b"IEND", b"")


@contextmanager
def a_screen() -> Iterator[str]:
    """A display that nobody looks at, for a tool that does not start without one."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        try:
            with open(reading, "rb") as answer:
                number = wait_until(answer.readline, "a display").decode().strip()
            yield f":{number}"
        finally:
            server.terminate()
