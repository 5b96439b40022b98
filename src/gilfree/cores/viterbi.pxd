"""The likeliest path through the states of a hidden Markov model (Viterbi 1967).

A step finds, for every state, the best of all states before it: an addition and a maximum for each pair, with
neighbouring states in the lanes of a register. Where the maxima came from is not recorded. What is kept of each step is
the scores, and the way back finds the one state that it needs from these by the very additions of the way there. So a
step costs half, and one of s² pairs on the way there faces one of s on the way back.

All is float64 whatever the dtypes: the scores of a long sequence are large, and float32 would round the differences
between paths away. Of equal scores the lower state's counts, for which its index decides and not the order of work.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from gilfree.cores.lanes cimport LANES_F64, at_most, f64, i64, load_f64, splat_f64, splat_i64, store_i64
from gilfree.cores.stop cimport (
    BAD_LOG_INITIAL,
    BAD_LOG_LIKELIHOOD,
    BAD_LOG_TRANSITION,
    NO_MEMORY,
    OK,
    Poll,
    advance,
    poll_each,
)

cdef extern from *:
    """
    #ifndef GILFREE_VITERBI
    #define GILFREE_VITERBI
    #if defined(__GNUC__)
        #define gilfree_store_f64(p, v) (*(gilfree_f64_at *)(p) = (v))
    #else
        #define gilfree_store_f64(p, v) (*(p) = (v))
    #endif
    /* What compilers make of the portable form is a comparison and a blend. The one instruction that means the same
       makes the kernel half as fast again. */
    #if defined(__GNUC__) && defined(__SSE2__)
        #include <immintrin.h>
        #if defined(__AVX512F__)
            #define gilfree_larger(a, b) ((gilfree_f64)_mm512_max_pd((__m512d)(a), (__m512d)(b)))
        #elif defined(__AVX2__)
            #define gilfree_larger(a, b) ((gilfree_f64)_mm256_max_pd((__m256d)(a), (__m256d)(b)))
        #else
            #define gilfree_larger(a, b) ((gilfree_f64)_mm_max_pd((__m128d)(a), (__m128d)(b)))
        #endif
    #elif defined(__GNUC__)
        static inline gilfree_f64 gilfree_larger(gilfree_f64 a, gilfree_f64 b) {
            gilfree_f64 larger;
            for (int lane = 0; lane < GILFREE_LANES_F64; lane++) larger[lane] = a[lane] > b[lane] ? a[lane] : b[lane];
            return larger;
        }
    #else
        #define gilfree_larger(a, b) ((a) > (b) ? (a) : (b))
    #endif
    #endif
    """
    void store_f64 "gilfree_store_f64"(double *target, f64 value) noexcept nogil
    f64 larger "gilfree_larger"(f64 a, f64 b) noexcept nogil  # a > b ? a : b in each lane

ctypedef fused number_t:
    float
    double

cdef enum:
    ALIGNMENT = 64
    TILE = 4  # registers of neighbouring states that are worked on together, to hide latency
    GROUP = 16  # steps between two polls, besides those within a step where there are many states
    POLL_EVERY = 400_000  # pairs of states: 50 to 200 µs


cdef struct Model:
    Py_ssize_t states
    Py_ssize_t width  # of the rows: `states`, rounded up to whole registers
    double *forward  # forward[i·width + j]: from state i to j
    double *backward  # backward[j·width + i]
    double *initial
    double *likelihood  # of one step
    double *scores  # scores[step·width + j]: of the best path to state j
    Py_ssize_t steps  # for which `scores` has room
    int64_t work
    void *of_model
    void *of_scores


cdef inline void *allocate(uint64_t rows, uint64_t width) noexcept nogil:
    """Memory for so many rows of float64, or NULL; `align` finds where in it they begin."""
    if width != 0 and rows > ((<uint64_t> 1 << 62) - ALIGNMENT) // sizeof(double) // width:
        return NULL
    return malloc(rows * width * sizeof(double) + ALIGNMENT)


cdef inline double *align(void *memory) noexcept nogil:
    return <double *> ((<uintptr_t> memory + ALIGNMENT - 1) & ~<uintptr_t> (ALIGNMENT - 1))


cdef inline bint widen(const number_t *source, Py_ssize_t count, Py_ssize_t width, double *target) noexcept nogil:
    """Copies a row and fills it up; whether all of its numbers are below infinity."""
    cdef Py_ssize_t index
    cdef bint sound = True
    for index in range(count):
        target[index] = source[index]
        sound &= target[index] < INFINITY
    for index in range(count, width):
        target[index] = -INFINITY
    return sound


cdef inline int set_up(
    Model *self, const number_t *initial, const number_t *transition, Poll *stop
) noexcept nogil:
    cdef Py_ssize_t states = self.states, width = self.width, i, j
    cdef int status

    self.of_model = allocate(2 * <uint64_t> states + 2, width)
    if self.of_model == NULL:
        return NO_MEMORY
    self.forward = align(self.of_model)
    self.backward = self.forward + states * width
    self.initial = self.backward + states * width
    self.likelihood = self.initial + width
    if not widen(initial, states, width, self.initial):
        return BAD_LOG_INITIAL
    for i in range(states):
        if not widen(transition + i * states, states, width, self.forward + i * width):
            return BAD_LOG_TRANSITION
        status = poll_each(stop, &self.work, width, POLL_EVERY)
        if status != OK:
            return status
    for j in range(states):
        for i in range(width):
            self.backward[j * width + i] = self.forward[i * width + j] if i < states else -INFINITY
        status = poll_each(stop, &self.work, 8 * width, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline void step_tile(const Model *self, const double *before, Py_ssize_t j, double *after) noexcept nogil:
    """The scores of TILE registers of states from j on."""
    cdef const double *row = self.forward + j
    cdef f64 source = splat_f64(before[0])
    cdef f64 a = source + load_f64(row)
    cdef f64 b = source + load_f64(row + LANES_F64)
    cdef f64 c = source + load_f64(row + 2 * LANES_F64)
    cdef f64 d = source + load_f64(row + 3 * LANES_F64)
    cdef Py_ssize_t i
    for i in range(1, self.states):
        row += self.width
        source = splat_f64(before[i])
        a = larger(source + load_f64(row), a)
        b = larger(source + load_f64(row + LANES_F64), b)
        c = larger(source + load_f64(row + 2 * LANES_F64), c)
        d = larger(source + load_f64(row + 3 * LANES_F64), d)
    store_f64(after + j, a + load_f64(self.likelihood + j))
    store_f64(after + j + LANES_F64, b + load_f64(self.likelihood + j + LANES_F64))
    store_f64(after + j + 2 * LANES_F64, c + load_f64(self.likelihood + j + 2 * LANES_F64))
    store_f64(after + j + 3 * LANES_F64, d + load_f64(self.likelihood + j + 3 * LANES_F64))


cdef inline void step_register(const Model *self, const double *before, Py_ssize_t j, double *after) noexcept nogil:
    """The scores of one register of states from j on: two maxima side by side."""
    cdef const double *row = self.forward + j
    cdef f64 even = splat_f64(before[0]) + load_f64(row)
    cdef f64 odd = even
    cdef Py_ssize_t i = 1
    while i + 1 < self.states:
        odd = larger(splat_f64(before[i]) + load_f64(row + self.width), odd)
        row += 2 * self.width
        even = larger(splat_f64(before[i + 1]) + load_f64(row), even)
        i += 2
    if i < self.states:
        odd = larger(splat_f64(before[i]) + load_f64(row + self.width), odd)
    store_f64(after + j, larger(odd, even) + load_f64(self.likelihood + j))


cdef inline int step(Model *self, const double *before, double *after, Poll *stop) noexcept nogil:
    """The scores after one more observation."""
    cdef Py_ssize_t j = 0
    cdef int status
    while j + TILE * LANES_F64 <= self.width:
        step_tile(self, before, j, after)
        j += TILE * LANES_F64
        status = poll_each(stop, &self.work, TILE * LANES_F64 * self.states, POLL_EVERY)
        if status != OK:
            return status
    while j < self.width:
        step_register(self, before, j, after)
        j += LANES_F64
    return OK


cdef inline int32_t best_before(const Model *self, const double *scores, const double *steps) noexcept nogil:
    """The lowest i with the largest scores[i] + steps[i]."""
    cdef double values[LANES_F64]
    cdef int64_t indices[LANES_F64]
    cdef f64 best = load_f64(scores) + load_f64(steps)
    cdef f64 candidate
    cdef i64 index = splat_i64(0), worse
    cdef Py_ssize_t i = LANES_F64
    cdef int lane, found = 0
    while i < self.width:
        candidate = load_f64(scores + i) + load_f64(steps + i)
        worse = at_most(candidate, best)
        index = (index & worse) | (splat_i64(i) & ~worse)
        best = larger(candidate, best)
        i += LANES_F64
    store_f64(values, best)
    store_i64(indices, index)
    for lane in range(LANES_F64):
        indices[lane] += lane
        if values[lane] > values[found] or (values[lane] == values[found] and indices[lane] < indices[found]):
            found = lane
    return <int32_t> indices[found]


cdef inline int decode(
    Model *self, const number_t *likelihood, Py_ssize_t steps, int32_t *path, double *probability, Poll *stop
) noexcept nogil:
    """One sequence of at least one step: its path, and the path's score."""
    cdef Py_ssize_t states = self.states, width = self.width, index, state
    cdef double *scores
    cdef int status

    status = poll_each(stop, &self.work, 8 * width, POLL_EVERY)
    if status != OK:
        return status
    if steps > self.steps:
        free(self.of_scores)
        self.steps = 0
        self.of_scores = allocate(steps, width)
        if self.of_scores == NULL:
            return NO_MEMORY
        self.steps = steps
        self.scores = align(self.of_scores)
    scores = self.scores

    if not widen(likelihood, states, width, self.likelihood):
        return BAD_LOG_LIKELIHOOD
    for state in range(width):
        scores[state] = self.initial[state] + self.likelihood[state]
    for index in range(1, steps):
        if not widen(likelihood + index * states, states, width, self.likelihood):
            return BAD_LOG_LIKELIHOOD
        status = step(self, scores, scores + width, stop)
        if status == OK and index % GROUP == 0:
            status = poll_each(stop, &self.work, GROUP * width * min(16 + states, <Py_ssize_t> 64), POLL_EVERY)
            advance(stop, GROUP)
        if status != OK:
            return status
        scores += width

    state = 0
    for index in range(1, states):
        if scores[index] > scores[state]:
            state = index
    probability[0] = scores[state]
    path[steps - 1] = <int32_t> state
    for index in range(steps - 2, -1, -1):
        scores -= width
        state = best_before(self, scores, self.backward + state * width)
        path[index] = <int32_t> state
        if index % GROUP == 0:
            status = poll_each(stop, &self.work, GROUP * 8 * width, POLL_EVERY)
            if status != OK:
                return status
    advance(stop, steps - (steps - 1) // GROUP * GROUP)
    return OK


cdef inline int decode_all(
    Model *self, const number_t *initial, const number_t *transition, const number_t *likelihood, Py_ssize_t steps,
    const uint8_t *last, int32_t *path, double *probabilities, Poll *stop,
) noexcept nogil:
    cdef Py_ssize_t first = 0, end
    cdef int status = set_up(self, initial, transition, stop)
    while status == OK and first < steps:
        end = first + 1
        while end < steps and last[end - 1] == 0 and status == OK:
            end += 1
            status = poll_each(stop, &self.work, 1, POLL_EVERY)
        if status == OK:
            status = decode(
                self, likelihood + first * self.states, end - first, path + first, &probabilities[end - 1], stop
            )
        first = end
    return status


cdef inline int viterbi(
    const void *initial, const void *transition, const void *likelihood, bint is_double, Py_ssize_t states,
    Py_ssize_t steps, const uint8_t *last, int32_t *path, double *probabilities, Poll *stop,
) noexcept nogil:
    """The paths of all sequences, and in probabilities[i], where step i is a sequence's last, that sequence's.

    `last` says which steps are, besides the very last. There is at least one state.
    """
    cdef Model model
    cdef int status
    memset(&model, 0, sizeof(model))
    model.states = states
    model.width = (states + LANES_F64 - 1) // LANES_F64 * LANES_F64
    if is_double:
        status = decode_all(
            &model, <const double *> initial, <const double *> transition, <const double *> likelihood, steps, last,
            path, probabilities, stop,
        )
    else:
        status = decode_all(
            &model, <const float *> initial, <const float *> transition, <const float *> likelihood, steps, last,
            path, probabilities, stop,
        )
    free(model.of_scores)
    free(model.of_model)
    return status
