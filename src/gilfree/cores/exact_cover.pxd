"""Exact covers, by backtracking over sparse sets: Knuth's "dancing cells".

Each item has the set of the options that are still possible for it, as an array whose first `sizes[item]` places count.
An option is taken out by swapping it with the last one that counts. To put all back that was taken out since, it is
enough to restore the sizes: a set's first places then hold the same options again, if in another order.

Up to 128 items are bits of a mask instead, and each level of the search has a list of the options that are still
possible. The list of the level below is what is left of it without the items just covered, and how often each item
occurs in a list is counted for all items at once, by adding up masks as if they were 128 separate bits: the sums are
kept in planes, of which the first has the lowest bit of each sum.

Either way the search branches on the primary item with the fewest options, the first of them if there are several, and
tries its options in ascending order. So the tree is the same, and does not depend on the order within the sets; and a
subtree is given by the options that lead to it: it is the same whoever searches it, after whatever else.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from gilfree.cores.lanes cimport LANES_U64, load_u64, splat_u64, u64
from gilfree.cores.stop cimport BAD_OPTIONS, BAD_SUBTREE, NO_MEMORY, OK, Poll, advance, load, poll, rarely

cdef enum:
    COVERED = 1 << 30  # added to the size of an item that is: no size is as large
    POLL_EVERY = 16384  # nodes of options: some 50 µs
    MASKED = 2  # nodes, whose time an option of a list takes
    SHARES = 1 << 20  # into which a subtree's search is divided, to tell how far it has got

    MASK = 128  # items
    LONGEST_LIST = 1 << 19  # options, which are gone through between two polls
    WORD = 64
    PLANES = 32  # enough for the sums of any list
    STEP = 8 * LANES_U64  # masks added up at a time

    COUNT = 0
    FIND = 1
    EXPAND = 2

    # How a search ends that did not fail and is not at its end either.
    FOUND = -1
    DEAD = -2
    UNFINISHED = -3
    NOT_NEEDED = -4


# Options are rows of nodes, one for each of their items; sets are of nodes.
cdef struct Matrix:
    int32_t items
    int32_t primary  # of these, the first so many
    int32_t options
    int32_t nodes
    int32_t *first  # node of each option, and where the last one ends
    int32_t *option_of
    int32_t *item_of
    int32_t *where  # a node's place in its set
    int32_t *begins  # where the sets are in `cells`
    int32_t *cells
    int32_t *sizes


# One on the path from the root of a subtree to where the search is.
cdef struct Branch:
    int64_t next  # place of the option to try next
    int64_t end
    int32_t option  # being tried
    int32_t depth  # branchings up to this one; an item with one option makes none
    int64_t size  # how many options the item has
    int64_t left  # and of these, to try
    # The rest where there are masks; `next` and `end` are then places in the list.
    int64_t bit  # of the item
    uint64_t low, high  # the primary items that are to be covered
    int64_t begin


# The lists of all levels, one after the other, in ascending order of options. The first is of all options.
cdef struct Lists:
    uint64_t *low  # items 0 to 63
    uint64_t *high
    int32_t *options
    int64_t room


cdef struct Search:
    Matrix matrix
    Lists lists
    int mode
    Branch *branches
    int32_t levels, room
    int32_t *saved  # the sizes of all items, with those of the branch's own covered, for each level
    int32_t *initial
    const int32_t *path  # the options that lead to the subtree
    int64_t path_length
    int32_t deepest  # branchings, where the tree is to be expanded
    uint64_t count
    int32_t *found  # options: those of a cover, or those of the paths found, each with its length before it
    int64_t found_count, found_room
    int64_t work
    int64_t budget  # of polls; below 0 for no end
    const int *best  # the first subtree known to have a cover, which ends the search of those after it; or NULL
    int subtree
    int64_t told  # shares of this subtree
    Poll *stop


cdef inline void discard(Search *self) noexcept nogil:
    free(self.lists.low)
    free(self.lists.high)
    free(self.lists.options)
    free(self.matrix.first)
    free(self.matrix.option_of)
    free(self.matrix.item_of)
    free(self.matrix.where)
    free(self.matrix.begins)
    free(self.matrix.cells)
    free(self.matrix.sizes)
    free(self.branches)
    free(self.saved)
    free(self.initial)
    free(self.found)


cdef inline int32_t *numbers(int64_t count) noexcept nogil:
    return <int32_t *> malloc(<size_t> (count + 1) * sizeof(int32_t))


cdef inline void tell(Search *self) noexcept nogil:
    """Publishes how much of the subtree is searched, if the branches of each item take the same time (Knuth)."""
    cdef double searched = 0, share = 1
    cdef int32_t level = 0
    cdef const Branch *branch
    cdef int64_t shares
    while level < self.levels and share * SHARES >= 1:
        branch = &self.branches[level]
        share /= branch.size
        searched += share * max(<int64_t> 0, branch.size - branch.left - 1)
        level += 1
    shares = min(<int64_t> (searched * SHARES), <int64_t> SHARES)
    if shares > self.told:
        advance(self.stop, shares - self.told)
        self.told = shares


cdef inline int tick(Search *self, int64_t steps) noexcept nogil:
    self.work += steps
    if not rarely(self.work >= POLL_EVERY):
        return OK
    self.work = 0
    if self.budget >= 0:
        if self.budget == 0:
            return UNFINISHED
        self.budget -= 1
    if self.best != NULL and load(self.best) < self.subtree:
        return NOT_NEEDED
    if rarely(self.stop.progress != NULL):
        tell(self)
    return poll(self.stop)


cdef inline int read_matrix(
    Search *self, const int32_t *items, int32_t nodes, const int32_t *first, int32_t options, int32_t item_count,
    int32_t primary,
) noexcept nogil:
    """Makes the sets. What is read is checked, and not read again."""
    cdef Matrix *matrix = &self.matrix
    cdef int32_t option, node, item, end, total = 0
    cdef int status
    matrix.items, matrix.primary, matrix.options, matrix.nodes = item_count, primary, options, nodes
    matrix.first = numbers(options)
    matrix.option_of = numbers(nodes)
    matrix.item_of = numbers(nodes)
    matrix.where = numbers(nodes)
    matrix.begins = numbers(item_count)
    matrix.cells = numbers(nodes)
    matrix.sizes = numbers(item_count)
    self.initial = numbers(item_count)
    if (
        matrix.first == NULL or matrix.option_of == NULL or matrix.item_of == NULL or matrix.where == NULL
        or matrix.begins == NULL or matrix.cells == NULL or matrix.sizes == NULL or self.initial == NULL
    ):
        return NO_MEMORY
    memset(matrix.sizes, 0, <size_t> item_count * sizeof(int32_t))
    node = 0
    if first[0] != 0:
        return BAD_OPTIONS
    for option in range(options):
        matrix.first[option] = node
        end = first[option + 1]
        if end < node or end > nodes:
            return BAD_OPTIONS
        while node < end:
            item = items[node]
            if item < 0 or item >= item_count:
                return BAD_OPTIONS
            matrix.option_of[node] = option
            matrix.item_of[node] = item
            matrix.sizes[item] += 1
            node += 1
        status = tick(self, 1 + end - matrix.first[option])
        if status != OK:
            return status
    matrix.first[options] = node
    for item in range(item_count):
        matrix.begins[item] = total
        total += matrix.sizes[item]
        matrix.sizes[item] = 0
    for option in range(options):
        for node in range(matrix.first[option], matrix.first[option + 1]):
            item = matrix.item_of[node]
            matrix.where[node] = matrix.begins[item] + matrix.sizes[item]
            matrix.cells[matrix.where[node]] = node
            matrix.sizes[item] += 1
        status = tick(self, 1 + matrix.first[option + 1] - matrix.first[option])
        if status != OK:
            return status
    memcpy(self.initial, matrix.sizes, <size_t> item_count * sizeof(int32_t))
    return OK


cdef inline bint hide(Matrix *self, int32_t option) noexcept nogil:
    """Takes an option out of the sets of its items, unless these are covered; tells whether it was a primary's last."""
    cdef int32_t node, item, size, place, last, moved
    cdef bint was_last = False
    for node in range(self.first[option], self.first[option + 1]):
        item = self.item_of[node]
        size = self.sizes[item]
        if size >= COVERED:
            continue
        place = self.where[node]
        last = self.begins[item] + size - 1
        if place > last:  # it was hidden before, because of another item that both options have
            break
        moved = self.cells[last]
        self.cells[last] = node
        self.cells[place] = moved
        self.where[node] = last
        self.where[moved] = place
        self.sizes[item] = size - 1
        was_last |= (size == 1) & (item < self.primary)
    return was_last


