"""Names and folders: the same acts on a mount and on a native file system leave the same, and say the
same.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.mounted.posix import calls
from tests.mounted.posix.comparing import same, tick
from tests.mounted.posix.places import Table

pytestmark = pytest.mark.posix


def test_a_listing_has_each_name_once(tables: tuple[Table, Table]):
    """A folder of a thousand is listed whole; who reads it again from the start finds what is new and what
    is gone.
    """

    def act(place: Path) -> list[object]:
        names = [f"{number:04}" for number in range(1000)]
        for name in names:
            (place / name).touch()
        folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            first = sorted(os.listdir(folder))
            (place / "0500").unlink()
            (place / "new").touch()
            os.rename(place / "0001", place / "moved")
            again = sorted(os.listdir(folder))
        finally:
            os.close(folder)
        return [first == names, again]

    same(tables, act)


def test_a_listing_that_is_changed_while_it_is_read_misses_nothing(tables: tuple[Table, Table]):
    """What is there from the beginning to the end is listed exactly once, whatever else comes and goes."""

    def act(place: Path) -> list[object]:
        stay = {f"stay-{number:04}" for number in range(500)}
        for number in range(500):
            (place / f"stay-{number:04}").touch()
            (place / f"go-{number:04}").touch()
        seen = []
        with os.scandir(place) as entries:
            for count, entry in enumerate(entries):
                seen.append(entry.name)
                if count % 10 == 0 and count < 400:
                    (place / f"go-{499 - count // 10:04}").unlink(missing_ok=True)
                    (place / f"come-{count:04}").touch()
        kept = [name for name in seen if name in stay]
        return [len(kept), set(kept) == stay, len(set(seen)) == len(seen)]

    assert same(tables, act) == [500, True, True]


def test_what_was_removed_while_it_is_listed_does_not_come_back(tables: tuple[Table, Table]):
    """A name that was removed, moved or replaced after a listing was begun is what it is now, though the
    listing is read to its end.
    """

    def act(place: Path) -> list[object]:
        names = [f"{number:04}" for number in range(2000)]
        for name in names:
            (place / name).touch()
        with os.scandir(place) as entries:
            seen = {next(entries).name}
            for name in names[1::2]:
                (place / name).unlink()
            (place / names[0]).rename(place / "moved")
            (place / "new").write_text("new")
            (place / "new").replace(place / names[1000])
            seen |= {entry.name for entry in entries}
        there = [(place / name).exists() for name in names]
        left = set(os.listdir(place))
        return [
            set(names[2::2]) <= seen | {names[0]},
            there == [name in left for name in names],
            len(left),
            (place / names[1000]).read_text(),
        ]

    assert same(tables, act) == [True, True, 1000, "new"]


def test_a_folder_is_emptied_while_it_is_listed(tables: tuple[Table, Table]):
    """rm -r removes what it lists, batch after batch."""

    def act(place: Path) -> list[str]:
        for number in range(800):
            (place / f"{number}").touch()
        with os.scandir(place) as entries:
            for entry in entries:
                os.unlink(entry)
        left = os.listdir(place)
        os.rmdir(place)
        return left

    assert same(tables, act) == []


def test_a_position_in_a_folder_can_be_come_back_to(tables: tuple[Table, Table]):
    """telldir and seekdir: what was listed after a position is listed again after it."""

    def act(place: Path) -> list[object]:
        for number in range(300):
            (place / f"{number:03}").touch()
        with calls.Directory(place) as folder:
            names, positions = [], []
            while (name := folder.next()) is not None:
                names.append(name)
                positions.append(folder.tell())
            agree = []
            for at in (0, 10, 150, 250):
                folder.seek(positions[at])
                agree.append(folder.next() == names[at + 1])
            folder.rewind()
            agree.append(folder.next() == names[0])
        return [len(names), agree]

    assert same(tables, act) == [302, [True] * 5]


def test_what_is_renamed_is_the_same_file(tables: tuple[Table, Table]):
    """A rename keeps content, number, permissions and times; what was at the new name is gone."""

    def act(place: Path) -> list[object]:
        (place / "a").write_text("a")
        (place / "b").write_text("b")
        os.chmod(place / "a", 0o604)
        os.utime(place / "a", ns=(3, 5))
        before = (place / "a").stat()
        tick(place)
        os.rename(place / "a", place / "b")
        after = (place / "b").stat()
        kept = [
            getattr(before, field) == getattr(after, field)
            for field in ("st_ino", "st_mode", "st_mtime_ns", "st_atime_ns", "st_nlink", "st_size")
        ]
        return [kept, after.st_ctime_ns > before.st_ctime_ns, os.listdir(place), (place / "b").read_text()]

    assert same(tables, act) == [[True] * 6, True, ["b"], "a"]


def test_a_rename_is_never_seen_half_done(tables: tuple[Table, Table]):
    """Who looks while a name is replaced again and again always finds one of the two."""

    def act(place: Path) -> list[object]:
        (place / "name").write_text("0")
        pid = os.fork()
        if pid == 0:
            for number in range(300):
                (place / f"new-{number}").write_text(str(number))
                os.rename(place / f"new-{number}", place / "name")
            os._exit(0)
        misses, last = 0, 0
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            try:
                now = int((place / "name").read_text())
            except FileNotFoundError:
                misses += 1
            else:
                misses += now < last
                last = now
        return [misses, (place / "name").read_text()]

    assert same(tables, act) == [0, "299"]


def test_folders_are_moved_with_what_is_in_them(tables: tuple[Table, Table]):
    """A folder goes elsewhere whole, onto an empty one, and never into itself; `..` leads to the new
    place.
    """

    def act(place: Path) -> list[object]:
        (place / "a" / "b" / "c").mkdir(parents=True)
        (place / "a" / "b" / "file").write_text("text")
        (place / "empty").mkdir()
        (place / "x").mkdir()
        came = [
            calls.outcome(lambda: os.rename(place / "a", place / "a" / "b" / "new")),
            calls.outcome(lambda: os.rename(place / "a" / "b", place / "a")),
            calls.outcome(lambda: os.rename(place / "a", place / "empty")),
            calls.outcome(lambda: os.rename(place / "empty" / "b", place / "x" / "b")),
            calls.outcome(lambda: os.rename(place / "x", place / "empty" / "x")),
        ]
        inner = os.open(place / "empty" / "x" / "b" / "c", os.O_RDONLY)
        try:
            up = os.stat("../..", dir_fd=inner).st_ino == (place / "empty" / "x").stat().st_ino
        finally:
            os.close(inner)
        return [came, up, sorted(str(path.relative_to(place)) for path in place.rglob("*"))]

    same(tables, act)


def test_links_lead_where_they_say(tables: tuple[Table, Table]):
    """A symbolic link keeps its text, whatever it is, and its length is its size; 40 in a row are ELOOP."""

    def act(place: Path) -> list[object]:
        texts = ["file", "./folder/../file", "/nowhere/at all", "é\u202e\n", "x" * 4095]
        for number, text in enumerate(texts):
            os.symlink(text, place / f"link-{number}")
        (place / "file").write_text("text")
        os.symlink("file", place / "chain-0")
        for number in range(45):
            os.symlink(f"chain-{number}", place / f"chain-{number + 1}")
        return [
            [os.readlink(place / f"link-{number}") == text for number, text in enumerate(texts)],
            [os.lstat(place / f"link-{number}").st_size for number in range(5)],
            calls.outcome(lambda: os.symlink("x" * 4096, place / "long")),
            (place / "link-0").read_text(),
            (place / "chain-39").read_text(),
            calls.outcome(lambda: os.stat(place / "chain-40")),
        ]

    same(tables, act)


def test_folders_count_their_folders(tables: tuple[Table, Table]):
    """st_nlink of a folder is 2 and one for each folder in it, which tools like find go by."""

    def act(place: Path) -> list[int]:
        counts = [place.stat().st_nlink]
        for name in ("a", "b"):
            (place / name).mkdir()
            counts.append(place.stat().st_nlink)
        (place / "file").touch()
        os.rename(place / "a", place / "b" / "a")
        counts += [place.stat().st_nlink, (place / "b").stat().st_nlink]
        (place / "b" / "a").rmdir()
        counts.append((place / "b").stat().st_nlink)
        return counts

    same(tables, act)


def test_a_deep_tree_is_made_walked_and_removed(tables: tuple[Table, Table]):
    """A hundred folders in each other, longer than a path may be, are reached step by step."""

    def act(place: Path) -> list[object]:
        name = "d" * 100
        folder = os.open(place, os.O_RDONLY)
        for _ in range(60):
            os.mkdir(name, dir_fd=folder)
            below = os.open(name, os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = below
        came = calls.outcome(lambda: os.stat("/".join([str(place), *[name] * 60])))
        for _ in range(60):
            above = os.open("..", os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = above
            os.rmdir(name, dir_fd=folder)
        os.close(folder)
        return [came, os.listdir(place)]

    same(tables, act)
