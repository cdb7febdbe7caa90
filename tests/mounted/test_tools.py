"""Common tools save into a mount: each save is one version of the file that was meant, and no more."""

from __future__ import annotations

import io
import sqlite3
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from mountfs.testing.mounts import Mounts, running, wait_until
from tests.mounted.desk import Desk, execute
from tests.mounted.film import Film
from tests.mounted.workplace import PATIENT

TEXT = b"".join(b"line %d of a script\n" % number for number in range(500))


def pattern(size: int, seed: int) -> bytes:
    """Bytes that differ everywhere, and from those of another seed."""
    return b"".join((number * 2654435761 + seed).to_bytes(8, "little") for number in range(size // 8))


@pytest.mark.parametrize("backupcopy", ["yes", "no"])
@pytest.mark.parametrize("backup", ["backup", "nobackup"])
def test_vim(film: Film, mounts: Mounts, backupcopy: str, backup: str):
    """Whether vim rewrites a file or replaces it, and keeps a backup or none, a save is one version."""
    desk = Desk(film, mounts, {"fox.nk": TEXT})
    made = desk.run(
        "vim",
        "-Nu",
        "NONE",
        "-es",
        f"+set backupskip= backupcopy={backupcopy} {backup}",
        "+%s/script/poem/",
        "+wq",
        "fox.nk",
    )
    assert made == {"fox.nk": 1}
    assert desk.newest("fox.nk") == TEXT.replace(b"script", b"poem")
    assert desk.assets() == {"fox.nk"}
    assert sorted(path.name for path in desk.folder.iterdir()) == sorted(
        {"fox.nk"} | ({"fox.nk~"} if backup == "backup" else set())
    )


def test_rsync_in_place(film: Film, mounts: Mounts, tmp_path: Path):
    """rsync writes the pieces that changed into the file itself; that is one version, of all of it."""
    before = pattern(2 << 20, 1)
    after = before[: 1 << 20] + pattern(4096, 2) + before[(1 << 20) + 4096 :] + b"and a tail"
    source = tmp_path / "plate.exr"
    source.write_bytes(after)
    desk = Desk(film, mounts, {"plate.exr": before})
    sync = ("rsync", "--inplace", "--no-whole-file", "--times", source, "plate.exr")
    assert desk.run(*sync) == {"plate.exr": 1}
    assert desk.newest("plate.exr") == after
    assert desk.run(*sync) == {}, "nothing changed any more"
    assert (desk.folder / "plate.exr").stat().st_mtime_ns == source.stat().st_mtime_ns


def test_rsync_replaces(film: Film, mounts: Mounts, tmp_path: Path):
    """Without that, rsync writes a hidden file beside and renames it; that one is never an asset."""
    source = tmp_path / "plate.exr"
    source.write_bytes(pattern(1 << 20, 2))
    desk = Desk(film, mounts, {"plate.exr": pattern(1 << 20, 1)})
    assert desk.run("rsync", "--times", source, "plate.exr") == {"plate.exr": 1}
    assert desk.newest("plate.exr") == source.read_bytes()
    assert desk.assets() == {"plate.exr"}


def test_dd_into_the_middle(film: Film, mounts: Mounts, tmp_path: Path):
    """dd overwrites some blocks and leaves the others, as on a disk."""
    before = pattern(1 << 20, 1)
    (tmp_path / "patch").write_bytes(pattern(8192, 2))
    desk = Desk(film, mounts, {"disk.img": before})
    made = desk.run("dd", f"if={tmp_path}/patch", "of=disk.img", "bs=4096", "seek=10", "conv=notrunc")
    assert made == {"disk.img": 1}
    assert desk.newest("disk.img") == before[:40960] + pattern(8192, 2) + before[49152:]


def test_zip(film: Film, mounts: Mounts, tmp_path: Path):
    """A new archive is a new asset; adding to it is a version, and zip's temporary file is none."""
    (tmp_path / "one.txt").write_bytes(TEXT)
    (tmp_path / "two.txt").write_bytes(TEXT[::-1])
    desk = Desk(film, mounts, {"fox.nk": TEXT})
    assert desk.run("zip", "-j", "take.zip", tmp_path / "one.txt") == {"take.zip": 1}
    assert desk.run("zip", "-j", "take.zip", tmp_path / "two.txt") == {"take.zip": 1}
    with zipfile.ZipFile(io.BytesIO(desk.newest("take.zip"))) as archive:
        assert archive.testzip() is None
        assert archive.read("two.txt") == TEXT[::-1]
    assert desk.assets() == {"fox.nk", "take.zip"}


@pytest.mark.parametrize("mode", ["delete", "truncate", "wal"])
def test_sqlite(film: Film, mounts: Mounts, tmp_path: Path, mode: str):
    """A database that was opened, changed and closed is one version, whole, whatever journal it keeps."""
    desk = Desk(film, mounts, {"page.clip": database(tmp_path, mode)})
    words = "insert into layers values (7, zeroblob(100000)); select count(*) from layers;"
    assert execute(desk.folder, "sqlite3", "page.clip", words) == "4\n"
    assert desk.versions() == {"page.clip": 1}
    assert layers(desk, tmp_path) == [1, 2, 3, 7]
    assert execute(desk.folder, "sqlite3", "page.clip", "select count(*) from layers;") == "4\n"
    assert desk.versions() == {}, "looking is not changing"
    assert desk.assets() == {"page.clip"}


@pytest.mark.parametrize("mode", ["delete", "truncate", "wal"])
def test_a_database_that_stays_open(film: Film, mounts: Mounts, tmp_path: Path, mode: str):
    """A program that never closes its database has a version, whole, once what it wrote has rested."""
    options = replace(PATIENT, idle_time=0.5, quiet_time=0.2)
    desk = Desk(film, mounts, {"page.clip": database(tmp_path, mode)}, options=options)
    with running("sqlite3", desk.folder / "page.clip") as shell:
        assert shell.stdin is not None
        assert shell.stdout is not None

        def say(words: str) -> bytes:
            assert shell.stdin is not None
            assert shell.stdout is not None
            shell.stdin.write(f"{words}\n".encode())
            shell.stdin.flush()
            return shell.stdout.readline()

        assert say("insert into layers values (7, zeroblob(100000)); select count(*) from layers;") == b"4\n"
        if mode == "wal":
            assert say("pragma wal_checkpoint(truncate);") == b"0|0|0\n"
        made = wait_until(desk.arrived, "a version of the open database")
        assert made == {"page.clip": 1}
        assert layers(desk, tmp_path) == [1, 2, 3, 7]
        shell.stdin.write(b".quit\n")
        shell.stdin.flush()
        shell.wait(30)
    assert desk.versions() == {}, "closing it changes nothing any more"


def database(folder: Path, mode: str) -> bytes:
    """A database with three layers."""
    path = folder / f"{mode}.db"
    connection = sqlite3.connect(path)
    connection.execute(f"pragma journal_mode={mode}")
    connection.execute("create table layers (number integer primary key, pixels blob)")
    connection.executemany("insert into layers values (?, zeroblob(50000))", [(1,), (2,), (3,)])
    connection.commit()
    connection.close()
    return path.read_bytes()


def layers(desk: Desk, folder: Path) -> list[int]:
    """What is in the newest version of the database, which has to be whole by itself."""
    path = folder / "version.db"
    path.write_bytes(desk.newest("page.clip"))
    connection = sqlite3.connect(path)
    assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    found = [number for (number,) in connection.execute("select number from layers order by number")]
    connection.close()
    path.unlink()
    return found
