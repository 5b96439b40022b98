"""Shortest paths from single sources: Dijkstra (1959), and breadth-first search where every edge has length 1.

The graph is in CSR form and stays where the caller has it. A pass over all of it says whether it is sound; after that
every number is checked once more where it is used, because another thread may have changed it.

Dijkstra's algorithm takes nodes from its queue in ascending order, which a radix heap (Ahuja et al. 1990) turns to
account: no entry is below the last one taken, so entries are filed by the highest digit in which their key differs
from it, and only the bucket that is next in turn is ever sorted. Keys are the bit patterns of the distances, which
order like the distances as long as none is negative. Filing is a few instructions and a write next to the one before,
where a binary heap of a million entries misses the cache at each of its lower levels. Buckets of few entries are
sorted by a small heap that stays in the cache (Cherkassky, Goldberg and Silverstein 1999). Entries overtaken by a
shorter path stay in the queue and are passed over when their turn comes.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

from gilfree.cores.stop cimport (
    BAD_NODE,
    BAD_OFFSETS,
    BAD_SOURCE,
    CHANGED,
    NEGATIVE_WEIGHT,
    NO_MEMORY,
    OK,
    Poll,
    advance,
    poll,
    poll_each,
    rarely,
)

cdef extern from *:
    """
    #ifndef GILFREE_SHORTEST_PATHS
    #define GILFREE_SHORTEST_PATHS
    #include <stdint.h>
    #include <string.h>
    #if defined(__GNUC__)
        #define gilfree_prefetch(p) __builtin_prefetch(p)
        #define gilfree_lowest_bit(x) __builtin_ctzll(x)
        #define gilfree_highest_bit(x) (63 - __builtin_clzll(x))
    #else
        #include <intrin.h>
        #define gilfree_prefetch(p) ((void)(p))
        static int gilfree_lowest_bit(uint64_t x) {
            unsigned long bit;
            _BitScanForward64(&bit, x);
            return (int)bit;
        }
        static int gilfree_highest_bit(uint64_t x) {
            unsigned long bit;
            _BitScanReverse64(&bit, x);
            return (int)bit;
        }
    #endif
    static inline uint64_t gilfree_key(double distance) {
        uint64_t key;
        memcpy(&key, &distance, sizeof key);
        return key;
    }
    static inline double gilfree_distance(uint64_t key) {
        double distance;
        memcpy(&distance, &key, sizeof distance);
        return distance;
    }
    #endif
    """
    void prefetch "gilfree_prefetch"(const void *) noexcept nogil
    int lowest_bit "gilfree_lowest_bit"(uint64_t) noexcept nogil  # not of 0
    int highest_bit "gilfree_highest_bit"(uint64_t) noexcept nogil  # not of 0
    uint64_t key_of "gilfree_key"(double) noexcept nogil
    double distance_of "gilfree_distance"(uint64_t) noexcept nogil

ctypedef fused index_t:
    int32_t
    int64_t

ctypedef fused weight_t:
    float
    double

cdef enum:
    NO_PREDECESSOR = -9999  # SciPy's
    POLL_EVERY = 4096  # edges looked at or entries moved: some 10 µs, and 400 µs where each of them misses the cache
    BLOCK = 32768  # numbers checked or filled between two polls
    TELL_EVERY = 1024  # nodes reached
    DIGIT_BITS = 4
    DIGITS = 16
    LEVELS = 16  # digits of a key
    FEW = 32  # entries that are sorted rather than filed more finely
    MANY = 256  # entries in the heap, from which on filing is cheaper
    AHEAD = 16  # nodes whose edges are fetched before their turn


cdef struct Entry:
    uint64_t key  # bit pattern of a distance
    int32_t node


cdef struct Bag:
    Entry *entries
    int64_t size
    int64_t capacity


cdef struct Queue:
    # Entries up to `limit` are in the heap. The others are in the bucket of the highest digit in which their key
    # differs from `base`, and of its value; `base` is at most the smallest key, and `limit` at least `base`.
    uint64_t base
    uint64_t limit
    Bag heap
    Bag buckets[256]  # LEVELS × DIGITS
    uint64_t levels  # bit i: level i is not empty
    uint64_t digits[16]  # of LEVELS; bit j: the bucket of digit j is not empty


cdef struct Scratch:
    Queue *queue  # of Dijkstra's algorithm
    uint8_t *seen  # for each node, of breadth-first search; and in the order of discovery:
    int32_t *found  # the nodes, and one place more
    int32_t *parents  # and from where; NULL where nobody asks for it


cdef inline int add(Bag *self, uint64_t key, int32_t node) noexcept nogil:
    cdef int64_t capacity
    cdef Entry *entries
    if self.size == self.capacity:
        capacity = 2 * self.capacity if self.capacity else 64
        if <uint64_t> capacity > (<size_t> -1) // (2 * sizeof(Entry)):
            return NO_MEMORY
        entries = <Entry *> realloc(self.entries, <size_t> capacity * sizeof(Entry))
        if entries == NULL:
            return NO_MEMORY
        self.entries = entries
        self.capacity = capacity
    self.entries[self.size].key = key
    self.entries[self.size].node = node
    self.size += 1
    return OK


cdef inline int sort_in(Bag *heap, uint64_t key, int32_t node) noexcept nogil:
    """Adds an entry to a 4-ary heap."""
    cdef int64_t place = heap.size, parent
    cdef int status = add(heap, key, node)
    if status != OK:
        return status
    cdef Entry *entries = heap.entries
    while place > 0:
        parent = (place - 1) >> 2
        if entries[parent].key <= key:
            break
        entries[place] = entries[parent]
        place = parent
    entries[place].key = key
    entries[place].node = node
    return OK


cdef inline Entry take_smallest(Bag *heap) noexcept nogil:
    cdef Entry *entries = heap.entries
    cdef Entry smallest = entries[0]
    heap.size -= 1
    cdef int64_t size = heap.size, place = 0, child, other
    cdef Entry moved = entries[size]
    while True:
        child = 4 * place + 1
        if child + 3 < size:
            # Comparisons that select, and do not branch: they are as good as random.
            other = child + 2 + (entries[child + 3].key < entries[child + 2].key)
            child = child + (entries[child + 1].key < entries[child].key)
            child = other if entries[other].key < entries[child].key else child
        elif child < size:
            other = child + 1
            while other < size:
                child = other if entries[other].key < entries[child].key else child
                other += 1
        else:
            break
        if entries[child].key >= moved.key:
            break
        entries[place] = entries[child]
        place = child
    entries[place] = moved
    return smallest


cdef inline int file(Queue *self, uint64_t key, int32_t node) noexcept nogil:
    """Adds an entry to its bucket; its key is not `base`."""
    cdef int level = highest_bit(key ^ self.base) // DIGIT_BITS
    cdef int digit = <int> (key >> (level * DIGIT_BITS)) & (DIGITS - 1)
    self.levels |= <uint64_t> 1 << level
    self.digits[level] |= <uint64_t> 1 << digit
    return add(&self.buckets[level * DIGITS + digit], key, node)


cdef inline int put(Queue *self, uint64_t key, int32_t node) noexcept nogil:
    return sort_in(&self.heap, key, node) if key <= self.limit else file(self, key, node)


cdef inline int narrow(Queue *self, uint64_t smallest) noexcept nogil:
    """Puts the entries of an overfull heap into buckets, but for those whose key is the smallest."""
    cdef int64_t size = self.heap.size, index
    cdef Entry entry
    cdef int status
    self.base = self.limit = smallest
    self.heap.size = 0
    for index in range(size):
        # The heap is refilled from the front, over entries that were read already.
        entry = self.heap.entries[index]
        status = put(self, entry.key, entry.node)
        if status != OK:
            return status
    return OK


cdef inline int refill(Queue *self, const index_t *offsets, Poll *stop, int64_t *work) noexcept nogil:
    """Gives the empty heap the next entries in turn, if there are any."""
    cdef int level, digit, status
    cdef int64_t size, index, first, pause
    cdef uint64_t below
    cdef Bag *bucket
    cdef Entry entry
    while self.heap.size == 0 and self.levels != 0:
        level = lowest_bit(self.levels)
        digit = lowest_bit(self.digits[level])
        self.digits[level] &= self.digits[level] - 1
        if self.digits[level] == 0:
            self.levels &= self.levels - 1
        bucket = &self.buckets[level * DIGITS + digit]
        size = bucket.size
        bucket.size = 0

        # The smallest key that belongs here becomes the base: no other bucket's entries have to move for it.
        below = (<uint64_t> 1 << (level * DIGIT_BITS)) - 1
        self.base = (self.base & ~(below | (<uint64_t> (DIGITS - 1) << (level * DIGIT_BITS))))
        self.base |= <uint64_t> digit << (level * DIGIT_BITS)
        self.limit = self.base | below if size <= FEW else self.base
        first = 0
        while first < size:
            pause = min(size, first + POLL_EVERY)
            status = poll_each(stop, work, pause - first, POLL_EVERY)
            if status != OK:
                return status
            for index in range(first, pause):
                entry = bucket.entries[index]  # goes to the heap or to a lower level, never back to this bucket
                if size <= FEW:
                    prefetch(&offsets[entry.node])
                status = put(self, entry.key, entry.node)
                if status != OK:
                    return status
            first = pause
    return OK


cdef inline int fill(double *distances, int32_t *predecessors, int64_t nodes, Poll *stop) noexcept nogil:
    """Marks every node as not reached."""
    cdef int64_t first = 0, node
    cdef int status
    while first < nodes:
        status = poll(stop)
        if status != OK:
            return status
        for node in range(first, min(nodes, first + BLOCK)):
            distances[node] = INFINITY
        if predecessors != NULL:
            for node in range(first, min(nodes, first + BLOCK)):
                predecessors[node] = NO_PREDECESSOR
        first += BLOCK
    return OK


cdef inline int poll_or_end(int64_t *next_poll, int64_t looked_at, int64_t most, Poll *stop) noexcept nogil:
    """Polls where `next_poll` nodes and edges, or more, have been looked at; an error if they are more than there are.

    No node is looked at twice unless another thread writes to what is read here, so this bounds time and memory. That
    both are one question leaves nothing to pay for polling in a search that takes nanoseconds for a node.
    """
    if looked_at > most:
        return CHANGED
    next_poll[0] = min(most, looked_at + POLL_EVERY)
    return poll(stop)


cdef inline int dijkstra(
    const weight_t *weights, const index_t *targets, const index_t *offsets, int64_t nodes, int64_t edges,
    int32_t source, double *distances, int32_t *predecessors, Queue *queue, Poll *stop,
) noexcept nogil:
    cdef int64_t edge, end, pause, target, work = 0, reached = 0, told = 0
    cdef int64_t looked_at = 0, next_poll = 0  # nodes and edges; of them all when to poll
    cdef double distance, through
    cdef weight_t weight
    cdef Entry entry
    cdef int status
    queue.base = queue.limit = 0
    distances[source] = 0
    status = put(queue, 0, source)
    while status == OK:
        if queue.heap.size == 0:
            if reached - told >= TELL_EVERY:
                advance(stop, reached - told)
                told = reached
            status = refill(queue, offsets, stop, &work)
            if status != OK:
                return status
            if queue.heap.size == 0:
                advance(stop, nodes - told)  # those that cannot be reached, too
                return OK
        entry = take_smallest(&queue.heap)
        distance = distance_of(entry.key)
        if queue.heap.size > 0:
            edge = offsets[queue.heap.entries[0].node]
            if <uint64_t> edge < <uint64_t> edges:
                prefetch(&targets[edge])
                prefetch(&weights[edge])
        if distances[entry.node] != distance:
            status = poll_each(stop, &work, 1, POLL_EVERY)
            continue  # a shorter path was found after this one

        edge = offsets[entry.node]
        end = offsets[entry.node + 1]
        if not 0 <= edge <= end <= edges:
            return BAD_OFFSETS
        looked_at += 1 + end - edge
        if rarely(looked_at > next_poll):
            status = poll_or_end(&next_poll, looked_at, nodes + edges, stop)
            if status != OK:
                return status
        reached += 1
        while True:
            pause = min(end, edge + POLL_EVERY)
            while edge < pause:
                target = targets[edge]
                weight = weights[edge]
                if <uint64_t> target >= <uint64_t> nodes:
                    return BAD_NODE
                if not weight >= 0:
                    return NEGATIVE_WEIGHT
                through = distance + weight
                if through < distances[target]:
                    distances[target] = through
                    if predecessors != NULL:
                        predecessors[target] = entry.node
                    status = put(queue, key_of(through), <int32_t> target)
                    if status != OK:
                        return status
                edge += 1
            if queue.heap.size > MANY and queue.limit != queue.base:
                status = narrow(queue, entry.key)
            if edge == end or status != OK:
                break
            status = poll(stop)
            if status != OK:
                break
    return status


cdef inline int breadth_first(
    const index_t *targets, const index_t *offsets, int64_t nodes, int64_t edges,
    int32_t source, double *distances, int32_t *predecessors, Scratch *scratch, Poll *stop,
) noexcept nogil:
    cdef uint8_t *seen = scratch.seen
    cdef int32_t *found = scratch.found
    cdef int32_t *parents = scratch.parents
    cdef int64_t head = 0, tail = 1, level_end = 1, edge, end, pause, target, told = 0
    cdef int64_t looked_at = 0, next_poll = 0  # nodes and edges; of them all when to poll
    cdef int32_t node
    cdef double distance = 0
    cdef int status
    memset(seen, 0, <size_t> nodes)
    seen[source] = 1
    found[0] = source
    if parents != NULL:
        parents[0] = NO_PREDECESSOR
    while head < tail:
        if head == level_end:
            if head - told >= TELL_EVERY:
                advance(stop, head - told)
                told = head
            level_end = tail
            distance += 1
        node = found[head]
        if head + 2 * AHEAD < tail:
            prefetch(&offsets[found[head + 2 * AHEAD]])
            edge = offsets[found[head + AHEAD]]
            if <uint64_t> edge < <uint64_t> edges:
                prefetch(&targets[edge])
            prefetch(&distances[found[head + AHEAD]])
        distances[node] = distance
        if parents != NULL:
            predecessors[node] = parents[head]
        head += 1

        edge = offsets[node]
        end = offsets[node + 1]
        if not 0 <= edge <= end <= edges:
            return BAD_OFFSETS
        looked_at += 1 + end - edge
        if rarely(looked_at > next_poll):
            status = poll_or_end(&next_poll, looked_at, nodes + edges, stop)
            if status != OK:
                return status
        while True:
            pause = min(end, edge + POLL_EVERY)
            while edge < pause:
                target = targets[edge]
                if <uint64_t> target >= <uint64_t> nodes:
                    return BAD_NODE
                # Written where the next node goes whether it is new or not, and kept if it is: no branch to mispredict.
                found[tail] = <int32_t> target
                if parents != NULL:
                    parents[tail] = node
                tail += seen[target] ^ 1
                seen[target] = 1
                edge += 1
            if edge == end:
                break
            status = poll(stop)
            if status != OK:
                return status
    advance(stop, nodes - told)  # those that cannot be reached, too
    return OK


cdef inline int check_edges(
    const index_t *targets, const index_t *offsets, int64_t nodes, int64_t *edges, Poll *stop
) noexcept nogil:
    """Whether the offsets begin at 0, never fall, and end within the `edges` places, and all targets are nodes.

    Then `edges` becomes the number of edges, which places behind the last row are not.
    """
    cdef int64_t first = 0, index, stored = offsets[nodes]
    cdef index_t last = <index_t> (nodes - 1)
    cdef int wrong = 0, status
    if offsets[0] != 0 or not 0 <= stored <= edges[0]:
        return BAD_OFFSETS
    edges[0] = stored
    while first < nodes:
        for index in range(first, min(nodes, first + BLOCK)):
            wrong |= offsets[index] > offsets[index + 1]
        status = BAD_OFFSETS if wrong else poll(stop)
        if status != OK:
            return status
        first += BLOCK
    first = 0
    while first < stored:
        for index in range(first, min(stored, first + BLOCK)):
            wrong |= (targets[index] < 0) | (targets[index] > last)
        status = BAD_NODE if wrong else poll(stop)
        if status != OK:
            return status
        first += BLOCK
    return OK


cdef inline int check_weights(const weight_t *weights, int64_t edges, Poll *stop) noexcept nogil:
    cdef int64_t first = 0, edge
    cdef int wrong = 0, status
    while first < edges:
        for edge in range(first, min(edges, first + BLOCK)):
            wrong |= not weights[edge] >= 0
        status = NEGATIVE_WEIGHT if wrong else poll(stop)
        if status != OK:
            return status
        first += BLOCK
    return OK


cdef inline int allocate(Scratch *self, int64_t nodes, bint weighted, bint with_parents) noexcept nogil:
    memset(self, 0, sizeof(Scratch))
    if weighted:
        self.queue = <Queue *> calloc(1, sizeof(Queue))
        return OK if self.queue != NULL else NO_MEMORY
    if <uint64_t> nodes >= (<size_t> -1) // sizeof(int32_t):
        return NO_MEMORY
    self.seen = <uint8_t *> malloc(<size_t> nodes + 1)
    self.found = <int32_t *> malloc((<size_t> nodes + 1) * sizeof(int32_t))
    if self.seen == NULL or self.found == NULL:
        return NO_MEMORY
    if with_parents:
        self.parents = <int32_t *> malloc((<size_t> nodes + 1) * sizeof(int32_t))
        if self.parents == NULL:
            return NO_MEMORY
    return OK


cdef inline void release(Scratch *self) noexcept nogil:
    cdef int index
    free(self.seen)
    free(self.found)
    free(self.parents)
    if self.queue != NULL:
        free(self.queue.heap.entries)
        for index in range(LEVELS * DIGITS):
            if self.queue.buckets[index].entries != NULL:  # most were never used
                free(self.queue.buckets[index].entries)
        free(self.queue)


cdef inline int shortest_paths(
    const void *weights, bint weights_are_double, const void *targets, const void *offsets, bint indices_are_64_bit,
    int64_t nodes, int64_t edges, const int64_t *sources, Py_ssize_t count, double *distances, int32_t *predecessors,
    Poll *stop,
) noexcept nogil:
    """distances[row, node] and, unless NULL, predecessors[row, node] from sources[row]; fewer than 2**31 nodes.

    The edges from node u are those from offsets[u] to offsets[u + 1]; `weights` is NULL where all have length 1.
    """
    cdef const float *float_weights = <const float *> weights
    cdef const double *double_weights = <const double *> weights
    cdef const int32_t *targets_32 = <const int32_t *> targets
    cdef const int64_t *targets_64 = <const int64_t *> targets
    cdef const int32_t *offsets_32 = <const int32_t *> offsets
    cdef const int64_t *offsets_64 = <const int64_t *> offsets
    cdef Scratch scratch
    cdef Py_ssize_t row
    cdef int64_t source
    cdef int status

    if indices_are_64_bit:
        status = check_edges(targets_64, offsets_64, nodes, &edges, stop)
    else:
        status = check_edges(targets_32, offsets_32, nodes, &edges, stop)
    if status == OK and weights != NULL:
        if weights_are_double:
            status = check_weights(double_weights, edges, stop)
        else:
            status = check_weights(float_weights, edges, stop)
    for row in range(count):
        if status == OK and not 0 <= sources[row] < nodes:
            status = BAD_SOURCE
    if status != OK:
        return status

    status = allocate(&scratch, nodes, weights != NULL, predecessors != NULL)
    for row in range(count):
        if status == OK:
            status = fill(distances, predecessors, nodes, stop)
        source = sources[row]
        if status != OK:
            break
        if not 0 <= source < nodes:
            status = BAD_SOURCE
        elif weights == NULL and indices_are_64_bit:
            status = breadth_first(
                targets_64, offsets_64, nodes, edges, <int32_t> source, distances, predecessors, &scratch, stop
            )
        elif weights == NULL:
            status = breadth_first(
                targets_32, offsets_32, nodes, edges, <int32_t> source, distances, predecessors, &scratch, stop
            )
        elif weights_are_double and indices_are_64_bit:
            status = dijkstra(
                double_weights, targets_64, offsets_64, nodes, edges, <int32_t> source, distances, predecessors,
                scratch.queue, stop,
            )
        elif weights_are_double:
            status = dijkstra(
                double_weights, targets_32, offsets_32, nodes, edges, <int32_t> source, distances, predecessors,
                scratch.queue, stop,
            )
        elif indices_are_64_bit:
            status = dijkstra(
                float_weights, targets_64, offsets_64, nodes, edges, <int32_t> source, distances, predecessors,
                scratch.queue, stop,
            )
        else:
            status = dijkstra(
                float_weights, targets_32, offsets_32, nodes, edges, <int32_t> source, distances, predecessors,
                scratch.queue, stop,
            )
        distances += nodes
        if predecessors != NULL:
            predecessors += nodes
    release(&scratch)
    return status
