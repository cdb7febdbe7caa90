"""Signed addresses: the right to do one thing with one piece of stored content, for some minutes.

Whoever holds a signed address needs no session for it, so it says exactly what it is good for: the method,
the key of what is stored, how many bytes, until when. All of it is under an HMAC-SHA256 with a key that only
the studio has. An address that was changed in any part, or has expired, is refused in the same words.

The key lies in a file of its own. Rotating it puts a new key before the old one: the studio signs with the
new one and still takes what the old one signed, so that no transfer breaks; a second rotation ends the old
one.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os
import secrets
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from mountfs.errors import AddressInvalid, StudioDataError

SIGNING_KEY = "signing.key"
"""The key's file, below a studio's data directory."""

KEY_BYTES = 32

_KEPT_BYTES = 24
"""Of the HMAC, in an address: 192 bits, 32 characters."""

_USE = b"mountfs signed address 1"
"""What the key is used for here, so that no other use of it could ever make a signature that counts."""


class Signer:
    """Signs with its first key, and takes what any of its keys signed."""

    __slots__ = ("_keys",)

    def __init__(self, key: bytes, *older: bytes) -> None:
        if any(len(each) < KEY_BYTES for each in (key, *older)):
            raise ValueError(f"a signing key has at least {KEY_BYTES} bytes")
        self._keys = (key, *older)

    def sign(self, method: str, key: str, length: int, expires: int) -> str:
        """The signature of an address, in base64url. ``length`` is in bytes, ``expires`` in Unix seconds."""
        return _signature(self._keys[0], method, key, length, expires)

    def verify(self, signature: str, *, method: str, key: str, length: int, expires: int, now: float) -> None:
        """AddressInvalid unless this is the signature of exactly that, and it has not expired."""
        given = signature.encode("utf-8", "surrogatepass")
        right = [
            hmac.compare_digest(given, _signature(each, method, key, length, expires).encode())
            for each in self._keys
        ]
        if not any(right) or now >= expires:
            raise AddressInvalid("this address was changed, or has expired: ask for another one")

    def __repr__(self) -> str:
        return f"<Signer with {len(self._keys)} keys>"


def make_key(path: Path, *, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
    """Make the key's file (0600). StudioDataError when there is one: it is never replaced by accident."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise StudioDataError(f"{path} exists already") from None
    except OSError as exc:
        raise StudioDataError(f"{path} cannot be made: {exc.strerror}") from exc
    _write(descriptor, [entropy(KEY_BYTES)])


def rotate_key(path: Path, *, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
    """Put a new key before the newest one. What an older one signed is refused from then on.

    A studio that runs takes the new key when it is started again.
    """
    keys = _read(path)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    try:
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        _write(descriptor, [entropy(KEY_BYTES), keys[0]])
        beside.rename(path)
    except OSError as exc:
        raise StudioDataError(f"{path} cannot be replaced: {exc.strerror}") from exc


def read_signer(path: Path) -> Signer:
    """The signer with the keys of a file. StudioDataError when it is not there, is damaged, is a symlink, or
    can be read by others: a key that others may have read signs nothing."""
    return Signer(*_read(path))


def _signature(secret: bytes, method: str, key: str, length: int, expires: int) -> str:
    parts = (method, key, str(length), str(expires))
    # Each part with its length, so that no two addresses are the same bytes.
    message = hmac.new(secret, _USE, hashlib.sha256)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        message.update(len(raw).to_bytes(8, "big") + raw)
    return urlsafe_b64encode(message.digest()[:_KEPT_BYTES]).decode("ascii")


def _write(descriptor: int, keys: list[bytes]) -> None:
    with os.fdopen(descriptor, "wb") as file:
        for each in keys:
            file.write(urlsafe_b64encode(each) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> list[bytes]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as exc:
        raise StudioDataError(f"the signing key {path} cannot be read: {exc.strerror}") from exc
    with os.fdopen(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            raise StudioDataError(
                f"others may read the signing key {path}: chmod 600 it, and rotate it if they may have"
            )
        lines = file.read(4096).split()
    try:
        keys = [urlsafe_b64decode(line) for line in lines]
    except (ValueError, binascii.Error):
        keys = []
    if not 1 <= len(keys) <= 2 or any(len(each) != KEY_BYTES for each in keys):
        raise StudioDataError(f"{path} holds no signing key")
    return keys
