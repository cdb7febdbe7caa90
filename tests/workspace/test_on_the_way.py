"""Versions, and names that are empty, found without looking through all."""

from __future__ import annotations

from mountfs.model import AssetId, Checkpoint, CheckpointId, CollectionId, UserId
from mountfs.workspace.locals import Vacancies, Vacancy
from mountfs.workspace.on_the_way import Versions
from mountfs.workspace.versions import Version

SHOT = CollectionId("shot")


def version(name: str, asset: str, *, made_from: str = "") -> Version:
    content = None
    if made_from:
        content = Checkpoint(
            CheckpointId("c"), AssetId(made_from), 1, 0, UserId("ada"), 0, "", 0, comment="", executable=False
        )
    return Version(
        CheckpointId(name), 1, AssetId(asset), False, 1, None, content, None, mtime_ns=0, executable=False
    )


def test_versions_are_found_by_what_they_are_of_and_made_from():
    """Whoever asks for the versions of an asset gets these, also after one turned out to be another's or
    went.
    """
    versions = Versions()
    first, second = version("1", "a", made_from="b"), version("2", "a")
    for each in (first, second):
        versions[each.id] = each
    assert versions.of_asset(AssetId("a")) == [first, second]
    assert versions.made_from(AssetId("b")) == [first]
    versions.give_to(AssetId("z"), second)
    assert (versions.of_asset(AssetId("a")), versions.of_asset(AssetId("z"))) == ([first], [second])
    first.content = None
    assert versions.made_from(AssetId("b")) == []
    versions.pop(first.id)
    assert versions.pop(first.id, None) is None
    assert (list(versions.values()), versions.of_asset(AssetId("a"))) == ([second], [])
    versions[second.id] = second
    assert len(versions) == 1


def test_an_empty_name_is_found_by_its_place():
    """Of two assets that have left one name the first is there, and the other when that has gone."""
    vacancies = Vacancies()
    one, two = (Vacancy(AssetId(name), SHOT, b"name", 0.0, None, None) for name in "ab")
    for each in (one, two):
        vacancies[each.asset] = each
    assert vacancies.at(SHOT, b"name") is one
    assert vacancies.at(SHOT, b"other") is None
    del vacancies[one.asset]
    assert vacancies.at(SHOT, b"name") is two
    vacancies[two.asset] = two
    vacancies.pop(two.asset)
    assert vacancies.at(SHOT, b"name") is None
