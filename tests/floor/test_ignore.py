"""The ignore list: what tools leave beside a file never becomes an asset."""

from __future__ import annotations

import pytest

from mountfs.ignore import IgnoreRules


@pytest.mark.parametrize(
    "path",
    [
        "a/fox.blend1",
        "fox.BLEND12",
        "fox.blend@",
        "notes.txt~",
        "a/.notes.txt.swp",
        ".~lock.shots.ods#",
        "~$brief.docx",
        "#scene.ma#",
        "x.db-wal",
        "x.db-journal",
        "comp.nk.autosave",
        "__pycache__/x.py",
        ".DS_Store",
    ],
)
def test_what_tools_leave_is_ignored(path: str):
    """Backups, locks and autosaves stay on the machine that made them, whatever the case of their names."""
    assert IgnoreRules().matches(path)


@pytest.mark.parametrize(
    "path", ["fox.blend", "shots.ods", "walk.abc", "a/render.0001.exr", "notes.txt", "x.db"]
)
def test_work_is_not_ignored(path: str):
    """What an artist made is imported."""
    assert not IgnoreRules().matches(path)


def test_a_projects_patterns_add_and_take_back():
    """A studio decides for its own project, with the rules of .gitignore."""
    rules = IgnoreRules(["Render/*", "*.bak", "!keep.tmp"])
    assert rules.matches("render/0001.exr")
    assert rules.matches("x.BAK")
    assert not rules.matches("shots/render/0001.exr")
    assert not rules.matches("keep.tmp")
    assert rules.matches("other.tmp")


def test_a_folder_pattern_is_for_folders():
    """A file called incrementalSave is a file."""
    assert IgnoreRules().matches("incrementalSave", is_folder=True)
    assert not IgnoreRules().matches("incrementalSave")
