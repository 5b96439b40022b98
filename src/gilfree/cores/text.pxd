"""Text as cores see it, symbols of one, two or four bytes, and alphabets, which number the symbols that occur.

Numbers are small and dense where code points are neither, so tables can be indexed by them. An alphabet is a table of
pages: finding a number takes two loads whatever the symbols are, and no text can be made up to slow it down, as it
can a hash.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from gilfree.cores.stop cimport NO_MEMORY, OK

cdef enum:
    PAGE = 256
    PAGES = 0x110000 // PAGE  # of all code points


cdef struct Text:
    const void *symbols
    Py_ssize_t length  # in symbols
    int width  # bytes of a symbol: 1, 2 or 4


cdef struct Alphabet:
    int32_t size  # symbols numbered so far, which is the next number
    int32_t first[PAGE]  # the numbers of symbols 0 to 255, −1 where a symbol has none
    int32_t **others  # the other pages; NULL where none of a page's symbols has a number


cdef inline uint32_t symbol(const Text *self, Py_ssize_t index) noexcept nogil:
    if self.width == 1:
        return (<const uint8_t *> self.symbols)[index]
    if self.width == 2:
        return (<const uint16_t *> self.symbols)[index]
    return (<const uint32_t *> self.symbols)[index]


cdef inline Text part(const Text *self, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Text result
    result.symbols = <const char *> self.symbols + start * self.width
    result.length = stop - start
    result.width = self.width
    return result


cdef inline void clear(Alphabet *self) noexcept nogil:
    """Makes an alphabet of what was no alphabet before."""
    self.size = 0
    self.others = NULL
    memset(self.first, 0xff, sizeof(self.first))


cdef inline void discard(Alphabet *self) noexcept nogil:
    if self.others != NULL:
        for page in range(PAGES):
            free(self.others[page])
        free(self.others)
        self.others = NULL


cdef inline int32_t number_of(const Alphabet *self, uint32_t code) noexcept nogil:
    """The symbol's number, or −1."""
    if code < PAGE:
        return self.first[code]
    if self.others == NULL or code // PAGE >= PAGES or self.others[code // PAGE] == NULL:
        return -1
    return self.others[code // PAGE][code % PAGE]


cdef inline int enter(Alphabet *self, uint32_t code, int32_t *number) noexcept nogil:
    """Gives the symbol a number if it has none."""
    cdef int32_t *page = self.first
    if code >= PAGE:
        if code // PAGE >= PAGES:  # no code point
            code = 0x10ffff
        if self.others == NULL:
            self.others = <int32_t **> calloc(PAGES, sizeof(int32_t *))
            if self.others == NULL:
                return NO_MEMORY
        page = self.others[code // PAGE]
        if page == NULL:
            page = <int32_t *> malloc(PAGE * sizeof(int32_t))
            if page == NULL:
                return NO_MEMORY
            memset(page, 0xff, PAGE * sizeof(int32_t))
            self.others[code // PAGE] = page
    if page[code % PAGE] < 0:
        page[code % PAGE] = self.size
        self.size += 1
    number[0] = page[code % PAGE]
    return OK
