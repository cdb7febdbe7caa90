"""What commands do to a project, in process or far away: the same acts, outcomes and refusals."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mountfs.cli.far import FarStudio
from mountfs.errors import (
    MountfsError,
    NameTaken,
    NotAssigned,
    NotFound,
    NotPermitted,
    RoleRule,
    WouldWiden,
)
from mountfs.interfaces import BulkStudio
from mountfs.model import Asset, AssetId, CheckpointId, CollectionId, Toggle, UserId
from mountfs.storage.open import open_project
from mountfs.studio.access import Because
from mountfs.studio.permissions import Act
from mountfs.studio.service import StudioService
from mountfs.testing.online import online_studio
from tests.contract.conftest import Home

As = Callable[[str], Any]
"""Somebody's project by username: a `BoundStudio`, or what commands have in its place."""

OWL, LOOK, ANIM, BOAT, README = "owl.blend", "fox_look.usda", "anim.blend", "boat.obj", "README"


@pytest.fixture(params=["in process", "over the network"])
def as_(request: pytest.FixtureRequest, harbor_file: Path, tmp_path: Path) -> Iterator[As]:
    if request.param == "in process":
        path = tmp_path / "harbor.clst"
        shutil.copyfile(harbor_file, path)
        with open_project(path) as project:
            service = StudioService(project)
            yield service.for_user
        return
    with open_project(harbor_file, read_only=True) as project:
        id_ = project.id
    with online_studio(tmp_path / "studio") as online:
        online.adopt(harbor_file, id_)

        def far(username: str) -> FarStudio:
            client, chunks = online.project(username, id_)
            return FarStudio(client._line, id_, chunks)

        yield far


def asset(studio: Any, name: str, act: Act | None = None) -> Asset:
    """An asset by its file name: a visible one, or one of all for an act of administration."""
    tree = studio.tree() if act is None else studio.administered(act)
    found: Asset = next(each for each in tree.assets.values() if each.name + each.extension == name)
    return found


def folder(studio: Any, name: str, act: Act | None = None) -> CollectionId:
    """The same for a collection."""
    tree = studio.tree() if act is None else studio.administered(act)
    found: CollectionId = next(each.id for each in tree.collections.values() if each.name == name)
    return found


def user(studio: Any, username: str) -> Any:
    return next(each.person.id for each in studio.crew() if each.person.username == username)


def sees(studio: Any, name: str) -> bool:
    return any(each.name + each.extension == name for each in studio.tree().assets.values())


def test_going_back(as_: As):
    """An old version becomes the newest; a rehearsal says the same and does nothing."""
    ann = as_("ann")
    anim = asset(ann, ANIM)
    old = anim.head
    assert old is not None
    with ann.together(rehearse=True):
        tried = ann.revert(old.id)
    assert (tried.number, tried.comment) == (2, "back to version 1")
    assert len(ann.history(anim.id)) == 1
    made = ann.revert(old.id, CheckpointId("again"))
    assert (made.id, made.number, made.xxh3) == ("again", 2, old.xxh3)
    assert ann.revert(old.id, CheckpointId("again")).number == 2, "the same again makes nothing"
    assert [each.number for each in ann.history(anim.id)] == [2, 1]
    ann.edit_comment(made.id, "better so")
    assert ann.history(anim.id)[0].comment == "better so"


def test_the_trash(as_: As):
    """What is put away is listed by whoever would see it, and comes back; many go together or not at all."""
    ada, val = as_("ada"), as_("val")
    boat, lantern = asset(ada, BOAT), asset(ada, "lantern.obj")
    with pytest.raises(NotFound):
        ada.trash_assets([boat.id, AssetId("nothing")])
    assert sees(val, BOAT)
    with pytest.raises(NotPermitted):
        val.trash_assets([boat.id])
    ada.trash_assets([boat.id, lantern.id])
    assert not sees(val, BOAT)
    for each in (ada, val):
        found = each.trash_listing()
        assert [found.paths[each.id] for each in found.assets] == [
            "/library/props/boat.obj",
            "/library/props/lantern.obj",
        ]
    with ada.together(rehearse=True):
        ada.restore(boat.id)
    with pytest.raises(NotPermitted):
        val.restore(boat.id)
    assert not sees(val, BOAT)
    ada.restore(boat.id)
    assert sees(val, BOAT)
    with pytest.raises(NotPermitted):
        val.trash(boat.id)
    ada.trash(folder(ada, "props"))
    assert [each.name for each in ada.trash_listing().collections] == ["props"]


