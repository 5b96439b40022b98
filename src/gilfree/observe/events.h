/* The observer's two ways of seeing: exact events, and samples.

Exact events. Whenever CPython lets the GIL go it signals one condition variable, whenever it takes it, another; and who
waits for it waits on the first. All three go through pthread functions that the object with CPython in it imports, so
that replacing these imports shows every event, wherever in the process it comes from. Each happens while the GIL's own
mutex is held and in the thread that acts.

Samples. A native thread without a thread state, which hence never takes the GIL, looks every so often who holds it or, in
a free-threaded build, which threads are attached. Where events are exact the same thread looks now and then which line
of Python a long hold is spent on. */

#ifndef GILFREE_EVENTS_H
#define GILFREE_EVENTS_H

#include <Python.h>

#include "records.h"
#include "slots.h"

enum mechanism { NONE, EXACT, SAMPLED, ATTACHED };

enum { MOST_GILS = 64, SHORTEST_LOOK = 500000, LONGEST_SLEEP = 25000000 };

static struct {
    gilfree_flag mechanism; /* an enum mechanism: of those now observing */
    int observers;
    int expects_forks; /* whether a forked child will forget the threads it does not have */
    gilfree_flag watching; /* whether events are accounted for */

    /* the sampler, a native thread */
    gilfree_flag sampling; /* whether it shall go on */
    gilfree_flag sampler_runs;
    int64_t period;
    struct gil gil; /* whose holder is sampled; changes only while no sampler runs */
} gilfree_observer;

static gilfree_thread_local struct record *gilfree_own_record;

static unsigned long gilfree_native_id(void);

#if GILFREE_HAS_SLOTS

#include <dlfcn.h>
#include <pthread.h>
#include <sys/syscall.h>

typedef int (*gilfree_signal_function)(pthread_cond_t *);
typedef int (*gilfree_wait_function)(pthread_cond_t *, pthread_mutex_t *);
typedef int (*gilfree_timedwait_function)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

/* What the events of one interpreter's GIL look like. */
struct gil_events {
    pthread_cond_t *released, *taken;
    struct record *holder;
};

enum { SIGNAL, WAIT, TIMEDWAIT, FUNCTIONS };

static struct {
    struct object object;
    struct slots slots[FUNCTIONS];
    void *before[FUNCTIONS]; /* what the slots held, and calls go on to */
    int covered; /* whether another tool has replaced us in a slot: it calls on to us, and we must not call on to it */
    int found; /* whether the slots were looked for: 1 found, -1 there are none */
    struct gil_events gils[MOST_GILS];
    int gil_count;
    pthread_key_t at_end_of_thread;
    gilfree_flag has_key; /* whether that is one */

    gilfree_flag learning;
    pthread_t learner;
    pthread_cond_t *first, *last; /* that the learner signalled */
} gilfree_hook = {
    .slots = {{.name = "pthread_cond_signal"}, {.name = "pthread_cond_wait"}, {.name = "pthread_cond_timedwait"}},
};

static unsigned long gilfree_native_id(void) {
    return (unsigned long)syscall(SYS_gettid);
}

/* Has the end of the calling thread end this record, or none. Where the slots were not looked for or not found there is
no key of ours, and the number that stands for none is that of a key of somebody else's: of Python's own, for one. */
static void gilfree_at_end_of_thread(struct record *self) {
    if (gilfree_load(&gilfree_hook.has_key))
        pthread_setspecific(gilfree_hook.at_end_of_thread, self);
}

/* The calling thread's record. */
static struct record *gilfree_me(int64_t now, enum state state) {
    struct record *self = gilfree_own_record;
    if (self == NULL) {
        self = gilfree_record(gilfree_native_id(), (unsigned long)pthread_self(), now, state, 1);
        gilfree_own_record = self;
        if (self != NULL)
            gilfree_at_end_of_thread(self);
    }
    return self;
}

