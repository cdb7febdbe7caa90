"""Secrets that are made here: 32 random bytes, told once as base64url; the studio keeps only their SHA-256.

A fast hash is enough: there is nothing to guess in 256 random bits. It is looked up by an index, so how long
that takes tells something of the stored hash at most, and nobody can choose a token by its hash.
"""

from __future__ import annotations

import hashlib
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable

Entropy = Callable[[int], bytes]
"""Gives so many random bytes."""

TOKEN_BYTES = 32


def new_token(entropy: Entropy) -> str:
    """A token: 43 characters of base64url."""
    return urlsafe_b64encode(entropy(TOKEN_BYTES)).rstrip(b"=").decode("ascii")


def token_hash(token: str) -> str:
    """What is stored of a token. Of anything else too: what a client sends can be any text."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_id(entropy: Entropy) -> str:
    """A random id, which is no secret."""
    return str(uuid.UUID(bytes=entropy(16), version=4))
