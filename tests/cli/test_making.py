"""``new``, ``template``, ``tag``, ``comment`` and ``completion``: planned work, and what is said of files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mountfs import cli
from tests.cli.serving import run
from tests.cli.test_people import dump

OWL = "/characters/owl/owl.blend"
SHOT = "/sequences/sq030/sh010.blend"


@pytest.fixture
def with_template(harbor: Path) -> Path:
    """The production, with a template."""
    run("template", "add", harbor, f"{harbor}:{OWL}", "--name", "shot.blend")
    return harbor


def content(project: Path, path: str) -> bytes:
    """The newest content of a file."""
    folder = project.parent / f"out {len(list(project.parent.iterdir()))}"
    run("export", f"{project}:{path.rpartition('/')[0]}", folder)
    return (folder / path.rpartition("/")[2]).read_bytes()


# Templates


def test_a_template_from_a_file_of_the_project(with_template: Path):
    """It is listed with its content, and the file goes on by itself."""
    (row,) = run("template", "list", with_template).rows
    size = run("show", f"{with_template}:{OWL}", "--json").json["version"]["size"]
    assert row[:2] == ["shot.blend", str(size)]


def test_a_template_from_a_file_of_this_machine(harbor: Path):
    """Any file will do, large ones too; it has its name unless another is given."""
    start = harbor.parent / "start.ma"
    start.write_bytes(os.urandom(3_000_000))
    run("template", "add", harbor, start)
    run("new", f"{harbor}:/a.ma", "--template", "start")
    assert content(harbor, "/a.ma") == start.read_bytes()
    assert run("verify", harbor, "--json").json["flaws"] == []


def test_a_template_is_replaced_only_when_asked(with_template: Path):
    """What was made from it before stays as it was."""
    run("new", f"{with_template}:/a.blend", "--template", "shot.blend")
    start = with_template.parent / "SHOT.blend"
    start.write_bytes(b"another beginning")
    err = run("template", "add", with_template, start, code=cli.REFUSED).err
    assert "there is a template shot.blend already" in err
    run("template", "add", with_template, start, "--replace")
    assert len(run("template", "list", with_template).rows) == 1
    run("new", f"{with_template}:/b.blend", "--template", "shot")
    assert content(with_template, "/b.blend") == b"another beginning"
    assert content(with_template, "/a.blend") == content(with_template, OWL)


def test_a_template_goes_and_comes_back(with_template: Path):
    """One of the same name takes its place meanwhile; both are kept."""
    run("template", "remove", with_template, "Shot.blend")
    assert run("template", "list", with_template).out == ""
    assert run("template", "list", with_template, "--trash").rows[0][0] == "shot.blend"
    assert "there are: none" in run("template", "remove", with_template, "x", code=cli.NOT_FOUND).err
    run("template", "restore", with_template, "shot.blend")
    run("template", "remove", with_template, "shot.blend")
    run("template", "add", with_template, f"{with_template}:{OWL}", "--name", "shot.blend")
    (trashed,) = run("template", "list", with_template, "--trash", "--json").json
    assert trashed["name"].startswith("shot (")
    run("template", "restore", with_template, trashed["name"])
    assert len(run("template", "list", with_template, "--json").json) == 2


def test_templates_are_for_those_who_may_see_them(with_template: Path):
    """An artist is refused, a production manager makes files from them and cannot read the content."""
    run("template", "list", with_template, "--as", "eve", code=cli.REFUSED)
    assert "shot.blend" in run("template", "list", with_template, "--as", "mina").out
    run("new", f"{with_template}:/a.blend", "--template", "shot", "--as", "mina", "--assign", "bo")
    assert run("show", f"{with_template}:/a.blend", "--json", "--as", "bo").json["version"]["size"] > 0
    start = with_template.parent / "own.txt"
    start.write_text("mina's")
    run("template", "add", with_template, start, "--as", "mina")
    hidden = f"{with_template}:{OWL}"
    run("template", "add", with_template, hidden, "--as", "mina", code=cli.NOT_FOUND)


# New files


def test_a_planned_file(harbor: Path):
    """It is there without a version, for whoever is to make it."""
    done = run("new", f"{harbor}:/characters/owl/rig.blend", "--assign", "bo", "--status", "ready")
    assert done.out == "/characters/owl/rig.blend is made\n"
    about = run("show", f"{harbor}:/characters/owl/rig.blend", "--json", "--as", "bo").json
    assert (about["kind"], about["status"], about["assignee"]) == ("task", "ready", "bo")
    assert about["version"] is None
    assert about["may_checkpoint"] is True
    run("new", f"{harbor}:/library/brush.png", "--type", "resource")
    assert run("show", f"{harbor}:/library/brush.png", "--json", "--as", "val").json["kind"] == "resource"


def test_folders_on_the_way(with_template: Path):
    """They are made when it is asked for."""
    words = ["new", f"{with_template}:{SHOT}", "--template", "shot"]
    assert "there is no folder /sequences/sq030" in run(*words, code=cli.NOT_FOUND).err
    done = run(*words, "-p", "--json").json
    assert (done["files"], done["folders"]) == ([SHOT], ["/sequences/sq030"])
    assert run("log", f"{with_template}:{SHOT}").rows[0][6] == "from the template shot.blend"


def test_an_artist_makes_files_where_they_work(harbor: Path):
    """With the right to; they are theirs where they would lose sight of them, and nobody else's."""
    new = ["new", f"{harbor}:/characters/owl/rig.blend", "--as", "eve"]
    run(*new, code=cli.REFUSED)
    run("role", "allow", harbor, "artist", "create_asset")
    run(*new)
    assert run("show", new[1], "--json").json["assignee"] == "", "she works in the folder"
    run("new", f"{harbor}:/own.txt", "--as", "eve")
    assert run("show", f"{harbor}:/own.txt", "--json").json["assignee"] == "eve"
    run("new", f"{harbor}:/his.txt", "--assign", "bo", "--as", "eve", code=cli.NOT_FOUND)
    run("new", f"{harbor}:/sequences/x.txt", "--as", "eve", code=cli.NOT_FOUND)
    run("new", f"{harbor}:/sequences/x.txt", "-p", "--as", "eve", code=cli.REFUSED)