static void gilfree_thread_ends(void *record) {
    gilfree_own_record = NULL;
    struct record *self = record;
    gilfree_end_record(self, self->number, gilfree_load(&gilfree_observer.watching), 1);
}

/* The same where events do not show it, so that the thread has to say it itself. */
static void gilfree_leave(struct record *self) {
    gilfree_own_record = NULL;
    gilfree_at_end_of_thread(NULL); /* the record may be another thread's by then */
    gilfree_end_record(self, self->number, 1, 1);
}

static struct gil_events *gilfree_gil_of(const pthread_cond_t *condition, int *released) {
    int count = __atomic_load_n(&gilfree_hook.gil_count, __ATOMIC_ACQUIRE);
    for (struct gil_events *gil = gilfree_hook.gils; gil < gilfree_hook.gils + count; gil++)
        if (condition == gil->released || condition == gil->taken) {
            *released = condition == gil->released;
            return gil;
        }
    return NULL;
}

static int gilfree_on_signal(pthread_cond_t *condition) {
    if (gilfree_load(&gilfree_observer.watching)) {
        int released;
        struct gil_events *gil = gilfree_gil_of(condition, &released);
        if (gil != NULL) {
            int64_t now = gilfree_now();
            struct record *self = gilfree_me(now, released ? HOLDING : DETACHED);
            if (self != NULL) {
                gilfree_lock(&self->lock);
                gilfree_advance(self, now, released ? DETACHED : HOLDING, 1);
                self->sums.releases += released;
                if (!released)
                    self->thread_state = (uintptr_t)PyGILState_GetThisThreadState();
                gilfree_unlock(&self->lock);
            }
            __atomic_store_n(&gil->holder, released ? NULL : self, __ATOMIC_RELEASE);
        }
    }
    if (gilfree_load(&gilfree_hook.learning) && pthread_equal(pthread_self(), gilfree_hook.learner)) {
        if (gilfree_hook.first == NULL)
            gilfree_hook.first = condition;
        gilfree_hook.last = condition;
    }
    return ((gilfree_signal_function)gilfree_load_pointer(&gilfree_hook.before[SIGNAL]))(condition);
}

/* Waiting for the GIL or, having handed it over, for somebody to take it. */
static void gilfree_begin_wait(const pthread_cond_t *condition) {
    int released;
    if (gilfree_load(&gilfree_observer.watching) && gilfree_gil_of(condition, &released) != NULL) {
        int64_t now = gilfree_now();
        struct record *self = gilfree_me(now, DETACHED);
        if (self != NULL) {
            gilfree_lock(&self->lock);
            if (self->state != WAITING)
                gilfree_advance(self, now, WAITING, 1);
            gilfree_unlock(&self->lock);
        }
    }
}

static int gilfree_on_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    gilfree_begin_wait(condition);
    return ((gilfree_wait_function)gilfree_load_pointer(&gilfree_hook.before[WAIT]))(condition, mutex);
}

static int gilfree_on_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    gilfree_begin_wait(condition);
    return ((gilfree_timedwait_function)gilfree_load_pointer(&gilfree_hook.before[TIMEDWAIT]))(condition, mutex, until);
}

static void *const gilfree_replacements[FUNCTIONS] = {
    (void *)gilfree_on_signal, (void *)gilfree_on_wait, (void *)gilfree_on_timedwait,
};

