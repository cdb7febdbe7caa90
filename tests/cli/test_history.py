"""``revert``, ``trash`` and ``restore``: going back, and putting away what can be had again."""

from __future__ import annotations

from pathlib import Path

import pytest

from mountfs import cli
from mountfs.storage.open import open_project
from mountfs.studio.service import StudioService
from tests.cli.running import Shell


@pytest.fixture
def two_versions(shell: Shell, project: Path, work: Path) -> Path:
    """The project, whose notes.txt has a second version."""
    (work / "notes.txt").write_text("hello, world\n")
    shell.run("import", work, project)
    return project


def exported(shell: Shell, project: Path) -> dict[str, bytes]:
    """The newest content of everything in a project."""
    out = shell.home / "out"
    shell.run("export", project, out)
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    out.rename(shell.home / f"out {len(list(shell.home.iterdir()))}")
    return found


def test_revert_makes_an_old_version_the_newest(shell: Shell, two_versions: Path):
    """A person goes back, finds the old content, and can go forward again: all of it stays in the history."""
    done = shell.run("revert", f"{two_versions}:/notes.txt@1")
    assert "is now version 3, with the content of version 1" in done.out
    assert exported(shell, two_versions)["notes.txt"] == b"hello\n"
    log = shell.run("log", "--json", f"{two_versions}:/notes.txt").json
    assert [(each["number"], each["size"]) for each in log] == [(3, 6), (2, 13), (1, 6)]
    assert shell.run("revert", "--json", f"{two_versions}:/notes.txt@2").json["number"] == 4
    assert exported(shell, two_versions)["notes.txt"] == b"hello, world\n"


def test_going_back_to_the_newest_makes_nothing(shell: Shell, two_versions: Path):
    """Nobody gets a second version of the same by asking for what is there."""
    assert "the newest already" in shell.run("revert", f"{two_versions}:/notes.txt@2").out
    assert len(shell.run("log", f"{two_versions}:/notes.txt").rows) == 2


@pytest.mark.parametrize(
    ("version", "code", "says"),
    [
        ("/notes.txt@7", cli.NOT_FOUND, "has no version 7; mountfs log lists"),
        ("/notes.txt@0", cli.NOT_FOUND, "has no version 0"),
        ("/nothing@1", cli.NOT_FOUND, "no such file"),
        ("/notes.txt", cli.USAGE, "say which version"),
        ("/notes.txt@", cli.USAGE, "say which version"),
        ("/notes.txt@-1", cli.USAGE, "say which version"),
        ("/library@1", cli.USAGE, "folder has no versions"),
    ],
)
def test_a_version_that_is_none(shell: Shell, two_versions: Path, version: str, code: int, says: str):
    """Whoever mistypes reads what is wrong and where to look, and nothing is changed."""
    assert says in shell.run("revert", f"{two_versions}:{version}", code=code).err
    assert len(shell.run("log", f"{two_versions}:/notes.txt").rows) == 2


def test_an_at_sign_in_a_name_is_part_of_it(shell: Shell, project: Path, work: Path):
    """Only what follows the last one is a number."""
    (work / "film@2.txt").write_text("x")
    shell.run("import", work, project)
    assert "the newest already" in shell.run("revert", f"{project}:/film@2.txt@1").out


def test_what_was_trashed_comes_back(shell: Shell, two_versions: Path):
    """A file leaves everybody's sight, is listed in the trash, and returns with its history."""
    before = exported(shell, two_versions)
    done = shell.run("trash", f"{two_versions}:/notes.txt")
    assert f"mountfs restore {two_versions}:/notes.txt" in done.out
    assert set(exported(shell, two_versions)) == set(before) - {"notes.txt"}
    (row,) = shell.run("trash", "--list", two_versions).rows
    assert row[:2] == ["/notes.txt", "file"]
    assert "is back" in shell.run("restore", f"{two_versions}:/notes.txt").out
    assert exported(shell, two_versions) == before
    assert len(shell.run("log", f"{two_versions}:/notes.txt").rows) == 2
    assert shell.run("trash", "--list", two_versions).out == ""


def test_a_folder_goes_and_comes_with_all_that_is_in_it(shell: Shell, project: Path):
    """Only the folder is listed, and whoever wants a part of it is told to restore it."""
    before = exported(shell, project)
    trashed = shell.run("trash", "--json", f"{project}:/shots").json
    assert (trashed["path"], trashed["type"]) == ("/shots", "folder")
    assert shell.run("trash", "--list", "--json", f"{project}:/").json == [trashed]
    err = shell.run("restore", f"{project}:/shots/sh010/sh010.ma", code=cli.NOT_FOUND).err
    assert "/shots, which it is in, is; restore that" in err
    assert shell.run("restore", "--json", f"{project}:/shots").json == trashed
    assert exported(shell, project) == before