# Tags


def test_files_are_found_by_their_tags(harbor: Path):
    """Whatever the case of letters; of a folder, or of everything."""
    assert run("tag", "add", harbor_path(harbor, OWL), "Hero", "needs rain").out == (
        f"{OWL} is tagged Hero, needs rain\n"
    )
    run("tag", "add", harbor_path(harbor, "/README"), "hero")
    assert run("tag", "list", harbor).rows == [["/README", "Hero"], [OWL, "Hero, needs rain"]]
    assert run("tag", "list", harbor, "--tag", "HERO").rows == [
        ["/README", "Hero"],
        [OWL, "Hero, needs rain"],
    ]
    assert run("tag", "list", f"{harbor}:/characters", "--json").json == [
        {"path": OWL, "tags": ["Hero", "needs rain"]}
    ]
    assert (
        run("tag", "remove", harbor_path(harbor, OWL), "hero", "unknown").out
        == f"{OWL} is tagged needs rain\n"
    )
    assert run("tag", "list", harbor_path(harbor, OWL)).rows == [[OWL, "needs rain"]]
    assert "has no tag now" in run("tag", "remove", harbor_path(harbor, OWL), "needs rain").out


def test_tags_of_hidden_files_are_not_told(harbor: Path):
    """Nor that there is such a tag."""
    run("tag", "add", harbor_path(harbor, "/README"), "secret")
    assert run("tag", "list", harbor, "--as", "eve").out == ""
    run("tag", "add", harbor_path(harbor, OWL), "x", "--as", "eve", code=cli.REFUSED)


def harbor_path(harbor: Path, path: str) -> str:
    """PATH of a file."""
    return f"{harbor}:{path}"


# Comments


