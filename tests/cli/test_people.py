"""``user`` and ``role``: who is in a project, and what they may do."""

from __future__ import annotations

from pathlib import Path

import pytest

from mountfs import cli
from mountfs.storage.open import open_project
from tests.cli.serving import run


def dump(project: Path) -> list[str]:
    """Everything that a project file says, to see that nothing was changed."""
    with open_project(project, read_only=True) as opened, opened.database.fetching() as connection:
        return list(connection.iterdump())


def test_everybody_by_name(harbor: Path):
    """Whoever holds the project sees its people, their roles, and how much they have to do."""
    rows = run("user", "list", harbor).rows
    assert [row[0] for row in rows] == ["ada", "ann", "bo", "eve", "mina", "sol", "val"]
    assert ["bo", "Bo Harbor", "bo@harbor.example", "artist", "2", "0"] in rows
    assert ["eve", "Eve Harbor", "eve@harbor.example", "artist", "1", "1"] in rows


def test_people_for_scripts(harbor: Path):
    """A script reads the same as objects."""
    people = {each["username"]: each for each in run("user", "list", harbor, "--json").json}
    assert people["val"]["role"] == "vendor"
    assert set(people["val"]) == {"username", "name", "email", "id", "role", "tasks", "folders"}


def test_an_artist_sees_whom_they_work_with(harbor: Path):
    """Nobody learns from a list who else is in the project, nor what others may do."""
    people = {each["username"]: each for each in run("user", "list", harbor, "--as", "eve", "--json").json}
    assert people.keys() == {"eve", "ada"}, "ada made the versions that eve sees"
    assert people["ada"]["role"] == ""
    assert people["eve"]["role"] == "artist"
    val = run("user", "list", harbor, "--as", "val", "--json").json
    assert {each["username"] for each in val} == {"val", "ada", "ann", "bo"}
    tasks = {each["username"]: each["tasks"] for each in val}
    assert tasks["bo"] == 2


def test_who_hands_out_work_sees_everybody(harbor: Path):
    """The production manager has no task, and knows the people all the same."""
    assert len(run("user", "list", harbor, "--as", "mina").rows) == 7


def test_somebody_comes_and_goes(harbor: Path):
    """They are there at once, see what is shared, are given a role, and leave their tasks to others."""
    done = run("user", "add", harbor, "kim", "--email", "Kim@Harbor.example", "--name", "Kim Sea")
    assert done.out == "kim <kim@harbor.example> is an artist now\n"
    assert "library/" in run("ls", f"{harbor}:/", "--as", "kim").out
    done = run("user", "role", harbor, "kim", "Supervisor")
    assert done.out == "kim is a supervisor now\n"
    assert ["kim", "Kim Sea", "kim@harbor.example", "supervisor", "0", "0"] in run(
        "user", "list", harbor
    ).rows
    done = run("user", "remove", harbor, "bo")
    assert done.out == "bo is not in the project any more; 2 tasks of theirs nobody's now\n"
    assert "bo" not in [row[0] for row in run("user", "list", harbor).rows]
    run("ls", f"{harbor}:/", "--as", "bo", code=cli.NOT_FOUND)


def test_one_name_is_enough(harbor: Path):
    """Who gives no name is called by the username."""
    run("user", "add", harbor, "kim", "--email", "kim@x.example")
    people = {each["username"]: each for each in run("user", "list", harbor, "--json").json}
    assert people["kim"]["name"] == "kim"


