"""Several calls that do one work together, in stages of which each has to be over before the next begins.

A stage is rows, and whoever takes part takes the next ones that nobody has taken. So a call that comes late has less to
do, and one that never comes is not missed: nobody waits for calls, only for rows that one which runs has taken. Whoever
does the last row of a stage closes it, which is what one alone can do, and begins the next.

The answer must not depend on who does which rows. What is written in a stage can be read by all in the next.
"""

from libc.stdint cimport int64_t

from gilfree.cores.stop cimport OK, Poll, poll

cdef extern from *:
    """
    #ifndef GILFREE_TEAM
    #define GILFREE_TEAM
    #if defined(_MSC_VER) && !defined(__clang__)
        #define WIN32_LEAN_AND_MEAN
        #include <windows.h>
        #define gilfree_acquire(p) ((int64_t)InterlockedCompareExchange64((volatile LONG64 *)(p), 0, 0))
        #define gilfree_release(p, v) ((void)InterlockedExchange64((volatile LONG64 *)(p), (v)))
        #define gilfree_take(p, v) ((int64_t)InterlockedExchangeAdd64((volatile LONG64 *)(p), (v)))
        #define gilfree_pause() YieldProcessor()
        #define gilfree_nap() ((void)SwitchToThread())
    #else
        #include <time.h>
        #define gilfree_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
        #define gilfree_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
        #define gilfree_take(p, v) __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)
        #if defined(__x86_64__) || defined(__i386__)
            #define gilfree_pause() __builtin_ia32_pause()
        #elif defined(__aarch64__)
            #define gilfree_pause() __asm__ volatile("isb" ::: "memory")
        #else
            #define gilfree_pause() __asm__ volatile("" ::: "memory")
        #endif
        static CYTHON_INLINE void gilfree_nap(void) {
            struct timespec moment = {0, 50000};  /* nanoseconds */
            (void)nanosleep(&moment, NULL);
        }
    #endif
    #endif
    """
    int64_t acquire "gilfree_acquire"(const int64_t *number) noexcept nogil
    void release "gilfree_release"(int64_t *number, int64_t value) noexcept nogil
    int64_t take_from "gilfree_take"(int64_t *number, int64_t more) noexcept nogil  # adds; what it was before
    void pause "gilfree_pause"() noexcept nogil  # tells the processor that this is a loop that waits
    void nap "gilfree_nap"() noexcept nogil  # leaves the CPU to others for a moment

cdef enum:
    ROW_BITS = 34  # of a ticket; rows are below 2**32, and the last takers go beyond by what they would have taken
    MOST_STAGES = 1 << 29
    TEAM_WORDS = 16  # in two cache lines
    PAUSES = 64  # between two polls
    PATIENCE = 32  # polls, some 100 µs: a thread that waits longer may keep the one that it waits for from running


# What the calls share, zeros at first: 16 numbers of 64 bits.
cdef struct Team:
    int64_t ticket  # the stage and, in the lower bits, the next row to take
    int64_t apart[7]
    int64_t done  # rows of the stage
    int64_t unused[7]


# What one of them has taken: `rows` from `first`, 0 rows when all stages are over.
cdef struct Turn:
    int64_t stage
    int64_t first
    int64_t rows


cdef inline int take_turn(
    Team *team, int64_t stages, int64_t rows, int64_t at_once, Turn *turn, Poll *stop
) noexcept nogil:
    """The next rows, so many at once or fewer, of the first stage that is not over; waits if others have taken all.

    There are some rows, and the same number in each stage.
    """
    cdef int64_t mask = (<int64_t> 1 << ROW_BITS) - 1, ticket = acquire(&team.ticket), waited = 0, seen
    cdef int status
    turn.rows = 0
    while 0 <= ticket >> ROW_BITS < stages:
        if ticket & mask < rows:
            # It may be of the next stage by now, which is as good.
            ticket = take_from(&team.ticket, at_once)
            turn.stage, turn.first = ticket >> ROW_BITS, ticket & mask
            if 0 <= turn.stage < stages and turn.first < rows:
                turn.rows = min(at_once, rows - turn.first)
                return OK
        seen = ticket
        for _ in range(PAUSES):
            pause()
            ticket = acquire(&team.ticket)
            if ticket != seen:
                break
        else:
            if waited > PATIENCE:
                nap()
            waited += 1
            status = poll(stop)
            if status != OK:
                return status
    return OK


cdef inline bint end_turn(Team *team, const Turn *turn, int64_t rows) noexcept nogil:
    """Tells the others that the rows of a turn are done; whether these were the last, so that the caller closes."""
    return take_from(&team.done, turn.rows) + turn.rows == rows


cdef inline void close_stage(Team *team, const Turn *turn) noexcept nogil:
    release(&team.done, 0)
    release(&team.ticket, (turn.stage + 1) << ROW_BITS)
