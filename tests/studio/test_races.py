"""Two processes on one project file."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mountfs.errors import LostRace, NotAssigned, StudioUnavailable
from mountfs.storage.open import open_project
from mountfs.studio.service import StudioService
from tests.studio.harbor import Harbor, proposal

ROUNDS = 12

RACER = """
import sys
from pathlib import Path
from mountfs.errors import LostRace
from mountfs.storage.open import open_project
from tests.studio.harbor import Harbor, proposal

with open_project(Path(sys.argv[1])) as project:
    harbor = Harbor(project)
    eve = harbor.as_("eve")
    for line in sys.stdin:
        offered = proposal(eve, line.encode() * 3, asset=harbor.asset("characters/owl/owl.blend"))
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            eve.publish([offered])
        except LostRace:
            print("lost", flush=True)
        else:
            print("won", flush=True)
"""


def test_of_two_processes_exactly_one_moves_the_head(harbor_file: Path, tmp_path: Path):
    """Whoever publishes second from the same version loses the race, whatever the timing; numbers have no
    gaps and times no repetition."""
    path = tmp_path / "race.clst"
    shutil.copyfile(harbor_file, path)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(2)
    ]

    def say(word: str) -> None:
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write(f"{word}\n")
            racer.stdin.flush()

    def hear() -> list[str]:
        heard = []
        for racer in racers:
            assert racer.stdout is not None
            heard.append(racer.stdout.readline().strip())
        return heard

    try:
        for number in range(ROUNDS):
            say(f"take {number}")
            assert hear() == ["ready", "ready"]
            say("go")
            assert sorted(hear()) == ["lost", "won"]
    finally:
        for racer in racers:
            racer.communicate(timeout=60)
    with open_project(path) as project:
        harbor = Harbor(project)
        versions = harbor.owner.history(harbor.file("characters/owl/owl.blend"))
    assert [each.number for each in versions] == list(range(ROUNDS + 1, 0, -1))
    assert len({each.created_at for each in versions}) == ROUNDS + 1


def test_a_right_taken_by_another_process_is_gone_at_once(harbor: Harbor):
    """Checks are made under the lock, on what is in the file then."""
    eve = harbor.as_("eve")
    offered = proposal(eve, b"hoot", asset=harbor.asset("characters/owl/owl.blend"))
    with open_project(harbor.project.path) as other:
        service = StudioService(other)
        service.for_owner(service.author()).assign(offered.asset, harbor.user("ann"))
    with pytest.raises(NotAssigned):
        eve.publish([offered])


def test_threads_of_one_process_publish_one_after_the_other(harbor: Harbor):
    """Of many threads that publish from the same version one wins, and nothing hangs."""
    eve = harbor.as_("eve")
    owl = harbor.asset("characters/owl/owl.blend")
    offers = [proposal(eve, b"%d" % number, asset=owl) for number in range(8)]
    outcomes: list[str] = []
    deadline = time.monotonic() + 50

    def publish(number: int) -> None:
        outcome = ""
        while not outcome and time.monotonic() < deadline:
            try:
                eve.publish([offers[number]])
                outcome = "won"
            except LostRace:
                outcome = "lost"
            except StudioUnavailable:  # of one person's, two at a time are looked into
                continue
        outcomes.append(outcome)
        eve.tree()

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["lost"] * 7 + ["won"]
