"""A studio and its mounts: how soon others see a save, many mounts that read at once, a cold read beside
curl, and a project of 100 000 assets.

    python -m benchmarks.studio [--dir DIR] [--only NAME] [--runs N] [--json FILE]

The studio is a process of its own, on this machine; so is each mount. Caches of mounts are new for each
measurement. ``--runs`` counts what is repeated; latency is the median of ten times as many saves.
"""

from __future__ import annotations

import json
import random
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.measurements import Measurements, main, timed
from benchmarks.read import drop_caches, read_whole
from benchmarks.sizes import MIB, write_mixed
from mountfs import wire
from mountfs.config import MountOptions
from mountfs.launch import Remote
from mountfs.model import ROOT, ProjectId
from mountfs.storage.open import open_project
from mountfs.studio.service import BoundStudio, StudioService
from mountfs.testing.mounts import Mount, Mounts
from mountfs.testing.online import online_studio
from mountfs.testing.projects import Casting, add_files, arrange, new_project
from mountfs.testing.rows import big_project
from mountfs.transport.client import StudioClient
from mountfs.transport.line import Line

MOUNTS = 20
SCENE = 200 * MIB
BIG = 1024 * MIB
ASSETS = 100_000
COLLECTIONS = 5_000
OPTIONS = MountOptions(desktop=False)
_BOUND = 600.0


@dataclass(frozen=True, slots=True)
class Site:
    """A studio that serves one project, and how to mount it."""

    folder: Path
    pid: int
    remotes: Mapping[str, Remote]

    def mount(self, mounts: Mounts, username: str) -> Mount:
        """A mount with a cache of its own, at a folder of this name."""
        remote = self.remotes[username]
        return mounts.mount(remote, at=username, options=OPTIONS)

    @property
    def peak(self) -> float:
        """The most memory that the studio had, in bytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@contextmanager
def site(folder: Path, fill: Callable[[Path], None]) -> Iterator[Site]:
    """A studio in a process of its own with the project that ``fill`` makes; ada and bo are members."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    file = folder / "film.clst"
    fill(file)
    with closing(open_project(file)) as project:
        id_ = ProjectId(project.id)
    with online_studio(folder / "studio") as online:
        online.adopt(file, id_)
        remotes = {name: online.remote(name, id_, folder / f"cache-{name}") for name in ("ada", "bo")}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "mountfs", "studio", "serve", str(folder / "studio"), "--port", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(lambda: _answers(url))
        yield Site(folder, process.pid, {name: replace(each, url=url) for name, each in remotes.items()})
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _wait(condition: Callable[[], bool], pause: float = 0.005) -> None:
    deadline = time.monotonic() + _BOUND
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it does not come")
        time.sleep(pause)


def of_files(files: Mapping[str, bytes]) -> Callable[[Path], None]:
    """A project with these files, which everybody sees."""

    def fill(path: Path) -> None:
        with closing(new_project(path)) as project:
            service = StudioService(project)
            owner = service.for_owner(service.author())
            add_files(owner, {f"work/{name}": each for name, each in files.items()})
            arrange(service, Casting(crew={"bo": "artist"}, shared=["work"]))

    return fill


def of_assets(path: Path) -> None:
    """A project with very many, which everybody sees."""
    with closing(big_project(path, assets=ASSETS, collections=COLLECTIONS, users=2)) as project:
        service = StudioService(project)
        owner: BoundStudio = service.for_owner(service.author())
        arrange(service, Casting(crew={"bo": "artist"}))
        for each in owner.tree().collections.values():
            if each.parent == ROOT and not each.is_shared:
                owner.share(each.id)


