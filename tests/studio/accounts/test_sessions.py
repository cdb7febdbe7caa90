"""Logging in, and being logged in."""

from __future__ import annotations

import pytest

from mountfs.errors import AdminsOnly, NotFound, Unauthenticated
from mountfs.studio.accounts import Accounts, Caller, Origin, SessionId
from tests.studio.accounts.office import AT_DESK, DAY, OPERATOR, Clock, Office, email, password


def test_a_token_stands_for_whoever_logged_in(staffed: Office, accounts: Accounts):
    """A mount that shows it is that person, wherever it comes from."""
    begun = staffed.login("ben")
    caller = accounts.sessions.authenticate(begun.token, Origin("198.51.100.1", "", "req-9"))
    assert caller.account == staffed.account("ben")
    assert caller.session == begun.caller.session
    assert caller.origin.request == "req-9"
    assert caller.node_token is None
    assert len(begun.token) == 43


@pytest.mark.parametrize(
    "nonsense", ["", "x", "A" * 43, "A" * 44, "ä" * 43, "\ud800", "' OR 1=1 --", "A" * 43 + "\n"]
)
def test_any_other_text_stands_for_nobody(accounts: Accounts, nonsense: str):
    """What a client sends can be anything, and is answered in one way."""
    with pytest.raises(Unauthenticated, match="log in again"):
        accounts.sessions.authenticate(nonsense)


@pytest.mark.parametrize(
    ("who", "words"),
    [
        (email("ben"), "wrong"),
        (email("ben"), ""),
        (email("ben"), "\ud800" * 12),
        (email("ben"), password("ben") + " "),
        (email("nobody"), password("ben")),
        ("", ""),
        ("\ud800", "x"),
    ],
)
def test_a_wrong_password_and_an_unknown_address_are_one_answer(accounts: Accounts, who: str, words: str):
    """Nobody learns who works here."""
    with pytest.raises(Unauthenticated) as refused:
        accounts.sessions.login(who, words, AT_DESK)
    assert str(refused.value) == "the e-mail address or the password is wrong"


def test_an_address_is_known_however_it_is_typed(accounts: Accounts):
    """Capitals and spaces make nobody a stranger."""
    assert accounts.sessions.login(" Ben@Harbor.EXAMPLE ", password("ben"), AT_DESK)


def test_a_session_that_is_not_used_ends_after_a_week(staffed: Office, clock: Clock):
    """A laptop that was lost does not stay in for ever; one in use does."""
    token = staffed.login("ben").token
    for _ in range(3):
        clock.passes(7 * DAY - 1)
        staffed.accounts.sessions.authenticate(token)
    clock.passes(7 * DAY)
    with pytest.raises(Unauthenticated):
        staffed.accounts.sessions.authenticate(token)


def test_a_session_ends_after_ninety_days_however_it_is_used(staffed: Office, clock: Clock):
    """Somebody who has a token can prolong it, but not for ever."""
    begun = staffed.login("ben")
    for day in range(89):
        clock.passes(DAY)
        session = staffed.accounts.sessions.authenticate(begun.token).session
        assert session is not None
        assert session.expires_at == min(clock() + 7 * DAY, session.created_at + 90 * DAY), day
    clock.passes(DAY)
    with pytest.raises(Unauthenticated):
        staffed.accounts.sessions.authenticate(begun.token)


def test_the_last_use_is_written_once_a_minute(staffed: Office, clock: Clock):
    """A mount that asks a thousand times a minute does not make the studio write a thousand times."""
    token = staffed.login("ben").token
    began = clock()

    def seen() -> float:
        (session,) = staffed.accounts.sessions.of(OPERATOR, staffed.account("ben").id)
        return session.seen_at - began

    clock.passes(59)
    staffed.accounts.sessions.authenticate(token)
    assert seen() == 0
    clock.passes(1)
    staffed.accounts.sessions.authenticate(token)
    assert seen() == 60
    clock.passes(-3600)  # a clock that was set back takes nothing back
    staffed.accounts.sessions.authenticate(token)
    assert seen() == 60


def test_sessions_survive_a_restart_of_the_studio(staffed: Office):
    """Nobody logs in again because the studio was updated."""
    token = staffed.login("ben").token
    staffed.reopen()
    assert staffed.accounts.sessions.authenticate(token).id == staffed.account("ben").id


