"""Programs that exercise file systems, for minutes, on a mount that others may enter.

Nothing hangs, the program behind the mount lives and does not grow, and it logs nothing that it need not.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mountfs.config import MountOptions
from mountfs.testing.mounts import Mounts
from tests.mounted.film import Film
from tests.mounted.posix.tools import Arena, require_others, tool

pytestmark = [pytest.mark.posix, pytest.mark.stress, pytest.mark.timeout(1200)]

FAILING = Path(__file__).parent / "posix" / "pjdfstest-failing.toml"

PJDFSTEST = """
[features]
utimensat = {}
utime_now = {}
rename_ctime = {}
posix_fallocate = {}
[settings]
naptime = 0.01
[dummy_auth]
entries = [["nobody", "nogroup"], ["daemon", "daemon"]]
"""

LEAST_PASSING = 260

COUNTED = {
    "fsize": "takes a signal for missing that it did not cause because its time was up just then, where the"
    " file system leaves fallocate(2) to programs",
}
"""Parts of stress-ng's class of file systems that are run for a number of rounds, not for a time, and why."""

ROUNDS = 10

ENTRIES = 100_000


@pytest.fixture
def arena() -> Iterator[Arena]:
    """A mount with the options that people have, where others can come, and at a path that a socket may
    have: 107 bytes, of which pjdfstest takes 60 for its own names.
    """
    require_others()
    with tempfile.TemporaryDirectory(prefix="") as top, closing(Film(Path(top) / "film.clst")) as film:
        os.chmod(top, 0o755)
        film.folder("w")
        with Mounts(Path(top)) as mounts:
            mount = mounts.mount(film.path, options=MountOptions(allow_other=True))
            folder = mount.path / "w"
            assert len(os.fsencode(folder)) <= 47, f"{folder} is too long: set TMPDIR"
            for each in (mount.path, folder):
                each.chmod(0o755)
            made = Arena(mount, folder)
            yield made
            made.check()


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another file system."""
    folder = Path("/dev/shm") / f"mountfs-{os.getpid()}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def test_pjdfstest(arena: Arena, tmp_path: Path, elsewhere: Path):
    """Of pjdfstest's cases only those fail that need hard links, devices or other owners, and each is
    listed.
    """
    configuration = tmp_path / "pjdfstest.toml"
    configuration.write_text(PJDFSTEST)
    command = (tool("pjdfstest"), "-c", configuration, "-p", arena.folder, "-s", elsewhere)
    listed = {case for group in tomllib.loads(FAILING.read_text())["failing"] for case in group["cases"]}
    for _ in range(2):
        said = arena.run(*command, seconds=300, may_fail=True)
        came = dict(re.findall(r"^(\S+::\S+) +(ok|FAILED|skipped)$", said, re.MULTILINE))
        assert came, said
        by_result = {
            word: {case for case, result in came.items() if result == word} for word in came.values()
        }
        assert sorted(by_result["FAILED"] - listed) == []
        assert sorted(listed & by_result["ok"]) == []
        assert sorted(listed - set(came)) == []
        if os.getuid() == 0:
            assert len(by_result["ok"]) >= LEAST_PASSING
            assert not listed & by_result["skipped"]
        arena.check()
        arena.warm()


WITHOUT_MAPPINGS = "[weights]\nmapread = 0.0\nmapwrite = 0.0\n"
EVERYTHING = """
invalidate = 1.0
close_open = 1.0
fsync = 1.0
fdatasync = 1.0
sendfile = 5.0
copy_file_range = 5.0
posix_fadvise = 1.0
"""


@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "unmapped"])
def test_fsx(arena: Arena, tmp_path: Path, mapped: bool):
    """50 000 random changes of a file leave the bytes they should."""
    configuration = tmp_path / "fsx.toml"
    configuration.write_text(("[weights]\n" if mapped else WITHOUT_MAPPINGS) + EVERYTHING)
    for count, seed in ((2_000, 1), (50_000, 2)):
        command = (tool("fsx"), "-f", configuration, "-N", str(count), "-S", str(seed), "-P", tmp_path)
        arena.run(*command, arena.folder / f"file-{seed}.bin", seconds=540)
        if not arena.settled:
            arena.warm()


def test_stress_ng(arena: Arena, tmp_path: Path):
    """All that stress-ng has for file systems, one after the other, for two seconds or some rounds."""
    (arena.folder / "stress").mkdir()
    timed = ("--sequential", "1", "--class", "filesystem", "--timeout", "2", "--exclude", ",".join(COUNTED))
    counted = [(f"--{name}", "1", f"--{name}-ops", str(ROUNDS)) for name in COUNTED]
    # These last: what they write beyond the largest file is refused when the kernel sends it, of which it
    # tells whoever syncs the file system next.
    for parts in (timed, timed, *counted):
        said = arena.run(
            tool("stress-ng"),
            *parts,
            *("--temp-path", arena.folder / "stress"),
            seconds=500,
            within=tmp_path,
            may_fail=True,  # what it has to leave out here is a failure for it
        )
        assert [line for line in said.splitlines() if "fail:" in line] == []
        assert "successful run completed" in said
        if not arena.settled:
            arena.warm()


@pytest.mark.parametrize("engine", ["psync", "mmap", "libaio"])
@pytest.mark.parametrize("pattern", ["write", "randrw"])
def test_fio(arena: Arena, engine: str, pattern: str):
    """What fio wrote it reads again, with each way to read and write, by four jobs at once."""
    direct = "1" if engine == "libaio" else "0"
    said = arena.run(
        *(
            tool("fio"),
            "--name=job",
            f"--directory={arena.folder}",
            f"--ioengine={engine}",
            f"--rw={pattern}",
        ),
        *("--size=16m", "--numjobs=4", "--bs=4k" if direct == "1" else "--bsrange=1k-64k", "--iodepth=8"),
        *(f"--direct={direct}", "--verify=crc32c", "--verify_fatal=1", "--do_verify=1", "--group_reporting"),
        *("--fallocate=none", "--end_fsync=1"),
        seconds=300,
        within=arena.folder,
    )
    assert re.search(r"err= 0", said), said


def test_dbench(arena: Arena):
    """The load of an office's file server, with four clients."""
    load = "/usr/share/dbench/client.txt"
    for seconds in (5, 20):
        said = arena.run(tool("dbench"), "-D", arena.folder, "-c", load, "-t", str(seconds), "4", seconds=200)
        assert "Throughput" in said
        if not arena.settled:
            arena.warm()


@pytest.mark.timeout(3600)
def test_a_folder_of_very_many(arena: Arena):
    """100 000 entries in one folder are made, listed, asked for and removed, and so is the folder, while they
    become files of the project and go to its trash.
    """
    folder = arena.folder / "many"
    folder.mkdir()
    names = [f"{number:06}.txt" for number in range(ENTRIES)]
    for name in names:
        os.close(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    assert sorted(os.listdir(folder)) == names
    assert all((folder / name).stat().st_nlink == 1 for name in names)
    for name in names:
        os.unlink(folder / name)
    assert os.listdir(folder) == []
    folder.rmdir()
