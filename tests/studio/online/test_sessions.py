"""Coming in and going over the network: the first admin, logins, passwords, recoveries."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import pytest

from mountfs import wire
from mountfs.errors import (
    AdminsOnly,
    NotFound,
    Refused,
    TooMany,
    Unauthenticated,
    WeakPassword,
    WrongPassword,
)
from mountfs.studio.accounts import Limits
from mountfs.testing.online import OnlineStudio, password_of
from mountfs.wire import people
from tests.studio.online.asking import Asking, email_of

NEW_PASSWORD = "a bicycle on the pier, 7"


def test_whoever_logs_in_is_somebody(asking: Asking):
    """A login gives a token, with which one is somebody until one logs out."""
    entered = asking.login("root")
    mine = asking.with_token(entered.token)
    me = mine.ask("GET", "/me", people.Me)
    assert (me.account.username, me.account.role, me.session.id) == ("root", "admin", entered.session.id)
    assert entered.token not in repr(entered)
    mine.tell("DELETE", "/sessions/current")
    with pytest.raises(Unauthenticated):
        mine.ask("GET", "/me", people.Me)


def test_the_secret_of_the_first_admin_is_dead(asking: Asking):
    """Once there is an admin, nobody becomes the first one, whatever secret they have."""
    asked = people.Bootstrap("x" * 43, "eve@harbor.example", "Eve", NEW_PASSWORD)
    with pytest.raises(NotFound):
        asking.nobody.ask("POST", "/bootstrap", people.AccountFacts, body=asked)


def test_a_studio_begins_with_its_secret(founding: tuple[OnlineStudio, str]):
    """Whoever has the secret of a new studio becomes its admin over the network."""
    online, secret = founding
    asking = Asking(online)
    asked = people.Bootstrap(secret, " Ada@Harbor.example ", "Ada Lind", NEW_PASSWORD)
    made = asking.nobody.ask("POST", "/bootstrap", people.AccountFacts, body=asked)
    assert (made.email, made.username, made.role) == ("ada@harbor.example", "ada", "admin")
    assert asking.login("ada", NEW_PASSWORD).account == made
    asking.close()


def test_a_wrong_password_and_nobody_are_one_answer(asking: Asking):
    """Whether somebody is in the studio, a login does not tell."""
    said = []
    for username in ("root", "nobody-at-all"):
        with pytest.raises(Unauthenticated) as told:
            asking.login(username, "what I thought it was")
        said.append(str(told.value))
    assert said[0] == said[1]


def test_guessing_ends(asking: Asking):
    """After ten wrong passwords not even the right one opens an account, and the answer says when it will."""
    for _ in range(Limits().per_account):
        with pytest.raises(Unauthenticated):
            asking.login("root", "what I thought it was")
    with pytest.raises(TooMany) as told:
        asking.login("root")
    assert 0 < told.value.retry_after <= Limits().window


def test_what_a_client_says_of_its_address_is_not_believed(asking: Asking):
    """Without a declared proxy, guesses count for the address of the socket, whatever a header says."""
    body = wire.encode(people.Login("root@harbor.example", "what I thought it was"))
    headers = {"X-Forwarded-For": "203.0.113.7", "Content-Type": "application/json"}
    httpx.post(f"{asking.online.url}{wire.API}/sessions", content=body, headers=headers, trust_env=False)
    (row,) = asking.audit({"act": "refused: login"})
    assert row.detail["address"] == "127.0.0.1"


@pytest.mark.usefixtures("crew")
def test_sessions_are_listed_and_ended(asking: Asking):
    """Somebody sees where they are logged in, and ends one login or all; an admin does it for others."""
    here, there = asking.login("ann"), asking.login("ann")
    line = asking.with_token(here.token)
    found = line.ask("GET", "/sessions", list[people.SessionFacts])
    assert {each.id: each.current for each in found} == {here.session.id: True, there.session.id: False}
    line.tell("DELETE", f"/sessions/{there.session.id}")
    with pytest.raises(Unauthenticated):
        asking.with_token(there.token).ask("GET", "/me", people.Me)
    asking.login("ann")
    root = asking.as_("root")
    assert (
        len(root.ask("GET", "/sessions", list[people.SessionFacts], query={"account": here.account.id})) == 2
    )
    assert line.ask("DELETE", "/sessions", people.Ended) == people.Ended(2)
    with pytest.raises(Unauthenticated):
        line.ask("GET", "/me", people.Me)


@pytest.mark.usefixtures("crew")
def test_sessions_of_others_are_nobody_elses(asking: Asking):
    """A session of somebody else is answered as one that never was."""
    theirs = asking.login("bo")
    ann = asking.as_("ann")
    said = []
    for session in (theirs.session.id, "no-such-session"):
        with pytest.raises(NotFound) as told:
            ann.tell("DELETE", f"/sessions/{session}")
        said.append(str(told.value))
    assert said[0] == said[1]
    with pytest.raises(AdminsOnly):
        ann.ask("GET", "/sessions", list[people.SessionFacts], query={"account": theirs.account.id})


@pytest.mark.usefixtures("crew")
def test_another_password_ends_other_sessions(asking: Asking):
    """Whoever changes their password stays logged in here, and nowhere else."""
    here, there = asking.login("ann"), asking.login("ann")
    line = asking.with_token(here.token)
    with pytest.raises(WeakPassword):
        line.tell("PUT", "/me/password", people.PasswordChange(password_of("ann"), "password1234"))
    line.tell("PUT", "/me/password", people.PasswordChange(password_of("ann"), NEW_PASSWORD))
    assert line.ask("GET", "/me", people.Me).account.username == "ann"
    with pytest.raises(Unauthenticated):
        asking.with_token(there.token).ask("GET", "/me", people.Me)
    assert asking.login("ann", NEW_PASSWORD).account.email == email_of("ann")


@pytest.mark.usefixtures("crew")
def test_a_wrong_old_password_is_an_attempt(asking: Asking):
    """Whoever tries to guess it is refused, then told to wait, as at a login; that is on the record, and
    their session goes on."""
    line = asking.with_token(asking.login("ann").token)
    guess = people.PasswordChange("a guess at an open desk", NEW_PASSWORD)
    for _ in range(10):
        with pytest.raises(WrongPassword):
            line.tell("PUT", "/me/password", guess)
    with pytest.raises(TooMany):
        line.tell("PUT", "/me/password", guess)
    with pytest.raises(TooMany):
        asking.login("ann")
    assert line.ask("GET", "/me", people.Me).account.username == "ann"
    rows = asking.audit({"act": "refused: change password"})
    assert [row.detail["why"] for row in rows] == ["WrongPassword"] * 10


@pytest.mark.usefixtures("crew")
def test_a_forgotten_password(asking: Asking):
    """An admin gives a token, with which somebody chooses another password, once."""
    ann = asking.login("ann")
    offered = asking.as_("root").ask("POST", f"/accounts/{ann.account.id}/recovery", people.RecoveryOffered)
    asked = people.Recovering(offered.token, NEW_PASSWORD)
    assert asking.nobody.ask("POST", "/recoveries/accept", people.AccountFacts, body=asked) == ann.account
    assert asking.login("ann", NEW_PASSWORD).account == ann.account
    with pytest.raises(NotFound):
        asking.nobody.ask("POST", "/recoveries/accept", people.AccountFacts, body=asked)
    with pytest.raises(AdminsOnly):
        asking.as_("bo").ask("POST", f"/accounts/{ann.account.id}/recovery", people.RecoveryOffered)


def test_what_is_wrong_with_a_question_quotes_nothing(asking: Asking):
    """A question that makes no sense is refused without repeating the password that was in it."""
    url = f"{asking.online.url}{wire.API}/sessions"
    secret = "my only password"
    answer = httpx.post(url, json={"email": 7, "password": secret}, trust_env=False)
    assert answer.status_code == 422
    assert secret not in answer.text
    with pytest.raises(Refused, match="password"):
        asking.nobody.ask("POST", "/sessions", people.LoggedIn, body={"email": "root@harbor.example"})


def test_open_questions_are_short(asking: Asking):
    """Nobody makes the studio read megabytes before it knows who they are."""
    url = f"{asking.online.url}{wire.API}/sessions"
    answer = httpx.post(url, json={"email": "x", "password": "x" * (1 << 20)}, trust_env=False)
    assert answer.status_code == 413


def test_a_login_leaves_no_secret_on_the_disk(asking: Asking, tmp_path: Path):
    """Neither token nor password is in any file of the studio."""
    token = asking.login("root").token.encode()
    for path in (each for each in tmp_path.rglob("*") if each.is_file()):
        content = path.read_bytes()
        assert token not in content, path
        assert password_of("root").encode() not in content, path


def test_nobody_else_on_the_machine_reads_a_project(asking: Asking, tmp_path: Path):
    """Its file, and what SQLite keeps beside it while it is open, are the studio's alone; not only by the
    folder that they are in."""
    project = asking.make_project()
    files = list((tmp_path / "studio" / "projects").iterdir())
    assert {f"{project}.clst", f"{project}.clst-wal"} <= {each.name for each in files}
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
