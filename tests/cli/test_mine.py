"""``mine`` and ``access``: what is whose, who sees what, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from mountfs import cli
from tests.cli.serving import run

LOOK = "/characters/fox/lookdev/fox_look.usda"
OWL = "/characters/owl/owl.blend"


def test_my_tasks(harbor: Path):
    """An artist sees their tasks with status and version, those that are done last, then their folders."""
    run("assign", f"{harbor}:/editorial/cut.otio", "eve")
    run("mark", f"{harbor}:{OWL}", "done")
    rows = run("mine", harbor, "--as", "eve").rows
    assert [row[:3] for row in rows] == [
        ["/editorial/cut.otio", "todo", "1"],
        [OWL, "done", "1"],
        ["/characters/owl/", "2 files", ""],
    ]


def test_my_tasks_for_scripts(harbor: Path):
    """A script reads the same as objects, one for each project."""
    (told,) = run("mine", harbor, "--as", "eve", "--json").json
    assert told.keys() == {"project", "username", "tasks", "folders", "explanation"}
    assert [task["path"] for task in told["tasks"]] == [OWL]
    assert told["folders"] == [{"path": "/characters/owl", "files": 2}]
    assert told["explanation"] == []


def test_why_nothing_is_mine(harbor: Path):
    """Whoever has nothing to do reads what they see all the same, and who can help."""
    run("unassign", f"{harbor}:/sequences/sq020/sh010/comp.nk")
    out = run("mine", harbor, "--as", "val").out
    assert "nothing in harbor is assigned to val" in out
    assert "4 files are visible to you all the same" in out
    assert "who can assign you work: ada <ada@harbor.example>, mina <mina@harbor.example>, sol" in out
    run("library", "unshare", f"{harbor}:/library")
    assert "an empty mount is as it should be" in run("mine", harbor, "--as", "val").out


def test_my_task_is_in_the_trash(harbor: Path):
    """It is said where it went; whose task it was not learns nothing of it."""
    run("trash", f"{harbor}:/sequences/sq020/sh010/comp.nk")
    assert "in the trash there is: comp.nk" in run("mine", harbor, "--as", "val").out
    assert "comp.nk" not in run("mine", harbor, "--as", "mina").out


def test_the_owner_is_told_in_whose_name(harbor: Path):
    """Whoever holds the file sees all of it, and may give themselves work."""
    out = run("mine", harbor).out
    assert "in the name of ada <ada@harbor.example>" in out
    assert "you may assign work: mountfs assign PATH ada" in out


def test_nobody_can_help(harbor: Path):
    """A project without anybody who may assign work says so."""
    run("assign", f"{harbor}:{OWL}", "ann")
    for name in ("mina", "sol"):
        run("user", "remove", harbor, name)
    run("user", "role", harbor, "bo", "admin")
    run("user", "remove", harbor, "bo")
    run("unassign", f"{harbor}:{OWL}")
    run("unassign", f"{harbor}:/sequences/sq010/sh010/anim.blend")
    assert "who can assign you work: ada <ada@harbor.example>\n" in run("mine", harbor, "--as", "ann").out


@pytest.mark.usefixtures("harbor")
def test_mine_of_no_mount(monkeypatch: pytest.MonkeyPatch):
    """Without a project it is about mounts, and there is none."""
    monkeypatch.setattr("mountfs.cli.paths.mounts", list)
    assert "no project is mounted" in run("mine", code=cli.NOT_FOUND).err


def test_who_sees_a_file_and_why(harbor: Path):
    """Everybody who sees it, with the way by which they do and what they may do."""
    rows = {row[0]: row[1:] for row in run("access", f"{harbor}:{LOOK}").rows}
    assert rows == {
        "ann": [
            "artist",
            f"needed: /sequences/sq010/sh010/anim.blend → /characters/fox/fox.blend → {LOOK}",
            "read, history, mark",
        ],
        "bo": ["artist", f"needed: /characters/fox/fox.blend → {LOOK}", "read, history, mark"],
        "val": [
            "vendor",
            "needed: /sequences/sq020/sh010/comp.nk → /sequences/sq010/sh010/light.blend → "
            f"/sequences/sq010/sh010/anim.blend → /characters/fox/fox.blend → {LOOK}",
            rows["val"][2],
        ],
    }


def test_each_reason(harbor: Path):
    """A task, a folder, a shared folder, what is needed through a folder: each is named."""
    eve = run("access", f"{harbor}:{OWL}", "eve", "--json").json[0]
    assert eve["because"] == ["it is their task", "they work in /characters/owl"]
    assert eve["may"]["save"] is None
    boat = run("access", f"{harbor}:/library/props/boat.obj", "ann", "--json").json[0]
    assert boat["because"] == [
        "/library is shared",
        "needed: /sequences/sq010/sh010/anim.blend → /library/props → /library/props/boat.obj",
    ]
    above = {each["username"]: each for each in run("access", f"{harbor}:/characters", "--json").json}
    assert above["eve"]["because"] == ["something in it is visible to them, not all of it"]
    assert above["mina"]["sees"] is False


def test_why_not(harbor: Path):
    """What somebody may not do is told with what is missing, and who does not see it with who can help."""
    fields = dict(run("access", f"{harbor}:{OWL}", "ann").rows)
    assert fields["sees it"].startswith("no: it is neither assigned")
    assert fields["can help"] == "ada, mina, sol"
    assert fields["save"] == "no: it is the task of eve"
    assert fields["trash"] == "no: the role lacks delete_asset"
    run("unassign", f"{harbor}:{OWL}")
    assert dict(run("access", f"{harbor}:{OWL}", "ann").rows)["save"] == "no: it is nobody's task yet"


def test_an_artist_is_told_about_themselves(harbor: Path):
    """And of nobody else, nor of anything they do not see."""
    fields = dict(run("access", f"{harbor}:{LOOK}", "--as", "bo").rows)
    assert fields["user"] == "bo"
    assert fields["sees it"] == f"needed: /characters/fox/fox.blend → {LOOK}"
    assert (
        "your role does not allow"
        in run("access", f"{harbor}:{LOOK}", "ann", "--as", "bo", code=cli.REFUSED).err
    )
    for path in (OWL, "/characters/owl", "/nothing"):
        err = run("access", f"{harbor}:{path}", "--as", "bo", code=cli.NOT_FOUND).err
        assert (
            err == f"mountfs: {path}: there is no such file or folder. Look with mountfs ls what is there.\n"
        )
    assert len(run("access", f"{harbor}:{LOOK}", "--as", "mina", "--json").json) == 7


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["access", "{}:/"], cli.USAGE, "the top of the project"),
        (["access", "{}:" + OWL, "nobody"], cli.NOT_FOUND, "no user 'nobody'"),
        (["access", "{}:/nothing"], cli.NOT_FOUND, "no such file or folder"),
        (["mine", "nowhere"], cli.NOT_FOUND, "neither inside a mount"),
        (["mine", "{}", "--as", "nobody"], cli.NOT_FOUND, "no user 'nobody'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_has_its_sentence(harbor: Path, words: list[str], code: int, says: str):
    """What is wrong is said on one line."""
    assert says in run(*(word.format(harbor) for word in words), code=code).err