cdef inline int cover(Search *self, int32_t item) noexcept nogil:
    """Hides all options of an item."""
    cdef Matrix *matrix = &self.matrix
    cdef int32_t place, begin = matrix.begins[item], end = begin + matrix.sizes[item], option
    cdef int status
    matrix.sizes[item] += COVERED
    for place in range(begin, end):
        option = matrix.option_of[matrix.cells[place]]
        hide(matrix, option)
        status = tick(self, matrix.first[option + 1] - matrix.first[option])
        if status != OK:
            return status
    return OK


cdef inline int choose(Search *self, int32_t chosen, int32_t covered) noexcept nogil:
    """Covers the items of an option but one that is covered already; DEAD if another item then has no option left."""
    cdef Matrix *matrix = &self.matrix
    cdef int32_t node, item, place, begin, end, option
    cdef bint dead
    cdef int status
    # All at once, so that these may be left without options.
    for node in range(matrix.first[chosen], matrix.first[chosen + 1]):
        if matrix.sizes[matrix.item_of[node]] < COVERED:
            matrix.sizes[matrix.item_of[node]] += COVERED
    for node in range(matrix.first[chosen], matrix.first[chosen + 1]):
        item = matrix.item_of[node]
        if item == covered:
            continue
        begin = matrix.begins[item]
        end = begin + (matrix.sizes[item] - COVERED)
        for place in range(begin, end):
            option = matrix.option_of[matrix.cells[place]]
            dead = hide(matrix, option)
            status = tick(self, matrix.first[option + 1] - matrix.first[option])
            if status != OK:
                return status
            if dead:
                return DEAD
    return OK


