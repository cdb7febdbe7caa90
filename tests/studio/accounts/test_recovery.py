"""Forgotten passwords."""

from __future__ import annotations

import pytest

from mountfs.errors import AdminsOnly, NotFound, TooMany, Unauthenticated, WeakPassword
from mountfs.studio.accounts import Accounts
from tests.studio.accounts.office import AT_DESK, DAY, OPERATOR, Clock, Office, email, password

NEW = "an entirely new sentence"


def test_somebody_who_forgot_their_password_chooses_another(staffed: Office, accounts: Accounts):
    """They stay who they are, with what they are assigned; whoever was logged in as them is out."""
    ben = staffed.login("ben")
    offered = accounts.recovery.offer(staffed.as_("ada"), ben.caller.id)
    staffed.login("ben")  # nothing has changed yet
    assert accounts.recovery.accept(offered.token, NEW, AT_DESK) == ben.caller.account
    with pytest.raises(Unauthenticated):
        accounts.sessions.authenticate(ben.token)
    with pytest.raises(Unauthenticated):
        staffed.login("ben")
    assert accounts.sessions.login(email("ben"), NEW).caller.id == ben.caller.id
    assert "offer recovery" in staffed.acts()
    assert "recover account" in staffed.acts()


def test_it_works_once_and_for_a_day(staffed: Office, accounts: Accounts, clock: Clock):
    """A link in an old message opens nothing; a newer one replaces it."""
    ben = staffed.account("ben").id
    first, second = (accounts.recovery.offer(OPERATOR, ben).token for _ in range(2))
    with pytest.raises(WeakPassword):
        accounts.recovery.accept(second, "short")
    accounts.recovery.accept(second, NEW)
    late = accounts.recovery.offer(OPERATOR, ben).token
    clock.passes(DAY)
    answers = set()
    for token in (first, second, late, "", "\ud800"):
        with pytest.raises(NotFound) as refused:
            accounts.recovery.accept(token, "another new sentence")
        answers.add(str(refused.value))
    assert len(answers) == 1


def test_only_admins_offer_it(staffed: Office, accounts: Accounts):
    """Nobody takes over somebody else's account."""
    with pytest.raises(AdminsOnly):
        accounts.recovery.offer(staffed.as_("ben"), staffed.account("ada").id)


def test_a_password_that_was_remembered_ends_it(staffed: Office, accounts: Accounts):
    """Whoever changed it knows it: the link is dead."""
    ben = staffed.as_("ben")
    token = accounts.recovery.offer(OPERATOR, ben.id).token
    accounts.people.change_password(ben, password("ben"), NEW)
    with pytest.raises(NotFound):
        accounts.recovery.accept(token, "another new sentence")


def test_it_lets_somebody_in_who_is_locked_out_and_guessing_it_ends(staffed: Office, accounts: Accounts):
    """Others' guesses do not keep them waiting, and their guesses at the link do not go on."""
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            accounts.sessions.login(email("ben"), "wrong")
    accounts.recovery.accept(accounts.recovery.offer(OPERATOR, staffed.account("ben").id).token, NEW)
    accounts.sessions.login(email("ben"), NEW)

    def guess() -> None:
        for _ in range(60):
            with pytest.raises(NotFound):
                accounts.recovery.accept("A" * 43, NEW, AT_DESK)

    with pytest.raises(TooMany):
        guess()
