"""Exact k nearest neighbours by Hamming distance: all bits are counted, and only what is near enough is looked at.

**Order of work.** A group of codes is packed word by word, so that a register holds the same eight bytes of
neighbouring codes, and stays in the cache while all queries of the block go by, in tiles of four. A step through one
word is eight times xor, count, add for two loads of codes. A tile whose distances all reach the bounds of its queries
(the k-th smallest distance that each has so far) is passed over without a look at the single distances.

A few queries, or codes so long that a group of them is not for that cache, are compared pair by pair instead.

**Ties.** A candidate is one number, its distance above its index, so that the k smallest numbers are the answer, ties
and all. Codes go by in the order of their indices: one that equals the bound comes too late and stays out.

**Counting.** Below AVX-512's VPOPCNTQ, which x86-64-v4 does not include and which is asked for at run time, bits are
counted by look-up in a table of sixteen bytes (Muła, Kurz and Lemire 2018), in the plain x86-64 by adding up ever wider
fields. Intrinsics pay here: on a Zen 4, VPOPCNTQ takes a third of the time of the look-up, and that half of the time of
what GNU C's vectors alone can say.
"""

from libc.stddef cimport size_t
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from gilfree.cores.lanes cimport LANES_U64
from gilfree.cores.stop cimport NO_MEMORY, OK, Poll, advance, advance_each, poll_each

