"""Cutting: the same file is cut at the same places by everybody."""

from __future__ import annotations

import random
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mountfs.content._cutter import LOOSE_BITS, MAXIMUM, MINIMUM, NORMAL, STRICT_BITS, Cutter
from mountfs.digest import MAX_CHUNK
from tests.content.cutting import GENERATED, recorded_files, reference_cuts

RECORDED = dict(recorded_files())


def ends(cutter: Cutter, pieces: list[bytes]) -> list[int]:
    """Where chunks end in a stream that comes in pieces, the last chunk's end included."""
    found: list[int] = []
    start = 0
    for piece in pieces:
        found += [start + end for end in cutter.cuts(piece)]
        start += len(piece)
    if cutter.pending:
        found.append(start)
    return found


def pieces_of(data: bytes, places: list[int]) -> list[bytes]:
    bounds = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[begin:end] for begin, end in pairwise(bounds)] or [data]


def test_the_sizes_are_the_formats() -> None:
    """Whoever shares chunks with other programs cuts with the format's own sizes."""
    assert (MINIMUM, NORMAL, MAXIMUM) == (512 * 1024, 1024 * 1024, 8 * 1024 * 1024)
    assert (STRICT_BITS, LOOSE_BITS) == (22, 18)
    assert MAXIMUM == MAX_CHUNK


@pytest.mark.parametrize("name", GENERATED)
def test_generated_content_is_cut_where_the_format_cuts_it(name: str) -> None:
    """Content around every limit of the format is cut at the recorded places."""
    make, expected = GENERATED[name]
    assert ends(Cutter(), [make()]) == expected


@pytest.mark.parametrize("name", RECORDED)
def test_files_of_the_other_program_are_cut_where_it_cut_them(name: str) -> None:
    """Chunks that another program recorded are found again, all of them and no others."""
    raws = RECORDED[name]
    assert ends(Cutter(), [b"".join(raws)]) == list(accumulate(map(len, raws)))


@given(
    data=st.binary(max_size=4000),
    places=st.lists(st.integers(0, 4000), max_size=6),
    minimum=st.integers(0, 300),
    more=st.integers(0, 300),
    most=st.integers(1, 900),
    loose=st.integers(1, 8),
    stricter=st.integers(0, 5),
)
def test_any_parameters_cut_as_the_rule_says(
    data: bytes, places: list[int], minimum: int, more: int, most: int, loose: int, stricter: int
) -> None:
    """The fast cutter answers what the rule says byte by byte, however the stream is divided into pieces."""
    sizes = (minimum, minimum + more, minimum + more + most, loose + stricter, loose)
    assert ends(Cutter(*sizes), pieces_of(data, places)) == reference_cuts(data, *sizes)


@given(
    seed=st.integers(0, 2**32),
    size=st.integers(20_000, 60_000),
    alphabet=st.sampled_from([1, 2, 16, 256]),
    places=st.lists(st.integers(0, 60_000), max_size=4),
    strict=st.integers(10, 16),
)
def test_two_lanes_cut_as_one(seed: int, size: int, alphabet: int, places: list[int], strict: int) -> None:
    """Where whole blocks are followed in two lanes, no cut is missed or invented, and the first is taken."""
    rng = random.Random(seed)
    data = bytes(value % alphabet for value in rng.randbytes(size))
    sizes = (500, 9_000, 40_000, strict, strict - 2)
    assert ends(Cutter(*sizes), pieces_of(data, places)) == reference_cuts(data, *sizes)


def test_single_bytes_are_a_stream_too() -> None:
    """Who feeds byte by byte gets the cuts of the whole."""
    data = random.Random(5).randbytes(30_000)
    sizes = (1000, 3000, 9000, 12, 10)
    pieces = [data[place : place + 1] for place in range(len(data))]
    assert ends(Cutter(*sizes), pieces) == reference_cuts(data, *sizes)


def test_next_cut_says_when_there_is_none() -> None:
    """Without a cut the answer is -1, all bytes are taken in, and they are pending."""
    cutter = Cutter()
    assert cutter.next_cut(bytes(1000)) == -1
    assert cutter.next_cut(b"") == -1
    assert cutter.pending == 1000
    assert cutter.next_cut(bytes(9 * 1024 * 1024)) == 8 * 1024 * 1024 - 1000
    assert cutter.pending == 0


def test_impossible_parameters_are_refused() -> None:
    """Sizes and bits that contradict each other are an error, not an endless loop."""
    for sizes in [
        (2, 1, 3, 22, 18),
        (1, 5, 4, 22, 18),
        (0, 0, 0, 22, 18),
        (1, 2, 3, 10, 11),
        (1, 2, 3, 33, 1),
    ]:
        with pytest.raises(ValueError, match="must be"):
            Cutter(*sizes)
    with pytest.raises(ValueError, match="beyond"):
        Cutter().next_cut(b"abc", 4)
