"""SIMD without intrinsics: as many numbers as one register of the level holds, used like one number.

The types are GNU C's vectors, so `+ - * & | ~` work lane by lane and compile to one instruction each. Cython takes
them for plain numbers, which has two consequences: a scalar becomes a vector by `splat`, never by assignment, and
comparisons go through the functions below, which give all bits set where true and none where false.

Compilers without GNU vectors (MSVC) get one lane, and the same code.
"""

from libc.stdint cimport int32_t, int64_t

cdef extern from *:
    """
    #ifndef GILFREE_LANES
    #define GILFREE_LANES
    #include <stddef.h>
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
        #define gilfree_splat_f64(x) ((x) - (gilfree_f64){0})
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
        #define GILFREE_LANES_F32 (GILFREE_VECTOR_BYTES / 4)
        typedef float gilfree_f32 __attribute__((vector_size(GILFREE_VECTOR_BYTES)));
        typedef int32_t gilfree_i32 __attribute__((vector_size(GILFREE_VECTOR_BYTES)));
        typedef float gilfree_f32_at __attribute__((vector_size(GILFREE_VECTOR_BYTES), aligned(4), may_alias));
        /* x - 0 is x for every x, so no addition is left of it, which 0 + x would leave for the sake of -0. */
        #define gilfree_splat_f32(x) ((x) - (gilfree_f32){0})
        #define gilfree_load_f32(p) ((gilfree_f32)*(const gilfree_f32_at *)(p))
        #define gilfree_store_f32(p, v) (*(gilfree_f32_at *)(p) = (v))
        #define gilfree_bits_f32(x) ((gilfree_i32)(x))
        #if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
            /* Compilers make one instruction of the loop. */
            static inline gilfree_f32 gilfree_multiply_add_f32(gilfree_f32 a, gilfree_f32 b, gilfree_f32 c) {
                gilfree_f32 sum;
                for (int lane = 0; lane < GILFREE_LANES_F32; lane++)
                    sum[lane] = __builtin_fmaf(a[lane], b[lane], c[lane]);
                return sum;
            }
        #else
            #define gilfree_multiply_add_f32(a, b, c) ((a) * (b) + (c))
        #endif
        static inline int gilfree_all_negative(gilfree_i32 x) {
            int32_t common = -1;
            for (int lane = 0; lane < GILFREE_LANES_F32; lane++) common &= x[lane];
            return common < 0;
        }
        typedef float gilfree_four __attribute__((vector_size(16), aligned(4), may_alias));
        typedef int32_t gilfree_order __attribute__((vector_size(16)));
        #if defined(__clang__)
            #define gilfree_pick(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
        #else
            #define gilfree_pick(a, b, i, j, k, l) __builtin_shuffle(a, b, (gilfree_order){i, j, k, l})
        #endif
        /* Four columns of four rows; rows and columns are so many floats apart. */
        static inline void gilfree_transpose4(const float *rows, ptrdiff_t row, float *columns, ptrdiff_t column) {
            typedef float four __attribute__((vector_size(16)));
            const four a = *(const gilfree_four *)rows, b = *(const gilfree_four *)(rows + row);
            const four c = *(const gilfree_four *)(rows + 2 * row), d = *(const gilfree_four *)(rows + 3 * row);
            const four ac = gilfree_pick(a, c, 0, 4, 1, 5), bd = gilfree_pick(b, d, 0, 4, 1, 5);
            const four ca = gilfree_pick(a, c, 2, 6, 3, 7), db = gilfree_pick(b, d, 2, 6, 3, 7);
            *(gilfree_four *)columns = gilfree_pick(ac, bd, 0, 4, 1, 5);
            *(gilfree_four *)(columns + column) = gilfree_pick(ac, bd, 2, 6, 3, 7);
            *(gilfree_four *)(columns + 2 * column) = gilfree_pick(ca, db, 0, 4, 1, 5);
            *(gilfree_four *)(columns + 3 * column) = gilfree_pick(ca, db, 2, 6, 3, 7);
        }
        /* The sum of each register's lanes. */
        static inline void gilfree_totals4(gilfree_f32 a, gilfree_f32 b, gilfree_f32 c, gilfree_f32 d, float *totals) {
            float lanes[4 * GILFREE_LANES_F32], rows[16], columns[16];
            gilfree_store_f32(lanes, a);
            gilfree_store_f32(lanes + GILFREE_LANES_F32, b);
            gilfree_store_f32(lanes + 2 * GILFREE_LANES_F32, c);
            gilfree_store_f32(lanes + 3 * GILFREE_LANES_F32, d);
            for (int row = 0; row < 4; row++) {
                gilfree_four sum = *(gilfree_four *)(lanes + row * GILFREE_LANES_F32);
                for (int next = 4; next < GILFREE_LANES_F32; next += 4)
                    sum += *(gilfree_four *)(lanes + row * GILFREE_LANES_F32 + next);
                *(gilfree_four *)(rows + 4 * row) = sum;
            }
            gilfree_transpose4(rows, 4, columns, 4);
            *(gilfree_four *)totals = (*(gilfree_four *)columns + *(gilfree_four *)(columns + 4))
                + (*(gilfree_four *)(columns + 8) + *(gilfree_four *)(columns + 12));
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
        #define GILFREE_LANES_F32 1
        typedef float gilfree_f32;
        typedef int32_t gilfree_i32;
        #define gilfree_splat_f32(x) (x)
        #define gilfree_load_f32(p) (*(p))
        #define gilfree_store_f32(p, v) (*(p) = (v))
        #define gilfree_bits_f32(x) (-(int32_t)((x) < 0))
        #define gilfree_multiply_add_f32(a, b, c) ((a) * (b) + (c))
        #define gilfree_all_negative(x) ((x) < 0)
        static inline void gilfree_transpose4(const float *rows, ptrdiff_t row, float *columns, ptrdiff_t column) {
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 4; j++) columns[j * column + i] = rows[i * row + j];
        }
        static inline void gilfree_totals4(float a, float b, float c, float d, float *totals) {
            totals[0] = a;
            totals[1] = b;
            totals[2] = c;
            totals[3] = d;
        }
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
    enum:
        LANES_F32 "GILFREE_LANES_F32"
    ctypedef float f32 "gilfree_f32"
    ctypedef int32_t i32 "gilfree_i32"
    f32 splat_f32 "gilfree_splat_f32"(float value) noexcept nogil
    f32 load_f32 "gilfree_load_f32"(const float *source) noexcept nogil
    void store_f32 "gilfree_store_f32"(float *target, f32 value) noexcept nogil
    # a·b + c, rounded once where the level has an instruction for it and twice elsewhere.
    f32 multiply_add_f32 "gilfree_multiply_add_f32"(f32 a, f32 b, f32 c) noexcept nogil
    # The bits as integers, which are negative where the sign is.
    i32 bits_f32 "gilfree_bits_f32"(f32 value) noexcept nogil
    bint all_negative "gilfree_all_negative"(i32 value) noexcept nogil
    # columns[j·column + i] = rows[i·row + j] for i and j below 4
    void transpose4 "gilfree_transpose4"(
        const float *rows, Py_ssize_t row, float *columns, Py_ssize_t column
    ) noexcept nogil
    void totals4 "gilfree_totals4"(f32 a, f32 b, f32 c, f32 d, float *totals) noexcept nogil
