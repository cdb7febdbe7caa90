"""Who is in the studio."""

from __future__ import annotations

import pytest

from mountfs.errors import (
    AdminsOnly,
    NameInvalid,
    NameTaken,
    NotFound,
    RoleRule,
    Unauthenticated,
    WeakPassword,
    WrongPassword,
)
from mountfs.model import ProjectId
from mountfs.studio.accounts import AccountId, Accounts, StudioRole, Wanted
from mountfs.studio.accounts.naming import email_address, note, person_name, username, username_from
from tests.studio.accounts.office import OPERATOR, Office, email, password

FILM = ProjectId("film")
HELD = ("session", "node_token", "membership", "invitation", "recovery")
NEW = "an entirely new sentence"


def test_admins_know_everybody_and_others_do_not(staffed: Office, accounts: Accounts):
    """The list of people is for those who run the studio."""
    assert [person.username for person in accounts.people.all(staffed.as_("ada"))] == ["ada", "ben", "cleo"]
    with pytest.raises(AdminsOnly):
        accounts.people.all(staffed.as_("ben"))


def test_somebody_is_found_by_address_username_or_id(staffed: Office, accounts: Accounts):
    """In whatever case it is typed; whoever is not there is not found."""
    ben = staffed.account("ben")
    for who in (ben.id, "ben", "BEN ", " Ben@harbor.example"):
        assert accounts.people.find(who) == ben
    for who in ("", "be", "%", "\ud800"):
        with pytest.raises(NotFound):
            accounts.people.find(who)


def test_one_names_oneself_and_admins_anybody(staffed: Office, accounts: Accounts):
    """Others do not."""
    ben, ada, cleo = (staffed.as_(who) for who in ("ben", "ada", "cleo"))
    assert accounts.people.edit(ben, ben.id, name="  Ben  Q ").name == "Ben Q"
    assert (
        accounts.people.edit(ada, ben.id, username="benq", email="BQ@harbor.example").email
        == "bq@harbor.example"
    )
    with pytest.raises(AdminsOnly):
        accounts.people.edit(cleo, ben.id, name="Other")
    assert accounts.people.find("benq").name == "Ben Q"


def test_two_people_are_never_called_the_same(staffed: Office, accounts: Accounts):
    """Neither by address nor by username, and keeping one's own is no clash."""
    ben = staffed.as_("ben")
    with pytest.raises(NameTaken):
        accounts.people.edit(ben, ben.id, username="Cleo")
    with pytest.raises(NameTaken):
        accounts.people.edit(ben, ben.id, email=email("cleo").upper())
    assert accounts.people.edit(ben, ben.id, username="ben", email=email("ben")) == staffed.account("ben")


def test_at_least_one_admin_stays(staffed: Office, accounts: Accounts):
    """Neither by role nor by leaving can the last one go, not even at the studio's own machine."""
    ada = staffed.as_("ada")
    for act in (
        lambda: accounts.people.set_role(ada, ada.id, StudioRole.USER),
        lambda: accounts.people.remove(ada, ada.id),
        lambda: accounts.people.remove(OPERATOR, ada.id),
    ):
        with pytest.raises(RoleRule):
            act()
    assert accounts.sessions.of(ada, ada.id)
    accounts.people.set_role(ada, staffed.account("ben").id, StudioRole.ADMIN)
    accounts.people.remove(ada, ada.id)
    with pytest.raises(RoleRule):
        accounts.people.set_role(OPERATOR, staffed.account("ben").id, StudioRole.USER)
    assert staffed.acts("refused") == [
        "refused: set studio role",
        *["refused: remove account"] * 2,
        "refused: set studio role",
    ]


def test_only_admins_make_admins(staffed: Office, accounts: Accounts):
    """Nobody promotes themselves, and an admin who is none any more does nothing with an old session."""
    ben, ada = staffed.as_("ben"), staffed.as_("ada")
    with pytest.raises(AdminsOnly):
        accounts.people.set_role(ben, ben.id, StudioRole.ADMIN)
    accounts.people.set_role(ada, ben.id, StudioRole.ADMIN)
    accounts.people.set_role(ben, ada.id, StudioRole.USER)
    with pytest.raises(AdminsOnly):
        accounts.people.set_role(ada, ada.id, StudioRole.ADMIN)


def test_removing_somebody_ends_everything_they_hold(staffed: Office, accounts: Accounts):
    """Sessions, node tokens, memberships, open invitations; they are as unknown as if they had never been."""
    accounts.people.set_role(OPERATOR, staffed.account("ben").id, StudioRole.ADMIN)
    begun = staffed.login("ben")
    ben = begun.caller
    accounts.memberships.add(OPERATOR, FILM, ben.id)
    node = accounts.node_tokens.make(ben, FILM)
    invited = accounts.invitations.invite(ben, email("dora"))
    lost = accounts.recovery.offer(OPERATOR, ben.id)
    accounts.people.remove(staffed.as_("ada"), ben.id)
    with pytest.raises(NotFound):
        accounts.recovery.accept(lost.token, NEW)
    for token in (begun.token, node.token):
        with pytest.raises(Unauthenticated):
            accounts.sessions.authenticate(token)
    with pytest.raises(NotFound):
        accounts.invitations.accept(invited.token, name="Dora", password=password("dora"))
    with pytest.raises(Unauthenticated, match="address or the password"):
        staffed.login("ben")
    with pytest.raises(NotFound):
        accounts.people.find(email("ben"))
    assert accounts.memberships.of(ben.id) == ()
    assert accounts.memberships.in_project(FILM) == ()
    (row,) = accounts.audit.read(OPERATOR, Wanted(act="remove account"))
    assert (row.act, row.subject) == ("remove account", ben.id)
    assert row.detail["projects"] == ["film"]
    assert {row.detail[what] for what in HELD} == {1}


