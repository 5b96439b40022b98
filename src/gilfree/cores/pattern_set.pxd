"""All occurrences of many patterns in a text, by the automaton of Aho and Corasick (1975).

A state of the automaton stands for the longest beginning of a pattern that the text read so far ends with. States are
numbered breadth first, so that a state's failure link leads to a smaller number. Symbols that occur in patterns are
numbered too, from 1 up: these are their classes, and 0 is the class of all others.

The automaton is one block of memory, a `Header` and arrays. It may come from anywhere, so nothing in it is believed:
`open_automaton` checks the header and the length, and every number read later is checked before it is used as an index.

The first states, as many as `DENSE_ENTRIES` allows, have a row each in a table: an entry for each class. An entry is
the address of the next state, which is where its row begins, and in the upper byte how many patterns end there. One
load for each symbol is then all there is to do, and comparing its address with the end of the table is check enough.
Addresses from there on are of slow states, which have no row: those beyond the table's limit, which have edges and a
failure link, and stand-ins for states with a row where more patterns end than a byte can say.

Each load waits for the one before. So `STREAMS` stretches of a text are read at once, each from so far ahead of its
beginning that no match is missed.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from gilfree.cores.stop cimport (
    BAD_AUTOMATON,
    NO_MEMORY,
    OK,
    TOO_MANY_STATES,
    TOO_MANY_SYMBOLS,
    Poll,
    advance,
    poll,
    poll_each,
    rarely,
)
from gilfree.cores.text cimport PAGE, PAGES, Text, symbol

cdef enum:
    FORMAT = 0x67665001  # changes with the layout
    DENSE_ENTRIES = 1 << 22
    ADDRESSES = 1 << 24
    ADDRESS = ADDRESSES - 1  # the bits of an entry
    MOST_COUNTED = 254  # by an entry's upper byte
    LARGEST_CLASS = 0xffff

    STREAMS = 8
    STRETCH = 8192  # symbols of a stream at a time
    SHORTEST_STRETCH = 32
    CATCH_UP = 16  # symbols read stream by stream where one of them is in a slow state
    PIECE = 8192  # symbols between two polls where there is one stream
    POLL_EVERY = 100_000  # steps of a few nanoseconds

    COUNT = 0
    RECORD = 1


cdef struct Header:
    int64_t format
    int64_t kind  # of the patterns; the caller's own
    int64_t classes
    int64_t dense  # states that have a row
    int64_t states  # with stand-ins
    int64_t edges  # of slow states
    int64_t patterns
    int64_t longest  # pattern, in symbols
    int64_t pages


cdef struct Automaton:
    Header header
    uint32_t limit  # where rows end
    uint32_t *table
    uint32_t *fail  # of slow states, and so are the edges
    uint32_t *first_edge
    uint32_t *edge_class
    uint32_t *edge_entry
    uint32_t *counts  # patterns that end at a state
    uint32_t *first_listed  # those that are the whole of what the state stands for
    uint32_t *last_listed
    uint32_t *link  # the next longest suffix that is a pattern
    uint32_t *listed
    uint32_t *lengths
    uint16_t *page_of
    uint16_t *class_of


# What `pattern_set` finds out, and `lay_out` writes down.
cdef struct Trie:
    Header header
    int64_t own_states  # without stand-ins
    uint32_t *parent
    uint32_t *entered_by  # the class of the symbol that leads to a state
    uint32_t *first_child
    uint32_t *fail
    uint32_t *counts
    uint32_t *first_listed
    uint32_t *link
    uint32_t *listed
    uint32_t *lengths
    uint32_t *at  # where each pattern has come to, by its place in the order
    uint32_t *active  # those of them that have not ended
    uint16_t *page_of
    uint16_t *class_of
    uint8_t *used


# Where patterns ended: the place in the text, shifted by 24 bits, and the state's address.
cdef struct Records:
    uint64_t *items
    int64_t count, capacity
    int64_t total  # of matches


cdef inline uint32_t *words(uintptr_t *place, int64_t count) noexcept nogil:
    """So many words from this place on, which moves behind them."""
    cdef uint32_t *first = <uint32_t *> place[0]
    place[0] += <uintptr_t> count * sizeof(uint32_t)
    return first


cdef inline uint64_t arrange(Automaton *self, char *memory) noexcept nogil:
    """Where the arrays lie, given the header; returns the length of all, which fits as the header's numbers do.

    Addresses are numbers here: pointers must not be moved out of the memory, which may be too small, or NULL.
    """
    cdef Header *header = &self.header
    cdef int64_t slow = header.states - header.dense
    cdef uintptr_t place = <uintptr_t> memory + sizeof(Header)
    self.limit = <uint32_t> (header.dense * header.classes)
    self.table = words(&place, header.dense * header.classes)
    self.fail = words(&place, slow)
    self.first_edge = words(&place, slow + 1)
    self.edge_class = words(&place, header.edges)
    self.edge_entry = words(&place, header.edges)
    self.counts = words(&place, header.states)
    self.first_listed = words(&place, header.states)
    self.last_listed = words(&place, header.states)
    self.link = words(&place, header.states)
    self.listed = words(&place, header.patterns)
    self.lengths = words(&place, header.patterns)
    self.page_of = <uint16_t *> place
    place += PAGES * sizeof(uint16_t)
    self.class_of = <uint16_t *> place
    place += <uintptr_t> (header.pages * PAGE) * sizeof(uint16_t)
    return place - <uintptr_t> memory


cdef inline bint sound(const Header *header) noexcept nogil:
    if not (
        header.format == FORMAT
        and 1 <= header.classes <= LARGEST_CLASS + 1
        and 1 <= header.dense <= header.states <= ADDRESSES
        and 0 <= header.edges <= header.states
        and 0 <= header.patterns <= 0x7fffffff
        and 0 <= header.longest < ADDRESSES
        and 2 <= header.pages <= PAGES + 1
    ):
        return False
    return header.dense * header.classes + header.states - header.dense <= ADDRESSES


cdef inline int open_automaton(Automaton *self, const void *memory, int64_t length) noexcept nogil:
    if length < <int64_t> sizeof(Header):
        return BAD_AUTOMATON
    memcpy(&self.header, memory, sizeof(Header))
    if not sound(&self.header) or arrange(self, <char *> memory) != <uint64_t> length:
        return BAD_AUTOMATON
    return OK


# Construction.

cdef inline void discard(Trie *self) noexcept nogil:
    free(self.parent)
    free(self.entered_by)
    free(self.first_child)
    free(self.fail)
    free(self.counts)
    free(self.first_listed)
    free(self.link)
    free(self.listed)
    free(self.lengths)
    free(self.at)
    free(self.active)
    free(self.page_of)
    free(self.class_of)
    free(self.used)


cdef inline uint32_t *numbers(int64_t count) noexcept nogil:
    return <uint32_t *> calloc(count, sizeof(uint32_t))


cdef inline int classify(Trie *self, const Text *patterns, Poll *stop) noexcept nogil:
    """Numbers the symbols in ascending order: that of the patterns is then that of their classes."""
    cdef int64_t work = 0, pattern, classes = 1, pages = 2
    cdef Py_ssize_t index
    cdef uint32_t code, largest = 0
    cdef int page
    cdef bint any_used
    cdef int status
    self.used = <uint8_t *> calloc(PAGES * PAGE, 1)
    self.page_of = <uint16_t *> calloc(PAGES, sizeof(uint16_t))
    if self.used == NULL or self.page_of == NULL:
        return NO_MEMORY
    for pattern in range(self.header.patterns):
        for index in range(patterns[pattern].length):
            code = symbol(&patterns[pattern], index)
            if code >= PAGES * PAGE:
                code = PAGES * PAGE - 1
            self.used[code] = 1
            largest = max(largest, code)
        status = poll_each(stop, &work, 1 + patterns[pattern].length, POLL_EVERY)
        if status != OK:
            return status
    # Page 0 is of symbols 0 to 255, and 1 is empty.
    for page in range(1, PAGES):
        self.page_of[page] = 1
        any_used = False
        if page <= <int> (largest // PAGE):
            for index in range(PAGE):
                any_used = any_used or self.used[page * PAGE + index]
        if any_used:
            self.page_of[page] = <uint16_t> pages
            pages += 1
    self.class_of = <uint16_t *> calloc(pages * PAGE, sizeof(uint16_t))
    if self.class_of == NULL:
        return NO_MEMORY
    for code in range(largest + 1):
        if self.used[code]:
            if classes > LARGEST_CLASS:
                return TOO_MANY_SYMBOLS
            self.class_of[self.page_of[code // PAGE] * PAGE + code % PAGE] = <uint16_t> classes
            classes += 1
    self.header.classes = classes
    self.header.pages = pages
    return OK


cdef inline int grow(Trie *self, const Text *patterns, const uint32_t *order, Poll *stop) noexcept nogil:
    """Makes the states level by level. As the patterns are sorted, those that share a state follow one another."""
    cdef int64_t active = self.header.patterns, kept, place, states = 1, listed = 0, depth = 0, work = 0
    cdef uint32_t pattern, parent, entered_by, code
    cdef int status
    for place in range(active):
        self.active[place] = <uint32_t> place
        self.lengths[order[place]] = <uint32_t> patterns[place].length
    while active > 0:
        kept = 0
        for place in range(active):
            pattern = self.active[place]
            parent = self.at[pattern]
            if patterns[pattern].length <= depth:
                self.listed[listed] = order[pattern]
                listed += 1
                self.counts[parent] += 1
                continue
            code = symbol(&patterns[pattern], depth)
            if code >= PAGES * PAGE:
                code = PAGES * PAGE - 1
            entered_by = self.class_of[self.page_of[code // PAGE] * PAGE + code % PAGE]
            # The state made last is the one to share, or none is.
            if kept == 0 or self.parent[states - 1] != parent or self.entered_by[states - 1] != entered_by:
                self.parent[states] = parent
                self.entered_by[states] = entered_by
                states += 1
            self.at[pattern] = <uint32_t> (states - 1)
            self.active[kept] = pattern
            kept += 1
        status = poll_each(stop, &work, active, POLL_EVERY)
        if status != OK:
            return status
        active = kept
        depth += 1
    self.header.longest = max(depth - 1, 0)
    self.own_states = states
    return OK


cdef inline uint32_t child(const Trie *self, uint32_t state, uint32_t entered_by) noexcept nogil:
    """The state that a class leads to from a state, or 0."""
    cdef uint32_t low = self.first_child[state], high = self.first_child[state + 1], end = high, middle
    while low < high:
        middle = low + (high - low) // 2
        if self.entered_by[middle] < entered_by:
            low = middle + 1
        else:
            high = middle
    return low if low < end and self.entered_by[low] == entered_by else 0


cdef inline int connect(Trie *self, Poll *stop) noexcept nogil:
    """Finds the states' children, failure links and outputs."""
    cdef int64_t state, next = 0, work = 0, listed = 0, own
    cdef uint32_t fail, target
    cdef int status
    for state in range(1, self.own_states):
        while next <= self.parent[state]:
            self.first_child[next] = <uint32_t> state
            next += 1
    while next <= self.own_states:
        self.first_child[next] = <uint32_t> self.own_states
        next += 1
    for state in range(self.own_states):
        self.first_listed[state] = <uint32_t> listed
        own = self.counts[state]
        listed += own
        if self.parent[state] != 0:
            fail = self.fail[self.parent[state]]
            while True:
                target = child(self, fail, self.entered_by[state])
                status = poll_each(stop, &work, 4, POLL_EVERY)
                if status != OK:
                    return status
                if target != 0 or fail == 0:
                    break
                fail = self.fail[fail]
            self.fail[state] = target
        fail = self.fail[state]
        self.counts[state] += self.counts[fail]
        # Whether the state of the failure link has patterns of its own.
        self.link[state] = self.link[fail] if self.first_listed[fail] == self.first_listed[fail + 1] else fail
    self.first_listed[self.own_states] = <uint32_t> listed
    return OK