cdef extern from *:
    """
    #ifndef GILFREE_HAMMING
    #define GILFREE_HAMMING
    #include <string.h>
    #if defined(__GNUC__) && defined(__x86_64__)
        #include <immintrin.h>
    #endif

    static inline uint64_t gilfree_bits_of_word(uint64_t word) {
    #if defined(__POPCNT__) || defined(__aarch64__)
        return (uint64_t)__builtin_popcountll(word);
    #else
        word -= word >> 1 & 0x5555555555555555u;
        word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
        return ((word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u >> 56;
    #endif
    }

    #if defined(__GNUC__)
        typedef uint64_t gilfree_u64_anywhere __attribute__((vector_size(GILFREE_VECTOR_BYTES), aligned(1), may_alias));
        #define gilfree_load_anywhere(p) ((gilfree_u64)*(const gilfree_u64_anywhere *)(p))
        #define GILFREE_ALWAYS_INLINE static inline __attribute__((always_inline))
    #else
        #define gilfree_load_anywhere(p) gilfree_word_at(p)
        #define GILFREE_ALWAYS_INLINE static inline
    #endif

    static inline uint64_t gilfree_word_at(const uint8_t *bytes) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        return word;
    }

    /* The bits of each lane, counted. */
    static inline gilfree_u64 gilfree_bits(gilfree_u64 v) {
    #if defined(__GNUC__) && defined(__AVX512BW__)
        const __m512i low = _mm512_set1_epi8(15), x = (__m512i)v;
        const __m512i bits = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
        return (gilfree_u64)_mm512_sad_epu8(
            _mm512_add_epi8(
                _mm512_shuffle_epi8(bits, _mm512_and_si512(x, low)),
                _mm512_shuffle_epi8(bits, _mm512_and_si512(_mm512_srli_epi64(x, 4), low))),
            _mm512_setzero_si512());
    #elif defined(__GNUC__) && defined(__AVX2__)
        const __m256i low = _mm256_set1_epi8(15), x = (__m256i)v;
        const __m256i bits = _mm256_broadcastsi128_si256(
            _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
        return (gilfree_u64)_mm256_sad_epu8(
            _mm256_add_epi8(
                _mm256_shuffle_epi8(bits, _mm256_and_si256(x, low)),
                _mm256_shuffle_epi8(bits, _mm256_and_si256(_mm256_srli_epi64(x, 4), low))),
            _mm256_setzero_si256());
    #elif defined(__GNUC__) && defined(__aarch64__)
        for (int lane = 0; lane < GILFREE_LANES_U64; lane++) v[lane] = (uint64_t)__builtin_popcountll(v[lane]);
        return v;
    #else
        v -= v >> 1 & gilfree_splat_u64(0x5555555555555555u);
        v = (v & gilfree_splat_u64(0x3333333333333333u)) + (v >> 2 & gilfree_splat_u64(0x3333333333333333u));
        v = (v + (v >> 4)) & gilfree_splat_u64(0x0f0f0f0f0f0f0f0fu);
    #if defined(__GNUC__) && defined(__SSE2__)
        return (gilfree_u64)_mm_sad_epu8((__m128i)v, _mm_setzero_si128());
    #else
        v += v >> 8;
        v += v >> 16;
        return (v + (v >> 32)) & gilfree_splat_u64(0xff);
    #endif
    #endif
    }

    /* One bit for each lane that is below the bound; both are less than 2^63. */
    static inline uint64_t gilfree_lanes_below(gilfree_u64 v, int64_t bound) {
    #if defined(__GNUC__) && defined(__AVX512F__)
        return _mm512_cmplt_epi64_mask((__m512i)v, _mm512_set1_epi64(bound));
    #elif defined(__GNUC__) && defined(__AVX2__)
        return (uint64_t)_mm256_movemask_pd((__m256d)(v - gilfree_splat_u64(bound)));
    #elif defined(__GNUC__) && defined(__SSE2__)
        return (uint64_t)_mm_movemask_pd((__m128d)(v - gilfree_splat_u64(bound)));
    #else
        uint64_t mask = 0;
        for (int lane = 0; lane < GILFREE_LANES_U64; lane++)
            mask |= (uint64_t)((int64_t)gilfree_lane(v, lane) < bound) << lane;
        return mask;
    #endif
    }

    #define GILFREE_HAMMING_TILE 4
    #define GILFREE_HAMMING_GROUP (2 * GILFREE_LANES_U64)

    struct gilfree_hamming_hits {
        uint64_t mask;
        uint64_t distances[GILFREE_HAMMING_TILE * GILFREE_HAMMING_GROUP];
    };

    #if defined(__GNUC__) && defined(__AVX512BW__)
        #define GILFREE_HAMMING_DISPATCHED
        #define GILFREE_WITH_VPOPCNT __attribute__((target("avx512vpopcntdq")))
        GILFREE_WITH_VPOPCNT static inline gilfree_u64 gilfree_bits_vpopcnt(gilfree_u64 v) {
            return (gilfree_u64)_mm512_popcnt_epi64((__m512i)v);
        }
        #define gilfree_count(v) (vpopcnt ? gilfree_bits_vpopcnt(v) : gilfree_bits(v))
    #else
        #define gilfree_count(v) gilfree_bits(v)
    #endif

    GILFREE_ALWAYS_INLINE ptrdiff_t gilfree_hamming_next_by(
        int vpopcnt, const uint64_t *queries, const int64_t *bounds, ptrdiff_t tile, ptrdiff_t end,
        const uint64_t *group, ptrdiff_t words, struct gilfree_hamming_hits *hits
    ) {
        (void)vpopcnt;
        for (; tile < end; tile++) {
            gilfree_u64 a = gilfree_splat_u64(0), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
            const uint64_t *query = queries + tile * words * GILFREE_HAMMING_TILE;
            const int64_t *bound = bounds + tile * GILFREE_HAMMING_TILE;
            uint64_t mask;
            for (ptrdiff_t word = 0; word < words; word++) {
                const gilfree_u64 x = gilfree_load_u64(group + word * GILFREE_HAMMING_GROUP);
                const gilfree_u64 y = gilfree_load_u64(group + word * GILFREE_HAMMING_GROUP + GILFREE_LANES_U64);
                a += gilfree_count(x ^ gilfree_splat_u64(query[0]));
                e += gilfree_count(y ^ gilfree_splat_u64(query[0]));
                b += gilfree_count(x ^ gilfree_splat_u64(query[1]));
                f += gilfree_count(y ^ gilfree_splat_u64(query[1]));
                c += gilfree_count(x ^ gilfree_splat_u64(query[2]));
                g += gilfree_count(y ^ gilfree_splat_u64(query[2]));
                d += gilfree_count(x ^ gilfree_splat_u64(query[3]));
                h += gilfree_count(y ^ gilfree_splat_u64(query[3]));
                query += GILFREE_HAMMING_TILE;
            }
            mask = gilfree_lanes_below(a, bound[0]);
            mask |= gilfree_lanes_below(e, bound[0]) << GILFREE_LANES_U64;
            mask |= gilfree_lanes_below(b, bound[1]) << 2 * GILFREE_LANES_U64;
            mask |= gilfree_lanes_below(f, bound[1]) << 3 * GILFREE_LANES_U64;
            mask |= gilfree_lanes_below(c, bound[2]) << 4 * GILFREE_LANES_U64;
            mask |= gilfree_lanes_below(g, bound[2]) << 5 * GILFREE_LANES_U64;
            mask |= gilfree_lanes_below(d, bound[3]) << 6 * GILFREE_LANES_U64;
            mask |= gilfree_lanes_below(h, bound[3]) << 7 * GILFREE_LANES_U64;
            if (gilfree_rarely(mask != 0)) {
                const gilfree_u64 all[] = {a, e, b, f, c, g, d, h};
                memcpy(hits->distances, all, sizeof(all));
                hits->mask = mask;
                break;
            }
        }
        return tile;
    }

    GILFREE_ALWAYS_INLINE uint64_t gilfree_hamming_pair_by(
        int vpopcnt, const uint8_t *a, const uint8_t *b, ptrdiff_t bytes
    ) {
        gilfree_u64 x = gilfree_splat_u64(0), y = x;
        uint64_t total = 0, tail[2] = {0, 0};
        (void)vpopcnt;
        if (bytes >= 8 * (ptrdiff_t)sizeof(x)) {
            for (; bytes >= 2 * (ptrdiff_t)sizeof(x); bytes -= 2 * (ptrdiff_t)sizeof(x)) {
                x += gilfree_count(gilfree_load_anywhere(a) ^ gilfree_load_anywhere(b));
                y += gilfree_count(gilfree_load_anywhere(a + sizeof(x)) ^ gilfree_load_anywhere(b + sizeof(x)));
                a += 2 * sizeof(x);
                b += 2 * sizeof(x);
            }
            x += y;
            for (int lane = 0; lane < GILFREE_LANES_U64; lane++) total += gilfree_lane(x, lane);
        }
        for (; bytes >= 8; bytes -= 8, a += 8, b += 8)
            total += gilfree_bits_of_word(gilfree_word_at(a) ^ gilfree_word_at(b));
        if (bytes > 0) {
            memcpy(&tail[0], a, (size_t)bytes);
            memcpy(&tail[1], b, (size_t)bytes);
            total += gilfree_bits_of_word(tail[0] ^ tail[1]);
        }
        return total;
    }

    GILFREE_ALWAYS_INLINE ptrdiff_t gilfree_hamming_near_by_size(
        int vpopcnt, const uint8_t *query, const uint8_t *codes, ptrdiff_t bytes, ptrdiff_t code, ptrdiff_t end,
        int64_t bound, int64_t *distance
    ) {
        for (; code < end; code++) {
            *distance = (int64_t)gilfree_hamming_pair_by(vpopcnt, query, codes + code * bytes, bytes);
            if (gilfree_rarely(*distance < bound)) break;
        }
        return code;
    }

    GILFREE_ALWAYS_INLINE ptrdiff_t gilfree_hamming_near_by(
        int vpopcnt, const uint8_t *query, const uint8_t *codes, ptrdiff_t bytes, ptrdiff_t code, ptrdiff_t end,
        int64_t bound, int64_t *distance
    ) {
        if (bytes == 8) {
            const gilfree_u64 word = gilfree_splat_u64(gilfree_word_at(query));
            for (; code <= end - 4 * GILFREE_LANES_U64; code += 4 * GILFREE_LANES_U64) {
                const uint8_t *here = codes + 8 * code;
                const gilfree_u64 a = gilfree_count(word ^ gilfree_load_anywhere(here));
                const gilfree_u64 b = gilfree_count(word ^ gilfree_load_anywhere(here + sizeof(a)));
                const gilfree_u64 c = gilfree_count(word ^ gilfree_load_anywhere(here + 2 * sizeof(a)));
                const gilfree_u64 d = gilfree_count(word ^ gilfree_load_anywhere(here + 3 * sizeof(a)));
                if (gilfree_rarely(
                    (gilfree_lanes_below(a, bound) | gilfree_lanes_below(b, bound) | gilfree_lanes_below(c, bound)
                        | gilfree_lanes_below(d, bound)) != 0
                )) break;
            }
            return gilfree_hamming_near_by_size(vpopcnt, query, codes, 8, code, end, bound, distance);
        }
        /* With a size that the compiler knows, nothing is left of its loops. */
        if (bytes == 16) return gilfree_hamming_near_by_size(vpopcnt, query, codes, 16, code, end, bound, distance);
        if (bytes == 32) return gilfree_hamming_near_by_size(vpopcnt, query, codes, 32, code, end, bound, distance);
        if (bytes == 64) return gilfree_hamming_near_by_size(vpopcnt, query, codes, 64, code, end, bound, distance);
        return gilfree_hamming_near_by_size(vpopcnt, query, codes, bytes, code, end, bound, distance);
    }

    #if defined(GILFREE_HAMMING_DISPATCHED)
        GILFREE_WITH_VPOPCNT static ptrdiff_t gilfree_hamming_near_vpopcnt(
            const uint8_t *query, const uint8_t *codes, ptrdiff_t bytes, ptrdiff_t code, ptrdiff_t end, int64_t bound,
            int64_t *distance
        ) {
            return gilfree_hamming_near_by(1, query, codes, bytes, code, end, bound, distance);
        }
        GILFREE_WITH_VPOPCNT static ptrdiff_t gilfree_hamming_next_vpopcnt(
            const uint64_t *queries, const int64_t *bounds, ptrdiff_t tile, ptrdiff_t end, const uint64_t *group,
            ptrdiff_t words, struct gilfree_hamming_hits *hits
        ) {
            return gilfree_hamming_next_by(1, queries, bounds, tile, end, group, words, hits);
        }
        GILFREE_WITH_VPOPCNT static uint64_t gilfree_hamming_pair_vpopcnt(
            const uint8_t *a, const uint8_t *b, ptrdiff_t bytes
        ) {
            return gilfree_hamming_pair_by(1, a, b, bytes);
        }
        #define gilfree_has_vpopcnt() (__builtin_cpu_supports("avx512vpopcntdq") != 0)
    #endif

    static ptrdiff_t gilfree_hamming_next(
        const uint64_t *queries, const int64_t *bounds, ptrdiff_t tile, ptrdiff_t end, const uint64_t *group,
        ptrdiff_t words, struct gilfree_hamming_hits *hits
    ) {
    #if defined(GILFREE_HAMMING_DISPATCHED)
        if (gilfree_has_vpopcnt()) return gilfree_hamming_next_vpopcnt(queries, bounds, tile, end, group, words, hits);
    #endif
        return gilfree_hamming_next_by(0, queries, bounds, tile, end, group, words, hits);
    }

    static ptrdiff_t gilfree_hamming_near(
        const uint8_t *query, const uint8_t *codes, ptrdiff_t bytes, ptrdiff_t code, ptrdiff_t end, int64_t bound,
        int64_t *distance
    ) {
    #if defined(GILFREE_HAMMING_DISPATCHED)
        if (gilfree_has_vpopcnt())
            return gilfree_hamming_near_vpopcnt(query, codes, bytes, code, end, bound, distance);
    #endif
        return gilfree_hamming_near_by(0, query, codes, bytes, code, end, bound, distance);
    }

    static uint64_t gilfree_hamming_pair(const uint8_t *a, const uint8_t *b, ptrdiff_t bytes) {
    #if defined(GILFREE_HAMMING_DISPATCHED)
        if (gilfree_has_vpopcnt()) return gilfree_hamming_pair_vpopcnt(a, b, bytes);
    #endif
        return gilfree_hamming_pair_by(0, a, b, bytes);
    }

    #if defined(__GNUC__)
        #define gilfree_lowest_hit(mask) __builtin_ctzll(mask)
    #else
        static int gilfree_lowest_hit(uint64_t mask) {
            int bit = 0;
            while (!(mask >> bit & 1)) bit++;
            return bit;
        }
    #endif
    #endif
    """
    enum:
        TILE "GILFREE_HAMMING_TILE"  # queries compared together
        GROUP "GILFREE_HAMMING_GROUP"  # codes compared together
    ctypedef struct Hits "struct gilfree_hamming_hits":
        uint64_t mask  # one bit for each distance that is below its query's bound
        uint64_t distances[64]  # of each query in turn to the codes of a group
    # The first tile from `tile` on that has a hit, or `end`.
    Py_ssize_t next_hits "gilfree_hamming_next"(
        const uint64_t *queries, const int64_t *bounds, Py_ssize_t tile, Py_ssize_t end, const uint64_t *group,
        Py_ssize_t words, Hits *hits
    ) noexcept nogil
    # The first code from `code` on that is below the bound, or `end`.
    Py_ssize_t next_near "gilfree_hamming_near"(
        const uint8_t *query, const uint8_t *codes, Py_ssize_t bytes, Py_ssize_t code, Py_ssize_t end, int64_t bound,
        int64_t *distance
    ) noexcept nogil
    uint64_t pair_distance "gilfree_hamming_pair"(const uint8_t *a, const uint8_t *b, Py_ssize_t bytes) noexcept nogil
    int lowest_hit "gilfree_lowest_hit"(uint64_t mask) noexcept nogil  # of a mask that has one