def test_a_comment_is_changed(harbor: Path):
    """Of the newest version, or of the one that is named; the version stays what it is."""
    path = harbor_path(harbor, OWL)
    before = run("log", path, "--json").json
    assert run("comment", path, "the tail is longer").out == f"{OWL}: version 1 says: the tail is longer\n"
    assert run("comment", f"{path}@1", "blocking", "--json").json == {
        "path": OWL,
        "number": 1,
        "before": "the tail is longer",
        "comment": "blocking",
    }
    after = run("log", path, "--json").json
    assert after == [{**before[0], "comment": "blocking"}]
    assert run("comment", path, "").out == f"{OWL}: version 1 has no comment now\n"


def test_whose_comment_may_be_changed(harbor: Path):
    """One's own; others' by whoever may remove versions."""
    path = harbor_path(harbor, OWL)
    err = run("comment", path, "mine now", "--as", "eve", code=cli.REFUSED).err
    assert "delete_checkpoint" in err
    run("role", "allow", harbor, "artist", "delete_checkpoint")
    run("comment", path, "mine now", "--as", "eve")


def test_a_number_in_a_name_is_part_of_it(harbor: Path):
    """Only where no file is called so, it names a version."""
    run("new", f"{harbor}:/film@2")
    err = run("comment", f"{harbor}:/film@2", "x", code=cli.NOT_FOUND).err
    assert "/film@2 has no version yet" in err


# All of them

CHANGES = [
    ["new", "{}:/a.txt"],
    ["new", "{}:/a.blend", "--template", "shot", "--assign", "bo"],
    ["new", "{}", "--csv", "table.csv"],
    ["template", "add", "{}", "table.csv"],
    ["template", "add", "{}", "{}:" + OWL],
    ["template", "remove", "{}", "shot.blend"],
    ["tag", "add", "{}:" + OWL, "hero"],
    ["tag", "remove", "{}:" + OWL, "night"],
    ["comment", "{}:" + OWL, "x"],
]


@pytest.mark.parametrize("words", CHANGES, ids=" ".join)
def test_a_dry_run_says_the_same_and_changes_nothing(with_template: Path, words: list[str]):
    """Whoever is careful reads what would be done; the file is as it was, the audit too."""
    (with_template.parent / "table.csv").write_text("path,template\nsequences/sq030/comp.blend,shot\n")
    run("tag", "add", harbor_path(with_template, OWL), "night")
    before = dump(with_template)
    words = [word.format(with_template) for word in words]
    assert run(*words, "--json", "-n").json
    dry = run(*words, "--dry-run").out
    assert dump(with_template) == before
    assert dry == f"dry run, nothing is changed: {run(*words).out}"
    assert dump(with_template) != before


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["new", "{}:/"], cli.USAGE, "name the file"),
        (["new", "{}:" + OWL], cli.REFUSED, f"{OWL} is there already"),
        (["new", "{}:/characters/owl/OWL.blend"], cli.REFUSED, "not available here"),
        (["new", "{}:/a.txt", "--template", "shot"], cli.REFUSED, "its name ends in .blend"),
        (["new", "{}:/a.txt", "--template", "none"], cli.NOT_FOUND, "there are: shot.blend"),
        (["new", "{}:/a.txt", "--assign", "nobody"], cli.NOT_FOUND, "no user 'nobody'"),
        (["new", "{}:/a.txt", "--status", "zip"], cli.NOT_FOUND, "no status 'zip'"),
        (["new", "{}:/a.txt", "--type", "zip"], cli.NOT_FOUND, "no type 'zip'"),
        (["new", "{}:/a.txt", "--type", "folder"], cli.USAGE, "name the file"),
        (["new", "{}:/a.txt", "--update"], cli.USAGE, "--update is for --csv"),
        (["new", "{}:/a.txt", "--csv", "t", "--assign", "bo"], cli.USAGE, "the table says"),
        (["new", "{}", "--csv", "nowhere"], cli.NOT_FOUND, "No such file"),
        (["new", "{}", "--csv", "{}"], cli.USAGE, "not UTF-8"),
        (["template", "add", "{}", "nowhere"], cli.NOT_FOUND, "No such file"),
        (["template", "add", "{}", "."], cli.REFUSED, "not a regular file"),
        (["template", "add", "{}", "{}:/library"], cli.USAGE, "is a folder; name a file"),
        (["template", "add", "{}", "{}:" + OWL, "--name", "a/b"], cli.REFUSED, "slash"),
        (["template", "remove", "{}", "none"], cli.NOT_FOUND, "there are: shot.blend"),
        (["template", "restore", "{}", "shot.blend"], cli.NOT_FOUND, "in the trash"),
        (["tag", "add", "{}:/library", "x"], cli.USAGE, "is a folder; name a file"),
        (["tag", "add", "{}:" + OWL, " "], cli.REFUSED, "a tag is a word or a few"),
        (["tag", "add", "{}:" + OWL, "x" * 200], cli.REFUSED, "a tag is a word or a few"),
        (["comment", "{}:/library", "x"], cli.USAGE, "a folder has no versions"),
        (["comment", "{}:" + OWL + "@7", "x"], cli.NOT_FOUND, "has no version 7"),
        (["comment", "{}:/nothing", "x"], cli.NOT_FOUND, "no such file"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else None,
)
def test_a_mistake_has_its_sentence(with_template: Path, words: list[str], code: int, says: str):
    """What is wrong is said on one line, and nothing has changed; a dry run says the same."""
    before = [line for line in dump(with_template) if "mountfs_audit" not in line]
    words = [word.format(with_template) for word in words]
    err = run(*words, code=code).err
    assert says in err
    assert [line for line in dump(with_template) if "mountfs_audit" not in line] == before
    assert run(*words, "-n", code=code).err == err


