"""The model of names says what it should in the plain cases, and notices what is wrong."""

from __future__ import annotations

import pytest

from mountfs.testing.names_model import NamesModel, is_part


@pytest.fixture
def model() -> NamesModel:
    """Two users, and one file that both see."""
    made = NamesModel(["ada", "bo"])
    made.assets["a"] = (b"1",)
    return made


def test_what_is_written_shows_to_its_writer_until_it_is_settled(model: NamesModel):
    """And to everybody then, as one more version."""
    model.write("ada", "a", b"2")
    model.write("ada", "a", b"3")
    assert model.view("ada") == {"a": b"3"}
    assert model.view("bo") == {"a": b"1"}
    assert not model.may_touch("bo", "a")
    assert model.settle("ada", {"a": (b"1", b"2", b"3")}, [], [""])
    assert model.settle("ada", {"a": (b"1", b"3")}, [], [""]) == []
    assert model.view("bo") == {"a": b"3"}
    assert model.may_touch("bo", "a")


def test_the_same_content_again_is_no_version(model: NamesModel):
    """Neither one more nor one less."""
    model.write("ada", "a", b"1")
    assert model.settle("ada", {"a": (b"1", b"1")}, [], [""])
    assert model.settle("ada", {"a": (b"1",)}, [], [""]) == []


def test_a_file_renamed_over_a_name_is_its_next_version(model: NamesModel):
    """The temporary file's name never was an asset."""
    model.write("ada", "new", b"2")
    model.rename("ada", "new", "a")
    assert model.settle("ada", {"a": (b"1", b"2"), "new": (b"2",)}, [], [""])
    assert model.settle("ada", {"a": (b"2",)}, [(b"1",)], [""])
    assert model.settle("ada", {"a": (b"1", b"2")}, [], [""]) == []


def test_a_backup_and_a_new_file_are_a_version_and_a_file(model: NamesModel):
    """The name keeps the history."""
    model.rename("ada", "a", "old")
    model.write("ada", "a", b"2")
    assert model.settle("ada", {"a": (b"2",), "old": (b"1",)}, [], [""])
    assert model.settle("ada", {"a": (b"1", b"2"), "old": (b"1",)}, [], [""]) == []


def test_a_renamed_file_takes_its_history_along(model: NamesModel):
    """Unless the mount died before that was settled."""
    model.rename("ada", "a", "b")
    assert model.settle("ada", {"b": (b"1",)}, [], [""]) == []
    model.rename("ada", "b", "c")
    assert model.settle("ada", {"c": (b"1",)}, [], [""], seen_after_kill={"c": b"1"})
    assert model.settle("ada", {"b": (b"1",)}, [], [""], seen_after_kill={"b": b"1"}) == []


def test_a_removed_file_is_in_the_trash_and_comes_back_with_its_history(model: NamesModel):
    """It is gone from nowhere else."""
    model.unlink("ada", "a")
    assert model.settle("ada", {}, [], [""])
    assert model.settle("ada", {}, [(b"1",)], [""]) == []
    model.write("bo", "a", b"2")
    assert model.settle("bo", {"a": (b"2",)}, [(b"1",)], [""])
    assert model.settle("bo", {"a": (b"1", b"2")}, [], [""]) == []


def test_a_file_moved_to_a_name_that_stays_local_is_back(model: NamesModel):
    """Both names are there."""
    model.rename("ada", "a", "a~", stays=True)
    assert model.view("ada") == {"a~": b"1"}
    assert model.settle("ada", {}, [(b"1",)], [""])
    assert model.settle("ada", {"a": (b"1",)}, [], [""]) == []
    assert model.view("ada") == {"a": b"1", "a~": b"1"}


def test_what_others_have_must_not_change(model: NamesModel):
    """Whoever settles."""
    model.write("ada", "b", b"2")
    assert model.settle("ada", {"a": (b"1", b"x"), "b": (b"2",)}, [], [""])
    assert model.settle("ada", {"b": (b"2",)}, [], [""])
    assert model.settle("ada", {"a": (b"1",), "b": (b"2",)}, [], [""]) == []


def test_what_is_part():
    """In order, not in any order."""
    assert is_part([1, 3], [1, 2, 3])
    assert not is_part([3, 1], [1, 2, 3])
    assert is_part([], [])
