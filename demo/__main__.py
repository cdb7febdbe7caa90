"""``make demo``: a studio with two people in it, each at a mount; what one saves, the other sees.

Everything is done with the commands that anybody has, and they are shown as they run: first a production in a
file, then a studio that it moves into, then two accounts, two mounts, and work. Each person has folders of
their own, as on two machines. All of it lies in one temporary folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from demo import production
from demo.people import ARTISTS, bring_in
from demo.shell import Failed, Hints, Somebody, command, perform, say, unmount
from demo.trees import side_by_side

PATIENCE = 30.0
"""Seconds for the studio to start, and for news to arrive."""

SCENE = "shots/sh010/sh010_anim.usda"


def main() -> int:
    """Build, serve, mount, work, wait, clean up."""
    return perform(play, "Unmounted, stopped and removed.")


@contextmanager
def play(home: Path) -> Iterator[Hints]:
    """All of it, in this folder."""
    begun = time.monotonic()
    project = build(home)
    make_studio(home, project)
    with served(home) as url, mounted(home, url) as people:
        work(people, time.monotonic() - begun)
        yield hints(home, url, people)


def build(home: Path) -> Path:
    """A folder of work, and a project made of it, with people and tasks."""
    say("A production of twelve shots, as a folder of files, taken into a project that is one file:")
    files, project = home / "work", home / "harbor.clst"
    count = production.write(files)
    print(f"  {count} files: scenes, images, simulation caches, a library, in work\n")
    one = Somebody(home)
    one.mountfs("init", project)
    one.mountfs("import", files, project, "-m", "first delivery")
    bring_in(project)
    return project


def make_studio(home: Path, project: Path) -> None:
    """A studio, its first admin, an account for each artist; the project moves in."""
    print()
    say("A studio: its first admin, an account for each of two artists, and the project moves in.")
    operator, data = Somebody(home), home / "studio"
    for name in ("ada", *ARTISTS):
        private(home / f"{name}.password", secrets.token_urlsafe(12))
    operator.mountfs("studio", "create", data, "--secret-file", home / "secret")
    operator.mountfs(
        *("studio", "bootstrap", data, "--secret-file", home / "secret", "--email", "ada@harbor.example"),
        *("--name", "Ada Brandt", "--password-file", home / "ada.password"),
    )
    for name in ARTISTS:
        token = home / f"{name}.token"
        operator.mountfs("studio", "invite", "create", data, f"{name}@harbor.example", "--token-file", token)
        operator.mountfs(
            *("studio", "accept", data, "--token-file", token, "--name", name.title()),
            *("--password-file", home / f"{name}.password"),
        )
    operator.mountfs("studio", "import", project, data, "--admin", "ada", "--yes")


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The studio, answering at an address of this machine; stopped at the end."""
    print()
    say("It serves, on this machine only:")
    print("  $ mountfs studio serve studio --port 0", flush=True)
    with (home / "studio.log").open("w") as log:
        server = subprocess.Popen(
            command("studio", "serve", home / "studio", "--port", "0"),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=Somebody(home).environ,
        )
    assert server.stdout is not None
    try:
        line = server.stdout.readline().strip()
        print(f"    {line}")
        if not line.startswith("the studio answers at "):
            print((home / "studio.log").read_text(), file=sys.stderr)
            raise Failed
        yield line.rpartition(" ")[2]
    finally:
        server.terminate()
        server.wait(PATIENCE)
        server.stdout.close()


@contextmanager
def mounted(home: Path, url: str) -> Iterator[dict[str, Path]]:
    """The project as each artist, logged in and mounted; unmounted at the end, however it comes."""
    print()
    say("Two people log in and mount it, each with folders of their own, as on two machines:")
    mounts = {name: home / name / "harbor" for name in ARTISTS}
    try:
        for name, mount in mounts.items():
            person = Somebody(home, name)
            mount.mkdir(parents=True)
            (person.folder / "run").mkdir(mode=0o700)
            settings = person.folder / "config" / "mountfs"
            settings.mkdir(parents=True)
            # There may be no keyring here: their tokens are in files that only they can read.
            (settings / "config.toml").write_text(
                f'[studio]\ntoken_file = "{person.folder}/token"\nany_folder = true\n'
            )
            (person.folder / "token").touch(mode=0o600)
            password = home / f"{name}.password"
            person.mountfs("login", url, "--as", f"{name}@harbor.example", "--password-file", password)
            person.mountfs("mount", f"{url}/harbor", mount)
        yield mounts
    finally:
        for mount in mounts.values():
            unmount(mount)


def work(mounts: dict[str, Path], seconds: float) -> None:
    """Both trees, and what one saves arriving at the other."""
    (one, first), (two, second) = mounts.items()
    width = shutil.get_terminal_size((100, 24)).columns
    print()
    for line in side_by_side((one, first), (two, second), width):
        print(line)
    print()
    say(f"One studio, two people, {seconds:.0f} seconds. What is not theirs is not there.")
    print()
    say(f"{one.title()} saves a scene, which {two.title()}'s lighting needs:")
    before = (second / SCENE).read_text()
    note = f"# a note by {one}\n"
    print(f"  {one} $ echo '{note.strip()}' >> harbor/{SCENE}", flush=True)
    began = time.monotonic()
    with (first / SCENE).open("a") as file:
        file.write(note)
    arrived(lambda: (second / SCENE).read_text() == before + note)
    print(f"  {two} $ tail -n 1 harbor/{SCENE}")
    print(f"    {(second / SCENE).read_text().splitlines()[-1]}")
    say(f"It was there {time.monotonic() - began:.1f} seconds after it was closed, the quiet time included.")
    Somebody(first.parent.parent, two).mountfs("log", second / SCENE)
    print()


def arrived(is_there: Callable[[], bool]) -> None:
    """Wait for news. Failed if they do not come."""
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE
    while not is_there():
        if time.monotonic() > deadline:
            say("The news has not arrived.")
            raise Failed
        pause.wait(0.02)


def hints(home: Path, url: str, mounts: dict[str, Path]) -> Hints:
    """What to try in another terminal."""
    bo, cleo = mounts.values()
    program = Path(sys.prefix) / "bin" / "mountfs"
    return (
        ("save something, and look at it as the other one", f"echo '# more' >> {bo}/{SCENE}"),
        ("", f"sleep 2; tail -n 1 {cleo}/{SCENE}"),
        ("every version of a scene as a file", f"ls -l {bo}/.checkpoints/{SCENE}"),
        ("a name Bo may not see is a name that never was", f"stat {bo}/editorial"),
        (
            "a backup while it serves, and whether it is one",
            f"{program} studio backup {home}/studio {home}/backup",
        ),
        ("", f"{program} studio backup --test {home}/backup"),
        ("who is in the project, and what was done", f"{program} studio member list {home}/studio harbor"),
        ("", f"{program} studio audit {home}/studio"),
        ("what the studio says of itself", f"curl -s {url}/readyz"),
    )


def private(path: Path, text: str) -> None:
    """A file that only its owner can read."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
