"""What the studio finds out itself about content that somebody offers: its size and its checksum.

A client says how long each chunk is and which XXH3 the whole file has. Readers rely on both, so a wrong one
would be a file that nobody can read, recorded for good. The studio therefore unpacks the chunks that it has,
in their order, one at a time, and compares. It does so only after everything else about the act was found to
be right (otherwise the answer would tell of chunks that the asker cannot see), and outside of the
transaction, which is then made again with what was found.

What was found for a list of chunks is remembered, so that offering the same again costs nothing. Unpacking is
work, and a short list of chunks can cause a lot of it, by naming one chunk very often. How long it would take
is known before anything is read: sizes have to add up, so a version that is too much is refused by what it
says of itself (`Limits`), and a chunk that is shorter than that ends it. What is in other chunks had to be
sent, or is seen, once. Each user has a few turns at a time, with so many bytes, and there are only so many
turns in all; whoever finds none is told to come back.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import xxhash

from mountfs.digest import decode_unverified
from mountfs.errors import ContentError, LimitExceeded, ManifestInvalid, StudioUnavailable
from mountfs.interfaces import ChunkStore
from mountfs.model import CheckpointId, Chunk, ChunkId, ChunkRef, Manifest, Proposal, UserId
from mountfs.studio.limits import USUAL, Limits

Content = Proposal | Manifest

_REMEMBERED = 20_000
"""Contents whose checksum is remembered: about 5 MB."""

_TURNS, _TURNS_EACH = 8, 2
"""Acts whose content is being looked into at one time; those of one user."""

_AT_HAND = 16 << 20
"""Bytes of unpacked chunks that are kept meanwhile, of those that come again."""


Examination = Callable[[Sequence[Content]], None]
"""Compares contents with what the studio finds in their chunks. ManifestInvalid, UnexaminedError."""


class UnexaminedError(Exception):
    """Content that nobody has looked into yet: ends a transaction that cannot go on without."""


class Findings:
    """The checksums of contents, found out once. Usable from any thread."""

    def __init__(self, store: ChunkStore, limits: Limits = USUAL) -> None:
        self._store = store
        self._limits = limits
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, str] = OrderedDict()
        self._turns: Counter[UserId] = Counter()
        self._bytes: Counter[UserId] = Counter()
        self._busy: set[bytes] = set()

    def recall(self, contents: Sequence[Content]) -> dict[bytes, str]:
        """What is known of these already, by `key`."""
        with self._lock:
            return {name: self._known[name] for name in map(key, contents) if name in self._known}

    def examine(self, user: UserId, contents: Sequence[Content]) -> dict[bytes, str]:
        """The checksums of these, by `key`. Takes as long as unpacking them does. ManifestInvalid when a
        chunk has another length than is said; LimitExceeded for more than is looked through for anybody;
        StudioUnavailable when too much is being looked into already.
        """
        found = self.recall(contents)
        todo = {name: each for each in contents if (name := key(each)) not in found}
        work = self._require_bearable(todo.values())
        with self._turn(user, set(todo), work):
            for name, each in todo.items():
                found[name] = self._checksum(each.chunks)
                self._remember(name, found[name])
        return found

    def _require_bearable(self, contents: Iterable[Content]) -> int:
        """How many bytes it is to look through these. LimitExceeded."""
        total = 0
        sizes: dict[ChunkId, int] = {}
        for content in contents:
            for chunk in content.chunks:
                total += chunk.size
                sizes[chunk.id] = chunk.size
        if total > self._limits.version_bytes:
            raise LimitExceeded(f"{total} bytes are more than the studio looks through at a time")
        repeated = total - sum(sizes.values())
        if repeated > self._limits.repeated_bytes:
            raise LimitExceeded(
                f"{repeated} bytes of it are the same again: more than the studio looks through"
            )
        return total

    def _checksum(self, chunks: Sequence[Chunk]) -> str:
        whole = xxhash.xxh3_64()
        times = Counter(chunk.id for chunk in chunks)
        kept: OrderedDict[ChunkId, bytes] = OrderedDict()
        held = 0
        last, raw = None, b""
        for chunk in chunks:
            if chunk != last:  # a long run of the same, as of zeros, is unpacked once
                raw = self._unpacked(chunk, kept)
                last = chunk
                if times[chunk.id] > 1 and chunk.id not in kept:
                    kept[chunk.id] = raw
                    held += len(raw)
                    while held > _AT_HAND:
                        held -= len(kept.popitem(last=False)[1])
            whole.update(raw)
        return whole.hexdigest()

    def _unpacked(self, chunk: Chunk, kept: Mapping[ChunkId, bytes]) -> bytes:
        """The bytes of a chunk. Whether they are those of its name was seen when they came."""
        known = kept.get(chunk.id)
        if known is not None and len(known) == chunk.size:
            return known
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
    def _turn(self, user: UserId, names: set[bytes], work: int) -> Iterator[None]:
        with self._lock:
            full = self._turns.total() >= _TURNS or self._turns[user] >= _TURNS_EACH
            full = full or self._bytes[user] + work > self._limits.version_bytes
            if full or self._busy & names:
                raise StudioUnavailable("the studio still looks into what was sent: try again in a moment")
            self._turns[user] += 1
            self._bytes[user] += work
            self._busy |= names
        try:
            yield
        finally:
            with self._lock:
                self._turns[user] -= 1
                self._bytes[user] -= work
                if not self._turns[user]:
                    del self._turns[user], self._bytes[user]
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
