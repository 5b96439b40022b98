"""The generalised Lomb-Scargle periodogram (Zechmeister and Kürster 2009).

All that a frequency's power depends on are three weighted sums over the times: of exp(iωt), of exp(2iωt) and, for each
series, of the values times exp(iωt). For frequencies at random these are computed as they stand, with neighbouring
frequencies in the lanes of a register. For evenly spaced ones they are three nonuniform Fourier transforms (Dutt and
Rokhlin 1993), by Gaussian gridding (Greengard and Lee 2004): each time is smeared over some points of a regular grid, a
fast Fourier transform follows, and the smearing is divided out. That is exact to some 12 digits.

The grid is cut into blocks of frequencies, each transformed by itself around its middle. Blocks begin at the same
frequencies however the work is cut, every sum is in order of the times and every operation is by elements, so that the
answer depends on neither the workers nor the width of registers. Frequencies of less than some periods within the
times, where the sums cancel each other, are computed one by one.
"""

from libc.math cimport INFINITY, M_PI, exp, fabs, floor, sqrt
from libc.stdint cimport int64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from gilfree.cores.lanes cimport LANES_F64, f64, load_f64, splat_f64
from gilfree.cores.stop cimport (
    BAD_ERRORS,
    BAD_FREQUENCIES,
    BAD_TIMES,
    BAD_VALUES,
    NO_MEMORY,
    OK,
    PHASES_TOO_LARGE,
    Poll,
    advance,
    poll_each,
)

cdef extern from *:
    """
    #ifndef GILFREE_LOMB_SCARGLE
    #define GILFREE_LOMB_SCARGLE
    #if defined(__GNUC__)
        #define gilfree_put_f64(p, v) (*(gilfree_f64_at *)(p) = (v))
    #else
        #define gilfree_put_f64(p, v) (*(p) = (v))
    #endif
    #endif
    """
    void put_f64 "gilfree_put_f64"(double *target, f64 value) noexcept nogil
    enum:
        LARGEST_COUNT "(INT64_MAX / 4096)"

cdef enum:
    ALIGNMENT = 64
    PAD = 8  # doubles behind an array's end that a register may read or write: lanes of the widest one
    TIMES = 32  # at a time, whose sines and cosines stay in the cache
    POLL_EVERY = 100_000  # sines and cosines: some 100 µs
    TOGETHER = 64  # times or frequencies between two counts of the work
    STRETCH = 4096  # and frequencies that are only read
    REACH = 12  # points of the grid on either side of a time over which it is smeared
    SPREAD = 24
    LEAST_BLOCK = 256  # frequencies; fewer, or fewer times than LEAST_TIMES, are not worth a transform
    LEAST_TIMES = 16
    LARGEST_BLOCK = 65_536
    FEW_PERIODS = 2

cdef struct Samples:
    Py_ssize_t n
    Py_ssize_t padded  # n, rounded up to PAD: the rest has weight 0
    Py_ssize_t series
    double *times  # from the middle of the first and the last
    double *weights  # which add up to 1
    double *values  # values[series·padded + i]: weight times value, from the mean
    double *totals  # of each series, of weight times value squared
    double *sums  # two registers a series, and what `sum_group` needs
    double span
    bint fit_mean
    int64_t work


cdef inline double *allocate(int64_t count) noexcept nogil:
    """Zeros, aligned; given back by `give_back`."""
    cdef char *memory
    cdef char *start
    if not 0 <= count <= LARGEST_COUNT:
        return NULL
    memory = <char *> calloc(count * sizeof(double) + 2 * ALIGNMENT, 1)
    if memory == NULL:
        return NULL
    start = <char *> ((<uintptr_t> memory + 2 * ALIGNMENT - 1) & ~<uintptr_t> (ALIGNMENT - 1))
    (<char **> start - 1)[0] = memory
    return <double *> start


cdef inline void give_back(double *start) noexcept nogil:
    if start != NULL:
        free((<char **> start - 1)[0])


