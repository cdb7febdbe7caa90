"""A project as it was: exact where the file knows, and for nobody more than they may see today."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mountfs.content.assemble import assemble
from mountfs.errors import NotFound, NotPermitted, Refused
from mountfs.model import ROOT, Asset, Toggle
from mountfs.studio.bound import BoundStudio
from mountfs.studio.outline import Outline
from mountfs.studio.past import PastStudio
from tests.studio.harbor import Harbor

ANIM = "sequences/sq010/sh010/anim.blend"
CUT = "editorial/cut.otio"


@pytest.fixture(autouse=True)
def later(harbor: Harbor) -> None:
    """What the test does happens well after the production was made."""
    harbor.now = time.time() + 1000


def at(harbor: Harbor, moment: float, studio: BoundStudio | None = None) -> PastStudio:
    return PastStudio(harbor.project, studio or harbor.owner, int(moment), "past")


def files(studio: PastStudio | BoundStudio) -> dict[str, bytes]:
    """Everything that is shown, with its content."""
    return {
        path: b"".join(assemble(studio.manifest(thing.head.id), studio.chunks)) if thing.head else b""
        for path, thing in Outline(studio.tree()).walk()
        if isinstance(thing, Asset)
    }


def test_everything_is_as_it_was(harbor: Harbor):
    """Contents, names, folders, the trash, and what did not exist yet."""
    before, moment = files(harbor.owner), harbor.now
    harbor.now += 100
    harbor.save(harbor.owner, harbor.asset(ANIM), b"later")
    harbor.owner.rename(harbor.file(CUT), "final", ".otio", harbor.folder("library"))
    harbor.owner.rename(harbor.folder("characters"), "people", "", ROOT)
    harbor.owner.trash(harbor.folder("library/textures"))
    harbor.owner.trash(harbor.file("README"))
    harbor.create(harbor.owner, "library/new.txt")
    now = files(harbor.owner)
    assert before != now
    past = at(harbor, moment)
    assert files(past) == before
    assert past.doubts() == 0
    assert files(at(harbor, harbor.now)) == now


def test_the_way_there_and_back(harbor: Harbor):
    """What was trashed and restored, and moved twice, was at each moment where it was."""
    readme, moments = harbor.file("README"), []
    acts: list[Callable[[], object]] = [
        lambda: harbor.owner.trash(readme),
        lambda: harbor.owner.restore(readme),
        lambda: harbor.owner.rename(readme, "README2", "", ROOT),
        lambda: harbor.owner.rename(readme, "README3", "", harbor.folder("library")),
    ]
    for act in acts:
        moments.append((harbor.now, set(files(harbor.owner))))
        harbor.now += 100
        act()
        harbor.now += 100
    for moment, names in moments:
        assert set(files(at(harbor, moment))) == names


def test_old_versions_are_the_newest_of_their_time(harbor: Harbor):
    """Each moment has its head and the history up to it, also of versions that were thinned out since."""
    moments = []
    for number in range(2, 5):
        harbor.save(harbor.owner, harbor.asset(ANIM), b"%d" % number)
        moments.append((number, harbor.now))
        harbor.now += 100
    middle = harbor.owner.history(harbor.file(ANIM))[1]
    harbor.owner.trash_checkpoint(middle.id)
    for number, moment in moments:
        past = at(harbor, moment)
        head = Outline(past.tree()).at(ANIM)
        assert isinstance(head, Asset)
        assert head.head is not None
        assert head.head.number == number
        assert files(past)[ANIM] == b"%d" % number
        assert max(each.number for each in past.history(head.id)) <= number


def test_nobody_sees_more_of_the_past_than_of_today(harbor: Harbor):
    """What was taken from somebody since is not in their past either; what is in the trash is, for who could
    bring it back."""
    ann = harbor.as_("ann")
    before, moment = set(files(ann)), harbor.now
    assert ANIM in before
    harbor.now += 100
    harbor.owner.trash(harbor.file("library/props/boat.obj"))
    assert set(files(at(harbor, moment, ann))) == before
    harbor.owner.unassign(harbor.file(ANIM), harbor.user("ann"))
    shown = set(files(at(harbor, moment, harbor.as_("ann"))))
    assert ANIM not in shown
    assert all(path.startswith("library/") for path in shown)
    hidden = harbor.file("editorial/archive.tar.gz")
    with pytest.raises(NotFound):
        at(harbor, moment, ann).history(hidden)


def test_a_thing_is_not_shown_in_a_folder_that_is_hidden_now(harbor: Harbor):
    """A file that came into one's sight since was somewhere else, and not even that folder's name is told."""
    moment = harbor.now
    harbor.now += 100
    harbor.owner.rename(harbor.file(CUT), "cut", ".otio", harbor.folder("library"))
    ann = harbor.as_("ann")
    assert "library/cut.otio" in files(ann)
    past = at(harbor, moment, ann)
    names = {folder.name for folder in past.tree().collections.values()}
    assert "editorial" not in names
    assert CUT not in files(past)


def test_the_past_needs_the_right_to_history(harbor: Harbor):
    """Without `view_checkpoint` there is no past, and who loses the right meanwhile sees nothing of it."""
    ann = harbor.as_("ann")
    past = at(harbor, harbor.now, ann)
    assert files(past)
    harbor.role("ann", {Toggle.PULL_CHUNK})
    assert not files(past)
    with pytest.raises(NotPermitted):
        at(harbor, harbor.now, ann)


def test_the_past_cannot_be_changed(harbor: Harbor):
    """Whatever is asked, it is refused."""
    past, anim = at(harbor, harbor.now), harbor.file(ANIM)
    for act in (
        lambda: past.trash(anim),
        lambda: past.rename(anim, "a", "", ROOT),
        lambda: past.publish([]),
        lambda: past.set_status(anim, "done"),
    ):
        with pytest.raises(Refused):
            act()


def test_what_was_not_recorded_is_counted(harbor: Harbor):
    """Another program's changes leave no word: they are shown as now, and told of."""
    moment = int(harbor.now)
    with harbor.project.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE asset SET name = 'else', mtime = ? WHERE id = ?", (moment + 50, harbor.file(CUT))
        )
    past = at(harbor, moment)
    assert past.doubts() == 1
    assert "editorial/else.otio" in files(past)
