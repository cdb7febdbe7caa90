"""Saving through the mount: until close() returns, and until it is a checkpoint; medians of five.

    python -m benchmarks.mount_save [--dir DIR] [--only NAME] [--runs N] [--json FILE]

Each run has a new project and a new mount. "stored" goes on until ``mountfs wait`` returns. Ratios are speed
against speed: 1.0 is as fast as the peer, higher is faster.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measurements import Measurements, main, timed
from benchmarks.read import GIB, daemon_rss, mountfs, read_whole, unmount
from benchmarks.save import sha256sum
from benchmarks.sizes import MIB, write_mixed, write_random

_BOUND = 600.0
_SMALL = 2000
_SMALL_SIZE = 64 << 10
_WRITES = 50_000


@contextmanager
def new_mount(place: Path) -> Iterator[Path]:
    """A new project, mounted so that it can be written to."""
    project, mount_point = place / "saved.clst", place / "saved"
    for leftover in place.glob(project.name + "*"):
        leftover.unlink()
    mount_point.mkdir(exist_ok=True)
    mountfs("init", project)
    mountfs("mount", project, mount_point)
    try:
        yield mount_point
    finally:
        unmount(mount_point)


def wait(mount_point: Path) -> None:
    """Until all that was closed is a checkpoint."""
    mountfs("wait", mount_point, "--timeout", _BOUND)


def run(*command: object) -> float:
    """Seconds of another program."""
    words = [str(word) for word in command]
    return timed(lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL, timeout=_BOUND))


class Bench(Measurements):
    """All that is measured of saving through a mount."""

    def measure_new(self) -> None:
        """A new file of 1 GiB by ``cp``."""
        for name, write in (("mixed", write_mixed), ("incompressible", write_random)):
            source = self.place / f"new-{name}.bin"
            if not source.exists():
                write(source, GIB)
            figures = [self._copy_in(source) for _ in range(self.runs)]
            copy = self.place / "copy.bin"
            self.figures[f"1 GiB by cp, {name}"] = {
                "mountfs s": statistics.median(stored for _, stored, _ in figures),
                "closed s": statistics.median(closed for closed, _, _ in figures),
                "sha256sum and zstd -3 s": self.median(
                    lambda source=source: (
                        sha256sum(source)  # type: ignore[misc]
                        + run("zstd", "-3", "-q", "-f", "-T1", source, "-o", "/dev/null")
                    )
                ),
                "ext4 cp and sync s": self.median(
                    lambda source=source, copy=copy: run("cp", source, copy) + run("sync", copy)  # type: ignore[misc]
                ),
                "daemon RSS MiB": statistics.median(rss for _, _, rss in figures) / MIB,
            }
            copy.unlink()

    def _copy_in(self, source: Path) -> tuple[float, float, int]:
        read_whole(source)
        with new_mount(self.place) as mount_point:
            closed = run("cp", source, mount_point / "new.bin")
            stored = closed + timed(lambda: wait(mount_point))
            return closed, stored, daemon_rss(mount_point)

    def measure_edit(self) -> None:
        """1 MiB in the middle of an asset of 1 GiB, in place."""
        source = self.place / "new-mixed.bin"
        if not source.exists():
            write_mixed(source, GIB)

        def edit() -> tuple[float, int]:
            with new_mount(self.place) as mount_point:
                target = mount_point / "new.bin"
                shutil.copyfile(source, target)
                wait(mount_point)
                with target.open("r+b") as file:
                    file.seek(GIB // 2)
                    file.write(os.urandom(MIB))
                return timed(lambda: wait(mount_point)), daemon_rss(mount_point)

        figures = [edit() for _ in range(self.runs)]
        self.figures["1 MiB edited in 1 GiB, from close to checkpoint"] = {
            "mountfs s": statistics.median(seconds for seconds, _ in figures),
            "sha256sum s": self.median(lambda: sha256sum(source)),
            "daemon RSS MiB": statistics.median(rss for _, rss in figures) / MIB,
        }

    def measure_small_files(self) -> None:
        """2 000 files of 64 KiB by ``cp -r``."""
        source = self.place / "small-files"
        if not source.exists():
            for number in range(_SMALL):
                folder = source / f"{number % 20:02}"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{number:04}.bin").write_bytes(os.urandom(_SMALL_SIZE))
        copy = self.place / "small-copy"

        def copy_in() -> tuple[float, float]:
            with new_mount(self.place) as mount_point:
                closed = run("cp", "-r", source, mount_point / "files")
                return closed, closed + timed(lambda: wait(mount_point))

        def on_ext4() -> float:
            seconds = run("cp", "-r", source, copy) + run("sync", "-f", copy)
            shutil.rmtree(copy)
            return seconds

        def one_by_one() -> float:
            copy.mkdir()
            seconds = timed(lambda: _copy_and_sync(source, copy))
            shutil.rmtree(copy)
            return seconds

        figures = [copy_in() for _ in range(self.runs)]
        self.figures["2 000 x 64 KiB by cp -r"] = {
            "mountfs s": statistics.median(closed for closed, _ in figures),
            "stored s": statistics.median(stored for _, stored in figures),
            "ext4, one sync s": self.median(on_ext4),
            "ext4, each file synced s": self.median(one_by_one),
        }

    def measure_small_writes(self) -> None:
        """Writes of 4 KiB, in order, to one file."""

        def write(target: Callable[[Path], Path]) -> float:
            with new_mount(self.place) as mount_point:
                path = target(mount_point)
                block = bytes(4096)

                def act() -> None:
                    with path.open("wb", buffering=0) as file:
                        for _ in range(_WRITES):
                            file.write(block)

                return timed(act)

        self.figures[f"{_WRITES} writes of 4 KiB"] = {
            "mountfs s": self.median(lambda: write(lambda mount_point: mount_point / "file.bin")),
            "ext4 s": self.median(lambda: write(lambda _: self.place / "file.bin")),
        }


def _copy_and_sync(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        there = target / path.relative_to(source)
        if path.is_dir():
            there.mkdir(parents=True, exist_ok=True)
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        with there.open("wb") as file:
            file.write(path.read_bytes())
            file.flush()
            os.fsync(file.fileno())


if __name__ == "__main__":
    main(Bench, __doc__)
