"""Payoffs of an Asian option on simulated paths of a price: geometric Brownian motion in exact steps of its logarithm.

A lane is a path. Its random numbers are a function of the key, the path and the step (`philox`), so that no path
depends on another, and each is the same whichever lane of whichever worker it falls to. Payoffs are reduced in blocks
of BLOCK paths, in one fixed order; what combines the blocks is the caller's business.

Normal numbers come in pairs by Box and Muller's transform: a radius √(−2 ln u) and a direction. Its logarithm, sine and
cosine and the exponential below are polynomials, evaluated by additions and multiplications that every level rounds
alike (a fused multiply-add would not). Coefficients interpolate the functions at Chebyshev's points; errors are below
3e-15, relative to the largest value.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from gilfree.cores.lanes cimport LANES_F64, f64, load_f64, load_u64, splat_f64, splat_u64, u64
from gilfree.cores.philox cimport ROUNDS, expand_key, philox
from gilfree.cores.stop cimport NO_MEMORY, OK, Poll, advance, poll_each

cdef extern from *:
    """
    #ifndef GILFREE_ASIAN
    #define GILFREE_ASIAN
    #include <math.h>
    #include <string.h>
    #if defined(__GNUC__)
        #define gilfree_as_f64(bits) ((gilfree_f64)(bits))
        #define gilfree_as_u64(value) ((gilfree_u64)(value))
        /* Compilers make one instruction of the loop. */
        static inline gilfree_f64 gilfree_asian_sqrt(gilfree_f64 x) {
            gilfree_f64 root;
            for (int lane = 0; lane < GILFREE_LANES_F64; lane++) root[lane] = __builtin_sqrt(x[lane]);
            return root;
        }
        #define gilfree_asian_store(p, v) (*(gilfree_f64_at *)(p) = (v))
    #else
        static inline double gilfree_as_f64(uint64_t bits) {
            double value;
            memcpy(&value, &bits, 8);
            return value;
        }
        static inline uint64_t gilfree_as_u64(double value) {
            uint64_t bits;
            memcpy(&bits, &value, 8);
            return bits;
        }
        #define gilfree_asian_sqrt(x) sqrt(x)
        #define gilfree_asian_store(p, v) (*(p) = (v))
    #endif
    #endif
    """
    f64 as_f64 "gilfree_as_f64"(u64 bits) noexcept nogil
    u64 as_u64 "gilfree_as_u64"(f64 value) noexcept nogil
    f64 square_root "gilfree_asian_sqrt"(f64 value) noexcept nogil
    void store_f64 "gilfree_asian_store"(double *target, f64 value) noexcept nogil

cdef enum:
    BLOCK = 1024  # paths whose payoffs are reduced together
    REGISTERS = 2  # of paths that advance together
    TILE = REGISTERS * LANES_F64
    MOMENTS = 5  # of each block: see `reduce`
    POLL_EVERY = 1 << 15  # steps of single paths: some 50 to 200 µs
    LARGEST_EXPONENT = 700  # whose exponential is a normal number, and so is its reciprocal

cdef extern from *:
    """
    #define GILFREE_LARGEST_NORMAL 8.58  /* above √(−2 ln 2⁻⁵³) */
    #define GILFREE_NARROW 0.25
    """
    double LARGEST_NORMAL "GILFREE_LARGEST_NORMAL"
    double NARROW "GILFREE_NARROW"  # where the exponential needs no reduction of its argument


cdef struct Option:
    double spot
    double strike
    double drift  # of the logarithm, in a step
    double deviation  # of the logarithm, in a step
    int64_t steps
    int64_t paths
    uint64_t seed
    bint is_call
    bint control  # whether to evaluate the geometric average too


cdef inline f64 log_times_minus_2(f64 value) noexcept nogil:
    """−2 ln of a positive normal number."""
    # value = m·2^e, with m between √½ and √2: the bits of √½ are taken off, and then the exponent is e + 0.
    cdef u64 bits = as_u64(value) - splat_u64(0x3fe6a09e667f3bcd) + splat_u64(0x3ff0000000000000)
    cdef f64 mantissa = as_f64((bits & splat_u64(0x000fffffffffffff)) + splat_u64(0x3fe6a09e667f3bcd))
    # The biased exponent, as the last digits of 2^52 + e + 1023.
    cdef f64 exponent = as_f64((bits >> 52) | splat_u64(0x4330000000000000)) - splat_f64(4503599627370496.0 + 1023)
    cdef f64 s = (mantissa - splat_f64(1)) / (mantissa + splat_f64(1))
    cdef f64 w = s * s
    # ln m = 2 artanh s
    cdef f64 series = splat_f64(0.16837813568898644)
    series = series * w + splat_f64(0.18121922003893642)
    series = series * w + splat_f64(0.22223434921408206)
    series = series * w + splat_f64(0.2857141601597565)
    series = series * w + splat_f64(0.40000000061773056)
    series = series * w + splat_f64(0.6666666666655285)
    series = series * w + splat_f64(2.0000000000000004)
    return exponent * splat_f64(-1.3862943611198906) - (s + s) * series


cdef inline void sine_and_cosine(f64 half_turns, f64 *sine, f64 *cosine) noexcept nogil:
    """sin πt and cos πt, for |t| ≤ ½."""
    cdef f64 v = half_turns * half_turns
    cdef f64 odd = splat_f64(-2.113362735205297e-05)
    cdef f64 even = splat_f64(-0.0001004164642205389)
    odd = odd * v + splat_f64(0.0004659870158043378)
    even = even * v + splat_f64(0.0019278700526981333)
    odd = odd * v + splat_f64(-0.0073703643265304155)
    even = even * v + splat_f64(-0.025806531975921563)
    odd = odd * v + splat_f64(0.08214587881631043)
    even = even * v + splat_f64(0.23533058831317874)
    odd = odd * v + splat_f64(-0.599264528825224)
    even = even * v + splat_f64(-1.3352627661817635)
    odd = odd * v + splat_f64(2.5501640398618677)
    even = even * v + splat_f64(4.058712126333295)
    odd = odd * v + splat_f64(-5.1677127800497855)
    even = even * v + splat_f64(-4.934802200543686)
    odd = odd * v + splat_f64(3.1415926535897927)
    cosine[0] = even * v + splat_f64(0.9999999999999981)
    sine[0] = odd * half_turns


cdef inline f64 exp_narrow(f64 x) noexcept nogil:
    """e^x for |x| ≤ NARROW; 1 where x is 0."""
    cdef f64 series = splat_f64(2.758865161646291e-06)
    series = series * x + splat_f64(2.4836056385925216e-05)
    series = series * x + splat_f64(0.00019841257599970108)
    series = series * x + splat_f64(0.001388887542169351)
    series = series * x + splat_f64(0.008333333334863599)
    series = series * x + splat_f64(0.041666666683502)
    series = series * x + splat_f64(0.1666666666666637)
    series = series * x + splat_f64(0.49999999999996714)
    return splat_f64(1) + (x + x * x * series)


cdef inline f64 exp_wide(f64 x) noexcept nogil:
    """e^x for |x| ≤ LARGEST_EXPONENT; 1 where x is 0."""
    # Adding 1.5·2^52 rounds to a whole number, which are then the lowest bits.
    cdef f64 shifted = x * splat_f64(1.4426950408889634) + splat_f64(6755399441055744.0)
    cdef f64 twos = shifted - splat_f64(6755399441055744.0)
    # ln 2 in two parts, the first of which times a whole number is exact.
    cdef f64 rest = x - twos * splat_f64(0.693147180369123816490) - twos * splat_f64(1.90821492927058770002e-10)
    cdef f64 series = splat_f64(2.761380417063004e-07)
    series = series * rest + splat_f64(2.7625112348132093e-06)
    series = series * rest + splat_f64(2.4801536393539694e-05)
    series = series * rest + splat_f64(0.0001984120873835699)
    series = series * rest + splat_f64(0.0013888888905879116)
    series = series * rest + splat_f64(0.008333333353726484)
    series = series * rest + splat_f64(0.04166666666665136)
    series = series * rest + splat_f64(0.16666666666648292)
    series = series * rest + splat_f64(0.5)
    return as_f64(as_u64(splat_f64(1) + (rest + rest * rest * series)) + (as_u64(shifted) << 52))


cdef inline void normals(u64 path, uint64_t pair, const u64 *keys, f64 *one, f64 *other) noexcept nogil:
    """The pair of independent standard normal numbers that belongs to a path's steps 2·pair and 2·pair + 1."""
    cdef u64 first, second
    cdef f64 uniform, angle, radius, sine, cosine
    philox(path, path >> 32, splat_u64(<uint32_t> pair), splat_u64(pair >> 32), keys, &first, &second)
    # 52 bits k become k + ½ of 2^52, which is between 0 and 1 and neither of them.
    uniform = as_f64((first >> 12) | splat_u64(0x3ff0000000000000)) - splat_f64(0.99999999999999988898)
    # Half a turn from 51 bits; another bit is the sign of both numbers, and makes it a whole one.
    angle = as_f64((second >> 12) | splat_u64(0x3ff0000000000000)) - splat_f64(1.5)
    radius = square_root(log_times_minus_2(uniform))
    radius = as_f64(as_u64(radius) ^ (second << 63))
    sine_and_cosine(angle, &sine, &cosine)
    one[0] = radius * cosine
    other[0] = radius * sine


