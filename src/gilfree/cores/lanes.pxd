"""SIMD without intrinsics: as many numbers as one register of the level holds, used like one number.

The types are GNU C's vectors, so `+ - * & | ~` work lane by lane and compile to one instruction each. Cython takes
them for plain numbers, which has two consequences: a scalar becomes a vector by `splat`, never by assignment, and
comparisons go through the functions below, which give all bits set where true and none where false.

Compilers without GNU vectors (MSVC) get one lane, and the same code.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

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
        #define GILFREE_LANES_U8 GILFREE_VECTOR_BYTES
        #define GILFREE_LANES_U16 (GILFREE_VECTOR_BYTES / 2)
        #define GILFREE_LANES_U32 (GILFREE_VECTOR_BYTES / 4)
        #define GILFREE_LANES_U64 (GILFREE_VECTOR_BYTES / 8)
        typedef uint8_t gilfree_u8 __attribute__((vector_size(GILFREE_VECTOR_BYTES)));
        typedef uint16_t gilfree_u16 __attribute__((vector_size(GILFREE_VECTOR_BYTES)));
        typedef uint32_t gilfree_u32 __attribute__((vector_size(GILFREE_VECTOR_BYTES)));
        typedef uint64_t gilfree_u64 __attribute__((vector_size(GILFREE_VECTOR_BYTES)));
        typedef uint64_t gilfree_u64_at __attribute__((vector_size(GILFREE_VECTOR_BYTES), aligned(8), may_alias));
        #define gilfree_splat_u8(x) ((gilfree_u8){0} + (uint8_t)(x))
        #define gilfree_splat_u16(x) ((gilfree_u16){0} + (uint16_t)(x))
        #define gilfree_splat_u32(x) ((gilfree_u32){0} + (uint32_t)(x))
        #define gilfree_splat_u64(x) ((gilfree_u64){0} + (uint64_t)(x))
        #define gilfree_load_u64(p) ((gilfree_u64)*(const gilfree_u64_at *)(p))
        #define gilfree_lane(v, lane) ((v)[lane])
        #define gilfree_settle(p) __asm__ volatile("" : : "r"(p) : "memory")
        #define gilfree_add_to_lane(p, lane, x) ((*(p))[lane] += (x))
        static inline gilfree_u64 gilfree_shift_in(gilfree_u64 v, gilfree_u64 next) {
        #if GILFREE_LANES_U64 == 8
            enum { A = 1, B, C, D, E, F, G, H };
            #define GILFREE_SHIFTED A, B, C, D, E, F, G, H
        #elif GILFREE_LANES_U64 == 4
            enum { A = 1, B, C, D };
            #define GILFREE_SHIFTED A, B, C, D
        #else
            enum { A = 1, B };
            #define GILFREE_SHIFTED A, B
        #endif
        #if defined(__clang__)
            return __builtin_shufflevector(v, next, GILFREE_SHIFTED);
        #else
            return __builtin_shuffle(v, next, (gilfree_u64){GILFREE_SHIFTED});
        #endif
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
        #define GILFREE_LANES_U8 1
        #define GILFREE_LANES_U16 1
        #define GILFREE_LANES_U32 1
        #define GILFREE_LANES_U64 1
        typedef uint8_t gilfree_u8;
        typedef uint16_t gilfree_u16;
        typedef uint32_t gilfree_u32;
        typedef uint64_t gilfree_u64;
        #define gilfree_splat_u8(x) ((uint8_t)(x))
        #define gilfree_splat_u16(x) ((uint16_t)(x))
        #define gilfree_splat_u32(x) ((uint32_t)(x))
        #define gilfree_splat_u64(x) ((uint64_t)(x))
        #define gilfree_load_u64(p) (*(p))
        #define gilfree_lane(v, lane) (v)
        #define gilfree_settle(p) ((void)(p))
        #define gilfree_add_to_lane(p, lane, x) (*(p) += (x))
        #define gilfree_shift_in(v, next) (next)
    #endif
    #endif
    """
    enum:
        LANES_F64 "GILFREE_LANES_F64"
        LANES_U8 "GILFREE_LANES_U8"
        LANES_U16 "GILFREE_LANES_U16"
        LANES_U32 "GILFREE_LANES_U32"
        LANES_U64 "GILFREE_LANES_U64"
    ctypedef double f64 "gilfree_f64"
    ctypedef int64_t i64 "gilfree_i64"
    ctypedef uint8_t u8 "gilfree_u8"
    ctypedef uint16_t u16 "gilfree_u16"
    ctypedef uint32_t u32 "gilfree_u32"
    ctypedef uint64_t u64 "gilfree_u64"
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
    u8 splat_u8 "gilfree_splat_u8"(uint64_t value) noexcept nogil
    u16 splat_u16 "gilfree_splat_u16"(uint64_t value) noexcept nogil
    u32 splat_u32 "gilfree_splat_u32"(uint64_t value) noexcept nogil
    u64 splat_u64 "gilfree_splat_u64"(uint64_t value) noexcept nogil
    u64 load_u64 "gilfree_load_u64"(const uint64_t *source) noexcept nogil
    u64 shift_in "gilfree_shift_in"(u64 value, u64 next) noexcept nogil  # lanes 1 and up, then lane 0 of `next`
    # Has a vector computed and stored by now: clang may else compute each lane by itself where it is taken out.
    void settle "gilfree_settle"(void *vector) noexcept nogil
    uint8_t lane_u8 "gilfree_lane"(u8 value, int lane) noexcept nogil
    uint16_t lane_u16 "gilfree_lane"(u16 value, int lane) noexcept nogil
    uint32_t lane_u32 "gilfree_lane"(u32 value, int lane) noexcept nogil
    uint64_t lane_u64 "gilfree_lane"(u64 value, int lane) noexcept nogil
    void add_to_lane_u8 "gilfree_add_to_lane"(u8 *target, int lane, uint8_t value) noexcept nogil
    void add_to_lane_u16 "gilfree_add_to_lane"(u16 *target, int lane, uint16_t value) noexcept nogil
    void add_to_lane_u32 "gilfree_add_to_lane"(u32 *target, int lane, uint32_t value) noexcept nogil
    void add_to_lane_u64 "gilfree_add_to_lane"(u64 *target, int lane, uint64_t value) noexcept nogil