cdef enum:
    MOST_PACKED_BYTES = 8192  # of a code: a group of them stays in a second-level cache
    MOST_TALLIED_BYTES = 1024  # of a code: beyond that, counters for all distances are larger than what they save
    SCRATCH_BYTES = 8 << 20  # for the queries worked on together
    QUERIES_AT_ONCE = 8  # where they are compared one by one
    RUN_BYTES = 1 << 14  # of codes, compared with each query in turn
    STRIDE = 1 << 16  # bytes between two looks at `stop`
    POLL_EVERY = 1 << 20  # bytes compared: 10 to 200 µs
    TELL_EVERY = 1 << 14  # pairs of codes


cdef struct Nearest:  # of one query, so far
    int64_t *found  # candidates, in the order of their codes
    uint32_t *tally  # how many have each distance; NULL where `found` is a heap of k, the worst on top
    Py_ssize_t count  # of the candidates
    Py_ssize_t nearer  # of those below the bound


cdef struct Search:
    Py_ssize_t k
    Py_ssize_t capacity  # of `found`
    int shift  # above which a candidate has its distance
    Poll *stop
    int64_t work
    Nearest *nearest  # for each query of the block
    int64_t *bounds  # of each query: what a code has to be below
    uint64_t *queries  # in tiles: the first word of four queries, the second, …
    uint64_t *group  # the first word of each code, the second, …


