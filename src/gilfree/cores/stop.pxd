"""What every core shares with its caller: how it ends, and how it is asked to end.

A core returns a status and never raises; `gilfree._kernels` turns the status into an exception. A core calls `poll` at
least once a millisecond and returns what `poll` returned as soon as that is not `OK`.
"""

from libc.stdint cimport int64_t

cdef extern from *:
    """
    #ifndef GILFREE_STOP
    #define GILFREE_STOP
    #if defined(_MSC_VER) && !defined(__clang__)
        /* Aligned int accesses are atomic on every target of MSVC; volatile keeps them from being merged. */
        #define gilfree_load(p) (*(const volatile int *)(p))
        #define gilfree_store(p, v) (*(volatile int *)(p) = (v))
        #define WIN32_LEAN_AND_MEAN
        #include <windows.h>
        static CYTHON_INLINE int gilfree_store_once(int *flag, int value) {
            int before = (int)InterlockedCompareExchange((volatile LONG *)flag, value, 0);
            return before ? before : value;
        }
        #define gilfree_add(p, v) ((int64_t)InterlockedExchangeAdd64((volatile LONG64 *)(p), (v)) + (v))
        static CYTHON_INLINE double gilfree_monotonic(void) {
            LARGE_INTEGER now, rate;
            QueryPerformanceFrequency(&rate);
            QueryPerformanceCounter(&now);
            return (double)now.QuadPart / (double)rate.QuadPart;
        }
    #else
        #define gilfree_load(p) __atomic_load_n((p), __ATOMIC_RELAXED)
        #define gilfree_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
        #define gilfree_add(p, v) __atomic_add_fetch((p), (v), __ATOMIC_RELAXED)
        #include <time.h>
        static CYTHON_INLINE int gilfree_store_once(int *flag, int value) {
            int before = 0;
            __atomic_compare_exchange_n(flag, &before, value, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
            return before ? before : value;
        }
        static CYTHON_INLINE double gilfree_monotonic(void) {
            struct timespec now;
            clock_gettime(CLOCK_MONOTONIC, &now);
            return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
        }
    #endif
    #if defined(__GNUC__)
        #define gilfree_rarely(condition) __builtin_expect((condition), 0)
    #else
        #define gilfree_rarely(condition) (condition)
    #endif
    #if defined(GILFREE_REPEATED_POLLS)
        /* A build to measure what polling costs: all of it is done so many times over. */
        __attribute__((visibility("default"))) volatile int gilfree_polls = 1;
        static CYTHON_INLINE int64_t gilfree_anew(int64_t value) {
            __asm__ volatile("" : "+r"(value));  /* could have changed, for all that the compiler knows */
            return value;
        }
    #else
        #define gilfree_polls 1
        #define gilfree_anew(value) (value)
    #endif
    #endif
    """
    int POLLS "gilfree_polls"  # times that a poll is made: once
    int64_t anew "gilfree_anew"(int64_t value) noexcept nogil  # the value
    bint rarely "gilfree_rarely"(bint condition) noexcept nogil  # moves what follows out of the way
    int load "gilfree_load"(const int *flag) noexcept nogil
    void store "gilfree_store"(int *flag, int value) noexcept nogil
    int store_once "gilfree_store_once"(int *flag, int value) noexcept nogil  # where it is still 0; what it is then
    int64_t add "gilfree_add"(int64_t *number, int64_t more) noexcept nogil  # in one piece; what it is then
    double monotonic "gilfree_monotonic"() noexcept nogil

cdef enum:
    OK = 0
    CANCELLED = 1  # the flag was set
    INTERRUPTED = 2  # a signal handler raised; the exception is already set
    NO_MEMORY = 3
    QUERIES_NOT_FINITE = 4
    POINTS_NOT_FINITE = 5
    BAD_NODE = 6
    BAD_OFFSETS = 7
    BAD_SOURCE = 8
    NEGATIVE_WEIGHT = 9
    CHANGED = 10  # another thread wrote to an argument, and the search would not have ended
    TIMED_OUT = 12  # the deadline passed
    BAD_AUTOMATON = 40
    TOO_MANY_STATES = 41
    TOO_MANY_SYMBOLS = 42
    BAD_OPTIONS = 43
    BAD_SUBTREE = 44
    BAD_COLUMN = 20
    BAD_ROW_OFFSETS = 21
    BAD_LOG_INITIAL = 22
    BAD_LOG_TRANSITION = 23
    BAD_LOG_LIKELIHOOD = 24
    BAD_TIMES = 25
    BAD_VALUES = 26
    BAD_ERRORS = 27
    BAD_FREQUENCIES = 28
    PHASES_TOO_LARGE = 29
    POSITIONS_NOT_FINITE = 50
    MASSES_NOT_FINITE = 51
    BODIES_COINCIDE = 52
    BAD_FACE = 53
    FACES_CHANGED = 54
    BAD_NEIGHBORS = 55

cdef struct Poll:
    const int *flag  # set by other threads, to CANCELLED or TIMED_OUT; NULL where nobody can
    int (*look)(Poll *) noexcept nogil  # sees to the deadline and to signals; NULL where there is neither
    double next_look  # when, on the monotonic clock
    double deadline  # on that clock too; infinite where there is none
    bint signals  # whether this is the main thread, on which alone Python runs signal handlers
    void *thread  # what `look` needs to attach, or NULL where the GIL is held throughout
    int64_t *progress  # what `advance` adds to, as do the other calls that share in the work; NULL where nobody watches


cdef inline int stopped_by(int flag) noexcept nogil:
    """The status that a flag stands for: whatever else is written to it, to be stopped is what was meant."""
    return flag if flag == OK or flag == TIMED_OUT else CANCELLED


cdef inline int poll(Poll *self) noexcept nogil:
    """Whether to go on: OK, CANCELLED, TIMED_OUT or INTERRUPTED.

    A few nanoseconds; some 30 on the main thread, or with a deadline.
    """
    for _ in range(POLLS):
        if self.flag != NULL and rarely(load(self.flag)):
            return stopped_by(load(self.flag))
        if self.look != NULL and rarely(monotonic() >= self.next_look):
            return self.look(self)
    return OK


cdef inline int poll_each(Poll *self, int64_t *work, int64_t done, int64_t limit) noexcept nogil:
    """Adds `done` to `work`, in units of the core's own, and polls each time that `limit` have come together."""
    cdef int64_t most = limit * POLLS
    for _ in range(POLLS):
        work[0] += done
        if rarely(anew(work[0]) >= most):
            work[0] = 0
            return poll(self)
    return OK


cdef inline void advance(Poll *self, int64_t done) noexcept nogil:
    """Tells whoever watches that so much more is done, in the unit in which the face says how much there is.

    Less than a nanosecond where nobody does. Else some ten, or a hundred where threads meet, and so it is for parts of
    the work that take a microsecond or more.
    """
    if rarely(self.progress != NULL):
        add(self.progress, done)


cdef inline void advance_each(Poll *self, int64_t *untold, int64_t done, int64_t limit) noexcept nogil:
    """Adds `done` to `untold`, for parts that take less, and tells each time that `limit` have come together."""
    untold[0] += done
    if rarely(untold[0] >= limit):
        advance(self, untold[0])
        untold[0] = 0
