"""Being in projects."""

from __future__ import annotations

import pytest

from mountfs.errors import NameTaken, NotFound
from mountfs.model import ProjectId, UserId
from mountfs.studio.accounts import AccountId, Accounts
from tests.studio.accounts.office import OPERATOR, Clock, Office

FILM, SERIES = ProjectId("film"), ProjectId("series")


def test_being_in_the_studio_opens_no_project(staffed: Office, accounts: Accounts):
    """Not even to whoever runs it."""
    for who in ("ada", "ben"):
        assert accounts.memberships.of(staffed.account(who).id) == ()
        with pytest.raises(NotFound):
            accounts.memberships.get(FILM, staffed.account(who).id)


def test_a_member_appears_as_themselves_or_as_a_user_the_project_has(
    staffed: Office, accounts: Accounts, clock: Clock
):
    """A project that was made elsewhere keeps its own user ids."""
    ada, ben, cleo = (staffed.account(who).id for who in ("ada", "ben", "cleo"))
    made = accounts.memberships.add(OPERATOR, FILM, ben, joining_as="artist")
    assert (made.user, made.joining_as) == (UserId(ben), "artist")
    assert accounts.memberships.add(OPERATOR, FILM, cleo, user=UserId("u-17")).user == "u-17"
    clock.passes(1)
    accounts.memberships.add(OPERATOR, SERIES, ben)
    assert [each.project for each in accounts.memberships.of(ben)] == [FILM, SERIES]
    assert [(each.user, who.username) for each, who in accounts.memberships.in_project(FILM)] == [
        (UserId(ben), "ben"),
        ("u-17", "cleo"),
    ]
    with pytest.raises(NameTaken):
        accounts.memberships.add(OPERATOR, FILM, ben)
    with pytest.raises(NameTaken):  # two people are never one user
        accounts.memberships.add(OPERATOR, FILM, ada, user=UserId("u-17"))
    with pytest.raises(NotFound):
        accounts.memberships.add(OPERATOR, FILM, AccountId("none"))


def test_whoever_is_sent_away_is_in_that_project_no_more(staffed: Office, accounts: Accounts):
    """And in the others as before."""
    ben = staffed.account("ben").id
    for project in (FILM, SERIES):
        accounts.memberships.add(OPERATOR, project, ben)
    assert accounts.memberships.get(FILM, ben).project == FILM
    with staffed.opened() as command:
        command.memberships.remove(OPERATOR, FILM, ben)
    with pytest.raises(NotFound):
        accounts.memberships.get(FILM, ben)
    with pytest.raises(NotFound):
        accounts.memberships.remove(OPERATOR, FILM, ben)
    assert accounts.memberships.get(SERIES, ben).account == ben
    assert staffed.acts()[-4:] == ["add member", "add member", "remove member", "refused: remove member"]
