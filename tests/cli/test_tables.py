"""``new --csv``: a table of planned work, whole or in parts."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from mountfs import cli
from mountfs.exchange import batches
from tests.cli.serving import run
from tests.cli.test_making import OWL, SHOT, with_template
from tests.cli.test_people import dump

__all__ = ["with_template"]


@pytest.fixture(autouse=True, params=[batches.PART, 1], ids=["at once", "line by line"])
def part(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds for a table holds for a long one, too."""
    monkeypatch.setattr(batches, "PART", request.param)


def table(project: Path, text: str) -> Path:
    """A table on the disk."""
    path = project.parent / "table.csv"
    path.write_text(text)
    return path


TABLE = f"""path,type,template,assignee,status,depends
{SHOT},,shot,ann,ready,/library/props/; {OWL}
sequences/sq030/comp.nk,,,val,,{SHOT}
/sequences/sq030/plates/,,,bo,,
/sequences/sq030/notes.txt,resource,,,,
"""


def test_a_table_makes_what_it_names(with_template: Path):
    """Files, folders, whose they are and what they need: everybody sees their part at once."""
    done = run("new", with_template, "--csv", table(with_template, TABLE))
    assert done.out == "3 new files, 2 new folders, 0 unchanged\n"
    about = run("show", f"{with_template}:{SHOT}", "--json", "--as", "ann").json
    assert (about["status"], about["assignee"], about["version"]["number"]) == ("ready", "ann", 1)
    run("show", f"{with_template}:{OWL}", "--as", "val")
    assert run("depend", "list", f"{with_template}:{SHOT}").rows == [
        ["needs", OWL, "linked"],
        ["needs", "/library/props", "linked"],
        ["needed by", "/sequences/sq030/comp.nk", "linked"],
    ]
    assert "/sequences/sq030/plates/" in run("mine", with_template, "--as", "bo").out


def test_the_same_table_again_changes_nothing(with_template: Path):
    """Whoever is not sure that it was done does it again."""
    csv = table(with_template, TABLE)
    run("new", with_template, "--csv", csv)
    before = dump(with_template)
    assert run("new", with_template, "--csv", csv).out == "0 new files, 0 new folders, 4 unchanged\n"
    assert run("new", with_template, "--csv", csv, "--update").out.endswith("4 unchanged\n")
    assert dump(with_template) == before


def test_work_that_has_gone_on_is_not_undone(with_template: Path):
    """An old table does not take a task away or set a status back; it says where it differs."""
    csv = table(with_template, TABLE)
    run("new", with_template, "--csv", csv)
    run("mark", f"{with_template}:{SHOT}", "wip")
    run("assign", f"{with_template}:{SHOT}", "bo")
    run("depend", "remove", f"{with_template}:{SHOT}", OWL)
    run("unassign", f"{with_template}:/sequences/sq030/plates")
    before = dump(with_template)
    done = run("new", with_template, "--csv", csv)
    assert "2 unchanged, 2 not as the table says" in done.out
    assert done.err.splitlines() == [
        f"{SHOT}: it is not assigned to ann",
        f"{SHOT}: it is wip, not ready",
        f"{SHOT}: it does not need {OWL}",
        "/sequences/sq030/plates: bo does not work in it",
    ]
    assert dump(with_template) == before
    assert "2 changed, 2 unchanged" in run("new", with_template, "--csv", csv, "--update").out
    assert "4 unchanged" in run("new", with_template, "--csv", csv).out


