"""Blender saves into a mount of a studio while both are killed: what it could save is recorded, once, whole.

Run by ``make test-dcc``.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from mountfs import mountpoints
from mountfs.testing.mounts import BOUND, Mount, wait_until
from tests.mounted.asking import settle
from tests.mounted.mortal import Mortal, mortal

pytestmark = pytest.mark.dcc

SAVES = 30
PATIENCE = 240.0
BLENDER = ("blender", "--background", "--factory-startup", "--python-exit-code", "3")

NOTE = """
import random
def note(number):
    return random.Random(number).randbytes(100_000).hex()
"""
"""Every save adds one of these to the scene."""

BEGIN = f"""{NOTE}
import bpy, os
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.data.texts.new("0").write(note(0))
bpy.ops.wm.save_as_mainfile(filepath=os.path.abspath("scene.blend"))
"""

SAVE = f"""{NOTE}
import bpy, hashlib, json
print("FOUND", json.dumps([text.name for text in bpy.data.texts]), flush=True)
bpy.data.texts.new("NUMBER").write(note(NUMBER))
bpy.ops.wm.save_mainfile()
with open(bpy.data.filepath, "rb") as saved:
    print("SAVED", json.dumps(hashlib.sha256(saved.read()).hexdigest()), flush=True)
"""

LOOK = f"""{NOTE}
import bpy, json, sys
found = []
for path in sys.argv[sys.argv.index("--") + 1 :]:
    bpy.ops.wm.open_mainfile(filepath=path)
    for text in bpy.data.texts:
        if text.as_string() != note(int(text.name)):
            raise SystemExit(path + " has another note " + text.name)
    found.append(sorted(int(text.name) for text in bpy.data.texts))
print("NOTES", json.dumps(found))
"""


def told(word: str, said: str) -> object:
    """What Blender says after a word; None if it does not say it."""
    lines = [line for line in said.splitlines() if line.startswith(f"{word} ")]
    return json.loads(lines[-1].removeprefix(f"{word} ")) if lines else None


class Story:
    """Somebody who saves a scene again and again, and two programs that die.

    ``kept`` are the saves that Blender was told of as done, with the hash of what it then read.
    """

    def __init__(self, there: Mortal, folder: Path, seed: int) -> None:
        self._there = there
        self._crash = folder / "crash"
        self._crash.mkdir()
        self._choose = random.Random(seed)
        self.kept: dict[int, str] = {}
        self.deaths = {"studio": 0, "mount": 0}
        self.mount = self._mount()

    def _mount(self) -> Mount:
        """A mount that may die at a step of its disk."""
        (self._crash / "last").write_text(str(self._choose.choice([0, self._choose.randrange(1, 60)])))
        return self._there.mount("mountfs.testing.crashing")

    def save(self, number: int) -> None:
        """Save once, while whatever dies that chance says."""
        self._mount_again()
        scene = self.mount.path / "work/scene.blend"
        if not scene.exists():  # somebody whose Blender was killed between two names takes the backup, too
            scene.with_name("scene.blend1").rename(scene)
        script = SAVE.replace("NUMBER", str(number))
        dies = self._choose.choice(["studio", "studio", "mount", "both", "nothing"])
        questions = self._there.questions() + self._choose.randrange(1, 25)
        process = subprocess.Popen(
            [*BLENDER, "scene.blend", "--python-expr", script],
            cwd=scene.parent,
            env={**os.environ, "PWD": str(scene.parent)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            wait_until(
                lambda: self._there.questions() >= questions or process.poll() is not None,
                "Blender",
                seconds=PATIENCE,
            )
            self._kill(dies, process)
            said, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        found = told("FOUND", said)
        if isinstance(found, list):
            assert {*map(str, self.kept)} <= {*found}, f"save {number} finds {found}"
        if process.returncode == 0:
            self.kept[number] = str(told("SAVED", said))

    def _kill(self, dies: str, process: subprocess.Popen[str]) -> None:
        if dies in ("studio", "both"):
            self._there.kill()
            self.deaths["studio"] += 1
        if dies in ("mount", "both") and not self._is_dead():
            os.kill(self.mount.mounted.pid, signal.SIGKILL)
            if not mountpoints.wait_for_end(self.mount.mounted.pid, 5.0):
                process.kill()  # what it waits for holds up the end of the mount in the kernel
                assert mountpoints.wait_for_end(self.mount.mounted.pid, BOUND)
        if dies in ("studio", "both"):
            self._there.serve()

    def _is_dead(self) -> bool:
        return mountpoints.wait_for_end(self.mount.mounted.pid, 0.0)

    def _mount_again(self) -> None:
        if self._is_dead():
            self.deaths["mount"] += 1
            self.mount = self._mount()

    def end(self) -> None:
        """Everything arrives, by way of a mount that lives."""
        if not self._is_dead():
            self.mount.signal(signal.SIGKILL)
        self.deaths["mount"] += 1
        self.mount = self._there.mount()
        assert settle(self.mount)["refused"] == []


def blender(folder: Path, *words: str | Path) -> str:
    """What Blender prints, which has to end well."""
    done = subprocess.run(
        [*BLENDER, *map(str, words)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1])
def test_thirty_saves_while_studio_and_mount_are_killed(tmp_path: Path, seed: int):
    """Every save that Blender was told of as done is a version with its bytes, no version is there twice, and
    each opens with what was in the scene.
    """
    blender(tmp_path, "--python-expr", BEGIN)
    first = (tmp_path / "scene.blend").read_bytes()
    with mortal(tmp_path, {"scene.blend": first}) as there:
        story = Story(there, tmp_path, seed)
        for number in range(1, SAVES + 1):
            story.save(number)
        story.end()
        histories = there.histories()
        shown = (story.mount.path / "work/scene.blend").read_bytes()
    assert histories.keys() == {"scene.blend"}
    versions = histories["scene.blend"]
    sums = [hashlib.sha256(version).hexdigest() for version in versions]
    print(f"{len(story.kept)} of {SAVES} saves ended well, {len(versions)} versions, {story.deaths}")
    assert versions[-1] == shown
    assert len(set(sums)) == len(sums), "a version is there twice"
    lost = [number for number, digest in story.kept.items() if digest not in sums]
    assert lost == [], "saves that no version has"
    paths = [tmp_path / f"{number}.blend" for number in range(len(versions))]
    for path, version in zip(paths, versions, strict=True):
        path.write_bytes(version)
    notes = told("NOTES", blender(tmp_path, "--python-expr", LOOK, "--", *paths))
    assert isinstance(notes, list)
    assert all({*before} < {*after} for before, after in itertools.pairwise(notes)), notes
    assert all(any(number in each for each in notes) for number in story.kept)
    assert min(story.deaths.values()) >= SAVES // 6, "they were killed often enough"
    assert len(story.kept) >= SAVES // 3
