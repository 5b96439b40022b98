"""SIMD without intrinsics: as many numbers as one register of the level holds, used like one number.

The types are GNU C's vectors, so `+ - * & | ~` work lane by lane and compile to one instruction each. Cython takes
them for plain numbers, which has two consequences: a scalar becomes a vector by `splat`, never by assignment, and
comparisons go through the functions below, which give all bits set where true and none where false.

Compilers without GNU vectors (MSVC) get one lane, and the same code.
"""

from libc.stdint cimport int64_t

cdef extern from *:
    """
    #ifndef GILFREE_LANES
    #define GILFREE_LANES
    #include <stdint.h>
    #if defined(__GNUC__)
        #if defined(__AVX512F__)
            #define GILFREE_VECTOR_BYTES 64
        #elif defined(__AVX2__)
            #define GILFREE_VECTOR_BYTES 32
        #else
            #define GILFREE_VECTOR_BYTES 16
        #endif
        #define GILFREE_LANES_F64 (GILFREE_VECTOR_BYTES / 8)
        typedef double gilfree_f64 __attribute__((vector_size(GILFREE_VECTOR_BYTES)));
        typedef int64_t gilfree_i64 __attribute__((vector_size(GILFREE_VECTOR_BYTES)));
        /* The same, at any address. */
        typedef double gilfree_f64_at __attribute__((vector_size(GILFREE_VECTOR_BYTES), aligned(8), may_alias));
        typedef int64_t gilfree_i64_at __attribute__((vector_size(GILFREE_VECTOR_BYTES), aligned(8), may_alias));
        #define gilfree_splat_f64(x) ((gilfree_f64){0} + (x))
        #define gilfree_splat_i64(x) ((gilfree_i64){0} + (x))
        #define gilfree_at_most(a, b) ((gilfree_i64)((a) <= (b)))
        #define gilfree_same(a, b) ((gilfree_i64)((a) == (b)))
        #define gilfree_load_f64(p) ((gilfree_f64)*(const gilfree_f64_at *)(p))
        #define gilfree_store_i64(p, v) (*(gilfree_i64_at *)(p) = (v))
        static inline int gilfree_any(gilfree_i64 mask) {
            int64_t seen = 0;
            for (int lane = 0; lane < GILFREE_LANES_F64; lane++) seen |= mask[lane];
            return seen != 0;
        }
    #else
        #define GILFREE_LANES_F64 1
        typedef double gilfree_f64;
        typedef int64_t gilfree_i64;
        #define gilfree_splat_f64(x) (x)
        #define gilfree_splat_i64(x) (x)
        #define gilfree_at_most(a, b) (-(int64_t)((a) <= (b)))
        #define gilfree_same(a, b) (-(int64_t)((a) == (b)))
        #define gilfree_load_f64(p) (*(p))
        #define gilfree_store_i64(p, v) (*(p) = (v))
        #define gilfree_any(mask) ((mask) != 0)
    #endif
    #endif
    """
    enum:
        LANES_F64 "GILFREE_LANES_F64"
    ctypedef double f64 "gilfree_f64"
    ctypedef int64_t i64 "gilfree_i64"
    f64 splat_f64 "gilfree_splat_f64"(double value) noexcept nogil
    i64 splat_i64 "gilfree_splat_i64"(int64_t value) noexcept nogil
    f64 load_f64 "gilfree_load_f64"(const double *source) noexcept nogil
    void store_i64 "gilfree_store_i64"(int64_t *target, i64 value) noexcept nogil
    i64 at_most "gilfree_at_most"(f64 a, f64 b) noexcept nogil
    i64 same "gilfree_same"(f64 a, f64 b) noexcept nogil
    bint any_lane "gilfree_any"(i64 mask) noexcept nogil