def test_all_of_a_table_or_nothing(with_template: Path):
    """Every line that cannot be is told at once, with its number, and nothing was changed."""
    wrong = {
        "/a.txt,x,,,,": "there is no type 'x'; there are: task, resource, folder, generic",
        "/b.txt,,,nobody,,": "there is no user 'nobody'",
        "/c.txt,,,,zip,": "there is no status 'zip'; there are: done, ready",
        "/d.txt,,none,,,": "there is no template 'none'; there are: shot.blend",
        "/e.txt,,,,,/nowhere": "there is no /nowhere that it could need",
        "/README/x,,,,,": "/README is a file",
        "/library,,,,,": "the project has a folder of this name",
        "/README,folder,,,,": "the project has a file of this name",
        "/f/,,,,wip,": "a folder has no status",
        "/.git,,,,,": "make programs run code",
        ",,,ann,,": "the path is missing",
        "/g.txt,,shot,,,": "its name ends in .blend",
        "/h.txt,resource,,ann,,": "a resource has no assignee",
    }
    header, *lines = TABLE.splitlines()
    csv = table(with_template, "\n".join([header, *lines, *wrong, SHOT.upper()]))
    before = [line for line in dump(with_template) if "mountfs_audit" not in line]
    err = run("new", with_template, "--csv", csv, code=cli.REFUSED).err.splitlines()
    for number, reason in enumerate(wrong.values(), 6):
        (line,) = (line for line in err if line.startswith(f"{csv}:{number}: "))
        assert reason in line
    assert "stands in line 2 already" in err[-2]
    assert err[-1] == f"mountfs: 14 lines of 18 in {csv} cannot be, so nothing was changed."
    assert [line for line in dump(with_template) if "mountfs_audit" not in line] == before


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffPath;Assignee;Depends\r\n/x/a.txt;ann;/README, /library\r\n",
        "assignee\tpath\tdepends\n\nann\t/x/a.txt\t/README;/library\n\n",
        'path,assignee,depends\n"/x/a.txt","ann","/README;/library"\n',
    ],
    ids=["as a spreadsheet writes it", "tabs", "quotes"],
)
def test_a_table_may_be_written_in_several_ways(harbor: Path, text: str):
    """Whatever program somebody keeps their plans in."""
    run("new", harbor, "--csv", table(harbor, text))
    assert run("show", f"{harbor}:/x/a.txt", "--json").json["assignee"] == "ann"
    assert len(run("depend", "list", f"{harbor}:/x/a.txt").rows) == 2


def test_a_table_below_a_folder(harbor: Path):
    """Paths without a slash begin there."""
    run("new", f"{harbor}:/editorial", "--csv", table(harbor, "path\na.txt\n/b.txt\n"))
    run("show", f"{harbor}:/editorial/a.txt")
    run("show", f"{harbor}:/b.txt")


def test_a_table_from_a_pipe(harbor: Path, monkeypatch: pytest.MonkeyPatch):
    """As with other programs."""
    monkeypatch.setattr(
        "mountfs.cli.new.sys", type("Piped", (), {"stdin": io.TextIOWrapper(io.BytesIO(b"path\n/a.txt\n"))})
    )
    assert "1 new file" in run("new", harbor, "--csv", "-").out


def test_a_production_manager_plans(with_template: Path):
    """Everywhere in the project, though they see nothing of it in a mount."""
    run("new", with_template, "--csv", table(with_template, TABLE), "--as", "mina")
    assert run("show", f"{with_template}:{SHOT}", "--json").json["assignee"] == "ann"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the table is empty"),
        ("\n\n", "the table is empty"),
        ("name\n/a\n", "a column 'name' is not known"),
        ("type\ntask\n", "there is no column 'path'"),
        ("path,path\n/a,/b\n", "a column is named twice"),
        ("path\n/a,b\n", "line 2 has more fields"),
        ('path\n"/a', "line 2 cannot be read"),
    ],
)
def test_a_table_that_is_none(harbor: Path, text: str, says: str):
    """It is said what a table looks like."""
    assert says in run("new", harbor, "--csv", table(harbor, text), code=cli.REFUSED).err


def test_what_only_shows_while_it_is_made(harbor: Path, part: None):  # noqa: ARG001  # it is autouse
    """Two lines that exclude each other, far apart: what was made before stays, and both are told."""
    csv = table(harbor, "path\n/plates/a.txt\n/PLATES\n")
    before = [line for line in dump(harbor) if "mountfs_audit" not in line]
    err = run("new", harbor, "--csv", csv, code=cli.REFUSED).err
    assert f"{csv}:3: /PLATES: " in err
    after = [line for line in dump(harbor) if "mountfs_audit" not in line]
    if batches.PART == 1:
        assert "1 line of 2" in err
        assert "made are 1 new file, 1 new folder, 0 unchanged" in err
        assert after != before
        csv.write_text("path\n/plates/a.txt\n/other.txt\n")
        assert run("new", harbor, "--csv", csv).out == "1 new file, 0 new folders, 1 unchanged\n"
    else:
        assert "nothing was changed" in err
        assert after == before


def test_what_a_row_needs_is_made_with_it(harbor: Path):
    """Files that need each other, and folders below which others are named first."""
    rows = ["/sq/a.ma,,/sq/b.ma;/sq/c.ma", "/sq/b.ma,,/sq/d.ma", "/sq/c.ma", "/sq/d.ma,,/sq/a.ma", "/sq/,bo"]
    csv = table(harbor, "\n".join(["path,assignee,depends", *rows]))
    run("new", harbor, "--csv", csv)
    assert run("new", harbor, "--csv", csv).out == "0 new files, 0 new folders, 5 unchanged\n"
