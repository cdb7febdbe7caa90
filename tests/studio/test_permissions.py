"""What each right of a role is for: every cell of the table, one by one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mountfs.errors import NotPermitted
from mountfs.interfaces import frames_of
from mountfs.model import ALL_TOGGLES, CheckpointId, ChunkRef, CollectionId, Toggle
from mountfs.studio.bound import BoundStudio
from mountfs.studio.making import Plan
from mountfs.studio.permissions import EFFECTS, NEEDS, Act
from mountfs.studio.templates import TemplateId
from mountfs.testing.projects import new_id
from tests.studio.harbor import Harbor, manifest, proposal, refusals

Try = Callable[[Harbor, BoundStudio], object]


def _publish(harbor: Harbor, who: BoundStudio) -> object:
    return harbor.save(who, harbor.asset("characters/owl/owl.blend"), b"")


def _create(_: Harbor, who: BoundStudio) -> object:
    return who.publish([proposal(who, b"", new=(CollectionId(""), "new.txt"))])


def _history(harbor: Harbor, who: BoundStudio) -> object:
    return who.history(harbor.file("characters/owl/owl.blend"))


def _content(harbor: Harbor, who: BoundStudio) -> object:
    head = harbor.asset("characters/owl/owl.blend").head
    assert head is not None
    return who.manifest(head.id)


def _old(harbor: Harbor) -> CheckpointId:
    return harbor.owner.history(harbor.file("characters/owl/owl.blend"))[-1].id


def _trashed_version(harbor: Harbor, who: BoundStudio) -> object:
    old = _old(harbor)
    harbor.owner.trash_checkpoint(old)
    who.restore_checkpoint(old)
    return None


def _restored_asset(harbor: Harbor, who: BoundStudio) -> object:
    notes = harbor.file("characters/owl/notes.txt")
    harbor.owner.trash(notes)
    who.restore(notes)
    return None


def _restored_collection(harbor: Harbor, who: BoundStudio) -> object:
    owl = harbor.folder("characters/owl")
    harbor.owner.trash(owl)
    who.restore(owl)
    return None


def _template(harbor: Harbor) -> TemplateId:
    return harbor.owner.templates()[0].id


def _restored_template(harbor: Harbor, who: BoundStudio) -> object:
    gone = _template(harbor)
    harbor.owner.remove_template(gone)
    who.restore_template(gone)
    return None


def _own_comment(harbor: Harbor, who: BoundStudio) -> object:
    with harbor.project.database.writing() as connection:
        statement = "UPDATE asset_checkpoint SET author_id = ? WHERE id = ?"
        connection.exec_driver_sql(statement, (who.viewer().person.id, _old(harbor)))
    who.edit_comment(_old(harbor), "better")
    return None


OWL = "characters/owl/owl.blend"
NOTES = "characters/owl/notes.txt"

TRIES: dict[Act, Try] = {
    Act.READ_CONTENT: _content,
    Act.READ_HISTORY: _history,
    Act.PUBLISH: _publish,
    Act.CREATE_ASSET: _create,
    Act.RENAME_ASSET: lambda h, who: who.rename(h.file(OWL), "owl2", ".blend", h.folder("characters/owl")),
    Act.TRASH_ASSET: lambda h, who: who.trash(h.file(NOTES)),
    Act.RESTORE_ASSET: _restored_asset,
    Act.CREATE_COLLECTION: lambda _, who: who.make_collection(
        CollectionId(new_id()), "new", CollectionId("")
    ),
    Act.RENAME_COLLECTION: lambda h, who: who.rename(
        h.folder("characters/owl"), "bird", "", h.folder("characters")
    ),
    Act.TRASH_COLLECTION: lambda h, who: who.trash(h.folder("characters/owl")),
    Act.RESTORE_COLLECTION: _restored_collection,
    Act.TRASH_CHECKPOINT: lambda h, who: who.trash_checkpoint(_old(h)),
    Act.RESTORE_CHECKPOINT: _trashed_version,
    Act.REVERT: lambda h, who: who.revert(_old(h)),
    Act.SET_KIND: lambda h, who: who.set_kind(h.file(NOTES), is_resource=False),
    Act.ASSIGN: lambda h, who: who.assign(h.folder("characters/owl"), h.user("ann")),
    Act.UNASSIGN: lambda h, who: who.unassign(h.file(OWL), h.user("eve")),
    Act.SHARE: lambda h, who: who.share(h.folder("characters/owl")),
    Act.UNSHARE: lambda h, who: who.unshare(h.folder("library")),
    Act.DEPEND: lambda h, who: who.depend(h.file(OWL), h.file("library/props/boat.obj")),
    Act.UNDEPEND: lambda h, who: who.undepend(h.file(OWL), h.file("library/props/boat.obj")),
    Act.SET_STATUS: lambda h, who: who.set_status(h.file(OWL), "wip"),
    Act.SET_STATUS_DONE: lambda h, who: who.set_status(h.file(OWL), "done"),
    Act.SET_STATUS_RETAKE: lambda h, who: who.set_status(h.file(OWL), "retake"),
    Act.ADD_USER: lambda _, who: who.add_user(
        email="new@x.example", username="new", first_name="N", last_name="W", role="nobody"
    ),
    Act.REMOVE_USER: lambda h, who: who.remove_user(h.user("null")),
    Act.SET_ROLE: lambda h, who: who.set_role(h.user("null"), "vendor"),
    Act.EDIT_ROLE: lambda _, who: who.edit_role("nobody", set()),
    Act.CREATE_ROLE: lambda _, who: who.create_role("intern", set()),
    Act.REMOVE_ROLE: lambda _, who: who.remove_role("spare"),
    Act.MAKE_ASSET: lambda h, who: who.make_asset(Plan("plan.txt", h.folder("characters/owl"))),
    Act.READ_TEMPLATES: lambda _, who: who.templates(),
    Act.ADD_TEMPLATE: lambda _, who: who.add_template("new.txt", manifest(who, b"")),
    Act.REPLACE_TEMPLATE: lambda _, who: who.add_template("scene.blend", manifest(who, b""), replace=True),
    Act.REMOVE_TEMPLATE: lambda h, who: who.remove_template(_template(h)),
    Act.RESTORE_TEMPLATE: _restored_template,
    Act.TAG: lambda h, who: who.tag(h.file(OWL), "hero"),
    Act.UNTAG: lambda h, who: who.untag(h.file(OWL), "hero"),
    Act.EDIT_COMMENT: _own_comment,
    Act.EDIT_ANY_COMMENT: lambda h, who: who.edit_comment(_old(h), "better"),
    Act.SET_IGNORE_LIST: lambda _, who: who.set_ignore_list(["*.bak"]),
}
"""For each act, eve doing it to what she sees."""

READS = {Act.READ_CONTENT, Act.READ_HISTORY, Act.READ_TEMPLATES}


def prepare(harbor: Harbor, may: set[Toggle]) -> BoundStudio:
    """Eve with exactly these rights, and somebody who has none."""
    harbor.owner.edit_role("assistant supervisor", set())
    with harbor.project.database.writing() as connection:
        connection.exec_driver_sql("UPDATE role SET name = 'nobody' WHERE name = 'assistant supervisor'")
    harbor.owner.add_user(
        email="null@x.example", username="null", first_name="N", last_name="L", role="nobody"
    )
    harbor.owner.create_role("spare", set())
    harbor.owner.add_template("scene.blend", manifest(harbor.owner, b"scene"))
    if "vendor" in {harbor.role_of("val")}:
        harbor.owner.edit_role("vendor", set())
    harbor.role("eve", may)
    return harbor.as_("eve")


@pytest.mark.parametrize("act", list(Act))
def test_with_the_rights_of_its_row_an_act_is_allowed(harbor: Harbor, act: Act):
    """Whoever has what the table says, and nothing else, may do it to what they see."""
    TRIES[act](harbor, prepare(harbor, set(NEEDS[act])))


@pytest.mark.parametrize(("act", "toggle"), [(act, toggle) for act in Act for toggle in NEEDS[act]])
def test_without_a_right_of_its_row_an_act_is_refused(harbor: Harbor, act: Act, toggle: Toggle):
    """Whoever has every right but one is told which one it is, and the refusal is in the audit."""
    eve = prepare(harbor, set(ALL_TOGGLES - {toggle}))
    with pytest.raises(NotPermitted) as caught:
        TRIES[act](harbor, eve)
    assert caught.value.toggle == toggle
    refused = [who for who, _ in refusals(harbor.audit())]
    assert refused == ([] if act in READS else ["eve"])


def test_the_table_for_people_says_the_same():
    """Every right has its words, and those that do nothing say so."""
    assert EFFECTS.keys() == ALL_TOGGLES
    used = {toggle for toggles in NEEDS.values() for toggle in toggles}
    idle = {toggle for toggle, effect in EFFECTS.items() if effect.in_commands.startswith("none")}
    assert used | idle == ALL_TOGGLES
    assert not used & idle


def test_viewing_rights_change_nothing_that_is_seen(harbor: Harbor):
    """The tree is by assignment: with no right at all, and with all of them, it is the same."""
    harbor.role("eve", set())
    before = harbor.as_("eve").tree()
    harbor.role("eve", set(ALL_TOGGLES))
    after = harbor.as_("eve").tree()
    assert before.assets == after.assets
    assert before.collections == after.collections


def test_an_old_version_needs_the_right_to_history(harbor: Harbor):
    """Without view_checkpoint the head is readable, and nothing before it."""
    old = harbor.asset(OWL)
    new = harbor.save(harbor.as_("eve"), old, b"second")
    harbor.role("eve", {Toggle.PULL_CHUNK})
    assert old.head is not None
    assert harbor.as_("eve").manifest(new.id)
    with pytest.raises(NotPermitted):
        harbor.as_("eve").manifest(old.head.id)


def test_bytes_of_old_versions_end_with_the_right_to_history(harbor: Harbor):
    """Who loses view_checkpoint gets nothing more of old versions, but what they opened as the newest."""
    first, eve = harbor.asset(OWL).head, harbor.as_("eve")
    assert first is not None
    eve.manifest(first.id)
    second = harbor.save(eve, harbor.asset(OWL), b"second")
    third = harbor.save(eve, harbor.asset(OWL), b"third")
    later = harbor.service.for_user("eve")
    of_first, of_second, of_third = (
        ChunkRef(version.id, 0, later.manifest(version.id).chunks[0]) for version in (first, second, third)
    )
    harbor.role("eve", {Toggle.PULL_CHUNK})
    assert eve.chunks.get(of_first)
    assert later.chunks.get(of_third)
    for old in (of_first, of_second):
        with pytest.raises(NotPermitted):
            later.chunks.get(old)
        assert isinstance(frames_of(later.chunks, [old, of_third])[0], NotPermitted)


def test_a_resource_is_saved_by_whoever_sees_it_and_may_update(harbor: Harbor):
    """It needs both rights."""
    notes = harbor.asset(NOTES)
    harbor.role("eve", {Toggle.CREATE_CHECKPOINT})
    with pytest.raises(NotPermitted):
        harbor.save(harbor.as_("eve"), notes, b"x")
    harbor.role("eve", {Toggle.CREATE_CHECKPOINT, Toggle.UPDATE_ASSET})
    harbor.save(harbor.as_("eve"), notes, b"x")


@pytest.mark.parametrize("act", list(Act))
def test_the_owner_may_do_everything(harbor: Harbor, act: Act):
    """Whoever holds the project's file, in the name of somebody without rights, is refused nothing."""
    prepare(harbor, set())
    TRIES[act](harbor, harbor.service.for_owner(harbor.user("null")))