cdef inline int worked(Search *self, int64_t bytes) noexcept nogil:
    return poll_each(self.stop, &self.work, bytes, POLL_EVERY)


cdef inline void sift_down(int64_t *heap, Py_ssize_t size, Py_ssize_t hole, int64_t moved) noexcept nogil:
    """Puts `moved` into the heap, at the hole or below it."""
    cdef Py_ssize_t child
    while True:
        child = 2 * hole + 1
        if child >= size:
            break
        child += child + 1 < size and heap[child + 1] > heap[child]
        if heap[child] <= moved:
            break
        heap[hole] = heap[child]
        hole = child
    heap[hole] = moved


cdef inline int cut_back(Search *self, Nearest *nearest, int64_t bound) noexcept nogil:
    """Keeps the k best candidates, in their order: all that are below the bound, and the first that equal it."""
    cdef Py_ssize_t equals = self.k - nearest.nearer, place, kept = 0
    cdef int64_t candidate
    cdef int status
    for place in range(nearest.count):
        candidate = nearest.found[place]
        nearest.found[kept] = candidate
        if candidate >> self.shift < bound:
            kept += 1
        elif candidate >> self.shift == bound and equals > 0:
            equals -= 1
            kept += 1
        status = worked(self, 16)
        if status != OK:
            return status
    nearest.count = kept
    return OK


