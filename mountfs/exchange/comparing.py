"""What is different between two versions: chunks, bytes, and for text the lines.

Two versions share the chunks that did not change, so only what lies between these has to be looked at. Where
a stretch of one version stands for a stretch of the other, both are read and what is equal at their ends is
taken off: a change of one byte in a chunk of a megabyte is then a change of one byte. Stretches that are too
long for that are told as they are.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from mountfs.content.assemble import assemble
from mountfs.digest import decode_frame
from mountfs.interfaces import ChunkStore
from mountfs.model import Chunk, ChunkRef, Manifest

LOOKED_INTO = 64 << 20
"""Bytes of a stretch that is looked into."""

LONGEST_TEXT = 4 << 20
"""Bytes of a text whose lines are compared."""

CONTEXT = 3
"""Lines shown around a change."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes ``[old_begin, old_end)`` of the old version became ``[new_begin, new_end)`` of the new one."""

    old_begin: int
    old_end: int
    new_begin: int
    new_end: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is different. Chunks are counted as they stand in the files; ``lines`` is a unified diff, None for
    what is no text, or too long."""

    chunks_same: int
    chunks_removed: int
    chunks_added: int
    bytes_removed: int
    bytes_added: int
    stretches: tuple[Stretch, ...]
    lines: tuple[str, ...] | None

    @property
    def is_equal(self) -> bool:
        """Whether the contents are the same."""
        return not self.stretches


def compare(
    old: Manifest, new: Manifest, store: ChunkStore, names: tuple[str, str] = ("old", "new")
) -> Comparison:
    """Compare two contents. ContentError when one is damaged where it has to be read."""
    same = removed = added = 0
    stretches: list[Stretch] = []
    for kind, a, b, c, d in _operations(old.chunks, new.chunks):
        if kind == "equal":
            same += b - a
            continue
        removed += b - a
        added += d - c
        stretch = _trimmed(_Part(old, a, b), _Part(new, c, d), store)
        if stretch is not None:
            stretches.append(stretch)
    return Comparison(
        same,
        removed,
        added,
        sum(each.old_end - each.old_begin for each in stretches),
        sum(each.new_end - each.new_begin for each in stretches),
        tuple(stretches),
        _lines(old, new, store, names),
    )


def _operations(old: Sequence[Chunk], new: Sequence[Chunk]) -> list[tuple[str, int, int, int, int]]:
    matcher = difflib.SequenceMatcher(None, [each.id for each in old], [each.id for each in new], False)
    return list(matcher.get_opcodes())


class _Part:
    """Some chunks of a version that follow each other."""

    def __init__(self, manifest: Manifest, first: int, end: int) -> None:
        self._manifest = manifest
        self._first = first
        self._chunks = manifest.chunks[first:end]
        self.begin = sum(chunk.size for chunk in manifest.chunks[:first])
        self.size = sum(chunk.size for chunk in self._chunks)

    def read(self, store: ChunkStore) -> bytes:
        """Its bytes."""
        return b"".join(
            decode_frame(store.get(ChunkRef(self._manifest.checkpoint, index, chunk)), chunk)
            for index, chunk in enumerate(self._chunks, self._first)
        )


def _trimmed(old: _Part, new: _Part, store: ChunkStore) -> Stretch | None:
    begin = end = 0
    if old.size and new.size and old.size + new.size <= LOOKED_INTO:
        before, after = old.read(store), new.read(store)
        begin = _common(before, after)
        end = _common(before[begin:][::-1], after[begin:][::-1])
        if begin == old.size == new.size:
            return None  # the same bytes, cut in another way
    return Stretch(
        old.begin + begin, old.begin + old.size - end, new.begin + begin, new.begin + new.size - end
    )


def _common(one: bytes, other: bytes) -> int:
    """How many bytes at the beginning are the same."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # comparing slices is a thousand times faster than comparing bytes
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _lines(old: Manifest, new: Manifest, store: ChunkStore, names: tuple[str, str]) -> tuple[str, ...] | None:
    if max(old.size, new.size) > LONGEST_TEXT:
        return None
    texts = [_text(b"".join(assemble(each, store))) for each in (old, new)]
    if texts[0] is None or texts[1] is None:
        return None
    before, after = (text.splitlines() for text in texts if text is not None)
    return tuple(difflib.unified_diff(before, after, *names, lineterm="", n=CONTEXT))


def _text(content: bytes) -> str | None:
    try:
        return None if b"\0" in content else content.decode("utf-8")
    except UnicodeDecodeError:
        return None