def content(size: int) -> bytes:
    """What a scene is like: a part of it can be compressed."""
    dice = random.Random(size)
    return b"".join(dice.randbytes(MIB) if number % 4 else bytes(MIB) for number in range(-(-size // MIB)))[
        :size
    ]


class Bench(Measurements):
    """All that is measured of a studio."""

    def measure_latency(self) -> None:
        """From the end of the quiet time of a save until another person's mount shows it."""
        with (
            site(self.place / "latency", of_files({"a.bin": b"first"})) as here,
            Mounts(here.folder) as mounts,
        ):
            hers, his = (here.mount(mounts, name).path / "work" / "a.bin" for name in ("ada", "bo"))
            passed = [self._seen_after(hers, his, number + 10) for number in range(10 * self.runs)]
        self.figures["a save until others see it"] = {
            "median s": statistics.median(passed),
            "worst s": max(passed),
        }

    def _seen_after(self, saved: Path, shown: Path, size: int) -> float:
        saved.write_bytes(bytes(size))
        closed = time.perf_counter()
        _wait(lambda: shown.stat().st_size == size)
        passed = time.perf_counter() - closed - OPTIONS.quiet_time
        assert shown.read_bytes() == bytes(size)
        return passed

    def measure_many_mounts(self) -> None:
        """Many mounts, each with an empty cache, that read the same scene at once."""
        scene = content(SCENE)
        with site(self.place / "many", of_files({"scene.blend": scene})) as here, ExitStack() as stack:
            paths: list[Path] = []
            for number in range(MOUNTS):
                folder = here.folder / f"node{number}"
                folder.mkdir()
                remote = replace(here.remotes["ada"], cache_dir=folder / "cache")
                mounts = stack.enter_context(Mounts(folder))
                paths.append(mounts.mount(remote, options=OPTIONS).path / "work" / "scene.blend")
            drop_caches()
            sums: list[str] = []
            seconds = timed(lambda: _each_in_a_thread(paths, lambda path: sums.append(_sum(path))))
            assert len(set(sums)) == 1
            assert len(sums) == MOUNTS
            self.figures[f"{MOUNTS} mounts read {SCENE // MIB} MiB cold"] = {
                "all s": seconds,
                "studio RSS MiB": here.peak / MIB,
            }

    def measure_cold_read(self) -> None:
        """A large file, beside curl and sha256sum of the same chunks."""
        source = self.place / "big.bin"
        write_mixed(source, BIG)
        with site(self.place / "cold", of_files({"big.bin": source.read_bytes()})) as here:
            self.figures[f"{BIG // MIB} MiB cold"] = {
                "mountfs s": self.median(lambda: self._cold(here)),
                "curl and sha256sum s": self.median(lambda: self._curl(here)),
            }

    def _cold(self, here: Site) -> float:
        shutil.rmtree(here.folder / "cache-ada", ignore_errors=True)
        with Mounts(here.folder) as mounts:
            path = here.mount(mounts, "ada").path / "work" / "big.bin"
            drop_caches()
            return timed(lambda: read_whole(path))

    def _curl(self, here: Site) -> float:
        remote = here.remotes["ada"]
        with closing(Line(remote.url, lambda: remote.token)) as line:
            studio = StudioClient(line, ProjectId(remote.project))
            (asset,) = studio.tree().assets.values()
            assert asset.head is not None
            count = len(studio.manifest(asset.head.id).chunks)
            asked = wire.RangesAsked([wire.Range(asset.head.id, 0, count)])
            path = f"/projects/{remote.project}/chunks/addresses"
            (found,) = line.ask("POST", path, list[wire.Addresses], body=asked)
        names = here.folder / "addresses"
        names.write_text("".join(f'url = "{remote.url}{each}"\n' for each in found.urls))
        drop_caches()
        return timed(
            lambda: subprocess.run(
                f"curl -s -K {names} | sha256sum", shell=True, check=True, stdout=subprocess.DEVNULL
            )
        )

    def measure_large_tree(self) -> None:
        """All of a large project, and what is new in it: time and memory on both sides."""
        with site(self.place / "tree", of_assets) as here:
            asked = [sys.executable, "-m", "benchmarks.tree_client"]
            remote = here.remotes["ada"]
            whole: list[float] = []
            news: list[float] = []
            rss: list[float] = []
            for _ in range(self.runs):
                words = json.dumps([remote.url, remote.project, remote.token])
                done = subprocess.run(asked, input=words, text=True, check=True, stdout=subprocess.PIPE)
                one, other, memory = json.loads(done.stdout)
                whole.append(one)
                news.append(other)
                rss.append(memory)
            self.figures[f"a tree of {ASSETS} assets"] = {
                "all of it s": statistics.median(whole),
                "what is new s": statistics.median(news),
                "client RSS MiB": max(rss) / MIB,
                "studio RSS MiB": here.peak / MIB,
            }


def _sum(path: Path) -> str:
    done = subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True)
    return done.stdout.split()[0]


def _each_in_a_thread(paths: list[Path], act: Callable[[Path], None]) -> None:
    threads = [threading.Thread(target=act, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(Bench, __doc__)
