"""A network that fails in every way it can while people read and save: nobody loses, or is told, a wrong
thing, and afterwards all is well by itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mountfs.digest import xxh3_hex
from mountfs.testing.mounts import Mount, bounded, wait_until
from mountfs.testing.proxy import Fault
from tests.mounted.asking import ask, settle, states
from tests.mounted.outpost import Outpost, outpost

ROUND = 40
"""Faults with one mount and one cache; then both are new, so that there is something to fetch."""

BODIES = ("GET /chunks/", "PUT /uploads/")


@dataclass
class Work:
    """What somebody does in a mount, and what has to be found of it."""

    there: Outpost
    mount: Mount
    random: random.Random
    unread: list[str]
    saved: dict[str, list[bytes]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    number: int = 0

    def path(self, name: str) -> Path:
        return self.mount.path / "work" / name

    def read(self) -> None:
        """A file that this machine does not have yet is whole."""
        if not self.unread:
            return self.overwrite()
        name = self.unread.pop()
        assert self.path(name).read_bytes() == content(name)
        return None

    def overwrite(self) -> None:
        """A file that was saved before is saved again."""
        name = self.random.choice(sorted(self.saved) or ["first"])
        self._save(name)

    def create(self) -> None:
        """A new file, sometimes in a new folder."""
        self.number += 1
        name = f"new{self.number}"
        if self.random.random() < 0.2:
            self.path(f"folder{self.number}").mkdir()
            name = f"folder{self.number}/{name}"
        self._save(name)

    def rename(self) -> None:
        """A file that was saved before gets another name."""
        names = [name for name in sorted(self.saved) if "/" not in name]
        if not names:
            return self.create()
        name = self.random.choice(names)
        self.number += 1
        other = f"renamed{self.number}"
        settle(self.mount)  # else it may never have had its first name
        self.path(name).rename(self.path(other))
        self.saved[other] = self.saved.pop(name)
        self.gone.add(name)
        return None

    def remove(self) -> None:
        """A file that was saved before is removed."""
        if not self.saved:
            return self.create()
        name = self.random.choice(sorted(self.saved))
        self.path(name).unlink()
        del self.saved[name]
        self.gone.add(name)
        return None

    def _save(self, name: str) -> None:
        self.number += 1
        size = self.random.choice((100, 40_000, 1_500_000))
        body = self.random.randbytes(size) + str(self.number).encode()
        self.path(name).write_bytes(body)
        self.saved.setdefault(name, []).append(body)
        self.gone.discard(name)
        assert self.path(name).read_bytes() == body

    def check(self) -> None:
        """Everything has arrived, each version once, none is a mixture, and nothing is left to be sent."""
        answer = settle(self.mount)
        assert answer["refused"] == [], answer
        wait_until(lambda: not states(self.mount), "nothing to be left")
        assets = self.there.assets()
        for name, bodies in self.saved.items():
            found = self.there.checksums(f"work/{name}")
            wanted = [xxh3_hex(body) for body in bodies]
            assert found[-1:] == wanted[-1:], f"{name}: what was saved last is not the newest"
            assert len(set(found)) == len(found), f"{name} has a version twice"
            assert found == [each for each in wanted if each in found], f"{name} has another order"
            assert self.path(name).read_bytes() == bodies[-1]
        for name in self.gone:
            assert f"work/{name}" not in assets
            assert not self.path(name).exists()
        report = ask(self.mount, "status", path=None)
        assert report["studio"]["reached"]


def content(name: str) -> bytes:
    """The bytes of a file that was there before."""
    return random.Random(name).randbytes(700_000)


def spoil(folder: Path, faults: Sequence[Fault], seed: int) -> None:
    """Let these happen, one after another, while somebody works."""
    choose = random.Random(seed)
    names = [f"old{number}" for number in range(ROUND)]
    with outpost(folder, {name: content(name) for name in names}, seed=seed) as there:
        for start in range(0, len(faults), ROUND):
            mount = there.mount(cache=f"cache{start}")
            work = Work(there, mount, choose, choose.sample(names, len(names)), number=start * 100)
            for fault in faults[start : start + ROUND]:
                act = choose.choice(
                    [work.read, work.read, work.overwrite, work.create, work.rename, work.remove]
                )
                happened = there.proxy.order(fault, after=choose.randrange(3), wanted=_wanted(choose, fault))
                bounded(act, seconds=120)
                while not happened.is_set():  # it needs a request of its kind
                    bounded(work.create)
                    settle(mount)
            work.check()
            mount.unmount()


_OF_CHUNKS = (Fault.CORRUPT, Fault.EXPIRED)


def _wanted(choose: random.Random, fault: Fault) -> Callable[[str], bool]:
    """Which requests a fault is for: those for content, or any but the questions for news, which come all the
    time, or any."""
    if fault in _OF_CHUNKS or choose.random() < 0.3:
        return lambda what: what.startswith(BODIES)
    without = "/changes?" if choose.random() < 0.8 else "nothing"
    return lambda what: without not in what


@pytest.mark.timeout(300)
def test_each_fault_of_a_network(tmp_path: Path):
    """Whatever happens to a request, what is read and saved is right."""
    spoil(tmp_path, [*Fault, *Fault, *Fault][:ROUND], seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_very_many_faults_of_a_network(tmp_path: Path):
    """The same, five hundred times."""
    choose = random.Random(6)
    spoil(tmp_path, [choose.choice(list(Fault)) for _ in range(500)], seed=6)