cdef struct Paths:
    f64 price  # over the spot price
    f64 total  # of the prices so far
    f64 logarithm  # of the price
    f64 logarithms  # added up


cdef inline void step(const Option *option, bint narrow, Paths *self, f64 normal) noexcept nogil:
    cdef f64 change = splat_f64(option.drift) + splat_f64(option.deviation) * normal
    self.price = self.price * (exp_narrow(change) if narrow else exp_wide(change))
    self.total = self.total + self.price
    if option.control:
        self.logarithm = self.logarithm + change
        self.logarithms = self.logarithms + self.logarithm


cdef inline void start(Paths *self) noexcept nogil:
    self.price = splat_f64(1)
    self.total = self.logarithm = self.logarithms = splat_f64(0)


cdef inline int simulate(
    const Option *option, bint narrow, const uint64_t *numbers, const u64 *keys, double *totals, double *logarithms,
    Poll *stop, int64_t *work,
) noexcept nogil:
    """Writes for a tile of paths the sum of the prices after each step, and that of their logarithms."""
    cdef Paths a, b
    cdef u64 number_a = load_u64(numbers), number_b = load_u64(numbers + LANES_F64)
    cdef f64 one_a, other_a, one_b, other_b
    cdef int64_t pair = 0, pause, pairs = option.steps // 2
    cdef int status
    start(&a)
    start(&b)
    # Two loops, so that the inner one calls nothing and its registers stay in place.
    while True:
        pause = min(pairs, pair + POLL_EVERY // TILE)
        while pair < pause:
            normals(number_a, pair, keys, &one_a, &other_a)
            normals(number_b, pair, keys, &one_b, &other_b)
            step(option, narrow, &a, one_a)
            step(option, narrow, &b, one_b)
            step(option, narrow, &a, other_a)
            step(option, narrow, &b, other_b)
            pair += 1
        if pair == pairs:
            break
        status = poll_each(stop, work, POLL_EVERY, POLL_EVERY)
        if status != OK:
            return status
    if option.steps % 2:
        normals(number_a, pair, keys, &one_a, &other_a)
        normals(number_b, pair, keys, &one_b, &other_b)
        step(option, narrow, &a, one_a)
        step(option, narrow, &b, one_b)
    store_f64(totals, a.total)
    store_f64(totals + LANES_F64, b.total)
    store_f64(logarithms, a.logarithms)
    store_f64(logarithms + LANES_F64, b.logarithms)
    return poll_each(stop, work, (option.steps % (POLL_EVERY // TILE) + 16) * TILE, POLL_EVERY)


cdef inline double payoff(const Option *option, double average) noexcept nogil:
    cdef double gain = average - option.strike if option.is_call else option.strike - average
    return gain if gain > 0 else 0


cdef inline void evaluate(const Option *option, double *totals, double *logarithms) noexcept nogil:
    """Turns the sums of a block of paths into payoffs, by the arithmetic and by the geometric average."""
    cdef Py_ssize_t path
    for path in range(BLOCK):
        totals[path] = payoff(option, option.spot * (totals[path] / option.steps))
    if option.control:
        for path in range(BLOCK):
            logarithms[path] = min(max(logarithms[path] / option.steps, -LARGEST_EXPONENT), LARGEST_EXPONENT)
        for path in range(0, BLOCK // LANES_F64):
            store_f64(logarithms + path * LANES_F64, exp_wide(load_f64(logarithms + path * LANES_F64)))
        for path in range(BLOCK):
            logarithms[path] = payoff(option, option.spot * logarithms[path])


cdef inline double mean(const double *values, Py_ssize_t count) noexcept nogil:
    cdef double total = 0
    cdef Py_ssize_t index
    for index in range(count):
        total += values[index]
    return total / count


cdef inline double comoment(
    const double *a, double mean_a, const double *b, double mean_b, Py_ssize_t count
) noexcept nogil:
    cdef double total = 0
    cdef Py_ssize_t index
    for index in range(count):
        total += (a[index] - mean_a) * (b[index] - mean_b)
    return total


cdef inline void reduce(
    const Option *option, const double *payoffs, const double *controls, Py_ssize_t count, double *moments
) noexcept nogil:
    """Mean and sum of squared deviations of the payoffs, the same of the controls, and the sum of both's products."""
    cdef double payoff = mean(payoffs, count), control = 0
    moments[0] = payoff
    moments[1] = comoment(payoffs, payoff, payoffs, payoff, count)
    moments[2] = moments[3] = moments[4] = 0
    if option.control:
        control = mean(controls, count)
        moments[2] = control
        moments[3] = comoment(controls, control, controls, control, count)
        moments[4] = comoment(payoffs, payoff, controls, control, count)


cdef inline int asian_option_price(
    const Option *option, int64_t first_block, Py_ssize_t blocks, double *moments, Poll *stop
) noexcept nogil:
    """Writes MOMENTS numbers for each block of paths, of which first_block + i has those from BLOCK·(first_block + i).

    The block has a path at least.
    """
    cdef u64 keys[2 * ROUNDS]
    cdef uint64_t numbers[TILE]
    cdef double *totals
    cdef double *logarithms
    cdef int64_t first, work = 0
    cdef Py_ssize_t block, tile, count, lane
    cdef bint narrow = abs(option.drift) + LARGEST_NORMAL * option.deviation <= NARROW
    cdef int status = OK

    totals = <double *> malloc(2 * BLOCK * sizeof(double))
    if totals == NULL:
        return NO_MEMORY
    logarithms = totals + BLOCK
    for lane in range(2 * BLOCK):
        totals[lane] = 0
    expand_key(option.seed, &keys[0])
    for block in range(blocks):
        first = (first_block + block) * BLOCK
        count = min(<int64_t> BLOCK, option.paths - first)
        for tile in range((count + TILE - 1) // TILE):
            for lane in range(TILE):
                numbers[lane] = first + tile * TILE + lane
            if narrow:
                status = simulate(
                    option, True, &numbers[0], &keys[0], totals + tile * TILE, logarithms + tile * TILE, stop, &work
                )
            else:
                status = simulate(
                    option, False, &numbers[0], &keys[0], totals + tile * TILE, logarithms + tile * TILE, stop, &work
                )
            if status != OK:
                break
            advance(stop, TILE)
        if status != OK:
            break
        advance(stop, BLOCK - (count + TILE - 1) // TILE * TILE)  # the last block may have fewer paths
        evaluate(option, totals, logarithms)
        reduce(option, totals, logarithms, count, moments + block * MOMENTS)
    free(totals)
    return status
