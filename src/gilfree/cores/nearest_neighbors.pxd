"""Exact k nearest neighbours by Euclidean distance: a fast float32 filter before an exact float64 comparison.

Only `examine` decides what is near: it sums (q − p)² in float64, in an order that is fixed for each number of
dimensions, and ranks by that sum, then by index. So the answer depends on the data alone, and not on the level, the
blocks or how the caller cuts the queries. Everything else is there to call it rarely.

**Filter.** Queries and points are moved by a centre c and scaled by a power of two s, so that no query is longer than
1, and rounded to float32: q' ≈ s(q − c), p' ≈ s(p − c). With T the squared distance, scaled, that a query's k-th best
neighbour has so far, a point is dropped where the computed *score* falls short of the query's limit:

    score = h + q'·p',    h = −½‖p'‖²(1 − ε),    limit = ½(‖q'‖²(1 − ε) − T − τ)

Without ε and τ that says ‖q' − p'‖² > T. They make it a proof about q and p, with u = 2⁻²⁴ and d dimensions:

- The score's d + 1 terms are added up with an error of at most γ(|h| + ½‖q'‖² + ½‖p'‖²), where γ = (d+1)u/(1−(d+1)u),
  fused or not (Higham, *Accuracy and Stability of Numerical Algorithms*, §3.1, and |q'·p'| ≤ ½‖q'‖² + ½‖p'‖²).
- Centring and rounding move q by at most u(1+2⁻²⁰)‖q'‖, p likewise. That changes a squared distance r² by at most
  2r(‖q‖ + ‖p‖)u ≤ 4u(‖q'‖² + ‖p'‖²), to the same accuracy.

- ‖p'‖² is added up in float32, within γ‖p'‖². ‖q'‖² and T are float64's.

So ε ≥ 3γ + 4u is enough, and `epsilon` is that for d ≤ MOST_DIMENSIONS, with room for the rounding of h. Each operation
whose result leaves float32's range below errs by 2⁻¹²⁶ at the most, also where subnormals are flushed to zero, and
τ = d·2⁻¹²⁰ covers them all. Points longer than 2³⁰ are not scored and never dropped. What c is matters only to how
small the norms are, and with them how sharp the filter: c has in each dimension the median of three points.

A few queries are not worth all that. They are scanned, and float32 points are dropped where (q − p)², added up in
float32, is too large. Differences need no centre: their errors are relative to themselves.

**Order of work.** A group of points is packed dimension by dimension, so that a register holds the same coordinate of
neighbouring points, and stays in the first-level cache while all queries of the block go by, in tiles of six. The
scores of a tile stay in twelve registers, and a step through one dimension is twelve multiply-adds for eight loads.
"""

from libc.float cimport FLT_MAX
from libc.math cimport INFINITY, frexp, isfinite, ldexp, sqrt
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from gilfree.cores.lanes cimport (
    LANES_F32, all_negative, bits_f32, f32, i32, load_f32, multiply_add_f32, splat_f32, store_f32,
    totals4, transpose4,
)
from gilfree.cores.stop cimport (
    NO_MEMORY, OK, POINTS_NOT_FINITE, QUERIES_NOT_FINITE, Poll, advance, advance_each, poll_each
)

ctypedef fused real:
    float
    double

cdef enum:
    SUMS = 16  # of a distance: enough to hide the latency of addition on every level
    TILE = 6  # queries scored together
    GROUP = 2 * LANES_F32  # points scored together
    MOST_DIMENSIONS = 1 << 14  # for which the filter is sharp, and γ below 2⁻⁹
    SCRATCH_BYTES = 8 << 20  # for the queries worked on together
    SCAN_QUERIES = 8  # scanned together, for want of a filter; fewer than that may also be too few to pack points for
    STRIDE = 1 << 16  # coordinates between two looks at `stop`
    POLL_EVERY = 1 << 18  # coordinates subtracted, squared and added: 30 to 250 µs
    TELL_EVERY = 1 << 12  # pairs of points


cdef struct Candidate:
    double distance  # squared
    int64_t index


cdef struct Room:  # scratch memory for one block of queries
    Candidate *heaps  # k for each query, the worst on top
    float *queries  # in tiles: the first coordinate of six queries, the second, …
    double *norms  # of the packed queries, squared
    float *limits
    float *group  # h of each point, then the first coordinate of each, the second, …
    float *rows  # four of them, before they are packed
    void *centre


