"""Names and frames: nothing a frame says is believed, and nothing wrong ever comes out of one."""

from __future__ import annotations

import random
import zlib
from contextlib import suppress

import pytest
import xxhash
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mountfs._density import looks_dense
from mountfs.digest import (
    MAX_CHUNK,
    chunk_id,
    decode_frame,
    decode_unverified,
    encode_frame,
    frame_content_size,
    raw_frame,
    verify,
    xxh3_hex,
)
from mountfs.errors import ChunkCorrupt
from mountfs.model import EMPTY_XXH3, Chunk, ChunkId

MIB = 1024 * 1024


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def chunk_of(raw: bytes) -> Chunk:
    return Chunk(chunk_id(raw), len(raw))


def text(size: int) -> bytes:
    return (b"vertex normal face " * (size // 19 + 1))[:size]


def test_names_are_those_of_the_format() -> None:
    """SHA-256 in hex names a chunk, XXH3 in hex checks a file."""
    assert chunk_id(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert xxh3_hex(b"") == EMPTY_XXH3
    assert xxh3_hex(b"abc") == xxhash.xxh3_64(b"abc").digest().hex()


@pytest.mark.parametrize("size", [1, 255, 256, 4096, 131_071, 131_072, 131_073, MIB, MAX_CHUNK])
def test_any_decoder_reads_raw_frames(size: int) -> None:
    """A frame of raw blocks is a plain zstd frame to everybody, at once, in pieces and joined with others."""
    raw = noise(size)
    frame = raw_frame(raw)
    assert zstandard.ZstdDecompressor().decompress(frame) == raw
    stream = zstandard.ZstdDecompressor().decompressobj()
    assert b"".join(stream.decompress(frame[at : at + 50_000]) for at in range(0, len(frame), 50_000)) == raw
    with zstandard.ZstdDecompressor().stream_reader(frame + frame, read_across_frames=True) as joined:
        assert joined.read(3 * size) == raw + raw
    head = zstandard.get_frame_parameters(frame)
    assert (head.content_size, head.dict_id, head.has_checksum) == (size, 0, False)
    assert len(frame) - size <= 9 + 3 * (size // 131_072 + 1)


@pytest.mark.parametrize("raw", [b"x", text(3000), text(MIB), noise(MIB), bytes(MAX_CHUNK), noise(MAX_CHUNK)])
def test_frames_carry_their_size_and_no_checksum(raw: bytes) -> None:
    """What is encoded decodes to the same bytes, and states its size in the header as the format wants."""
    frame = encode_frame(raw)
    assert decode_frame(frame, chunk_of(raw)) == raw
    assert frame_content_size(frame[:18]) == len(raw)
    assert not zstandard.get_frame_parameters(frame).has_checksum


def test_incompressible_bytes_are_framed_as_they_are() -> None:
    """Noise is not given to zstd, and text is not stored raw."""
    assert encode_frame(noise(MIB)) == raw_frame(noise(MIB))
    assert len(encode_frame(text(MIB))) < 10_000


def test_a_frame_without_size_is_read_all_the_same() -> None:
    """Another program's frame may leave the size out: its chunk is still read, and still checked."""
    raw = text(50_000)
    frame = zstandard.ZstdCompressor(level=3, write_content_size=False).compress(raw)
    assert frame_content_size(frame) is None
    assert decode_frame(frame, chunk_of(raw)) == raw
    with pytest.raises(ChunkCorrupt):
        decode_frame(frame, Chunk(chunk_id(raw), len(raw) - 1))
    with pytest.raises(ChunkCorrupt):
        decode_frame(frame, Chunk(chunk_id(raw), len(raw) + 1))


RAW = text(70_000)
FRAME = encode_frame(RAW)

DAMAGED = {
    "nothing": b"",
    "a magic number alone": FRAME[:4],
    "half a frame": FRAME[: len(FRAME) // 2],
    "one byte less": FRAME[:-1],
    "one byte more": FRAME + b"\0",
    "two frames": FRAME + FRAME,
    "a skippable frame": b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"abcd",
    "a skippable frame before": b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"abcd" + FRAME,
    "raw bytes": RAW,
    "another chunk": encode_frame(RAW[::-1]),
    "another size": encode_frame(RAW + b"x"),
    "another size, raw": raw_frame(noise(5000)),
    "gzip": zlib.compress(RAW),
    "a claim of 2 GiB": b"\x28\xb5\x2f\xfd\xa0" + (2**31).to_bytes(4, "little") + b"\x01\0\0",
    "a claim of 8 EiB": b"\x28\xb5\x2f\xfd\xe0" + (2**63).to_bytes(8, "little") + b"\x01\0\0",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_no_frame_of_the_chunk_is_refused(name: str) -> None:
    """Damaged, exchanged and forged frames are an error that says which chunk and why, never bytes."""
    with pytest.raises(ChunkCorrupt) as caught:
        decode_frame(DAMAGED[name], chunk_of(RAW))
    assert caught.value.chunk == chunk_id(RAW)
    assert caught.value.why


def test_a_dictionary_is_refused() -> None:
    """A frame that needs a dictionary is no frame of a chunk, even if its bytes would be right."""
    dictionary = zstandard.train_dictionary(4096, [text(300) + noise(40, seed) for seed in range(400)])
    frame = zstandard.ZstdCompressor(dict_data=dictionary).compress(RAW)
    with pytest.raises(ChunkCorrupt, match="dictionary"):
        decode_frame(frame, chunk_of(RAW))


def test_a_bomb_allocates_nothing_beyond_the_chunk() -> None:
    """A few bytes that would swell to a terabyte, or ask for a huge window, end as an error."""
    bomb = zstandard.ZstdCompressor(level=19, write_content_size=False).compress(bytes(64 * MIB))
    with pytest.raises(ChunkCorrupt):
        decode_frame(bomb, Chunk(chunk_id(b""), 1000))
    window = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    wide = zstandard.ZstdCompressor(compression_params=window).compressobj()
    frame = wide.compress(RAW) + wide.flush()
    with pytest.raises(ChunkCorrupt):
        decode_frame(frame[:-3], chunk_of(RAW))


@pytest.mark.parametrize("size", [-1, MAX_CHUNK + 1, 2**62])
def test_a_recorded_size_that_no_chunk_has_is_refused(size: int) -> None:
    """A damaged size in a manifest allocates nothing."""
    with pytest.raises(ChunkCorrupt):
        decode_frame(FRAME, Chunk(ChunkId("0" * 64), size))


@given(st.data())
def test_flipped_bits_never_give_wrong_bytes(data: st.DataObject) -> None:
    """However a frame is changed, the answer is the right bytes or ChunkCorrupt."""
    kind = data.draw(st.sampled_from([text(5000), noise(5000), noise(200_000), text(200_000) + noise(3000)]))
    frame = bytearray(encode_frame(kind))
    for _ in range(data.draw(st.integers(1, 3))):
        near_the_header = data.draw(st.booleans())
        place = data.draw(st.integers(0, min(24, len(frame) - 1) if near_the_header else len(frame) - 1))
        frame[place] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.one_of(st.just(len(frame)), st.integers(0, len(frame))))
    with suppress(ChunkCorrupt):
        assert decode_frame(bytes(frame[:cut]), chunk_of(kind)) == kind


@given(st.binary(max_size=64))
def test_any_head_has_a_size_or_none(head: bytes) -> None:
    """Reading a size out of arbitrary bytes gives a number or None, and no other error."""
    size = frame_content_size(head)
    assert size is None or size >= 0


def zstd_size(raw: bytes) -> int:
    return len(zstandard.ZstdCompressor(level=3).compress(raw))


@pytest.mark.parametrize("size", [4096, 20_000, 65_536, 300_000, MIB, 3 * MIB])
def test_noise_and_archives_look_dense(size: int) -> None:
    """What zstd could not make smaller costs no zstd time."""
    archive = zlib.compress(b"".join(b"%f " % random.Random(seed).random() for seed in range(size // 3)), 9)
    assert looks_dense(noise(size))
    assert looks_dense(archive[-size:])


COMPRESSIBLE = {
    "zeros": bytes(MIB),
    "text": text(MIB),
    "seven bits": bytes(value & 127 for value in noise(MIB)),
    "skewed": bytes(min(value, 200) for value in noise(MIB)),
    "noise twice": noise(MIB // 2) * 2,
    "a long period": (noise(100_003) * 11)[:MIB],
    "a tenth repeated": noise(MIB - 100_000) + noise(MIB - 100_000)[:100_000],
    "a tenth zeros": noise(500_000) + bytes(100_000) + noise(450_000, 1),
    "words": b"".join(noise(12, random.Random(n).randrange(3000)) for n in range(40_000)),
    "small and plain": text(4096),
}


@pytest.mark.parametrize("name", COMPRESSIBLE)
def test_compressible_bytes_never_look_dense(name: str) -> None:
    """What zstd makes clearly smaller is given to zstd, whichever of its two ways it takes."""
    raw = COMPRESSIBLE[name]
    assert zstd_size(raw) < 0.98 * len(raw)
    assert not looks_dense(raw)


@given(
    seed=st.integers(0, 2**32),
    size=st.integers(4096, 400_000),
    alphabet=st.integers(150, 256),
    repeated=st.floats(0, 0.5),
    plain=st.floats(0, 0.5),
)
def test_looking_dense_costs_next_to_no_space(
    seed: int, size: int, alphabet: int, repeated: float, plain: float
) -> None:
    """Bytes that look dense would have become at most three percent smaller."""
    rng = random.Random(seed)
    base = bytes(value % alphabet for value in rng.randbytes(size))
    raw = base + base[: int(size * repeated)] + bytes(int(size * plain))
    if looks_dense(raw):
        assert zstd_size(raw) > 0.97 * len(raw)


def test_unverified_bytes_have_the_size_and_perhaps_no_more() -> None:
    """Who decodes without SHA-256 gets as many bytes as were asked for, and can verify them afterwards."""
    right, wrong = text(300_000), noise(300_000)
    chunk = chunk_of(right)
    assert decode_unverified(encode_frame(wrong), chunk) == wrong
    with pytest.raises(ChunkCorrupt):
        verify(wrong, chunk)
    verify(decode_unverified(encode_frame(right), chunk), chunk)
    for frame in (
        encode_frame(right + b"!"),
        encode_frame(right[:-1]),
        encode_frame(right)[:-1],
        b"no frame",
    ):
        with pytest.raises(ChunkCorrupt):
            decode_unverified(frame, chunk)
