/* What this processor can do at most, one probe for each kind of work. Each returns how many of its operations are done
in a second: the best of many short runs, since whatever else goes on in the machine only ever slows a run down.

Vectors are GNU C's, as wide as the registers of the processor that it is compiled for. */

#define _POSIX_C_SOURCE 200809L
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#if defined(__AVX512VPOPCNTDQ__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define WIDTH 64
#elif defined(__AVX__)
#define WIDTH 32
#else
#define WIDTH 16
#endif
#define LEAST_RUN 0.001 /* seconds: far more than reading the clock takes */
#define INSIDE 1024     /* doubles: what surely stays in the innermost cache */
#define LINE 64
#define TABLE 4096 /* entries of four bytes */

typedef double f64 __attribute__((vector_size(WIDTH)));
typedef float f32 __attribute__((vector_size(WIDTH)));
typedef uint64_t u64 __attribute__((vector_size(WIDTH)));
typedef int64_t i64 __attribute__((vector_size(WIDTH)));

#define LANES_F64 (WIDTH / 8)
#define LANES_F32 (WIDTH / 4)

/* So many chains as hide the latency of every operation, and few enough for sixteen registers. */
#define CHAINS 12
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

/* The compiler knows nothing of what is in these, and has to believe that somebody looks. */
static volatile double one = 1.0, tiny = 1e-9;
static volatile uint64_t bits = 0x9E3779B97F4A7C15u;
static volatile double seen;
static volatile uint64_t counted;

typedef struct {
    unsigned char *memory;
    size_t size;
} Arena;

/* Does its operations so many times over; returns how many these were. */
typedef double (*Run)(const Arena *arena, long repeats);

static double fused64(const Arena *arena, long repeats) {
    f64 factor = {0}, term = {0}, sum;
    (void)arena;
    factor += one - tiny;
    term += tiny;
#define DO(k) f64 chain##k = term * (double)k;
    EACH(DO)
#undef DO
    for (long i = 0; i < repeats; i++) {
#define DO(k) chain##k = chain##k * factor + term;
        EACH(DO)
#undef DO
    }
    sum = term;
#define DO(k) sum += chain##k;
    EACH(DO)
#undef DO
    seen = sum[0];
    return 2.0 * CHAINS * LANES_F64 * repeats;
}

static double fused32(const Arena *arena, long repeats) {
    f32 factor = {0}, term = {0}, sum;
    (void)arena;
    factor += (float)(one - 1e-6);
    term += (float)tiny;
#define DO(k) f32 chain##k = term * (float)k;
    EACH(DO)
#undef DO
    for (long i = 0; i < repeats; i++) {
#define DO(k) chain##k = chain##k * factor + term;
        EACH(DO)
#undef DO
    }
    sum = term;
#define DO(k) sum += chain##k;
    EACH(DO)
#undef DO
    seen = sum[0];
    return 2.0 * CHAINS * LANES_F32 * repeats;
}

/* Additions and multiplications apart, in equal numbers: some processors have units for each. */
static double unfused64(const Arena *arena, long repeats) {
    f64 factor = {0}, term = {0}, sum;
    (void)arena;
    factor += one - tiny;
    term += tiny;
#define DO(k) f64 chain##k = factor + term * (double)k;
    EACH(DO)
#undef DO
    for (long i = 0; i < repeats; i++) {
#define DO(k) chain##k = k % 2 ? chain##k * factor : chain##k + term;
        EACH(DO)
#undef DO
    }
    sum = term;
#define DO(k) sum += chain##k;
    EACH(DO)
#undef DO
    seen = sum[0];
    return (double)CHAINS * LANES_F64 * repeats;
}

static double integers(const Arena *arena, long repeats) {
    u64 term = {0}, mask = {0}, sum;
    (void)arena;
    term += bits;
    mask += ~bits;
#define DO(k) u64 chain##k = term * (uint64_t)(k + 1);
    EACH(DO)
#undef DO
    for (long i = 0; i < repeats; i++) {
#define DO(k) chain##k = (chain##k + term) ^ mask;
        EACH(DO)
#undef DO
    }
    sum = term;
#define DO(k) sum += chain##k;
    EACH(DO)
#undef DO
    counted = sum[0];
    return 2.0 * CHAINS * LANES_F64 * repeats;
}