cdef inline int64_t smallest(const Matrix *self) noexcept nogil:
    """The primary item with the fewest options and, shifted by 32 bits, how many; COVERED of none, if all are."""
    cdef int64_t best = <int64_t> COVERED << 32
    cdef int32_t item
    for item in range(self.primary):
        best = min(best, (<int64_t> self.sizes[item] << 32) + item)
    return best


cdef inline int sort(Search *self, int32_t begin, int32_t end) noexcept nogil:
    """Puts a set's nodes into ascending order, by Shell's method: they are few, or nearly sorted."""
    cdef Matrix *matrix = &self.matrix
    cdef int32_t gap = 1, place, here, node
    cdef int status
    while gap < (end - begin) // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for place in range(begin + gap, end):
            node = matrix.cells[place]
            here = place
            while here - gap >= begin and matrix.cells[here - gap] > node:
                matrix.cells[here] = matrix.cells[here - gap]
                matrix.where[matrix.cells[here]] = here
                here -= gap
            matrix.cells[here] = node
            matrix.where[node] = here
            status = tick(self, 1 + (place - here) // gap)
            if status != OK:
                return status
        gap = gap // 3
    return OK


cdef inline int add_level(Search *self) noexcept nogil:
    cdef int64_t room
    cdef void *memory
    if self.levels < self.room:
        return OK
    room = 2 * <int64_t> self.room + 16
    memory = realloc(self.branches, <size_t> room * sizeof(Branch))
    if memory == NULL:
        return NO_MEMORY
    self.branches = <Branch *> memory
    if self.lists.room > 0:
        self.room = <int32_t> room
        return OK
    memory = realloc(self.saved, <size_t> (room * (self.matrix.items + 1)) * sizeof(int32_t))
    if memory == NULL:
        return NO_MEMORY
    self.saved = <int32_t *> memory
    self.room = <int32_t> room
    return OK


cdef inline int record_path(Search *self) noexcept nogil:
    """Writes the length and the options of the path from the root to where the search is."""
    cdef int64_t length = self.path_length + self.levels, room, level
    cdef void *memory
    if self.found_count + length + 1 > self.found_room:
        room = 2 * self.found_room + length + 1
        memory = realloc(self.found, <size_t> room * sizeof(int32_t))
        if memory == NULL:
            return NO_MEMORY
        self.found = <int32_t *> memory
        self.found_room = room
    self.found[self.found_count] = <int32_t> length
    self.found_count += 1
    memcpy(self.found + self.found_count, self.path, <size_t> self.path_length * sizeof(int32_t))
    self.found_count += self.path_length
    for level in range(self.levels):
        self.found[self.found_count] = self.branches[level].option
        self.found_count += 1
    return OK


cdef inline int search_subtree(Search *self) noexcept nogil:
    """Searches all that lies below where the search is."""
    cdef Matrix *matrix = &self.matrix
    cdef size_t row = <size_t> matrix.items
    cdef Branch *branch
    cdef int64_t best
    cdef int32_t size, item, depth = 0
    cdef bint descend = True
    cdef int status
    while True:
        if descend:
            descend = False
            best = smallest(matrix)
            size = <int32_t> (best >> 32)
            item = <int32_t> (best - (<int64_t> size << 32))
            status = tick(self, 1 + matrix.primary // 8)
            if status != OK:
                return status
            if self.mode == EXPAND and (size >= COVERED or (size > 1 and depth == self.deepest)):
                status = record_path(self)
                if status != OK:
                    return status
            elif size >= COVERED:
                self.count += 1
                if self.mode == FIND:
                    status = record_path(self)
                    return FOUND if status == OK else status
            elif size > 0:
                status = add_level(self)
                if status == OK:
                    status = sort(self, matrix.begins[item], matrix.begins[item] + size)
                if status == OK:
                    status = cover(self, item)
                if status != OK:
                    return status
                memcpy(self.saved + self.levels * row, matrix.sizes, row * sizeof(int32_t))
                branch = &self.branches[self.levels]
                branch.next = matrix.begins[item]
                branch.end = branch.next + size
                branch.depth = depth + (size > 1)
                branch.size = branch.left = size
                self.levels += 1
        if self.levels == 0:
            return OK
        branch = &self.branches[self.levels - 1]
        if branch.next == branch.end:
            self.levels -= 1
            continue
        memcpy(matrix.sizes, self.saved + (self.levels - 1) * row, row * sizeof(int32_t))
        depth = branch.depth
        branch.option = matrix.option_of[matrix.cells[branch.next]]
        branch.next += 1
        branch.left -= 1
        status = choose(self, branch.option, matrix.item_of[matrix.cells[branch.next - 1]])
        if status == OK:
            descend = True
        elif status != DEAD:
            return status


cdef inline int go_to(Search *self) noexcept nogil:
    """Makes the choices of the path."""
    cdef Matrix *matrix = &self.matrix
    cdef int64_t index
    cdef int32_t option, node
    cdef int status
    memcpy(matrix.sizes, self.initial, <size_t> matrix.items * sizeof(int32_t))
    self.levels = 0
    for index in range(self.path_length):
        option = self.path[index]
        if option < 0 or option >= matrix.options:
            return BAD_SUBTREE
        for node in range(matrix.first[option], matrix.first[option + 1]):
            if matrix.sizes[matrix.item_of[node]] >= COVERED:
                return BAD_SUBTREE
        status = choose(self, option, -1)
        if status != OK:
            return status
    return OK


# With masks.

cdef inline int make_lists(Search *self, int64_t length) noexcept nogil:
    """Lets the lists have so many options in all, and be followed by as many as are added up at a time."""
    cdef Lists *lists = &self.lists
    cdef int64_t room
    cdef void *memory
    if length + STEP <= lists.room:
        return OK
    room = 2 * length + STEP
    memory = realloc(lists.low, <size_t> room * sizeof(uint64_t))
    if memory == NULL:
        return NO_MEMORY
    lists.low = <uint64_t *> memory
    memory = realloc(lists.high, <size_t> room * sizeof(uint64_t))
    if memory == NULL:
        return NO_MEMORY
    lists.high = <uint64_t *> memory
    memory = realloc(lists.options, <size_t> room * sizeof(int32_t))
    if memory == NULL:
        return NO_MEMORY
    lists.options = <int32_t *> memory
    lists.room = room
    return OK


cdef inline int read_masks(Search *self) noexcept nogil:
    """Makes the first list."""
    cdef Matrix *matrix = &self.matrix
    cdef int32_t option, node, item
    cdef int status = make_lists(self, matrix.options)
    if status != OK:
        return status
    for option in range(matrix.options):
        self.lists.low[option] = self.lists.high[option] = 0
        self.lists.options[option] = option
        for node in range(matrix.first[option], matrix.first[option + 1]):
            item = matrix.item_of[node]
            if item < WORD:
                self.lists.low[option] |= <uint64_t> 1 << item
            else:
                self.lists.high[option] |= <uint64_t> 1 << (item - WORD)
        status = tick(self, 1 + matrix.first[option + 1] - matrix.first[option])
        if status != OK:
            return status
    return OK


cdef inline int keep_disjoint(
    Search *self, int64_t begin, int64_t *end, uint64_t low, uint64_t high
) noexcept nogil:
    """Appends the list of those options in a list that have none of these items."""
    cdef int64_t place, kept = end[0], stop = end[0]
    cdef uint64_t *lows
    cdef uint64_t *highs
    cdef int32_t *options
    cdef uint64_t one, other
    cdef int status = make_lists(self, 2 * stop - begin)
    if status != OK:
        return status
    lows, highs, options = self.lists.low, self.lists.high, self.lists.options
    if self.matrix.items <= WORD:
        for place in range(begin, stop):
            one = lows[place]
            lows[kept] = one
            options[kept] = options[place]
            kept += (one & low) == 0
    else:
        for place in range(begin, stop):
            one, other = lows[place], highs[place]
            lows[kept] = one
            highs[kept] = other
            options[kept] = options[place]
            kept += ((one & low) | (other & high)) == 0
    end[0] = kept
    return tick(self, MASKED * (stop - begin))


cdef inline u64 sum_of(u64 a, u64 b, u64 c) noexcept nogil:
    return a ^ b ^ c


cdef inline u64 carry_of(u64 a, u64 b, u64 c) noexcept nogil:
    return (a & b) | ((a ^ b) & c)


cdef inline void add_up(uint64_t *words, int64_t count, uint64_t *planes, int plane_count) noexcept nogil:
    """Counts, for each bit, the words that have it. Writes zeros after the words."""
    cdef u64 sums[PLANES]
    cdef u64 ones = splat_u64(0), twos = ones, fours = ones, eights, pair, other, four, carry
    cdef uint64_t *lanes = <uint64_t *> sums
    cdef uint64_t a, b, c
    cdef int64_t place = 0
    cdef int plane, lane, half
    memset(words + count, 0, STEP * sizeof(uint64_t))
    for plane in range(3, plane_count):
        sums[plane] = ones
    while place < count:
        carry = load_u64(words + place)
        other = load_u64(words + place + LANES_U64)
        pair = carry_of(ones, carry, other)
        ones = sum_of(ones, carry, other)
        carry = load_u64(words + place + 2 * LANES_U64)
        other = load_u64(words + place + 3 * LANES_U64)
        four = carry_of(ones, carry, other)
        ones = sum_of(ones, carry, other)
        carry = carry_of(twos, pair, four)
        twos = sum_of(twos, pair, four)
        four = carry
        carry = load_u64(words + place + 4 * LANES_U64)
        other = load_u64(words + place + 5 * LANES_U64)
        pair = carry_of(ones, carry, other)
        ones = sum_of(ones, carry, other)
        carry = load_u64(words + place + 6 * LANES_U64)
        other = load_u64(words + place + 7 * LANES_U64)
        eights = carry_of(ones, carry, other)
        ones = sum_of(ones, carry, other)
        carry = carry_of(twos, pair, eights)
        twos = sum_of(twos, pair, eights)
        eights = carry_of(fours, four, carry)
        fours = sum_of(fours, four, carry)
        for plane in range(3, plane_count):
            carry = sums[plane] & eights
            sums[plane] = sums[plane] ^ eights
            eights = carry
        place += STEP
    sums[0] = ones
    sums[1] = twos
    sums[2] = fours
    # The sums of the lanes, added to one another in halves.
    half = LANES_U64 // 2
    while half > 0:
        for lane in range(half):
            c = 0
            for plane in range(plane_count):
                a, b = lanes[plane * LANES_U64 + lane], lanes[plane * LANES_U64 + lane + half]
                lanes[plane * LANES_U64 + lane] = a ^ b ^ c
                c = (a & b) | ((a ^ b) & c)
        half = half // 2
    for plane in range(plane_count):
        planes[plane] = lanes[plane * LANES_U64]


cdef inline int64_t rarest(Search *self, int64_t begin, int64_t end, uint64_t low, uint64_t high) noexcept nogil:
    """Of these items, the first that the fewest options in a list have; and, shifted by 32 bits, how many have it."""
    cdef uint64_t lows[PLANES]
    cdef uint64_t highs[PLANES]
    cdef uint64_t one, other
    cdef int64_t times = 0, item = 0
    cdef int plane, plane_count = 3
    while (end - begin) >> plane_count != 0:
        plane_count += 1
    add_up(self.lists.low + begin, end - begin, lows, plane_count)
    if high != 0:
        add_up(self.lists.high + begin, end - begin, highs, plane_count)
    else:
        memset(highs, 0, sizeof(highs))
    for plane in range(plane_count - 1, -1, -1):
        one, other = low & ~lows[plane], high & ~highs[plane]
        if (one | other) != 0:
            low, high = one, other
        else:
            times |= <int64_t> 1 << plane
    if low == 0:
        low = high
        item = WORD
    while low & 1 == 0:
        low >>= 1
        item += 1
    return times << 32 | item


cdef inline bint has(const Lists *lists, int64_t place, int64_t bit) noexcept nogil:
    return (lists.low[place] >> bit if bit < WORD else lists.high[place] >> (bit - WORD)) & 1


cdef inline int search_masks(Search *self) noexcept nogil:
    """Does what `go_to` and `search_subtree` do."""
    cdef Matrix *matrix = &self.matrix
    cdef Branch *branch
    cdef int64_t begin = 0, end = matrix.options, last, best, index
    cdef uint64_t low = ~<uint64_t> 0, high = low, one, other
    cdef int32_t depth = 0, size, option
    cdef int status
    low = low if matrix.primary >= WORD else (<uint64_t> 1 << matrix.primary) - 1
    if matrix.primary < MASK:
        high = (<uint64_t> 1 << (matrix.primary - WORD)) - 1 if matrix.primary > WORD else 0
    self.levels = 0
    one = other = 0
    for index in range(self.path_length):
        option = self.path[index]
        if option < 0 or option >= matrix.options:
            return BAD_SUBTREE
        if (self.lists.low[option] & one) | (self.lists.high[option] & other):
            return BAD_SUBTREE
        one |= self.lists.low[option]
        other |= self.lists.high[option]
        last = end
        status = keep_disjoint(self, begin, &end, self.lists.low[option], self.lists.high[option])
        if status != OK:
            return status
        begin = last
    low &= ~one
    high &= ~other
    while True:
        if (low | high) == 0:
            if self.mode == COUNT:
                self.count += 1
            else:
                status = record_path(self)
                if status != OK:
                    return status
                if self.mode == FIND:
                    return FOUND
        else:
            best = rarest(self, begin, end, low, high)
            size = <int32_t> (best >> 32)
            status = tick(self, 1 + (end - begin) // 8)
            if status != OK:
                return status
            if self.mode == EXPAND and size > 1 and depth == self.deepest:
                status = record_path(self)
                if status != OK:
                    return status
            elif size > 0:
                status = add_level(self)
                if status != OK:
                    return status
                branch = &self.branches[self.levels]
                branch.next, branch.end = begin, end
                branch.depth = depth + (size > 1)
                branch.bit = best - (<int64_t> size << 32)
                branch.low, branch.high = low, high
                branch.begin = begin
                branch.size = branch.left = size
                self.levels += 1
        while self.levels > 0 and self.branches[self.levels - 1].left == 0:
            self.levels -= 1
        if self.levels == 0:
            return OK
        branch = &self.branches[self.levels - 1]
        while not has(&self.lists, branch.next, branch.bit):
            branch.next += 1
        one, other = self.lists.low[branch.next], self.lists.high[branch.next]
        branch.option = self.lists.options[branch.next]
        branch.next += 1
        branch.left -= 1
        low, high, depth = branch.low & ~one, branch.high & ~other, branch.depth
        begin = end = branch.end
        if (low | high) != 0:
            last = branch.end
            begin = branch.begin
            status = keep_disjoint(self, begin, &last, one, other)
            if status != OK:
                return status
            begin, end = branch.end, last


cdef inline int exact_cover(
    Search *self, const int32_t *items, int32_t nodes, const int32_t *first, int32_t options, int32_t item_count,
    int32_t primary, const int32_t *paths, const int64_t *path_ends, int64_t path_count, int first_subtree,
) noexcept nogil:
    """Searches the subtrees at the ends of these paths, in order. To be discarded in any case.

    Mode, budget and so on are set by the caller, the rest is zero.
    """
    cdef int64_t index, begin = 0
    cdef int status = read_matrix(self, items, nodes, first, options, item_count, primary)
    cdef bint small = item_count <= MASK and options <= LONGEST_LIST
    if status == OK and small:
        status = read_masks(self)
    if status != OK:
        return status
    for index in range(path_count):
        self.path = paths + begin
        self.path_length = path_ends[index] - begin
        self.subtree = first_subtree + <int> index
        begin = path_ends[index]
        if self.best != NULL and load(self.best) < self.subtree:
            return NOT_NEEDED
        if small:
            status = search_masks(self)
        else:
            status = go_to(self)
            if status == OK:
                status = search_subtree(self)
            elif status == DEAD:
                status = OK
        if status != OK:
            return status
        advance(self.stop, SHARES - self.told)
        self.told = 0
    return OK
