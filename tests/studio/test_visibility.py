"""Who sees what."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mountfs.model import AssetId
from mountfs.storage.open import Project, open_project
from mountfs.studio.service import StudioService
from mountfs.testing.rows import Rows, random_project
from tests.studio import closure
from tests.studio.harbor import Harbor, names, paths_of

SAMPLES = Path(__file__).parents[3] / "shared" / "clst"


def assert_as_closure(project: Project) -> None:
    service = StudioService(project)
    rows = closure.Rows(project.path)
    for studio, user in [
        (service.for_owner(service.author()), None),
        *((service.for_user(person.id), person.id) for person in service.people()),
    ]:
        tree = studio.tree()
        assert (set(tree.assets), set(tree.collections)) == closure.seen(rows, user)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), size=st.integers(2, 14))
def test_random_projects_show_what_the_plain_rule_says(
    empty_file: Path, tmp_path: Path, seed: int, size: int
):
    """Whatever is in a project file, each user's tree is the closure of what they are assigned and share."""
    path = tmp_path / "random.clst"
    for leftover in tmp_path.glob("random.clst*"):
        leftover.unlink()
    shutil.copyfile(empty_file, path)
    with open_project(path) as project:
        random_project(Rows(project), random.Random(seed), size=size)
        assert_as_closure(project)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.clst")), ids=lambda path: path.stem)
def test_samples_show_what_the_plain_rule_says(sample: Path, tmp_path: Path):
    """Files of the other program follow the same rule."""
    path = tmp_path / sample.name
    shutil.copyfile(sample, path)
    with open_project(path, read_only=True, storage_dir=SAMPLES / "deflated-storage") as project:
        assert_as_closure(project)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_more_is_seen_than_in_the_other_program_only_by_two_rules(sample: Path, tmp_path: Path):
    """What the other program shows a user is shown, and more only through an assigned collection's
    dependencies or a collection dependency beyond the first step."""
    path = tmp_path / f"{sample.stem}.clst"
    shutil.copyfile(sample.with_suffix(".clst"), path)
    told = json.loads(sample.read_text()).get("users", {})
    with open_project(path, read_only=True, storage_dir=SAMPLES / "deflated-storage") as project:
        service = StudioService(project)
        rows = closure.Rows(path)
        paths = paths_of(service.for_owner(service.author()))
        for username, theirs in told.items():
            studio = service.for_user(username)
            narrower = closure.seen_by_the_other_program(rows, studio.viewer().person.id)
            assert {f"/{paths[AssetId(asset)]}" for asset in narrower} == set(theirs["sees_assets"])
            assert narrower <= studio.tree().assets.keys()
            here = {f"/{name}" for name in names(studio)}
            assert here >= {*theirs["sees_assets"], *theirs["sees_collections"]}


def test_an_admin_without_assignments_sees_only_what_is_shared(harbor: Harbor):
    """A role does not widen sight."""
    assert names(harbor.as_("ada")) == {
        "library/",
        "library/props/",
        "library/props/boat.obj",
        "library/props/lantern.obj",
        "library/textures/",
        "library/textures/wood.png",
        "library/Größe und Maß.txt",
    }


def test_an_ancestor_shows_only_what_is_visible_in_it(harbor: Harbor):
    """Eve sees the folder of characters, and of these only her own."""
    seen = names(harbor.as_("eve"))
    assert {"characters/", "characters/owl/", "characters/owl/notes.txt"} <= seen
    assert not any(name.startswith("characters/fox") for name in seen)


def test_sharing_does_not_pull_in_what_shared_things_need(harbor: Harbor):
    """A shared asset that needs something leaves that hidden from those who only share it."""
    harbor.owner.depend(harbor.file("library/props/boat.obj"), harbor.file("characters/owl/notes.txt"))
    assert "characters/owl/notes.txt" not in names(harbor.as_("mina"))
    assert "characters/owl/notes.txt" in names(harbor.as_("ann")), "who needs the boat needs its notes"


def test_a_trashed_collection_takes_everything_below_it_away(harbor: Harbor):
    """Even from those to whom something below it is assigned, and from the owner."""
    harbor.owner.trash(harbor.folder("sequences"))
    assert not any(name.startswith("sequences") for name in names(harbor.owner))
    assert not any("fox" in name for name in names(harbor.as_("ann"))), "it pulls nothing in"


def test_somebody_who_was_removed_sees_nothing(harbor: Harbor):
    """A studio that is already bound goes blind."""
    eve = harbor.as_("eve")
    assert names(eve)
    harbor.owner.remove_user(harbor.user("eve"))
    assert names(eve) == set()
    assert eve.viewer().may == frozenset()
