"""How often somebody may be wrong."""

from __future__ import annotations

import threading

import pytest

from mountfs.errors import TooMany, Unauthenticated, WrongPassword
from mountfs.studio.accounts import Accounts, Limits, Origin
from tests.studio.accounts.office import AT_DESK, OPERATOR, Clock, Office, email, password


def wrong(office: Office, who: str, address: str = "192.0.2.66", times: int = 1) -> None:
    """Somebody guesses."""
    for _ in range(times):
        with pytest.raises(Unauthenticated):
            office.accounts.sessions.login(email(who), "not the password", Origin(address))


def refused(office: Office, who: str, address: str = "192.0.2.66") -> int:
    """Somebody is not let in, though the password is right; after how long they may try again."""
    with pytest.raises(TooMany) as error:
        office.accounts.sessions.login(email(who), password(who), Origin(address))
    return error.value.retry_after


@pytest.mark.parametrize("who", ["ben", "nobody"])
def test_ten_wrong_passwords_lock_an_account_whether_it_is_there_or_not(staffed: Office, who: str):
    """Guessing ends, from wherever it comes, and being locked out tells nothing about who works here."""
    for guess in range(10):
        wrong(staffed, who, f"192.0.2.{guess}")
    assert refused(staffed, who, "198.51.100.1") == 15 * 60


def test_a_lock_ends_by_itself_when_it_said(staffed: Office, clock: Clock):
    """Whoever owns the account gets in again, and trying while it is locked does not prolong it."""
    wrong(staffed, "ben")
    clock.passes(60)
    wrong(staffed, "ben", times=9)
    wait = refused(staffed, "ben")
    assert wait == 14 * 60
    clock.passes(wait - 1)
    assert refused(staffed, "ben") == 1
    clock.passes(1)
    staffed.login("ben")


def test_a_lock_survives_a_restart(staffed: Office):
    """Somebody who can make the studio restart gains no guesses by it."""
    wrong(staffed, "ben", times=10)
    staffed.reopen()
    assert refused(staffed, "ben")


def test_the_right_password_clears_the_account(staffed: Office):
    """Somebody who mistypes once a day is never locked out."""
    for _ in range(3):
        wrong(staffed, "ben", times=9)
        staffed.login("ben")


def test_one_address_cannot_try_everybody(staffed: Office):
    """Fifty wrong in all, and a right one in between clears nothing of the address."""
    for guess in range(50):
        wrong(staffed, f"nobody{guess}", "203.0.113.5")
        if guess == 25:
            staffed.login("cleo", Origin("203.0.113.5"))
    assert refused(staffed, "ben", "203.0.113.5")
    staffed.login("ben", Origin("203.0.113.6"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.4", "192.0.2.4", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("not an address", "not an address", True),
    ],
)
def test_addresses_of_one_customer_count_as_one(staffed: Office, one: str, other: str, same: bool):
    """Nobody gets a fresh count for each of the addresses that every IPv6 customer has."""
    for guess in range(50):
        wrong(staffed, f"nobody{guess}", one)
    if same:
        assert refused(staffed, "ben", other)
    else:
        staffed.login("ben", Origin(other))


def test_an_admin_lets_somebody_in_again(staffed: Office):
    """Somebody who is locked out by others' guesses need not wait."""
    wrong(staffed, "ben", times=10)
    staffed.accounts.people.let_in_again(OPERATOR, staffed.account("ben").id)
    staffed.login("ben")


def test_a_hundred_guesses_at_once_are_a_hundred(staffed: Office):
    """Whoever guesses in parallel has no more guesses than whoever guesses one by one."""
    answers: list[type[Exception]] = []

    def guess() -> None:
        with pytest.raises((Unauthenticated, TooMany)) as error:
            opened.sessions.login(email("ben"), "not the password", AT_DESK)
        answers.append(error.type)

    with Accounts(staffed.folder, clock=staffed.clock, passwords=staffed.passwords()) as opened:
        threads = [threading.Thread(target=guess) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers.count(Unauthenticated) == 10
    assert answers.count(TooMany) == 20


def test_wrong_old_passwords_count_too(staffed: Office):
    """Somebody at an unlocked desk cannot guess the password by changing it."""
    ben = staffed.as_("ben")
    for _ in range(10):
        with pytest.raises(WrongPassword):
            staffed.accounts.people.change_password(ben, "not the password", "something quite new 1")
    with pytest.raises(TooMany):
        staffed.accounts.people.change_password(ben, password("ben"), "something quite new 1")
    assert refused(staffed, "ben")


def test_what_failed_is_in_the_audit_but_a_locked_door_fills_it_with_nothing(staffed: Office):
    """An admin sees who guessed whose password and when it locked; nobody can fill the disk by going on."""
    wrong(staffed, "ben", times=10)
    for _ in range(20):
        refused(staffed, "ben")
    rows = staffed.accounts.audit.read(OPERATOR)[:10]
    assert [row.act for row in rows] == ["refused: login"] * 10
    assert {row.subject for row in rows} == {email("ben")}
    assert [row.detail for row in rows[:2]] == [
        {"address": "192.0.2.66", "locks": True},
        {"address": "192.0.2.66"},
    ]
    assert staffed.acts("refused") == ["refused: login"] * 10


def test_a_password_typed_into_the_wrong_field_is_not_written_down(staffed: Office):
    """Neither into the audit nor where failures are counted."""
    secret = "my secret, in the wrong field"
    with pytest.raises(Unauthenticated):
        staffed.accounts.sessions.login(secret, "", AT_DESK)
    staffed.accounts.close()
    assert secret.encode() not in (staffed.folder / "studio.db").read_bytes()


def test_limits_are_a_setting(staffed: Office):
    """A studio may be stricter."""
    strict = Limits(per_account=2, per_address=3, window=60)
    with Accounts(
        staffed.folder, clock=staffed.clock, passwords=staffed.passwords(), limits=strict
    ) as accounts:
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                accounts.sessions.login(email("ben"), "wrong", AT_DESK)
        with pytest.raises(TooMany) as error:
            accounts.sessions.login(email("ben"), password("ben"), AT_DESK)
        assert error.value.retry_after == 60