def test_many_go_into_the_trash(home: Home):
    """Whatever a mount stands on takes many at once: all of them or none."""
    studio, _ = home.as_("ada")
    assert isinstance(studio, BulkStudio)
    boat, lantern = asset(studio, BOAT), asset(studio, "lantern.obj")
    with pytest.raises(NotFound):
        studio.trash_assets([boat.id, AssetId("nothing")])
    assert sees(studio, BOAT)
    studio.trash_assets([boat.id, lantern.id])
    assert not sees(studio, BOAT)
    assert not sees(studio, "lantern.obj")
    studio.trash_assets([boat.id])  # again is no error
    studio.trash_assets([])


def test_a_version_in_the_trash(as_: As):
    """It is not in the history, and comes back to its place."""
    ada = as_("ada")
    boat = asset(ada, "boat.obj")
    assert boat.head is not None
    made = ada.revert(boat.head.id)
    ada.trash_checkpoint(made.id)
    assert [each.number for each in ada.history(boat.id)] == [1]
    ada.restore_checkpoint(made.id)
    assert [each.number for each in ada.history(boat.id)] == [2, 1]


def test_work_is_handed_out(as_: As):
    """By whoever may, of what they do not see, too; all of it or none; and who comes to see what is told."""
    ada, bo = as_("ada"), as_("bo")
    owl = asset(ada, OWL, Act.ASSIGN)
    assert not sees(bo, OWL)
    with pytest.raises(NotFound):
        ada.assign(owl.id, user(ada, "bo"))  # not by way of what they see
    with pytest.raises(NotFound), ada.together():  # noqa: PT012 - the block is what is refused
        ada.assign(owl.id, user(ada, "bo"), administration=True)
        ada.assign(AssetId("nothing"), user(ada, "bo"), administration=True)
    assert not sees(bo, OWL)
    with ada.together(rehearse=True):
        tried = ada.assign(owl.id, user(ada, "bo"), administration=True)
    assert (tried.viewers, tried.assets) == (1, 1)
    assert not sees(bo, OWL)
    shown = ada.assign(owl.id, user(ada, "bo"), administration=True)
    assert (shown.viewers, shown.assets) == (1, 1)
    assert sees(bo, OWL)
    ada.unassign(owl.id, user(ada, "bo"), administration=True)
    assert not sees(bo, OWL)
    readme = asset(ada, README, Act.ASSIGN)
    with pytest.raises(NotAssigned):
        ada.assign(readme.id, user(ada, "bo"), administration=True)
    ada.set_kind(readme.id, is_resource=False, administration=True)
    assert not asset(ada, README, Act.ASSIGN).is_resource


def test_folders_are_somebodys_and_everybodys(as_: As):
    """Whoever works in a folder is listed; what is shared is seen by all."""
    ada, val = as_("ada"), as_("val")
    owls = folder(ada, "owl", Act.ASSIGN)
    assert [each.username for each in ada.works_in(owls)] == ["eve"]
    assert ada.folders_of(user(ada, "eve"), administration=True) == [owls]
    assert as_("eve").folders_of(user(as_("eve"), "eve")) == [owls]
    assert not sees(val, OWL)
    shown = ada.share(owls, administration=True)
    assert (shown.viewers > 1, shown.assets) == (True, 2)
    assert sees(val, OWL)
    ada.unshare(owls, administration=True)
    assert not sees(val, OWL)
    with pytest.raises(NotPermitted):
        val.share(folder(val, "library"))
    with pytest.raises(NotPermitted):
        val.works_in(owls)


