/* Where CPython keeps what an observer wants to see.

These read the interpreter's own structures and change nothing. `gil.c` is the only file that knows their layout, which
differs between versions of Python. */

#ifndef GILFREE_GIL_H
#define GILFREE_GIL_H

#include <stddef.h>
#include <stdint.h>

/* Of one interpreter. */
struct gil {
    const volatile void *locked;      /* an int; NULL where this build does not tell */
    const volatile void *last_holder; /* a PyThreadState *, not cleared when the lock is let go */
};

struct gil gilfree_current_gil(void); /* of the calling thread's interpreter; it must be attached */
int gilfree_gil_is_free_threaded(void);

/* Whether this thread state holds the GIL or, in a free-threaded build, is attached; -1 if it is gone. Any thread may
ask about any other. */
int gilfree_is_attached(uintptr_t thread_state, const struct gil *gil);

/* Copies memory of this process, which may have been freed or unmapped meanwhile; returns whether all of it was there. */
int gilfree_copy(void *to, uintptr_t from, size_t size);

/* A thread that Python knows: one with a thread state. */
struct known_thread {
    uintptr_t thread_state;
    unsigned long native_id, ident;
};

/* Lists the threads of the calling thread's interpreter, which must be attached; in a free-threaded build it is detached
for a moment. Returns how many there are, and in `threads` what free() is to be called with. Each was alive, if not for
long, when it was listed. */
int gilfree_known_threads(struct known_thread **threads);

struct place {
    int line; /* 0 if unknown */
    char file[1024]; /* UTF-8 */
    char function[256];
};

/* Which line of Python a thread is running, seen from another thread and without the GIL: it may be elsewhere, or gone,
by the time this returns. Whoever calls makes sure that the answer still means something. Returns whether it was found. */
int gilfree_find_place(uintptr_t thread_state, struct place *place);

#endif
