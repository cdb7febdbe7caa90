"""The world that the help of commands speaks of: a project, the people in it, a folder of work, a mount.

`lines_of` finds the examples, `Stage` is one world in which they can be typed, `BEFORE` says what somebody
has done before an example makes sense.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from mountfs import cli, mountpoints
from mountfs.studio.service import StudioService
from mountfs.testing.mounts import BOUND
from mountfs.testing.online import password_of
from mountfs.testing.projects import Casting, production
from tests.cli import offices
from tests.cli.running import Done

FILES = (
    *("shots/sh010.blend", "shots/sh020.blend", "shots/sh010.usda", "shots/sh010/sh010.ma"),
    *("characters/fox.blend", "characters/notes.txt", "library/wood.png", "renders/0001.exr"),
)
CASTING = Casting(
    crew={"bo": "artist"},
    shared=["library"],
    tasks={"shots/sh010.blend": "bo", "shots/sh020.blend": "bo"},
    needs={"shots/sh010.blend": ["characters/fox.blend"]},
)

CHANGED = "echo more >>~/mnt/shots/sh010.blend"
LOST_RACE = (
    "exec 3<>~/mnt/shots/sh010.blend; echo mine >&3; mountfs revert film.clst:/shots/sh010.blend@1;"
    " exec 3>&-; mountfs wait ~/mnt || true"
)
SERIES = "mountfs init series.clst --storage deflated --storage-dir /srv/chunks"
DEFLATED = "mountfs convert film.clst deflated --storage-dir /srv/chunks"
BACKED_UP = "mountfs studio backup /srv/studio /backup/studio"
TRASHED = "mountfs trash film.clst:/shots/sh010.blend"

BEFORE: Mapping[str, str] = {
    "init film.clst": "mv film.clst old.clst",
    "init film.clst --storage deflated --storage-dir /srv/chunks": "mv film.clst new.clst",
    "mount film.clst ~/mnt --as ada": "mountfs umount ~/mnt",
    "mount film.clst ~/mnt -o ro,memory=512MiB": "mountfs umount ~/mnt",
    "mount film.clst ~/past --at 2026-11-21T10:00": "mkdir ~/past",
    "status ~/mnt/shots --watch": CHANGED,
    "umount --lazy ~/mnt": "mountfs mount film.clst ~/mnt",
    'checkpoint ~/mnt/shots/sh010.blend -m "before the new rig"': CHANGED,
    "retry ~/mnt/shots/sh010.blend": LOST_RACE,
    "discard ~/mnt/shots/sh010.blend": CHANGED,
    "discard ~/mnt/shots/sh010.blend --yes sh010.blend": CHANGED,
    "track ~/mnt/shots/notes.tmp": "echo x >~/mnt/shots/notes.tmp",
    "untrack ~/mnt/shots/try.blend": "echo x >~/mnt/shots/try.blend",
    "restore film.clst:/shots/sh010.blend --id 3f2a91c0": TRASHED,
    "restore ~/mnt/shots/sh010.blend": TRASHED,
    "backup -n series.clst /srv/backup/series.clst --storage-dir /srv/chunks": f"mkdir /srv/backup; {SERIES}",
    "verify --json film.clst --storage-dir /srv/chunks": DEFLATED,
    "studio restore /backup/studio /srv/studio": BACKED_UP,
    "studio restore /backup/studio /srv/studio --at 20261121T040000Z --yes studio": BACKED_UP,
    "studio import film.clst /srv/studio --admin ada --assign bo --library library --yes": (
        "mountfs clone film.clst own.clst && mv own.clst film.clst"
    ),
    "studio create /srv/studio": "mv /srv/studio /srv/old",
    "studio create /srv/studio --secret-file ~/studio.secret": "mv /srv/studio /srv/older",
}
"""Example → what was typed before it, beyond what all examples begin with."""

STUDIO = "https://studio.example"
"""What examples call a studio; a real one answers to it."""

LOGIN = f"mountfs login {STUDIO} --as ada@harbor.example --password-file ~/secret"

MOUNTED = f"{LOGIN}; mountfs mount {STUDIO}/film ~/mnt"

BEFORE_AT_STUDIO: Mapping[str, str] = {
    "pin ~/mnt/shots": MOUNTED,
    "unpin ~/mnt/shots": f"{MOUNTED}; mountfs pin ~/mnt/shots",
    "unpin --deps ~/mnt/shots/sh010.blend": "mountfs pin --deps ~/mnt/shots/sh010.blend",
    "evict ~/mnt/shots": MOUNTED,
    f"mount {STUDIO}/film ~/work": f"mkdir ~/work; {LOGIN}",
    f"import ~/film --studio {STUDIO}/film": LOGIN,
    "whoami": LOGIN,
    f"sessions {STUDIO}": LOGIN,
    f"logout {STUDIO}": LOGIN,
    f"logout {STUDIO} --everywhere": LOGIN,
}

TYPED = {
    "discard ~/mnt/shots/sh010.blend": "sh010.blend",
    "studio import film.clst /srv/studio --admin ada@harbor.example": "y",
    f"login {STUDIO} --as ada@harbor.example": password_of("ada"),
}
"""Example → the answer to its question."""

MOUNTS_ITSELF = frozenset({"mount", "init", "import", "pin", "unpin", "evict"})


def each_command(name: str) -> Iterator[tuple[str, click.Command]]:
    """A command of the command line, and those that it groups; by the words that call them."""
    with click.Context(cli.mountfs) as context:
        command = cli.mountfs.get_command(context, name)
    assert command is not None
    yield from with_those_below(name, command)


def with_those_below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A command, and those that it groups."""
    yield name, command
    if isinstance(command, click.Group):
        for below, each in command.commands.items():
            yield from with_those_below(f"{name} {below}", each)


