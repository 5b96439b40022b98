"""Levenshtein distances by bit-parallel dynamic programming (Myers 1999, in the form of Hyyrö 2003).

The matrix of distances between all prefixes of a pattern and of a text changes by −1, 0 or 1 from row to row and from
column to column, so a column is two words of bits: where it rises and where it falls. `next_column` takes one column to
the next in some ten operations for as many rows as a word has bits.

Four ways to use it:

- one short pattern: a word is a register (`short_distance`);
- many short patterns: each lane of a vector is a word of its own (`compare`);
- a few words: the last row of each is carried over to the next one (`few_words`);
- one long pattern: the matrix is cut into stripes of rows. The words of a stripe sit in the lanes of two vectors; each
  lane is one column behind the lane above it, whose horizontal differences it takes over (`stripe`). Columns that no
  path of at most k edits can reach are left out (Ukkonen 1985), and k grows until the distance is at most k.

Rows that a word has and its pattern has not are at the top of the matrix, above the first symbol. Zeros in both words
keep them as a copy of the matrix's first row, so they need no mask, and the result is at the bottom.
"""

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memset

from gilfree.cores.lanes cimport (
    LANES_U8,
    LANES_U16,
    LANES_U32,
    LANES_U64,
    add_to_lane_u8,
    add_to_lane_u16,
    add_to_lane_u32,
    add_to_lane_u64,
    lane_u8,
    lane_u16,
    lane_u32,
    lane_u64,
    load_u64,
    settle,
    shift_in,
    splat_u8,
    splat_u16,
    splat_u32,
    splat_u64,
    u8,
    u16,
    u32,
    u64,
)
from gilfree.cores.stop cimport NO_MEMORY, OK, Poll, advance, poll, poll_each
from gilfree.cores.text cimport Alphabet, Text, clear, discard, enter, number_of, part, symbol

cdef enum:
    WORD = 64
    ALIGNMENT = 64
    # Symbols of text between two polls: each is worth a few nanoseconds, or some twenty in a stripe.
    POLL_EVERY = 32768
    PIECE = 65536  # symbols compared between two polls where two texts are equal

    SLOTS = 256  # of a short pattern's table

    STRIPE_WORDS = 2 * LANES_U64
    STRIPE_ROWS = STRIPE_WORDS * WORD
    TILE = 512  # columns of a stripe whose symbols are spread out at a time
    TILE_STRIDE = TILE + LANES_U64
    FEW_WORDS = 4
    FIRST_BAND = 512
    SMALL = 2048  # columns, of which a first band would save too little
    BAND_GROWTH = 8

    # The queries and choices of one block, whose distances stay in a processor's second cache.
    QUERIES = 256
    QUERY_SYMBOLS = 65536  # of all queries together
    CHOICES = 2048
    RANKED_STRIDE = CHOICES + 2 * LANES_U8


cdef fused lanes:
    u8
    u16
    u32
    u64


