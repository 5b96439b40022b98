"""Accelerations of n bodies by direct summation: every body is pulled by every other.

The lanes of a tile are bodies that are pulled, and those that pull go by one after the other. So each sum is added up
in the same order on every level and however the bodies are cut, and nothing but correctly rounded operations goes into
it: the answer is the same, bit for bit. The square root and the division that a pair needs take most of the time.
(Reciprocal roots by Newton's method, started from a guess made of the bits, were slower on every level; the
approximations that processors have differ between them.)

**Range.** Positions are scaled by a power of two, so that the largest coordinate lies between ½ and 1. No square then
overflows. With q = r² + ε² and g = 1/√q, each term is m(g²)g times the difference. Where q is so small that the squares
in it have lost digits to underflow, g³ is infinite, and so is the sum or it is NaN. Every sum that is not finite is
added up again by `add_carefully`, which scales each pair by itself, and which tells two bodies in one place.

**Rounding.** The terms of BLOCK bodies are added up one by one, and the sums of the blocks with compensation (Kahan
1965), so that the error does not grow with n.
"""

from libc.math cimport frexp, isfinite, ldexp, sqrt
from libc.stddef cimport size_t
from libc.stdint cimport SIZE_MAX, int64_t
from libc.stdlib cimport free, malloc

from gilfree.cores.lanes cimport LANES_F32, LANES_F64, f32, f64, load_f32, load_f64, splat_f32, splat_f64, store_f32
from gilfree.cores.stop cimport (
    BODIES_COINCIDE, MASSES_NOT_FINITE, NO_MEMORY, OK, POSITIONS_NOT_FINITE, Poll, advance, poll_each
)

cdef extern from *:
    """
    #ifndef GILFREE_NBODY
    #define GILFREE_NBODY
    #include <math.h>
    #if defined(__GNUC__)
        /* Compilers make one instruction of each loop. */
        static inline gilfree_f64 gilfree_sqrt_f64(gilfree_f64 x) {
            gilfree_f64 root;
            for (int lane = 0; lane < GILFREE_LANES_F64; lane++) root[lane] = __builtin_sqrt(x[lane]);
            return root;
        }
        static inline gilfree_f32 gilfree_sqrt_f32(gilfree_f32 x) {
            gilfree_f32 root;
            for (int lane = 0; lane < GILFREE_LANES_F32; lane++) root[lane] = __builtin_sqrtf(x[lane]);
            return root;
        }
        #define gilfree_store_f64(p, v) (*(gilfree_f64_at *)(p) = (v))
    #else
        #define gilfree_sqrt_f64(x) sqrt(x)
        #define gilfree_sqrt_f32(x) sqrtf(x)
        #define gilfree_store_f32(p, v) (*(p) = (v))
        #define gilfree_store_f64(p, v) (*(p) = (v))
    #endif
    #endif
    """
    f64 sqrt_f64 "gilfree_sqrt_f64"(f64 value) noexcept nogil
    f32 sqrt_f32 "gilfree_sqrt_f32"(f32 value) noexcept nogil
    void store_f64 "gilfree_store_f64"(double *target, f64 value) noexcept nogil

ctypedef fused real:
    float
    double

ctypedef fused lanes:
    f32
    f64

cdef enum:
    REGISTERS = 2  # of bodies that are pulled together
    LARGEST_TILE = REGISTERS * LANES_F32
    BLOCK = 64
    STRIDE = 1 << 13  # bodies between two looks at `stop` where each takes no more than a few operations
    POLL_EVERY = 1 << 17  # pairs: some 50 to 300 µs
    CAREFULLY = 32  # so many times as long does a pair take that is added carefully


cdef struct Bodies:
    Py_ssize_t count
    double softening  # in the scale of the positions
    int exponent  # positions are multiples of 2 to this power
    void *x  # float or double, as the positions are; a tile of zeros follows the last of each
    void *y
    void *z
    void *masses


cdef inline lanes splat(const lanes *like, double value) noexcept nogil:
    if lanes is f64:
        return splat_f64(value)
    else:
        return splat_f32(<float> value)


cdef inline lanes load(const lanes *like, const real *source) noexcept nogil:
    if lanes is f64:
        return load_f64(<const double *> source)
    else:
        return load_f32(<const float *> source)


cdef inline void store(real *target, lanes value) noexcept nogil:
    if lanes is f64:
        store_f64(<double *> target, value)
    else:
        store_f32(<float *> target, value)


cdef inline lanes reciprocal_root(lanes value) noexcept nogil:
    if lanes is f64:
        return splat_f64(1) / sqrt_f64(value)
    else:
        return splat_f32(1) / sqrt_f32(value)


cdef inline void pull(
    const lanes *at, lanes *sums, const real *x, const real *y, const real *z, const real *mass, lanes softening
) noexcept nogil:
    """Adds one body's pull on a register of bodies; `softening` is squared."""
    cdef lanes dx = splat(at, x[0]) - at[0]
    cdef lanes dy = splat(at, y[0]) - at[1]
    cdef lanes dz = splat(at, z[0]) - at[2]
    cdef lanes g = reciprocal_root(softening + dx * dx + dy * dy + dz * dz)
    cdef lanes strength = g * g * g * splat(at, mass[0])
    sums[0] = sums[0] + dx * strength
    sums[1] = sums[1] + dy * strength
    sums[2] = sums[2] + dz * strength


