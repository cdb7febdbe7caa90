"""Reading through the mount, beside ext4 and a no-op pyfuse3 mount in the same run; medians of five.

    python -m benchmarks.read [--dir DIR] [--only NAME] [--runs N] [--json FILE]

Needs root, for dropping the page cache and for the read-ahead of a mount. "Cold" is a new daemon and a
dropped page cache; the project file is dropped from the cache too. Ratios are speed against speed: 1.0 is as
fast as the peer, higher is faster. Every number is the wall time of one whole process or loop.
"""

from __future__ import annotations

import json
import mmap
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measurements import Measurements, main, timed
from benchmarks.sizes import MIB, write_mixed, write_random

GIB = 1 << 30
PYTHON = sys.executable
_BOUND = 600.0


def mountfs(*arguments: object) -> None:
    """Run a mountfs command and expect success."""
    subprocess.run(
        [PYTHON, "-m", "mountfs", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, timeout=_BOUND
    )


def drop_caches() -> None:
    """Forget the page cache, dentries and inodes of the whole machine."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")


def unmount(mount_point: Path) -> None:
    """Unmount and wait until it is gone."""
    subprocess.run(["fusermount3", "-u", str(mount_point)], check=True, timeout=60)


@contextmanager
def mounted(project: Path, mount_point: Path, *, cached: bool = False) -> Iterator[Path]:
    """The project on a mount of its own, with a cold cache; with ``cached`` all but the project file is cold,
    which leaves the disk's own time out of the figures."""
    mount_point.mkdir(exist_ok=True)
    drop_caches()
    if cached:  # by another process: who closes a project file drops the locks that SQLite has on it
        subprocess.run(["cat", str(project)], check=True, stdout=subprocess.DEVNULL, timeout=_BOUND)
    mountfs("mount", project, mount_point)
    try:
        yield mount_point
    finally:
        mountfs("umount", mount_point)


@contextmanager
def noop_mounted(source: Path, mount_point: Path) -> Iterator[Path]:
    """The same tree as ``source`` on a mount that does nothing."""
    mount_point.mkdir(exist_ok=True)
    tree: dict[str, int | None] = {}
    for folder, folders, files in os.walk(source):
        relative = Path(folder).relative_to(source)
        tree.update({str(relative / name): None for name in folders})
        tree.update({str(relative / name): (Path(folder) / name).stat().st_size for name in files})
    listing = mount_point.with_suffix(".json")
    listing.write_text(json.dumps(tree))
    before = os.stat(mount_point).st_dev
    process = subprocess.Popen([PYTHON, "-m", "benchmarks.noop", str(listing), str(mount_point)])
    deadline = time.monotonic() + 30
    while os.stat(mount_point).st_dev == before:
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError("the no-op mount did not come up")
        os.sched_yield()
    set_read_ahead(mount_point, 1024)
    drop_caches()
    try:
        yield mount_point
    finally:
        unmount(mount_point)
        process.wait(30)


def set_read_ahead(mount_point: Path, kib: int) -> None:
    """What mountfs does for its own mounts where it may."""
    device = os.stat(mount_point).st_dev
    bdi = Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb")
    bdi.write_text(str(kib))


def read_whole(path: Path) -> int:
    """Read one file in pieces of 1 MiB, as cp does in spirit; answers its length."""
    total = 0
    buffer = bytearray(MIB)
    with open(path, "rb", buffering=0) as source:
        while count := source.readinto(buffer):
            total += count
    return total


def read_all(folder: Path) -> int:
    """Read every file below a folder, folder by folder, in the order a listing gives."""
    total = 0
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir():
            total += read_all(Path(entry.path))
        else:
            fd = os.open(entry.path, os.O_RDONLY)
            while piece := os.read(fd, MIB):
                total += len(piece)
            os.close(fd)
    return total


def walk(folder: Path) -> int:
    """List and stat everything below a folder."""
    count = 0
    for entry in os.scandir(folder):
        entry.stat(follow_symlinks=False)
        count += 1
        if entry.is_dir(follow_symlinks=False):
            count += walk(Path(entry.path))
    return count


def last_byte(path: Path) -> None:
    """Open a file and fetch its last byte through a mapping, as tools that keep an index at the end do."""
    with open(path, "rb") as source, mmap.mmap(source.fileno(), 0, prot=mmap.PROT_READ) as view:
        if len(view[-1:]) != 1:
            raise RuntimeError("no last byte")


def decode_in_one_thread(project: Path) -> int:
    """Read, decompress and check every chunk of the largest checkpoint, in order, in one thread."""
    from mountfs.digest import decode_frame
    from mountfs.model import Chunk, ChunkId

    database = sqlite3.connect(f"file:{project}?mode=ro", uri=True)
    (listed,) = database.execute(
        "SELECT chunks FROM asset_checkpoint ORDER BY file_size DESC LIMIT 1"
    ).fetchone()
    sizes = dict(database.execute("SELECT hash, raw_size FROM mountfs_chunk"))
    total = 0
    for name in listed.split(","):
        (frame,) = database.execute("SELECT data FROM chunk WHERE hash = ?", (name,)).fetchone()
        total += len(decode_frame(frame, Chunk(ChunkId(name), sizes[name])))
    return total


class Bench(Measurements):
    """All that is measured of reading."""

    def project_of(self, source: Path) -> Path:
        """A new project that holds a folder."""
        project = source.with_suffix(".clst")
        if not project.exists():
            mountfs("init", project)
            mountfs("import", source, project)
        return project

    def in_mount(self, project: Path, action: Callable[[Path], object]) -> float:
        """Seconds of an action on a new, cold mount."""
        with mounted(project, self.place / "mnt") as mount_point:
            return timed(lambda: action(mount_point))

    def in_noop(self, source: Path, action: Callable[[Path], object]) -> float:
        """Seconds of the same action on the no-op mount of the same tree."""
        with noop_mounted(source, self.place / "noop") as mount_point:
            return timed(lambda: action(mount_point))

    def on_ext4(self, source: Path, action: Callable[[Path], object]) -> float:
        """Seconds of the same action on the plain folder, cold."""
        drop_caches()
        return timed(lambda: action(source))

    def beside(self, name: str, source: Path, action: Callable[[Path], object]) -> None:
        """The same action on the mount, on the no-op mount and on ext4, all cold."""
        project = self.project_of(source)
        self.figures[name] = {
            "mountfs s": self.median(lambda: self.in_mount(project, action)),
            "no-op mount s": self.median(lambda: self.in_noop(source, action)),
            "ext4 s": self.median(lambda: self.on_ext4(source, action)),
        }

    def big(self) -> Path:
        """A folder with one mixed file of 1 GiB."""
        folder = self.place / "big"
        if not folder.exists():
            folder.mkdir()
            write_mixed(folder / "scene.bin", GIB)
        return folder

    def measure_last_byte(self) -> None:
        """First byte at the end of a 1 GiB asset, cold."""
        self.beside("first byte at the end of 1 GiB", self.big(), lambda top: last_byte(top / "scene.bin"))

    def measure_sequential(self) -> None:
        """1 GiB in order: cold beside one thread that does the same work; then warm beside ext4."""
        folder = self.big()
        project = self.project_of(folder)
        cold, warm = [], []
        for _ in range(self.runs):
            with mounted(project, self.place / "mnt") as mount_point:
                cold.append(timed(lambda at=mount_point: read_whole(at / "scene.bin")))  # type: ignore[misc]
                warm.append(timed(lambda at=mount_point: read_whole(at / "scene.bin")))  # type: ignore[misc]

        def one_thread() -> float:
            drop_caches()
            return timed(lambda: decode_in_one_thread(project))

        def warm_ext4() -> float:
            read_whole(folder / "scene.bin")
            return timed(lambda: read_whole(folder / "scene.bin"))

        self.figures["sequential 1 GiB, cold"] = {
            "mountfs s": statistics.median(cold),
            "one thread s": self.median(one_thread),
            "no-op mount s": self.median(
                lambda: self.in_noop(folder, lambda top: read_whole(top / "scene.bin"))
            ),
            "ext4 s": self.median(lambda: self.on_ext4(folder, lambda top: read_whole(top / "scene.bin"))),
        }
        self.figures["sequential 1 GiB, warm"] = {
            "mountfs s": statistics.median(warm),
            "ext4 s": self.median(warm_ext4),
        }

    def measure_small_files(self) -> None:
        """2 000 files of 64 KiB in 20 folders, each read once, cold."""
        folder = self.place / "small"
        if not folder.exists():
            for number in range(2000):
                path = folder / f"set{number % 20:02}" / f"tile.{number:04}.bin"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_mixed(path, 64 * 1024, seed=number)
        self.beside("2 000 x 64 KiB", folder, read_all)
        project = self.project_of(folder)

        def project_file_cached() -> float:
            with mounted(project, self.place / "mnt", cached=True) as mount_point:
                return timed(lambda: read_all(mount_point))

        self.figures["2 000 x 64 KiB, project file cached"] = {
            "mountfs s": self.median(project_file_cached),
            "no-op mount s": self.figures["2 000 x 64 KiB"]["no-op mount s"],
        }

    def measure_walk(self) -> None:
        """List and stat 5 000 files in 100 folders, cold."""
        folder = self.place / "tree"
        if not folder.exists():
            for number in range(5000):
                path = folder / f"shot{number % 100:03}" / f"note.{number:04}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"note {number}\n")
        self.beside("walk of 5 000 files", folder, walk)

    def measure_import(self) -> None:
        """Import of 1 GiB, mixed and incompressible, beside `sha256sum` of the same file."""
        for name, write in (("mixed", write_mixed), ("incompressible", write_random)):
            folder = self.place / f"import-{name}"
            if not folder.exists():
                folder.mkdir()
                write(folder / "scene.bin", GIB)

            def bring_in(folder: Path = folder) -> float:
                project = folder.with_suffix(".new.clst")
                for leftover in project.parent.glob(project.name + "*"):
                    leftover.unlink()
                mountfs("init", project)
                read_whole(folder / "scene.bin")
                return timed(lambda: mountfs("import", folder, project))

            def checksum(folder: Path = folder) -> float:
                command = ["sha256sum", str(folder / "scene.bin")]
                return timed(
                    lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=_BOUND)
                )

            self.figures[f"import of 1 GiB, {name}"] = {
                "mountfs s": self.median(bring_in),
                "sha256sum s": self.median(checksum),
            }

    def measure_read_ahead(self) -> None:
        """Sequential cold read of 1 GiB at several read_ahead_kb of the mount."""
        project = self.project_of(self.big())
        row: dict[str, float] = {}
        for kib in (128, 512, 1024, 2048, 4096):

            def at_this(kib: int = kib) -> float:
                with mounted(project, self.place / "mnt") as mount_point:
                    set_read_ahead(mount_point, kib)
                    return timed(lambda: read_whole(mount_point / "scene.bin"))

            row[f"{kib} KiB s"] = self.median(at_this)
        self.figures["read_ahead_kb, sequential 1 GiB cold"] = row

    def measure_many(self) -> None:
        """100 000 assets in 5 000 collections: mount to first `ls`, RSS, `find` beside the no-op mount."""
        from mountfs.testing.rows import big_project

        project = self.place / "many.clst"
        if not project.exists():
            big_project(project, assets=100_000, collections=5_000)
        mount_point = self.place / "mnt"
        mount_point.mkdir(exist_ok=True)
        first, found, memory = [], [], []
        tree = self.place / "many-tree"
        for _ in range(self.runs):
            drop_caches()
            started = time.perf_counter()
            mountfs("mount", project, mount_point)
            try:
                os.listdir(mount_point)
                first.append(time.perf_counter() - started)
                found.append(timed(lambda: walk(mount_point)))
                memory.append(float(daemon_rss(mount_point)) / MIB)
                if not tree.exists():
                    copy_tree(mount_point, tree)
            finally:
                mountfs("umount", mount_point)
        self.figures["100 000 assets: walk of all"] = {
            "mountfs s": statistics.median(found),
            "no-op mount s": self.median(lambda: self.in_noop(tree, walk)),
        }
        self.figures["100 000 assets: mount to first ls"] = {"mountfs s": statistics.median(first)}
        self.figures["100 000 assets: daemon RSS after the walk"] = {"mountfs MiB": statistics.median(memory)}


def copy_tree(source: Path, target: Path) -> None:
    """The same names as empty sparse files, for the no-op mount to take its tree from."""
    for folder, _folders, files in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir(parents=True)
        for name in files:
            with open(here / name, "wb") as out:
                out.truncate((Path(folder) / name).stat().st_size)


def daemon_rss(mount_point: Path) -> int:
    """Resident bytes of the daemon that serves a mount point."""
    from mountfs import control

    pid = control.ask(mount_point, {"op": "info"})["pid"]
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) * 1024


if __name__ == "__main__":
    main(Bench, __doc__)
