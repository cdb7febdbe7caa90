"""A studio's book as tests use it: people by their first names, each with a password that is known."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from mountfs.studio.accounts import (
    Account,
    Accounts,
    Caller,
    LoggedIn,
    Operator,
    Origin,
    Parameters,
    Passwords,
)

START = 1_800_000_000
DAY = 24 * 3600

OPERATOR = Operator("root", Origin(request="req-operator"))
AT_DESK = Origin("192.0.2.7", "workstation 7", "req-1")

CHEAP = Parameters(passes=1, memory_kib=8, lanes=1)


class Clock:
    """Unix seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


def email(first_name: str) -> str:
    return f"{first_name}@harbor.example"


def password(first_name: str) -> str:
    return f"what nobody else says, {hashlib.sha256(first_name.encode()).hexdigest()[:6]}"


class Office:
    """The book, and the people who use it."""

    def __init__(self, folder: Path, clock: Clock, secret: str) -> None:
        self.folder = folder
        self.clock = clock
        self.secret = secret
        self.accounts = self.opened()

    def opened(self, parameters: Parameters = CHEAP) -> Accounts:
        """Open the book (again, as another process would)."""
        return Accounts(
            self.folder,
            clock=self.clock,
            passwords=self.passwords(parameters),
            busy_seconds=0.2,
        )

    def passwords(self, parameters: Parameters = CHEAP) -> Passwords:
        """Hashes that cost a test little."""
        return Passwords(secrets.token_bytes, parameters)

    def reopen(self) -> None:
        """Restart the studio."""
        self.accounts.close()
        self.accounts = self.opened()

    def claim(self, who: str) -> Account:
        """Become the first admin."""
        return self.accounts.bootstrap.claim(
            self.secret, email=email(who), name=who.title(), password=password(who), origin=AT_DESK
        )

    def hire(self, who: str) -> Account:
        """Somebody is invited, and comes."""
        invited = self.accounts.invitations.invite(OPERATOR, email(who))
        return self.accounts.invitations.accept(
            invited.token, name=who.title(), password=password(who), origin=AT_DESK
        )[0]

    def login(self, who: str, origin: Origin = AT_DESK) -> LoggedIn:
        return self.accounts.sessions.login(email(who), password(who), origin)

    def as_(self, who: str) -> Caller:
        return self.login(who).caller

    def account(self, who: str) -> Account:
        return self.accounts.people.find(email(who))

    def acts(self, wanted: str = "") -> list[str]:
        """The acts in the audit, the oldest first."""
        rows = self.accounts.audit.read(OPERATOR, limit=1000)
        return [row.act for row in reversed(rows) if row.act.startswith(wanted)]