@pytest.mark.parametrize(
    "words",
    [
        ["user", "add", "kim", "--email", "kim@x.example"],
        ["user", "remove", "bo"],
        ["user", "role", "bo", "vendor"],
        ["role", "allow", "artist", "create_asset"],
        ["role", "deny", "artist", "pull_chunk"],
        ["role", "new", "intern", "--like", "vendor"],
    ],
    ids=" ".join,
)
def test_a_dry_run_says_the_same_and_changes_nothing(harbor: Path, words: list[str]):
    """Whoever is careful reads what would be done; the file is as it was, the audit too."""
    before = dump(harbor)
    group, act, *rest = words
    dry = run(group, act, harbor, *rest, "--dry-run").out
    assert dump(harbor) == before
    assert dry == "dry run, nothing is changed: " + run(group, act, harbor, *rest).out
    assert dump(harbor) != before


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["user", "add", "bo", "--email", "x@y.example"], cli.REFUSED, "has this username or address"),
        (["user", "add", "x", "--email", "BO@harbor.example"], cli.REFUSED, "has this username or address"),
        (["user", "add", "x", "--email", "nowhere"], cli.REFUSED, "an e-mail address has an @"),
        (["user", "add", "x", "--email", "x@y", "--role", "boss"], cli.NOT_FOUND, "there are: admin, artist"),
        (["user", "add", "x"], cli.USAGE, "--email"),
        (["user", "remove", "nobody"], cli.NOT_FOUND, "no user 'nobody'"),
        (["user", "remove", "ada"], cli.REFUSED, "at least one admin"),
        (["user", "role", "ada", "artist"], cli.REFUSED, "at least one admin"),
        (["user", "role", "bo", "boss"], cli.NOT_FOUND, "there is no role 'boss'"),
        (["role", "show", "boss"], cli.NOT_FOUND, "there is no role 'boss'"),
        (["role", "allow", "admin", "pull_chunk"], cli.REFUSED, "the role admin has every right"),
        (["role", "allow", "artist", "fly"], cli.USAGE, "'fly' is not one of"),
        (["role", "new", "Artist"], cli.REFUSED, "there is a role 'Artist' already"),
        (["role", "new", " "], cli.REFUSED, "a role needs a name"),
        (["role", "new", "x", "--like", "boss"], cli.NOT_FOUND, "there is no role 'boss'"),
        (["role", "remove", "artist"], cli.REFUSED, "give them another one first"),
        (["role", "remove", "admin"], cli.REFUSED, "the role admin has every right"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_has_its_sentence(harbor: Path, words: list[str], code: int, says: str):
    """What is wrong is said on one line, and nothing has changed; a dry run says the same."""
    group, act, *rest = words
    before = [line for line in dump(harbor) if "mountfs_audit" not in line]
    err = run(group, act, harbor, *rest, code=code).err
    assert says in err
    assert [line for line in dump(harbor) if "mountfs_audit" not in line] == before
    if act not in ("show", "list"):
        assert run(group, act, harbor, *rest, "-n", code=code).err == err


@pytest.mark.parametrize(
    "words",
    [
        ["user", "add", "kim", "--email", "kim@x.example"],
        ["user", "remove", "bo"],
        ["user", "remove", "nobody"],
        ["user", "role", "bo", "vendor"],
        ["user", "role", "nobody", "vendor"],
        ["user", "role", "bo", "boss"],
        ["role", "allow", "artist", "create_asset"],
        ["role", "allow", "boss", "create_asset"],
        ["role", "deny", "artist", "pull_chunk"],
        ["role", "new", "intern"],
        ["role", "remove", "vendor"],
    ],
    ids=" ".join,
)
def test_without_the_right_nothing_is_told(harbor: Path, words: list[str]):
    """An artist is refused for want of the right, whoever or whatever was named, there or not."""
    group, act, *rest = words
    err = run(group, act, harbor, *rest, "--as", "eve", code=cli.REFUSED).err
    assert "your role does not allow this" in err


def test_nobody_gives_what_they_lack(harbor: Path):
    """Who may add people adds none with more rights than they have."""
    run("role", "allow", harbor, "production manager", "add_user")
    add = ["user", "add", str(harbor), "kim", "--email", "kim@x.example", "--as", "mina", "--role"]
    assert "create_checkpoint" in run(*add, "artist", code=cli.REFUSED).err
    run("role", "new", harbor, "viewer", "--allow", "view_checkpoint")
    run(*add, "viewer")


def test_a_role_is_made_changed_and_removed(harbor: Path):
    """Its rights are shown, with what they are for."""
    run("role", "new", harbor, "intern", "--like", "vendor", "--allow", "create_asset")
    rights = run("role", "show", harbor, "intern", "--json").json["rights"]
    assert "create_asset" in rights
    assert "pull_chunk" in rights
    assert run("role", "deny", harbor, "intern", "create_asset").out == "intern may not create_asset now\n"
    rows = {row[0]: row[1:] for row in run("role", "show", harbor, "intern").rows}
    assert rows["create_asset"] == ["no", "make assets"]
    assert ["intern", str(len(rights) - 1), ""] in run("role", "list", harbor).rows
    assert run("role", "remove", harbor, "intern").out == "the role intern is removed\n"
    assert "intern" not in run("role", "list", harbor).out


def test_roles_for_scripts(harbor: Path):
    """Who has which role is told as far as it is known to the viewer."""
    roles = {each["name"]: each for each in run("role", "list", harbor, "--json").json}
    assert roles["artist"]["people"] == ["ann", "bo", "eve"]
    seen = {each["name"]: each for each in run("role", "list", harbor, "--json", "--as", "eve").json}
    assert seen["artist"]["people"] == ["eve"]


def test_a_right_holds_at_once(harbor: Path):
    """The next command of whoever has the role is allowed, or refused."""
    owl = f"{harbor}:/characters/owl/owl.blend"
    run("trash", owl, "--as", "eve", code=cli.REFUSED)
    run("role", "allow", harbor, "artist", "delete_asset")
    run("trash", owl, "--as", "eve")
