"""``docs/semantics.md`` promises only what a test holds, and says of the toggles what the rules say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs.studio.permissions import EFFECTS
from tests.mounted.test_posix_errors import EXCEPTIONS

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "semantics.md").read_text()
STATES = (
    "normal",
    "draft",
    "damaged",
    "flushed",
    "sealed",
    "publishing",
    "refused",
    "provisional",
    "scratch",
)
ACTS = (
    *("open for writing", "write", "truncate", "fsync", "flush", "release"),
    *("rename from", "rename onto", "unlink", "change from elsewhere", "kill"),
)
NAMED = sorted(set(re.findall(r"`([a-z_/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("module", "test"), NAMED)
def test_a_promise_names_a_test_that_exists(module: str, test: str) -> None:
    """Whoever reads a promise finds the test that holds it."""
    assert re.search(rf"^(async )?def {test}\(", (HERE / module).read_text(), re.MULTILINE)


def test_every_operation_names_its_test() -> None:
    """No row of the table of operations is a promise without a test."""
    table = PAGE.split("## Operations")[1].split("##")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    assert [row for row in rows if "::test_" not in row] == []


def test_every_promise_about_saving_names_its_test() -> None:
    """No row of the tables about saving is a promise without a test; the table of states has its own."""
    saving = PAGE.split("<!-- states: end -->")[1].split("## History as files")[0]
    rows = [line for line in saving.splitlines() if line.startswith("| ") and line != "| promise | test |"]
    assert len(rows) > 60
    assert [row for row in rows if "::test_" not in row] == []


@pytest.mark.parametrize("subject", ["names", "promises", "rights", "versions"])
def test_what_a_test_holds_about_saving_is_promised(subject: str) -> None:
    """Whoever reads the page knows all that is tested of saving in general."""
    module = ast.parse((HERE / "mounted" / f"test_saving_{subject}.py").read_text())
    tests = {each.name for each in module.body if isinstance(each, ast.FunctionDef)}
    promised = {test for where, test in NAMED if where == f"mounted/test_saving_{subject}.py"}
    assert {test for test in tests if test.startswith("test_")} == promised


def test_the_toggles_do_what_the_page_says() -> None:
    """The table of toggles is the one that the rules are asked from, word for word."""
    table = PAGE.split("<!-- toggles: begin -->")[1].split("<!-- toggles: end -->")[0]
    assert table.strip().splitlines()[2:] == [
        f"| `{toggle.value}` | {effect.in_mount} | {effect.in_commands} |"
        for toggle, effect in EFFECTS.items()
    ]


def test_every_promise_about_other_file_systems_names_its_test() -> None:
    """No row of what is as on any file system is a promise without a test."""
    table = PAGE.split("## As on any file system")[1].split("\n## ")[0].split("<!-- exceptions")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 40
    assert [row for row in rows if "::test_" not in row] == []


@pytest.mark.parametrize("subject", ["errors", "content", "names", "metadata", "stress"])
def test_what_a_test_holds_about_other_file_systems_is_promised(subject: str) -> None:
    """Whoever reads the page knows all that is compared with other file systems."""
    module = ast.parse((HERE / "mounted" / f"test_posix_{subject}.py").read_text())
    tests = {each.name for each in module.body if isinstance(each, ast.FunctionDef)}
    promised = {test for where, test in NAMED if where == f"mounted/test_posix_{subject}.py"}
    assert {test for test in tests if test.startswith("test_")} == promised


def test_what_comes_out_otherwise_is_said() -> None:
    """The exceptions that the tests make are those of the page, with their reasons."""
    table = PAGE.split("<!-- exceptions: begin -->")[1].split("<!-- exceptions: end -->")[0]
    answers = {"ENOTSUP": "EOPNOTSUPP"}  # one number, two names
    assert table.strip().splitlines()[2:] == [
        f"| {call} | {answers.get(each.error, each.error)} | {each.why} |"
        for call, each in EXCEPTIONS.items()
    ]


def _cells() -> Iterator[tuple[str, str, str]]:
    """State, act and promise, as the page has them."""
    state = ""
    for line in PAGE.split("<!-- states: begin -->")[1].split("<!-- states: end -->")[0].splitlines():
        if begins := re.match(r"\*\*(\w+)\*\*: ", line):
            state = begins[1]
        elif (row := re.fullmatch(r"\| ([a-z ]+) \| (.+) \|", line)) and row[1] != "act":
            yield state, row[1], row[2]


def test_every_state_says_what_every_act_does() -> None:
    """No cell of the table of states is left out, and none is there twice."""
    assert [(state, act) for state, act, _ in _cells()] == [(state, act) for state in STATES for act in ACTS]


@pytest.mark.parametrize("state", STATES)
def test_a_cell_is_what_its_test_says(state: str) -> None:
    """Each cell promises the very sentence that its test begins with."""
    module = ast.parse((HERE / "mounted" / "states" / f"test_{state}.py").read_text())
    tests = {each.name: each for each in module.body if isinstance(each, ast.FunctionDef)}
    promises = {f"test_{act.replace(' ', '_')}": text for where, act, text in _cells() if where == state}
    assert promises == {
        name: " ".join((ast.get_docstring(test) or "").split()) for name, test in tests.items()
    }