cdef inline void add_block(lanes *total, lanes *lost, const lanes *sums) noexcept nogil:
    cdef lanes term, sum
    cdef int axis
    for axis in range(3):
        term = sums[axis] - lost[axis]
        sum = total[axis] + term
        lost[axis] = (sum - total[axis]) - term
        total[axis] = sum


cdef inline int add_up(
    const Bodies *bodies, Py_ssize_t first, const lanes *like, real *pulls, Poll *stop, int64_t *work
) noexcept nogil:
    """Writes the sums for a tile of bodies: x of each, then y, then z."""
    cdef const real *x = <const real *> bodies.x
    cdef const real *y = <const real *> bodies.y
    cdef const real *z = <const real *> bodies.z
    cdef const real *masses = <const real *> bodies.masses
    cdef Py_ssize_t width = LANES_F64 if lanes is f64 else LANES_F32
    cdef Py_ssize_t tile = REGISTERS * width, begin = 0, end, j
    cdef lanes at_a[3]
    cdef lanes at_b[3]
    cdef lanes sums_a[3]
    cdef lanes sums_b[3]
    cdef lanes total_a[3]
    cdef lanes total_b[3]
    cdef lanes lost_a[3]
    cdef lanes lost_b[3]
    cdef lanes softening = splat(like, bodies.softening * bodies.softening)
    cdef real unit[2 * LARGEST_TILE]
    cdef const real *own
    cdef int axis, status

    for j in range(2 * tile):
        unit[j] = j == tile
    at_a[0], at_b[0] = load(like, x + first), load(like, x + first + width)
    at_a[1], at_b[1] = load(like, y + first), load(like, y + first + width)
    at_a[2], at_b[2] = load(like, z + first), load(like, z + first + width)
    for axis in range(3):
        total_a[axis] = total_b[axis] = lost_a[axis] = lost_b[axis] = splat(like, 0)
    while begin < bodies.count:
        end = min(begin + BLOCK, bodies.count)
        for axis in range(3):
            sums_a[axis] = sums_b[axis] = splat(like, 0)
        if end <= first or begin >= first + tile:
            for j in range(begin, end):
                pull(&at_a[0], &sums_a[0], x + j, y + j, z + j, masses + j, softening)
                pull(&at_b[0], &sums_b[0], x + j, y + j, z + j, masses + j, softening)
        else:
            for j in range(begin, end):
                # Where a body meets itself, a 1 in the square keeps the difference of 0 from becoming NaN.
                own = &unit[tile - (j - first) if first <= j < first + tile else 0]
                pull(&at_a[0], &sums_a[0], x + j, y + j, z + j, masses + j, softening + load(like, own))
                pull(&at_b[0], &sums_b[0], x + j, y + j, z + j, masses + j, softening + load(like, own + width))
        add_block(&total_a[0], &lost_a[0], &sums_a[0])
        add_block(&total_b[0], &lost_b[0], &sums_b[0])
        status = poll_each(stop, work, (end - begin) * tile, POLL_EVERY)
        if status != OK:
            return status
        begin = end
    for axis in range(3):
        store(pulls + axis * tile, total_a[axis])
        store(pulls + axis * tile + width, total_b[axis])
    return OK