cdef inline int take_in(Search *self, Py_ssize_t query, int64_t distance, int64_t index) noexcept nogil:
    """Takes a code in whose distance is below the query's bound."""
    cdef Nearest *nearest = &self.nearest[query]
    cdef int64_t bound
    if nearest.tally == NULL:
        sift_down(nearest.found, self.k, 0, distance << self.shift | index)
        self.bounds[query] = nearest.found[0] >> self.shift
        return worked(self, 256)
    nearest.found[nearest.count] = distance << self.shift | index
    nearest.count += 1
    nearest.tally[distance] += 1
    nearest.nearer += 1
    if nearest.nearer >= self.k:
        bound = self.bounds[query]
        while nearest.nearer >= self.k:
            bound -= 1
            nearest.nearer -= nearest.tally[bound]
        self.bounds[query] = bound
    if nearest.count == self.capacity:
        return cut_back(self, nearest, self.bounds[query])
    return worked(self, 256)


cdef inline int begin_query(Search *self, Py_ssize_t query, Py_ssize_t bits) noexcept nogil:
    cdef Nearest *nearest = &self.nearest[query]
    cdef Py_ssize_t place
    cdef int status
    if nearest.tally != NULL:
        nearest.count = nearest.nearer = 0
        memset(nearest.tally, 0, (bits + 1) * sizeof(uint32_t))
        self.bounds[query] = bits + 1
        return worked(self, bits)
    for place in range(self.k):
        nearest.found[place] = INT64_MAX
        status = worked(self, 8)
        if status != OK:
            return status
    self.bounds[query] = <int64_t> INT64_MAX >> self.shift
    return OK


