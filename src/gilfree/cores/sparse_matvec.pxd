"""The product of a sparse matrix, in compressed sparse rows, with a vector or with several side by side.

The kernel is bound by the memory that the matrix comes from, so what counts is that nothing else stands in the way.
Short rows go through the simplest of loops, whose end the processor mispredicts at most once; long ones through four
sums, which hide the latency of adding. The check of a column number is one compare and a branch that is never taken.
Entries are fetched well ahead: the processor's own prefetching ends at each page and begins anew at the next.

Sums are float64 whatever the dtypes. In which order a row is added up depends on its length alone, for one vector as
for many: column j of the result is bit for bit the product with column j alone.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t, uintptr_t

from gilfree.cores.lanes cimport LANES_F64, f64, splat_f64
from gilfree.cores.stop cimport BAD_COLUMN, BAD_ROW_OFFSETS, OK, Poll, advance, advance_each, poll_each, rarely

cdef extern from *:
    """
    #ifndef GILFREE_SPARSE_MATVEC
    #define GILFREE_SPARSE_MATVEC
    #if defined(__GNUC__)
        #define gilfree_fetch(p) __builtin_prefetch((const void *)(p))
        typedef float gilfree_narrow __attribute__((vector_size(GILFREE_VECTOR_BYTES / 2)));
        typedef float gilfree_narrow_at __attribute__((vector_size(GILFREE_VECTOR_BYTES / 2), aligned(4), may_alias));
        #define gilfree_widen_float(p) __builtin_convertvector(*(const gilfree_narrow_at *)(p), gilfree_f64)
        #define gilfree_widen_double(p) gilfree_load_f64(p)
        #define gilfree_narrow_float(p, v) (*(gilfree_narrow_at *)(p) = __builtin_convertvector((v), gilfree_narrow))
        #define gilfree_narrow_double(p, v) (*(gilfree_f64_at *)(p) = (v))
    #else
        #define gilfree_fetch(p) ((void)(p))
        #define gilfree_widen_float(p) ((double)*(p))
        #define gilfree_widen_double(p) (*(p))
        #define gilfree_narrow_float(p, v) (*(p) = (float)(v))
        #define gilfree_narrow_double(p, v) (*(p) = (v))
    #endif
    #endif
    """
    void fetch "gilfree_fetch"(uintptr_t address) noexcept nogil  # which may be anywhere
    f64 widen_float "gilfree_widen_float"(const float *source) noexcept nogil
    f64 widen_double "gilfree_widen_double"(const double *source) noexcept nogil
    void narrow_float "gilfree_narrow_float"(float *target, f64 value) noexcept nogil
    void narrow_double "gilfree_narrow_double"(double *target, f64 value) noexcept nogil

ctypedef fused entry_t:
    float
    double

ctypedef fused number_t:  # of the vector and the result
    float
    double

ctypedef fused column_t:
    int32_t
    int64_t

cdef enum:
    LONG_ROW = 24  # entries from which four sums are faster than one
    PIECE = 16_384  # entries of a long row between two polls
    GROUP = 64  # short rows between two polls
    SLAB = 1 << 14  # rows
    POLL_EVERY = 65_536  # entries: 30 to 300 µs
    AHEAD = 1024  # entries


cdef inline f64 widen(const number_t *source) noexcept nogil:
    if number_t is float:
        return widen_float(source)
    else:
        return widen_double(source)


cdef inline void narrow(number_t *target, f64 value) noexcept nogil:
    if number_t is float:
        narrow_float(target, value)
    else:
        narrow_double(target, value)


cdef inline void fetch_entries(const entry_t *data, const column_t *columns, int64_t first) noexcept nogil:
    fetch(<uintptr_t> data + <uintptr_t> first * sizeof(entry_t))
    fetch(<uintptr_t> columns + <uintptr_t> first * sizeof(column_t))


cdef inline int short_row(
    const entry_t *data, const column_t *columns, int64_t start, int64_t end,
    const number_t *x, int64_t n, Py_ssize_t step, number_t *y,
) noexcept nogil:
    cdef double sum = 0
    cdef int64_t column, k

    for k in range(start, end):
        column = columns[k]
        if rarely(<uint64_t> column >= <uint64_t> n):
            return BAD_COLUMN
        sum = sum + <double> data[k] * x[step * column]
    y[0] = <number_t> sum
    return OK


cdef inline int short_row_lanes(
    const entry_t *data, const column_t *columns, int64_t start, int64_t end,
    const number_t *x, int64_t n, Py_ssize_t step, number_t *y,
) noexcept nogil:
    cdef f64 sum = splat_f64(0)
    cdef int64_t column, k

    for k in range(start, end):
        column = columns[k]
        if rarely(<uint64_t> column >= <uint64_t> n):
            return BAD_COLUMN
        sum = sum + splat_f64(data[k]) * widen(x + step * column)
    narrow(y, sum)
    return OK


cdef inline int long_row(
    const entry_t *data, const column_t *columns, int64_t start, int64_t end,
    const number_t *x, int64_t n, Py_ssize_t step, number_t *y, int64_t *work, Poll *stop,
) noexcept nogil:
    """y[0] = Σ data[k]·x[step·columns[k]] for k from `start` to `end`."""
    cdef double a = 0, b = 0, c = 0, d = 0
    cdef int64_t first, second, third, fourth, pause, k = start
    cdef uint64_t limit = <uint64_t> n  # as an unsigned number, a negative one is out of range too
    cdef int status

    while k + 4 <= end:
        pause = min(end, k + PIECE)
        status = poll_each(stop, work, pause - k, POLL_EVERY)
        if status != OK:
            return status
        while k + 4 <= pause:
            fetch(<uintptr_t> data + <uintptr_t> (k + AHEAD) * sizeof(entry_t))
            first, second, third, fourth = columns[k], columns[k + 1], columns[k + 2], columns[k + 3]
            if rarely(<uint64_t> first >= limit or <uint64_t> second >= limit):
                return BAD_COLUMN
            if rarely(<uint64_t> third >= limit or <uint64_t> fourth >= limit):
                return BAD_COLUMN
            a = a + <double> data[k] * x[step * first]
            b = b + <double> data[k + 1] * x[step * second]
            c = c + <double> data[k + 2] * x[step * third]
            d = d + <double> data[k + 3] * x[step * fourth]
            k += 4
    while k < end:
        first = columns[k]
        if rarely(<uint64_t> first >= limit):
            return BAD_COLUMN
        a = a + <double> data[k] * x[step * first]
        k += 1
    y[0] = <number_t> ((a + b) + (c + d))
    return OK


cdef inline int long_row_lanes(
    const entry_t *data, const column_t *columns, int64_t start, int64_t end,
    const number_t *x, int64_t n, Py_ssize_t step, number_t *y, int64_t *work, Poll *stop,
) noexcept nogil:
    """The same for as many neighbouring vectors as a register has lanes."""
    cdef f64 a = splat_f64(0), b = splat_f64(0), c = splat_f64(0), d = splat_f64(0)
    cdef int64_t first, second, third, fourth, pause, k = start
    cdef uint64_t limit = <uint64_t> n  # as an unsigned number, a negative one is out of range too
    cdef int status

    while k + 4 <= end:
        pause = min(end, k + PIECE)
        status = poll_each(stop, work, pause - k, POLL_EVERY)
        if status != OK:
            return status
        while k + 4 <= pause:
            fetch(<uintptr_t> data + <uintptr_t> (k + AHEAD) * sizeof(entry_t))
            first, second, third, fourth = columns[k], columns[k + 1], columns[k + 2], columns[k + 3]
            if rarely(<uint64_t> first >= limit or <uint64_t> second >= limit):
                return BAD_COLUMN
            if rarely(<uint64_t> third >= limit or <uint64_t> fourth >= limit):
                return BAD_COLUMN
            a = a + splat_f64(data[k]) * widen(x + step * first)
            b = b + splat_f64(data[k + 1]) * widen(x + step * second)
            c = c + splat_f64(data[k + 2]) * widen(x + step * third)
            d = d + splat_f64(data[k + 3]) * widen(x + step * fourth)
            k += 4
    while k < end:
        first = columns[k]
        if rarely(<uint64_t> first >= limit):
            return BAD_COLUMN
        a = a + splat_f64(data[k]) * widen(x + step * first)
        k += 1
    narrow(y, (a + b) + (c + d))
    return OK


cdef inline int check_row(
    const column_t *columns, int64_t start, int64_t end, int64_t n, int64_t *work, Poll *stop
) noexcept nogil:
    """What is left of a row's work where there is no vector to multiply it with."""
    cdef int64_t pause, k = start
    cdef int status

    while k < end:
        pause = min(end, k + PIECE)
        status = poll_each(stop, work, pause - k, POLL_EVERY)
        if status != OK:
            return status
        while k < pause:
            if rarely(<uint64_t> columns[k] >= <uint64_t> n):
                return BAD_COLUMN
            k += 1
    return OK


