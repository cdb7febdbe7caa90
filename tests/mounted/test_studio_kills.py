"""A studio, and mounts of one, that are killed while real tools save: nothing is lost, and nothing is there
twice."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from mountfs import mountpoints
from mountfs.digest import xxh3_hex
from mountfs.testing.mounts import BOUND, Mount, bounded, wait_until
from mountfs.testing.replay import Recording
from mountfs.testing.replay.player import seed_content
from tests.mounted.asking import settle, states
from tests.mounted.mortal import Mortal, mortal
from tests.mounted.sessions import PATIENCE, RECORDINGS


def play_while_killing(folder: Path, name: str, seed: int, kills: int) -> None:
    """Play a recording, and kill the studio at random moments of it."""
    choose = random.Random(seed)
    recording = Recording.load(RECORDINGS / f"{name}.json").without_hard_links()
    seeds = {each["path"]: each for each in recording.seeds if each["type"] == "file"}
    files = {path: seed_content(recording, each) for path, each in seeds.items()}
    with mortal(folder, files) as there:
        mount = there.mount()
        work, mirror = mount.path / "work", folder / "mirror"
        mirror.mkdir()
        # In a process of its own: it maps files, and nobody of ours may wait for a page and serve it, too.
        words = [RECORDINGS / f"{name}.json", work, "--mirror", mirror, "--mount", "--no-seed"]
        player = subprocess.Popen(
            [sys.executable, "-m", "mountfs.testing.replay", *map(str, words)], stdout=subprocess.PIPE
        )
        try:
            for _ in range(kills):
                if _is_over(player, there, there.questions() + choose.randrange(1, 12)):
                    break
                there.kill()
                there.serve()
            told, _ = player.communicate(timeout=PATIENCE)
        finally:
            player.kill()
        assert player.returncode == 0, told.decode()
        assert settle(mount)["refused"] == []
        check(there, mirror)


def _is_over(player: subprocess.Popen[bytes], there: Mortal, questions: int) -> bool:
    """Wait until so many questions were asked, or a tool has ended; whether it has."""
    wait_until(
        lambda: player.poll() is not None or there.questions() >= questions, "questions", seconds=PATIENCE
    )
    return player.poll() is not None


def check(there: Mortal, mirror: Path) -> None:
    """The newest versions are what is in the mirror, and no version is there twice in a row."""
    for path, versions in there.histories().items():
        saved = mirror / path
        assert saved.is_file(), f"{path} is not there any more"
        assert versions[-1] == saved.read_bytes(), f"{path} is not what was saved last"
        sums = [xxh3_hex(content) for content in versions]
        assert all(one != other for one, other in itertools.pairwise(sums)), f"{path} is there twice"


def save_while_killed(folder: Path, seed: int, rounds: int) -> None:
    """Save again and again, through mounts that are killed at random moments."""
    choose = random.Random(seed)
    processes = multiprocessing.get_context("spawn")
    names = [f"file{number}" for number in range(4)]
    with mortal(folder, {"file0": b"was there"}) as there:
        saved: dict[str, list[bytes]] = {name: [] for name in names}
        saved["file0"].append(b"was there")
        promised: dict[str, int] = {"file0": 0}
        for _ in range(rounds):
            mount = there.mount()
            _look(mount, saved, promised)
            mine, its = processes.Pipe(duplex=False)
            saver = processes.Process(
                target=_save, args=(str(mount.path / "work"), choose.randrange(1 << 30), names, its)
            )
            saver.start()
            its.close()
            listener = threading.Thread(target=_listen, args=(mine, saved, promised), daemon=True)
            listener.start()
            there.asks(choose.randrange(1, 15))
            os.kill(mount.mounted.pid, signal.SIGKILL)
            if not mountpoints.wait_for_end(mount.mounted.pid, 5.0):
                # The kernel may wait for a lock of who waits for an answer of the program, which cannot end
                # before that: then both have to be killed.
                saver.kill()
            assert mountpoints.wait_for_end(mount.mounted.pid, BOUND)
            saver.join(BOUND)
            assert saver.exitcode is not None, "a save hangs in a mount that died"
            listener.join(BOUND)
        mount = there.mount()
        _look(mount, saved, promised)
        assert settle(mount)["refused"] == []
        found = there.histories()
        for name in promised:
            local = states(mount).get(f"work/{name}", ("", ""))
            shown = (mount.path / "work" / name).read_bytes()
            versions = found[name]
            assert versions[-1] == shown or local[0] == "modified", f"{name} is not recorded: {local}"
            assert all(version in saved[name] for version in versions), f"{name} has a version nobody saved"
            assert len({*versions}) == len(versions), f"{name} has a version twice"


IN_PLACE = 128
"""A save whose first byte is less is made in place; any other by a file beside it, that is renamed."""


def _save(work: str, seed: int, names: Sequence[str], say: Connection) -> None:
    """In a process of its own: save until the mount is dead, and say what begins, and what has returned."""
    choose = random.Random(seed)
    while True:
        name = choose.choice(list(names))
        body = choose.randbytes(choose.choice((50, 30_000, 1_200_000)))
        say.send((name, body))
        beside = Path(work, f".{name}.tmp")
        try:
            if body[0] < IN_PLACE:
                Path(work, name).write_bytes(body)
            else:
                beside.write_bytes(body)
                beside.rename(Path(work, name))
        except OSError:
            return
        say.send((name, None))


def _listen(heard: Connection, saved: dict[str, list[bytes]], promised: dict[str, int]) -> None:
    """Note what a process says that saves."""
    with heard, suppress(EOFError, OSError):
        while True:
            name, body = heard.recv()
            if body is None:
                promised[name] = len(saved[name]) - 1
            else:
                saved[name].append(body)


def _look(mount: Mount, saved: dict[str, list[bytes]], promised: dict[str, int]) -> None:
    """Every save that has returned is there, or a later one of its name; or something of a later one that was
    made in place, whose parts reach the disk in any order."""
    for name, number in promised.items():
        shown = bounded((mount.path / "work" / name).read_bytes)
        later = saved[name][number:]
        is_there = shown in later or any(body[0] < IN_PLACE for body in later[1:])
        assert is_there, f"{name} is neither what was saved nor what was being saved"


@pytest.mark.timeout(300)
def test_a_studio_that_is_killed_costs_no_save(tmp_path: Path):
    """Blender saves while the studio dies and comes back: the tool notices nothing, every version arrives."""
    play_while_killing(tmp_path, "blender-save", seed=3, kills=4)


@pytest.mark.timeout(300)
def test_a_mount_that_is_killed_costs_no_save(tmp_path: Path):
    """What was saved through a mount that died is in the next one, and then at the studio, once."""
    save_while_killed(tmp_path, seed=4, rounds=4)


BLENDER = sorted(path.stem for path in RECORDINGS.glob("blender*.json"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", range(30))
def test_a_studio_that_is_killed_again_and_again(tmp_path: Path, number: int):
    """The same for all that Blender was seen to do."""
    play_while_killing(tmp_path, BLENDER[number % len(BLENDER)], seed=number, kills=20)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(6))
def test_a_mount_that_is_killed_again_and_again(tmp_path: Path, seed: int):
    """The same through many mounts."""
    save_while_killed(tmp_path, seed=seed, rounds=10)