cdef inline int end_query(Search *self, Py_ssize_t query, int32_t *distances, int64_t *indices) noexcept nogil:
    """Writes the k nearest in their order."""
    cdef Nearest *nearest = &self.nearest[query]
    cdef int64_t index_mask = (<int64_t> 1 << self.shift) - 1, candidate, distance
    cdef Py_ssize_t place, rank
    cdef uint32_t start = 0, equal
    cdef int status
    if nearest.tally == NULL:
        rank = self.k
        while rank > 0:
            rank -= 1
            candidate = nearest.found[0]
            sift_down(nearest.found, rank, 0, nearest.found[rank])
            distances[rank] = <int32_t> (candidate >> self.shift)
            indices[rank] = candidate & index_mask
            status = worked(self, 1024)
            if status != OK:
                return status
        return OK

    status = cut_back(self, nearest, self.bounds[query])
    if status != OK:
        return status
    for distance in range(self.bounds[query] + 1):
        equal = nearest.tally[distance]
        nearest.tally[distance] = start  # from now on where the next one of this distance goes
        start += equal
    for place in range(nearest.count):
        candidate = nearest.found[place]
        distance = candidate >> self.shift
        rank = nearest.tally[distance]
        nearest.tally[distance] += 1
        distances[rank] = <int32_t> distance
        indices[rank] = candidate & index_mask
        status = worked(self, 32)
        if status != OK:
            return status
    return OK


