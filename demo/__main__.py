"""``make demo``: a small production, mounted as two artists, to look at and to try things on.

Everything is done with the commands that anybody has, and they are shown as they run. Only the people and
what is theirs come from the library, since they are a server's business. All of it lies in one temporary
folder.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from demo import production
from demo.people import ARTISTS, bring_in
from demo.trees import side_by_side

TAKES = 3


class Failed(Exception):
    """A command of the demo failed; it has said why."""


def main() -> int:
    """Build, mount, show, wait, clean up."""
    signal.signal(signal.SIGTERM, _stop)
    home = Path(tempfile.mkdtemp(prefix="mountfs-demo-"))
    try:
        begun = time.monotonic()
        project = build(home)
        with mounted(home, project) as mounts:
            show(mounts, time.monotonic() - begun)
            if sys.stdin.isatty() and sys.stdout.isatty():
                suggest(home, project, mounts)
                signal.pause()
            else:
                say("There is no terminal to wait at, so the demo ends here.")
    except KeyboardInterrupt:
        print()
    except Failed:
        return 1
    finally:
        shutil.rmtree(home, ignore_errors=True)
    say("Unmounted and removed.")
    return 0


def build(home: Path) -> Path:
    """A folder of work, and a project made of it, with people and a few days of work."""
    say("A production of twelve shots, as a folder of files:")
    work, project = home / "work", home / "harbor.clst"
    count = production.write(work)
    print(f"  {count} files: scenes, images, simulation caches, a library, in {work}\n")
    mountfs(home, "init", project)
    mountfs(home, "import", work, project, "-m", "first delivery")
    for take in range(2, TAKES + 1):
        for shot in production.SHOTS[:4]:
            scene = production.animated(shot, take)
            (work / scene.path).write_bytes(scene.content)
        mountfs(home, "import", work, project, "-m", f"take {take}")
    bring_in(project)
    return project


@contextmanager
def mounted(home: Path, project: Path) -> Iterator[dict[str, Path]]:
    """The project mounted as each artist; unmounted at the end, however it comes."""
    mounts = {artist: home / artist for artist in ARTISTS}
    try:
        for artist, folder in mounts.items():
            folder.mkdir()
            mountfs(home, "mount", project, folder, "--as", artist)
        yield mounts
    finally:
        for folder in mounts.values():
            if folder.is_mount():
                subprocess.run(command("umount", "--lazy", folder), stdout=subprocess.DEVNULL, check=False)


def show(mounts: dict[str, Path], seconds: float) -> None:
    """Both trees, as the mounts show them."""
    (one, first), (two, second) = mounts.items()
    width = shutil.get_terminal_size((100, 24)).columns
    print()
    for line in side_by_side((one, first), (two, second), width):
        print(line)
    print()
    say(f"One project, two artists, {seconds:.0f} seconds. What is not theirs is not there.")


def suggest(home: Path, project: Path, mounts: dict[str, Path]) -> None:
    """What to try in another terminal."""
    bo, cleo = mounts.values()
    program = Path(sys.prefix) / "bin" / "mountfs"
    scene = "shots/sh010/sh010_anim.usda"
    say("Try in another terminal:")
    for what, line in (
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
    ):
        if what:
            print(f"\n  # {what}")
        if line:
            print(f"  {line}")
    print()
    say("Ctrl-C ends the demo and removes everything.")


def mountfs(home: Path, *words: str | Path) -> None:
    """Run a command as a person would, showing it and what it says."""
    shown = shlex.join(str(word).replace(f"{home}/", "") for word in words)
    print(f"  $ mountfs {shown}", flush=True)
    done = subprocess.run(command(*words), capture_output=True, text=True, check=False, env=environ(home))
    for line in (done.stdout + done.stderr).splitlines():
        print(f"    {line.replace(f'{home}/', '')}")
    if done.returncode:
        say("The demo cannot go on. What this machine lacks, mountfs doctor tells:")
        subprocess.run(command("doctor"), check=False)
        raise Failed


def environ(home: Path) -> dict[str, str]:
    """This person's environment, but what mounts leave behind lies in the demo's folder."""
    return {**os.environ, "XDG_STATE_HOME": str(home / "state")}


def command(*words: str | Path) -> list[str]:
    """The words that start mountfs."""
    return [sys.executable, "-m", "mountfs", *map(str, words)]


def say(text: str) -> None:
    """A line from the demo itself."""
    print(f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text, flush=True)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # a signal handler's form
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