static double roots(const Arena *arena, long repeats) {
    const double *restrict from = (const double *)arena->memory;
    double *restrict to = (double *)arena->memory + INSIDE;
    for (long i = 0; i < repeats; i++) {
        for (long j = 0; j < INSIDE; j++)
            to[j] = 1.0 / __builtin_sqrt(from[j]);
        __asm__ volatile("" ::: "memory");
    }
    return (double)INSIDE * repeats;
}

/* exp(x) = 2^n exp(r) with |r| ≤ ln 2 / 2, where Taylor's polynomial of degree 11 is good for 14 digits. */
static double exponentials(const Arena *arena, long repeats) {
    static const double coefficients[] = {1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
                                          1.0 / 720,      1.0 / 120,     1.0 / 24,     1.0 / 6,     0.5,
                                          1.0,            1.0};
    const double shift = 6755399441055744.0; /* 1.5 · 2^52: adding it rounds to an integer, which is then in the bits */
    const f64 *restrict from = (const f64 *)arena->memory;
    f64 *restrict to = (f64 *)((double *)arena->memory + INSIDE);
    for (long i = 0; i < repeats; i++) {
        for (long j = 0; j < INSIDE / LANES_F64; j++) {
            f64 shifted = from[j] * 1.4426950408889634 + shift;
            f64 rest = from[j] - (shifted - shift) * 0.6931471805599453;
            f64 sum = rest * coefficients[0] + coefficients[1];
            for (int k = 2; k < 12; k++)
                sum = sum * rest + coefficients[k];
            to[j] = (f64)((i64)sum + ((i64)shifted << 52));
        }
        __asm__ volatile("" ::: "memory");
    }
    return (double)INSIDE * repeats;
}

static double ones(const Arena *arena, long repeats) {
    uint64_t total = 0;
    for (long i = 0; i < repeats; i++) {
#if defined(__AVX512VPOPCNTDQ__)
        const __m512i *words = (const __m512i *)arena->memory;
        __m512i other = _mm512_set1_epi64((long long)bits), sums[4] = {other, other, other, other};
        for (long j = 0; j < INSIDE / 8; j += 4)
            for (long k = 0; k < 4; k++)
                sums[k] = _mm512_add_epi64(sums[k], _mm512_popcnt_epi64(_mm512_xor_si512(words[j + k], other)));
        total += (uint64_t)_mm512_reduce_add_epi64(sums[0] + sums[1] + sums[2] + sums[3]);
#else
        const uint64_t *words = (const uint64_t *)arena->memory;
        uint64_t other = bits;
        for (long j = 0; j < INSIDE; j++)
            total += (uint64_t)__builtin_popcountll(words[j] ^ other);
#endif
    }
    counted = total;
    return 8.0 * INSIDE * repeats;
}

#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("no-tree-vectorize")))
#endif
static double lookups(const Arena *arena, long repeats) {
    const uint32_t *table = (const uint32_t *)arena->memory;
    const uint16_t *places = (const uint16_t *)(arena->memory + TABLE * sizeof *table);
    uint32_t a = 0, b = 0, c = 0, d = 0;
    for (long i = 0; i < repeats; i++) {
#if defined(__clang__)
#pragma clang loop vectorize(disable)
#endif
        for (long j = 0; j < INSIDE; j += 4) {
            a += table[places[j]];
            b += table[places[j + 1]];
            c += table[places[j + 2]];
            d += table[places[j + 3]];
        }
        __asm__ volatile("" ::: "memory");
    }
    counted = a + b + c + d;
    return (double)INSIDE * repeats;
}

static double reads(const Arena *arena, long repeats) {
    const u64 *words = (const u64 *)arena->memory;
    size_t count = arena->size / WIDTH / 8 * 8;
    u64 sums[8] = {{0}};
    for (long i = 0; i < repeats; i++) {
        for (size_t j = 0; j < count; j += 8)
            for (int k = 0; k < 8; k++)
                sums[k] += words[j + k];
        __asm__ volatile("" ::: "memory");
    }
    for (int k = 0; k < 8; k++)
        counted = sums[k][0];
    return (double)WIDTH * count * repeats;
}