/* Puts the replacements in place. */
static int gilfree_hook_in(void) {
    if (gilfree_hook.found == 0) {
        gilfree_hook.found = -1;
        if (gilfree_find_slots((uintptr_t)&PyEval_SaveThread, &gilfree_hook.object, gilfree_hook.slots, FUNCTIONS)
            && pthread_key_create(&gilfree_hook.at_end_of_thread, gilfree_thread_ends) == 0) {
            gilfree_store(&gilfree_hook.has_key, 1);
            gilfree_hook.found = 1;
        }
    }
    if (gilfree_hook.found < 0)
        return 0;
    for (int function = 0; function < FUNCTIONS; function++) {
        struct slots *slots = &gilfree_hook.slots[function];
        for (int index = 0; index < slots->count; index++) {
            void *current = __atomic_load_n(slots->places[index], __ATOMIC_ACQUIRE);
            if (current == gilfree_replacements[function] || gilfree_hook.covered)
                continue;
            if (gilfree_is_inside(&gilfree_hook.object, current))
                /* Not bound yet: this leads to the linker, which would overwrite the slot. */
                current = dlsym(RTLD_DEFAULT, slots->name);
            if (current == NULL)
                return 0;
            __atomic_store_n(&gilfree_hook.before[function], current, __ATOMIC_RELEASE);
            if (!gilfree_set_slot(&gilfree_hook.object, slots->places[index], gilfree_replacements[function]))
                return 0;
        }
    }
    return 1;
}

/* Restores what was there before, except where another tool has replaced us: its calls then pass through us unseen. */
static void gilfree_hook_out(void) {
    gilfree_hook.covered = 0;
    for (int function = 0; function < FUNCTIONS; function++) {
        struct slots *slots = &gilfree_hook.slots[function];
        for (int index = 0; index < slots->count; index++)
            if (__atomic_load_n(slots->places[index], __ATOMIC_ACQUIRE) == gilfree_replacements[function])
                gilfree_set_slot(&gilfree_hook.object, slots->places[index], gilfree_hook.before[function]);
            else if (__atomic_load_n(slots->places[index], __ATOMIC_ACQUIRE) != gilfree_hook.before[function])
                gilfree_hook.covered = 1;
    }
}

/* Lets the GIL go and takes it, to see what that looks like. Returns whether anything was seen. */
static int gilfree_learn(void) {
    gilfree_hook.first = gilfree_hook.last = NULL;
    gilfree_hook.learner = pthread_self();
    gilfree_store(&gilfree_hook.learning, 1);
    PyThreadState *thread_state = PyEval_SaveThread();
    PyEval_RestoreThread(thread_state);
    gilfree_store(&gilfree_hook.learning, 0);
    pthread_cond_t *released = gilfree_hook.first, *taken = gilfree_hook.last;
    if (released == NULL || taken == NULL || released == taken)
        return 0;
    for (int index = 0; index < gilfree_hook.gil_count; index++) {
        struct gil_events *gil = &gilfree_hook.gils[index];
        if (gil->released == released && gil->taken == taken)
            return 1;
        /* An interpreter that has ended leaves its place to another. */
        if (gil->released == released || gil->taken == taken) {
            gil->released = released;
            gil->taken = taken;
            return 1;
        }
    }
    if (gilfree_hook.gil_count == MOST_GILS)
        return 0;
    gilfree_hook.gils[gilfree_hook.gil_count] = (struct gil_events){released, taken, NULL};
    __atomic_store_n(&gilfree_hook.gil_count, gilfree_hook.gil_count + 1, __ATOMIC_RELEASE);
    return 1;
}

/* Hooks in and learns. Where another tool had covered us, it may have gone since without putting us back. */
static int gilfree_hook_and_learn(void) {
    if (!gilfree_hook_in())
        return 0;
    if (gilfree_learn())
        return 1;
    if (gilfree_hook.covered) {
        gilfree_hook.covered = 0;
        if (gilfree_hook_in() && gilfree_learn())
            return 1;
    }
    gilfree_hook_out();
    return 0;
}

/* This thread holds the GIL that was learnt of last. */
static void gilfree_observer_began(struct record *self) {
    for (int index = 0; index < gilfree_hook.gil_count; index++)
        __atomic_store_n(
            &gilfree_hook.gils[index].holder, gilfree_hook.gils[index].released == gilfree_hook.first ? self : NULL,
            __ATOMIC_RELEASE);
}

