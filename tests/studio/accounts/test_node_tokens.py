"""Machines."""

from __future__ import annotations

import pytest

from mountfs.errors import AdminsOnly, LimitExceeded, NotFound, Unauthenticated
from mountfs.model import ProjectId
from mountfs.studio.accounts import Accounts, Caller, NodeTokenId, StudioRole
from tests.studio.accounts.office import DAY, OPERATOR, Clock, Office, email, password

FILM, SERIES = ProjectId("film"), ProjectId("series")


@pytest.fixture
def ben(staffed: Office) -> Caller:
    """Ben, in the film."""
    staffed.accounts.memberships.add(OPERATOR, FILM, staffed.account("ben").id)
    return staffed.as_("ben")


def test_a_token_stands_for_its_maker_in_one_project(accounts: Accounts, ben: Caller):
    """A render node reads what its maker reads, in that project."""
    made = accounts.node_tokens.make(ben, FILM, label="farm\nnode 7")
    caller = accounts.sessions.authenticate(made.token)
    assert caller.account == ben.account
    assert caller.session is None
    assert caller.node_token == made.node_token
    assert (made.node_token.project, made.node_token.label) == (FILM, "farm node 7")
    assert accounts.node_tokens.of(ben, ben.id) == (made.node_token,)


def test_a_token_lasts_a_day_unless_said_and_a_month_at_most(accounts: Accounts, ben: Caller, clock: Clock):
    """A token that was forgotten on a machine ends by itself."""
    short = accounts.node_tokens.make(ben, FILM).token
    long = accounts.node_tokens.make(ben, FILM, lifetime=30 * DAY).token
    clock.passes(DAY - 1)
    accounts.sessions.authenticate(short)
    clock.passes(1)
    with pytest.raises(Unauthenticated):
        accounts.sessions.authenticate(short)
    clock.passes(29 * DAY - 1)
    accounts.sessions.authenticate(long)
    clock.passes(1)
    with pytest.raises(Unauthenticated):
        accounts.sessions.authenticate(long)
    assert accounts.node_tokens.of(OPERATOR) == ()
    ben_again = accounts.sessions.login(email("ben"), password("ben")).caller
    for lifetime in (0, -1, 30 * DAY + 1):
        with pytest.raises(LimitExceeded):
            accounts.node_tokens.make(ben_again, FILM, lifetime=lifetime)


def test_a_token_dies_with_what_its_maker_may(staffed: Office, accounts: Accounts, ben: Caller):
    """It never sees more than they do: not after they left the project, nor when they come back."""
    made = accounts.node_tokens.make(ben, FILM)
    accounts.memberships.remove(OPERATOR, FILM, ben.id)
    with pytest.raises(Unauthenticated):
        accounts.sessions.authenticate(made.token)
    accounts.memberships.add(OPERATOR, FILM, ben.id)
    with pytest.raises(Unauthenticated):
        accounts.sessions.authenticate(made.token)
    again = accounts.node_tokens.make(ben, FILM)
    accounts.people.remove(OPERATOR, ben.id)
    with pytest.raises(Unauthenticated):
        accounts.sessions.authenticate(again.token)
    assert staffed.acts("make") == ["make node token"] * 2


def test_a_token_is_made_only_for_a_project_one_is_in(staffed: Office, accounts: Accounts, ben: Caller):
    """Being in the studio, or running it, opens no project."""
    for caller, project in ((ben, SERIES), (staffed.as_("cleo"), FILM), (staffed.as_("ada"), FILM)):
        with pytest.raises(NotFound):
            accounts.node_tokens.make(caller, project)


def test_a_machine_changes_nothing(staffed: Office, accounts: Accounts, ben: Caller):
    """Even if its maker runs the studio: it makes no tokens, invites nobody, and lists nothing."""
    accounts.people.set_role(OPERATOR, ben.id, StudioRole.ADMIN)
    machine = accounts.sessions.authenticate(accounts.node_tokens.make(ben, FILM).token)
    assert machine.account.is_admin
    for act in (
        lambda: accounts.node_tokens.make(machine, FILM),
        lambda: accounts.node_tokens.of(machine, ben.id),
        lambda: accounts.invitations.invite(machine, email("eve")),
        lambda: accounts.invitations.open(machine),
        lambda: accounts.people.all(machine),
        lambda: accounts.people.edit(machine, ben.id, name="Other"),
        lambda: accounts.people.remove(machine, ben.id),
        lambda: accounts.people.change_password(machine, password("ben"), "an entirely new sentence"),
        lambda: accounts.sessions.of(machine, ben.id),
        lambda: accounts.sessions.revoke_all(machine, ben.id),
        lambda: accounts.memberships.add(machine, SERIES, ben.id),
        lambda: accounts.audit.read(machine),
    ):
        with pytest.raises(AdminsOnly):
            act()
    assert accounts.sessions.of(ben, ben.id)
    assert staffed.login("ben")


def test_one_lists_and_ends_ones_own_tokens(staffed: Office, accounts: Accounts, ben: Caller):
    """An admin anybody's; another's and none are the same."""
    made = accounts.node_tokens.make(ben, FILM)
    cleo = staffed.as_("cleo")
    for which in (made.node_token.id, NodeTokenId("none")):
        with pytest.raises(NotFound, match="no such node token"):
            accounts.node_tokens.revoke(cleo, which)
    with pytest.raises(AdminsOnly):
        accounts.node_tokens.of(cleo, ben.id)
    with pytest.raises(AdminsOnly):
        accounts.node_tokens.of(cleo)
    assert accounts.node_tokens.of(cleo, cleo.id) == ()
    assert accounts.node_tokens.of(staffed.as_("ada"), project=FILM) == (made.node_token,)
    assert accounts.node_tokens.of(staffed.as_("ada"), project=SERIES) == ()
    accounts.node_tokens.revoke(ben, made.node_token.id)
    with pytest.raises(Unauthenticated):
        accounts.sessions.authenticate(made.token)
