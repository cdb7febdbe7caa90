"""New files and folders, names that stay on this machine, and names that cannot be."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mountfs.model import Toggle
from mountfs.testing.mounts import Mounts, wait_until
from tests.mounted.film import Film
from tests.mounted.states.cell import fails_with
from tests.mounted.workplace import SWIFT, Workplace, listing, workplace


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A mount in which nothing is sent before a test asks for it."""
    files = {"shots/a.txt": b"old", "shots/case.txt": b"old", "shots/plate.tmp": b"old", "old/b.txt": b"old"}
    with workplace(tmp_path_factory.mktemp("names"), files) as place:
        yield place


# New files


def test_a_new_file_becomes_an_asset_when_it_rests(mounts: Mounts, film: Film):
    """Nobody has to ask for it; a task of its maker, or a resource where everybody sees it."""
    film.owner.share(film.folder("library"))
    film.folder("shots")
    place = Workplace(film, mounts, options=SWIFT)
    for path in ("shots/new.txt", "library/new.txt"):
        (place / path).write_bytes(b"new")
        assert place.state(path) in ("waiting", "sending", "normal")
        place.wait_for(path, b"new")
    task, resource = place.paths()["shots/new.txt"], place.paths()["library/new.txt"]
    assert (task.is_resource, task.assignee) == (False, film.owner.viewer().person.id)
    assert resource.is_resource


def test_a_new_file_of_an_artist_is_theirs(mounts: Mounts, film: Film):
    """Who makes a file in a folder that is not theirs is its assignee, so that they go on seeing it."""
    bo = film.add_user("bo", "artist", film_rights(Toggle.CREATE_ASSET))
    film.write("shots/mine.txt", b"mine", assignee=bo)
    film.owner.assign(film.folder("own"), bo)
    place = Workplace(film, mounts, "bo", options=SWIFT)
    for path in ("shots/new.txt", "own/new.txt"):
        (place / path).write_bytes(b"new")
        place.wait_for(path, b"new")
    task, resource = place.paths()["shots/new.txt"], place.paths()["own/new.txt"]
    assert (task.is_resource, task.assignee) == (False, bo)
    assert resource.is_resource
    place.settle()
    assert (place / "shots/new.txt").read_bytes() == b"new"


def test_a_file_that_is_removed_before_it_rests_was_never_there(place: Workplace):
    """Nobody else sees temporary files, whatever they are called."""
    before = place.paths().keys()
    (place / "shots/probe.bin").write_bytes(b"may I?")
    (place / "shots/probe.bin").unlink()
    place.settle()
    assert place.paths().keys() == before


def test_new_files_may_wait_for_a_word(mounts: Mounts, film: Film):
    """With ``track=manual`` a new file stays on this machine and says so, and is sent when it is tracked."""
    film.folder("shots")
    place = Workplace(film, mounts, options=replace(SWIFT, track="manual"))
    (place / "shots/new.txt").write_bytes(b"new")
    wait_until(lambda: place.state("shots/new.txt") == "untracked", "the file to be untracked")
    assert "mountfs track" in place.reason("shots/new.txt")
    place.settle()
    assert place.paths() == {}


def test_a_new_file_at_the_name_of_a_trashed_one_brings_it_back(place: Workplace):
    """Its versions go on."""
    (place / "shots/again.txt").write_bytes(b"first")
    place.settle()
    asset = place.paths()["shots/again.txt"]
    (place / "shots/again.txt").unlink()
    place.settle()
    assert "shots/again.txt" not in place.paths()
    (place / "shots/again.txt").write_bytes(b"second")
    place.settle()
    assert place.paths()["shots/again.txt"].id == asset.id
    assert place.versions("shots/again.txt") == [b"first", b"second"]


def test_a_folder_is_removed_as_soon_as_what_was_in_it(mounts: Mounts, film: Film):
    """However much that was: each file is in the trash by itself, and what was copied from one is not."""
    film.write_all({f"many/{number:03}.txt": b"%d" % number for number in range(300)})
    film.write("shots/a.txt", b"a")
    place = Workplace(film, mounts)
    ids = {asset.id for path, asset in place.paths().items() if path.startswith("many/")}
    (place / "many/100.txt").rename(place / "shots/moved.txt")
    (place / "many/200.txt").rename(place / "shots/a.txt")
    for path in (place / "many").iterdir():
        path.unlink()
    (place / "many").rmdir()
    assert listing(place / ".") == ["shots"]
    assert set(place.paths()) == {"shots/a.txt", "shots/moved.txt"}
    trash = film.owner.trash_listing()
    film.owner.restore(next(each.id for each in trash.collections if each.name == "many"))
    assert {path for path in place.paths() if path.startswith("many/")} == set()
    place.settle()
    assert place.versions("shots/a.txt") == [b"a", b"200"]
    assert place.versions("shots/moved.txt") == [b"100"]
    restorable = {asset.id for asset in film.owner.trash_listing().assets}
    assert restorable == ids - {place.paths()["shots/moved.txt"].id}