cdef inline void sine_cosine(f64 turns, f64 *sine, f64 *cosine) noexcept nogil:
    """sin 2πx and cos 2πx for |x| < 2**50: the Taylor series of half the angle, and then the double of it."""
    cdef f64 magic = splat_f64(6755399441055744.0)  # 1.5·2**52: adding it rounds to a whole number
    cdef f64 angle = (turns - ((turns + magic) - magic)) * splat_f64(M_PI)
    cdef f64 square = angle * angle
    cdef f64 s, c
    s = splat_f64(-8.22063524662433e-18)
    s = s * square + splat_f64(2.81145725434552076e-15)
    s = s * square + splat_f64(-7.64716373181981648e-13)
    s = s * square + splat_f64(1.60590438368216146e-10)
    s = s * square + splat_f64(-2.50521083854417188e-08)
    s = s * square + splat_f64(2.75573192239858907e-06)
    s = s * square + splat_f64(-1.98412698412698413e-04)
    s = s * square + splat_f64(8.33333333333333333e-03)
    s = s * square + splat_f64(-1.66666666666666667e-01)
    s = angle + angle * (square * s)
    c = splat_f64(-8.89679139245057e-22)
    c = c * square + splat_f64(4.11031762331216486e-19)
    c = c * square + splat_f64(-1.56192069685862265e-16)
    c = c * square + splat_f64(4.77947733238738530e-14)
    c = c * square + splat_f64(-1.14707455977297247e-11)
    c = c * square + splat_f64(2.08767569878680990e-09)
    c = c * square + splat_f64(-2.75573192239858907e-07)
    c = c * square + splat_f64(2.48015873015873016e-05)
    c = c * square + splat_f64(-1.38888888888888889e-03)
    c = c * square + splat_f64(4.16666666666666667e-02)
    c = c * square + splat_f64(-0.5)
    c = splat_f64(1) + square * c
    sine[0] = (s + s) * c
    cosine[0] = splat_f64(1) - (s + s) * s


cdef inline double power_of(
    double c, double s, double c2, double s2, double yc, double ys, double total, bint fit_mean
) noexcept nogil:
    """The share of the total that a sine and a cosine explain, given the sums."""
    cdef double cc = 0.5 * (1 + c2), ss = 0.5 * (1 - c2), cs = 0.5 * s2
    cdef double half, larger, determinant
    if fit_mean:
        cc -= c * c
        ss -= s * s
        cs -= c * s
    half = 0.5 * (cc - ss)
    larger = 0.5 * (cc + ss) + sqrt(half * half + cs * cs)
    if not (total > 0 and larger > 1e-11):
        return 0  # nothing to explain, or nothing to do so
    determinant = cc * ss - cs * cs
    if determinant > 1e-11 * larger * larger:
        return (ss * yc * yc + cc * ys * ys - 2 * cs * yc * ys) / (determinant * total)
    # The two are multiples of each other at these times, so one will do.
    return (cc * yc * yc + ss * ys * ys + 2 * cs * yc * ys) / (larger * larger * total)


