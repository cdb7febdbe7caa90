"""People and roles."""

from __future__ import annotations

import pytest

from mountfs.errors import NameInvalid, NameTaken, NotFound, NotPermitted, RoleRule
from mountfs.model import ALL_TOGGLES, Toggle
from mountfs.studio.ignore_list import ignore_list
from tests.studio.harbor import Harbor, refusals


def test_the_admin_role_is_fixed(harbor: Harbor):
    """Not even an admin, not even the owner changes it."""
    for studio in (harbor.owner, harbor.as_("ada")):
        with pytest.raises(RoleRule):
            studio.edit_role("Admin", ALL_TOGGLES - {Toggle.PULL_CHUNK})


def test_the_last_admin_stays(harbor: Harbor):
    """Neither removed nor given another role, until there is a second one."""
    ada = harbor.user("ada")
    with pytest.raises(RoleRule):
        harbor.owner.remove_user(ada)
    with pytest.raises(RoleRule):
        harbor.owner.set_role(ada, "artist")
    harbor.owner.set_role(harbor.user("mina"), "admin")
    harbor.owner.set_role(ada, "artist")
    assert harbor.as_("ada").viewer().may != ALL_TOGGLES
    with pytest.raises(RoleRule):
        harbor.owner.remove_user(harbor.user("mina"))
    assert [who for who, _ in refusals(harbor.audit())] == ["ada"] * 3


def test_nobody_gives_or_takes_rights_beyond_their_own(harbor: Harbor):
    """The right to change roles is not the right to everything."""
    harbor.role("eve", {Toggle.CHANGE_ROLE, Toggle.ADD_USER, Toggle.REMOVE_USER, Toggle.PULL_CHUNK})
    eve = harbor.as_("eve")
    for act in (
        lambda: eve.set_role(harbor.user("eve"), "admin"),
        lambda: eve.set_role(harbor.user("mina"), "vendor"),
        lambda: eve.edit_role("vendor", ALL_TOGGLES),
        lambda: eve.edit_role("supervisor", set()),
        lambda: eve.remove_user(harbor.user("mina")),
        lambda: eve.add_user(email="x@x.example", username="x", first_name="X", last_name="X", role="admin"),
    ):
        with pytest.raises(NotPermitted):
            act()


def test_somebody_new_can_be_given_work(harbor: Harbor):
    """Their address is kept in one form."""
    person = harbor.owner.add_user(
        email=" Zoe@Harbor.Example ", username="zoe", first_name="Zoe", last_name="Q", role="artist"
    )
    assert (person.email, person.name) == ("zoe@harbor.example", "Zoe Q")
    harbor.owner.assign(harbor.file("characters/fox/fox.blend"), person.id)
    assert harbor.as_("zoe@harbor.example").tree().viewer.person == person


@pytest.mark.parametrize(("username", "email"), [("ANN", "new@x.example"), ("new", "ANN@harbor.example")])
def test_a_username_and_an_address_are_one_persons(harbor: Harbor, username: str, email: str):
    """Whatever the case."""
    with pytest.raises(NameTaken):
        harbor.owner.add_user(email=email, username=username, first_name="N", last_name="W", role="artist")


def test_a_person_has_all_names(harbor: Harbor):
    """The format has no place for less."""
    with pytest.raises(NameInvalid):
        harbor.owner.add_user(email="a@b.c", username=" ", first_name="N", last_name="W", role="artist")


def test_who_leaves_leaves_their_work(harbor: Harbor):
    """Assignments end; versions and their author stay as they are."""
    head = harbor.asset("characters/owl/owl.blend")
    harbor.save(harbor.as_("eve"), head, b"x")
    eve = harbor.user("eve")
    harbor.owner.remove_user(eve)
    after = harbor.asset("characters/owl/owl.blend")
    assert after.assignee == ""
    assert after.head is not None
    assert after.head.author == eve
    with pytest.raises(NotFound):
        harbor.as_("eve")
    with pytest.raises(NotFound):
        harbor.owner.remove_user(eve)


def test_the_owner_is_whoever_the_configuration_says_or_the_first_admin(harbor: Harbor):
    """An address that nobody here has says nothing."""
    assert harbor.service.author("ann@HARBOR.example") == harbor.user("ann")
    assert harbor.service.author("stranger@x.example") == harbor.user("ada")
    assert harbor.service.author() == harbor.user("ada")


def test_the_ignore_list_is_kept(harbor: Harbor):
    """And what another program may have left there is read, or counts as none."""
    assert harbor.owner.ignore_list() == ()
    harbor.owner.set_ignore_list(["*.bak", "render/*"])
    harbor.owner.set_ignore_list(["*.bak", "größe/*"])
    assert harbor.as_("ann").ignore_list() == ("*.bak", "größe/*")
    for value, read in [(b'["*.x"]', ("*.x",)), ("not json", ()), ('{"a": 1}', ()), ('["a", 1]', ("a",))]:
        with harbor.project.database.writing() as connection:
            connection.exec_driver_sql("UPDATE config SET value = ? WHERE name = 'ignore_list'", (value,))
            assert ignore_list(connection) == read


def test_every_administrative_act_is_in_the_audit(harbor: Harbor):
    """Who did what to whom, in the words of the act."""
    before = len(harbor.audit())
    harbor.owner.set_status(harbor.file("README"), "done")
    harbor.owner.set_role(harbor.user("val"), "artist")
    harbor.owner.set_ignore_list(["x"])
    acts = {(who, act) for who, act, _, _ in harbor.audit()}
    assert {("ada", "set status"), ("ada", "set role"), ("ada", "set ignore list")} <= acts
    assert len(harbor.audit()) == before + 3
    (detail,) = [detail for _, act, _, detail in harbor.audit() if act == "set role"]
    assert detail == {"from": "vendor", "to": "artist"}


def test_a_refused_act_leaves_its_mark_and_nothing_else(harbor: Harbor):
    """Who knocked, and on what; hidden or missing makes no difference to the row."""
    ann = harbor.as_("ann")
    for what in (harbor.file("README"), harbor.user("eve")):
        with pytest.raises(NotFound):
            ann.trash(what)  # type: ignore[arg-type]
    found = [(who, act, detail) for who, act, _, detail in harbor.audit() if act.startswith("refused")]
    assert found[0][0] == "ann"
    assert [detail for _, _, detail in found] == [{"why": "NotFound"}] * 2
    assert harbor.asset("README")