def test_somebody_who_was_removed_can_come_again_as_somebody_new(staffed: Office, accounts: Accounts):
    """Address and username are free again; the old account stays for the audit, and is not them."""
    before = staffed.account("ben")
    accounts.people.remove(OPERATOR, before.id)
    after = staffed.hire("ben")
    assert (after.username, after.email) == ("ben", email("ben"))
    assert after.id != before.id
    bens = [each for each in accounts.people.all(OPERATOR, removed=True) if each.username == "ben"]
    assert {each.id: each.removed_at is None for each in bens} == {before.id: False, after.id: True}
    assert accounts.people.get(frozenset({before.id, AccountId("none")}))[before.id].removed_at


def test_one_leaves_by_oneself_and_nobody_else_is_sent(staffed: Office, accounts: Accounts):
    """Anybody may go."""
    ben = staffed.as_("ben")
    with pytest.raises(AdminsOnly):
        accounts.people.remove(ben, staffed.account("cleo").id)
    accounts.people.remove(ben, ben.id)
    with pytest.raises(NotFound):
        accounts.people.remove(OPERATOR, ben.id)


def test_a_new_password_ends_all_other_sessions(staffed: Office, accounts: Accounts):
    """Whoever had got in with the old one is out; this window stays."""
    here, there, other = staffed.login("ben"), staffed.login("ben"), staffed.login("cleo")
    accounts.people.change_password(here.caller, password("ben"), NEW)
    accounts.sessions.authenticate(here.token)
    accounts.sessions.authenticate(other.token)
    with pytest.raises(Unauthenticated):
        accounts.sessions.authenticate(there.token)
    with pytest.raises(Unauthenticated):
        staffed.login("ben")
    accounts.sessions.login(email("ben"), NEW)


def test_a_password_is_changed_only_by_whoever_knows_it(staffed: Office, accounts: Accounts):
    """Neither with a wrong old one nor to a weak new one; that somebody tried is written down."""
    ben = staffed.as_("ben")
    with pytest.raises(WrongPassword):
        accounts.people.change_password(ben, "wrong", NEW)
    with pytest.raises(WeakPassword):
        accounts.people.change_password(ben, password("ben"), "short")
    staffed.login("ben")
    assert staffed.acts("refused") == ["refused: change password"]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Ada@Example.ORG ", "ada@example.org"),
        ("o'hara+film@mail.example.co.uk", "o'hara+film@mail.example.co.uk"),
        ("jürgen@bücher.example", "jürgen@bücher.example"),
        ("ju\u0308rgen@example.org", "jürgen@example.org"),
    ],
)
def test_an_address_has_one_form(typed: str, kept: str):
    """However it is typed."""
    assert email_address(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        *("", "ada", "@", "ada@", "@example.org", "ada@example", "a da@example.org", "ada@exa mple.org"),
        *("ada@b@example.org", "ada@example.org\nbcc: x@y.z", "ada\x00@example.org", "<ada@example.org>"),
        *(
            "ada@.org",
            "ada@example..org",
            "ada\u202e@example.org",
            "\ud800@example.org",
            "x" * 250 + "@a.org",
        ),
    ],
)
def test_what_cannot_be_an_address_is_refused(typed: str):
    """Before anything is kept or sent."""
    with pytest.raises(NameInvalid):
        email_address(typed)


def test_names_are_one_line_of_what_can_be_shown():
    """A name can neither turn a terminal around nor be invisible."""
    assert person_name(" Zoë   \t Q ") == "Zoë Q"
    for bad in ("", "  ", "a\u202eb", "a\x1bb", "x" * 101, "\ud800"):
        with pytest.raises(NameInvalid):
            person_name(bad)
    assert username("Ada.Q-1_x") == "ada.q-1_x"
    for bad in ("", ".ada", "ada-", "a b", "ä", "../x", "x" * 33, "a\nb"):
        with pytest.raises(NameInvalid):
            username(bad)
    assert note("node\x00 7\u202e\n") == "node 7"


def test_a_username_is_made_from_an_address():
    """One that is allowed and free, whatever the address looks like."""
    taken = {"ada", "ada2"}
    for address, wanted in (
        ("ada@example.org", "ada3"),
        ("Jürgen.Müller@example.org", "jurgen.muller"),
        ("..o'hara+film..@example.org", "o-hara-film"),
        ("王@example.org", "user"),
        ("x" * 60 + "@example.org", "x" * 26),
    ):
        name = username_from(address.lower(), taken.__contains__)
        assert name == wanted
        assert username(name) == name
