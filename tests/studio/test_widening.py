"""Whatever shows something to someone new is checked, and written down."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mountfs.errors import BeyondSight, NotAssigned, NotFound, Refused, WouldWiden
from mountfs.model import ALL_TOGGLES, ROOT
from mountfs.studio.bound import BoundStudio
from tests.studio.harbor import Harbor, names


def strong(harbor: Harbor, username: str) -> BoundStudio:
    """Somebody with every right, who sees no more for it."""
    harbor.role(username, set(ALL_TOGGLES))
    return harbor.as_(username)


def last(harbor: Harbor) -> tuple[str, str, dict[str, object]]:
    who, act, _, detail = harbor.audit()[-1]
    return who, act, detail


def test_the_audit_names_the_asset_and_counts_its_new_viewers(harbor: Harbor):
    """For a dependency: who needs the scene comes to see the notes."""
    notes = harbor.file("characters/owl/notes.txt")
    harbor.now += 10
    harbor.owner.depend(harbor.file("sequences/sq010/sh010/anim.blend"), notes)
    who, act, detail = last(harbor)
    assert (who, act) == ("ada", "depend")
    assert detail["new_viewers"] == 3, "ann, bo who lights it, and val who comps it"
    assert detail["assets"] == {notes: 3}
    assert all("characters/owl/notes.txt" in names(harbor.as_(each)) for each in ("ann", "bo", "val"))


def test_what_shows_nothing_new_says_so_by_silence(harbor: Harbor):
    """Depending on what everybody sees already has no new viewers."""
    harbor.now += 10
    harbor.owner.depend(
        harbor.file("characters/owl/owl.blend"), harbor.file("library/props/boat.obj"), "blocking"
    )
    assert "new_viewers" not in last(harbor)[2]


def test_both_ends_have_to_be_visible(harbor: Harbor):
    """Who may manage dependencies still cannot reach for what they do not see, by either end."""
    eve = strong(harbor, "eve")
    owl, anim = harbor.file("characters/owl/owl.blend"), harbor.file("sequences/sq010/sh010/anim.blend")
    for asset, on in ((owl, anim), (anim, owl), (owl, harbor.folder("sequences"))):
        with pytest.raises(NotFound):
            eve.depend(asset, on)
    assert "sequences/sq010/sh010/anim.blend" not in names(eve)


def test_what_one_does_not_see_cannot_be_shown_along_with_what_one_does(harbor: Harbor):
    """A shared model needs hidden notes: eve may not hand them to others by depending on the model."""
    boat = harbor.file("library/props/boat.obj")
    harbor.owner.depend(boat, harbor.file("editorial/archive.tar.gz"))
    harbor.role("ann", set(ALL_TOGGLES))
    anim = harbor.file("sequences/sq010/sh010/anim.blend")
    harbor.owner.undepend(anim, harbor.folder("library/props"))
    with pytest.raises(WouldWiden):
        harbor.as_("ann").depend(anim, boat)
    assert "editorial/archive.tar.gz" not in names(harbor.as_("ann"))


def test_an_administration_command_may_and_says_so(harbor: Harbor):
    """Somebody has to be able to assign what they do not see themselves."""
    ada = harbor.as_("ada")
    readme = harbor.file("README")
    harbor.owner.set_kind(readme, is_resource=False)
    with pytest.raises(NotFound):
        ada.assign(readme, harbor.user("ann"))
    harbor.now += 10
    ada.assign(readme, harbor.user("ann"), administration=True)
    assert "README" in names(harbor.as_("ann"))
    assert last(harbor)[2]["administration"] is True


def test_administration_needs_the_right_before_it_says_anything(harbor: Harbor):
    """Without the right, hidden and missing things are refused alike."""
    ann = harbor.as_("ann")
    said = []
    for what in (harbor.file("README"), harbor.user("eve")):
        with pytest.raises(Refused) as caught:
            ann.assign(what, harbor.user("bo"), administration=True)  # type: ignore[arg-type]
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_a_move_that_would_widen_sight_is_refused(harbor: Harbor):
    """In a mount nobody shares by dragging; the owner of the file may."""
    eve = strong(harbor, "eve")
    notes = harbor.file("characters/owl/notes.txt")
    with pytest.raises(WouldWiden):
        eve.rename(notes, "notes", ".txt", harbor.folder("library"))
    assert "library/notes.txt" not in names(harbor.owner)
    eve.rename(notes, "remarks", ".txt", harbor.folder("characters/owl"))
    harbor.now += 10
    harbor.owner.rename(notes, "remarks", ".txt", harbor.folder("library"))
    assert "library/remarks.txt" in names(harbor.as_("mina"))
    assert last(harbor)[2]["new_viewers"] == 6


def test_a_folder_is_moved_only_by_whoever_sees_all_of_it(harbor: Harbor):
    """Neither renamed nor removed, when something hidden is in it."""
    eve = strong(harbor, "eve")
    characters = harbor.folder("characters")
    acts: list[Callable[[], object]] = [
        lambda: eve.rename(characters, "people", "", ROOT),
        lambda: eve.trash(characters),
        lambda: eve.share(characters),
        lambda: eve.assign(characters, harbor.user("eve")),
    ]
    for act in acts:
        with pytest.raises(BeyondSight):
            act()
    eve.rename(harbor.folder("characters/owl"), "bird", "", characters)
    assert "characters/bird/owl.blend" in names(eve)


def test_a_folder_cannot_be_moved_into_itself(harbor: Harbor):
    """Nothing is lost in a ring."""
    with pytest.raises(Refused):
        harbor.owner.rename(
            harbor.folder("sequences"), "sequences", "", harbor.folder("sequences/sq010/sh010")
        )
    assert "sequences/sq010/sh010/anim.blend" in names(harbor.owner)


def test_sharing_and_its_end(harbor: Harbor):
    """Everybody sees a shared folder until it is not shared any more."""
    harbor.owner.share(harbor.folder("editorial"))
    assert "editorial/cut.otio" in names(harbor.as_("val"))
    harbor.owner.unshare(harbor.folder("editorial"))
    assert "editorial/cut.otio" not in names(harbor.as_("val"))
    assert "editorial/cut.otio" in names(harbor.as_("sol")), "it is his task"


def test_an_assignment_lasts_until_it_is_changed(harbor: Harbor):
    """A task has one assignee; taking it over takes it away."""
    cut = harbor.file("editorial/cut.otio")
    harbor.owner.assign(cut, harbor.user("ann"))
    assert "editorial/cut.otio" in names(harbor.as_("ann"))
    assert "editorial/cut.otio" not in names(harbor.as_("sol"))
    harbor.owner.unassign(cut, harbor.user("sol"))
    assert "editorial/cut.otio" in names(harbor.as_("ann")), "it was not his to lose"
    harbor.owner.unassign(cut, harbor.user("ann"))
    assert "editorial/cut.otio" not in names(harbor.as_("ann"))
    harbor.owner.assign(harbor.folder("editorial"), harbor.user("val"))
    harbor.owner.assign(harbor.folder("editorial"), harbor.user("val"))
    assert "editorial/archive.tar.gz" in names(harbor.as_("val"))
    harbor.owner.unassign(harbor.folder("editorial"), harbor.user("val"))
    assert "editorial/" not in names(harbor.as_("val"))


def test_a_resource_is_nobodys_task(harbor: Harbor):
    """It has to be made a task first."""
    boat = harbor.file("library/props/boat.obj")
    with pytest.raises(NotAssigned):
        harbor.owner.assign(boat, harbor.user("ann"))
    harbor.owner.set_kind(boat, is_resource=False)
    harbor.owner.assign(boat, harbor.user("ann"))
    harbor.owner.set_kind(boat, is_resource=True)
    assert harbor.asset("library/props/boat.obj").assignee == ""


def test_a_dependency_of_an_unknown_kind_is_not_made(harbor: Harbor):
    """The kinds are the project's."""
    with pytest.raises(NotFound):
        harbor.owner.depend(harbor.file("README"), harbor.file("editorial/cut.otio"), "knows")
    with pytest.raises(Refused):
        harbor.owner.depend(harbor.file("README"), harbor.file("README"))