def every_command() -> list[tuple[str, click.Command]]:
    """All there are."""
    return [each for name in cli.COMMANDS for each in each_command(name)]


def lines_of(command: click.Command) -> list[str]:
    """The lines of a command's help that can be typed."""
    shown = inspect.cleandoc(command.help or "").partition("Exit codes:")[0]
    blocks = re.findall(r"^\x08\n((?:.+\n?)+)", shown, re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.splitlines() if line.startswith("  ")]
    return [line for line in lines if re.match(r"(.* && )?mountfs ", line)]


def build(folder: Path) -> None:
    """The project, made once; each `Stage` gets a copy."""
    with production(folder / "film.clst", files=FILES, casting=CASTING) as project:
        owner = StudioService(project).for_owner(StudioService(project).author())
        owner.create_role("trainee", set())
    stage = Stage(folder)
    (folder / "film" / "shots").mkdir(parents=True)
    offices.build(folder)
    stage.run("mountfs assign film.clst:/shots film.clst:/renders ada")
    for number in range(2, 6):
        for name in ("sh010.blend", "sh010.usda"):
            (folder / "film" / "shots" / name).write_text(f"version {number}\n" * number)
        stage.run("mountfs import ~/film film.clst")


class Stage:
    """One world: somebody's home, in which a shell runs."""

    def __init__(self, home: Path, studio: str = STUDIO) -> None:
        self.home = home
        self.studio = studio
        settings = home / ".config" / "mountfs"
        settings.mkdir(parents=True, exist_ok=True)
        (settings / "config.toml").write_text(f'[studio]\ntoken_file = "{home}/token"\n')
        (home / "secret").touch(mode=0o600)
        (home / "secret").write_text(password_of("ada"))
        (home / "run").mkdir(mode=0o700, exist_ok=True)
        (home / "bin").mkdir(exist_ok=True)
        (home / "srv").mkdir(exist_ok=True)
        (home / "backup").mkdir(exist_ok=True)
        (home / "mnt").mkdir(exist_ok=True)
        programs = {"mountfs": f'exec "{sys.executable}" -m mountfs "$@"', "blender": "echo rendered"}
        for name, text in programs.items():
            (home / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
            (home / "bin" / name).chmod(0o755)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        self.environ = {
            **inherited,
            "HOME": str(home),
            "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
            "XDG_RUNTIME_DIR": str(home / "run"),
            "LC_ALL": "C.UTF-8",
        }

    def run(self, line: str, code: int = 0) -> Done:
        """Type a line, which ends with this code."""
        done = self.attempt(line)
        assert done.code == code, f"$ {line}\nexit code {done.code}\n{done.out}\n{done.err}"
        assert "Traceback" not in done.err
        return done

    def attempt(self, line: str, typed: str | None = None) -> Done:
        """Type a line, and an answer to its question, however it ends. What watches is stopped by Ctrl-C."""
        watches = "--watch" in line or line.startswith("mountfs studio serve")
        ours, theirs = pty.openpty() if typed is not None else (-1, subprocess.DEVNULL)
        process = subprocess.Popen(
            ["bash", "-c", f"{'exec ' if watches else ''}{self._here(line)}"],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            env=self.environ,
        )
        try:
            if typed is not None:
                if "login" in line:  # a password counts only if it is typed after the question
                    assert process.stderr is not None
                    while process.stderr.read(1) not in (":", ""):
                        pass
                os.write(ours, f"{typed}\n".encode())
            if watches:
                assert process.stdout is not None
                process.stdout.readline()
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=4 * BOUND)
        finally:
            process.kill()
            for descriptor in (ours, theirs) if typed is not None else ():
                os.close(descriptor)
        return Done(process.returncode, out, err)

    def _here(self, line: str) -> str:
        """A line with the places and the studio of this world."""
        line = re.sub(r"(?<![\w~.])/(srv|backup)/", rf"{self.home}/\1/", line)
        line = line.replace("--port 8420", "--port 0")
        return line.replace(STUDIO, self.studio)

    def end(self) -> None:
        """Unmount whatever is mounted in there."""
        for mount in reversed(mountpoints.mounts()):
            if mount.path.is_relative_to(self.home):
                subprocess.run(["fusermount3", "-uz", mount.path], capture_output=True, check=False)


@contextlib.contextmanager
def staged(built: Path, home: Path, studio: str = STUDIO) -> Iterator[Stage]:
    """A copy of the world, mounted nowhere, while the body runs."""
    shutil.copytree(built, home, ignore=shutil.ignore_patterns("run", "state", "*-wal", "*-shm"))
    stage = Stage(home, studio)
    try:
        yield stage
    finally:
        stage.end()