cdef inline int sum_group(
    Samples *self, const double *frequencies, Py_ssize_t count, double *power, Poll *stop
) noexcept nogil:
    """power[i·series + k] of up to as many frequencies as a register has lanes, as the sums stand."""
    cdef double lanes[8]
    cdef double cosines[8]
    cdef double sines[8]
    cdef double cosines2[8]
    cdef double sines2[8]
    cdef double ycs[8]
    cdef double yss[8]
    cdef f64 frequency, sine, cosine, weighted
    cdef f64 c = splat_f64(0), s = splat_f64(0), cc = splat_f64(0), cs = splat_f64(0), yc, ys, weight
    cdef double *sums = self.sums
    cdef double *block = sums + 2 * 8 * self.series  # the sines and cosines of some times
    cdef const double *values
    cdef Py_ssize_t chunk, first, i, k, length, lane
    cdef int status

    for lane in range(LANES_F64):
        lanes[lane] = frequencies[min(lane, count - 1)]
    frequency = load_f64(&lanes[0])
    memset(sums, 0, 2 * 8 * self.series * sizeof(double))
    for chunk in range((self.n + TIMES - 1) // TIMES):
        first = chunk * TIMES
        length = min(<Py_ssize_t> TIMES, self.n - first)
        for i in range(length):
            weight = splat_f64(self.weights[first + i])
            sine_cosine(frequency * splat_f64(self.times[first + i]), &sine, &cosine)
            weighted = weight * cosine
            c = c + weighted
            s = s + weight * sine
            cc = cc + weighted * cosine
            cs = cs + weighted * sine
            put_f64(block + 16 * i, cosine)
            put_f64(block + 16 * i + 8, sine)
        for k in range(self.series):
            values = self.values + k * self.padded + first
            yc, ys = load_f64(sums + 16 * k), load_f64(sums + 16 * k + 8)
            for i in range(length):
                yc = yc + splat_f64(values[i]) * load_f64(block + 16 * i)
                ys = ys + splat_f64(values[i]) * load_f64(block + 16 * i + 8)
            put_f64(sums + 16 * k, yc)
            put_f64(sums + 16 * k + 8, ys)
        status = poll_each(stop, &self.work, length * (LANES_F64 + self.series), POLL_EVERY)
        if status != OK:
            return status
    put_f64(&cosines[0], c)
    put_f64(&sines[0], s)
    put_f64(&cosines2[0], cc + cc - splat_f64(1))
    put_f64(&sines2[0], cs + cs)
    for k in range(self.series):
        put_f64(&ycs[0], load_f64(sums + 16 * k))
        put_f64(&yss[0], load_f64(sums + 16 * k + 8))
        for lane in range(count):
            power[lane * self.series + k] = power_of(
                cosines[lane], sines[lane], cosines2[lane], sines2[lane], ycs[lane], yss[lane], self.totals[k],
                self.fit_mean,
            )
    return OK


cdef struct Smear:  # where on the grid each time lies, for one spacing of frequencies, and the Gaussian around it
    double *places  # of the first point that it is smeared over; whole numbers
    double *bases  # the Gaussian there is base·falls[0], and base·ratio**l·falls[l] at the l-th after it
    double *ratios


cdef struct Transform:
    Py_ssize_t block  # frequencies
    Py_ssize_t size  # of the grid: twice as many points
    Smear once
    Smear twice  # for double frequencies
    double *sines
    double *cosines
    double *bits  # bits[24·b + l]: bit b of l
    double *falls
    double *undo  # undo[m]: for frequency m − block/2
    double *roots  # cosines, and then sines
    double *grids  # four for the fast Fourier transform
    double *c  # what comes of it, in order of frequencies
    double *s
    double *c2
    double *s2
    double *yc
    double *ys
    double *all_of_it


cdef inline int phases(
    Samples *self, double frequency, double *cosines, double *sines, Poll *stop
) noexcept nogil:
    """The cosines and sines of all times at one frequency."""
    cdef f64 sine, cosine
    cdef Py_ssize_t i = 0
    cdef int status = OK
    while i < self.padded and status == OK:
        sine_cosine(splat_f64(frequency) * load_f64(self.times + i), &sine, &cosine)
        put_f64(cosines + i, cosine)
        put_f64(sines + i, sine)
        i += LANES_F64
        status = poll_each(stop, &self.work, LANES_F64, POLL_EVERY)
    return status


cdef inline int place(
    const Samples *self, const Transform *grid, const Smear *smear, double spacing, int64_t *work, Poll *stop
) noexcept nogil:
    cdef double slope = 3 * M_PI / (4 * REACH), position, whole, rest
    cdef Py_ssize_t i
    cdef int status
    for i in range(self.n):
        position = spacing * self.times[i]
        position = (position - floor(position)) * grid.size
        whole = floor(position)
        rest = position - whole + (REACH - 1)  # from the first point
        smear.places[i] = whole
        smear.bases[i] = exp(-slope * rest * rest)
        smear.ratios[i] = exp(2 * slope * rest)
        status = poll_each(stop, work, 8, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline int smear_values(
    const Transform *grid, const Smear *smear, const double *values, Py_ssize_t n,
    double *real, double *imaginary, int64_t *work, Poll *stop,
) noexcept nogil:
    """The grid of values[i]·exp(iωt), with room for what goes beyond its ends, which then comes in at the other."""
    cdef Py_ssize_t i, point, start, size = grid.size
    cdef f64 ratio, bell, by_real, by_imaginary
    cdef f64 one = splat_f64(1), r1, r2, r4, r8, r16
    cdef double base
    cdef int status

    memset(real, 0, (size + SPREAD + PAD) * sizeof(double))
    memset(imaginary, 0, (size + SPREAD + PAD) * sizeof(double))
    for i in range(n):
        # A time that is no number any more, because another thread changed it, would still have a place.
        start = <Py_ssize_t> smear.places[i]
        base = values[i]
        ratio = splat_f64(smear.ratios[i])
        r1 = ratio - one
        ratio = ratio * ratio
        r2 = ratio - one
        ratio = ratio * ratio
        r4 = ratio - one
        ratio = ratio * ratio
        r8 = ratio - one
        ratio = ratio * ratio
        r16 = ratio - one
        by_real = splat_f64(base * smear.bases[i] * grid.cosines[i])
        by_imaginary = splat_f64(base * smear.bases[i] * grid.sines[i])
        point = 0
        while point < SPREAD:
            bell = load_f64(grid.falls + point) * (one + load_f64(grid.bits + point) * r1)
            bell = bell * (one + load_f64(grid.bits + SPREAD + point) * r2)
            bell = bell * (one + load_f64(grid.bits + 2 * SPREAD + point) * r4)
            bell = bell * (one + load_f64(grid.bits + 3 * SPREAD + point) * r8)
            bell = bell * (one + load_f64(grid.bits + 4 * SPREAD + point) * r16)
            put_f64(real + start + point, load_f64(real + start + point) + by_real * bell)
            put_f64(imaginary + start + point, load_f64(imaginary + start + point) + by_imaginary * bell)
            point += LANES_F64
        if i % TOGETHER == 0:
            status = poll_each(stop, work, 16 * TOGETHER, POLL_EVERY)
            if status != OK:
                return status
    # Point 0 of the arrays is REACH − 1 before that of the grid.
    for i in range(REACH - 1):
        real[size + i] += real[i]
        imaginary[size + i] += imaginary[i]
    for i in range(SPREAD - REACH + 1):
        real[REACH - 1 + i] += real[size + REACH - 1 + i]
        imaginary[REACH - 1 + i] += imaginary[size + REACH - 1 + i]
    return OK


cdef inline void butterflies(
    const double *re, const double *im, double *to_re, double *to_im, Py_ssize_t groups, Py_ssize_t stride,
    const double *cosines, const double *sines, Py_ssize_t step,
) noexcept nogil:
    """One pass of Stockham's algorithm: pairs half of the array apart come to lie side by side."""
    cdef Py_ssize_t group, k, half = groups * stride
    cdef double wr, wi, dr, di
    cdef f64 vr, vi, er, ei, ur, ui
    for group in range(groups):
        wr, wi = cosines[group * step], sines[group * step]
        if stride >= LANES_F64:
            vr, vi = splat_f64(wr), splat_f64(wi)
            k = 0
            while k < stride:
                ur, ui = load_f64(re + group * stride + k), load_f64(im + group * stride + k)
                er = load_f64(re + half + group * stride + k)
                ei = load_f64(im + half + group * stride + k)
                put_f64(to_re + 2 * group * stride + k, ur + er)
                put_f64(to_im + 2 * group * stride + k, ui + ei)
                ur = ur - er
                ui = ui - ei
                put_f64(to_re + (2 * group + 1) * stride + k, ur * vr - ui * vi)
                put_f64(to_im + (2 * group + 1) * stride + k, ur * vi + ui * vr)
                k += LANES_F64
        else:
            for k in range(stride):
                dr = re[group * stride + k] - re[half + group * stride + k]
                di = im[group * stride + k] - im[half + group * stride + k]
                to_re[2 * group * stride + k] = re[group * stride + k] + re[half + group * stride + k]
                to_im[2 * group * stride + k] = im[group * stride + k] + im[half + group * stride + k]
                to_re[(2 * group + 1) * stride + k] = dr * wr - di * wi
                to_im[(2 * group + 1) * stride + k] = dr * wi + di * wr


cdef inline int transform(
    Samples *self, const Transform *grid, const Smear *smear, const double *values, double *cosines, double *sines,
    Poll *stop,
) noexcept nogil:
    """The sums Σ values·cos and Σ values·sin for each frequency of the block."""
    cdef Py_ssize_t size = grid.size, room = size + SPREAD + 2 * PAD, groups = size // 2, stride = 1, m, k
    cdef double *re = grid.grids
    cdef double *im = re + room
    cdef double *other_re = im + room
    cdef double *other_im = other_re + room
    cdef const double *from_re = re + REACH - 1
    cdef const double *from_im = im + REACH - 1
    cdef double *to_re = other_re
    cdef double *to_im = other_im
    cdef int status = smear_values(grid, smear, values, self.n, re, im, &self.work, stop)
    if status != OK:
        return status
    while groups > 0:
        butterflies(from_re, from_im, to_re, to_im, groups, stride, grid.roots, grid.roots + size // 2, stride)
        from_re, from_im = to_re, to_im
        if to_re == other_re:
            to_re, to_im = re, im
        else:
            to_re, to_im = other_re, other_im
        groups //= 2
        stride *= 2
        status = poll_each(stop, &self.work, size // 2, POLL_EVERY)
        if status != OK:
            return status
    for m in range(grid.block):
        k = m + size - grid.block // 2
        if k >= size:
            k -= size
        cosines[m] = from_re[k] * grid.undo[m]
        sines[m] = from_im[k] * grid.undo[m]
    return poll_each(stop, &self.work, grid.block, POLL_EVERY)


cdef inline int set_up(
    Samples *self, Transform *grid, Py_ssize_t block, double spacing, Poll *stop
) noexcept nogil:
    cdef Py_ssize_t size = 2 * block, room = size + SPREAD + 2 * PAD, b, point, m
    cdef double slope = 3 * M_PI / (4 * REACH), width = M_PI * REACH / 3.0, from_middle
    cdef double *memory
    cdef f64 sine, cosine
    cdef int status
    memory = allocate(8 * self.padded + 6 * SPREAD + block + size + 4 * room + 6 * block)
    grid.all_of_it = memory
    if memory == NULL:
        return NO_MEMORY
    grid.block, grid.size = block, size
    grid.once.places = memory
    grid.once.bases = memory + self.padded
    grid.once.ratios = memory + 2 * self.padded
    grid.twice.places = memory + 3 * self.padded
    grid.twice.bases = memory + 4 * self.padded
    grid.twice.ratios = memory + 5 * self.padded
    grid.cosines = memory + 6 * self.padded
    grid.sines = memory + 7 * self.padded
    memory += 8 * self.padded
    grid.bits = memory
    grid.falls = memory + 5 * SPREAD
    memory += 6 * SPREAD
    grid.undo = memory
    grid.roots = memory + block
    memory += block + size
    grid.c, grid.s, grid.c2, grid.s2 = memory, memory + block, memory + 2 * block, memory + 3 * block
    grid.yc, grid.ys = memory + 4 * block, memory + 5 * block
    grid.grids = memory + 6 * block
    for point in range(SPREAD):
        for b in range(5):
            grid.bits[b * SPREAD + point] = point >> b & 1
        grid.falls[point] = exp(-slope * point * point)
    for m in range(block):
        from_middle = (m - block // 2) / <double> block
        grid.undo[m] = exp(width * from_middle * from_middle) * sqrt(slope / M_PI)
        status = poll_each(stop, &self.work, 8, POLL_EVERY)
        if status != OK:
            return status
    for m in range(block):
        grid.roots[m] = m / <double> size
    m = 0
    while m < block:
        sine_cosine(load_f64(grid.roots + m), &sine, &cosine)
        put_f64(grid.roots + m, cosine)
        put_f64(grid.roots + block + m, sine)
        m += LANES_F64
        status = poll_each(stop, &self.work, LANES_F64, POLL_EVERY)
        if status != OK:
            return status
    status = place(self, grid, &grid.once, spacing, &self.work, stop)
    if status == OK:
        status = place(self, grid, &grid.twice, 2 * spacing, &self.work, stop)
    return status


cdef inline int blocks(
    Samples *self, Transform *grid, const double *frequencies, double start, double spacing,
    Py_ssize_t first, Py_ssize_t count, double *power, Poll *stop,
) noexcept nogil:
    """power[i·series + k] of frequency first + i, in blocks that begin at multiples of their size."""
    cdef Py_ssize_t block = grid.block, number, middle, begin, end, k, m
    cdef double frequency
    cdef int status
    for number in range(first // block, (first + count + block - 1) // block):
        middle = number * block + block // 2
        frequency = start + middle * spacing
        begin, end = max(first, number * block), min(first + count, (number + 1) * block)
        status = phases(self, 2 * frequency, grid.cosines, grid.sines, stop)
        if status == OK:
            status = transform(self, grid, &grid.twice, self.weights, grid.c2, grid.s2, stop)
        if status == OK:
            status = phases(self, frequency, grid.cosines, grid.sines, stop)
        if status == OK:
            status = transform(self, grid, &grid.once, self.weights, grid.c, grid.s, stop)
        for k in range(self.series):
            if status == OK:
                status = transform(self, grid, &grid.once, self.values + k * self.padded, grid.yc, grid.ys, stop)
            if status != OK:
                return status
            for m in range(begin - number * block, end - number * block):
                power[(number * block + m - first) * self.series + k] = power_of(
                    grid.c[m], grid.s[m], grid.c2[m], grid.s2[m], grid.yc[m], grid.ys[m], self.totals[k],
                    self.fit_mean,
                )
                if m % TOGETHER == 0:
                    status = poll_each(stop, &self.work, 16 * TOGETHER, POLL_EVERY)
                    if status != OK:
                        return status
            advance(stop, end - begin)
        if status != OK:
            return status
        for m in range(begin, end):
            if fabs(start + m * spacing) * self.span < FEW_PERIODS:
                status = sum_group(self, frequencies + m - first, 1, power + (m - first) * self.series, stop)
                if status != OK:
                    return status
    return OK


cdef inline int read_times(Samples *self, const double *times, const double *errors, Poll *stop) noexcept nogil:
    """Copies the times, from their middle, and makes weights of the errors."""
    cdef double lowest = INFINITY, highest = -INFINITY, least = INFINITY, total = 0, number
    cdef Py_ssize_t i
    cdef int status = OK
    for i in range(self.n):
        number = times[i]
        if not fabs(number) < INFINITY:
            return BAD_TIMES
        self.times[i] = number
        lowest, highest = min(lowest, number), max(highest, number)
        number = 1 if errors == NULL else errors[i]
        if not 0 < number < INFINITY:
            return BAD_ERRORS
        self.weights[i] = number
        least = min(least, number)
        status = poll_each(stop, &self.work, 1, POLL_EVERY)
        if status != OK:
            return status
    for i in range(self.n):
        self.times[i] -= 0.5 * lowest + 0.5 * highest
        self.span = max(self.span, 2 * fabs(self.times[i]))
        # Relative to the largest weight, which neither overflows nor vanishes.
        number = least / self.weights[i]
        self.weights[i] = number * number
        total += self.weights[i]
        status = poll_each(stop, &self.work, 1, POLL_EVERY)
        if status != OK:
            return status
    for i in range(self.n):
        self.weights[i] /= total
        status = poll_each(stop, &self.work, 1, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline int read_values(Samples *self, const double *values, double *row, double *total, Poll *stop) noexcept nogil:
    """Copies one series, from its mean and times the weights."""
    cdef double lowest = INFINITY, highest = -INFINITY, largest, mean, number
    cdef Py_ssize_t i
    cdef int status
    for i in range(self.n):
        number = values[i]
        if not fabs(number) < INFINITY:
            return BAD_VALUES
        row[i] = number
        lowest, highest = min(lowest, number), max(highest, number)
        status = poll_each(stop, &self.work, 1, POLL_EVERY)
        if status != OK:
            return status
    # Equal values remain 0 each, where a mean would leave what rounding makes of them.
    largest = 0 if lowest == highest else max(-lowest, highest)
    # Twice: the mean of values that are far from 0 is inaccurate. The power does not depend on their scale.
    for _ in range(2):
        mean = 0
        for i in range(self.n):
            row[i] = row[i] / largest if largest > 0 else 0
            mean += self.weights[i] * row[i]
            status = poll_each(stop, &self.work, 1, POLL_EVERY)
            if status != OK:
                return status
        largest = 0
        for i in range(self.n):
            row[i] -= mean
            largest = max(largest, fabs(row[i]))
            status = poll_each(stop, &self.work, 1, POLL_EVERY)
            if status != OK:
                return status
    total[0] = 0
    for i in range(self.n):
        total[0] += self.weights[i] * row[i] * row[i]
        row[i] *= self.weights[i]
        status = poll_each(stop, &self.work, 1, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline int read_frequencies(
    const double *frequencies, Py_ssize_t count, double *largest, bint *even, Poll *stop
) noexcept nogil:
    """The largest, and whether they are evenly spaced but for rounding."""
    cdef double start = frequencies[0], spacing, near
    cdef double most[4]
    cdef Py_ssize_t i = 0, pause, lane
    cdef int64_t work = 0
    cdef bint finite = True
    cdef int status
    most[0] = most[1] = most[2] = most[3] = 0
    while i < count:
        pause = min(i + STRETCH, count)
        status = poll_each(stop, &work, pause - i, POLL_EVERY)
        if status != OK:
            return status
        while i + 4 <= pause:  # four at a time, none of which waits for another
            for lane in range(4):
                finite &= fabs(frequencies[i + lane]) < INFINITY
                most[lane] = max(most[lane], fabs(frequencies[i + lane]))
            i += 4
        while i < pause:
            finite &= fabs(frequencies[i]) < INFINITY
            most[0] = max(most[0], fabs(frequencies[i]))
            i += 1
        if not finite:
            return BAD_FREQUENCIES
    largest[0] = max(max(most[0], most[1]), max(most[2], most[3]))
    spacing = (frequencies[count - 1] - start) / max(<Py_ssize_t> 1, count - 1)
    near = 1e-15 * largest[0]
    even[0] = True
    i = 0
    while i < count and even[0]:
        pause = min(i + STRETCH, count)
        status = poll_each(stop, &work, pause - i, POLL_EVERY)
        if status != OK:
            return status
        while i < pause:
            # Also where there is no number any more.
            even[0] &= fabs(frequencies[i] - (start + i * spacing)) <= near
            i += 1
    return OK


cdef inline Py_ssize_t block_size(Py_ssize_t n, Py_ssize_t count) noexcept nogil:
    """How many frequencies to transform at once; depends on the whole of the call, not on how it is cut."""
    cdef Py_ssize_t size = LEAST_BLOCK
    while size < LARGEST_BLOCK and size < count and (size < 4096 or size < n):
        size *= 2
    return size


cdef inline int lomb_scargle(
    const double *times, Py_ssize_t n, const double *values, Py_ssize_t series, const double *errors,
    const double *frequencies, Py_ssize_t count, Py_ssize_t first, Py_ssize_t rows, bint fit_mean, double *power,
    Poll *stop,
) noexcept nogil:
    """power[i·series + k] of series k at frequencies[first + i], for i below `rows`; errors may be NULL, n is not 0."""
    cdef Samples samples
    cdef Transform grid
    cdef double largest = 0, spacing, start
    cdef bint even = False
    cdef Py_ssize_t padded = (n + PAD - 1) // PAD * PAD, row
    cdef double *memory
    cdef int status

    memset(&samples, 0, sizeof(samples))
    memset(&grid, 0, sizeof(grid))
    if count == 0 or rows == 0:
        frequencies = NULL
    else:
        status = read_frequencies(frequencies, count, &largest, &even, stop)
        if status != OK:
            return status
    if padded > LARGEST_COUNT // (series + 19) // 2:
        return NO_MEMORY
    memory = allocate(padded * (2 + series) + 17 * series + 16 * TIMES + PAD)
    if memory == NULL:
        return NO_MEMORY
    samples.n, samples.padded, samples.series, samples.fit_mean = n, padded, series, fit_mean
    samples.times, samples.weights = memory, memory + padded
    samples.values = memory + 2 * padded
    samples.sums = memory + (2 + series) * padded
    samples.totals = samples.sums + 16 * series + 16 * TIMES
    status = read_times(&samples, times, errors, stop)
    for row in range(series):
        if status == OK:
            status = read_values(
                &samples, values + row * n, samples.values + row * padded, &samples.totals[row], stop
            )
    if status == OK and not largest * samples.span < 1e15:
        status = PHASES_TOO_LARGE
    if status == OK and frequencies != NULL:
        if even and count >= LEAST_BLOCK and n >= LEAST_TIMES:
            start = frequencies[0]
            spacing = (frequencies[count - 1] - start) / (count - 1)
            status = set_up(&samples, &grid, block_size(n, count), spacing, stop)
            if status == OK:
                status = blocks(
                    &samples, &grid, frequencies + first, start, spacing, first, rows, power, stop
                )
            give_back(grid.all_of_it)
        else:
            row = 0
            while row < rows and status == OK:
                status = sum_group(
                    &samples, frequencies + first + row, min(<Py_ssize_t> LANES_F64, rows - row),
                    power + row * series, stop,
                )
                if status == OK:
                    advance(stop, min(<Py_ssize_t> LANES_F64, rows - row) * series)
                row += LANES_F64
    give_back(memory)
    return status