def test_one_sees_and_ends_ones_own_sessions(staffed: Office, accounts: Accounts, clock: Clock):
    """Somebody who lost a laptop ends that one, knows it by its name, and stays logged in here."""
    here = staffed.login("ben")
    clock.passes(60)
    lost = staffed.login("ben", Origin("192.0.2.9", "laptop\x1b[2J\nroot " + "x" * 500))
    sessions = accounts.sessions.of(here.caller, here.caller.id)
    assert [session.address for session in sessions] == ["192.0.2.9", AT_DESK.address]
    assert sessions[0].device.startswith("laptop [2J root xx")
    assert len(sessions[0].device) == 200
    accounts.sessions.revoke(here.caller, sessions[0].id)
    with pytest.raises(Unauthenticated):
        accounts.sessions.authenticate(lost.token)
    accounts.sessions.logout(here.caller)
    with pytest.raises(Unauthenticated):
        accounts.sessions.authenticate(here.token)
    assert staffed.acts("end") == ["end session", "end session"]


def test_nobody_ends_somebody_elses_sessions(staffed: Office, accounts: Accounts):
    """Another's session and one that is not there are the same; an admin ends anybody's."""
    ben, cleo = staffed.login("ben"), staffed.login("cleo")
    assert cleo.caller.session is not None
    answers = set()
    for which in (cleo.caller.session.id, SessionId("none")):
        with pytest.raises(NotFound) as refused:
            accounts.sessions.revoke(ben.caller, which)
        answers.add(str(refused.value))
    assert len(answers) == 1
    with pytest.raises(AdminsOnly):
        accounts.sessions.of(ben.caller, cleo.caller.id)
    with pytest.raises(AdminsOnly):
        accounts.sessions.revoke_all(ben.caller, cleo.caller.id)
    accounts.sessions.authenticate(cleo.token)
    accounts.sessions.revoke(staffed.as_("ada"), cleo.caller.session.id)
    with pytest.raises(Unauthenticated):
        accounts.sessions.authenticate(cleo.token)
    assert staffed.acts("refused") == ["refused: end session"] * 2 + ["refused: end all sessions"]


def test_logging_out_everywhere_ends_every_session_and_no_one_elses(staffed: Office, accounts: Accounts):
    """Including the one it is said in."""
    tokens = [staffed.login("ben").token for _ in range(3)]
    other = staffed.login("cleo").token
    me = accounts.sessions.authenticate(tokens[0])
    assert accounts.sessions.revoke_all(me, me.id) == 3
    for token in tokens:
        with pytest.raises(Unauthenticated):
            accounts.sessions.authenticate(token)
    accounts.sessions.authenticate(other)


def test_an_act_of_a_session_that_has_just_ended_is_refused(staffed: Office, accounts: Accounts):
    """A request that was let in a moment before its session was revoked changes nothing any more."""
    begun = staffed.login("ada")
    accounts.sessions.revoke_all(OPERATOR, begun.caller.id)
    with pytest.raises(Unauthenticated):
        accounts.people.edit(begun.caller, begun.caller.id, name="Other")
    assert staffed.account("ada").name == "Ada"


def test_nobody_acts_with_another_ones_session(staffed: Office, accounts: Accounts):
    """Who a session belongs to is looked up, not believed."""
    ben, ada = staffed.as_("ben"), staffed.as_("ada")
    with pytest.raises(Unauthenticated):
        accounts.people.edit(Caller(ada.account, ben.session), ada.id, name="Other")


def test_what_another_process_decides_holds_at_the_next_request(staffed: Office, accounts: Accounts):
    """A token that was just taken for good is not, once a command on the studio's machine has ended it."""
    token, other = staffed.login("ben").token, staffed.login("cleo").token
    studio = accounts.identity()
    for _ in range(2):
        assert accounts.sessions.authenticate(token).account.name == "Ben"
        accounts.sessions.authenticate(other)
    with staffed.opened() as command:
        command.people.edit(OPERATOR, staffed.account("ben").id, name="Benjamin")
        assert accounts.sessions.authenticate(token).account.name == "Benjamin"
        command.sessions.revoke_all(OPERATOR, staffed.account("ben").id)
        with pytest.raises(Unauthenticated):
            accounts.sessions.authenticate(token)
        command.people.remove(OPERATOR, staffed.account("cleo").id)
        with pytest.raises(Unauthenticated):
            accounts.sessions.authenticate(other)
        assert accounts.identity() == studio
        command.new_epoch(OPERATOR)
        assert accounts.identity() != studio


def test_a_request_beside_a_revocation_remembers_nothing_that_is_not_true_any_more(
    staffed: Office, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
):
    """What was read before the revocation is not kept as if it had been read after it."""
    begun = staffed.login("ben")
    look_up = accounts.sessions._look_up

    def slowly(hashed: str) -> Caller:
        found = look_up(hashed)
        accounts.sessions.revoke_all(OPERATOR, begun.caller.id)  # between reading and remembering
        return found

    monkeypatch.setattr(accounts.sessions, "_look_up", slowly)
    accounts.sessions.authenticate(begun.token)  # it had begun before
    monkeypatch.undo()
    with pytest.raises(Unauthenticated):
        accounts.sessions.authenticate(begun.token)
