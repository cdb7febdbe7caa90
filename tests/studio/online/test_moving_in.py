"""A project file moves into a studio."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from mountfs.errors import MountfsError, NotFound, StudioDataError
from mountfs.exchange.meter import NoMeter
from mountfs.exchange.studios.moving_in import MovingIn
from mountfs.exchange.studios.values import COPIED
from mountfs.exchange.verifying import Verification
from mountfs.model import ProjectId
from mountfs.storage import tables
from mountfs.storage.open import open_project
from mountfs.studio.accounts import Account
from mountfs.testing.online import OPERATOR, OnlineStudio, online_studio
from mountfs.testing.projects import production
from tests.cli.serving import run

QUIET = NoMeter()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A production with a trash, which nobody in the studio knows of."""
    path = tmp_path / "harbor.clst"
    project = production(path)
    project.close()
    with open_project(path, read_only=True) as opened, opened.database.reading() as connection:
        address = connection.execute(
            select(tables.user.c.email).where(tables.user.c.username == "ann")
        ).scalar()
        assert address == "ann@harbor.example"
    return path


@contextmanager
def moving(online: OnlineStudio, file: Path, *admins: Account) -> Iterator[MovingIn]:
    """An errand."""
    house = online.house
    with open_project(file, read_only=True) as source:
        yield MovingIn(source, house.accounts, house.hosting, OPERATOR, QUIET, admins=admins)


def test_a_project_moves_in_with_all_that_it_has(crew: OnlineStudio, file: Path):
    """Every row and every version is there, verified; who has an account of that address is that person and
    sees what they saw; nobody else comes in, and the file is as it was."""
    before = file.read_bytes()
    with open_project(file, read_only=True) as source, moving(crew, file) as errand:
        done = errand.run()
        hosted = crew.house.hosting.project(ProjectId(source.id))
        assert hosted.project.mode == "deflated"
        with source.database.reading() as old, hosted.project.database.reading() as new:
            for table in COPIED:
                count = len(old.execute(select(table.c[0])).all())
                assert (table.name, len(new.execute(select(table.c[0])).all())) == (table.name, count)
    assert Verification(hosted.project, QUIET).run().flaws == []
    inside = {each.username: each.sees for each in done.people if each.comes_in}
    assert set(inside) == {"ann", "bo", "eve"}
    for username, sees in inside.items():
        studio, _ = crew.project(username, done.project)
        assert len(studio.tree().assets) == sees > 0
    assert file.read_bytes() == before
    crew.hire("val")
    with pytest.raises(NotFound):
        crew.project("val", done.project)[0].tree()


def test_nobody_becomes_an_admin_by_what_a_file_says(crew: OnlineStudio, file: Path):
    """An admin of the file opens nothing, until whoever moves it in says that they are one here."""
    ada = crew.hire("ada")
    with moving(crew, file) as errand:
        assert {each.username: each.comes_in for each in errand.check().people}["ada"] is False
    with moving(crew, file, ada) as errand:
        done = errand.run()
    studio, _ = crew.project("ada", done.project)
    assert studio.viewer().person.username == "ada"


def test_somebody_who_is_not_in_the_file_can_be_its_admin(crew: OnlineStudio, file: Path):
    """The account that is named is taken in."""
    zoe = crew.hire("zoe")
    with moving(crew, file, zoe) as errand:
        done = errand.run()
    studio, _ = crew.project("zoe", done.project)
    assert studio.viewer().person.email == zoe.email


def test_a_project_moves_in_once(crew: OnlineStudio, file: Path):
    """The second time is refused, and changes nothing."""
    with moving(crew, file) as errand:
        errand.run()
    with moving(crew, file) as errand, pytest.raises(StudioDataError, match="already"):
        errand.run()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE asset SET id = 'a' || char(0) || 'b' WHERE rowid = 1",
        "UPDATE asset SET is_resource = 'yes' WHERE rowid = 1",
        "UPDATE asset_checkpoint SET chunks = '../../etc/passwd' WHERE rowid = 1",
        "UPDATE asset_checkpoint SET file_size = x'00' WHERE rowid = 1",
        "UPDATE asset_checkpoint SET file_size = file_size + 1 WHERE rowid = 1",
        "UPDATE chunk SET data = x'00' WHERE rowid = 1",
        "UPDATE user SET id = :account WHERE username = 'val'",
    ],
)
def test_a_file_with_what_cannot_be_does_not_move_in(crew: OnlineStudio, file: Path, damage: str):
    """A row that lies, content that is damaged, or somebody with the id of another person's account: nothing
    is in the studio then."""
    account = crew.caller("ann").id
    with closing(sqlite3.connect(file)) as connection:
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(damage, {"account": account} if ":account" in damage else {})
        connection.commit()
    with moving(crew, file) as errand, pytest.raises(MountfsError):
        errand.run()
    assert crew.house.hosting.ids() == []


def test_the_command(tmp_path: Path, file: Path):
    """An operator is shown who would be whom, and who sees how much in the end; without anybody to confirm
    it, nothing is done."""
    data = tmp_path / "studio"
    with online_studio(data) as online:
        online.hire("ann")
        online.hire("bo")
        online.hire("zoe")
    run("studio", "import", file, data, code=2)
    assert "dry run" in run("studio", "import", file, data, "--dry-run").out
    done = run(
        *("studio", "import", file, data, "--yes", "--admin", "bo", "--assign", "ann"),
        *("--person", "sol=zoe@harbor.example", "--library", "characters", "--json"),
    ).json
    assert (done["admins"], done["libraries"]) == (["bo"], ["characters"])
    sees = {each["username"]: each["sees"] for each in done["people"]}
    assert sees["ann"] > sees["bo"] > 0
    assert {each["username"] for each in done["people"] if each["comes_in"]} == {"ann", "bo", "sol"}
