"""What the studio finds out itself about content that somebody offers: its size and its checksum.

A client says how long each chunk is and which XXH3 the whole file has. Readers rely on both, so a wrong one
would be a file that nobody can read, recorded for good. The studio therefore unpacks the chunks that it has,
in their order, one at a time, and compares. It does so only after everything else about the act was found to
be right (otherwise the answer would tell of chunks that the asker cannot see), and outside of the
transaction, which is then made again with what was found.

What was found for a list of chunks is remembered, so that offering the same again costs nothing. Unpacking is
work, and a short list of chunks can cause a lot of it: each user has a few turns at a time, and there are
only so many in all; whoever finds none is told to come back.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import xxhash

from mountfs.digest import decode_unverified
from mountfs.errors import ContentError, ManifestInvalid, StudioUnavailable
from mountfs.interfaces import ChunkStore
from mountfs.model import CheckpointId, Chunk, ChunkRef, Manifest, Proposal, UserId

Content = Proposal | Manifest

_REMEMBERED = 20_000
"""Contents whose checksum is remembered: about 5 MB."""

_TURNS, _TURNS_EACH = 8, 2
"""Acts whose content is being looked into at one time; those of one user."""


Examination = Callable[[Sequence[Content]], None]
"""Compares contents with what the studio finds in their chunks. ManifestInvalid, UnexaminedError."""


class UnexaminedError(Exception):
    """Content that nobody has looked into yet: ends a transaction that cannot go on without."""


class Findings:
    """The checksums of contents, found out once. Usable from any thread."""

    def __init__(self, store: ChunkStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, str] = OrderedDict()
        self._turns: Counter[UserId] = Counter()
        self._busy: set[bytes] = set()

    def recall(self, contents: Sequence[Content]) -> dict[bytes, str]:
        """What is known of these already, by `key`."""
        with self._lock:
            return {name: self._known[name] for name in map(key, contents) if name in self._known}

    def examine(self, user: UserId, contents: Sequence[Content]) -> dict[bytes, str]:
        """The checksums of these, by `key`. Takes as long as unpacking them does. ManifestInvalid when a
        chunk has another length than is said; StudioUnavailable when too much is being looked into already.
        """
        found = self.recall(contents)
        todo = {name: each for each in contents if (name := key(each)) not in found}
        with self._turn(user, set(todo)):
            for name, each in todo.items():
                found[name] = self._checksum(each.chunks)
                self._remember(name, found[name])
        return found

    def _checksum(self, chunks: Sequence[Chunk]) -> str:
        whole = xxhash.xxh3_64()
        last, raw = None, b""
        for chunk in chunks:
            if chunk != last:  # a long run of the same, as of zeros, is unpacked once
                raw = self._unpacked(chunk)
                last = chunk
            whole.update(raw)
        return whole.hexdigest()

    def _unpacked(self, chunk: Chunk) -> bytes:
        """The bytes of a chunk. Whether they are those of its name was seen when they came."""
        try:
            return decode_unverified(self._store.get(ChunkRef(CheckpointId(""), 0, chunk)), chunk)
        except ContentError as exc:
            raise not_uploaded() from exc

    def _remember(self, name: bytes, checksum: str) -> None:
        with self._lock:
            self._known[name] = checksum
            self._known.move_to_end(name)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    @contextmanager
    def _turn(self, user: UserId, names: set[bytes]) -> Iterator[None]:
        with self._lock:
            full = self._turns.total() >= _TURNS or self._turns[user] >= _TURNS_EACH
            if full or self._busy & names:
                raise StudioUnavailable("the studio still looks into what was sent: try again in a moment")
            self._turns[user] += 1
            self._busy |= names
        try:
            yield
        finally:
            with self._lock:
                self._turns[user] -= 1
                if not self._turns[user]:
                    del self._turns[user]
                self._busy -= names


def require_as_found(contents: Sequence[Content], found: dict[bytes, str]) -> None:
    """ManifestInvalid unless these have the checksums that were found; UnexaminedError when one was not
    looked into."""
    for content in contents:
        checksum = found.get(key(content))
        if checksum is None:
            raise UnexaminedError
        if checksum != content.xxh3:
            raise ManifestInvalid("the checksum is not the one of this content")


def key(content: Content) -> bytes:
    """A name for a list of chunks with their sizes."""
    name = hashlib.sha256()
    for chunk in content.chunks:
        name.update(f"{chunk.id} {chunk.size},".encode("utf-8", "surrogatepass"))
    return name.digest()


def not_uploaded() -> ManifestInvalid:
    """The one answer about a chunk that is not there, is not the asker's to name, or is another one."""
    return ManifestInvalid("a chunk of this version has not been uploaded")
