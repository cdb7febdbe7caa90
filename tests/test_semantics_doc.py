"""``docs/semantics.md`` promises only what a test holds, and says of the toggles what the rules say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mountfs.studio.permissions import EFFECTS

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "semantics.md").read_text()
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


def test_the_toggles_do_what_the_page_says() -> None:
    """The table of toggles is the one that the rules are asked from, word for word."""
    table = PAGE.split("<!-- toggles: begin -->")[1].split("<!-- toggles: end -->")[0]
    assert table.strip().splitlines()[2:] == [
        f"| `{toggle.value}` | {effect.in_mount} | {effect.in_commands} |"
        for toggle, effect in EFFECTS.items()
    ]
