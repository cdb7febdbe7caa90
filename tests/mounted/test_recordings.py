"""Recorded sessions of creative tools in a mount: as on a disk, with the versions their users meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mounted import dcc_support
from tests.mounted.sessions import Form, forms

FORMS = forms()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_recorded_session_makes_the_versions_that_its_user_meant(form: Form, tmp_path: Path):
    """To the tool a mount is a disk; to the owner and to an artist each save is one version, whole."""
    sessions = dcc_support.sessions_of(form, tmp_path)
    for who, session in sessions.items():
        assert session.wrong == [], who
        assert dcc_support.unexplained(form, who, session) == [], who
    assert dcc_support.section(form, sessions) in dcc_support.PAGE.read_text(encoding="utf-8"), (
        "docs/dcc-support.md says otherwise: run make dcc-table and look at what has changed"
    )


def test_the_page_has_all_sessions_and_nothing_else():
    """Whoever reads what tools make of a mount reads what was played, in whole."""
    written = dcc_support.PAGE.read_text(encoding="utf-8")
    assert written.startswith(dcc_support.page([]))
    titles = [line.split(":")[0] for line in written.splitlines() if line.startswith("## ")]
    assert titles == [f"## {form.name}" for form in FORMS]


def test_a_rule_decides_only_what_happens():
    """No rule is listed that no session comes upon."""
    written = dcc_support.PAGE.read_text(encoding="utf-8")
    assert [name for name in dcc_support.RULES if f"| {name} |" not in written] == []
