"""The only way in."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from mountfs.errors import AdminsOnly, NameInvalid, NameTaken, NotFound, TooMany, WeakPassword
from mountfs.model import ProjectId, UserId
from mountfs.studio.accounts import Account, Accounts, InvitationId, StudioRole
from tests.studio.accounts.office import AT_DESK, DAY, OPERATOR, Clock, Office, email, password

FILM = ProjectId("film")


def accept(accounts: Accounts, token: str, who: str = "dora") -> Account:
    return accounts.invitations.accept(token, name=who.title(), password=password(who), origin=AT_DESK)[0]


def test_whoever_is_invited_comes_in_with_a_password_of_their_own(staffed: Office, accounts: Accounts):
    """As what the invitation says, under the address it was made for, and by a username that is free."""
    token = accounts.invitations.invite(staffed.as_("ada"), " Dora@Harbor.example ").token
    asked = accounts.invitations.look(token)
    assert (asked.email, asked.role, asked.project) == (email("dora"), StudioRole.USER, None)
    dora = accept(accounts, token)
    assert (dora.email, dora.username, dora.role) == (email("dora"), "dora", StudioRole.USER)
    assert staffed.as_("dora").account == dora
    assert staffed.acts()[-3:] == ["invite", "accept invitation", "login"]


def test_an_invitation_works_once(staffed: Office, accounts: Accounts):
    """Whoever finds the link later gets nowhere, and learns nothing."""
    token = accounts.invitations.invite(OPERATOR, email("dora")).token
    accept(accounts, token)
    answers = set()
    for other in (token, "A" * 43, "", "\ud800"):
        with pytest.raises(NotFound) as refused:
            accept(accounts, other, "eve")
        answers.add(str(refused.value))
    assert len(answers) == 1
    assert accounts.invitations.open(OPERATOR) == ()
    assert [each.username for each in accounts.people.all(OPERATOR)] == ["ada", "ben", "cleo", "dora"]
    assert len(staffed.acts("accept")) == 3


def test_an_invitation_that_two_accept_at_once_works_once(accounts: Accounts):
    """Even if both hold it at the same moment."""
    token = accounts.invitations.invite(OPERATOR, email("dora")).token
    made: list[Account] = []

    def come(who: str) -> None:
        with suppress(NotFound):
            made.append(accept(accounts, token, who))

    threads = [threading.Thread(target=come, args=(who,)) for who in ("dora", "eve")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(accounts.people.all(OPERATOR)) == 4


def test_an_invitation_ends_after_a_week(accounts: Accounts, clock: Clock):
    """A link in an old message is worth nothing."""
    token = accounts.invitations.invite(OPERATOR, email("dora")).token
    clock.passes(7 * DAY - 1)
    assert accounts.invitations.look(token).email == email("dora")
    clock.passes(1)
    with pytest.raises(NotFound):
        accept(accounts, token)
    assert accounts.invitations.open(OPERATOR) == ()


def test_an_invitation_can_be_withdrawn(staffed: Office, accounts: Accounts):
    """By an admin, until it is used."""
    invited = accounts.invitations.invite(OPERATOR, email("dora"))
    with pytest.raises(AdminsOnly):
        accounts.invitations.revoke(staffed.as_("ben"), invited.invitation.id)
    accounts.invitations.revoke(staffed.as_("ada"), invited.invitation.id)
    with pytest.raises(NotFound):
        accept(accounts, invited.token)
    with pytest.raises(NotFound):
        accounts.invitations.revoke(OPERATOR, InvitationId("none"))


def test_a_second_invitation_replaces_the_first(accounts: Accounts):
    """There is one link that works, so that withdrawing it is enough."""
    first = accounts.invitations.invite(OPERATOR, email("dora"))
    second = accounts.invitations.invite(OPERATOR, email("dora"))
    assert [each.id for each in accounts.invitations.open(OPERATOR)] == [second.invitation.id]
    with pytest.raises(NotFound):
        accept(accounts, first.token)
    accept(accounts, second.token)


def test_only_admins_invite_and_only_who_is_not_here(staffed: Office, accounts: Accounts):
    """Nobody brings in accomplices, and an address belongs to one person."""
    with pytest.raises(AdminsOnly):
        accounts.invitations.invite(staffed.as_("ben"), email("eve"), role=StudioRole.ADMIN)
    with pytest.raises(AdminsOnly):
        accounts.invitations.open(staffed.as_("ben"))
    with pytest.raises(NameTaken):
        accounts.invitations.invite(OPERATOR, email("ben"))
    with pytest.raises(NameInvalid):
        accounts.invitations.invite(OPERATOR, "nobody")
    assert staffed.acts("refused") == ["refused: invite"] * 2


def test_a_weak_password_or_a_taken_name_does_not_use_an_invitation_up(accounts: Accounts):
    """Whoever is told what is wrong tries again."""
    token = accounts.invitations.invite(OPERATOR, email("dora")).token
    with pytest.raises(WeakPassword):
        accounts.invitations.accept(token, name="Dora", password="dora is my name!")
    with pytest.raises(NameInvalid):
        accounts.invitations.accept(token, name="\n", password=password("dora"))
    with pytest.raises(NameTaken):
        accounts.invitations.accept(token, name="Dora", password=password("dora"), username="Ben")
    accept(accounts, token)


def test_an_invitation_into_a_project_says_what_the_project_has_still_to_be_told(accounts: Accounts):
    """A crash before the project was told leaves nobody half in: whoever opens it next tells it."""
    token = accounts.invitations.invite(OPERATOR, email("dora"), project=FILM, project_role="artist").token
    dora, joined = accounts.invitations.accept(token, name="Dora", password=password("dora"))
    assert joined is not None
    assert (joined.project, joined.user, joined.joining_as) == (FILM, UserId(dora.id), "artist")
    assert accounts.memberships.unsettled(FILM) == ((joined, dora),)
    accounts.memberships.settle(FILM, dora.id)
    assert accounts.memberships.unsettled(FILM) == ()
    assert [each.project for each in accounts.memberships.of(dora.id)] == [FILM]


def test_somebody_who_is_here_by_now_joins_with_the_second_invitation(staffed: Office, accounts: Accounts):
    """Two invitations into two projects make one account with both; nobody else's can be used."""
    tokens = [
        accounts.invitations.invite(
            OPERATOR, email("dora"), project=ProjectId(each), project_role="artist"
        ).token
        for each in ("film", "series")
    ]
    accept(accounts, tokens[0])
    with pytest.raises(NameTaken):
        accept(accounts, tokens[1])
    with pytest.raises(NotFound):
        accounts.invitations.join(staffed.as_("ben"), tokens[1])
    accounts.invitations.join(staffed.as_("dora"), tokens[1])
    assert {each.project for each in accounts.memberships.of(staffed.account("dora").id)} == {
        "film",
        "series",
    }
    with pytest.raises(NotFound):
        accounts.invitations.join(staffed.as_("dora"), tokens[1])


def test_guessing_invitations_ends(accounts: Accounts):
    """An address that tries tokens is told to wait."""

    def guess() -> None:
        for _ in range(60):
            with pytest.raises(NotFound):
                accounts.invitations.look("A" * 43, AT_DESK)

    with pytest.raises(TooMany):
        guess()
