"""Recorded sessions of creative tools in a mount: as on a disk, with the versions their users meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.mounted import dcc_support
from tests.mounted.film import Home
from tests.mounted.sessions import Form, Session, Who, forms

FORMS = forms()

SAMPLE = {
    "blender-save",
    "coreutils-copy-move",
    "editors-text",
    "gimp-save",
    "krita-save@fuse",
    "openpyxl-save",
}
"""Those that are always played at a studio, too; the others when there is time."""

HOMES = [
    *(pytest.param("file", form, id=form.name) for form in FORMS),
    *(
        pytest.param(
            "studio",
            form,
            id=f"{form.name} at a studio",
            marks=() if form.name in SAMPLE else pytest.mark.slow,
        )
        for form in FORMS
    ),
]


@pytest.mark.parametrize(("home", "form"), HOMES, indirect=["home"])
def test_a_recorded_session_makes_the_versions_that_its_user_meant(form: Form, tmp_path: Path, home: Home):
    """To the tool a mount is a disk; to the owner and to an artist each save is one version, whole; and a
    studio makes of it what a file makes of it.
    """
    sessions = dcc_support.sessions_of(form, tmp_path, home)
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


@pytest.mark.parametrize(
    ("who", "found", "told"),
    [
        (Who.OWNER, {("save-1", "scene.blend"): 1, ("save-as", "scene_v002.blend"): 1}, []),
        (Who.OWNER, {("save-1", "scene.blend"): 1}, ["save-as: scene_v002.blend got 0 versions, expected 1"]),
        (Who.ARTIST, {("save-1", "scene.blend"): 1}, []),
        (Who.ARTIST, {}, ["save-1: scene.blend got 0 versions, expected 1"]),
        (
            Who.ARTIST,
            {("save-1", "scene.blend"): 2},
            ["save-1: scene.blend got 2 versions, expected 1"],
        ),
        (
            Who.ARTIST,
            {("save-1", "scene.blend"): 1, ("save-1", "scene.blend1"): 1},
            ["save-1: scene.blend1 got 1 versions, expected not said"],
        ),
    ],
)
def test_a_number_that_no_rule_explains_is_told(who: Who, found: dict[tuple[str, str], int], told: list[str]):
    """One version too few or too many, or one of a backup, is a failure and not a footnote."""
    recording = next(form.recording for form in FORMS if form.name == "blender-save")
    actions = tuple(each for each in recording.actions if each.label in ("save-1", "save-as"))
    session = Session(found=found, known=frozenset({"scene.blend"}))
    assert dcc_support.unexplained(Form(replace(recording, actions=actions)), who, session) == told