def test_a_name_that_two_had_is_the_others_when_one_is_removed(mounts: Mounts, film: Film):
    """What could not be shown under its name is, as soon as the name is free."""
    film.write_all({"shots/one.txt": b"one", "shots/two.txt": b"two"})
    with film.project.database.writing() as connection:
        connection.exec_driver_sql("UPDATE asset SET name = 'one.txt', extension = '' WHERE name = 'two'")
    place = Workplace(film, mounts)
    other, name = listing(place / "shots")
    assert (other[:5], name) == ("one (", "one.txt")
    content = (place / "shots" / other).read_bytes()
    (place / "shots/one.txt").unlink()
    place.settle()
    wait_until(lambda: listing(place / "shots") == ["one.txt"], "the other to have the name")
    assert (place / "shots/one.txt").read_bytes() == content


# New folders


def test_a_new_folder_becomes_a_collection_when_it_rests(mounts: Mounts, film: Film):
    """Or when the first file in it is sent, with those above it."""
    place = Workplace(film, mounts, options=SWIFT)
    (place / "rests").mkdir()
    (place / "deep/deeper").mkdir(parents=True)
    (place / "deep/deeper/new.txt").write_bytes(b"new")
    place.wait_for("deep/deeper/new.txt", b"new")
    wait_until(lambda: place.folders() == {"rests", "deep", "deeper"}, "the folders to be collections")


def test_a_folder_is_renamed_moved_and_removed(place: Workplace):
    """A moved folder takes along what is in it, and only an empty one can be removed."""
    for name in ("x", "y"):
        (place / name).mkdir()
        (place / name / "a.txt").write_bytes(name.encode())
    place.settle()
    os.rename(place / "x", place / "y" / "z")
    assert (place / "y/z/a.txt").read_bytes() == b"x"
    assert place.versions("y/z/a.txt") == [b"x"]
    fails_with(errno.ENOTEMPTY, os.rmdir, place / "y")
    (place / "y/z/a.txt").unlink()
    os.rmdir(place / "y/z")
    assert listing(place / "y") == ["a.txt"]
    assert "z" not in place.folders()


def test_a_folder_that_nobody_may_make_stays_here(mounts: Mounts, film: Film):
    """Who may not make collections can make folders, and what is in them stays with them and says why."""
    bo = film.add_user("bo", "artist", film_rights(Toggle.CREATE_ASSET))
    film.write("shots/mine.txt", b"mine", assignee=bo)
    place = Workplace(film, mounts, "bo", options=SWIFT)
    place.mount.expect_log("is not recorded: your role does not allow this")
    (place / "shots/cache").mkdir()
    (place / "shots/cache/new.txt").write_bytes(b"new")
    wait_until(lambda: place.state("shots/cache/new.txt") == "refused", "the refusal")
    assert "create_collection" in place.reason("shots/cache/new.txt")
    assert (place / "shots/cache/new.txt").read_bytes() == b"new"
    assert place.folders() == {"shots"}


# What stays on this machine


def test_scratch_stays_here_and_survives_a_remount(mounts: Mounts, film: Film):
    """Names on the ignore list, the project's and the built-in one, are of this machine only, in whatever
    case; so is all in a folder of such a name.
    """
    film.owner.set_ignore_list(["*.cache", "renders/"])
    film.folder("shots")
    place = Workplace(film, mounts)
    for path in ("a.tmp", "B.TMP", "a.blend1", "a.Cache", "renders/0001.exr", "~$a.docx"):
        (place / "shots" / path).parent.mkdir(exist_ok=True)
        (place / "shots" / path).write_bytes(path.encode())
        assert place.state(f"shots/{path}") == "scratch"
    place.settle()
    place.mount.unmount()
    place.mount_again()
    place.settle()
    assert place.paths() == {}
    assert place.folders() == {"shots"}
    assert listing(place / "shots") == sorted(
        ["a.tmp", "B.TMP", "a.blend1", "a.Cache", "renders", "~$a.docx"]
    )
    assert (place / "shots/renders/0001.exr").read_bytes() == b"renders/0001.exr"


def test_an_asset_of_an_ignored_name_stays_an_asset(place: Workplace):
    """The list decides about new names only."""
    (place / "shots/plate.tmp").write_bytes(b"new")
    place.settle()
    assert place.versions("shots/plate.tmp") == [b"old", b"new"]


