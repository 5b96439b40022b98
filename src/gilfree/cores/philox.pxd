"""Random numbers that are a function of where they are used: Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011).

There is no state. A counter of four 32-bit words is scrambled under a key of two, so that whoever computes a number,
in whatever order, gets the same one. Each lane of a register has a counter of its own, one word in each of four
registers; the upper halves of these 64-bit lanes may hold anything.
"""

from libc.stdint cimport uint32_t, uint64_t

from gilfree.cores.lanes cimport splat_u64, u64

cdef extern from *:
    """
    #ifndef GILFREE_PHILOX
    #define GILFREE_PHILOX
    /* Processors multiply the lower halves of 64-bit lanes in one instruction. clang finds it by itself; gcc 12 makes
       several instructions of it, or a slow one, and a whole simulation takes 1.8 times as long on baseline and v3, and
       1.1 times on v4. */
    #if defined(__GNUC__) && defined(__SSE2__)
        #include <immintrin.h>
        #if GILFREE_VECTOR_BYTES == 64
            #define gilfree_multiply_u32(a, b) ((gilfree_u64)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
        #elif GILFREE_VECTOR_BYTES == 32
            #define gilfree_multiply_u32(a, b) ((gilfree_u64)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
        #else
            #define gilfree_multiply_u32(a, b) ((gilfree_u64)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
        #endif
    #else
        #define gilfree_multiply_u32(a, b) (((a) & 0xffffffff) * ((b) & 0xffffffff))
    #endif
    #endif
    """
    u64 multiply_u32 "gilfree_multiply_u32"(u64 a, u64 b) noexcept nogil  # of the lower halves; all 64 bits

cdef enum:
    ROUNDS = 10


cdef inline void expand_key(uint64_t key, u64 *keys) noexcept nogil:
    """Fills keys, 2 · ROUNDS of them, with what each round takes from this one."""
    cdef uint32_t low = <uint32_t> key, high = <uint32_t> (key >> 32)
    cdef int turn
    for turn in range(ROUNDS):
        keys[2 * turn] = splat_u64(low)
        keys[2 * turn + 1] = splat_u64(high)
        low += 0x9E3779B9U  # the golden ratio
        high += 0xBB67AE85U  # √3 − 1


cdef inline void philox(u64 a, u64 b, u64 c, u64 d, const u64 *keys, u64 *first, u64 *second) noexcept nogil:
    """128 bits for each counter (a, b, c, d), from the lowest word to the highest."""
    cdef u64 left, right
    cdef int turn
    for turn in range(ROUNDS):
        left = multiply_u32(a, splat_u64(0xD2511F53))
        right = multiply_u32(c, splat_u64(0xCD9E8D57))
        a = (right >> 32) ^ b ^ keys[2 * turn]
        b = right
        c = (left >> 32) ^ d ^ keys[2 * turn + 1]
        d = left
    first[0] = (a & splat_u64(0xffffffff)) | (b << 32)
    second[0] = (c & splat_u64(0xffffffff)) | (d << 32)