/* For tests: the address of a slot, and what is in it. */
static int gilfree_slot(int index, uintptr_t *place, uintptr_t *value) {
    for (int function = 0; gilfree_hook.found > 0 && function < FUNCTIONS; function++) {
        if (index < gilfree_hook.slots[function].count) {
            *place = (uintptr_t)gilfree_hook.slots[function].places[index];
            *value = (uintptr_t)*gilfree_hook.slots[function].places[index];
            return 1;
        }
        index -= gilfree_hook.slots[function].count;
    }
    return 0;
}

/* Looks where Python is in holds that have lasted for half the time from which they are remembered. */
static void gilfree_look_at_holders(void) {
    static struct place place;
    int64_t from = gilfree_read(&gilfree_accounts.stall_from);
    int count = __atomic_load_n(&gilfree_hook.gil_count, __ATOMIC_ACQUIRE);
    for (int index = 0; from && index < count; index++) {
        struct record *holder = __atomic_load_n(&gilfree_hook.gils[index].holder, __ATOMIC_ACQUIRE);
        if (holder == NULL)
            continue;
        gilfree_lock(&holder->lock);
        int64_t hold = holder->holds, age = gilfree_now() - holder->hold_began;
        uintptr_t thread_state = holder->thread_state;
        int wanted = holder->state == HOLDING && 2 * age >= from && (age <= from || holder->placed != hold);
        gilfree_unlock(&holder->lock);
        if (!wanted || !thread_state || !gilfree_find_place(thread_state, &place))
            continue;
        gilfree_lock(&holder->lock);
        if (holder->state == HOLDING && holder->holds == hold) { /* still the same hold, so that the place is its own */
            if (holder->place == NULL)
                holder->place = malloc(sizeof place);
            if (holder->place != NULL) {
                *holder->place = place;
                holder->placed = hold;
            }
        }
        gilfree_unlock(&holder->lock);
    }
}

#else

static unsigned long gilfree_native_id(void) {
    return PyThread_get_thread_native_id();
}

static struct record *gilfree_me(int64_t now, enum state state) {
    if (gilfree_own_record == NULL)
        gilfree_own_record = gilfree_record(gilfree_native_id(), PyThread_get_thread_ident(), now, state, 1);
    return gilfree_own_record;
}

static void gilfree_leave(struct record *self) {
    gilfree_own_record = NULL;
    gilfree_end_record(self, self->number, 1, 1);
}

static int gilfree_hook_and_learn(void) { return 0; }
static void gilfree_hook_out(void) {}
static int gilfree_learn(void) { return 0; }
static void gilfree_look_at_holders(void) {}
static int gilfree_slot(int index, uintptr_t *place, uintptr_t *value) { (void)index, (void)place, (void)value; return 0; }
static void gilfree_observer_began(struct record *self) { (void)self; }

#endif

#if defined(_WIN32)

static int gilfree_expect_forks(void) { return 1; }

#else

#include <pthread.h>

/* In the child of a fork there is one thread, under a new number. */
static void gilfree_after_fork(void) {
    struct record *self = gilfree_own_record;
    gilfree_exchange(&gilfree_accounts.list_lock, 0); /* perhaps held by threads that are not here */
    gilfree_exchange(&gilfree_accounts.stall_lock, 0);
    gilfree_store(&gilfree_observer.sampling, 0);
    gilfree_store(&gilfree_observer.sampler_runs, 0);
    for (struct record *record = gilfree_first_record(); record != NULL; record = record->next) {
        gilfree_exchange(&record->lock, 0);
        if (record == self) {
            record->native_id = gilfree_native_id();
            record->cpu = gilfree_own_cpu();
            record->unsettled_holding = record->unsettled_detached = 0;
        } else if (record->use == LIVE) {
            record->ended = gilfree_now();
            record->use = ENDED;
            gilfree_accounts.ended++;
        }
    }
}

static int gilfree_expect_forks(void) {
    if (!gilfree_observer.expects_forks)
        gilfree_observer.expects_forks = pthread_atfork(NULL, NULL, gilfree_after_fork) == 0;
    return gilfree_observer.expects_forks;
}

#endif