cdef inline int times_one(
    const entry_t *data, const column_t *columns, const column_t *starts, const column_t *ends, Py_ssize_t rows,
    int64_t stored, const number_t *x, int64_t n, number_t *y, Poll *stop,
) noexcept nogil:
    cdef int64_t start, end, work = 0
    cdef Py_ssize_t row, group, first
    cdef int status

    for group in range((rows + GROUP - 1) // GROUP):
        status = poll_each(stop, &work, GROUP * LONG_ROW // 2, POLL_EVERY)
        if status != OK:
            return status
        first = group * GROUP
        for row in range(first, min(first + GROUP, rows)):
            start, end = starts[row], ends[row]
            if rarely(not 0 <= start <= end <= stored):
                return BAD_ROW_OFFSETS
            if rarely(end - start >= LONG_ROW):
                status = long_row(data, columns, start, end, x, n, 1, y + row, &work, stop)
            else:
                fetch_entries(data, columns, start + AHEAD)
                status = short_row(data, columns, start, end, x, n, 1, y + row)
            if rarely(status != OK):
                return status
    return OK


cdef inline int times_many(
    const entry_t *data, const column_t *columns, const column_t *starts, const column_t *ends, Py_ssize_t rows,
    int64_t stored, const number_t *x, int64_t n, Py_ssize_t vectors, number_t *y, Poll *stop,
) noexcept nogil:
    """`times_one` for vectors whose numbers lie side by side: a register of them at a time, or one if they are few."""
    cdef int64_t start, end, work = 0, untold = 0
    cdef Py_ssize_t row, vector
    cdef bint few = vectors < LANES_F64 or LANES_F64 == 1
    cdef int status = OK

    for row in range(rows):
        start, end = starts[row], ends[row]
        if rarely(not 0 <= start <= end <= stored):
            return BAD_ROW_OFFSETS
        fetch_entries(data, columns, start + AHEAD)
        vector = 0
        if rarely(vectors == 0):
            status = check_row(columns, start, end, n, &work, stop)
        while vector < vectors and status == OK:
            if few and end - start >= LONG_ROW:
                status = long_row(
                    data, columns, start, end, x + vector, n, vectors, y + row * vectors + vector, &work, stop
                )
            elif few:
                status = short_row(data, columns, start, end, x + vector, n, vectors, y + row * vectors + vector)
            else:
                # The last register goes back over vectors that are done: the same numbers once more.
                vector = min(vector, vectors - LANES_F64)
                if end - start >= LONG_ROW:
                    status = long_row_lanes(
                        data, columns, start, end, x + vector, n, vectors, y + row * vectors + vector, &work, stop
                    )
                else:
                    status = short_row_lanes(
                        data, columns, start, end, x + vector, n, vectors, y + row * vectors + vector
                    )
            vector += 1 if few else LANES_F64
            if status == OK:
                status = poll_each(stop, &work, LONG_ROW, POLL_EVERY)
        if status == OK:
            status = poll_each(stop, &work, LONG_ROW, POLL_EVERY)
        if rarely(status != OK):
            return status
        advance_each(stop, &untold, 1, GROUP)
    advance(stop, untold)
    return OK


cdef inline int times(
    const entry_t *data, const column_t *columns, const column_t *starts, const column_t *ends, Py_ssize_t rows,
    int64_t stored, const number_t *x, int64_t n, Py_ssize_t vectors, number_t *y, Poll *stop,
) noexcept nogil:
    cdef Py_ssize_t first = 0, slab
    cdef int status = OK
    if vectors != 1:
        return times_many(data, columns, starts, ends, rows, stored, x, n, vectors, y, stop)
    while first < rows and status == OK:
        # Told of from out here: one more thing to do between the groups of a slab takes a twentieth of the time.
        slab = min(<Py_ssize_t> SLAB, rows - first)
        status = times_one(data, columns, starts + first, ends + first, slab, stored, x, n, y + first, stop)
        if status == OK:
            advance(stop, slab)
        first += slab
    return status


cdef inline int sparse_matvec(
    const void *data, bint data_is_double, const void *columns, const void *starts, const void *ends,
    bint columns_are_64_bit, Py_ssize_t rows, int64_t stored,
    const void *x, bint x_is_double, int64_t n, Py_ssize_t vectors, void *y, Poll *stop,
) noexcept nogil:
    """y[row, :] = Σ data[k]·x[columns[k], :] for k from starts[row] to ends[row]; y is of x's dtype.

    There are `stored` entries. float64 data need a float64 x.
    """
    if columns_are_64_bit:
        if data_is_double:
            return times(
                <const double *> data, <const int64_t *> columns, <const int64_t *> starts, <const int64_t *> ends,
                rows, stored, <const double *> x, n, vectors, <double *> y, stop,
            )
        if x_is_double:
            return times(
                <const float *> data, <const int64_t *> columns, <const int64_t *> starts, <const int64_t *> ends,
                rows, stored, <const double *> x, n, vectors, <double *> y, stop,
            )
        return times(
            <const float *> data, <const int64_t *> columns, <const int64_t *> starts, <const int64_t *> ends,
            rows, stored, <const float *> x, n, vectors, <float *> y, stop,
        )
    if data_is_double:
        return times(
            <const double *> data, <const int32_t *> columns, <const int32_t *> starts, <const int32_t *> ends,
            rows, stored, <const double *> x, n, vectors, <double *> y, stop,
        )
    if x_is_double:
        return times(
            <const float *> data, <const int32_t *> columns, <const int32_t *> starts, <const int32_t *> ends,
            rows, stored, <const double *> x, n, vectors, <double *> y, stop,
        )
    return times(
        <const float *> data, <const int32_t *> columns, <const int32_t *> starts, <const int32_t *> ends,
        rows, stored, <const float *> x, n, vectors, <float *> y, stop,
    )
