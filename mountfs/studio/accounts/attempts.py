"""How often somebody may be wrong: logins that failed, counted for each account and each address.

An attempt is counted before the password is looked at and taken back when it was right, so that a hundred
attempts at the same moment are a hundred. They are rows of the database and survive a restart. An address
somebody typed counts whether or not it is anybody's, so being locked out tells nothing about who exists.
While the limit is reached nothing is counted, or whoever goes on trying would never be let in again.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from mountfs.errors import TooMany
from mountfs.studio.accounts.tables import login_failure as failures
from mountfs.studio.accounts.tokens import token_hash


@dataclass(frozen=True, slots=True)
class Limits:
    """Failures within ``window`` seconds after which nobody is let in: for one account, from one address."""

    per_account: int = 10
    per_address: int = 50
    window: int = 15 * 60


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that counts as a failure until it is taken back. ``is_last``: the next one is refused."""

    account_key: str
    row: int
    is_last: bool


def begin(connection: Connection, limits: Limits, now: int, email: str, address: str) -> Attempt:
    """Count an attempt. TooMany, with the seconds to wait, when there were too many. ``email`` may be empty,
    where somebody tries a secret that belongs to no account."""
    connection.execute(delete(failures).where(failures.c.at <= now - limits.window))
    account_key, address_key = _account_key(email), _address_key(address)
    counts = [
        _left(connection, failures.c.account_key == account_key, limits.per_account, limits, now)
        if email
        else limits.per_account,
        _left(connection, failures.c.address_key == address_key, limits.per_address, limits, now)
        if address
        else limits.per_address,
    ]
    row = connection.execute(
        insert(failures)
        .values(at=now, account_key=account_key, address_key=address_key)
        .returning(failures.c.id)
    ).scalar_one()
    return Attempt(account_key, row, min(counts) == 1)


def succeeded(connection: Connection, attempt: Attempt) -> None:
    """The attempt was right: it and all of that account are forgotten. Others from the same address stay."""
    mine = failures.c.id == attempt.row
    if attempt.account_key:
        mine |= failures.c.account_key == attempt.account_key
    connection.execute(delete(failures).where(mine))


def forget(connection: Connection, email: str) -> None:
    """Let somebody in again who was wrong too often."""
    connection.execute(delete(failures).where(failures.c.account_key == _account_key(email)))


def _left(connection: Connection, whose: ColumnElement[bool], most: int, limits: Limits, now: int) -> int:
    """How many more may fail. TooMany for none."""
    count = connection.execute(select(func.count()).select_from(failures).where(whose)).scalar_one()
    if count < most:
        return most - count
    # As many may come again as have left the window, so the wait is for the oldest that is one too many.
    oldest = connection.execute(
        select(failures.c.at).where(whose).order_by(failures.c.at).offset(count - most).limit(1)
    ).scalar_one()
    raise TooMany(max(1, oldest + limits.window - now))


def _account_key(email: str) -> str:
    # Hashed, since what people type into the wrong field may be their password.
    return token_hash(email) if email else ""


def _address_key(address: str) -> str:
    """One key for what one customer of a network has: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