cdef inline int pattern_set(
    Trie *self, const Text *patterns, const uint32_t *order, int64_t count, int64_t kind, Poll *stop
) noexcept nogil:
    """Builds the trie of these patterns, which are sorted; `order` has their numbers. To be discarded in any case."""
    cdef int64_t symbols = 0, pattern, state, standins = 0
    cdef int status
    memset(self, 0, sizeof(Trie))
    self.header.format = FORMAT
    self.header.kind = kind
    self.header.patterns = count
    for pattern in range(count):
        if patterns[pattern].length > 0x7fffffff - symbols:
            return TOO_MANY_STATES
        symbols += patterns[pattern].length
    self.parent = numbers(symbols + 1)
    self.entered_by = numbers(symbols + 1)
    self.counts = numbers(symbols + 1)
    self.listed = numbers(count + 1)
    self.lengths = numbers(count + 1)
    self.at = numbers(count + 1)
    self.active = numbers(count + 1)
    if (
        self.parent == NULL or self.entered_by == NULL or self.counts == NULL or self.listed == NULL
        or self.lengths == NULL or self.at == NULL or self.active == NULL
    ):
        return NO_MEMORY
    status = classify(self, patterns, stop)
    if status == OK:
        status = grow(self, patterns, order, stop)
    if status != OK:
        return status
    self.first_child = numbers(self.own_states + 1)
    self.fail = numbers(self.own_states)
    self.first_listed = numbers(self.own_states + 1)
    self.link = numbers(self.own_states)
    if self.first_child == NULL or self.fail == NULL or self.first_listed == NULL or self.link == NULL:
        return NO_MEMORY
    status = connect(self, stop)
    if status != OK:
        return status
    self.header.dense = min(self.own_states, max(1, DENSE_ENTRIES // self.header.classes))
    for state in range(self.header.dense):
        standins += self.counts[state] > MOST_COUNTED
    self.header.states = self.own_states + standins
    self.header.edges = self.own_states - self.first_child[self.header.dense]
    return OK if sound(&self.header) else TOO_MANY_STATES


cdef inline int64_t size_of(const Trie *self) noexcept nogil:
    """The size of the automaton, in bytes."""
    cdef Automaton automaton
    automaton.header = self.header
    return <int64_t> arrange(&automaton, NULL)


cdef inline int lay_out(const Trie *self, void *memory, Poll *stop) noexcept nogil:
    """Writes the automaton."""
    cdef Automaton automaton
    cdef int64_t dense = self.header.dense, classes = self.header.classes, own_states = self.own_states
    cdef int64_t state, standin = own_states, slow, work = 0, edges = 0
    cdef uint32_t *entries = numbers(own_states)  # that lead to each state
    cdef uint32_t *row
    cdef uint32_t target
    cdef int status = OK
    if entries == NULL:
        return NO_MEMORY
    automaton.header = self.header
    arrange(&automaton, <char *> memory)
    memcpy(memory, &self.header, sizeof(Header))
    for state in range(own_states):
        automaton.counts[state] = self.counts[state]
        automaton.first_listed[state] = self.first_listed[state]
        automaton.last_listed[state] = self.first_listed[state + 1]
        automaton.link[state] = self.link[state]
        if state >= dense:
            slow = state - dense
            entries[state] = <uint32_t> (automaton.limit + slow)
            automaton.fail[slow] = self.fail[state]
            automaton.first_edge[slow] = self.first_child[state] - self.first_child[dense]
        elif self.counts[state] <= MOST_COUNTED:
            entries[state] = <uint32_t> (state * classes) | self.counts[state] << 24
        else:
            # It has no edges, and fails to the state itself, which has a row.
            slow = standin - dense
            entries[state] = <uint32_t> (automaton.limit + slow)
            automaton.fail[slow] = <uint32_t> state
            automaton.counts[standin] = self.counts[state]
            automaton.first_listed[standin] = self.first_listed[state]
            automaton.last_listed[standin] = self.first_listed[state + 1]
            automaton.link[standin] = self.link[state]
            standin += 1
    for slow in range(own_states - dense, self.header.states - dense + 1):
        automaton.first_edge[slow] = <uint32_t> self.header.edges
    for state in range(self.first_child[dense], own_states):
        automaton.edge_class[edges] = self.entered_by[state]
        automaton.edge_entry[edges] = entries[state]
        edges += 1
    for state in range(dense):
        row = automaton.table + state * classes
        if state == 0:
            memset(row, 0, classes * sizeof(uint32_t))
        else:
            memcpy(row, automaton.table + self.fail[state] * classes, classes * sizeof(uint32_t))
        for target in range(self.first_child[state], self.first_child[state + 1]):
            row[self.entered_by[target]] = entries[target]
        status = poll_each(stop, &work, classes, POLL_EVERY)
        if status != OK:
            break
    memcpy(automaton.listed, self.listed, self.header.patterns * sizeof(uint32_t))
    memcpy(automaton.lengths, self.lengths, self.header.patterns * sizeof(uint32_t))
    memcpy(automaton.page_of, self.page_of, PAGES * sizeof(uint16_t))
    memcpy(automaton.class_of, self.class_of, self.header.pages * PAGE * sizeof(uint16_t))
    free(entries)
    return status


# Search.

cdef fused symbols:
    uint8_t  # of the text, to be looked up in `classes`
    uint16_t  # the classes themselves


# A search as it goes on.
cdef struct Scan:
    const Automaton *automaton
    uint16_t classes[PAGE]  # of symbols 0 to 255, each less than the number of classes
    Records *records  # NULL where matches are counted only
    int64_t total
    int64_t work
    Poll *stop


cdef inline void open_scan(Scan *self, const Automaton *automaton, Records *records, Poll *stop) noexcept nogil:
    cdef int code
    self.automaton = automaton
    for code in range(PAGE):
        self.classes[code] = automaton.class_of[code] if automaton.class_of[code] < automaton.header.classes else 0
    self.records = records
    self.total = 0
    self.work = 0
    self.stop = stop


cdef inline void look_up(const Scan *self, const Text *text, uint16_t *classes, Py_ssize_t count) noexcept nogil:
    """Writes the classes of the first so many symbols."""
    cdef const Automaton *automaton = self.automaton
    cdef uint32_t code, page, found
    cdef Py_ssize_t index
    for index in range(count):
        code = symbol(text, index)
        if code < PAGE:
            classes[index] = self.classes[code]
            continue
        page = automaton.page_of[code // PAGE] if code < PAGES * PAGE else 1
        found = automaton.class_of[page * PAGE + code % PAGE] if page < automaton.header.pages else 0
        classes[index] = <uint16_t> found if found < automaton.header.classes else 0


cdef inline int64_t state_at(const Automaton *self, uint32_t address) noexcept nogil:
    """The number of the state, which may be none."""
    if address < self.limit:
        return address // <uint32_t> self.header.classes
    return self.header.dense + (address - self.limit)


cdef inline int slow_step(Scan *scan, uint32_t *address, uint32_t symbol_class) noexcept nogil:
    """One step from a slow state."""
    cdef const Automaton *self = scan.automaton
    cdef int64_t slow = address[0] - self.limit, slow_states = self.header.states - self.header.dense
    cdef uint32_t low, high, end, middle, fail
    cdef int status
    while True:
        if slow >= slow_states:
            return BAD_AUTOMATON
        low, high = self.first_edge[slow], self.first_edge[slow + 1]
        if high > self.header.edges:
            return BAD_AUTOMATON
        end = high
        while low < high:
            middle = low + (high - low) // 2
            if self.edge_class[middle] < symbol_class:
                low = middle + 1
            else:
                high = middle
        if low < end and self.edge_class[low] == symbol_class:
            address[0] = self.edge_entry[low] & ADDRESS
            return OK
        fail = self.fail[slow]
        if fail < self.header.dense:
            address[0] = self.table[fail * self.header.classes + symbol_class] & ADDRESS
            return OK
        if fail - self.header.dense >= slow:
            return BAD_AUTOMATON
        slow = fail - self.header.dense
        status = poll_each(scan.stop, &scan.work, 1, POLL_EVERY)
        if status != OK:
            return status


cdef inline void record_one(uint64_t **record, int64_t position, uint64_t address, bint keep) noexcept nogil:
    """Writes a record, which the next one replaces unless it is to be kept."""
    record[0][0] = <uint64_t> position << 24 | address
    record[0] += keep


cdef inline int walk(
    Scan *scan, const symbols *text, Py_ssize_t start, Py_ssize_t end, int64_t base, uint32_t *address, int mode,
    uint64_t **record,
) noexcept nogil:
    """Reads text[start:end] in one stream, from a state that may be slow, and counts or records the matches."""
    cdef const Automaton *self = scan.automaton
    cdef uint32_t here = address[0], limit = self.limit, count, symbol_class
    cdef int64_t state, total = 0
    cdef Py_ssize_t index
    cdef int status = OK
    for index in range(start, end):
        symbol_class = scan.classes[text[index]] if symbols is uint8_t else text[index]
        if here < limit:
            here = self.table[here + symbol_class]
            count = here >> 24
            here &= ADDRESS
        else:
            status = slow_step(scan, &here, symbol_class)
            if status != OK:
                return status
            count = 0
            if here < limit:
                count = self.counts[state_at(self, here)]
        if rarely(here >= limit):
            state = state_at(self, here)
            if state >= self.header.states:
                return BAD_AUTOMATON
            count = self.counts[state]
        total += count
        if mode == RECORD and count != 0:
            record_one(record, base + index, here, 1)
    address[0] = here
    scan.total += total
    return OK


cdef inline uint64_t follow(
    const uint32_t *table, const uint16_t *classes, const symbols *text, uint64_t address
) noexcept nogil:
    """The entry that the symbol leads to from a state that has a row."""
    if symbols is uint8_t:
        return table[address + classes[text[0]]]
    else:
        return table[address + text[0]]


# The two below read text[start:end], and the same so many symbols further on in each of the streams. They return where
# they ended, which is sooner when a stream has come to a slow state.

cdef inline Py_ssize_t count_abreast(
    Scan *scan, const symbols *text, Py_ssize_t start, Py_ssize_t end, Py_ssize_t apart, uint32_t *addresses
) noexcept nogil:
    cdef const uint32_t *table = scan.automaton.table
    cdef const uint16_t *classes = scan.classes
    cdef uint64_t limit = scan.automaton.limit
    cdef uint64_t a = addresses[0], b = addresses[1], c = addresses[2], d = addresses[3]
    cdef uint64_t e = addresses[4], f = addresses[5], g = addresses[6], h = addresses[7]
    cdef uint64_t total = 0
    cdef Py_ssize_t index = start
    while index < end:
        a = follow(table, classes, text + index, a)
        b = follow(table, classes, text + index + apart, b)
        c = follow(table, classes, text + index + 2 * apart, c)
        d = follow(table, classes, text + index + 3 * apart, d)
        e = follow(table, classes, text + index + 4 * apart, e)
        f = follow(table, classes, text + index + 5 * apart, f)
        g = follow(table, classes, text + index + 6 * apart, g)
        h = follow(table, classes, text + index + 7 * apart, h)
        index += 1
        total += (a >> 24) + (b >> 24) + (c >> 24) + (d >> 24) + (e >> 24) + (f >> 24) + (g >> 24) + (h >> 24)
        a &= ADDRESS
        b &= ADDRESS
        c &= ADDRESS
        d &= ADDRESS
        e &= ADDRESS
        f &= ADDRESS
        g &= ADDRESS
        h &= ADDRESS
        if (
            rarely(a >= limit) or rarely(b >= limit) or rarely(c >= limit) or rarely(d >= limit)
            or rarely(e >= limit) or rarely(f >= limit) or rarely(g >= limit) or rarely(h >= limit)
        ):
            break
    addresses[0] = <uint32_t> a
    addresses[1] = <uint32_t> b
    addresses[2] = <uint32_t> c
    addresses[3] = <uint32_t> d
    addresses[4] = <uint32_t> e
    addresses[5] = <uint32_t> f
    addresses[6] = <uint32_t> g
    addresses[7] = <uint32_t> h
    scan.total += <int64_t> total
    return index


cdef inline Py_ssize_t record_abreast(
    Scan *scan, const symbols *text, Py_ssize_t start, Py_ssize_t end, int64_t base, Py_ssize_t apart,
    uint32_t *addresses, uint64_t **records,
) noexcept nogil:
    cdef const uint32_t *table = scan.automaton.table
    cdef const uint16_t *classes = scan.classes
    cdef uint64_t limit = scan.automaton.limit
    cdef uint64_t a = addresses[0], b = addresses[1], c = addresses[2], d = addresses[3]
    cdef uint64_t e = addresses[4], f = addresses[5], g = addresses[6], h = addresses[7]
    cdef uint64_t total = 0
    cdef int64_t place
    cdef Py_ssize_t index = start
    while index < end:
        a = follow(table, classes, text + index, a)
        b = follow(table, classes, text + index + apart, b)
        c = follow(table, classes, text + index + 2 * apart, c)
        d = follow(table, classes, text + index + 3 * apart, d)
        e = follow(table, classes, text + index + 4 * apart, e)
        f = follow(table, classes, text + index + 5 * apart, f)
        g = follow(table, classes, text + index + 6 * apart, g)
        h = follow(table, classes, text + index + 7 * apart, h)
        index += 1
        # An entry with a count is greater than any address.
        if (
            rarely(a >= limit) or rarely(b >= limit) or rarely(c >= limit) or rarely(d >= limit)
            or rarely(e >= limit) or rarely(f >= limit) or rarely(g >= limit) or rarely(h >= limit)
        ):
            total += (a >> 24) + (b >> 24) + (c >> 24) + (d >> 24) + (e >> 24) + (f >> 24) + (g >> 24) + (h >> 24)
            # All of them, because a branch for each could not be foreseen.
            place = base + index - 1
            record_one(&records[0], place, a & ADDRESS, a > ADDRESS)
            record_one(&records[1], place + apart, b & ADDRESS, b > ADDRESS)
            record_one(&records[2], place + 2 * apart, c & ADDRESS, c > ADDRESS)
            record_one(&records[3], place + 3 * apart, d & ADDRESS, d > ADDRESS)
            record_one(&records[4], place + 4 * apart, e & ADDRESS, e > ADDRESS)
            record_one(&records[5], place + 5 * apart, f & ADDRESS, f > ADDRESS)
            record_one(&records[6], place + 6 * apart, g & ADDRESS, g > ADDRESS)
            record_one(&records[7], place + 7 * apart, h & ADDRESS, h > ADDRESS)
            a &= ADDRESS
            b &= ADDRESS
            c &= ADDRESS
            d &= ADDRESS
            e &= ADDRESS
            f &= ADDRESS
            g &= ADDRESS
            h &= ADDRESS
            if (
                rarely(a >= limit) or rarely(b >= limit) or rarely(c >= limit) or rarely(d >= limit)
                or rarely(e >= limit) or rarely(f >= limit) or rarely(g >= limit) or rarely(h >= limit)
            ):
                break
    addresses[0] = <uint32_t> a
    addresses[1] = <uint32_t> b
    addresses[2] = <uint32_t> c
    addresses[3] = <uint32_t> d
    addresses[4] = <uint32_t> e
    addresses[5] = <uint32_t> f
    addresses[6] = <uint32_t> g
    addresses[7] = <uint32_t> h
    scan.total += <int64_t> total
    return index


cdef inline int read_streams(
    Scan *scan, const symbols *text, Py_ssize_t start, Py_ssize_t end, int64_t base, Py_ssize_t apart,
    uint32_t *addresses, int mode, uint64_t **records,
) noexcept nogil:
    """Reads text[start:end] and the same so many symbols further on, whatever the states."""
    cdef const Automaton *self = scan.automaton
    cdef Py_ssize_t index = start, next
    cdef int64_t state
    cdef uint32_t highest
    cdef int stream, status
    while index < end:
        highest = 0
        for stream in range(STREAMS):
            highest = max(highest, addresses[stream])
        if highest >= self.limit:
            next = min(index + CATCH_UP, end)
            for stream in range(STREAMS):
                status = walk(
                    scan, text + stream * apart, index, next, base + stream * apart, &addresses[stream], mode,
                    &records[stream],
                )
                if status != OK:
                    return status
            index = next
            continue
        if mode == RECORD:
            index = record_abreast(scan, text, index, end, base, apart, addresses, records)
        else:
            index = count_abreast(scan, text, index, end, apart, addresses)
        # What ends at a slow state, entries do not say.
        for stream in range(STREAMS):
            if addresses[stream] >= self.limit:
                state = state_at(self, addresses[stream])
                if state >= self.header.states:
                    return BAD_AUTOMATON
                scan.total += self.counts[state]
                if mode == RECORD and self.counts[state] != 0:
                    record_one(&records[stream], base + stream * apart + index - 1, addresses[stream], 1)
    return OK


cdef inline int make_room(Records *self, int64_t count) noexcept nogil:
    """Lets so many more records fit, and one that is to be replaced."""
    cdef int64_t capacity = self.count + count + 1
    cdef void *items
    if capacity > self.capacity:
        capacity = max(capacity, self.capacity + self.capacity // 2)
        items = realloc(self.items, <size_t> capacity * sizeof(uint64_t))
        if items == NULL:
            return NO_MEMORY
        self.items = <uint64_t *> items
        self.capacity = capacity
    return OK


cdef inline int read_block(
    Scan *scan, const symbols *text, int64_t base, Py_ssize_t stretch, Py_ssize_t overlap, uint64_t *scratch
) noexcept nogil:
    """Reads a stretch in each stream, after as many symbols before it as the longest match may begin earlier."""
    cdef uint32_t addresses[STREAMS]
    cdef uint64_t *records[STREAMS]
    cdef uint64_t *first
    cdef int64_t count, total
    cdef int stream, status
    memset(addresses, 0, sizeof(addresses))
    for stream in range(STREAMS):
        records[stream] = NULL
        if scratch != NULL:
            records[stream] = scratch + stream * scratch_size(stretch)
    total = scan.total
    status = read_streams(scan, text, -overlap, 0, base, stretch, addresses, COUNT, records)
    if status != OK:
        return status
    scan.total = total  # those ended before
    if scan.records == NULL:
        return read_streams(scan, text, 0, stretch, base, stretch, addresses, COUNT, records)
    status = read_streams(scan, text, 0, stretch, base, stretch, addresses, RECORD, records)
    if status != OK:
        return status
    for stream in range(STREAMS):
        first = scratch + stream * scratch_size(stretch)
        count = records[stream] - first
        status = make_room(scan.records, count)
        if status != OK:
            return status
        memcpy(scan.records.items + scan.records.count, first, count * sizeof(uint64_t))
        scan.records.count += count
    return OK


cdef inline Py_ssize_t scratch_size(Py_ssize_t stretch) noexcept nogil:
    """Records of one stream. An automaton that is none can make two of a symbol."""
    return 2 * stretch + 1


cdef inline int read_piece(
    Scan *scan, const symbols *text, Py_ssize_t length, int64_t base, Py_ssize_t overlap, uint32_t *address
) noexcept nogil:
    """Reads a piece in one stream; with an overlap, from so far before it."""
    cdef uint64_t *record = NULL
    cdef int64_t total = scan.total
    cdef int status
    if overlap > 0:
        status = walk(scan, text, -overlap, 0, base, address, COUNT, &record)
        if status != OK:
            return status
        scan.total = total  # those ended before
    if scan.records == NULL:
        return walk(scan, text, 0, length, base, address, COUNT, &record)
    status = make_room(scan.records, length)
    if status != OK:
        return status
    record = scan.records.items + scan.records.count
    status = walk(scan, text, 0, length, base, address, RECORD, &record)
    scan.records.count = record - scan.records.items
    return status


cdef inline int search(
    const Automaton *automaton, const Text *text, Py_ssize_t start, Py_ssize_t end, int64_t base, Records *records,
    int64_t *total, Poll *stop,
) noexcept nogil:
    """Counts the matches that end in text[start:end], and records them if there are records.

    What comes before is read as far as a match may begin there. Positions count from `base`, the place of text[0].
    """
    cdef Scan scan
    cdef Text rest
    cdef Py_ssize_t overlap = max(automaton.header.longest - 1, 0), index = start, ahead, length, stretch
    cdef uint64_t *scratch = NULL
    cdef uint16_t *classes = NULL
    cdef uint32_t address = 0
    cdef bint carried = False, streams
    cdef int status = OK
    open_scan(&scan, automaton, records, stop)
    stretch = min(STRETCH, max(end - start, 0) // STREAMS)
    if records != NULL:
        scratch = <uint64_t *> malloc(STREAMS * scratch_size(stretch) * sizeof(uint64_t))
        if scratch == NULL:
            status = NO_MEMORY
    if text.width != 1:
        length = max(STREAMS * stretch, min(PIECE, max(end - start, 0)))
        classes = <uint16_t *> malloc((min(overlap, start + length) + length + 1) * sizeof(uint16_t))
        if classes == NULL:
            status = NO_MEMORY
    while status == OK and index < end:
        stretch = min(STRETCH, (end - index) // STREAMS)
        streams = overlap <= index and stretch >= SHORTEST_STRETCH and stretch // 4 >= overlap
        ahead = 0 if carried and not streams else min(overlap, index)
        if streams:
            length = STREAMS * stretch
        else:
            # Where only the symbols before are too few for streams, that is soon over.
            length = overlap - index if overlap > index and stretch // 4 >= overlap else PIECE
            length = min(length, PIECE, end - index)
            if not carried:
                address = 0
        if text.width == 1:
            if streams:
                status = read_block(
                    &scan, <const uint8_t *> text.symbols + index, base + index, stretch, overlap, scratch
                )
            else:
                status = read_piece(
                    &scan, <const uint8_t *> text.symbols + index, length, base + index, ahead, &address
                )
        else:
            rest.symbols = <const char *> text.symbols + (index - ahead) * text.width
            rest.width = text.width
            look_up(&scan, &rest, classes, ahead + length)
            if streams:
                status = read_block(&scan, <const uint16_t *> classes + ahead, base + index, stretch, overlap, scratch)
            else:
                status = read_piece(&scan, <const uint16_t *> classes + ahead, length, base + index, ahead, &address)
        carried = not streams
        index += length
        if status == OK:
            advance(stop, length)
            status = poll(stop)
    total[0] = scan.total
    free(scratch)
    free(classes)
    return status


cdef inline int write_matches(
    const Automaton *self, const Records *records, int64_t *patterns, int64_t *starts, int64_t count, Poll *stop
) noexcept nogil:
    """Writes the pattern and the start of each match: longest first among those that end together."""
    cdef int64_t written = 0, end, state, place, pattern, record, work = 0
    cdef uint32_t first, last, link
    cdef int status
    for record in range(records.count):
        end = <int64_t> (records.items[record] >> 24)
        state = state_at(self, <uint32_t> (records.items[record] & ADDRESS))
        while True:
            if state >= self.header.states:
                return BAD_AUTOMATON
            first, last, link = self.first_listed[state], self.last_listed[state], self.link[state]
            if last > self.header.patterns or first > last or last - first > count - written:
                return BAD_AUTOMATON
            for place in range(first, last):
                pattern = self.listed[place]
                if pattern >= self.header.patterns:
                    return BAD_AUTOMATON
                patterns[written] = pattern
                starts[written] = end - self.lengths[pattern] + 1
                written += 1
            status = poll_each(stop, &work, 1 + last - first, POLL_EVERY)
            if status != OK:
                return status
            if link == 0:
                break
            if link >= state:
                return BAD_AUTOMATON
            state = link
    return OK if written == count else BAD_AUTOMATON
