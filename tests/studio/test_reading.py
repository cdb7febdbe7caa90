"""The catalogue in memory is the file's, whoever writes the file and however."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mountfs.errors import NotAProject
from mountfs.model import AssetId, CollectionId
from mountfs.storage.open import Project, open_project
from mountfs.studio.catalogue import Catalogue
from mountfs.studio.reading import CatalogueReader
from mountfs.testing.projects import MOMENT
from mountfs.testing.rows import Heap, Rows, random_project


class Hand:
    """Another connection that changes rows at random, in the way of a program that keeps mtimes, or not."""

    def __init__(self, project: Project, draw: random.Random, *, keeps_mtimes: bool) -> None:
        self.draw = draw
        self.keeps_mtimes = keeps_mtimes
        self.rows = Rows(project, clock=time.time if keeps_mtimes else lambda: MOMENT)
        self.heap: Heap = random_project(self.rows, draw, size=6)
        self.pairs: list[tuple[str, str]] = []
        self.count = 0

    def act(self) -> None:
        self.count += 1
        with self.rows.together():
            for _ in range(self.draw.randrange(1, 4)):
                self.draw.choice([self.add, self.add_version, self.change, self.change_folder, self.remove])()

    def add(self) -> None:
        draw, heap = self.draw, self.heap
        self.count += 1
        folder = draw.choice([CollectionId(""), *heap.collections])
        asset = self.rows.asset(f"new{self.count}.x", folder, assignee=draw.choice(heap.users))
        self.pairs.append(("asset_dependency", self.rows.need(asset, draw.choice(heap.assets))))
        heap.assets.append(asset)

    def add_version(self) -> None:
        asset = self.draw.choice(self.heap.assets)
        at = MOMENT + self.draw.randrange(-50, 50)
        self.rows.checkpoint(asset, b"%d" % self.count, created_at=at, trashed=self.draw.random() < 0.2)

    def change(self) -> None:
        values: dict[str, object] = self.draw.choice(
            [
                {"trashed": self.draw.random() < 0.5},
                {"assignee_id": self.draw.choice(self.heap.users)},
                {"collection_id": self.draw.choice(self.heap.collections)},
                {"pointer": f"p{self.count}"},
            ]
        )
        self._set("asset", self.draw.choice(self.heap.assets), values)

    def change_folder(self) -> None:
        values: dict[str, object] = self.draw.choice(
            [{"trashed": self.draw.random() < 0.5}, {"is_shared": self.draw.random() < 0.5}]
        )
        self._set("collection", self.draw.choice(self.heap.collections), values)

    def remove(self) -> None:
        if self.pairs and self.draw.random() < 0.5:
            self.rows.remove(*self.pairs.pop())
        elif len(self.heap.assets) > 3:
            self.rows.remove("asset", self.heap.assets.pop(self.draw.randrange(len(self.heap.assets))))

    def _set(self, table: str, id_: str, values: dict[str, object]) -> None:
        # A foreign synchronisation writes a row with the mtime that a server has for it: some old one.
        mtime = int(time.time()) if self.keeps_mtimes else MOMENT + self.count
        self.rows.change(table, id_, **values, mtime=mtime)


def contents(catalogue: Catalogue) -> dict[str, object]:
    """All that a catalogue says, without what is empty."""
    return {
        "collections": catalogue.collections,
        "assets": catalogue.assets,
        "versions": catalogue.versions,
        "members": catalogue.members,
        "roles": catalogue.roles,
        "asset_needs": catalogue.asset_needs,
        "folder_needs": catalogue.folder_needs,
        "assigned_folders": catalogue.assigned_folders,
        "in": {folder: found for folder, found in catalogue._assets_in.items() if found},
        "folders": {folder: found for folder, found in catalogue._folders_in.items() if found},
        "assigned": {user: found for user, found in catalogue._assigned.items() if found},
    }


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), keeps_mtimes=st.booleans(), blink=st.sampled_from([0.0, 60.0]))
def test_catching_up_equals_reading_everything(
    empty_file: Path, tmp_path: Path, seed: int, keeps_mtimes: bool, blink: float
):
    """After any writes by another connection, with recent mtimes or old ones, quick looks end where a
    reader that begins now does."""
    path = tmp_path / "refresh.clst"
    for leftover in tmp_path.glob("refresh.clst*"):
        leftover.unlink()
    shutil.copyfile(empty_file, path)
    with open_project(path) as ours, open_project(path) as theirs:
        hand = Hand(theirs, random.Random(seed), keeps_mtimes=keeps_mtimes)
        reader = CatalogueReader(ours.database, blink=blink)
        reader.catch_up()
        for _ in range(6):
            hand.act()
            reader.catch_up()
            fresh = CatalogueReader(ours.database)
            fresh.catch_up()
            assert contents(reader.catalogue) == contents(fresh.catalogue)


def test_a_row_that_did_not_change_stays_the_same_object(project: Project, rows: Rows):
    """Trees can be compared by identity, however the catalogue is brought up to date."""
    kept, changed = rows.asset("kept.x"), rows.asset("changed.x")
    for blink in (0.0, 60.0):
        reader = CatalogueReader(project.database, blink=blink)
        reader.catch_up()
        before = dict(reader.catalogue.assets)
        rows.change("asset", changed, pointer=f"{blink}", mtime=int(time.time()))
        reader.catch_up()
        assert reader.catalogue.assets[kept].asset is before[kept].asset
        assert reader.catalogue.assets[changed].asset is not before[changed].asset


def test_a_write_that_does_not_touch_an_mtime_is_seen(project: Project, rows: Rows):
    """Somebody with a database tool shares a collection by hand, in a project of any size."""
    folder = rows.collection("library")
    asset = rows.asset("a.x", folder)
    for blink in (0.0, 60.0):
        reader = CatalogueReader(project.database, blink=blink)
        reader.catch_up()
        rows.change("collection", folder, is_shared=True)
        reader.catch_up()
        assert reader.catalogue.collections[folder].collection.is_shared
        rows.change("asset", asset, collection_id="")
        reader.catch_up()
        assert reader.catalogue.assets[asset].asset.collection == ""
        rows.change("collection", folder, is_shared=False)
        rows.change("asset", asset, collection_id=folder)


def test_nothing_is_read_while_nobody_commits(project: Project, rows: Rows):
    """Looking again is free: the generation stands, and so does everything built on it."""
    rows.asset("a.x")
    reader = CatalogueReader(project.database)
    reader.catch_up()
    before = reader.catalogue.generation
    for _ in range(3):
        reader.catch_up()
    assert reader.catalogue.generation == before


def test_the_head_is_the_newest_version_that_is_not_trashed(project: Project, rows: Rows):
    """Numbers count trashed versions too, and versions of one second go by the order they were written in."""
    asset = rows.asset("a.x", contents=())
    for content, at, trashed in [(b"1", 5, False), (b"2", 7, True), (b"3", 6, False), (b"4", 6, False)]:
        rows.checkpoint(asset, content, created_at=at, trashed=trashed)
    reader = CatalogueReader(project.database)
    reader.catch_up()
    head = reader.catalogue.assets[asset].asset.head
    assert head is not None
    assert (head.number, head.created_at, head.size) == (3, 6, 1)
    assert len(reader.catalogue.versions_of(asset).rows) == 4


def test_a_name_that_is_no_utf_8_hides_nothing_else(project: Project, rows: Rows):
    """One damaged text leaves the rest of the project readable."""
    broken, whole = rows.asset("broken.x"), rows.asset("whole.x")
    with project.database.writing() as connection:
        connection.exec_driver_sql("UPDATE asset SET name = CAST(x'ff41' AS TEXT) WHERE id = ?", (broken,))
    reader = CatalogueReader(project.database)
    reader.catch_up()
    assert whole in reader.catalogue.assets


@pytest.mark.parametrize(
    ("table", "values", "shows"),
    [
        ("asset", {"trashed": 2}, False),
        ("asset", {"trashed": "no"}, False),
        ("asset", {"extension": b"\xff\xfe"}, False),
        ("asset", {"created_at": "yesterday"}, True),
        ("asset", {"collection_id": "nowhere"}, True),
        ("asset", {"status_id": "none"}, True),
        ("asset", {"mtime": "soon"}, True),
        ("asset", {"pointer": b"\x00"}, True),
        ("asset_checkpoint", {"created_at": "2026-11-21T07:45:15Z"}, True),
        ("asset_checkpoint", {"author_id": b"x"}, True),
        ("asset_checkpoint", {"file_size": "big"}, True),
    ],
)
def test_what_cannot_be_is_read_in_the_way_that_shows_least(
    project: Project, rows: Rows, table: str, values: dict[str, object], shows: bool
):
    """A project file is foreign input: odd values stop nothing, and show nothing that was not meant."""
    asset = rows.asset("a.x")
    with project.database.writing() as connection:
        ((column, value),) = values.items()
        where = "id" if table == "asset" else "asset_id"
        connection.exec_driver_sql(f"UPDATE {table} SET {column} = ? WHERE {where} = ?", (value, asset))
    reader = CatalogueReader(project.database)
    reader.catch_up()
    row = reader.catalogue.assets.get(AssetId(asset))
    assert (row is not None and not row.trashed) == shows


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**40])
@pytest.mark.parametrize("table", ["asset", "asset_checkpoint", "collection", "user", "tomb"])
def test_a_number_of_any_size_is_added_up(project: Project, rows: Rows, table: str, number: int):
    """A row with an absurd time neither ends a mount nor keeps anybody from opening the project."""
    rows.asset("a.x", rows.collection("library"))
    kept = rows.asset("b.x")
    rows.asset("gone.x", trashed=True)
    if table == "tomb":
        rows.remove("asset", rows.asset("dead.x"))
    for blink in (0.0, 60.0):
        reader = CatalogueReader(project.database, blink=blink)
        reader.catch_up()
        with rows.together() as connection:
            connection.exec_driver_sql(f'UPDATE "{table}" SET mtime = ?', (number,))
        reader.catch_up()
        rows.change("asset", kept, pointer=f"{blink}", mtime=int(time.time()))
        reader.catch_up()
        fresh = CatalogueReader(project.database)
        fresh.catch_up()
        assert contents(reader.catalogue) == contents(fresh.catalogue)
        assert reader.catalogue.assets[kept].asset.pointer == f"{blink}"


def test_absurd_times_cost_no_second_look(project: Project, rows: Rows, monkeypatch: pytest.MonkeyPatch):
    """In a big project one strange row does not make every commit a reading of everything."""
    asset = rows.asset("a.x")
    rows.change("asset", asset, mtime=2**63 - 1)
    # Far from the second in which the project was made, or its statuses would be news.
    reader = CatalogueReader(project.database, blink=0.0, clock=lambda: time.time() + 60)
    reader.catch_up()
    monkeypatch.setattr(reader, "_look_fully", lambda _: pytest.fail("everything was read again"))
    rows.change("asset", rows.asset("b.x"), pointer="p", mtime=int(time.time()))
    reader.catch_up()
    assert len(reader.catalogue.assets) == 2


@pytest.mark.parametrize(
    ("away", "back"),
    [
        ("ALTER TABLE asset RENAME COLUMN pointer TO ptr", "ALTER TABLE asset RENAME COLUMN ptr TO pointer"),
        ("ALTER TABLE status RENAME TO away", "ALTER TABLE away RENAME TO status"),
        ("ALTER TABLE tomb RENAME TO away", "ALTER TABLE away RENAME TO tomb"),
    ],
)
def test_a_file_that_is_reshaped_under_us(project: Project, rows: Rows, away: str, back: str):
    """Whoever follows a project while a migration is under way is told so in a sentence, until it is over."""
    rows.asset("a.x")
    for blink in (0.0, 60.0):
        reader = CatalogueReader(project.database, blink=blink)
        reader.catch_up()
        for statement, refused in ((away, True), (back, False)):
            with closing(sqlite3.connect(project.path)) as other:
                # Otherwise SQLite looks at our views and triggers, and refuses.
                other.execute("PRAGMA legacy_alter_table = ON")
                other.execute("PRAGMA writable_schema = ON")
                other.execute(statement)
                other.commit()
            if refused:
                with pytest.raises(NotAProject, match=r"no column|no such|no table"):
                    reader.catch_up()
        reader.catch_up()
        assert len(reader.catalogue.assets) == 1