cdef inline int add_carefully(
    const Bodies *bodies, Py_ssize_t body, const real *masses, double *sums, Poll *stop, int64_t *work
) noexcept nogil:
    """The sums for one body where intermediate results leave the range that the sums themselves may still be in."""
    cdef const real *x = <const real *> bodies.x
    cdef const real *y = <const real *> bodies.y
    cdef const real *z = <const real *> bodies.z
    cdef double dx, dy, dz, softening, largest, q, strength
    cdef Py_ssize_t j
    cdef int exponent, status
    sums[0] = sums[1] = sums[2] = 0
    for j in range(bodies.count):
        if j == body:
            continue
        dx, dy, dz = <double> x[j] - x[body], <double> y[j] - y[body], <double> z[j] - z[body]
        largest = max(max(abs(dx), abs(dy)), max(abs(dz), bodies.softening))
        if largest == 0:
            return BODIES_COINCIDE
        frexp(largest, &exponent)
        dx, dy, dz = ldexp(dx, -exponent), ldexp(dy, -exponent), ldexp(dz, -exponent)
        softening = ldexp(bodies.softening, -exponent)
        q = softening * softening + dx * dx + dy * dy + dz * dz
        strength = masses[j] / (q * sqrt(q))
        sums[0] += ldexp(dx * strength, -2 * exponent)
        sums[1] += ldexp(dy * strength, -2 * exponent)
        sums[2] += ldexp(dz * strength, -2 * exponent)
        status = poll_each(stop, work, CAREFULLY, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline double largest_size(const real *values, Py_ssize_t count) noexcept nogil:
    """The largest absolute value, or −1 where a number is infinite or NaN."""
    cdef Py_ssize_t index
    cdef real largest = 0
    cdef int bad = 0
    for index in range(count):
        bad |= values[index] - values[index] != 0
        largest = max(largest, abs(values[index]))
    return -1 if bad else largest


cdef inline int survey(
    const real *values, Py_ssize_t count, int otherwise, double *largest, Poll *stop, int64_t *work
) noexcept nogil:
    """Raises `largest` to the largest absolute value; `otherwise` where a number is infinite or NaN."""
    cdef Py_ssize_t done = 0, part
    cdef double here
    cdef int status
    while done < count:
        part = min(<Py_ssize_t> STRIDE, count - done)
        here = largest_size(values + done, part)
        if here < 0:
            return otherwise
        largest[0] = max(largest[0], here)
        done += part
        status = poll_each(stop, work, part, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline int pack(
    Bodies *bodies, const real *positions, const real *masses, Py_ssize_t tile, Poll *stop, int64_t *work
) noexcept nogil:
    """Fills the arrays of `bodies`, which lie behind one another."""
    cdef Py_ssize_t count = bodies.count, padded = bodies.count + tile, index
    cdef real *x = <real *> bodies.x
    cdef real *y = x + padded
    cdef real *z = y + padded
    cdef real *own_masses = z + padded
    cdef double largest = bodies.softening, mass = 0, factor, rest
    cdef int status
    bodies.y, bodies.z, bodies.masses = y, z, own_masses
    status = survey(positions, 3 * count, POSITIONS_NOT_FINITE, &largest, stop, work)
    if status == OK:
        status = survey(masses, count, MASSES_NOT_FINITE, &mass, stop, work)
    if status != OK:
        return status
    frexp(largest, &bodies.exponent)
    # In two factors, because one could be too large.
    factor = ldexp(1.0, -(bodies.exponent // 2))
    rest = ldexp(1.0, -(bodies.exponent - bodies.exponent // 2))
    bodies.softening = bodies.softening * factor * rest
    for index in range(count):
        x[index] = <real> (positions[3 * index] * factor * rest)
        y[index] = <real> (positions[3 * index + 1] * factor * rest)
        z[index] = <real> (positions[3 * index + 2] * factor * rest)
        own_masses[index] = masses[index]
        status = poll_each(stop, work, 1, POLL_EVERY)
        if status != OK:
            return status
    for index in range(tile):
        x[count + index] = y[count + index] = z[count + index] = own_masses[count + index] = 0
    return OK


cdef inline int accelerate(
    Bodies *bodies, const real *positions, const real *masses, const lanes *like, Py_ssize_t first_row,
    Py_ssize_t rows, double gravitational_constant, real *accelerations, Poll *stop,
) noexcept nogil:
    cdef real pulls[3 * LARGEST_TILE]
    cdef double sums[3]
    cdef Py_ssize_t tile = REGISTERS * (LANES_F64 if lanes is f64 else LANES_F32)
    cdef Py_ssize_t row = 0, index
    cdef int64_t work = 0
    cdef int axis
    cdef int status = pack(bodies, positions, masses, tile, stop, &work)
    if status != OK:
        return status
    while row < rows:
        status = add_up(bodies, first_row + row, like, &pulls[0], stop, &work)
        if status != OK:
            return status
        for index in range(min(tile, rows - row)):
            for axis in range(3):
                sums[axis] = pulls[axis * tile + index]
            if not isfinite(sums[0] + sums[1] + sums[2]):
                status = add_carefully(
                    bodies, first_row + row + index, <const real *> bodies.masses, &sums[0], stop, &work
                )
                if status != OK:
                    return status
            for axis in range(3):
                accelerations[3 * (row + index) + axis] = <real> ldexp(
                    gravitational_constant * sums[axis], -2 * bodies.exponent
                )
        advance(stop, min(tile, rows - row))
        row += tile
    return OK


cdef inline int nbody_accelerations(
    Py_ssize_t first_row, Py_ssize_t rows, const void *positions, const void *masses, Py_ssize_t count,
    bint are_double, double softening, double gravitational_constant, void *accelerations, Poll *stop,
) noexcept nogil:
    """Writes to accelerations[i] that of body first_row + i."""
    cdef Bodies bodies
    cdef size_t padded = <size_t> count + LARGEST_TILE
    cdef f32 *as_floats = NULL
    cdef f64 *as_doubles = NULL
    cdef void *scratch
    cdef int status
    if padded > SIZE_MAX // 4 // sizeof(double):
        return NO_MEMORY
    scratch = malloc(padded * 4 * (sizeof(double) if are_double else sizeof(float)))
    if scratch == NULL:
        return NO_MEMORY
    bodies.count = count
    bodies.softening = softening
    bodies.x = scratch
    if are_double:
        status = accelerate(
            &bodies, <const double *> positions, <const double *> masses, as_doubles, first_row, rows,
            gravitational_constant, <double *> accelerations, stop,
        )
    else:
        status = accelerate(
            &bodies, <const float *> positions, <const float *> masses, as_floats, first_row, rows,
            gravitational_constant, <float *> accelerations, stop,
        )
    free(scratch)
    return status
