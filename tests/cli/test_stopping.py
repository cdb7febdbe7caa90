"""A kill, or Ctrl-C, at any step of the long errands: nothing is lost, and running it again finishes them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from mountfs import cli
from mountfs.content.assemble import assemble
from mountfs.exchange import batches
from mountfs.exchange.meter import NoMeter
from mountfs.exchange.verifying import Verification
from mountfs.model import Asset
from mountfs.storage.open import open_project
from mountfs.storage.unreferenced import GRACE
from mountfs.studio.outline import Outline
from mountfs.studio.service import StudioService
from mountfs.testing import dying
from mountfs.testing.projects import new_project
from tests.cli.conftest import MOMENT
from tests.cli.serving import run

POINTS = 4
"""Steps at which each errand is killed, and stopped, in the usual suite. Every step: those who wait."""

Files = dict[str, bytes]


@dataclass(frozen=True)
class Place:
    """A folder for one attempt."""

    top: Path

    @property
    def project(self) -> Path:
        return self.top / "film.clst"

    @property
    def table(self) -> Path:
        return self.top / "table.csv"

    @property
    def chunks(self) -> Path:
        return self.top / "chunks"


def sound(project: Path, chunks: Path) -> Files:
    """Every file of a project; nothing in it is damaged."""
    with open_project(project, storage_dir=chunks, read_only=True) as opened:
        flaws = Verification(opened, NoMeter()).run().flaws
        assert [flaw for flaw in flaws if flaw.checkpoint] == []
        service = StudioService(opened)
        owner = service.for_owner(service.author())
        return {
            path: b"".join(assemble(owner.manifest(thing.head.id), opened.chunks)) if thing.head else b""
            for path, thing in Outline(owner.tree()).walk()
            if isinstance(thing, Asset)
        }


def exported(folder: Path) -> Files:
    """Every file of a folder but for those that are not finished."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".mountfs-part")
    }


class Errand(ABC):
    """One of the long commands, in a place with a project that holds the files."""

    def prepare(self, place: Place, files: Files) -> None:  # noqa: B027  # most need nothing
        """Get ready what it needs; ``files`` follow, if that changes the project."""

    @abstractmethod
    def words(self, place: Place) -> list[str | Path]:
        """The command."""

    def whole(self, place: Place, files: Files) -> None:
        """Nothing is lost, however far it came."""
        assert sound(place.project, place.chunks) == files

    @abstractmethod
    def finished(self, place: Place, files: Files) -> None:
        """It has done all of its work."""


class Importing(Errand):
    def prepare(self, place: Place, files: Files) -> None:  # noqa: ARG002  # as above
        place.project.unlink()
        new_project(place.project).close()

    def words(self, place: Place) -> list[str | Path]:
        return ["import", place.top / "film", place.project]

    def whole(self, place: Place, files: Files) -> None:
        assert sound(place.project, place.chunks).items() <= files.items()

    def finished(self, place: Place, files: Files) -> None:
        assert sound(place.project, place.chunks) == files


class Exporting(Errand):
    def words(self, place: Place) -> list[str | Path]:
        return ["export", place.project, place.top / "out"]

    def whole(self, place: Place, files: Files) -> None:
        super().whole(place, files)
        assert exported(place.top / "out").items() <= files.items()

    def finished(self, place: Place, files: Files) -> None:
        assert exported(place.top / "out") == files
        assert not list((place.top / "out").rglob("*.mountfs-part"))


class BackingUp(Errand):
    def words(self, place: Place) -> list[str | Path]:
        return ["backup", place.project, place.top / "copies" / "copy.clst", "--storage-dir", place.chunks]

    def prepare(self, place: Place, files: Files) -> None:  # noqa: ARG002  # as above
        (place.top / "copies").mkdir()

    def whole(self, place: Place, files: Files) -> None:
        super().whole(place, files)
        if (place.top / "copies" / "copy.clst").exists():
            self.finished(place, files)

    def finished(self, place: Place, files: Files) -> None:
        copy = place.top / "copies" / "copy.clst"
        assert sound(copy, copy.with_suffix(".chunks")) == files


