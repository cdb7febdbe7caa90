"""Taking saved content in: what a save costs before it is a checkpoint; medians of five.

    python -m benchmarks.save [--dir DIR] [--only NAME] [--runs N] [--json FILE]

Each figure is of one new process with a real project file, whose pages are cached as they are after a save.
Ratios are speed against speed: 1.0 is as fast as the peer, higher is faster. "Memory" is by how much the
largest resident size of the process exceeds the one before.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from benchmarks.measurements import Measurements, main, timed
from benchmarks.read import GIB, mountfs, read_whole
from benchmarks.sizes import MIB, write_mixed, write_random
from mountfs.content.heap import keep_memory
from mountfs.content.ingest import ingest
from mountfs.content.pipeline import Ingested
from mountfs.content.recut import ingest_segments
from mountfs.content.segments import BASE, Segment
from mountfs.model import Manifest
from mountfs.storage.open import Project, open_project
from mountfs.studio.service import StudioService

_MEMORY = 256 * MIB
"""Bytes of freed memory that a mount keeps."""

_BOUND = 600.0

Taking = Callable[[Path, Path, Project], Ingested]


class LocalFile:
    """A file on this machine."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def pread(self, offset: int, length: int) -> bytes:
        """Bytes of it."""
        return os.pread(self._descriptor, length, offset)


def manifest_in(project: Project) -> Manifest:
    """The manifest of the one asset there is."""
    service = StudioService(project)
    studio = service.for_owner(service.author())
    (asset,) = studio.tree().assets.values()
    assert asset.head is not None
    return studio.manifest(asset.head.id)


def by_segments(_whole: Path, own: Path, project: Project) -> Ingested:
    """An edit of 1 MiB in the middle, as a draft has it."""
    base = manifest_in(project)
    start = base.size // 2
    segments = [
        Segment(0, start, BASE),
        Segment(start, start + MIB, LocalFile(own)),
        Segment(start + MIB, base.size, BASE),
    ]
    return ingest_segments(base.size, segments, base, project.chunks)


def all_of_it(whole: Path, _own: Path, project: Project) -> Ingested:
    """A file as an import reads it."""
    with open(whole, "rb", buffering=0) as source:
        return ingest(source, project.chunks)


def as_new(whole: Path, _own: Path, project: Project) -> Ingested:
    """A file that was written anew through the mount."""
    size = whole.stat().st_size
    return ingest_segments(size, [Segment(0, size, LocalFile(whole))], None, project.chunks)


def resident(field: str) -> int:
    """Resident bytes of this process: ``VmRSS`` now, ``VmHWM`` at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field))) * 1024


def in_this_process(take: Taking, whole: Path, own: Path, project_file: Path) -> dict[str, float]:
    """The figures of one run."""
    keep_memory(_MEMORY)
    with open_project(project_file) as project:
        before = resident("VmRSS")
        started = time.perf_counter()
        taken = take(whole, own, project)
        seconds = time.perf_counter() - started
        grown = resident("VmHWM") - before
    cut = len(taken.chunks) - taken.work.reused_chunks
    return {"s": seconds, "memory MiB": grown / MIB, "cut": cut, **asdict(taken.work)}


def in_a_new_process(take: Taking, whole: Path, own: Path, project_file: Path) -> dict[str, float]:
    """The same, with nothing left over from another run."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(in_this_process, take, whole, own, project_file).result(_BOUND)


def sha256sum(path: Path) -> float:
    """Seconds that the program takes for a file."""
    command = ["sha256sum", str(path)]
    return timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=_BOUND))


class Bench(Measurements):
    """All that is measured of saving."""

    def medians(self, run: Callable[[int], dict[str, float]]) -> dict[str, float]:
        """The median of each figure."""
        found = [run(number) for number in range(self.runs)]
        return {name: statistics.median(one[name] for one in found) for name in found[0]}

    def measure_edit(self) -> None:
        """1 MiB in the middle of a 1 GiB asset, beside taking in all of the edited file."""
        for name, write in (("mixed", write_mixed), ("incompressible", write_random)):
            folder = self.place / f"edit-{name}"
            project = folder.with_suffix(".clst")
            if not project.exists():
                folder.mkdir()
                write(folder / "scene.bin", GIB)
                mountfs("init", project)
                mountfs("import", folder, project)
            whole, own = self.place / "edited.bin", self.place / "own.bin"
            shutil.copyfile(folder / "scene.bin", whole)

            def edit_and(
                take: Taking, whole: Path = whole, own: Path = own, project: Path = project
            ) -> dict[str, float]:
                change = os.urandom(MIB)  # never stored before, so that each run has new chunks to put
                for path in (whole, own):
                    with path.open("r+b" if path.exists() else "wb") as file:
                        file.seek(GIB // 2)
                        file.write(change)
                read_whole(whole)
                read_whole(project)
                return in_a_new_process(take, whole, own, project)

            ours = self.medians(lambda _, edit_and=edit_and: edit_and(by_segments))  # type: ignore[misc]
            full = self.medians(lambda _, edit_and=edit_and: edit_and(all_of_it))  # type: ignore[misc]
            self.figures[f"1 MiB edited in 1 GiB, {name}"] = {
                "mountfs s": ours["s"],
                "all of it s": full["s"],
                "sha256sum s": statistics.median(sha256sum(whole) for _ in range(self.runs)),
                "cut chunks": ours["cut"],  # some of them may be stored since an earlier run
                "reused chunks": ours["reused_chunks"],
                "local MiB": ours["local_bytes"] / MIB,
                "base MiB": ours["base_bytes"] / MIB,
                "base SHA-256 MiB": ours["base_checked"] / MIB,
                "cut MiB": ours["cut_bytes"] / MIB,
                "put MiB": ours["frame_bytes"] / MIB,
                "memory MiB": ours["memory MiB"],
            }
            whole.unlink()
            own.unlink()

    def measure_new(self) -> None:
        """A new file of 1 GiB, beside reading it as an import does."""
        for name, write in (("mixed", write_mixed), ("incompressible", write_random)):
            whole = self.place / f"new-{name}.bin"
            if not whole.exists():
                write(whole, GIB)

            def into_new_project(take: Taking, whole: Path = whole) -> dict[str, float]:
                project = self.place / "new.clst"
                for leftover in self.place.glob(project.name + "*"):
                    leftover.unlink()
                mountfs("init", project)
                read_whole(whole)
                return in_a_new_process(take, whole, whole, project)

            ours = self.medians(lambda _, run=into_new_project: run(as_new))  # type: ignore[misc]
            full = self.medians(lambda _, run=into_new_project: run(all_of_it))  # type: ignore[misc]
            self.figures[f"1 GiB written anew, {name}"] = {
                "mountfs s": ours["s"],
                "as a file s": full["s"],
                "sha256sum s": statistics.median(sha256sum(whole) for _ in range(self.runs)),
                "put MiB": ours["frame_bytes"] / MIB,
                "memory MiB": ours["memory MiB"],
            }


if __name__ == "__main__":
    main(Bench, __doc__)
