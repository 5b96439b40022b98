"""What the observer is made of below Python: threads' accounts, and how they are kept.

`begin` and `end` enclose an observation and nest. Times are nanoseconds on the clock of `time.monotonic_ns`.
"""

from cpython.pythread cimport PyThread_acquire_lock, PyThread_allocate_lock, PyThread_release_lock, PyThread_type_lock
from libc.stdint cimport int64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, strdup

cdef extern from "events.h":
    """
    static PyThread_type_lock gilfree_turns; /* who begins or ends an observation */
    static gilfree_flag gilfree_making_turns;
    """
    PyThread_type_lock turns "gilfree_turns"
    int making_turns "gilfree_making_turns"
    enum mechanism:
        NONE, EXACT, SAMPLED, ATTACHED
    enum state:
        DETACHED, HOLDING, WAITING
    enum use:
        FREE, LIVE, ENDED
    enum:
        NAME_SIZE, MOST_CELLS, MOST_STALLS
    struct cell:
        int64_t start
        float holding, waiting, running
    struct sums:
        int64_t holding, waiting, detached, running, held_cpu, releases, samples, attached_samples
    struct place:
        int line
        char file[1024]
        char function[256]
    struct record:
        record *next
        int lock
        use use
        int64_t number
        unsigned long native_id, ident
        uintptr_t thread_state
        char name[128]
        int64_t born, ended
        state state
        int64_t since
        sums sums
        int64_t hold_began, longest_hold, marked, holds, placed
        place *place
        int64_t cpu, unsettled_holding, unsettled_detached
        int settle_always
        cell *cells
        int cell_count
    struct stall:
        int64_t number, start, duration
        unsigned long ident
        char name[128]
        int line
        char *file
        char *function
    struct all_accounts:
        int recording, stall_lock, list_lock
        int64_t stall_from, stalls_dropped, folded_threads, cells
        int stall_count
        sums folded
        stall *stalls
    struct observer:
        int mechanism
        int watching
    all_accounts gilfree_accounts
    observer gilfree_observer

    mechanism gilfree_begin(mechanism wanted, int64_t period, int64_t stall) noexcept
    void gilfree_end() noexcept
    int gilfree_slot(int index, uintptr_t *place, uintptr_t *value) noexcept
    record *gilfree_first_record() noexcept nogil
    record *gilfree_me(int64_t now, state state) noexcept
    void gilfree_leave(record *self) noexcept
    void gilfree_advance(record *self, int64_t now, state next, int own) noexcept nogil
    int64_t gilfree_longest_now(const record *self, int64_t now) noexcept nogil
    int64_t gilfree_between(int64_t least, int64_t value, int64_t most) noexcept nogil
    int64_t gilfree_now() noexcept nogil
    int64_t gilfree_thread_cpu(unsigned long thread) noexcept nogil
    void gilfree_lock(int *flag) noexcept nogil
    void gilfree_unlock(int *flag) noexcept nogil
    int64_t gilfree_read(int64_t *place) noexcept nogil
    void gilfree_write(int64_t *place, int64_t value) noexcept nogil
    int gilfree_load(int *place) noexcept nogil
    void gilfree_store(int *place, int value) noexcept nogil
    void *PyThreadState_Get()

gilfree_lock(&making_turns)  # interpreters with a GIL each may import this at once
if turns == NULL:
    turns = PyThread_allocate_lock()
gilfree_unlock(&making_turns)

MECHANISMS = {NONE: None, EXACT: "exact", SAMPLED: "sampled", ATTACHED: "attached"}


cdef void take_turn() noexcept:
    with nogil:
        PyThread_acquire_lock(turns, 1)


def after_fork():
    """Forgets who was about to begin or end in the parent."""
    global turns
    turns = PyThread_allocate_lock()


def now():
    return gilfree_now()


def begin(str wanted, int64_t period, int64_t stall, bint recording):
    """Begins to observe; returns by which mechanism, or None if this Python shows nothing.

    ``wanted`` names a mechanism, None the best there is; ``period`` is that of the samples. Holds from ``stall`` on are
    remembered, unless it is 0; and a timeline is kept if ``recording``.
    """
    cdef mechanism mechanism = NONE
    for value, name in MECHANISMS.items():
        if name == wanted:
            mechanism = value
    take_turn()
    try:
        mechanism = gilfree_begin(mechanism, period, stall)
        if mechanism != NONE and recording:
            gilfree_store(&gilfree_accounts.recording, 1)
    finally:
        PyThread_release_lock(turns)
    return MECHANISMS[mechanism]