class BackingUpFiles(BackingUp):
    def prepare(self, place: Place, files: Files) -> None:
        super().prepare(place, files)
        deflate(place)


class ConvertingOut(Errand):
    mode = "deflated"

    def words(self, place: Place) -> list[str | Path]:
        return ["convert", place.project, self.mode, "--storage-dir", place.chunks]

    def finished(self, place: Place, files: Files) -> None:
        with open_project(place.project, storage_dir=place.chunks, read_only=True) as opened:
            assert opened.mode == self.mode
        with closing(sqlite3.connect(place.project)) as connection:
            old = "chunk" if self.mode == "deflated" else "chunk_ref"
            assert connection.execute(f"SELECT count(*) FROM {old}").fetchone() == (0,)
        self.whole(place, files)


class ConvertingIn(ConvertingOut):
    mode = "compact"

    def prepare(self, place: Place, files: Files) -> None:  # noqa: ARG002  # as above
        deflate(place)


class Cloning(Errand):
    def words(self, place: Place) -> list[str | Path]:
        return ["clone", place.project, place.top / "copies" / "mine.clst"]

    def prepare(self, place: Place, files: Files) -> None:  # noqa: ARG002  # as above
        (place.top / "copies").mkdir()

    def whole(self, place: Place, files: Files) -> None:
        super().whole(place, files)
        if (place.top / "copies" / "mine.clst").exists():
            self.finished(place, files)

    def finished(self, place: Place, files: Files) -> None:
        assert sound(place.top / "copies" / "mine.clst", place.chunks) == files


class Collecting(Errand):
    def prepare(self, place: Place, files: Files) -> None:
        assert dying.run(["trash", f"{place.project}:/library"], place.top)[0] == 0
        assert dying.run(["purge", place.project, "--yes", "film.clst"], place.top)[0] == 0
        self._forget(files)
        assert dying.run(["gc", place.project], place.top)[0] == 0
        with closing(sqlite3.connect(place.project)) as connection:
            connection.execute("UPDATE mountfs_unreferenced SET seen_at = seen_at - ?", (GRACE,))
            connection.commit()

    def words(self, place: Place) -> list[str | Path]:
        return ["gc", place.project, "--yes", "film.clst", "--storage-dir", place.chunks]

    def finished(self, place: Place, files: Files) -> None:
        self.whole(place, files)
        with closing(sqlite3.connect(place.project)) as connection:
            stored = {name for (name,) in connection.execute("SELECT hash FROM chunk")}
            rows = connection.execute("SELECT chunks FROM asset_checkpoint").fetchall()
        assert stored == {name for (chunks,) in rows for name in chunks.split(",") if name}

    def _forget(self, files: Files) -> None:
        for name in list(files):
            if name.startswith("library/"):
                del files[name]


class CollectingFiles(Collecting):
    def prepare(self, place: Place, files: Files) -> None:
        super().prepare(place, files)
        with closing(sqlite3.connect(place.project)) as connection:
            notes = connection.execute("SELECT hash, seen_at FROM mountfs_unreferenced").fetchall()
        deflate(place)
        with closing(sqlite3.connect(place.project)) as connection:
            connection.executemany("INSERT OR REPLACE INTO mountfs_unreferenced VALUES (?, ?)", notes)
            connection.commit()
        for file in place.chunks.rglob("*"):
            os.utime(file, (MOMENT / 1e9, MOMENT / 1e9))

    def finished(self, place: Place, files: Files) -> None:
        self.whole(place, files)
        with closing(sqlite3.connect(place.project)) as connection:
            rows = connection.execute("SELECT chunks FROM asset_checkpoint").fetchall()
        named = {name for (chunks,) in rows for name in chunks.split(",") if name}
        assert {file.name for file in place.chunks.rglob("*") if file.is_file()} == named


