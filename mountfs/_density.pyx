# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Whether a chunk is worth zstd's time, found out in a small part of that time.

zstd saves in two ways: some byte values are more frequent than others, or strings of bytes repeat. Textures,
video and archives offer neither, and zstd takes longer to find nothing than SHA-256 takes for the same bytes.

*Frequency* is looked at in pieces of 4 KiB, one for every 64 KiB (at least 16, or all there is), each by itself,
since zstd codes each block by itself. For a piece the sum of the squared counts tells how many bits a byte
could save: none for even counts.

*Repetition* is looked for at anchors: all places of one byte value, the most frequent one of the pieces, over
the whole chunk. Where frequency saves nothing, that is about every 256th byte, found at memory speed. A string
that repeats has its anchors repeat, wherever and however far away. If the four bytes after an anchor were seen
after an earlier one, that counts; in random bytes that happens once in many chunks.

A chunk is dense if its pieces would save less than 1/64 on average, which is also what zstd itself demands before
it codes literals at all, and fewer than one in 64 anchors repeats.
"""

from libc.math cimport log2
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr, memcpy, memset

cdef enum:
    PIECE = 4096
    STRIDE = 65536
    LEAST_PIECES = 16
    SLOT_BITS = 14
    SLOTS = 1 << SLOT_BITS


cdef double saved_bits(const uint8_t* data, uint32_t* total) noexcept nogil:
    """Bits a byte that even counts would not save, in one piece; its counts are added to ``total``."""
    cdef uint32_t[256] counts
    cdef double squares = 0
    cdef double uneven
    cdef size_t i
    memset(counts, 0, sizeof(counts))
    for i in range(PIECE):
        counts[data[i]] += 1
    for i in range(256):
        squares += <double>counts[i] * counts[i]
        total[i] += counts[i]
    # 1 for even counts; random bytes exceed that by 255/PIECE on average, which is no saving
    uneven = squares * 256.0 / (<double>PIECE * PIECE) - 255.0 / PIECE
    return log2(uneven) if uneven > 1.0 else 0.0


cdef bint repeats(const uint8_t* data, size_t count, uint8_t anchor) noexcept nogil:
    """Whether at least one in 64 anchors is followed by bytes that followed an earlier one."""
    cdef uint32_t[SLOTS] seen
    cdef uint32_t after
    cdef uint32_t slot
    cdef size_t anchors = 0
    cdef size_t again = 0
    cdef const uint8_t* place = data
    cdef const uint8_t* last = data + count - 4
    memset(seen, 0, sizeof(seen))
    seen[0] = 1  # zero belongs into slot 0 and one does not, so that no slot holds a match from the beginning
    while place < last:
        place = <const uint8_t*>memchr(place, anchor, last - place)
        if place == NULL:
            break
        place += 1
        memcpy(&after, place, 4)
        slot = (after * <uint32_t>2654435761) >> (32 - SLOT_BITS)
        anchors += 1
        if seen[slot] == after:
            again += 1
        seen[slot] = after
    return again * 64 >= anchors and again > 0


cdef bint dense(const uint8_t* data, size_t count) noexcept nogil:
    cdef uint32_t[256] total
    cdef double saved = 0
    cdef size_t pieces = max(count // STRIDE, min((count + PIECE - 1) // PIECE, LEAST_PIECES))
    # the first piece begins with the chunk and the last ends with it; those of a small chunk overlap
    cdef size_t stride = (count - PIECE) // (pieces - 1) if pieces > 1 else 0
    cdef uint8_t anchor = 0
    cdef size_t i
    memset(total, 0, sizeof(total))
    for i in range(pieces):
        saved += saved_bits(data + i * stride, total)
    if saved >= 8.0 / 64 * pieces:
        return False
    for i in range(1, 256):
        if total[i] > total[anchor]:
            anchor = <uint8_t>i
    return not repeats(data, count, anchor)


def looks_dense(const uint8_t[::1] data not None):
    """Whether compressing these bytes would save next to nothing. Chunks under 4 KiB never look dense."""
    cdef size_t count = data.shape[0]
    cdef bint answer
    if count < PIECE:
        return False
    cdef const uint8_t* first = &data[0]
    with nogil:
        answer = dense(first, count)
    return answer
