"""Several acts as one, and acts that are only tried."""

from __future__ import annotations

import threading

import pytest

from mountfs.errors import NameTaken, NotFound, NotPermitted, Refused
from mountfs.model import ROOT, AssetId, CollectionId, Toggle
from mountfs.studio.making import Plan
from mountfs.studio.permissions import Act
from mountfs.studio.reading import CatalogueReader
from mountfs.studio.service import StudioService
from mountfs.testing.projects import new_id
from tests.studio.harbor import Harbor, manifest, names, refusals


def everything(harbor: Harbor) -> list[str]:
    """All rows of the file."""
    with harbor.project.database.reading() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        return list(driver.iterdump())


def test_what_is_rehearsed_leaves_nothing(harbor: Harbor):
    """Acts that build on each other are tried, their effect is seen meanwhile, and then all is as before."""
    before, seen = everything(harbor), names(harbor.owner)
    made = CollectionId(new_id())
    with harbor.owner.together(rehearse=True):
        harbor.owner.make_collection(made, "night", ROOT)
        harbor.owner.rename(harbor.file("README"), "README", "", made)
        harbor.owner.assign(made, harbor.user("val"))
        assert "night/README" in names(harbor.owner)
        assert "night/README" in names(harbor.as_("val"))
    assert everything(harbor) == before
    assert names(harbor.owner) == seen
    assert "night/" not in names(harbor.as_("val"))


def test_a_rehearsal_is_refused_as_the_act_would_be(harbor: Harbor):
    """With the same error; nothing is recorded, for nothing was asked to be done."""
    before = everything(harbor)
    ann = harbor.as_("ann")
    with pytest.raises(NotPermitted), ann.together(rehearse=True):
        ann.share(harbor.folder("library"))
    with pytest.raises(NotPermitted), ann.together(rehearse=True):
        ann.administered(Act.SHARE)
    assert everything(harbor) == before


def test_all_or_none(harbor: Harbor):
    """The first act goes when the second is refused; the refusal stays in the audit."""
    cut = harbor.file("editorial/cut.otio")

    @harbor.owner.together()
    def both() -> None:
        harbor.owner.set_status(cut, "done")
        assert harbor.asset("editorial/cut.otio").status == "done"
        harbor.owner.set_status(AssetId("nothing"), "done")

    with pytest.raises(NotFound):
        both()
    assert harbor.asset("editorial/cut.otio").status == "todo"
    assert refusals(harbor.audit()) == [("ada", "set status")]
    with harbor.owner.together():
        harbor.owner.set_status(cut, "done")
        harbor.owner.assign(cut, harbor.user("ann"))
    assert harbor.asset("editorial/cut.otio").status == "done"
    assert harbor.asset("editorial/cut.otio").assignee == harbor.user("ann")


def test_an_act_that_is_refused_inside_leaves_nothing_of_itself(harbor: Harbor):
    """Whoever goes on after it keeps the others, and both the acts and the refusal are on record."""
    archive = harbor.file("editorial/archive.tar.gz")
    with harbor.owner.together():
        harbor.owner.set_status(archive, "wip")
        with pytest.raises(Refused):
            harbor.owner.depend(archive, archive)
        harbor.owner.set_status(harbor.file("README"), "wip")
    assert harbor.asset("README").status == "wip"
    assert ("ada", "depend") in refusals(harbor.audit())


def test_others_wait_until_it_is_over(harbor: Harbor):
    """Another thread of the same program sees all of it or nothing, and its own acts come after."""
    cut, readme = harbor.file("editorial/cut.otio"), harbor.file("README")
    done: list[str] = []

    def other() -> None:
        done.append(harbor.asset("editorial/cut.otio").status)
        harbor.owner.set_status(readme, "wip")

    thread = threading.Thread(target=other)
    with harbor.owner.together():
        harbor.owner.set_status(cut, "wip")
        thread.start()
        harbor.owner.set_status(cut, "done")
    thread.join(20)
    assert done == ["done"]
    assert harbor.asset("README").status == "wip"


def test_administration_lists_names_and_no_versions(harbor: Harbor):
    """Who may assign finds what there is to assign; nothing of its content."""
    harbor.role("mina", {Toggle.ASSIGN_ASSET})
    tree = harbor.as_("mina").administered(Act.ASSIGN)
    assert tree.assets.keys() == harbor.owner.tree().assets.keys()
    assert all(asset.head is None for asset in tree.assets.values())
    with pytest.raises(NotPermitted):
        harbor.as_("ann").administered(Act.ASSIGN)
    assert refusals(harbor.audit()) == [("ann", "assign")]


def test_what_was_planned_together_hangs_together(harbor: Harbor):
    """New files, what they need and whose they are build on each other within one transaction, and everybody
    sees the same afterwards as in a project that was opened anew.
    """
    owner, val = harbor.owner, harbor.user("val")
    template = owner.add_template("shot.blend", manifest(owner, b"scene"))
    with owner.together():
        first = owner.make_asset(Plan("first.blend", ROOT, template=template.id))
        second = owner.make_asset(Plan("second.blend", ROOT, assignee=val))
        owner.depend(second.id, first.id)
        shown = owner.depend(first.id, harbor.file("editorial/cut.otio"))
        assert shown == (1, 1), "val comes to see the cut, by the way of both"
        assert "editorial/cut.otio" in names(harbor.as_("val"))
        with pytest.raises(NameTaken):
            owner.make_asset(Plan("FIRST.blend", ROOT))
        owner.undepend(first.id, harbor.file("editorial/cut.otio"))
        assert "editorial/cut.otio" not in names(harbor.as_("val"))
    head = owner.tree().assets[first.id].head
    assert head is not None
    assert head.size == 5
    anew = StudioService(harbor.project)
    assert owner.tree().assets == anew.for_owner(anew.author()).tree().assets
    assert harbor.as_("val").tree().assets == anew.for_user("val").tree().assets
    assert {"first.blend", "second.blend"} <= names(harbor.as_("val"))


def test_one_act_is_rehearsed_without_reading_all_anew(harbor: Harbor, monkeypatch: pytest.MonkeyPatch):
    """Whoever only asks what an act would do costs nobody else anything, refused or not."""
    ada, ann = harbor.as_("ada"), harbor.as_("ann")
    boat = harbor.file("library/props/boat.obj")
    before = ada.tree()
    looks: list[object] = []
    monkeypatch.setattr(CatalogueReader, "_look_fully", lambda *_: looks.append(1))
    with ada.together(rehearse=True, only_one=True):
        ada.trash(boat)
    with pytest.raises(NotPermitted), ann.together(rehearse=True, only_one=True):
        ann.trash(boat)
    assert ada.tree() == before
    assert looks == []