class Planning(Errand):
    """A table in parts, whose files need each other."""

    def prepare(self, place: Place, files: Files) -> None:  # noqa: ARG002  # as above
        rows = [
            "/plan/a.txt,wip,/plan/b.txt;/plan/sub/c.txt",
            "/plan/b.txt,ready,/notes.txt",
            "/plan/sub/c.txt,,/plan/b.txt",
            "/plan/d.txt,done,/plan/a.txt",
        ]
        place.table.write_text("\n".join(["path,status,depends", *rows]))

    def words(self, place: Place) -> list[str | Path]:
        return ["new", place.project, "--csv", place.table]

    def whole(self, place: Place, files: Files) -> None:
        found = sound(place.project, place.chunks)
        assert found.items() >= files.items()
        assert not any(content for name, content in found.items() if name not in files)

    def finished(self, place: Place, files: Files) -> None:
        self.whole(place, files)
        assert run(*self.words(place)).out == "0 new files, 0 new folders, 4 unchanged\n"


def deflate(place: Place) -> None:
    """Have the project's chunks in the folder."""
    words: list[str | Path] = ["convert", place.project, "deflated", "--storage-dir", place.chunks]
    assert dying.run(words, place.top)[0] == 0


ERRANDS: dict[str, Callable[[], Errand]] = {
    "import": Importing,
    "export": Exporting,
    "backup": BackingUp,
    "backup of files": BackingUpFiles,
    "convert to files": ConvertingOut,
    "convert to one file": ConvertingIn,
    "clone": Cloning,
    "gc": Collecting,
    "gc of files": CollectingFiles,
    "new": Planning,
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Files]:
    """A folder of work, and a project with it."""
    top = tmp_path_factory.mktemp("filled")
    files = {f"shots/sh0{n}/sh0{n}.ma": b"requires maya;\n" * n for n in range(1, 4)}
    files |= {"library/fox.bin": random.Random(7).randbytes(2_500_000), "notes.txt": b"hello\n"}
    for name, content in files.items():
        path = top / "film" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, ns=(MOMENT, MOMENT))
    new_project(top / "film.clst").close()
    assert dying.run(["import", top / "film", top / "film.clst"], top)[0] == 0
    return top, files


@pytest.fixture
def attempt(
    filled: tuple[Path, Files], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Errand, int, signal.Signals], int]:
    """Try an errand in a fresh place, with a signal at a step, and once more; how many steps it took."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setattr(batches, "PART", 1)
    done: list[int] = []

    def try_it(errand: Errand, last: int, number: signal.Signals) -> int:
        top = tmp_path / str(len(done))
        done.append(last)
        shutil.copytree(filled[0], top)
        place, files = Place(top), dict(filled[1])
        errand.prepare(place, files)
        words = errand.words(place)
        code, steps = dying.run(words, top, last=last, number=number)
        assert code in ((0,) if not last else (0, -signal.SIGKILL, cli.STOPPED))
        errand.whole(place, files)
        if code:
            again, _ = dying.run(words, top)
            assert again == 0, f"the second run ended with {again}, after {number.name} at step {last}"
        errand.finished(place, files)
        shutil.rmtree(top)
        return steps

    return try_it


@pytest.mark.parametrize("name", ERRANDS)
def test_an_errand_survives(name: str, attempt: Callable[[Errand, int, signal.Signals], int]):
    """Killed or stopped at some of its steps, an errand has lost nothing, and comes to its end the next
    time."""
    steps = attempt(ERRANDS[name](), 0, dying.KILL)
    assert steps > POINTS, "it is not watched"
    for point in range(POINTS):
        number = dying.STOP if point % 2 else dying.KILL
        attempt(ERRANDS[name](), 1 + point * (steps - 1) // (POINTS - 1), number)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", [dying.KILL, dying.STOP], ids=["kill", "Ctrl-C"])
@pytest.mark.parametrize("name", ERRANDS)
def test_an_errand_survives_at_every_step(
    name: str, number: signal.Signals, attempt: Callable[[Errand, int, signal.Signals], int]
):
    """The same at each single step."""
    for step in range(1, attempt(ERRANDS[name](), 0, number) + 1):
        attempt(ERRANDS[name](), step, number)