def test_the_trash_of_a_folder(shell: Shell, project: Path):
    """A list can be asked for a part of the project only."""
    shell.run("trash", f"{project}:/notes.txt")
    shell.run("trash", f"{project}:/shots/sh010/sh010.ma")
    assert [row[0] for row in shell.run("trash", "--list", f"{project}:/shots").rows] == [
        "/shots/sh010/sh010.ma"
    ]
    assert len(shell.run("trash", "--list", f"{project}:/").rows) == 2


def same_name_twice(project: Path) -> list[str]:
    """Two files of one name in the trash, as rows of another program may have it; their ids."""
    with open_project(project) as opened:
        service = StudioService(opened)
        owner = service.for_owner(service.author(""))
        ids = sorted(asset.id for asset in owner.tree().assets.values() if asset.name in ("notes", "empty"))
        for id_ in ids:
            owner.trash(id_)
        with opened.database.writing() as connection:
            connection.exec_driver_sql(
                "UPDATE asset SET name = 'notes.txt', extension = '' WHERE name = 'empty'"
            )
    return [str(id_) for id_ in ids]


def test_of_several_of_one_name_somebody_chooses(shell: Shell, project: Path):
    """The ids are told, and the beginning of one is enough."""
    first, second = same_name_twice(project)
    err = shell.run("restore", f"{project}:/notes.txt", code=cli.USAGE).err
    assert f"--id {first}" in err
    assert f"--id {second}" in err
    err = shell.run("restore", f"{project}:/notes.txt", "--id", "zzz", code=cli.NOT_FOUND).err
    assert f"--id {first}" in err
    assert shell.run("restore", "--json", f"{project}:/notes.txt", "--id", second[:13]).json["id"] == second


def test_a_name_that_is_taken_is_not_given_twice(shell: Shell, project: Path):
    """Restoring never makes two files of one name; the person is told what to do."""
    same_name_twice(project)
    first, second = (row[2] for row in shell.run("trash", "--list", project).rows)
    shell.run("restore", f"{project}:/notes.txt", "--id", first)
    err = shell.run("restore", f"{project}:/notes.txt", "--id", second, code=cli.REFUSED).err
    assert "has this name by now; rename or trash that" in err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["trash", "/nothing"], cli.NOT_FOUND, "no such file"),
        (["trash", "/"], cli.USAGE, "the top of a project"),
        (["restore", "/notes.txt"], cli.NOT_FOUND, "not in the trash; mountfs trash --list"),
        (["restore", "/"], cli.NOT_FOUND, "not in the trash"),
    ],
)
def test_what_cannot_go_or_come(shell: Shell, project: Path, words: list[str], code: int, says: str):
    """Each mistake has its sentence."""
    assert says in shell.run(words[0], f"{project}:{words[1]}", code=code).err


@pytest.mark.parametrize("words", ["trash {}:/notes.txt", "restore {}:/empty", "revert {}:/notes.txt@1"])
def test_a_dry_run_says_the_same_and_changes_nothing(shell: Shell, two_versions: Path, words: str):
    """Whoever is careful reads what would be done, and it is as it was."""
    shell.run("trash", f"{two_versions}:/empty")
    command, path = words.format(two_versions).split()
    looks = [("log", f"{two_versions}:/notes.txt"), ("trash", "--list", two_versions)]
    before = [shell.run(*look).out for look in looks]
    dry = shell.run(command, path, "--dry-run").out
    assert [shell.run(*look).out for look in looks] == before
    assert dry == f"dry run, nothing is changed: {shell.run(command, path).out}"
    again = shell.attempt(command, path, "-n")
    assert again.code == shell.attempt(command, path).code, "refused in the same way, too"


def test_an_artist_does_what_the_role_allows(shell: Shell, with_bo: Path):
    """With somebody's eyes a command also has only their rights, and what they do not see does not exist."""
    scene = f"{with_bo}:/shots/sh010/sh010.ma"
    assert "your role does not allow" in shell.run("trash", scene, "--as", "bo", code=cli.REFUSED).err
    shell.run("trash", f"{with_bo}:/notes.txt", "--as", "bo", code=cli.NOT_FOUND)
    shell.run("trash", f"{with_bo}:/notes.txt")
    assert shell.run("trash", "--list", with_bo, "--as", "bo").out == ""
    shell.run("restore", f"{with_bo}:/notes.txt", "--as", "bo", code=cli.NOT_FOUND)
    shell.run("restore", f"{with_bo}:/notes.txt")
    with open_project(with_bo, read_only=True) as opened, opened.database.reading() as connection:
        acts = connection.exec_driver_sql("SELECT act FROM mountfs_audit ORDER BY rowid").scalars().all()
    assert acts[-3:] == ["refused: trash asset", "trash asset", "restore asset"]
