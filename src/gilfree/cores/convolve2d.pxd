"""Two-dimensional convolution with zeros around the image, directly from the definition.

Every element of the result is one chain of rounded products, added up in one order: from the first row of the image
that counts to the last, within it from right to left. Where the kernel's columns are their own mirror image, as those
of a blur are, the two elements of the image that meet one weight are added first, which saves half of the products and
three eighths of the additions; a column in the middle comes last.

Nothing is fused, because a level without an instruction for it could not keep up; so the result is the same on every
level, for every cut of the rows. Where multiplications and additions go to different units, as on a Zen 4, that costs
nothing; where they share units, as on Intel's processors, a fused multiply-add would take half the time.

**Order of work.** The result is computed in tiles of four rows by four registers (by two, where a level has sixteen
registers), which stay in registers. A row of the image meets up to four rows of the kernel, one for each row of the
tile; so a step through one column is sixteen products for eight loads. Above and below the tile fewer of its rows take
part: these steps are separate loops. Tiles at the sides read a copy of the image's edges with zeros beyond them.

Rows of the image and columns of the kernel that would meet only zeros are left out, which changes no bit as long as the
kernel is finite: a sum that starts from +0 is never −0, and adding ±0 leaves it as it is. A kernel that is not finite
makes NaN of the zeros around the image, and takes a loop with no such shortcut.
"""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from gilfree.cores.lanes cimport LANES_F32, LANES_F64
from gilfree.cores.stop cimport NO_MEMORY, OK, Poll, advance, poll_each

