# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Where content is cut into chunks: FastCDC with the project file's constants, exact to the byte.

The rule. The first `minimum` bytes of a chunk are skipped. From there a fingerprint, zero at first, takes in
one byte after another: ``fp = (fp << 1) + GEAR[byte]``. The chunk ends *after* the byte that leaves the low 22
bits of it zero, or, from `normal` bytes on, the low 18 bits; at `maximum` bytes it ends anyway.

How it is fast. A fingerprint is kept shifted to the top of 32 bits, so that "the low 22 bits are zero" is "the
number is zero", which the addition already tells the processor. Every step waits for the one before it, which
would leave most of a core idle; but a byte is shifted out of sight after 22 steps, so that the fingerprint at
any place follows from the 22 bytes before it. Two places of a block are therefore followed at once. Blocks
without a cut, nearly all, are done with that; one that has a cut is read again, byte after byte, for the first.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stddef cimport size_t

from mountfs.content.gear import GEAR

MINIMUM = 512 * 1024
NORMAL = 1024 * 1024
MAXIMUM = 8 * 1024 * 1024
STRICT_BITS = 22
LOOSE_BITS = 18

cdef enum:
    SPAN = 4096  # bytes that one lane follows in a block
    BLOCK = 2 * SPAN


cdef size_t scan_bytes(const uint8_t* data, size_t count, uint32_t* fingerprint, const uint32_t* table) noexcept nogil:
    """Index of the first byte of `data` after which the fingerprint is zero, or `count`."""
    cdef uint32_t fp = fingerprint[0]
    cdef size_t i
    for i in range(count):
        fp = fp + fp + table[data[i]]
        if fp == 0:
            fingerprint[0] = fp
            return i
    fingerprint[0] = fp
    return count


cdef uint32_t warmed(const uint8_t* data, const uint32_t* table) noexcept nogil:
    """The fingerprint just before `data`, from the 32 bytes in front of it."""
    cdef uint32_t fp = 0
    cdef int i
    for i in range(-32, 0):
        fp = fp + fp + table[data[i]]
    return fp


cdef bint pass_block(const uint8_t* data, uint32_t* fingerprint, const uint32_t* table) noexcept nogil:
    """Follow a whole block in two lanes; False, and nothing changed, if there is a cut in it."""
    cdef const uint8_t* other = data + SPAN
    cdef uint32_t a = fingerprint[0]
    cdef uint32_t b = warmed(other, table)
    cdef size_t i
    for i in range(0, SPAN, 2):  # two steps a round: measured faster than one, and no slower than four
        a = a + a + table[data[i]]
        if a == 0:
            return False
        b = b + b + table[other[i]]
        if b == 0:
            return False
        a = a + a + table[data[i + 1]]
        if a == 0:
            return False
        b = b + b + table[other[i + 1]]
        if b == 0:
            return False
    fingerprint[0] = b
    return True


cdef size_t scan(const uint8_t* data, size_t count, uint32_t* fingerprint, const uint32_t* table) noexcept nogil:
    """What `scan_bytes` answers, sooner."""
    cdef size_t done = 0
    cdef size_t found
    while count - done >= BLOCK:
        if not pass_block(data + done, fingerprint, table):
            # the block holds a cut, so this returns within it
            return done + scan_bytes(data + done, BLOCK, fingerprint, table)
        done += BLOCK
    found = scan_bytes(data + done, count - done, fingerprint, table)
    return done + found


cdef class Cutter:
    """Finds the cuts of one stream of bytes, which may come in pieces of any size.

    The sizes (bytes) and the numbers of bits that must be zero are the format's unless a test says otherwise.
    One cutter is one stream: not for several threads at once. The interpreter's lock is not held while bytes are read.
    """

    cdef uint32_t[256] strict_table
    cdef uint32_t[256] loose_table
    cdef size_t minimum
    cdef size_t normal
    cdef size_t maximum
    cdef int loosening
    cdef size_t length
    cdef uint32_t fingerprint

    def __init__(
        self,
        size_t minimum=MINIMUM,
        size_t normal=NORMAL,
        size_t maximum=MAXIMUM,
        int strict_bits=STRICT_BITS,
        int loose_bits=LOOSE_BITS,
    ):
        if not minimum <= normal <= maximum or maximum == 0:
            raise ValueError("chunk sizes must be minimum <= normal <= maximum, and maximum above zero")
        if not 1 <= loose_bits <= strict_bits <= 32:
            raise ValueError("bits must be 1 <= loose <= strict <= 32")
        for value in range(256):
            self.strict_table[value] = (GEAR[value] << (32 - strict_bits)) & 0xFFFFFFFF
            self.loose_table[value] = (GEAR[value] << (32 - loose_bits)) & 0xFFFFFFFF
        self.minimum = minimum
        self.normal = normal
        self.maximum = maximum
        self.loosening = strict_bits - loose_bits
        self.length = 0
        self.fingerprint = 0

    @property
    def pending(self):
        """Bytes taken in since the last cut."""
        return self.length

    def next_cut(self, const uint8_t[::1] data not None, size_t start=0):
        """Take in ``data[start:]`` up to the next cut.

        Returns the offset in `data` just after the chunk's last byte, or -1 if all was taken in without a cut. After the
        last piece of a stream, the bytes still pending are its last chunk.
        """
        cdef size_t count = data.shape[0]
        cdef size_t taken
        if start > count:
            raise ValueError("start lies beyond the data")
        if start == count:
            return -1
        cdef const uint8_t* first = &data[start]
        cdef bint cut
        with nogil:
            cut = self.advance(first, count - start, &taken)
        return start + taken if cut else -1

    def cuts(self, const uint8_t[::1] data not None):
        """Take in all of `data`; the offsets in it just after each chunk that ended."""
        found = []
        cdef Py_ssize_t place = 0
        while True:
            place = self.next_cut(data, place)
            if place < 0:
                return found
            found.append(place)

    cdef bint advance(self, const uint8_t* data, size_t count, size_t* taken) noexcept nogil:
        """Whether a chunk ends in these bytes, and how many of them were taken in."""
        cdef size_t done = 0
        cdef size_t step
        cdef size_t found
        if self.length < self.minimum:
            step = min(self.minimum - self.length, count)
            self.length += step
            done = step
        if self.length < self.normal and done < count:
            step = min(self.normal - self.length, count - done)
            found = scan(data + done, step, &self.fingerprint, self.strict_table)
            if found < step:
                return self.end_chunk(done + found + 1, taken)
            self.length += step
            done += step
            if self.length == self.normal:
                self.fingerprint <<= self.loosening
        if self.length >= self.normal and self.length < self.maximum and done < count:
            step = min(self.maximum - self.length, count - done)
            found = scan(data + done, step, &self.fingerprint, self.loose_table)
            if found < step:
                return self.end_chunk(done + found + 1, taken)
            self.length += step
            done += step
        if self.length == self.maximum:
            return self.end_chunk(done, taken)
        taken[0] = done
        return False

    cdef bint end_chunk(self, size_t done, size_t* taken) noexcept nogil:
        taken[0] = done
        self.length = 0
        self.fingerprint = 0
        return True