static void gilfree_take_samples(void) {
    int64_t now = gilfree_now();
    for (struct record *record = gilfree_first_record(); record != NULL; record = record->next) {
        int64_t gone = 0;
        gilfree_lock(&record->lock);
        if (record->use == LIVE && record->thread_state) {
            int attached = gilfree_is_attached(record->thread_state, &gilfree_observer.gil);
            record->sums.samples++;
            record->sums.attached_samples += attached > 0;
            gilfree_advance(record, now, attached > 0 ? HOLDING : DETACHED, 0);
            gone = record->gone ? record->number : 0;
        }
        gilfree_unlock(&record->lock);
        /* A thread that began before anybody observed does not say when it ends, and another's state may soon lie where
        its own did. */
        if (gone)
            gilfree_end_record(record, gone, 1, 0);
    }
}

static void gilfree_sampler(void *unused) {
    uint32_t dice = 2463534242u;
    (void)unused;
    while (gilfree_load(&gilfree_observer.sampling)) {
        int64_t period = gilfree_read(&gilfree_observer.period);
        if (gilfree_load(&gilfree_observer.mechanism) == EXACT) {
            gilfree_look_at_holders();
            /* often enough to see where a hold is that will have lasted so long */
            period = gilfree_between(SHORTEST_LOOK, gilfree_read(&gilfree_accounts.stall_from) / 4, LONGEST_SLEEP);
        } else {
            gilfree_take_samples();
            /* At random times (xorshift, Marsaglia 2003), as what is sampled may have a period of its own. */
            dice ^= dice << 13;
            dice ^= dice >> 17;
            dice ^= dice << 5;
            period = (int64_t)(2.0 * (double)period * (dice / 4294967296.0));
        }
        gilfree_sleep(period < LONGEST_SLEEP ? period : LONGEST_SLEEP);
    }
    gilfree_store(&gilfree_observer.sampler_runs, 0);
}

/* Waits for the sampler of those who observed before to end: it must not see what changes now, nor change what begins.
That takes as long as it sleeps, and others shall run meanwhile. */
static void gilfree_wait_for_sampler(void) {
    if (gilfree_load(&gilfree_observer.sampler_runs)) {
        PyThreadState *thread_state = PyEval_SaveThread();
        while (gilfree_load(&gilfree_observer.sampler_runs))
            gilfree_sleep(SHORTEST_LOOK / 10);
        PyEval_RestoreThread(thread_state);
    }
}

/* Sees to it that there is a sampler, and that its samples are no further apart than this. */
static int gilfree_start_sampler(int64_t period) {
    if (gilfree_load(&gilfree_observer.sampler_runs) && gilfree_load(&gilfree_observer.sampling)) {
        if (period < gilfree_read(&gilfree_observer.period))
            gilfree_write(&gilfree_observer.period, period);
        return 1;
    }
    gilfree_write(&gilfree_observer.period, period);
    gilfree_store(&gilfree_observer.sampling, 1);
    gilfree_store(&gilfree_observer.sampler_runs, 1);
    if (PyThread_start_new_thread(gilfree_sampler, NULL) == PYTHREAD_INVALID_THREAD_ID) {
        gilfree_store(&gilfree_observer.sampling, 0);
        gilfree_store(&gilfree_observer.sampler_runs, 0);
        return 0;
    }
    return 1;
}

/* Starts an account for each of these threads but the calling one. */
static void gilfree_adopt_threads(const struct known_thread *threads, int count, int64_t now) {
    unsigned long own = PyThread_get_thread_ident();
    for (const struct known_thread *thread = threads; thread < threads + count; thread++) {
        if (thread->ident == own)
            continue;
        struct record *record = gilfree_record(thread->native_id, thread->ident, now, DETACHED, 0);
        if (record == NULL)
            continue;
        gilfree_lock(&record->lock);
        record->thread_state = thread->thread_state;
        int64_t gone = record->gone ? record->number : 0; /* since it was listed */
        gilfree_unlock(&record->lock);
        if (gone)
            gilfree_end_record(record, gone, 0, 0);
    }
}