cdef inline void *align(void *memory) noexcept nogil:
    return <void *> ((<uintptr_t> memory + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT)


# One pair: what its ends have in common costs nothing more than a look.

cdef inline Py_ssize_t equal_symbols(const Text *a, const Text *b, Py_ssize_t length) noexcept nogil:
    """How many of the first ``length`` symbols are equal before two differ."""
    cdef Py_ssize_t index = 0
    if a.width == b.width:
        while index + 16 <= length and memcmp(
            <const char *> a.symbols + index * a.width, <const char *> b.symbols + index * b.width, 16 * a.width
        ) == 0:
            index += 16
    while index < length and symbol(a, index) == symbol(b, index):
        index += 1
    return index


cdef inline Py_ssize_t equal_symbols_at_end(const Text *a, const Text *b, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t index = 0
    if a.width == b.width:
        while index + 16 <= length and memcmp(
            <const char *> a.symbols + (a.length - index - 16) * a.width,
            <const char *> b.symbols + (b.length - index - 16) * b.width, 16 * a.width
        ) == 0:
            index += 16
    while index < length and symbol(a, a.length - 1 - index) == symbol(b, b.length - 1 - index):
        index += 1
    return index


cdef inline int strip(Text *a, Text *b, Poll *stop) noexcept nogil:
    """Takes away the common prefix and then the common suffix, which cannot change the distance."""
    cdef Py_ssize_t piece, equal
    cdef int status
    while True:
        piece = min(<Py_ssize_t> PIECE, min(a.length, b.length))
        equal = equal_symbols(a, b, piece)
        a[0] = part(a, equal, a.length)
        b[0] = part(b, equal, b.length)
        if equal < PIECE:
            break
        status = poll(stop)
        if status != OK:
            return status
    while True:
        piece = min(<Py_ssize_t> PIECE, min(a.length, b.length))
        equal = equal_symbols_at_end(a, b, piece)
        a.length -= equal
        b.length -= equal
        if equal < PIECE:
            return OK
        status = poll(stop)
        if status != OK:
            return status


# One short pattern.

cdef struct Column:
    uint64_t rises
    uint64_t falls


cdef inline void next_column(Column *self, uint64_t matches) noexcept nogil:
    cdef uint64_t x = matches | self.falls
    cdef uint64_t diagonal = (((x & self.rises) + self.rises) ^ self.rises) | x  # where no edit is needed
    # Not where the row rises, shifted by one row. The shift brings in a 0, so the first row rises everywhere.
    cdef uint64_t flat = (diagonal | self.rises) & ~self.falls
    cdef uint64_t falling = diagonal & self.rises
    flat += flat
    self.rises = (falling + falling) | (flat & ~diagonal)
    self.falls = diagonal & ~flat


cdef inline int64_t ones(uint64_t bits) noexcept nogil:
    bits = bits - ((bits >> 1) & 0x5555555555555555ULL)
    bits = (bits & 0x3333333333333333ULL) + ((bits >> 2) & 0x3333333333333333ULL)
    return <int64_t> ((((bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fULL) * 0x0101010101010101ULL) >> 56)


cdef inline uint32_t slot_of(const uint64_t *masks, const uint32_t *codes, uint32_t code) noexcept nogil:
    """Where the code's mask is, or where it would be: the table never fills, as a short pattern has 64 symbols."""
    cdef uint32_t slot = code * 0x9e3779b1U >> 24
    while masks[slot] != 0 and codes[slot] != code:
        slot = (slot + 1) % SLOTS
    return slot


cdef inline int short_distance(const Text *pattern, const Text *text, int64_t *distance, Poll *stop) noexcept nogil:
    """The distance where the pattern has 1 to 64 symbols."""
    cdef uint64_t masks[SLOTS]
    cdef uint32_t codes[SLOTS]
    cdef uint64_t bit = (<uint64_t> 1) << (WORD - pattern.length)
    cdef const uint8_t *bytes = <const uint8_t *> text.symbols
    cdef bint narrow = pattern.width == 1 and text.width == 1
    cdef uint32_t slot, code
    cdef Column column
    cdef Py_ssize_t index, end, start = 0
    cdef int status

    column.rises = (~<uint64_t> 0) << (WORD - pattern.length)
    column.falls = 0
    memset(masks, 0, sizeof(masks))
    for index in range(pattern.length):
        code = symbol(pattern, index)
        slot = code if narrow else slot_of(masks, codes, code)
        masks[slot] |= bit
        if not narrow:
            codes[slot] = code
        bit += bit

    while start < text.length:
        end = min(text.length, start + <Py_ssize_t> POLL_EVERY)
        if narrow:
            for index in range(start, end):
                next_column(&column, masks[bytes[index]])
        else:
            for index in range(start, end):
                next_column(&column, masks[slot_of(masks, codes, symbol(text, index))])
        advance(stop, (end - start) * pattern.length)
        start = end
        if start < text.length:
            status = poll(stop)
            if status != OK:
                return status
    distance[0] = text.length + ones(column.rises) - ones(column.falls)
    return OK


# One long pattern.

cdef struct Long:
    Py_ssize_t rows
    Py_ssize_t columns
    int32_t *pattern  # its symbols' numbers, one a row
    int32_t *text  # one a column, with LANES_U64 zeros before and after
    int8_t *carry  # by how much the last row rises to each column; one, above the first stripe
    int32_t numbers  # that occur: from 0 to less than this
    int planes  # bits that tell the numbers apart
    u64 *pattern_planes  # for each bit of the numbers, its complement in the words of the stripe
    uint64_t *text_planes  # for each bit, all ones or none for each column of the tile
    int64_t told  # elements of the matrix that count as done


cdef struct Words:
    u64 rises  # of the columns
    u64 falls
    u64 flat  # where a row does not rise, and where it falls; the top bits are for the words below
    u64 falling


cdef inline void next_columns(Words *self, u64 matches, u64 flat, u64 falling) noexcept nogil:
    """As `next_column`, below words whose last rows are told by the top bits of ``flat`` and ``falling``."""
    cdef u64 x = matches | (falling >> 63)
    cdef u64 diagonal = (((x & self.rises) + self.rises) ^ self.rises) | x | self.falls
    self.flat = (diagonal | self.rises) & ~self.falls
    self.falling = diagonal & self.rises
    flat = (self.flat + self.flat) | (flat >> 63)
    self.rises = (self.falling + self.falling) | (falling >> 63) | (flat & ~diagonal)
    self.falls = diagonal & ~flat


cdef inline void fill_pattern_planes(Long *self, Py_ssize_t first, u64 *real) noexcept nogil:
    """Spreads the symbols of rows ``first`` and up over the words; ``real`` are the rows from 0 up."""
    cdef Py_ssize_t row
    cdef int word, bit, plane, half, lane, skipped
    cdef uint64_t bits
    memset(real, 0, 2 * sizeof(u64))
    memset(self.pattern_planes, 0, self.planes * 2 * sizeof(u64))
    for word in range(STRIPE_WORDS):
        row = first + word * WORD
        if row <= -WORD:
            continue
        skipped = <int> max(<Py_ssize_t> 0, -row)
        half = word % 2
        lane = LANES_U64 - 1 - word // 2
        add_to_lane_u64(&real[half], lane, (~<uint64_t> 0) << skipped)
        for plane in range(self.planes):
            bits = 0
            for bit in range(skipped, WORD):
                bits |= (<uint64_t> (~self.pattern[row + bit] >> plane & 1)) << bit
            add_to_lane_u64(&self.pattern_planes[2 * plane + half], lane, bits)


cdef inline void fill_text_planes(Long *self, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    """Spreads the symbols of ``count`` columns from ``first``, which may be before the first one."""
    cdef const int32_t *numbers = self.text + LANES_U64 + first
    cdef uint64_t *target
    cdef Py_ssize_t index
    cdef int plane
    for plane in range(self.planes):
        target = self.text_planes + plane * TILE_STRIDE
        for index in range(count):
            target[index] = -(<uint64_t> (numbers[index] >> plane & 1))


cdef inline int stripe(
    Long *self, Py_ssize_t first_row, Py_ssize_t begin, Py_ssize_t end, int64_t *work, Poll *stop
) noexcept nogil:
    """Computes the columns from ``begin`` to ``end`` of a stripe's rows, and leaves the last row in ``carry``.

    Word 0 is in the last lane of ``upper``, word 1 in that of ``lower``, word 2 in the last lane but one of ``upper``.
    At any time a lane is at the column before that of the next lane.
    """
    cdef uint64_t started[2 * LANES_U64]
    cdef u64 real[2]
    cdef Words upper, lower
    cdef u64 active, symbols, upper_matches, lower_matches, flat, falling
    cdef const uint64_t *column
    cdef const u64 *rows
    cdef int64_t carry
    cdef Py_ssize_t time, tile, tile_end, steps = end - begin + LANES_U64 - 1
    cdef int index, status

    for index in range(LANES_U64):
        started[index] = 0
        started[LANES_U64 + index] = ~<uint64_t> 0
    fill_pattern_planes(self, first_row, real)
    upper.rises = real[0]
    lower.rises = real[1]
    upper.falls = lower.falls = lower.flat = lower.falling = splat_u64(0)

    tile = 0
    while tile < steps:
        tile_end = min(steps, tile + <Py_ssize_t> TILE)
        fill_text_planes(self, begin + tile - LANES_U64 + 1, tile_end - tile + LANES_U64 - 1)
        for time in range(tile, tile_end):
            column = self.text_planes + (time - tile)
            rows = self.pattern_planes
            upper_matches = real[0]
            lower_matches = real[1]
            for _ in range(self.planes):
                symbols = load_u64(column)
                upper_matches = (symbols ^ rows[0]) & upper_matches
                lower_matches = (symbols ^ rows[1]) & lower_matches
                column += TILE_STRIDE
                rows += 2
            # Past the end it is somebody else's, or one of the entries too many: nothing that matters comes of it.
            carry = self.carry[begin + time]
            flat = shift_in(lower.flat, splat_u64(<uint64_t> (carry - 1)))
            falling = shift_in(lower.falling, splat_u64(<uint64_t> carry))
            next_columns(&upper, upper_matches, flat, falling)
            next_columns(&lower, lower_matches, upper.flat, upper.falling)
            if time >= LANES_U64 - 1:
                self.carry[begin + time - LANES_U64 + 1] = <int8_t> (
                    1 - <int64_t> (lane_u64(lower.flat, 0) >> 63) - <int64_t> (lane_u64(lower.falling, 0) >> 63)
                )
            else:
                # Words whose first column is still to come start afresh.
                active = load_u64(&started[1 + time])
                upper.rises = (upper.rises & active) | (real[0] & ~active)
                upper.falls = upper.falls & active
                lower.rises = (lower.rises & active) | (real[1] & ~active)
                lower.falls = lower.falls & active
        status = poll_each(stop, work, 8 * (tile_end - tile), POLL_EVERY)
        if status != OK:
            return status
        tile = tile_end
    return OK


cdef inline int64_t rise(const int8_t *carry, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef int64_t total = 0
    cdef Py_ssize_t index
    for index in range(begin, end):
        total += carry[index]
    return total


cdef inline int banded(Long *self, int64_t band, int64_t *distance, Poll *stop) noexcept nogil:
    """The length of some series of edits, and that of the shortest if it is at most ``band``."""
    cdef Py_ssize_t surplus = self.columns - self.rows
    # A path that strays further from the diagonals of the two corners takes more than `band` insertions and deletions.
    cdef Py_ssize_t below = <Py_ssize_t> ((band - surplus) // 2)
    cdef Py_ssize_t above = surplus + below
    cdef Py_ssize_t first_row = self.rows - (self.rows + STRIPE_ROWS - 1) // STRIPE_ROWS * STRIPE_ROWS
    cdef Py_ssize_t begin = 0, next_begin, end
    cdef int64_t corner = 0, work = 0
    # Of the matrix's elements, as many as the band has count as done at its end; narrower bands have told of some.
    cdef int64_t told = self.told, in_band = self.rows * min(self.columns, above + below + STRIPE_ROWS), now
    cdef int status
    memset(self.carry, 1, self.columns)
    while first_row < self.rows:
        end = min(self.columns, first_row + STRIPE_ROWS + above)
        status = stripe(self, first_row, begin, end, &work, stop)
        if status != OK:
            return status
        corner += STRIPE_ROWS + min(first_row, <Py_ssize_t> 0)
        first_row += STRIPE_ROWS
        now = told + <int64_t> (<double> (in_band - told) * first_row / self.rows)
        advance(stop, now - self.told)
        self.told = now
        next_begin = max(begin, first_row - below) if first_row < self.rows else self.columns
        corner += rise(self.carry, begin, next_begin)
        begin = next_begin
    distance[0] = corner
    return OK


cdef inline int number_symbols(Long *self, const Text *pattern, const Text *text, Poll *stop) noexcept nogil:
    """Numbers the symbols of the pattern, and with one more number those that only the text has."""
    cdef Alphabet alphabet
    cdef Py_ssize_t index, end, start = 0
    cdef int32_t number, last = 0
    cdef int status = OK
    clear(&alphabet)
    while start < pattern.length and status == OK:
        end = min(pattern.length, start + <Py_ssize_t> POLL_EVERY)
        for index in range(start, end):
            status = enter(&alphabet, symbol(pattern, index), &self.pattern[index])
            if status != OK:
                break
        start = end
        if status == OK:
            status = poll(stop)
    last = alphabet.size - 1
    start = 0
    while start < text.length and status == OK:
        end = min(text.length, start + <Py_ssize_t> POLL_EVERY)
        for index in range(start, end):
            number = number_of(&alphabet, symbol(text, index))
            if number < 0:
                number = last = alphabet.size
            self.text[LANES_U64 + index] = number
        start = end
        status = poll(stop)
    discard(&alphabet)
    self.numbers = last + 1
    self.planes = 0
    while last >> self.planes:
        self.planes += 1
    return status


cdef inline void next_in_word(Column *self, uint64_t matches, uint64_t *flat, uint64_t *falling) noexcept nogil:
    """As `next_column`, below a row that is flat or falls if these are 1; replaces them by those of the last row."""
    cdef uint64_t x = matches | falling[0]
    cdef uint64_t diagonal = (((x & self.rises) + self.rises) ^ self.rises) | x | self.falls
    cdef uint64_t next_flat = (diagonal | self.rises) & ~self.falls
    cdef uint64_t next_falling = diagonal & self.rises
    cdef uint64_t shifted = (next_flat + next_flat) | flat[0]
    self.rises = (next_falling + next_falling) | falling[0] | (shifted & ~diagonal)
    self.falls = diagonal & ~shifted
    flat[0] = next_flat >> 63
    falling[0] = next_falling >> 63


cdef inline int few_words(const Long *self, int64_t *distance, Poll *stop) noexcept nogil:
    """The distance where the pattern has up to FEW_WORDS words, too few to fill a stripe."""
    cdef Column columns[FEW_WORDS]
    cdef int words = <int> ((self.rows + WORD - 1) // WORD)
    cdef Py_ssize_t skipped = words * WORD - self.rows
    cdef uint64_t *masks = <uint64_t *> calloc(<size_t> self.numbers * words, sizeof(uint64_t))
    cdef const uint64_t *row
    cdef uint64_t flat, falling
    cdef Py_ssize_t index, row_bit, end, start = 0
    cdef int word, status = OK
    if masks == NULL:
        return NO_MEMORY
    for index in range(self.rows):
        row_bit = skipped + index
        masks[self.pattern[index] * <Py_ssize_t> words + row_bit // WORD] |= (<uint64_t> 1) << row_bit % WORD
    for word in range(words):
        columns[word].rises = ~<uint64_t> 0
        columns[word].falls = 0
    columns[0].rises <<= skipped
    while start < self.columns and status == OK:
        end = min(self.columns, start + <Py_ssize_t> POLL_EVERY)
        for index in range(start, end):
            row = masks + self.text[LANES_U64 + index] * <Py_ssize_t> words
            flat = falling = 0
            for word in range(words):
                next_in_word(&columns[word], row[word], &flat, &falling)
        advance(stop, (end - start) * self.rows)
        start = end
        status = poll(stop)
    distance[0] = self.columns
    for word in range(words):
        distance[0] += ones(columns[word].rises) - ones(columns[word].falls)
    free(masks)
    return status


cdef inline int long_distance(
    const Text *pattern, const Text *text, int64_t limit, int64_t *distance, Poll *stop
) noexcept nogil:
    """The distance, or any number above the limit if it is; the pattern is not the longer of the two."""
    cdef Long self
    cdef size_t rows = <size_t> pattern.length, columns = <size_t> text.length
    cdef int64_t band = text.length if text.length <= SMALL else FIRST_BAND
    cdef void *planes = NULL
    cdef int status = OK
    band = max(min(band, limit), <int64_t> (text.length - pattern.length))
    self.rows = pattern.length
    self.columns = text.length
    self.told = 0
    self.pattern = <int32_t *> malloc(rows * sizeof(int32_t))
    self.text = <int32_t *> calloc(columns + 2 * LANES_U64, sizeof(int32_t))
    self.carry = <int8_t *> calloc(columns + LANES_U64, 1)
    if self.pattern == NULL or self.text == NULL or self.carry == NULL:
        status = NO_MEMORY
    if status == OK:
        status = number_symbols(&self, pattern, text, stop)
    if status == OK and pattern.length <= FEW_WORDS * WORD:
        status = few_words(&self, distance, stop)
    elif status == OK:
        planes = malloc(self.planes * (2 * sizeof(u64) + TILE_STRIDE * sizeof(uint64_t)) + ALIGNMENT)
        if planes == NULL:
            status = NO_MEMORY
    if planes != NULL:
        self.pattern_planes = <u64 *> align(planes)
        self.text_planes = <uint64_t *> (self.pattern_planes + 2 * self.planes)
        while True:
            status = banded(&self, band, distance, stop)
            if status != OK or distance[0] <= band or band >= limit:
                break
            band = min(min(distance[0], limit), BAND_GROWTH * band)
    free(planes)
    free(self.carry)
    free(self.text)
    free(self.pattern)
    return status


cdef inline int edit_distance(
    const Text *a, const Text *b, int64_t limit, int64_t *distance, Poll *stop
) noexcept nogil:
    """The distance, or limit + 1 where it is more."""
    cdef Text pattern = a[0]
    cdef Text text = b[0]
    cdef int status = strip(&pattern, &text, stop)
    if status != OK:
        return status
    advance(stop, a.length * b.length - pattern.length * text.length)
    if pattern.length > text.length:
        pattern, text = text, pattern
    if text.length - pattern.length > limit:
        distance[0] = limit + 1
        return OK
    if pattern.length == 0:
        distance[0] = text.length
    elif pattern.length <= WORD:
        status = short_distance(&pattern, &text, distance, stop)
    else:
        status = long_distance(&pattern, &text, limit, distance, stop)
    distance[0] = min(distance[0], limit + 1)
    return status


# Many short patterns.

cdef struct Block:
    const Text *queries
    Py_ssize_t query_count
    const Alphabet *alphabet  # of the queries
    const int32_t *numbers  # the queries' symbols, one query after the other
    const Text *choices
    Py_ssize_t choice_count
    void *masks  # two vectors for each symbol of the alphabet; NULL where the queries are too long for it
    int32_t *order  # the choices by length
    int32_t *rank  # where in that order each choice is
    uint8_t *ranked  # for each query, in that order, its distances from the choices, less its length, plus WORD
    uint8_t *ordered  # one query's, in the order of the choices
    int32_t *distances  # of the first query from the first choice; rows are `stride` apart
    Py_ssize_t stride
    int64_t limit


cdef inline int lanes_of(lanes *kind) noexcept nogil:
    if lanes is u8:
        return LANES_U8
    elif lanes is u16:
        return LANES_U16
    elif lanes is u32:
        return LANES_U32
    else:
        return LANES_U64


cdef inline lanes splat(lanes *kind, uint64_t value) noexcept nogil:
    if lanes is u8:
        return splat_u8(value)
    elif lanes is u16:
        return splat_u16(value)
    elif lanes is u32:
        return splat_u32(value)
    else:
        return splat_u64(value)


cdef inline void add_to_lane(lanes *target, int lane, uint64_t value) noexcept nogil:
    if lanes is u8:
        add_to_lane_u8(target, lane, <uint8_t> value)
    elif lanes is u16:
        add_to_lane_u16(target, lane, value)
    elif lanes is u32:
        add_to_lane_u32(target, lane, value)
    else:
        add_to_lane_u64(target, lane, value)


cdef inline int32_t lane_of(lanes *value, int lane) noexcept nogil:
    if lanes is u8:
        return <int32_t> lane_u8(value[0], lane)
    elif lanes is u16:
        return <int32_t> lane_u16(value[0], lane)
    elif lanes is u32:
        return <int32_t> lane_u32(value[0], lane)
    else:
        return <int32_t> lane_u64(value[0], lane)


cdef inline void next_in_lanes(lanes *rises, lanes *falls, lanes matches) noexcept nogil:
    """As `next_column`, in each lane."""
    cdef lanes x = matches | falls[0]
    cdef lanes diagonal = (((x & rises[0]) + rises[0]) ^ rises[0]) | x
    cdef lanes flat = (diagonal | rises[0]) & ~falls[0]
    cdef lanes falling = diagonal & rises[0]
    flat = flat + flat
    rises[0] = (falling + falling) | (flat & ~diagonal)
    falls[0] = diagonal & ~flat


cdef inline lanes balance(lanes rises, lanes falls) noexcept nogil:
    """The number of rises less that of falls, plus the bits of a lane."""
    cdef lanes odd = splat[lanes](&rises, 0x5555555555555555ULL)
    cdef lanes low = splat[lanes](&rises, 0x3333333333333333ULL)
    cdef lanes sums
    rises = rises - ((rises >> 1) & odd)
    falls = falls - ((falls >> 1) & odd)
    rises = (rises & low) + ((rises >> 2) & low)
    falls = (falls & low) + ((falls >> 2) & low)
    sums = rises + splat[lanes](&rises, 0x4444444444444444ULL) - falls  # 0 to 8 in each four bits
    low = splat[lanes](&rises, 0x0f0f0f0f0f0f0f0fULL)
    sums = (sums & low) + ((sums >> 4) & low)
    if lanes is u16 or lanes is u32 or lanes is u64:
        sums = sums + (sums >> 8)
    if lanes is u32 or lanes is u64:
        sums = sums + (sums >> 16)
    if lanes is u64:
        sums = sums + (sums >> 32)
    return sums & splat[lanes](&rises, 0xff)


cdef inline int compare(
    const Block *self, Py_ssize_t first, Py_ssize_t last, lanes *kind, int64_t *work, Poll *stop
) noexcept nogil:
    """Compares every query with the choices of ranks ``first`` to ``last``: as many as two vectors have lanes."""
    cdef lanes *masks = <lanes *> self.masks
    cdef lanes *row
    cdef lanes start[2]
    cdef lanes rises[2]
    cdef lanes falls[2]
    cdef const int32_t *numbers = self.numbers
    cdef const Text *choice
    cdef uint8_t *ranked
    cdef int32_t number
    cdef uint64_t bit
    cdef Py_ssize_t index, query, position, length
    cdef int half, lane, status, width = lanes_of[lanes](kind)
    cdef int bits = <int> (8 * sizeof(lanes)) // width

    memset(masks, 0, 2 * sizeof(lanes) * <size_t> self.alphabet.size)
    memset(start, 0, sizeof(start))
    for index in range(last - first):
        choice = &self.choices[self.order[first + index]]
        half = <int> (index // width)
        lane = <int> (index % width)
        if choice.length == 0:
            continue
        bit = (<uint64_t> 1) << (bits - choice.length)
        add_to_lane[lanes](&start[half], lane, ~(bit - 1))
        for position in range(choice.length):
            number = number_of(self.alphabet, symbol(choice, position))
            if number >= 0:
                add_to_lane[lanes](&masks[2 * <size_t> number + half], lane, bit)
            bit += bit

    for query in range(self.query_count):
        length = self.queries[query].length
        rises[0] = start[0]
        rises[1] = start[1]
        falls[0] = falls[1] = splat[lanes](kind, 0)
        for position in range(length):
            row = masks + 2 * <size_t> numbers[position]
            next_in_lanes[lanes](&rises[0], &falls[0], row[0])
            next_in_lanes[lanes](&rises[1], &falls[1], row[1])
        numbers += length
        rises[0] = balance[lanes](rises[0], falls[0])
        rises[1] = balance[lanes](rises[1], falls[1])
        settle(rises)
        ranked = self.ranked + query * RANKED_STRIDE + first
        for half in range(2):
            for lane in range(width):
                ranked[half * width + lane] = <uint8_t> (lane_of[lanes](&rises[half], lane) + WORD - bits)
        status = poll_each(stop, work, length + 16, POLL_EVERY)
        if status != OK:
            return status
    advance(stop, self.query_count * (last - first))
    return OK


cdef inline void sort_by_length(Block *self, Py_ssize_t *ends) noexcept nogil:
    """Ranks the choices, and tells at which rank each length ends; what is longer than a word is last."""
    cdef Py_ssize_t starts[WORD + 2]
    cdef Py_ssize_t index, length, position = 0
    memset(ends, 0, (WORD + 2) * sizeof(Py_ssize_t))
    for index in range(self.choice_count):
        ends[min(self.choices[index].length, <Py_ssize_t> WORD + 1)] += 1
    for length in range(WORD + 2):
        starts[length] = position
        position += ends[length]
        ends[length] = position
    for index in range(self.choice_count):
        length = min(self.choices[index].length, <Py_ssize_t> WORD + 1)
        self.order[starts[length]] = <int32_t> index
        self.rank[index] = <int32_t> starts[length]
        starts[length] += 1


cdef inline int compare_class(
    Block *self, Py_ssize_t begin, Py_ssize_t end, lanes *kind, int64_t *work, Poll *stop
) noexcept nogil:
    cdef Py_ssize_t step = 2 * lanes_of[lanes](kind)
    cdef int status
    while begin < end:
        status = compare[lanes](self, begin, min(begin + step, end), kind, work, stop)
        if status != OK:
            return status
        begin += step
    return OK


cdef inline void reorder(
    const uint8_t *ranked, const int32_t *rank, Py_ssize_t count, uint8_t *ordered
) noexcept nogil:
    cdef Py_ssize_t index
    cdef uint8_t a, b, c, d
    # Four loads before the first store, which for all the compiler knows could change what is loaded.
    for index in range(count // 4):
        a = ranked[rank[4 * index]]
        b = ranked[rank[4 * index + 1]]
        c = ranked[rank[4 * index + 2]]
        d = ranked[rank[4 * index + 3]]
        ordered[4 * index] = a
        ordered[4 * index + 1] = b
        ordered[4 * index + 2] = c
        ordered[4 * index + 3] = d
    for index in range(count // 4 * 4, count):
        ordered[index] = ranked[rank[index]]


cdef inline void write_distances(const Block *self) noexcept nogil:
    """Brings the distances into the order of the choices, by way of bytes so that the rest is done in vectors."""
    cdef int32_t *distances
    cdef int32_t base, limit = <int32_t> min(self.limit + 1, <int64_t> 0x7fffffff)
    cdef Py_ssize_t query, index
    for query in range(self.query_count):
        reorder(self.ranked + query * RANKED_STRIDE, self.rank, self.choice_count, self.ordered)
        base = <int32_t> self.queries[query].length - WORD
        distances = self.distances + query * self.stride
        for index in range(self.choice_count):
            distances[index] = min(base + <int32_t> self.ordered[index], limit)


cdef inline int compare_pairs(
    Block *self, Py_ssize_t begin, Py_ssize_t end, int64_t *work, Poll *stop
) noexcept nogil:
    """Compares every query with the choices of ranks ``begin`` to ``end``, one by one."""
    cdef Py_ssize_t query, index
    cdef int64_t distance = 0
    cdef Poll untold = stop[0]  # `edit_distance` counts elements of its matrix, which are not what is told of here
    cdef int status
    untold.progress = NULL
    for query in range(self.query_count):
        for index in range(begin, end):
            status = poll_each(&untold, work, self.queries[query].length + WORD, POLL_EVERY)
            if status == OK:
                status = edit_distance(
                    &self.queries[query], &self.choices[self.order[index]], self.limit, &distance, &untold
                )
            if status != OK:
                return status
            advance(stop, 1)
            self.distances[query * self.stride + self.order[index]] = <int32_t> distance
    return OK


cdef inline int compare_block(Block *self, int64_t *work, Poll *stop) noexcept nogil:
    """Compares all queries with all choices of the block, in the narrowest lanes that hold a choice."""
    cdef Py_ssize_t ends[WORD + 2]
    cdef int status
    sort_by_length(self, ends)
    if self.masks == NULL:
        return compare_pairs(self, 0, self.choice_count, work, stop)
    status = compare_class[u8](self, 0, ends[8], <u8 *> NULL, work, stop)
    if status == OK:
        status = compare_class[u16](self, ends[8], ends[16], <u16 *> NULL, work, stop)
    if status == OK:
        status = compare_class[u32](self, ends[16], ends[32], <u32 *> NULL, work, stop)
    if status == OK:
        status = compare_class[u64](self, ends[32], ends[WORD], <u64 *> NULL, work, stop)
    if status == OK:
        write_distances(self)
        status = compare_pairs(self, ends[WORD], self.choice_count, work, stop)
    return status


cdef inline int take_queries(
    Block *self, Py_ssize_t count, Alphabet *alphabet, int32_t *numbers, void **memory
) noexcept nogil:
    """Takes the next queries whose symbols are few enough to be numbered and kept, or one that has too many itself."""
    cdef const Text *query
    cdef Py_ssize_t index, total = 0
    cdef int status
    self.query_count = 0
    self.masks = NULL
    discard(alphabet)
    clear(alphabet)
    if self.queries[0].length > QUERY_SYMBOLS:
        self.query_count = 1
        return OK
    while self.query_count < min(count, <Py_ssize_t> QUERIES):
        query = &self.queries[self.query_count]
        if total + query.length > QUERY_SYMBOLS:
            break
        for index in range(query.length):
            status = enter(alphabet, symbol(query, index), &numbers[total + index])
            if status != OK:
                return status
        total += query.length
        self.query_count += 1
    free(memory[0])
    memory[0] = malloc(2 * sizeof(u64) * <size_t> alphabet.size + ALIGNMENT)
    if memory[0] == NULL:
        return NO_MEMORY
    self.masks = align(memory[0])
    return OK


cdef inline int edit_distances(
    const Text *queries, Py_ssize_t query_count, const Text *choices, Py_ssize_t choice_count, int64_t limit,
    int32_t *distances, Poll *stop,
) noexcept nogil:
    """distances[query, choice], limit + 1 where it is more."""
    cdef Block block
    cdef Alphabet alphabet
    cdef Py_ssize_t first, symbols = 0, tile = min(choice_count, <Py_ssize_t> CHOICES)
    cdef int32_t *numbers
    cdef void *masks = NULL
    cdef int64_t work = 0
    cdef int status = OK
    if query_count == 0 or choice_count == 0:
        return OK
    first = 0
    while first < query_count and symbols < QUERY_SYMBOLS:
        symbols = min(symbols + min(queries[first].length, <Py_ssize_t> QUERY_SYMBOLS), <Py_ssize_t> QUERY_SYMBOLS)
        first += 1
    numbers = <int32_t *> malloc((symbols + 1) * sizeof(int32_t))
    block.order = <int32_t *> malloc(tile * sizeof(int32_t))
    block.rank = <int32_t *> malloc(tile * sizeof(int32_t))
    block.ordered = <uint8_t *> malloc(tile)
    block.ranked = <uint8_t *> malloc(min(query_count, <Py_ssize_t> QUERIES) * RANKED_STRIDE)
    if (
        numbers == NULL or block.order == NULL or block.rank == NULL or block.ordered == NULL or block.ranked == NULL
    ):
        status = NO_MEMORY
    clear(&alphabet)
    block.queries = queries
    block.alphabet = &alphabet
    block.numbers = numbers
    block.stride = choice_count
    block.limit = limit
    while query_count > 0 and status == OK:
        status = take_queries(&block, query_count, &alphabet, numbers, &masks)
        first = 0
        while first < choice_count and status == OK:
            block.choices = choices + first
            block.choice_count = min(choice_count - first, <Py_ssize_t> CHOICES)
            block.distances = distances + first
            status = compare_block(&block, &work, stop)
            if status == OK:
                status = poll_each(stop, &work, block.choice_count, POLL_EVERY)
            first += block.choice_count
        query_count -= block.query_count
        block.queries += block.query_count
        distances += block.query_count * choice_count
    discard(&alphabet)
    free(masks)
    free(block.ranked)
    free(block.ordered)
    free(block.rank)
    free(block.order)
    free(numbers)
    return status