cdef inline void pack_code(
    const uint8_t *code, Py_ssize_t bytes, uint64_t *target, Py_ssize_t stride
) noexcept nogil:
    """The words of a code, `stride` apart, the last one filled up with zeros."""
    cdef Py_ssize_t word
    for word in range(bytes // 8):
        memcpy(target + word * stride, code + 8 * word, 8)
    if bytes % 8:
        target[bytes // 8 * stride] = 0
        memcpy(target + bytes // 8 * stride, code + bytes // 8 * 8, bytes % 8)


cdef inline int search_in_tiles(
    Search *self, const uint8_t *queries, Py_ssize_t count, const uint8_t *codes, Py_ssize_t code_count,
    Py_ssize_t bytes,
) noexcept nogil:
    cdef Hits hits
    cdef Py_ssize_t words = (bytes + 7) // 8, tiles = (count + TILE - 1) // TILE
    cdef Py_ssize_t query, first = 0, present, place, tile, begun, end
    cdef int64_t tile_work = 8 * TILE * GROUP * (words + 2) // LANES_U64, untold = 0
    cdef Py_ssize_t run = max(1, POLL_EVERY // tile_work)  # tiles between two looks at `stop`
    cdef int hit, status

    for query in range(tiles * TILE):
        pack_code(
            queries + min(query, count - 1) * bytes, bytes, self.queries + query // TILE * TILE * words + query % TILE,
            TILE,
        )
        if query >= count:
            self.bounds[query] = 0  # there is no such query, and no code is nearer than that
        status = worked(self, 8 * bytes)
        if status != OK:
            return status

    while first < code_count:
        present = min(<Py_ssize_t> GROUP, code_count - first)
        if bytes == 8:
            memcpy(self.group, codes + first * 8, present * 8)
        else:
            for place in range(present):
                pack_code(codes + (first + place) * bytes, bytes, self.group + place, GROUP)
        status = worked(self, GROUP * words)
        if status != OK:
            return status
        tile = 0
        while tile < tiles:
            begun = tile
            end = min(tiles, tile + run)
            tile = next_hits(self.queries, self.bounds, tile, end, self.group, words, &hits)
            if tile < end:
                while hits.mask:
                    hit = lowest_hit(hits.mask)
                    hits.mask &= hits.mask - 1
                    query = tile * TILE + hit // GROUP
                    place = hit % GROUP
                    # The last group may lack codes; and the bound may just have come down.
                    if place < present and <int64_t> hits.distances[hit] < self.bounds[query]:
                        status = take_in(self, query, <int64_t> hits.distances[hit], first + place)
                        if status != OK:
                            return status
                tile += 1
            status = worked(self, (tile - begun) * tile_work)
            if status != OK:
                return status
        first += GROUP
        advance_each(self.stop, &untold, present * count, TELL_EVERY)
    advance(self.stop, untold)
    return OK


cdef inline int search_one_by_one(
    Search *self, const uint8_t *queries, Py_ssize_t count, const uint8_t *codes, Py_ssize_t code_count,
    Py_ssize_t bytes,
) noexcept nogil:
    cdef Py_ssize_t first = 0, run = max(1, RUN_BYTES // max(1, bytes)), query, code, begun, end
    cdef int64_t distance = 0, untold = 0
    cdef int status
    while first < code_count:
        end = min(code_count, first + run)
        for query in range(count):
            code = first
            while code < end:
                begun = code
                code = next_near(queries + query * bytes, codes, bytes, code, end, self.bounds[query], &distance)
                if code < end:
                    status = take_in(self, query, distance, code)
                    if status != OK:
                        return status
                    code += 1
                status = worked(self, (code - begun) * (bytes + 8))
                if status != OK:
                    return status
            advance_each(self.stop, &untold, end - first, TELL_EVERY)
        first = end
    advance(self.stop, untold)
    return OK


cdef inline int compare_pair(
    Search *self, const uint8_t *query, const uint8_t *code, Py_ssize_t bytes, int64_t *distance
) noexcept nogil:
    cdef Py_ssize_t part
    cdef int status
    distance[0] = 0
    while True:
        part = min(<Py_ssize_t> STRIDE, bytes)
        distance[0] += <int64_t> pair_distance(query, code, part)
        status = worked(self, 2 * part)
        bytes -= part
        if status != OK or bytes == 0:
            return status
        query += part
        code += part


cdef inline int search_long(
    Search *self, const uint8_t *queries, Py_ssize_t count, const uint8_t *codes, Py_ssize_t code_count,
    Py_ssize_t bytes,
) noexcept nogil:
    cdef Py_ssize_t query, code
    cdef int64_t distance
    cdef int status
    for code in range(code_count):
        for query in range(count):
            status = compare_pair(self, queries + query * bytes, codes + code * bytes, bytes, &distance)
            if status == OK and distance < self.bounds[query]:
                status = take_in(self, query, distance, code)
            if status != OK:
                return status
        advance(self.stop, count)
    return OK


cdef inline int search_all(
    Search *self, const uint8_t *queries, Py_ssize_t query_count, const uint8_t *codes, Py_ssize_t code_count,
    Py_ssize_t bytes, Py_ssize_t block, int32_t *distances, int64_t *indices,
) noexcept nogil:
    cdef Py_ssize_t first = 0, count, query
    cdef int status
    while first < query_count:
        count = min(block, query_count - first)
        for query in range(count):
            status = begin_query(self, query, 8 * bytes)
            if status != OK:
                return status
        if self.group != NULL:
            status = search_in_tiles(self, queries + first * bytes, count, codes, code_count, bytes)
        elif bytes <= MOST_PACKED_BYTES:
            status = search_one_by_one(self, queries + first * bytes, count, codes, code_count, bytes)
        else:
            status = search_long(self, queries + first * bytes, count, codes, code_count, bytes)
        if status != OK:
            return status
        for query in range(count):
            status = end_query(self, query, distances + (first + query) * self.k, indices + (first + query) * self.k)
            if status != OK:
                return status
        first += count
    return OK


cdef inline size_t aligned(size_t bytes) noexcept nogil:
    return (bytes + 63) // 64 * 64


cdef inline int hamming_neighbors(
    const uint8_t *queries, Py_ssize_t query_count, const uint8_t *codes, Py_ssize_t code_count, Py_ssize_t bytes,
    Py_ssize_t k, int32_t *distances, int64_t *indices, Poll *stop,
) noexcept nogil:
    """The k codes nearest to each query, for 1 ≤ k ≤ code_count and bytes < 2²⁸, nearest first."""
    cdef Search search
    cdef char *scratch
    cdef char *place
    cdef size_t words = <size_t> (bytes + 7) // 8, found_bytes, tally_bytes = 0, packed_bytes = 0, padded, total
    cdef Py_ssize_t block, query
    cdef bint packed = bytes <= MOST_PACKED_BYTES and query_count >= TILE
    cdef bint tallied = bytes <= MOST_TALLIED_BYTES and k < <int64_t> 1 << 31
    cdef int status

    memset(&search, 0, sizeof(Search))
    search.k = k
    search.stop = stop
    if bytes == 0:
        code_count = k  # all are equally near, and the first are the nearest
    while code_count > <int64_t> 1 << search.shift:
        search.shift += 1
    # No memory holds codes so large that candidates need more bits than they have, nor so many results.
    if <size_t> k > (<size_t> -1) // 64 or search.shift > 60 or 8 * bytes + 1 >= <int64_t> 1 << (62 - search.shift):
        return NO_MEMORY

    search.capacity = 2 * k + 16 if tallied else k
    found_bytes = aligned(<size_t> search.capacity * sizeof(int64_t))
    if tallied:
        tally_bytes = aligned((8 * <size_t> bytes + 1) * sizeof(uint32_t))
    if packed:
        packed_bytes = words * sizeof(uint64_t)
    block = <Py_ssize_t> (SCRATCH_BYTES // (found_bytes + tally_bytes + packed_bytes + sizeof(Nearest) + 8))
    block = max(<Py_ssize_t> 1, min(block, query_count))
    if not packed:
        block = min(block, <Py_ssize_t> QUERIES_AT_ONCE)
    elif TILE < block < query_count:
        block -= block % TILE
    padded = <size_t> ((block + TILE - 1) // TILE * TILE)
    total = (
        64 + aligned(GROUP * packed_bytes) + aligned(padded * packed_bytes) + aligned(padded * sizeof(int64_t))
        + aligned(<size_t> block * sizeof(Nearest))
    )
    if <size_t> block > ((<size_t> -1) // 2 - total) // (found_bytes + tally_bytes):
        return NO_MEMORY
    total += <size_t> block * (found_bytes + tally_bytes)
    scratch = <char *> malloc(total)
    if scratch == NULL:
        return NO_MEMORY
    place = scratch + (64 - <uintptr_t> scratch % 64) % 64
    if packed:
        search.group = <uint64_t *> place
        memset(place, 0, GROUP * packed_bytes)  # the last of the groups may not be filled
        place += aligned(GROUP * packed_bytes)
        search.queries = <uint64_t *> place
        place += aligned(padded * packed_bytes)
    search.bounds = <int64_t *> place
    place += aligned(padded * sizeof(int64_t))
    search.nearest = <Nearest *> place
    place += aligned(<size_t> block * sizeof(Nearest))
    for query in range(block):
        search.nearest[query].found = <int64_t *> place
        place += found_bytes
        search.nearest[query].tally = <uint32_t *> place if tallied else NULL
        place += tally_bytes

    status = search_all(
        &search, queries, query_count, codes, code_count, bytes, block, distances, indices
    )
    free(scratch)
    return status