cdef inline bint worse(const Candidate *a, const Candidate *b) noexcept nogil:
    return a.distance > b.distance or (a.distance == b.distance and a.index > b.index)


cdef inline void sift_down(Candidate *heap, Py_ssize_t size, Py_ssize_t hole, Candidate moved) noexcept nogil:
    """Puts `moved` into the heap, at the hole or below it."""
    cdef Py_ssize_t child
    while True:
        child = 2 * hole + 1
        if child >= size:
            break
        if child + 1 < size and worse(&heap[child + 1], &heap[child]):
            child += 1
        if not worse(&heap[child], &moved):
            break
        heap[hole] = heap[child]
        hole = child
    heap[hole] = moved


cdef inline int make_heap(Candidate *heap, Py_ssize_t size, Poll *stop, int64_t *work) noexcept nogil:
    cdef Py_ssize_t done
    cdef int status
    for done in range(size // 2):
        sift_down(heap, size, size // 2 - 1 - done, heap[size // 2 - 1 - done])
        status = poll_each(stop, work, 16, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline int sort_heap(Candidate *heap, Py_ssize_t size, Poll *stop, int64_t *work) noexcept nogil:
    cdef Py_ssize_t done, last
    cdef Candidate moved
    cdef int status
    for done in range(size - 1):
        last = size - 1 - done
        moved = heap[last]
        heap[last] = heap[0]
        sift_down(heap, last, 0, moved)
        status = poll_each(stop, work, 64, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline bint finite(const real *values, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t index
    cdef int bad = 0
    for index in range(count):
        bad |= values[index] - values[index] != 0
    return bad == 0


cdef inline int want_finite(
    const real *values, Py_ssize_t count, int otherwise, Poll *stop, int64_t *work
) noexcept nogil:
    """OK, `otherwise` where a number is infinite or NaN, or what `stop` says."""
    cdef Py_ssize_t done = 0, part
    cdef int status
    while done < count:
        part = min(<Py_ssize_t> STRIDE, count - done)
        if not finite(values + done, part):
            return otherwise
        done += part
        status = poll_each(stop, work, part, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline void add_squares(double *sums, const real *a, const real *b, Py_ssize_t count) noexcept nogil:
    """sums[i mod SUMS] += (a[i] − b[i])², never fused: an order and a rounding that every level can keep."""
    cdef double local[SUMS]
    cdef double difference
    cdef Py_ssize_t step, lane, rest = count - count % SUMS
    for lane in range(SUMS):
        local[lane] = sums[lane]
    for step in range(count // SUMS):
        for lane in range(SUMS):
            difference = <double> a[SUMS * step + lane] - <double> b[SUMS * step + lane]
            local[lane] += difference * difference
    for lane in range(SUMS):
        sums[lane] = local[lane]
    for lane in range(count - rest):
        difference = <double> a[rest + lane] - <double> b[rest + lane]
        sums[lane] += difference * difference


cdef inline double add_up(double *sums) noexcept nogil:
    cdef Py_ssize_t lane
    for lane in range(8):
        sums[lane] += sums[lane + 8]
    for lane in range(4):
        sums[lane] += sums[lane + 4]
    return (sums[0] + sums[2]) + (sums[1] + sums[3])


cdef inline int measure(
    const real *a, const real *b, Py_ssize_t dimensions, double *squared, Poll *stop, int64_t *work
) noexcept nogil:
    """The squared distance, in float64."""
    cdef double sums[SUMS]
    cdef Py_ssize_t done = 0, part, lane
    cdef int status
    for lane in range(SUMS):
        sums[lane] = 0
    while True:
        part = min(<Py_ssize_t> STRIDE, dimensions - done)
        add_squares(&sums[0], a + done, b + done, part)
        done += part
        status = poll_each(stop, work, part + SUMS, POLL_EVERY)
        if status != OK:
            return status
        if done == dimensions:
            break
    squared[0] = add_up(&sums[0])
    return OK


cdef inline int measure_point(
    const real *query, const real *point, Py_ssize_t dimensions, double *squared, Poll *stop, int64_t *work
) noexcept nogil:
    """`measure` from a query, which is finite, to a point, which may turn out not to be."""
    cdef int status = measure(query, point, dimensions, squared, stop, work)
    if status == OK and not isfinite(squared[0]):
        status = want_finite(point, dimensions, POINTS_NOT_FINITE, stop, work)
    return status


cdef inline int examine(
    const real *query, const real *point, Py_ssize_t dimensions, int64_t index, Candidate *heap, Py_ssize_t k,
    Poll *stop, int64_t *work,
) noexcept nogil:
    """Takes the point in if it is nearer than the heap's worst. Points come in ascending order, so ties stay out."""
    cdef Candidate candidate
    cdef int status = measure_point(query, point, dimensions, &candidate.distance, stop, work)
    if status == OK and candidate.distance < heap[0].distance:
        candidate.index = index
        sift_down(heap, k, 0, candidate)
    return status


cdef inline int take_first(
    const real *queries, Py_ssize_t count, const real *points, Py_ssize_t dimensions, Py_ssize_t k, Room *room,
    Poll *stop, int64_t *work,
) noexcept nogil:
    """Fills each query's heap with the first k points."""
    cdef Py_ssize_t query, point
    cdef Candidate *heap
    cdef int status
    for query in range(count):
        heap = room.heaps + query * k
        for point in range(k):
            heap[point].index = point
            status = measure_point(
                queries + query * dimensions, points + point * dimensions, dimensions, &heap[point].distance, stop, work
            )
            if status != OK:
                return status
        status = make_heap(heap, k, stop, work)
        if status != OK:
            return status
    return OK


cdef inline float rounded_down(double value) noexcept nogil:
    """A float32 that is surely not above `value`, nor far below."""
    return <float> (value - abs(value) * 2.0 ** -23 - 2.0 ** -125)


cdef inline void estimate(
    const float *query, const float *points, Py_ssize_t dimensions, float *squared
) noexcept nogil:
    """Four points' squared distances in float32; differences are accurate, wherever the origin is."""
    cdef f32 a = splat_f32(0), b = splat_f32(0), c = splat_f32(0), d = splat_f32(0), coordinates
    cdef Py_ssize_t step, point, dimension
    cdef const float *here = points
    cdef float difference
    for step in range(dimensions // LANES_F32):
        coordinates = load_f32(query + step * LANES_F32)
        add_square(&a, coordinates - load_f32(here))
        add_square(&b, coordinates - load_f32(here + dimensions))
        add_square(&c, coordinates - load_f32(here + 2 * dimensions))
        add_square(&d, coordinates - load_f32(here + 3 * dimensions))
        here += LANES_F32
    totals4(a, b, c, d, squared)
    for point in range(4):
        for dimension in range(dimensions // LANES_F32 * LANES_F32, dimensions):
            difference = query[dimension] - points[point * dimensions + dimension]
            squared[point] += difference * difference


cdef inline void add_square(f32 *total, f32 difference) noexcept nogil:
    total[0] = multiply_add_f32(difference, difference, total[0])


cdef inline float ceiling(double worst, Py_ssize_t dimensions) noexcept nogil:
    """What an estimate exceeds only if the squared distance exceeds `worst`: d + 2 roundings of a factor 1 ± 2⁻²⁴."""
    return -rounded_down(-worst * (1 + (1.01 * dimensions + 8) * 2.0 ** -24) - dimensions * 2.0 ** -120)


cdef inline int scan(
    const real *queries, Py_ssize_t count, const real *points, Py_ssize_t point_count, Py_ssize_t dimensions,
    Py_ssize_t k, Candidate *heaps, Poll *stop, int64_t *work,
) noexcept nogil:
    """Examines, for up to SCAN_QUERIES, every point after the first k, but for those that estimates rule out."""
    cdef Py_ssize_t query, point, four, first = k
    cdef int64_t untold = 0
    cdef float ceilings[SCAN_QUERIES]
    cdef float about[4]
    cdef int status
    if real is float:
        for query in range(count):
            ceilings[query] = ceiling(heaps[query * k].distance, dimensions)
    while first < point_count:
        four = min(<Py_ssize_t> 4, point_count - first)
        for query in range(count):
            if real is float:
                about[0] = about[1] = about[2] = about[3] = INFINITY
                if four == 4 and dimensions <= MOST_DIMENSIONS:
                    estimate(queries + query * dimensions, points + first * dimensions, dimensions, &about[0])
                    status = poll_each(stop, work, dimensions + 16, POLL_EVERY)
                    if status != OK:
                        return status
            for point in range(four):
                if real is float:
                    # An estimate that has overflowed, or is none, rules out nothing.
                    if ceilings[query] < about[point] <= FLT_MAX:
                        continue
                status = examine(
                    queries + query * dimensions, points + (first + point) * dimensions, dimensions, first + point,
                    heaps + query * k, k, stop, work,
                )
                if status != OK:
                    return status
                if real is float:
                    ceilings[query] = ceiling(heaps[query * k].distance, dimensions)
        first += four
        advance_each(stop, &untold, four * count, TELL_EVERY)
    advance(stop, untold)
    return OK


cdef inline void take_centre(
    const real *points, Py_ssize_t point_count, Py_ssize_t dimensions, real *centre
) noexcept nogil:
    """The median of the first, the middle and the last point's coordinates: one outlier cannot move it far."""
    cdef const real *middle = points + point_count // 2 * dimensions
    cdef const real *last = points + (point_count - 1) * dimensions
    cdef Py_ssize_t dimension
    cdef real a, b, c
    for dimension in range(dimensions):
        a, b, c = points[dimension], middle[dimension], last[dimension]
        centre[dimension] = max(min(a, b), min(max(a, b), c))


cdef inline int take_scale(
    const real *queries, Py_ssize_t count, const real *points, Py_ssize_t dimensions, const real *centre,
    double *scale, Poll *stop, int64_t *work,
) noexcept nogil:
    """A power of two that makes no query longer than 1, or 0 where there is none to compute with."""
    cdef double largest, squared, widest
    cdef int exponent, status
    cdef Py_ssize_t query
    status = measure_point(points, centre, dimensions, &largest, stop, work)
    if status != OK:
        return status
    for query in range(count):
        status = measure(queries + query * dimensions, centre, dimensions, &squared, stop, work)
        if status != OK:
            return status
        largest = max(largest, squared)
    # The scale has to be a number of the inputs' type, and its square one of float64's, with room to spare.
    if real is float:
        widest = 1e70
    else:
        widest = 1e240
    scale[0] = 1.0 if largest == 0 else 0.0
    if 1 / widest < largest < widest:
        frexp(sqrt(largest), &exponent)
        scale[0] = ldexp(1.0, -exponent)
    return OK


cdef inline void convert(
    const real *source, const real *centre, double scale, Py_ssize_t dimensions, float *row
) noexcept nogil:
    """row = s(x − c)."""
    cdef Py_ssize_t dimension
    for dimension in range(dimensions):
        row[dimension] = <float> ((source[dimension] - centre[dimension]) * <real> scale)


cdef inline double squared_length(const float *row, Py_ssize_t dimensions) noexcept nogil:
    cdef double total = 0
    cdef Py_ssize_t dimension
    for dimension in range(dimensions):
        total += <double> row[dimension] * <double> row[dimension]
    return total


cdef inline double epsilon(Py_ssize_t dimensions) noexcept nogil:
    return (3.02 * dimensions + 12) * 2.0 ** -24


cdef inline float limit(double norm, double worst, double scale, Py_ssize_t dimensions) noexcept nogil:
    """What a point has to score against a query of this squared length to be worth examining."""
    cdef double tau = dimensions * 2.0 ** -120
    return rounded_down(0.5 * (norm * (1 - epsilon(dimensions)) - worst * scale * scale * (1 + 2.0 ** -30) - tau))


cdef inline int pack_points(
    const real *points, Py_ssize_t count, Py_ssize_t dimensions, double scale, Room *room, Poll *stop, int64_t *work
) noexcept nogil:
    """Packs up to GROUP points; the places of those that are missing score too low for every limit."""
    cdef float *columns = room.group + GROUP
    cdef f32 x = splat_f32(0), y = splat_f32(0)
    cdef double factor = 0.5 * (1 - epsilon(dimensions))
    cdef Py_ssize_t four, lane, step, dimension
    cdef int status
    for four in range(GROUP // 4):
        for lane in range(4 * four, min(count, 4 * four + 4)):
            convert(
                points + lane * dimensions, <const real *> room.centre, scale, dimensions,
                room.rows + lane % 4 * dimensions,
            )
        for step in range(dimensions // 4):
            transpose4(room.rows + 4 * step, dimensions, columns + 4 * step * GROUP + 4 * four, GROUP)
        for dimension in range(dimensions // 4 * 4, dimensions):
            for lane in range(4):
                columns[dimension * GROUP + 4 * four + lane] = room.rows[lane * dimensions + dimension]
        status = poll_each(stop, work, 2 * dimensions, POLL_EVERY)
        if status != OK:
            return status

    for dimension in range(dimensions):
        add_square(&x, load_f32(columns + dimension * GROUP))
        add_square(&y, load_f32(columns + dimension * GROUP + LANES_F32))
    store_f32(room.group, x)
    store_f32(room.group + LANES_F32, y)
    for lane in range(GROUP):
        if lane < count and room.group[lane] < 2.0 ** 60:
            room.group[lane] = <float> (-factor * room.group[lane])
            continue
        # Nor does a point with a coordinate that is not finite fall short: `examine` then finds it out.
        room.group[lane] = 2.0 ** 100 if lane < count else -2.0 ** 100
        for dimension in range(dimensions):
            columns[dimension * GROUP + lane] = 0
        status = poll_each(stop, work, 4 * dimensions, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline int pack_queries(
    const real *queries, Py_ssize_t count, Py_ssize_t dimensions, Py_ssize_t k, double scale, Room *room, Poll *stop,
    int64_t *work,
) noexcept nogil:
    """Packs the queries in tiles; the places of those that are missing have a limit that no score reaches."""
    cdef Py_ssize_t query, dimension, place
    cdef int status
    for query in range((count + TILE - 1) // TILE * TILE):
        if query < count:
            convert(queries + query * dimensions, <const real *> room.centre, scale, dimensions, room.rows)
            room.norms[query] = squared_length(room.rows, dimensions)
            room.limits[query] = limit(room.norms[query], room.heaps[query * k].distance, scale, dimensions)
        else:
            room.limits[query] = 2.0 ** 110
            for dimension in range(dimensions):
                room.rows[dimension] = 0
        place = query // TILE * TILE * dimensions + query % TILE
        for dimension in range(dimensions):
            room.queries[place + dimension * TILE] = room.rows[dimension]
        status = poll_each(stop, work, 4 * dimensions, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef struct Row:  # the scores of one query against a group
    f32 x
    f32 y


cdef inline void add_dimension(Row *self, f32 x, f32 y, float coordinate) noexcept nogil:
    self.x = multiply_add_f32(splat_f32(coordinate), x, self.x)
    self.y = multiply_add_f32(splat_f32(coordinate), y, self.y)


cdef inline i32 falls_short(Row *self, float limit) noexcept nogil:
    """Negative where the score is below the limit."""
    return bits_f32(self.x - splat_f32(limit)) & bits_f32(self.y - splat_f32(limit))


cdef inline void store_row(Row *self, float *target) noexcept nogil:
    store_f32(target, self.x)
    store_f32(target + LANES_F32, self.y)


cdef inline bint score(
    const float *queries, const float *group, Py_ssize_t dimensions, const float *limits, float *scores
) noexcept nogil:
    """Scores a group against a tile of queries; returns whether any score reaches its limit, and then writes all."""
    cdef Row a, b, c, d, e, f
    cdef f32 x = load_f32(group), y = load_f32(group + LANES_F32)
    a.x = b.x = c.x = d.x = e.x = f.x = x
    a.y = b.y = c.y = d.y = e.y = f.y = y
    for _ in range(dimensions):
        group += GROUP
        x = load_f32(group)
        y = load_f32(group + LANES_F32)
        add_dimension(&a, x, y, queries[0])
        add_dimension(&b, x, y, queries[1])
        add_dimension(&c, x, y, queries[2])
        add_dimension(&d, x, y, queries[3])
        add_dimension(&e, x, y, queries[4])
        add_dimension(&f, x, y, queries[5])
        queries += TILE
    if all_negative(
        falls_short(&a, limits[0]) & falls_short(&b, limits[1]) & falls_short(&c, limits[2])
        & falls_short(&d, limits[3]) & falls_short(&e, limits[4]) & falls_short(&f, limits[5])
    ):
        return False
    store_row(&a, scores)
    store_row(&b, scores + GROUP)
    store_row(&c, scores + 2 * GROUP)
    store_row(&d, scores + 3 * GROUP)
    store_row(&e, scores + 4 * GROUP)
    store_row(&f, scores + 5 * GROUP)
    return True


cdef inline int examine_group(
    const real *query, const real *points, Py_ssize_t count, Py_ssize_t dimensions, int64_t first, Candidate *heap,
    Py_ssize_t k, const float *scores, double norm, double scale, float *least, Poll *stop, int64_t *work,
) noexcept nogil:
    """Examines the points of a group that reach the query's limit, which rises as nearer ones are found."""
    cdef Row row
    cdef double worst
    cdef Py_ssize_t lane
    cdef int status
    row.x = load_f32(scores)
    row.y = load_f32(scores + LANES_F32)
    if all_negative(falls_short(&row, least[0])):
        return OK
    for lane in range(count):
        if scores[lane] < least[0]:
            continue
        worst = heap[0].distance
        status = examine(query, points + lane * dimensions, dimensions, first + lane, heap, k, stop, work)
        if status != OK:
            return status
        if heap[0].distance < worst:
            least[0] = limit(norm, heap[0].distance, scale, dimensions)
    return OK


cdef inline int filtered_scan(
    const real *queries, Py_ssize_t count, const real *points, Py_ssize_t point_count, Py_ssize_t dimensions,
    Py_ssize_t k, double scale, Room *room, Poll *stop, int64_t *work,
) noexcept nogil:
    """Examines those points after the first k that may be nearer than what a query has."""
    cdef float scores[TILE * GROUP]
    cdef Py_ssize_t tiles = (count + TILE - 1) // TILE, tile, query, first, points_left
    cdef int64_t tile_work = TILE * GROUP * (dimensions + 8) // 8, untold = 0
    cdef int status

    status = pack_queries(queries, count, dimensions, k, scale, room, stop, work)
    if status != OK:
        return status
    first = k
    while first < point_count:
        points_left = min(<Py_ssize_t> GROUP, point_count - first)
        status = pack_points(points + first * dimensions, points_left, dimensions, scale, room, stop, work)
        if status != OK:
            return status
        for tile in range(tiles):
            if score(
                room.queries + tile * TILE * dimensions, room.group, dimensions, room.limits + tile * TILE, &scores[0]
            ):
                for query in range(tile * TILE, min(count, tile * TILE + TILE)):
                    status = examine_group(
                        queries + query * dimensions, points + first * dimensions, points_left, dimensions, first,
                        room.heaps + query * k, k, &scores[(query - tile * TILE) * GROUP], room.norms[query], scale,
                        &room.limits[query], stop, work,
                    )
                    if status != OK:
                        return status
            status = poll_each(stop, work, tile_work, POLL_EVERY)
            if status != OK:
                return status
        first += GROUP
        advance_each(stop, &untold, points_left * count, TELL_EVERY)
    advance(stop, untold)
    return OK


cdef inline int search(
    const real *queries, Py_ssize_t count, const real *points, Py_ssize_t point_count, Py_ssize_t dimensions,
    Py_ssize_t k, bint filtered, Room *room, real *distances, int64_t *indices, Poll *stop, int64_t *work,
) noexcept nogil:
    """One block of queries."""
    cdef double scale = 0
    cdef Py_ssize_t query, rank, first = 0
    cdef Candidate *heap
    cdef int status = take_first(queries, count, points, dimensions, k, room, stop, work)
    if status == OK and filtered:
        take_centre(points, point_count, dimensions, <real *> room.centre)
        status = take_scale(
            queries, count, points, dimensions, <const real *> room.centre, &scale, stop, work
        )
    if status == OK:
        if scale > 0:
            status = filtered_scan(
                queries, count, points, point_count, dimensions, k, scale, room, stop, work
            )
        else:
            while first < count and status == OK:
                status = scan(
                    queries + first * dimensions, min(<Py_ssize_t> SCAN_QUERIES, count - first), points, point_count,
                    dimensions, k, room.heaps + first * k, stop, work,
                )
                first += SCAN_QUERIES
    if status != OK:
        return status
    for query in range(count):
        heap = room.heaps + query * k
        status = sort_heap(heap, k, stop, work)
        if status != OK:
            return status
        for rank in range(k):
            distances[query * k + rank] = <real> sqrt(heap[rank].distance)
            indices[query * k + rank] = heap[rank].index
            status = poll_each(stop, work, 16, POLL_EVERY)
            if status != OK:
                return status
    advance(stop, <int64_t> k * count)  # the first k points, with which each query began
    return OK


cdef struct Blocks:  # how the queries are worked on
    Py_ssize_t size  # at most so many at once
    Py_ssize_t worthwhile  # fewer than that are not worth packing the points for
    bint filtered  # whether any are


cdef inline int search_all(
    const real *queries, Py_ssize_t query_count, const real *points, Py_ssize_t point_count, Py_ssize_t dimensions,
    Py_ssize_t k, Blocks blocks, Room *room, real *distances, int64_t *indices, Poll *stop,
) noexcept nogil:
    cdef Py_ssize_t first = 0, count
    cdef int64_t work = 0
    cdef int status = want_finite(queries, query_count * dimensions, QUERIES_NOT_FINITE, stop, &work)
    if status == OK and query_count == 0:
        status = want_finite(points, point_count * dimensions, POINTS_NOT_FINITE, stop, &work)
    if dimensions == 0:
        point_count = k  # all are equally near, and the first are the nearest
    while first < query_count and status == OK:
        count = min(blocks.size, query_count - first)
        status = search(
            queries + first * dimensions, count, points, point_count, dimensions, k,
            blocks.filtered and count >= blocks.worthwhile, room, distances + first * k, indices + first * k, stop,
            &work,
        )
        first += count
    return status


cdef inline int nearest_neighbors(
    const void *queries, Py_ssize_t query_count, const void *points, Py_ssize_t point_count, Py_ssize_t dimensions,
    bint are_double, Py_ssize_t k, void *distances, int64_t *indices, Poll *stop,
) noexcept nogil:
    """The k nearest points of each query, for 1 ≤ k ≤ point_count: distances and indices, nearest first.

    Nothing is written before every coordinate has been found finite.
    """
    cdef Room room
    cdef Blocks blocks
    cdef char *scratch
    cdef char *place
    cdef size_t per_query, total, padded
    cdef int status

    if <size_t> k > (<size_t> -1) // 4 // sizeof(Candidate):
        return NO_MEMORY

    # Packing a point costs as much as estimating its distance to this many queries.
    blocks.worthwhile = min(<Py_ssize_t> SCAN_QUERIES, 2 + dimensions // 16)
    blocks.filtered = (
        0 < dimensions <= MOST_DIMENSIONS and query_count >= blocks.worthwhile and point_count - k >= GROUP
    )
    per_query = <size_t> k * sizeof(Candidate)
    if blocks.filtered:
        per_query += <size_t> dimensions * sizeof(float) + sizeof(double) + sizeof(float)
    blocks.size = max(<Py_ssize_t> 1, min(query_count, <Py_ssize_t> (SCRATCH_BYTES // per_query)))
    if not blocks.filtered:
        blocks.size = min(blocks.size, <Py_ssize_t> SCAN_QUERIES)
    elif TILE < blocks.size < query_count:
        blocks.size -= blocks.size % TILE
    padded = <size_t> ((blocks.size + TILE - 1) // TILE * TILE)

    total = 64 + <size_t> blocks.size * <size_t> k * sizeof(Candidate)
    if blocks.filtered:
        total += (
            padded * (<size_t> dimensions * sizeof(float) + sizeof(double) + sizeof(float))
            + <size_t> GROUP * (<size_t> dimensions + 1) * sizeof(float)
            + <size_t> dimensions * (4 * sizeof(float) + sizeof(double)) + 64
        )
    scratch = <char *> malloc(total)
    if scratch == NULL:
        return NO_MEMORY
    place = scratch + (64 - <uintptr_t> scratch % 64) % 64
    memset(&room, 0, sizeof(Room))
    if blocks.filtered:
        room.group = <float *> place
        place += <size_t> GROUP * (<size_t> dimensions + 1) * sizeof(float)
        room.queries = <float *> place
        place += padded * <size_t> dimensions * sizeof(float)
        room.limits = <float *> place
        place += padded * sizeof(float)
        room.rows = <float *> place
        place += 4 * <size_t> dimensions * sizeof(float)
        place += (64 - <uintptr_t> place % 64) % 64
        room.norms = <double *> place
        place += padded * sizeof(double)
        room.centre = place
        place += <size_t> dimensions * sizeof(double)
    room.heaps = <Candidate *> place

    if are_double:
        status = search_all(
            <const double *> queries, query_count, <const double *> points, point_count, dimensions, k, blocks, &room,
            <double *> distances, indices, stop,
        )
    else:
        status = search_all(
            <const float *> queries, query_count, <const float *> points, point_count, dimensions, k, blocks, &room,
            <float *> distances, indices, stop,
        )
    free(scratch)
    return status
