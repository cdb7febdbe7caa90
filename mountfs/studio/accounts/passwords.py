"""Passwords: one rule for how strong, one place for how they are hashed.

argon2id with the parameters of `Parameters`. Hashing takes a core and 64 MiB for a good part of a second, so
no more than a few are hashed at once: others wait for a bounded time, and never inside a transaction.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mountfs.errors import StudioUnavailable, WeakPassword
from mountfs.studio.accounts.tokens import Entropy

MIN_LENGTH = 12
MAX_LENGTH = 1024

_WORDS = """
    abc admin administrator asdf asdfgh asdfghjkl baseball blender changeme charlie dragon football iloveyou
    letmein login master michael monkey mountfs p@ssw0rd p@ssword pass passw0rd password princess qazwsx
    qwerty qwertz qwertyuiop secret shadow studio sunshine superman test trustno welcome zxcvbn zxcvbnm
    1q2w3e4r5t6y 1qaz2wsx3edc 1qaz2wsx3edc4rfv q1w2e3r4t5y6 zaq12wsxcde3 abcdefghijkl abcdefghijklm
    correct horse battery staple
"""
"""What anybody tries first. A password made of nothing but these, digits and signs is among them too."""

_COMMON = re.compile(rf"(?:[\W\d_]*(?:{'|'.join(map(re.escape, _WORDS.split()))}))*[\W\d_]*")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a hash costs: passes, memory in KiB, lanes. The defaults are RFC 9106's for little memory, with
    one lane, so that a login takes one core."""

    passes: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 1


class Passwords:
    """Hashes and verifies. ``at_once`` bounds the memory, ``wait_seconds`` the wait for a turn."""

    def __init__(
        self,
        entropy: Entropy,
        parameters: Parameters | None = None,
        *,
        at_once: int = 2,
        wait_seconds: float = 10.0,
    ) -> None:
        used = parameters or Parameters()
        self._hasher = PasswordHasher(
            time_cost=used.passes, memory_cost=used.memory_kib, parallelism=used.lanes
        )
        self._entropy = entropy
        self._turns = threading.BoundedSemaphore(at_once)
        self._wait_seconds = wait_seconds
        # A hash that no password has: whoever is unknown is verified against it and takes as long as anybody.
        # (Random bytes, so that it costs nothing to make.)
        salt, nothing = (b64encode(entropy(size)).rstrip(b"=").decode() for size in (16, 32))
        cost = f"m={used.memory_kib},t={used.passes},p={used.lanes}"
        self._nobodys = f"$argon2id$v=19${cost}${salt}${nothing}"

    def hashed(self, password: str) -> str:
        """The hash to keep. StudioUnavailable when too many others want one."""
        with self._turn():
            return self._hasher.hash(_bytes(password), salt=self._entropy(16))

    def is_right(self, kept: str | None, password: str) -> bool:
        """Whether this is the password of that hash; without one it is not, after just as long."""
        with self._turn():
            try:
                self._hasher.verify(kept or self._nobodys, _bytes(password))
            except (VerificationError, InvalidHashError):
                return False
        return kept is not None

    def grew(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than today's, so that it should be made again."""
        return self._hasher.check_needs_rehash(kept)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=self._wait_seconds):
            raise StudioUnavailable("too many people are logging in just now: try again in a moment")
        try:
            yield
        finally:
            self._turns.release()


def require_strong(password: str, email: str) -> None:
    """WeakPassword, with what is wrong, unless the password will do: the one rule, wherever one is chosen.

    Length is what counts. No rule asks for signs and digits: people answer those with ``Password1!``.
    """
    plain = unicodedata.normalize("NFC", password).casefold()
    local = email.partition("@")[0].casefold()
    if len(plain) < MIN_LENGTH:
        raise WeakPassword(
            f"the password is too short: take at least {MIN_LENGTH} characters, a sentence perhaps"
        )
    if len(password) > MAX_LENGTH:
        raise WeakPassword(f"the password is too long: take at most {MAX_LENGTH} characters")
    if any(unicodedata.category(each) == "Cs" for each in password):
        raise WeakPassword("the password holds half a character: type it again")
    if _COMMON.fullmatch(plain) or len(set(plain)) < 5:
        raise WeakPassword("the password is among the first that anybody would try: take another")
    if len(local) >= 3 and local in plain:
        raise WeakPassword("the password contains the name in your e-mail address: take another")


def _bytes(password: str) -> bytes:
    # One form, since keyboards differ in how they send the same letter. What can be no text is no password.
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