/* Nobody was watching: all that is known of the threads' states is that this one holds the GIL, and no other does. */
static void gilfree_restart_accounts(struct record *self, int64_t now) {
    for (struct record *record = gilfree_first_record(); record != NULL; record = record->next) {
        int64_t gone = 0;
        gilfree_lock(&record->lock);
        if (record->use == LIVE) {
            gilfree_begin_account(record, now, record == self ? HOLDING : DETACHED, record == self);
            gone = record->gone ? record->number : 0;
        }
        gilfree_unlock(&record->lock);
        if (gone)
            gilfree_end_record(record, gone, 0, 0);
    }
}

/* Has holds of at least this length remembered, if it is not 0. */
static void gilfree_remember_stalls(int64_t from) {
    int64_t before = gilfree_read(&gilfree_accounts.stall_from);
    if (from && (before == 0 || from < before))
        gilfree_write(&gilfree_accounts.stall_from, from);
}

/* Begins to observe by this mechanism or, for NONE, by the best there is; whoever comes second joins what goes on.
Returns what is used. The caller holds the GIL and sees to it that nobody else begins or ends meanwhile. */
static enum mechanism gilfree_begin(enum mechanism wanted, int64_t period, int64_t stall) {
    struct record *self;
    struct known_thread *threads;
    int64_t now;
    enum mechanism mechanism = NONE;
    if (gilfree_observer.observers++ > 0) {
        mechanism = (enum mechanism)gilfree_load(&gilfree_observer.mechanism);
        gilfree_remember_stalls(stall);
        if (stall || mechanism != EXACT)
            gilfree_start_sampler(period);
        /* Perhaps from another interpreter, whose GIL is another. */
        if (mechanism == EXACT && gilfree_learn())
            gilfree_me(gilfree_now(), HOLDING);
        return mechanism;
    }
    if (!gilfree_expect_forks()) {
        gilfree_observer.observers = 0;
        return NONE;
    }
    gilfree_wait_for_sampler();
    if ((wanted == NONE || wanted == EXACT) && gilfree_hook_and_learn())
        mechanism = EXACT;
    if (mechanism == NONE && wanted != EXACT) {
        gilfree_observer.gil = gilfree_current_gil();
        if (gilfree_observer.gil.locked != NULL)
            mechanism = gilfree_gil_is_free_threaded() ? ATTACHED : SAMPLED;
    }
    if (mechanism == NONE) {
        gilfree_observer.observers = 0;
        return NONE;
    }
    gilfree_store(&gilfree_observer.mechanism, mechanism);
    gilfree_remember_stalls(stall);
    int count = gilfree_known_threads(&threads); /* before the clock is read, as it may take a while */
    now = gilfree_now();
    self = gilfree_me(now, HOLDING);
    gilfree_restart_accounts(self, now);
    gilfree_adopt_threads(threads, count, now);
    free(threads);
    if (self != NULL) {
        gilfree_lock(&self->lock);
        self->thread_state = (uintptr_t)PyThreadState_Get();
        gilfree_unlock(&self->lock);
    }
    gilfree_store(&gilfree_observer.watching, 1);
    gilfree_observer_began(self);
    if ((stall || mechanism != EXACT) && !gilfree_start_sampler(period) && mechanism != EXACT) {
        gilfree_store(&gilfree_observer.watching, 0);
        gilfree_observer.observers = 0;
        return NONE;
    }
    return mechanism;
}

static void gilfree_end(void) {
    if (--gilfree_observer.observers > 0)
        return;
    gilfree_store(&gilfree_observer.watching, 0);
    gilfree_store(&gilfree_observer.sampling, 0);
    gilfree_store(&gilfree_accounts.recording, 0);
    gilfree_write(&gilfree_accounts.stall_from, 0);
    if (gilfree_load(&gilfree_observer.mechanism) == EXACT)
        gilfree_hook_out();
    gilfree_forget();
}

#endif