def end():
    """Ends the observation that was begun last."""
    take_turn()
    gilfree_end()
    PyThread_release_lock(turns)


cdef void set_name(record *self, int64_t number, bytes name) noexcept:
    cdef Py_ssize_t size = min(<Py_ssize_t> len(name), <Py_ssize_t> NAME_SIZE - 1)
    gilfree_lock(&self.lock)
    if self.number == number:  # else it is another thread's by now
        memcpy(self.name, <const char *> name, size)
        self.name[size] = 0
    gilfree_unlock(&self.lock)


def name_own_thread(str name):
    """Tells the name of the calling thread, which may be new."""
    cdef record *self
    if gilfree_load(&gilfree_observer.watching):
        self = gilfree_me(gilfree_now(), HOLDING)
        if self != NULL:
            set_name(self, self.number, name.encode(errors="replace"))
            gilfree_lock(&self.lock)
            self.thread_state = <uintptr_t> PyThreadState_Get()
            gilfree_unlock(&self.lock)


def name_threads(dict names):
    """Tells the names of threads by their idents."""
    cdef record *self = gilfree_first_record()
    cdef int64_t number
    cdef unsigned long ident
    while self != NULL:
        gilfree_lock(&self.lock)
        number = self.number if self.use == LIVE else 0
        ident = self.ident
        gilfree_unlock(&self.lock)
        if number and ident in names:
            set_name(self, number, names[ident].encode(errors="replace"))
        self = self.next


def leave():
    """The calling thread is about to end. Where events are exact, its end is noticed without."""
    cdef record *self
    if gilfree_load(&gilfree_observer.watching) and gilfree_load(&gilfree_observer.mechanism) != EXACT:
        self = gilfree_me(gilfree_now(), HOLDING)
        if self != NULL:
            gilfree_leave(self)


# Python objects are made outside the locks: making one may collect garbage, and so run any code, which has this thread
# let the GIL go, and its account changed.


def accounts():
    """Returns the time now, and a tuple for each thread that lives or has ended since somebody began to observe.

    (number, ident, name, born, ended or 0, holding, waiting, detached, running, releases, since when it holds or 0, the
    place where it holds or None). The last tuple's number is 0: it sums up threads that are too many to be told apart,
    and has how many in place of the ident.
    """
    cdef record *self = gilfree_first_record()
    cdef record copy
    cdef place where
    cdef char name[NAME_SIZE]
    cdef int64_t now = gilfree_now(), lasted, cpu, held
    cdef sums folded
    cdef int64_t folded_threads
    cdef bint placed
    rows = []
    while self != NULL:
        gilfree_lock(&self.lock)
        copy = self[0]
        memcpy(name, self.name, NAME_SIZE)
        placed = self.use == LIVE and self.place != NULL and self.placed == self.holds and self.state == HOLDING
        if placed:
            where = self.place[0]
        cpu = gilfree_thread_cpu(self.native_id) if self.use == LIVE else -1
        gilfree_unlock(&self.lock)
        self = self.next
        if copy.use == FREE:
            continue
        if copy.use == LIVE:
            lasted = max(0, now - copy.since)
            if copy.state == HOLDING:
                copy.sums.holding += lasted
                copy.unsettled_holding += lasted
            elif copy.state == WAITING:
                copy.sums.waiting += lasted
            else:
                copy.sums.detached += lasted
                copy.unsettled_detached += lasted
            if cpu >= 0:
                held = gilfree_between(0, cpu - copy.cpu, copy.unsettled_holding)
                copy.sums.running += gilfree_between(0, cpu - copy.cpu - held, copy.unsettled_detached)
        rows.append(
            (
                copy.number, copy.ident, text(name), copy.born, copy.ended if copy.use == ENDED else 0,
                copy.sums.holding, copy.sums.waiting, copy.sums.detached, copy.sums.running, copy.sums.releases,
                copy.hold_began if copy.use == LIVE and copy.state == HOLDING else 0,
                (text(where.file), where.line, text(where.function)) if placed else None,
            )
        )
    gilfree_lock(&gilfree_accounts.list_lock)
    folded = gilfree_accounts.folded
    folded_threads = gilfree_accounts.folded_threads
    gilfree_unlock(&gilfree_accounts.list_lock)
    rows.append(
        (
            0, folded_threads, "", 0, 0,
            folded.holding, folded.waiting, folded.detached, folded.running, folded.releases, 0, None,
        )
    )
    return now, rows


cdef str text(const char *given):
    return None if given == NULL else (<bytes> given).decode(errors="replace")


