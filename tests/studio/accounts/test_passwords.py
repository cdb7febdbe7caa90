"""Passwords: how strong, how hashed, and that nothing tells who is there."""

from __future__ import annotations

import secrets
import threading

import pytest

from mountfs.errors import StudioUnavailable, WeakPassword
from mountfs.studio.accounts import Accounts, Parameters, Passwords
from mountfs.studio.accounts.passwords import require_strong
from tests.studio.accounts.office import AT_DESK, CHEAP, Office, email, password

ADA = "ada@example.org"


@pytest.mark.parametrize(
    ("weak", "why"),
    [
        ("", "too short"),
        ("elevenchars", "too short"),
        ("x" * 1025, "too long"),
        ("password1234", "first that anybody"),
        ("PassWord-2026!", "first that anybody"),
        ("qwerty-qwerty-qwerty", "first that anybody"),
        ("Blender.Studio.2026", "first that anybody"),
        ("123456789012345", "first that anybody"),
        ("correct horse battery staple", "first that anybody"),
        ("abababababab", "first that anybody"),
        ("this is ada's secret", "your e-mail address"),
        ("this is ADA's secret", "your e-mail address"),
        ("half a character \ud800", "half a character"),
    ],
)
def test_a_weak_password_is_refused_with_what_is_wrong(weak: str, why: str):
    """Whoever chooses one knows what to change."""
    with pytest.raises(WeakPassword, match=why) as refused:
        require_strong(weak, ADA)
    assert not weak or weak not in str(refused.value)


@pytest.mark.parametrize(
    "strong",
    [
        "twelve chars",
        "kein Wort zuviel",
        "пароль из слов",
        "nine lives, one cat",
        "x7$kQ9!mZ2pL",
        "パスワードは長い方がいいです",
    ],
)
def test_length_is_what_counts(strong: str):
    """Nobody has to invent signs and digits."""
    require_strong(strong, ADA)


def test_a_short_name_in_an_address_forbids_nothing():
    """Whoever is a@example.org may still use the letter."""
    require_strong("twelve chars", "a@example.org")


def test_a_password_is_the_same_on_every_keyboard():
    """Some send a letter and its accent as one, others as two."""
    passwords = Passwords(secrets.token_bytes, CHEAP)
    kept = passwords.hashed("Caf\u00e9 am Hafen")
    assert passwords.is_right(kept, "Cafe\u0301 am Hafen")
    assert not passwords.is_right(kept, "Cafe am Hafen")
    assert kept.startswith("$argon2id$v=19$m=8,t=1,p=1$")


def test_the_default_costs_what_is_recommended():
    """A stolen book is worth little."""
    kept = Passwords(secrets.token_bytes).hashed("twelve chars")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")


def test_nobodys_password_is_never_right_and_damaged_hashes_are_none():
    """Whatever is typed."""
    passwords = Passwords(secrets.token_bytes, CHEAP)
    for typed in ("", "x", "\ud800"):
        assert not passwords.is_right(None, typed)
    for damaged in ("", "x", "$argon2id$v=19$m=8,t=1,p=1$$"):
        assert not passwords.is_right(damaged, "x")


class Counting(Passwords):
    """Passwords that count how often the expensive function was called, on which kind of hash."""

    def __init__(self) -> None:
        super().__init__(secrets.token_bytes, CHEAP)
        self.asked: list[bool] = []

    def is_right(self, kept: str | None, password: str) -> bool:
        self.asked.append(kept is not None)
        return super().is_right(kept, password)


def test_an_unknown_address_costs_as_much_as_a_known_one(staffed: Office):
    """Each login verifies one hash of the same cost, so that the time tells nothing about who works here."""
    passwords = Counting()
    with Accounts(staffed.folder, clock=staffed.clock, passwords=passwords) as accounts:
        for who in ("ben", "nobody"):
            with pytest.raises(Exception, match="is wrong"):
                accounts.sessions.login(email(who), "not the password", AT_DESK)
    assert passwords.asked == [True, False]
    # What nobody has is verified with the parameters that everybody's hash has, not with cheaper ones.
    assert passwords._nobodys.rsplit("$", 2)[0] == passwords.hashed("x").rsplit("$", 2)[0]


def test_a_hash_is_made_again_when_the_parameters_grew(staffed: Office):
    """The next login is enough; nobody has to choose a new password."""
    staffed.accounts.close()
    grown = Parameters(passes=2, memory_kib=16, lanes=1)
    staffed.accounts = staffed.opened(grown)
    staffed.login("ben")
    kept = (staffed.folder / "studio.db-wal").read_bytes() + (staffed.folder / "studio.db").read_bytes()
    assert b"$argon2id$v=19$m=16,t=2,p=1$" in kept
    staffed.login("ben")


def test_no_more_are_hashed_at_once_than_said_and_the_wait_ends():
    """A crowd that logs in takes neither all memory nor for ever."""
    entered, leave = threading.Event(), threading.Event()

    def slow(size: int) -> bytes:
        if threading.current_thread() is not threading.main_thread():
            entered.set()
            assert leave.wait(60)
        return secrets.token_bytes(size)

    passwords = Passwords(slow, CHEAP, at_once=1, wait_seconds=0.01)
    holder = threading.Thread(target=passwords.hashed, args=("twelve chars",))
    holder.start()
    try:
        assert entered.wait(60)
        with pytest.raises(StudioUnavailable):
            passwords.is_right(None, "x")
    finally:
        leave.set()
        holder.join()
    assert not passwords.is_right(None, "x")


def test_a_login_beside_a_password_change_does_not_get_in_with_the_old_one(staffed: Office):
    """What was right when it was looked at has to be right still when the session is made."""
    ben = staffed.as_("ben")

    class Changing(Counting):
        def is_right(self, kept: str | None, password: str) -> bool:
            right = super().is_right(kept, password)
            if len(self.asked) == 1:
                staffed.accounts.people.change_password(ben, password, "an entirely new sentence")
            return right

    with (
        Accounts(staffed.folder, clock=staffed.clock, passwords=Changing()) as accounts,
        pytest.raises(Exception, match="is wrong"),
    ):
        accounts.sessions.login(email("ben"), password("ben"), AT_DESK)
