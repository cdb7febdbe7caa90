"""Coming in and going: the first admin, logins, and one's own account."""

from __future__ import annotations

from fastapi import APIRouter, Response

from mountfs.studio.accounts import AccountId, SessionId
from mountfs.studio.routes.asking import AskedHouse, From, InPerson, answer, answers, done
from mountfs.studio.routes.facts import of_account, of_session
from mountfs.wire import people

router = APIRouter(tags=["sessions"])


@router.post("/bootstrap", **answers(people.AccountFacts, 201))
def bootstrap(house: AskedHouse, origin: From, asked: people.Bootstrap) -> Response:
    """Become the first admin, by the secret that was told when the studio was made. Answered to everybody;
    the secret is dead after use."""
    made = house.accounts.bootstrap.claim(
        asked.secret,
        email=asked.email,
        name=asked.name,
        password=asked.password,
        username=asked.username or None,
        origin=origin,
    )
    return answer(of_account(made), 201)


@router.post("/sessions", **answers(people.LoggedIn, 201))
def log_in(house: AskedHouse, origin: From, asked: people.Login) -> Response:
    """Begin a session. Answered to everybody; the answer is the same for a wrong password as for somebody
    who is not there."""
    entered = house.accounts.sessions.login(asked.email, asked.password, origin)
    session = entered.caller.session
    assert session is not None
    facts = of_account(entered.caller.account), of_session(session, current=True)
    return answer(people.LoggedIn(*facts, entered.token), 201)


@router.get("/sessions", **answers(list[people.SessionFacts]))
def sessions(house: AskedHouse, caller: InPerson, account: str = "") -> Response:
    """One's own sessions, the last used first; an admin may ask for another ``account``."""
    found = house.accounts.sessions.of(caller, AccountId(account) or caller.id)
    mine = caller.session.id if caller.session is not None else ""
    return answer([of_session(each, current=each.id == mine) for each in found])


@router.delete("/sessions", **answers(people.Ended))
def log_out_everywhere(house: AskedHouse, caller: InPerson, account: str = "") -> Response:
    """End all of one's own sessions, this one too; an admin may end those of another ``account``."""
    ended = house.accounts.sessions.revoke_all(caller, AccountId(account) or caller.id)
    return answer(people.Ended(ended))


@router.delete("/sessions/current", status_code=204, response_class=Response)
def log_out(house: AskedHouse, caller: InPerson) -> Response:
    """End the session that asks."""
    house.accounts.sessions.logout(caller)
    return done()


@router.delete("/sessions/{session}", status_code=204, response_class=Response)
def end_session(house: AskedHouse, caller: InPerson, session: str) -> Response:
    """End one of one's own sessions; an admin, anybody's."""
    house.accounts.sessions.revoke(caller, SessionId(session))
    return done()


@router.get("/me", **answers(people.Me))
def me(caller: InPerson) -> Response:
    """Who asks."""
    assert caller.session is not None
    return answer(people.Me(of_account(caller.account), of_session(caller.session, current=True)))


@router.put("/me/password", status_code=204, response_class=Response)
def change_password(house: AskedHouse, caller: InPerson, asked: people.PasswordChange) -> Response:
    """Take another password, which ends all other sessions."""
    house.accounts.people.change_password(caller, asked.old, asked.new)
    return done()
