"""What people are called: one form for each, and what cannot be one. NameInvalid says what is wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from mountfs.errors import NameInvalid

MAX_EMAIL = 254
MAX_NAME = 100
MAX_USERNAME = 32
MAX_NOTE = 200

_USERNAME = re.compile(rf"[a-z0-9](?:[a-z0-9._-]{{0,{MAX_USERNAME - 2}}}[a-z0-9])?")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_UNUSABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Controls, marks that turn text around, halves of characters, line ends."""


def email_address(text: str) -> str:
    """An address in the one form it is kept in: trimmed, lower case. Whether it exists only a message sent
    there could tell; this refuses what cannot be one."""
    address = _normal(_normal(text).lower())
    local, at, domain = address.rpartition("@")
    if (
        not at
        or not local
        or len(address) > MAX_EMAIL
        or "@" in local
        or not _DOMAIN.fullmatch(domain)
        or any(each.isspace() or each in '<>(),;:\\"[]' for each in local)
        or not _is_usable(address)
    ):
        raise NameInvalid("this is no e-mail address: write it as in ada@example.org")
    return address


def username(text: str) -> str:
    """A username: lower-case ASCII letters, digits and ``.``, ``_``, ``-`` between them, at most 32."""
    name = _normal(text).lower()
    if not _USERNAME.fullmatch(name):
        raise NameInvalid(
            f"a username has letters a to z, digits, and . _ - between them, at most {MAX_USERNAME} in all"
        )
    return name


def username_from(email: str, is_taken: Callable[[str], bool]) -> str:
    """A username for somebody who gave none: what stands before the @, with a number if that is taken."""
    plain = unicodedata.normalize("NFKD", email.partition("@")[0]).encode("ascii", "ignore").decode()
    stem = (
        re.sub(r"[^a-z0-9._-]+", "-", plain.lower()).strip("._-")[: MAX_USERNAME - 6].strip("._-") or "user"
    )
    name, number = stem, 1
    while is_taken(name):
        number += 1
        name = f"{stem}{number}"
    return name


def person_name(text: str) -> str:
    """A person's name: 1 to 100 characters that can be shown on one line."""
    name = " ".join(_normal(text).split())
    if not name or len(name) > MAX_NAME or not _is_usable(name):
        raise NameInvalid(f"a name has 1 to {MAX_NAME} characters, on one line")
    return name


def note(text: str) -> str:
    """What a client says of itself, made fit to be kept and shown: never refused, cut to 200 characters."""
    shown = "".join(
        each if unicodedata.category(each) not in _UNUSABLE else " " for each in text[: 4 * MAX_NOTE]
    )
    return " ".join(shown.split())[:MAX_NOTE]


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())


def _is_usable(text: str) -> bool:
    return not any(unicodedata.category(each) in _UNUSABLE for each in text)