cdef extern from *:
    """
    #ifndef GILFREE_CONVOLVE2D_GUARD
    #define GILFREE_CONVOLVE2D_GUARD
    #if defined(__GNUC__)
        #define gilfree_store_at_f64(p, v) (*(gilfree_f64_at *)(p) = (v))
        #define GILFREE_CONVOLVE2D_INLINE static inline __attribute__((always_inline))
    #else
        #define gilfree_store_at_f64(p, v) (*(p) = (v))
        #define GILFREE_CONVOLVE2D_INLINE static inline
    #endif
    #define gilfree_store_at_f32(p, v) gilfree_store_f32(p, v)
    /* Has a number in a register: gcc else loads it anew from memory for each of its products. */
    #if defined(__GNUC__) && defined(__AVX512F__)
        #define gilfree_keep(x) __asm__("" : "+v"(x))
    #elif defined(__GNUC__) && defined(__SSE2__)
        #define gilfree_keep(x) __asm__("" : "+x"(x))
    #elif defined(__GNUC__) && defined(__aarch64__)
        #define gilfree_keep(x) __asm__("" : "+w"(x))
    #else
        #define gilfree_keep(x) ((void)(x))
    #endif

    /* Registers in each row of a wide tile: there are thirty-two in all, or sixteen. */
    #if defined(__AVX512F__) || defined(__aarch64__)
        #define GILFREE_CONVOLVE2D_ACROSS 4
    #else
        #define GILFREE_CONVOLVE2D_ACROSS 2
    #endif
    #define GILFREE_CONVOLVE2D_FOUR (wide && GILFREE_CONVOLVE2D_ACROSS == 4)

    /* One product for each register of a row of the tile. */
    #define GILFREE_CONVOLVE2D_ADD(row, take_part, weight, TYPE) \\
        if (take_part) { \\
            const gilfree_##TYPE k = gilfree_splat_##TYPE(weight); \\
            row##0 += k * x0; \\
            if (wide) row##1 += k * x1; \\
            if (GILFREE_CONVOLVE2D_FOUR) { \\
                row##2 += k * x2; \\
                row##3 += k * x3; \\
            } \\
        }

    /* A column of the kernel, or two that are alike, with those rows of the tile that are in `rows`. */
    #define GILFREE_CONVOLVE2D_ALONE(v, at, TYPE) gilfree_load_##TYPE(image - (v) + at)
    #define GILFREE_CONVOLVE2D_PAIR(v, at, TYPE) \\
        (gilfree_load_##TYPE(image - (v) + at) + gilfree_load_##TYPE(image - (width - 1 - (v)) + at))
    #define GILFREE_CONVOLVE2D_COLUMN(rows, LOAD, v, TYPE, LANES) { \\
            gilfree_##TYPE x0 = LOAD(v, 0, TYPE), x1 = x0, x2 = x0, x3 = x0; \\
            gilfree_keep(x0); \\
            if (wide) { \\
                x1 = LOAD(v, LANES, TYPE); \\
                gilfree_keep(x1); \\
            } \\
            if (GILFREE_CONVOLVE2D_FOUR) { \\
                x2 = LOAD(v, 2 * LANES, TYPE); \\
                x3 = LOAD(v, 3 * LANES, TYPE); \\
                gilfree_keep(x2); \\
                gilfree_keep(x3); \\
            } \\
            GILFREE_CONVOLVE2D_ADD(a, (rows) & 1, kernel[v], TYPE) \\
            GILFREE_CONVOLVE2D_ADD(b, (rows) & 2, kernel[width + (v)], TYPE) \\
            GILFREE_CONVOLVE2D_ADD(c, (rows) & 4, kernel[2 * width + (v)], TYPE) \\
            GILFREE_CONVOLVE2D_ADD(d, (rows) & 8, kernel[3 * width + (v)], TYPE) \\
        }

    /* One row of the image. */
    #define GILFREE_CONVOLVE2D_STEP(rows, TYPE, LANES) \\
        for (ptrdiff_t v = 0; v < pairs; v++) \\
            GILFREE_CONVOLVE2D_COLUMN(rows, GILFREE_CONVOLVE2D_PAIR, v, TYPE, LANES) \\
        for (ptrdiff_t v = begin; v < end; v++) \\
            GILFREE_CONVOLVE2D_COLUMN(rows, GILFREE_CONVOLVE2D_ALONE, v, TYPE, LANES) \\
        image += stride; \\
        kernel -= width; \\
        step++;

    #define GILFREE_CONVOLVE2D_MOVE(DO, TYPE, LANES) \\
        DO(a, 0, TYPE, LANES) \\
        if (four) { DO(b, 1, TYPE, LANES) DO(c, 2, TYPE, LANES) DO(d, 3, TYPE, LANES) }
    #define GILFREE_CONVOLVE2D_LOAD(row, number, TYPE, LANES) \\
        row##0 = gilfree_load_##TYPE(sums + number * columns); \\
        if (wide) row##1 = gilfree_load_##TYPE(sums + number * columns + LANES); \\
        if (GILFREE_CONVOLVE2D_FOUR) { \\
            row##2 = gilfree_load_##TYPE(sums + number * columns + 2 * LANES); \\
            row##3 = gilfree_load_##TYPE(sums + number * columns + 3 * LANES); \\
        }
    #define GILFREE_CONVOLVE2D_STORE(row, number, TYPE, LANES) \\
        gilfree_store_at_##TYPE(sums + number * columns, row##0); \\
        if (wide) gilfree_store_at_##TYPE(sums + number * columns + LANES, row##1); \\
        if (GILFREE_CONVOLVE2D_FOUR) { \\
            gilfree_store_at_##TYPE(sums + number * columns + 2 * LANES, row##2); \\
            gilfree_store_at_##TYPE(sums + number * columns + 3 * LANES, row##3); \\
        }

    struct gilfree_convolve2d_part {
        ptrdiff_t step, last; /* rows of the image; number 0 is the first that meets the kernel's last row */
        ptrdiff_t pairs; /* columns of the kernel that come with their mirror images, from the first on */
        ptrdiff_t begin, end; /* columns without */
        ptrdiff_t height, width; /* of the kernel */
        ptrdiff_t stride; /* from one row of the image to the next */
        ptrdiff_t columns; /* from one row of the sums to the next */
    };

    /* The sums of a tile of four rows or one, wide or of a single register, go on through this part. Pointers are to
       the image's row for the part's first step, and to the kernel's row that meets it in the tile's first row, which
       lies above the kernel where that row does not take part. Four rows need a kernel of three or more. */
    #define GILFREE_CONVOLVE2D(NAME, REAL, TYPE, LANES) \\
        GILFREE_CONVOLVE2D_INLINE void NAME##_tile( \\
            int four, int wide, int fresh, const struct gilfree_convolve2d_part *part, const REAL *image, \\
            const REAL *kernel, REAL *sums \\
        ) { \\
            const ptrdiff_t last = part->last, begin = part->begin, end = part->end, height = part->height; \\
            const ptrdiff_t width = part->width, stride = part->stride, columns = part->columns; \\
            const ptrdiff_t pairs = part->pairs; \\
            ptrdiff_t step = part->step; \\
            gilfree_##TYPE a0 = gilfree_splat_##TYPE(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0; \\
            gilfree_##TYPE b3 = a0, c0 = a0, c1 = a0, c2 = a0, c3 = a0, d0 = a0, d1 = a0, d2 = a0, d3 = a0; \\
            if (!fresh) { GILFREE_CONVOLVE2D_MOVE(GILFREE_CONVOLVE2D_LOAD, TYPE, LANES) } \\
            if (!four) { \\
                while (step < last) { GILFREE_CONVOLVE2D_STEP(1, TYPE, LANES) } \\
            } else { \\
                if (step == 0 && step < last) { GILFREE_CONVOLVE2D_STEP(1, TYPE, LANES) } \\
                if (step == 1 && step < last) { GILFREE_CONVOLVE2D_STEP(3, TYPE, LANES) } \\
                if (step == 2 && step < last) { GILFREE_CONVOLVE2D_STEP(7, TYPE, LANES) } \\
                while (step < last && step < height) { GILFREE_CONVOLVE2D_STEP(15, TYPE, LANES) } \\
                if (step == height && step < last) { GILFREE_CONVOLVE2D_STEP(14, TYPE, LANES) } \\
                if (step == height + 1 && step < last) { GILFREE_CONVOLVE2D_STEP(12, TYPE, LANES) } \\
                if (step == height + 2 && step < last) { GILFREE_CONVOLVE2D_STEP(8, TYPE, LANES) } \\
            } \\
            GILFREE_CONVOLVE2D_MOVE(GILFREE_CONVOLVE2D_STORE, TYPE, LANES) \\
        } \\
        static void NAME( \\
            int four, int wide, int fresh, const struct gilfree_convolve2d_part *part, const REAL *image, \\
            const REAL *kernel, REAL *sums \\
        ) { \\
            if (four && wide) NAME##_tile(1, 1, fresh, part, image, kernel, sums); \\
            else if (four) NAME##_tile(1, 0, fresh, part, image, kernel, sums); \\
            else if (wide) NAME##_tile(0, 1, fresh, part, image, kernel, sums); \\
            else NAME##_tile(0, 0, fresh, part, image, kernel, sums); \\
        }
    GILFREE_CONVOLVE2D(gilfree_convolve2d_f64, double, f64, GILFREE_LANES_F64)
    GILFREE_CONVOLVE2D(gilfree_convolve2d_f32, float, f32, GILFREE_LANES_F32)
    #endif
    """
    enum:
        TILE_REGISTERS "GILFREE_CONVOLVE2D_ACROSS"
    ctypedef struct Part "struct gilfree_convolve2d_part":
        Py_ssize_t step, last, pairs, begin, end, height, width, stride, columns
    void add_part_f64 "gilfree_convolve2d_f64"(
        bint four, bint wide, bint fresh, const Part *part, const double *image, const double *kernel, double *sums
    ) noexcept nogil
    void add_part_f32 "gilfree_convolve2d_f32"(
        bint four, bint wide, bint fresh, const Part *part, const float *image, const float *kernel, float *sums
    ) noexcept nogil

