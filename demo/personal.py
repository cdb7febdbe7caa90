"""``make demo-personal``: a small production in a file, without a server, mounted as two artists, to look at
and to try things on.

Everything is done with the commands that anybody has, and they are shown as they run. Only the people and
what is theirs come from the library, since they are a server's business. All of it lies in one temporary
folder.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo import production
from demo.people import ARTISTS, bring_in
from demo.shell import Hints, Somebody, perform, say, unmount
from demo.trees import side_by_side

TAKES = 3


def main() -> int:
    """Build, mount, show, wait, clean up."""
    return perform(play, "Unmounted and removed.")


@contextmanager
def play(home: Path) -> Iterator[Hints]:
    """All of it, in this folder."""
    begun = time.monotonic()
    project = build(home)
    with mounted(home, project) as mounts:
        show(mounts, time.monotonic() - begun)
        yield hints(home, project, mounts)


def build(home: Path) -> Path:
    """A folder of work, and a project made of it, with people and a few days of work."""
    say("A production of twelve shots, as a folder of files:")
    work, project = home / "work", home / "harbor.clst"
    count = production.write(work)
    print(f"  {count} files: scenes, images, simulation caches, a library, in {work}\n")
    Somebody(home).mountfs("init", project)
    Somebody(home).mountfs("import", work, project, "-m", "first delivery")
    for take in range(2, TAKES + 1):
        for shot in production.SHOTS[:4]:
            scene = production.animated(shot, take)
            (work / scene.path).write_bytes(scene.content)
        Somebody(home).mountfs("import", work, project, "-m", f"take {take}")
    bring_in(project)
    return project


@contextmanager
def mounted(home: Path, project: Path) -> Iterator[dict[str, Path]]:
    """The project mounted as each artist; unmounted at the end, however it comes."""
    mounts = {artist: home / artist for artist in ARTISTS}
    try:
        for artist, folder in mounts.items():
            folder.mkdir()
            Somebody(home).mountfs("mount", project, folder, "--as", artist)
        yield mounts
    finally:
        for folder in mounts.values():
            unmount(folder)


def show(mounts: dict[str, Path], seconds: float) -> None:
    """Both trees, as the mounts show them."""
    (one, first), (two, second) = mounts.items()
    width = shutil.get_terminal_size((100, 24)).columns
    print()
    for line in side_by_side((one, first), (two, second), width):
        print(line)
    print()
    say(f"One project, two artists, {seconds:.0f} seconds. What is not theirs is not there.")


def hints(home: Path, project: Path, mounts: dict[str, Path]) -> Hints:
    """What to try in another terminal."""
    bo, cleo = mounts.values()
    program = Path(sys.prefix) / "bin" / "mountfs"
    scene = "shots/sh010/sh010_anim.usda"
    return (
        ("every version of a scene", f"{program} log {bo}/{scene}"),
        ("each of them as a file", f"ls -l {bo}/.checkpoints/{scene}"),
        ("who is working on what", f"{program} ls {cleo}/shots/sh010"),
        ("read a cache, verified as it is read", f"sha256sum {cleo}/shots/sh010/cache/sh010_sea.bgeo"),
        ("facts about a file", f"{program} show {bo}/{scene}"),
        ("save one of them: a moment later it is a version", f"echo '# a note' >> {bo}/{scene}"),
        ("", f"{program} wait {bo} && {program} log {bo}/{scene}"),
        ("", f"tail -n 1 {bo}/.checkpoints/{scene}/*"),
        ("a name Bo may not see is a name that never was", f"stat {bo}/editorial"),
        ("change the work, and watch it arrive in both mounts", ""),
        ("", f"echo 'new note' >> {home}/work/README.txt"),
        ("", f"cp {home}/work/README.txt {home}/work/library/ && {program} import {home}/work {project}"),
        ("", f"ls {bo}/library"),
        ("everything out again, verified", f"{program} export {project} {home}/delivery"),
        ("check every byte", f"{program} verify {project}"),
        ("is all well?", f"{program} doctor {project}"),
    )


if __name__ == "__main__":
    sys.exit(main())
