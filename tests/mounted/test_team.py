"""What a team does by command shows in everybody's mount, and commands take paths of a mount."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mountfs import cli
from mountfs.config import MountOptions
from mountfs.model import Toggle
from mountfs.testing.mounts import Mount, Mounts, bounded, wait_until
from tests.cli.serving import run
from tests.mounted.asking import settle
from tests.mounted.film import Film
from tests.mounted.workplace import PATIENT

Mounting = Callable[..., Mount]
HEADER = "path,template,assignee,status,depends\n"


@pytest.fixture
def team(mounts: Mounts, film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mounting:
    """A project of ada's with bo, an artist; its mounts are found by this process's commands."""
    config = tmp_path / "config" / "mountfs"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(f'runtime_dir = "{tmp_path}/run"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    film.add_user("bo", "artist")
    film.write_all({"shots/a.blend": b"first", "characters/fox.blend": b"fox"})

    def mount(username: str | None = None, *, options: MountOptions = PATIENT) -> Mount:
        return mounts.mount(film.path, username, at=username or "mnt", options=options)

    return mount


def shows(path: Path) -> None:
    """A path is there soon."""
    wait_until(lambda: bounded(path.exists), f"{path} to show")


def hides(path: Path) -> None:
    """A path is not there any more soon."""
    wait_until(lambda: not bounded(path.exists), f"{path} to vanish")


def test_what_is_assigned_shows_in_their_mount(team: Mounting):
    """A task with all that it needs comes and goes while it is mounted; the path may be that of a mount."""
    mine, bos = team(), team("bo")
    assert list(bos.path.iterdir()) == []
    shot, fox = mine.path / "shots/a.blend", mine.path / "characters/fox.blend"
    run("depend", "add", shot, fox)
    assert "bo comes to see 2 files" in run("assign", shot, "bo", "--task").out
    shows(bos.path / "shots/a.blend")
    shows(bos.path / "characters/fox.blend")
    run("depend", "remove", shot, fox)
    hides(bos.path / "characters/fox.blend")
    run("library", "share", mine.path / "characters")
    shows(bos.path / "characters/fox.blend")
    run("unassign", shot)
    hides(bos.path / "shots")


def test_a_dry_run_does_not_show(team: Mounting):
    """Nothing comes into sight by it, for however short a time."""
    mine, bos = team(), team("bo")
    run("assign", mine.path / "shots/a.blend", "bo", "--task", "-n")
    run("library", "share", mine.path / "characters", "-n")
    run("library", "share", mine.path / "shots")
    shows(bos.path / "shots/a.blend")
    assert not (bos.path / "characters").exists()


def test_a_mount_is_somebody(team: Mounting):
    """A command with a path of bo's mount acts as bo: refused what he may not do, blind for what he does not
    see, and told about his own tasks.
    """
    team()
    bos = team("bo")
    assert "nothing in Film is assigned to bo" in run("mine", bos.path).out
    assert "ada <ada@harbor.example>" in run("mine", bos.path).out
    run("assign", bos.path / "shots/a.blend", "bo", code=cli.REFUSED)
    run("mark", bos.path / "shots/a.blend", "wip", code=cli.NOT_FOUND)
    assert [row[0] for row in run("user", "list", bos.path).rows] == ["bo"]


def test_planned_files_are_saved_by_whose_they_are(team: Mounting, film: Film, tmp_path: Path):
    """A table makes them; they show in the artist's mount, empty or with the content of a template, and what
    he saves there is their next version.
    """
    run("template", "add", film.path, f"{film.path}:/shots/a.blend", "--name", "shot.blend")
    bos = team("bo")
    table = tmp_path / "shots.csv"
    table.write_text(f"{HEADER}/shots/b.blend,shot,bo,ready,/characters/fox.blend\n/shots/c.nk,,bo,,\n")
    run("new", film.path, "--csv", table)
    shows(bos.path / "shots/c.nk")
    assert (bos.path / "shots/b.blend").read_bytes() == b"first"
    assert (bos.path / "characters/fox.blend").read_bytes() == b"fox"
    assert (bos.path / "shots/c.nk").read_bytes() == b""
    rows = run("mine", bos.path).rows
    assert [row[:3] for row in rows] == [
        [str(bos.path / "shots/b.blend"), "ready", "1"],
        [str(bos.path / "shots/c.nk"), "todo", ""],
    ]
    (bos.path / "shots/c.nk").write_bytes(b"nodes")
    (bos.path / "shots/b.blend").write_bytes(b"second")
    settle(bos)
    for path, number in (("shots/c.nk", 1), ("shots/b.blend", 2)):
        asset = film.asset(path)
        assert asset is not None
        assert asset.head is not None
        assert (asset.head.number, asset.head.author) == (number, asset.assignee)


def test_a_planned_file_takes_no_local_name(team: Mounting, film: Film):
    """A name that a mount shows already, though the project does not know it yet, is not taken."""
    film.add_user("eve", "supervisor", frozenset(Toggle))
    mine = team()
    (mine.path / "shots/new.blend").write_bytes(b"local")
    err = run("new", mine.path / "shots/new.blend", code=cli.REFUSED).err
    assert "is there already; mountfs track" in err
    run("new", mine.path / "shots/other.blend")
    shows(mine.path / "shots/other.blend")


def test_a_comment_is_of_what_was_just_saved(team: Mounting, film: Film):
    """Saving and then saying what it was needs no waiting in between."""
    mine = team()
    path = mine.path / "shots/a.blend"
    path.write_bytes(b"second")
    assert run("comment", path, "a longer tail").out == "/shots/a.blend: version 2 says: a longer tail\n"
    asset = film.asset("shots/a.blend")
    assert asset is not None
    assert asset.head is not None
    assert (asset.head.number, asset.head.comment) == (2, "a longer tail")
    assert path.read_bytes() == b"second"


def test_a_comment_during_work_is_of_the_version_that_becomes_of_it(team: Mounting, film: Film):
    """The version before keeps what was said of it."""
    mine = team()
    path = mine.path / "shots/a.blend"
    with open(path, "ab") as file:
        file.write(b" and second")
        file.flush()
        done = run("comment", path, "still at it")
        assert done.out == "/shots/a.blend: its next version says: still at it\n"
    settle(mine)
    history = film.owner.history(film.asset("shots/a.blend").id)  # type: ignore[union-attr]  # it is there
    assert [(each.number, each.comment) for each in history] == [(2, "still at it"), (1, "about a.blend")]


def test_a_template_of_what_was_just_saved(team: Mounting):
    """By its path in the mount."""
    mine = team()
    path = mine.path / "shots/a.blend"
    path.write_bytes(b"a good beginning")
    run("template", "add", mine.path, path, "--name", "shot.blend")
    assert run("template", "list", mine.path).rows[0][:2] == ["shot.blend", "16"]