/* a = b + s·c, counted as McCalpin's STREAM does: eight bytes for each element of the three arrays. */
static double triads(const Arena *arena, long repeats) {
    size_t count = arena->size / 3 / WIDTH;
    f64 *restrict a = (f64 *)arena->memory;
    const f64 *restrict b = a + count, *restrict c = b + count;
    double factor = tiny;
    for (long i = 0; i < repeats; i++) {
        for (size_t j = 0; j < count; j++)
            a[j] = b[j] + c[j] * factor;
        __asm__ volatile("" ::: "memory");
    }
    return 3.0 * WIDTH * count * repeats;
}

/* A walk from line to line, each of which says where the next one is. */
static double steps(const Arena *arena, long repeats) {
    void **place = *(void ***)arena->memory;
    for (long i = 0; i < repeats * INSIDE; i++)
        place = (void **)*place;
    *(void ***)arena->memory = place;
    counted = (uint64_t)(uintptr_t)place;
    return (double)INSIDE * repeats;
}

static void fill_numbers(const Arena *arena) {
    double *numbers = (double *)arena->memory;
    for (size_t i = 0; i < arena->size / sizeof *numbers; i++)
        numbers[i] = 1.0 + (double)(i % 97) / 97;
}

static uint64_t draw(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void fill_table(const Arena *arena) {
    uint64_t state = 1;
    for (size_t i = 0; i < arena->size / sizeof(uint16_t); i++)
        ((uint16_t *)arena->memory)[i] = (uint16_t)(draw(&state) % TABLE);
}

/* One cycle through all lines but the first, at random (Sattolo 1986); the first says where to begin. */
static void fill_chain(const Arena *arena) {
    size_t count = arena->size / LINE - 1;
    unsigned char *lines = arena->memory + LINE;
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++)
        *(size_t *)(lines + i * LINE) = i;
    for (size_t i = count - 1; i > 0; i--) {
        size_t other = draw(&state) % i, swapped = *(size_t *)(lines + i * LINE);
        *(size_t *)(lines + i * LINE) = *(size_t *)(lines + other * LINE);
        *(size_t *)(lines + other * LINE) = swapped;
    }
    for (size_t i = 0; i < count; i++)
        *(void **)(lines + i * LINE) = lines + *(size_t *)(lines + i * LINE) * LINE;
    *(void **)arena->memory = lines;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* (bytes, seconds): runs for so long on so many bytes, if the probe is about memory. */
static PyObject *best(PyObject *args, Run run, void (*fill)(const Arena *), int in_memory) {
    Py_ssize_t size;
    double seconds, rate = 0;
    long repeats = 1;
    if (!PyArg_ParseTuple(args, "nd", &size, &seconds))
        return NULL;
    if (!in_memory || size < 4096)
        size = in_memory ? 4096 : 32768;
    Arena arena = {NULL, (size_t)size};
    if (posix_memalign((void **)&arena.memory, 4096, arena.size) != 0)
        return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    fill(&arena);
    double end = now() + seconds, start, took;
    do {
        start = now();
        double done = run(&arena, repeats);
        took = now() - start;
        if (took < LEAST_RUN)
            repeats *= 2;
        else if (done / took > rate)
            rate = done / took;
    } while (took < LEAST_RUN || now() < end);
    Py_END_ALLOW_THREADS
    free(arena.memory);
    return PyFloat_FromDouble(rate);
}

#define PROBE(name, fill, in_memory)                                                                                  \
    static PyObject *probe_##name(PyObject *module, PyObject *args) {                                                 \
        (void)module;                                                                                                 \
        return best(args, name, fill, in_memory);                                                                     \
    }
PROBE(fused64, fill_numbers, 0)
PROBE(fused32, fill_numbers, 0)
PROBE(unfused64, fill_numbers, 0)
PROBE(integers, fill_numbers, 0)
PROBE(roots, fill_numbers, 0)
PROBE(exponentials, fill_numbers, 0)
PROBE(ones, fill_numbers, 0)
PROBE(lookups, fill_table, 0)
PROBE(reads, fill_numbers, 1)
PROBE(triads, fill_numbers, 1)
PROBE(steps, fill_chain, 1)

#define METHOD(name) {#name, probe_##name, METH_VARARGS, NULL}
static PyMethodDef methods[] = {METHOD(fused64), METHOD(fused32), METHOD(unfused64),    METHOD(integers),
                                METHOD(roots),   METHOD(ones),    METHOD(exponentials), METHOD(lookups),
                                METHOD(reads),   METHOD(triads),  METHOD(steps),        {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "limits", NULL, 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_limits(void) {
    return PyModuleDef_Init(&definition);
}