def test_links_pipes_and_sockets_stay_here(mounts: Mounts, film: Film):
    """Tools lock with links and talk through sockets beside the file; nobody else sees them."""
    film.write("shots/a.txt", b"old")
    place = Workplace(film, mounts)
    folder = place / "shots"
    os.symlink("a.txt", folder / "link")
    os.mkfifo(folder / "pipe")
    here = os.getcwd()
    os.chdir(folder)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
    finally:
        os.chdir(here)
    place.settle()
    place.mount.unmount()
    place.mount_again()
    folder = place / "shots"
    assert listing(folder) == ["a.txt", "link", "pipe", "socket"]
    assert os.readlink(folder / "link") == "a.txt"
    assert (folder / "link").read_bytes() == b"old"
    assert stat.S_ISFIFO((folder / "pipe").lstat().st_mode)
    assert stat.S_ISSOCK((folder / "socket").lstat().st_mode)
    assert place.paths().keys() == {"shots/a.txt"}


def test_hard_links_devices_and_unnamed_files_are_refused(place: Workplace):
    """Two names would have one history, and a device is no file: tools do something else then."""
    fails_with(errno.EPERM, os.link, place / "shots/a.txt", place / "shots/second.txt")
    fails_with(errno.EPERM, os.mknod, place / "shots/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    fails_with(errno.EOPNOTSUPP, os.open, place / "shots", os.O_TMPFILE | os.O_RDWR)


@pytest.mark.parametrize(
    "name", [".envrc", "start.desktop", "AutoRun.inf", ".git/config", ".vscode/tasks.json"]
)
def test_what_makes_programs_run_code_stays_here(place: Workplace, name: str):
    """A project cannot be the way by which one person's program runs another's."""
    (place / "shots" / name).parent.mkdir(exist_ok=True)
    (place / "shots" / name).write_bytes(b"run me")
    assert place.state(f"shots/{name}") == "scratch"
    place.settle()
    assert f"shots/{name}" not in place.paths()
    assert (place / "shots" / name).read_bytes() == b"run me"


# Names that cannot be

BAD = ("tab\there.txt", "gpj.\u202eexe", " leading.txt", "trailing.txt ", "e\u0301.txt", b"latin-\xe9.txt")


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_cannot_be_an_assets_is_refused_at_once(place: Workplace, name: str | bytes):
    """Control characters, ones that turn text around, white space at an end, another form of Unicode: who
    makes the file is told, not who looks for it later.
    """
    folder = os.fsencode(place / "shots")
    path = os.path.join(folder, os.fsencode(name))
    fails_with(errno.EINVAL, os.open, path, os.O_CREAT | os.O_WRONLY)
    fails_with(errno.EINVAL, os.mkdir, path)
    fails_with(errno.EINVAL, os.rename, os.path.join(folder, b"a.txt"), path)
    (place / "shots/a.txt").stat()


def test_scratch_may_have_any_name(place: Workplace):
    """What never leaves this machine only has to be a name for this machine."""
    for name in (" leading.tmp", "e\u0301.tmp", "trailing.txt ~"):
        (place / "shots" / name).write_bytes(b"here")
        assert (place / "shots" / name).read_bytes() == b"here"


def test_names_that_differ_in_their_case_only_are_one(place: Workplace):
    """On other systems they are one file: a second one is EEXIST, and changing the case is a rename."""
    fails_with(errno.EEXIST, os.open, place / "shots/CASE.txt", os.O_CREAT | os.O_WRONLY)
    fails_with(errno.EEXIST, os.mkdir, place / "SHOTS")
    fails_with(errno.EEXIST, os.rename, place / "shots/a.txt", place / "shots/Case.txt")
    os.rename(place / "shots/case.txt", place / "shots/Case.txt")
    place.settle()
    assert "Case.txt" in listing(place / "shots")
    assert place.versions("shots/Case.txt") == [b"old"]
    assert "shots/case.txt" not in place.paths()


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (".checkpoints", errno.EEXIST),
        (".snapshots", errno.EACCES),
        (".Trash", errno.EINVAL),
        (".Trash-1000", errno.EINVAL),
    ],
)
def test_reserved_names_are_refused_at_the_top(place: Workplace, name: str, error: int):
    """They mean something of their own there, and nothing further down."""
    fails_with(error, os.mkdir, place / name)
    (place / "shots" / name).mkdir()


def test_a_name_has_255_bytes_at_most(place: Workplace):
    """Which is what Linux allows."""
    long = "\u00e9" * 127
    (place / "shots" / (long + "x")).write_bytes(b"fits")
    for act in (os.mkdir, lambda path: os.open(path, os.O_CREAT | os.O_WRONLY)):
        fails_with(errno.ENAMETOOLONG, act, place / "shots" / (long + "\u00e9"))
    place.settle()
    assert f"shots/{long}x" in place.paths()


def film_rights(*more: Toggle) -> frozenset[Toggle]:
    """What an artist may, and more."""
    return frozenset({Toggle.PULL_CHUNK, Toggle.CREATE_CHECKPOINT, Toggle.VIEW_CHECKPOINT, *more})