ctypedef fused real:
    float
    double

cdef enum:
    TILE_ROWS = 4
    BAND_BYTES = 1 << 18  # of the image, copied at once, unless the kernel needs more
    LEAST_BAND = 16  # rows of the result for each copy
    STRIDE = 1 << 15  # numbers read or written between two looks at `stop`
    MIRRORED_FROM = 5  # columns; measured: with three nothing is gained
    PART = 1 << 12  # elements of the kernel for a tile between two looks at `stop`
    POLL_EVERY = 1 << 15  # products of registers of a tile: 30 to 150 µs


cdef struct Shape:
    Py_ssize_t height
    Py_ssize_t width


cdef struct Weights:  # the kernel
    Py_ssize_t height
    Py_ssize_t width
    bint mirrored  # left to right


cdef struct Band:  # what tiles need of some rows of the image that reach beyond its sides
    void *rows
    Py_ssize_t first  # number of the first row
    Py_ssize_t margin  # columns of zeros before the image's first, and after its last
    Py_ssize_t edge  # so many columns from either side are there
    Py_ssize_t stride


cdef inline bint is_finite(const real *values, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t index
    cdef int bad = 0
    for index in range(count):
        bad |= values[index] - values[index] != 0
    return bad == 0


cdef inline int look_for_non_finite(
    const real *values, Py_ssize_t count, bint *found, Poll *stop, int64_t *work
) noexcept nogil:
    cdef Py_ssize_t done = 0, part
    cdef int status
    found[0] = False
    while done < count and not found[0]:
        part = min(<Py_ssize_t> STRIDE, count - done)
        found[0] = not is_finite(values + done, part)
        done += part
        status = poll_each(stop, work, 1 + part // 8, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline int look_for_mirror(
    const real *kernel, Shape by, bint *mirrored, Poll *stop, int64_t *work
) noexcept nogil:
    """Whether each row reads the same from either end, and is long enough to gain, and short enough for one part."""
    cdef Py_ssize_t row, column
    cdef int status = OK
    mirrored[0] = MIRRORED_FROM <= by.width <= PART
    for row in range(by.height):
        for column in range(by.width // 2):
            mirrored[0] &= kernel[row * by.width + column] == kernel[(row + 1) * by.width - 1 - column]
        if not mirrored[0]:
            break
        status = poll_each(stop, work, 1 + by.width // 8, POLL_EVERY)
        if status != OK:
            break
    return status


cdef inline Py_ssize_t lanes_of(const real *any_pointer) noexcept nogil:
    if real is float:
        return LANES_F32
    else:
        return LANES_F64


cdef inline int copy_band(
    const real *image, Shape size, Py_ssize_t first, Py_ssize_t last, Band *band, Poll *stop, int64_t *work
) noexcept nogil:
    """Rows `first` to `last` of the image."""
    cdef real *target = <real *> band.rows
    cdef Py_ssize_t row, column, part, left = min(band.edge, size.width), right = max(left, size.width - band.edge)
    cdef int status
    band.first = first
    for row in range(first, last):
        memset(target, 0, band.margin * sizeof(real))
        column = 0
        while column < size.width:
            if column == left:
                column = right
                if column == size.width:
                    break
            part = min(<Py_ssize_t> STRIDE, (left if column < left else size.width) - column)
            memcpy(target + band.margin + column, image + row * size.width + column, part * sizeof(real))
            column += part
            status = poll_each(stop, work, 8 + part // 4, POLL_EVERY)
            if status != OK:
                return status
        memset(target + band.margin + size.width, 0, band.margin * sizeof(real))
        target += band.stride
    return OK


cdef inline int fill_with_zeros(
    real *result, Py_ssize_t count, Poll *stop
) noexcept nogil:
    cdef Py_ssize_t done = 0, part
    cdef int64_t work = 0
    cdef int status = OK
    while done < count and status == OK:
        part = min(<Py_ssize_t> STRIDE, count - done)
        memset(result + done, 0, part * sizeof(real))
        done += part
        status = poll_each(stop, &work, part // 4, POLL_EVERY)
    return status


cdef inline int convolve_tile(
    const real *image, const Band *band, Shape size, const real *kernel, Weights by, bint four, bint wide,
    Py_ssize_t row, Py_ssize_t column, real *sums, Py_ssize_t columns, Poll *stop, int64_t *work,
) noexcept nogil:
    """The tile whose first element is at this row and column of the full convolution."""
    cdef Part part
    cdef Py_ssize_t lanes = lanes_of(kernel), across = TILE_REGISTERS * lanes if wide else lanes
    cdef Py_ssize_t first_step = max(0, by.height - 1 - row)
    cdef Py_ssize_t last_step = min(by.height + (TILE_ROWS - 1 if four else 0), size.height + by.height - 1 - row)
    # A column and its mirror image are added where either meets the image: the other then adds zero.
    cdef Py_ssize_t first_column = 0 if by.mirrored else max(0, column - (size.width - 1))
    cdef Py_ssize_t last_column = by.width if by.mirrored else min(by.width, column + across)
    cdef Py_ssize_t above, steps_at_once = max(1, PART // (last_column - first_column))
    cdef const real *source
    cdef const real *weights
    cdef bint fresh = True, inside
    cdef int status

    part.height, part.width, part.columns = by.height, by.width, columns
    part.step = first_step
    # The image's row that the kernel's last row meets first; it may lie above the image, and then it is not used.
    above = row - (by.height - 1)
    inside = column >= by.width - 1 and column + across <= size.width
    part.stride = size.width if inside else band.stride
    while part.step < last_step:
        part.last = min(last_step, part.step + steps_at_once)
        if inside:
            source = image + (above + part.step) * size.width + column
        else:
            source = (
                <const real *> band.rows + (above + part.step - band.first) * band.stride + band.margin + column
            )
        weights = kernel + (by.height - 1 - part.step) * by.width
        part.pairs = by.width // 2 if by.mirrored else 0
        part.begin = first_column + part.pairs
        while part.begin < last_column:
            part.end = part.begin + by.width % 2 if by.mirrored else min(last_column, part.begin + PART)
            if real is float:
                add_part_f32(four, wide, fresh, &part, source, weights, sums)
            else:
                add_part_f64(four, wide, fresh, &part, source, weights, sums)
            fresh = False
            status = poll_each(
                stop, work, 8 + (part.last - part.step) * (part.pairs + part.end - part.begin) * 4, POLL_EVERY
            )
            if status != OK:
                return status
            part.begin = last_column if by.mirrored else part.end
        part.step = part.last
    return OK


cdef inline int convolve_rows(
    const real *image, const Band *band, Shape size, const real *kernel, Weights by, bint four, Py_ssize_t row,
    Py_ssize_t first_column, Py_ssize_t columns, real *result, Poll *stop, int64_t *work,
) noexcept nogil:
    """Four rows of the result, or one."""
    cdef real sums[TILE_ROWS * TILE_REGISTERS * LANES_F32]
    cdef Py_ssize_t lanes = lanes_of(kernel), done = 0, across, line
    cdef bint wide
    cdef int status
    while done < columns:
        wide = columns - done > TILE_REGISTERS // 2 * lanes
        across = TILE_REGISTERS * lanes if wide else lanes
        if columns - done >= across:
            status = convolve_tile(
                image, band, size, kernel, by, four, wide, row, first_column + done, result + done, columns, stop,
                work,
            )
        else:
            status = convolve_tile(
                image, band, size, kernel, by, four, wide, row, first_column + done, &sums[0], across, stop, work
            )
            across = columns - done
            for line in range(TILE_ROWS if four else 1):
                memcpy(
                    result + line * columns + done, &sums[line * (TILE_REGISTERS * lanes if wide else lanes)],
                    across * sizeof(real),
                )
        if status != OK:
            return status
        done += across
    return OK


cdef inline int convolve_bands(
    const real *image, Shape size, const real *kernel, Weights by, Py_ssize_t first_row, Py_ssize_t rows,
    Py_ssize_t first_column, Py_ssize_t columns, Py_ssize_t band_rows, Band *band, real *result, Poll *stop,
) noexcept nogil:
    cdef Py_ssize_t done = 0, end, row
    cdef int64_t work = 0
    cdef bint four
    cdef int status
    while done < rows:
        end = min(rows, done + band_rows)
        status = copy_band(
            image, size, max(0, first_row + done - (by.height - 1)), min(size.height, first_row + end), band, stop,
            &work,
        )
        if status != OK:
            return status
        while done < end:
            row = first_row + done
            four = end - done >= TILE_ROWS and by.height >= TILE_ROWS - 1
            status = convolve_rows(
                image, band, size, kernel, by, four, row, first_column, columns, result + done * columns, stop, &work
            )
            if status != OK:
                return status
            done += TILE_ROWS if four else 1
            advance(stop, TILE_ROWS if four else 1)
    return OK


cdef inline int convolve_plainly(
    const real *image, Shape size, const real *kernel, Shape by, Py_ssize_t first_row, Py_ssize_t rows,
    Py_ssize_t first_column, Py_ssize_t columns, real *result, Poll *stop,
) noexcept nogil:
    """Element by element, with every product of the definition, those with zeros around the image included."""
    cdef Py_ssize_t line, element, row, column, u, v
    cdef real total, value
    cdef int64_t work = 0
    cdef int status
    for line in range(rows):
        for element in range(columns):
            total = 0
            for row in range(first_row + line - (by.height - 1), first_row + line + 1):
                u = first_row + line - row
                for v in range(by.width):
                    column = first_column + element - v
                    value = 0
                    if 0 <= row < size.height and 0 <= column < size.width:
                        value = image[row * size.width + column]
                    total += kernel[u * by.width + v] * value
                    status = poll_each(stop, &work, 4, POLL_EVERY)
                    if status != OK:
                        return status
            result[line * columns + element] = total
        advance(stop, 1)
    return OK


cdef inline int convolve(
    const real *image, Shape size, const real *kernel, Shape by, Py_ssize_t first_row, Py_ssize_t rows,
    Py_ssize_t first_column, Py_ssize_t columns, real *result, Poll *stop,
) noexcept nogil:
    cdef Band band
    cdef Weights weights
    cdef Py_ssize_t lanes = lanes_of(kernel), most_rows, band_rows
    cdef size_t row_bytes
    cdef void *scratch
    cdef int64_t work = 0
    cdef bint not_finite
    cdef int status

    if rows == 0 or columns == 0:
        return OK
    if size.height == 0 or size.width == 0 or by.height == 0 or by.width == 0:
        return fill_with_zeros(result, rows * columns, stop)
    status = look_for_non_finite(kernel, by.height * by.width, &not_finite, stop, &work)
    if status != OK:
        return status
    if not_finite:
        return convolve_plainly(
            image, size, kernel, by, first_row, rows, first_column, columns, result, stop
        )

    weights.height, weights.width = by.height, by.width
    status = look_for_mirror(kernel, by, &weights.mirrored, stop, &work)
    if status != OK:
        return status
    band.margin = TILE_REGISTERS * lanes
    band.edge = by.width - 1 + band.margin
    if weights.mirrored:
        band.margin += by.width - 1
    # Rows an odd number of cache lines apart do not compete for the same places in the cache.
    band.stride = ((size.width + 2 * band.margin) * sizeof(real) + 63) // 64 // 2 * 2 + 1
    row_bytes = <size_t> band.stride * 64
    band.stride = row_bytes // sizeof(real)
    band_rows = max(<Py_ssize_t> LEAST_BAND, <Py_ssize_t> (BAND_BYTES // row_bytes) - by.height)
    band_rows = min(band_rows // TILE_ROWS * TILE_ROWS, rows)
    most_rows = min(size.height, band_rows + by.height - 1)
    if <size_t> most_rows > ((<size_t> -1) // 2 - 64) // row_bytes:
        return NO_MEMORY
    scratch = malloc(64 + <size_t> most_rows * row_bytes)
    if scratch == NULL:
        return NO_MEMORY
    band.rows = <char *> scratch + (64 - <uintptr_t> scratch % 64) % 64
    status = convolve_bands(
        image, size, kernel, weights, first_row, rows, first_column, columns, band_rows, &band, result, stop
    )
    free(scratch)
    return status


cdef inline int convolve2d(
    const void *image, Shape size, const void *kernel, Shape by, bint are_double, Py_ssize_t first_row,
    Py_ssize_t rows, Py_ssize_t first_column, Py_ssize_t columns, void *result, Poll *stop,
) noexcept nogil:
    """Writes so many rows and columns of the full convolution, from these first ones on; all have to lie within it."""
    if are_double:
        return convolve(
            <const double *> image, size, <const double *> kernel, by, first_row, rows, first_column, columns,
            <double *> result, stop,
        )
    return convolve(
        <const float *> image, size, <const float *> kernel, by, first_row, rows, first_column, columns,
        <float *> result, stop,
    )