def timeline():
    """Returns for each thread's number its cells, (start, holding, waiting, running); the durations are in seconds.

    A cell lasts until the next one starts, the last one until the present or the thread's end; what is not spent is
    idle.
    """
    cdef record *self = gilfree_first_record()
    cdef cell *cells = <cell *> malloc(MOST_CELLS * sizeof(cell))
    cdef int64_t number
    cdef int count, index
    result = {}
    if cells == NULL:
        raise MemoryError
    try:
        while self != NULL:
            gilfree_lock(&self.lock)
            if self.use == LIVE and gilfree_load(&gilfree_accounts.recording):
                gilfree_advance(self, max(self.since, gilfree_now()), self.state, 0)
            number = self.number if self.use != FREE else 0
            count = self.cell_count
            if count:
                memcpy(cells, self.cells, count * sizeof(cell))
            gilfree_unlock(&self.lock)
            if number:
                result[number] = [
                    (cells[index].start, cells[index].holding, cells[index].waiting, cells[index].running)
                    for index in range(count)
                ]
            self = self.next
    finally:
        free(cells)
    return result


def stalls():
    """Returns a tuple for each hold that was remembered, and how many more there were.

    (number, ident, name, start, duration, place or None); a place is (file, line, function).
    """
    cdef stall *found = <stall *> malloc(MOST_STALLS * sizeof(stall))
    cdef int64_t dropped
    cdef int count, index
    if found == NULL:
        raise MemoryError
    gilfree_lock(&gilfree_accounts.stall_lock)
    count, dropped = gilfree_accounts.stall_count, gilfree_accounts.stalls_dropped
    memcpy(found, gilfree_accounts.stalls, count * sizeof(stall))
    for index in range(count):
        if found[index].file != NULL:
            found[index].file = strdup(found[index].file)
            found[index].function = strdup(found[index].function)
    gilfree_unlock(&gilfree_accounts.stall_lock)
    try:
        rows = [
            (
                found[index].number, found[index].ident, text(found[index].name), found[index].start,
                found[index].duration,
                None if found[index].file == NULL
                else (text(found[index].file), found[index].line, text(found[index].function)),
            )
            for index in range(count)
        ]
    finally:
        for index in range(count):
            free(found[index].file)
            free(found[index].function)
        free(found)
    return rows, dropped


def call(func, tuple args, dict kwargs, bint count_cpu):
    """Calls ``func`` and returns what became of the calling thread's time, while somebody observes:

    seconds, holding, waiting, longest hold, releases, CPU time spent while holding, CPU time spent while detached,
    samples, samples that found it attached. With ``count_cpu`` the CPU clock is read at every event, which takes time.
    """
    cdef record *self = gilfree_me(gilfree_now(), HOLDING)
    cdef sums before, after
    cdef int64_t start, stop, longest
    if self == NULL:
        raise MemoryError
    cdef bint exact = gilfree_load(&gilfree_observer.mechanism) == EXACT
    gilfree_lock(&self.lock)
    self.settle_always = count_cpu
    self.thread_state = <uintptr_t> PyThreadState_Get()
    self.longest_hold = 0
    start = gilfree_now()
    if exact:
        gilfree_advance(self, start, HOLDING, 1)
        start = gilfree_now()
        gilfree_advance(self, start, HOLDING, 1)
    self.marked = start
    before = self.sums
    gilfree_unlock(&self.lock)
    try:
        result = func(*args, **kwargs)
        stop = gilfree_now()
    finally:
        gilfree_lock(&self.lock)
        self.settle_always = False
        gilfree_unlock(&self.lock)
    gilfree_lock(&self.lock)
    if exact:
        self.settle_always = count_cpu
        gilfree_advance(self, stop, HOLDING, 1)
        self.settle_always = False
    longest = max(self.longest_hold, gilfree_longest_now(self, stop))
    after = self.sums
    gilfree_unlock(&self.lock)
    del result
    return (
        stop - start, after.holding - before.holding, after.waiting - before.waiting, longest,
        after.releases - before.releases, after.held_cpu - before.held_cpu, after.running - before.running,
        after.samples - before.samples, after.attached_samples - before.attached_samples,
    )


def slots():
    """Returns (address, value) of each import slot that was found; nothing before the first observation. For tests."""
    cdef uintptr_t place, value
    found = []
    while gilfree_slot(len(found), &place, &value):
        found.append((place, value))
    return found


def kept():
    """Returns how many records and cells there are, whether used or not. For tests."""
    cdef record *self = gilfree_first_record()
    records = 0
    while self != NULL:
        records += 1
        self = self.next
    return records, gilfree_read(&gilfree_accounts.cells)