def test_a_file_needs_others(as_: As):
    """Whoever works on it sees them; nobody shows by that what is not theirs."""
    ada, eve = as_("ada"), as_("eve")
    owl, cut = asset(ada, OWL, Act.DEPEND), asset(ada, "cut.otio", Act.DEPEND)
    assert not sees(eve, "cut.otio")
    shown = ada.depend(owl.id, cut.id, "working", administration=True)
    assert shown.assets == 1
    assert sees(eve, "cut.otio")
    (found,) = ada.dependencies(owl.id, administration=True)
    assert (found.asset, found.on, found.type) == (owl.id, cut.id, "working")
    assert [each.on for each in eve.dependencies(owl.id)] == [cut.id]
    ada.undepend(owl.id, cut.id, administration=True)
    assert not sees(eve, "cut.otio")
    with pytest.raises(NotFound):
        ada.depend(owl.id, cut.id, "no such type", administration=True)
    with pytest.raises(NotPermitted):
        eve.depend(owl.id, owl.id)


def test_who_may_not_assign_reaches_nothing_that_is_hidden(as_: As):
    """A right to share or to connect is one about what one sees: nobody gains sight by what they do."""
    ada = as_("ada")
    ada.create_role("half", {Toggle.UPDATE_COLLECTION, Toggle.MANAGE_DEPENDENCIES, Toggle.UPDATE_ASSET})
    ada.set_role(user(ada, "eve"), "half")
    owl, hidden = asset(as_("eve"), OWL), asset(ada, "cut.otio", Act.ASSIGN)
    eve = as_("eve")
    for act in (Act.SHARE, Act.DEPEND, Act.UNDEPEND):
        assert hidden.id not in eve.administered(act).assets
        assert eve.administered(act).assets.keys() == eve.tree().assets.keys()
    for what in (hidden.id, AssetId("nothing")):
        with pytest.raises(NotFound):
            eve.depend(owl.id, what)
        with pytest.raises(NotPermitted):
            eve.depend(owl.id, what, administration=True)
        with pytest.raises(NotPermitted):
            eve.set_kind(what, is_resource=True, administration=True)
        with pytest.raises(NotPermitted):
            eve.dependencies(what, administration=True)
    with pytest.raises(NotPermitted):
        eve.share(hidden.collection, administration=True)
    with pytest.raises(NotFound):
        eve.share(hidden.collection)


def test_why_somebody_sees_a_thing(as_: As):
    """Everybody is told about themselves; whoever may assign, about all."""
    ann, ada = as_("ann"), as_("ada")
    look = asset(ann, LOOK)
    mine = ann.access(look.id)
    assert mine.person.username == "ann"
    assert {each.because for each in mine.reasons} == {Because.NEEDED}
    assert mine.reasons[0].via[-1] == look.id
    assert mine.may[Act.READ_CONTENT].allowed
    assert mine.may[Act.TRASH_ASSET].lacks == Toggle.DELETE_ASSET
    everybody = {each.person.username: each for each in ada.accesses(look.id)}
    assert everybody["ann"] == mine
    owl = asset(ada, OWL, Act.ASSIGN)
    assert [each.person.username for each in ada.accesses(owl.id) if each.reasons] == ["eve"]
    with pytest.raises(NotPermitted):
        ann.accesses(look.id)
    with pytest.raises(NotFound):
        as_("val").access(owl.id)


def test_a_status(as_: As):
    """A word about a file, which its own rights are for."""
    ann = as_("ann")
    anim = asset(ann, ANIM)
    ann.set_status(anim.id, "wfa")
    assert asset(ann, ANIM).status == "wfa"
    with pytest.raises(NotPermitted):
        ann.set_status(anim.id, "done")
    assert "retake" in ann.statuses()


def test_tags(as_: As):
    """Several at once; what the file has then is the answer."""
    ada = as_("ada")
    boat = asset(ada, "boat.obj")
    with ada.together():
        ada.tag(boat.id, "wet")
        left = ada.tag(boat.id, "Hero")
    assert list(left.words) == ["Hero", "wet"]
    with ada.together(rehearse=True):
        left = ada.untag(boat.id, "wet")
    assert list(left.words) == ["Hero"]
    assert ada.tagged() == {"Hero": {boat.id}, "wet": {boat.id}}
    assert as_("val").tagged() == ada.tagged()
    with pytest.raises(NotPermitted):
        as_("val").tag(boat.id, "mine")


