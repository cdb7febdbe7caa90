"""The first admin: no account is there by default, so whoever makes a studio gets a secret that makes one.

It is told once, when the studio is made. Only its SHA-256 is kept. It is dead once it was used, and as soon
as anybody is an admin, however they became one.
"""

from __future__ import annotations

import hmac

from sqlalchemy import Connection, select, update

from mountfs.errors import AdminsOnly, NotFound
from mountfs.studio.accounts import attempts, naming, people
from mountfs.studio.accounts.attempts import Limits
from mountfs.studio.accounts.desk import Desk, require_admin
from mountfs.studio.accounts.passwords import require_strong
from mountfs.studio.accounts.tables import studio
from mountfs.studio.accounts.tokens import token_hash
from mountfs.studio.accounts.values import NOWHERE, Account, Operator, Origin, StudioRole

_DEAD = "this is not, or no longer, the secret that makes the first admin"


class Bootstrap:
    """Making the first admin."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self._desk = desk
        self._limits = limits

    def is_open(self) -> bool:
        """Whether the studio still waits for its first admin."""
        with self._desk.database.reading() as connection:
            return not people.has_admin(connection)

    def claim(
        self,
        secret: str,
        *,
        email: str,
        name: str,
        password: str,
        username: str | None = None,
        origin: Origin = NOWHERE,
    ) -> Account:
        """Become the first admin. NotFound for a secret that is wrong, used, or dead since there is an admin;
        each counts as a failed login from that address (TooMany). NameInvalid, NameTaken, WeakPassword."""
        address, called = naming.email_address(email), naming.person_name(name)
        chosen = naming.username(username) if username else None
        require_strong(password, address)
        with self._desk.database.writing() as connection:
            attempt = attempts.begin(connection, self._limits, self._desk.now(), "", origin.address)
            is_right = _is_right(connection, secret)
        # Nobody has a second's work done for them by guessing.
        password_hash = self._desk.passwords.hashed(password) if is_right else ""
        with self._desk.acting("first admin", None, origin=origin) as act:
            if not password_hash or not _is_right(act.connection, secret):
                raise NotFound(_DEAD)
            made = people.add(
                self._desk,
                act.connection,
                act.now,
                email=address,
                name=called,
                role=StudioRole.ADMIN,
                password_hash=password_hash,
                username=chosen,
            )
            attempts.succeeded(act.connection, attempt)
            act.connection.execute(update(studio).values(bootstrap_hash=None))
            act.actor = act.subject = made.id
            act.detail["email"] = address
        return made

    def renew(self, by: Operator) -> str:
        """Another secret, for one that was lost; the old one is dead. AdminsOnly when there is an admin."""
        secret = self._desk.new_token()
        with self._desk.acting("new bootstrap secret", by) as act:
            require_admin(act.connection, by)
            if people.has_admin(act.connection):
                raise AdminsOnly("this studio has an admin, who can invite others")
            act.connection.execute(update(studio).values(bootstrap_hash=token_hash(secret)))
        return secret


def _is_right(connection: Connection, secret: str) -> bool:
    kept = connection.execute(select(studio.c.bootstrap_hash)).scalar_one()
    same = hmac.compare_digest(token_hash(secret), kept or "")
    return same and not people.has_admin(connection)