# Completion


def offered(words: str, position: int) -> list[str]:
    """What the Tab key offers in bash, at a word of a line."""
    done = subprocess.run(
        [sys.executable, "-m", "mountfs"],
        env={
            **os.environ,
            "_MOUNTFS_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(position),
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def test_the_tab_key_offers_commands_and_leaves_paths_to_the_shell():
    """Commands, their parts, options and choices by mountfs; files as everywhere."""
    assert offered("mountfs re", 1) == ["plain,retry", "plain,revert", "plain,restore"]
    assert offered("mountfs user a", 2) == ["plain,add"]
    assert offered("mountfs mark shots/", 2) == ["file,shots/"]
    assert "plain,--dry-run" in offered("mountfs mark --d", 2)
    assert offered("mountfs role allow film.clst artist pull", 5) == ["plain,pull_chunk"]
    assert offered("mountfs completion z", 2) == ["plain,zsh"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_text(shell: str):
    """It names the variable by which the program is asked."""
    assert f"_MOUNTFS_COMPLETE={shell}_complete" in run("completion", shell).out


def test_ones_own_shell(monkeypatch: pytest.MonkeyPatch):
    """Need not be named; where it is none of the known ones, these are told."""
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert "zsh_complete" in run("completion").out
    monkeypatch.setenv("SHELL", "/bin/sh")
    assert "bash, zsh, fish" in run("completion", code=cli.USAGE).err


def test_a_shell_that_nobody_knows():
    """The known ones are named."""
    assert "'bash', 'zsh', 'fish'" in run("completion", "tcsh", code=cli.USAGE).err


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_path_is_completed_by_the_shell(name: str):
    """Whatever command it is an argument of."""
    with click.Context(cli.mountfs) as context:
        command = cli.mountfs.get_command(context, name)
    assert command is not None
    for each in command.commands.values() if isinstance(command, click.Group) else [command]:
        for parameter in each.params:
            if isinstance(parameter, click.Argument) and re.search(
                "PATH|MOUNT|FILE|DIR|clst", str(parameter.metavar)
            ):
                found = parameter.shell_complete(click.Context(each), "sho")
                assert [item.type for item in found] in (["file"], ["dir"]), (name, parameter.metavar)