def test_roles(as_: As):
    """They are made, changed, given and removed by whoever may, within their own rights."""
    ada, ann = as_("ada"), as_("ann")
    made = ada.create_role("intern", {Toggle.VIEW_CHECKPOINT})
    assert (made.name, made.may) == ("intern", {Toggle.VIEW_CHECKPOINT})
    assert made.id in {each.id for each in ada.roles()}
    with pytest.raises(NameTaken):
        ada.create_role("Intern", frozenset())
    with ada.together(rehearse=True):
        ada.edit_role(made.id, {Toggle.PULL_CHUNK})
    ada.set_role(user(ada, "val"), made.id)
    assert as_("val").viewer().may == {Toggle.VIEW_CHECKPOINT}
    with pytest.raises(RoleRule):
        ada.remove_role(made.id)
    with pytest.raises(RoleRule):
        ada.edit_role("admin", frozenset())
    with pytest.raises(NotPermitted):
        ann.edit_role(made.id, frozenset())


def test_templates(as_: As):
    """What new files begin with is made of a file's newest version, and may be had back."""
    ada = as_("ada")
    anim = asset(as_("ann"), ANIM)
    with pytest.raises(NotFound):
        ada.add_template_from(anim.id, "shot.blend")  # it is not theirs to read
    boat = asset(ada, "boat.obj")
    made = ada.add_template_from(boat.id, "boat.obj")
    assert made.file_name == "boat.obj"
    assert [(each.id, each.xxh3) for each in ada.templates()] == [(made.id, made.xxh3)]
    with pytest.raises(NameTaken):
        ada.add_template_from(boat.id, "Boat.obj")
    assert ada.add_template_from(boat.id, "boat.obj", replace=True).id == made.id
    ada.remove_template(made.id)
    assert ada.templates() == []
    assert [each.id for each in ada.templates(trashed=True)] == [made.id]
    ada.restore_template(made.id)
    with pytest.raises(NotPermitted):
        as_("val").templates()


@pytest.mark.parametrize("username", ["ada", "ann"])
def test_what_is_hidden_is_as_what_never_was(as_: As, username: str):
    """Whoever does not see a thing is refused in the same words as for one that never was."""
    ada = as_("ada")
    hidden, where = asset(ada, OWL, Act.ASSIGN), folder(ada, "owl", Act.ASSIGN)
    head = asset(as_("eve"), OWL).head
    assert head is not None
    who = as_(username)
    me, boat = user(who, username), asset(who, BOAT)
    answers = [
        [refusal(each) for each in attempts(who, me, boat, *named)]
        for named in (
            (hidden.id, head.id, where),
            (AssetId("never"), CheckpointId("never"), CollectionId("never")),
        )
    ]
    assert answers[0] == answers[1]
    assert {kind for kind, _ in answers[0]} <= {NotFound, NotPermitted}


def attempts(
    who: Any, me: UserId, boat: Asset, what: AssetId, version: CheckpointId, place: CollectionId
) -> list[Callable[[], object]]:
    """All that somebody may try on a thing."""
    return [
        lambda: who.trash(what),
        lambda: who.restore(what),
        lambda: who.trash_assets([what]),
        lambda: who.revert(version),
        lambda: who.trash_checkpoint(version),
        lambda: who.restore_checkpoint(version),
        lambda: who.edit_comment(version, "mine"),
        lambda: who.assign(what, me),
        lambda: who.unassign(what, me),
        lambda: who.set_kind(what, is_resource=True),
        lambda: who.share(place),
        lambda: who.unshare(place),
        lambda: who.depend(boat.id, what),
        lambda: who.depend(boat.id, place),
        lambda: who.undepend(boat.id, what),
        lambda: who.set_status(what, "wip"),
        lambda: who.tag(what, "mine"),
        lambda: who.untag(what, "mine"),
        lambda: who.add_template_from(what, "mine.blend"),
        lambda: who.access(what),
        lambda: who.dependencies(what),
    ]


def refusal(act: Callable[[], object]) -> tuple[type[Exception], str]:
    with pytest.raises((NotFound, NotPermitted, WouldWiden)) as refused:
        act()
    assert isinstance(refused.value, MountfsError)
    return type(refused.value), str(refused.value)
