"""``assign``, ``unassign``, ``library``, ``depend`` and ``mark``: who sees what, and how far it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from mountfs import cli
from tests.cli.serving import run
from tests.cli.test_people import dump

OWL = "/characters/owl/owl.blend"
LOOK = "/characters/fox/lookdev/fox_look.usda"
ANIM = "/sequences/sq010/sh010/anim.blend"
CUT = "/editorial/cut.otio"


def sees(harbor: Path, username: str, path: str) -> bool:
    """Whether somebody finds something."""
    code = cli.OK
    try:
        run("show", f"{harbor}:{path}", "--as", username)
    except AssertionError:
        code = cli.NOT_FOUND
        run("show", f"{harbor}:{path}", "--as", username, code=code)
    return code == cli.OK


def test_a_task_goes_to_somebody_else(harbor: Path):
    """The new assignee sees it and what it needs; the old one loses it."""
    done = run("assign", f"{harbor}:{OWL}", "ann")
    assert done.out == (f"{OWL} is assigned to ann, and no longer to eve; with it ann comes to see 1 file\n")
    assert sees(harbor, "ann", OWL)
    assert sees(harbor, "eve", OWL), "she works in the folder"
    run("unassign", f"{harbor}:/characters/owl")
    assert not sees(harbor, "eve", OWL)
    assert "is assigned to ann already" in run("assign", f"{harbor}:{OWL}", "ann").out


def test_what_is_needed_comes_along(harbor: Path):
    """Whoever gets a shot sees the characters in it."""
    assert not sees(harbor, "eve", LOOK)
    assert "eve comes to see 3 files" in run("assign", f"{harbor}:{ANIM}", "EVE@harbor.example").out
    assert sees(harbor, "eve", LOOK)
    assert run("unassign", f"{harbor}:{ANIM}").out == f"{ANIM} is no longer assigned to eve\n"
    assert not sees(harbor, "eve", LOOK)


def test_several_at_once(harbor: Path):
    """All of them or none."""
    paths = [f"{harbor}:{OWL}", f"{harbor}:{CUT}"]
    run("assign", *paths, f"{harbor}:/nothing", "ann", code=cli.NOT_FOUND)
    assert not sees(harbor, "ann", CUT)
    assert len(run("assign", *paths, "ann", "--json").json) == 2
    assert sees(harbor, "ann", CUT)
    assert len(run("unassign", *paths).rows) == 2


def test_somebody_works_in_a_folder(harbor: Path):
    """A folder may have several; whom it is taken from is said."""
    folder = f"{harbor}:/characters/owl"
    assert "ann comes to see 2 files" in run("assign", folder, "ann").out
    err = run("unassign", folder, code=cli.USAGE).err
    assert "/characters/owl is assigned to ann, eve; say from whom: --from USERNAME" in err
    run("unassign", folder, "--from", "ann")
    assert not sees(harbor, "ann", OWL)
    assert run("unassign", folder, "--from", "ann").out == "/characters/owl was not assigned\n"
    done = run("assign", folder, "eve", "--json").json
    assert done == [
        {"path": "/characters/owl", "type": "folder", "assignee": "eve", "before": "eve", "shown": 0}
    ]


def test_a_resource_becomes_a_task_and_the_other_way_around(harbor: Path):
    """Only when it is asked for."""
    readme = f"{harbor}:/README"
    assert "--task makes it a task" in run("assign", readme, "ann", code=cli.REFUSED).err
    assert "is assigned to ann" in run("assign", readme, "ann", "--task").out
    assert run("show", readme, "--json").json["kind"] == "task"
    run("unassign", readme, "--resource")
    assert run("show", readme, "--json").json["kind"] == "resource"
    assert (
        "--resource is about files"
        in run("unassign", f"{harbor}:/editorial", "--resource", code=cli.USAGE).err
    )


def test_a_folder_is_shared_with_everybody(harbor: Path):
    """And no longer."""
    assert run("library", "list", harbor).rows == [["/library", "4"]]
    done = run("library", "share", f"{harbor}:/characters/owl")
    assert done.out == "/characters/owl is shared; 6 people come to see 2 files more\n"
    assert sees(harbor, "val", OWL)
    assert run("library", "share", f"{harbor}:/characters/owl").out == "/characters/owl is shared already\n"
    listed = run("library", "list", harbor, "--json", "--as", "val").json
    assert [each["path"] for each in listed] == ["/characters/owl", "/library"]
    assert "is shared no longer" in run("library", "unshare", f"{harbor}:/characters/owl").out
    assert "was not shared" in run("library", "unshare", f"{harbor}:/characters/owl").out
    assert not sees(harbor, "val", OWL)


def test_a_file_needs_others(harbor: Path):
    """Whoever works on it sees them; listed from both ends, with the type."""
    done = run("depend", "add", f"{harbor}:{OWL}", CUT, f"{harbor}:/sequences/sq020", "--type", "Working")
    assert done.rows == [
        [f"{OWL} needs {CUT}; 1 person comes to see 1 file more"],
        [f"{OWL} needs /sequences/sq020; 1 person comes to see 6 files more"],
    ]
    assert sees(harbor, "eve", CUT)
    assert run("depend", "list", f"{harbor}:{OWL}").rows == [
        ["needs", CUT, "working"],
        ["needs", "/sequences/sq020", "working"],
    ]
    assert run("depend", "list", f"{harbor}:{CUT}").rows == [["needed by", OWL, "working"]]
    comp = "/sequences/sq020/sh010/comp.nk"
    assert ["needed by", OWL, "working"] in run("depend", "list", f"{harbor}:{comp}").rows
    run("depend", "remove", f"{harbor}:{OWL}", CUT)
    assert not sees(harbor, "eve", CUT)
    assert len(run("depend", "list", f"{harbor}:{OWL}", "--json").json) == 1


def test_dependencies_tell_nothing_of_what_is_hidden(harbor: Path):
    """An artist sees which of what they see needs which, and nothing of the other ends."""
    light = "/sequences/sq010/sh010/light.blend"
    assert ["needed by", light, "linked"] in run("depend", "list", f"{harbor}:{ANIM}").rows
    run("depend", "add", f"{harbor}:{CUT}", ANIM)
    mine = run("depend", "list", f"{harbor}:{ANIM}", "--as", "ann").rows
    assert mine == [["needs", "/characters/fox/fox.blend", "linked"], ["needs", "/library/props", "linked"]]


def test_how_far_a_file_is(harbor: Path):
    """An artist marks what they see, as far as the role allows."""
    assert run("mark", f"{harbor}:{OWL}", "WFA", "--as", "eve").out == f"{OWL} is wfa (it was todo)\n"
    assert run("mark", f"{harbor}:{OWL}", "wfa", "--as", "eve").out == f"{OWL} is wfa already\n"
    assert "set_done_asset" in run("mark", f"{harbor}:{OWL}", "done", "--as", "eve", code=cli.REFUSED).err
    rows = run("mark", f"{harbor}:{OWL}", f"{harbor}:{CUT}", "done", "--as", "mina", "--json").json
    assert [each["status"] for each in rows] == ["done", "done"], "whoever hands out work marks all of it"


CHANGES = [
    ["assign", "{}:" + OWL, "ann"],
    ["assign", "{}:/README", "ann", "--task"],
    ["assign", "{}:/editorial", "ann"],
    ["unassign", "{}:" + OWL],
    ["unassign", "{}:/characters/owl"],
    ["library", "share", "{}:/editorial"],
    ["library", "unshare", "{}:/library"],
    ["depend", "add", "{}:" + OWL, CUT],
    ["depend", "remove", "{}:" + ANIM, "/library/props"],
    ["mark", "{}:" + OWL, "wip"],
]


@pytest.mark.parametrize("words", CHANGES, ids=" ".join)
def test_a_dry_run_says_the_same_and_changes_nothing(harbor: Path, words: list[str]):
    """Whoever is careful reads what would be done; the file is as it was, the audit too."""
    before = dump(harbor)
    words = [word.format(harbor) for word in words]
    dry = run(*words, "--dry-run").out
    assert dump(harbor) == before
    assert dry == f"dry run, nothing is changed: {run(*words).out}"
    assert dump(harbor) != before
    assert run(*words, "--json", "-n").json


@pytest.mark.parametrize("words", [each for each in CHANGES if each[0] != "mark"], ids=" ".join)
def test_who_hands_out_work_reaches_what_they_do_not_see(harbor: Path, words: list[str]):
    """A production manager sees no task in a mount, and assigns, shares and connects all of them by name."""
    run("role", "allow", harbor, "production manager", "update_asset", "update_collection")
    words = [word.format(harbor) for word in words]
    run(*words, "--as", "mina")


@pytest.mark.parametrize("words", CHANGES, ids=" ".join)
def test_an_artist_is_told_nothing_of_what_is_hidden(harbor: Path, words: list[str]):
    """Hidden or not there at all: the answer is the same but for the name that was typed."""
    hidden = [word.format(harbor).replace(OWL, CUT) for word in words]
    missing = [word.replace("cut.otio", "cat.otio").replace("/README", "/RIDME") for word in hidden]
    missing = [word.replace("/editorial", "/editerial").replace("anim", "enim") for word in missing]
    said = []
    for each in (hidden, missing):
        done = [run(*each, "--as", "bo", code=code) for code in [_code(words)]]
        text = done[0].err.replace("cat.otio", "cut.otio").replace("RIDME", "README")
        said.append(text.replace("editerial", "editorial").replace("enim", "anim"))
    assert said[0] == said[1]


def _code(words: list[str]) -> int:
    return cli.NOT_FOUND if words[0] == "mark" else cli.REFUSED


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["assign", "{}:/nothing", "ann"], cli.NOT_FOUND, "no such file or folder"),
        (["assign", "{}:" + OWL, "nobody"], cli.NOT_FOUND, "no user 'nobody'"),
        (["assign", "{}:/", "ann"], cli.USAGE, "the top of a project"),
        (["assign", "{}:" + OWL], cli.USAGE, "Missing argument"),
        (["assign", "{}:" + OWL, "other.clst:/x", "ann"], cli.USAGE, "is in another project"),
        (["assign", "nowhere", "ann"], cli.NOT_FOUND, "neither inside a mount nor"),
        (["unassign", "{}:/"], cli.USAGE, "the top of a project"),
        (["library", "share", "{}:" + OWL], cli.USAGE, "is not a folder"),
        (["library", "share", "{}:/"], cli.USAGE, "is not a folder"),
        (["depend", "add", "{}:" + OWL, OWL], cli.REFUSED, "cannot depend on itself"),
        (["depend", "add", "{}:" + OWL, "/nothing"], cli.NOT_FOUND, "no such file or folder"),
        (["depend", "add", "{}:" + OWL, "/"], cli.USAGE, "the whole project"),
        (["depend", "add", "{}:/library", OWL], cli.USAGE, "only files need something"),
        (["depend", "add", "{}:" + OWL, CUT, "--type", "x"], cli.NOT_FOUND, "there are: blocking, linked"),
        (["depend", "list", "{}:/library"], cli.USAGE, "is a folder; name a file"),
        (["mark", "{}:" + OWL, "finished"], cli.NOT_FOUND, "there are: done, ready"),
        (["mark", "{}:/library", "done"], cli.USAGE, "is a folder; name a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_has_its_sentence(harbor: Path, words: list[str], code: int, says: str):
    """What is wrong is said on one line, and nothing has changed."""
    before = [line for line in dump(harbor) if "mountfs_audit" not in line]
    assert says in run(*(word.format(harbor) for word in words), code=code).err
    assert [line for line in dump(harbor) if "mountfs_audit" not in line] == before
