"""Uniform Laplacian smoothing of a triangle mesh: who is whose neighbour, and steps towards the mean of one's own.

Neighbours are listed in three stages, each of which can be cut by vertices. First the ends of edges are counted at the
vertices where they begin, which says where there is room for each vertex's list. Then they are listed there, and each
list is put in ascending order; an edge that several faces share comes several times in a row, and is kept once. Last
the gaps are closed.

`smooth_mesh` reads positions as four numbers of which the last is not used, because registers hold four. `smooth_faces`
is all of that, one after the other; `smooth_together` is the same for several calls that share in it.
"""

from libc.stdint cimport SIZE_MAX, int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc

from gilfree.cores.stop cimport (
    BAD_FACE, BAD_NEIGHBORS, FACES_CHANGED, NO_MEMORY, OK, Poll, advance, poll_each, rarely
)
from gilfree.cores.team cimport Team, Turn, close_stage, end_turn, take_turn

ctypedef fused index_t:
    int32_t
    int64_t

ctypedef fused real:
    float
    double

cdef enum:
    ENDS = 6  # of edges, two at each corner of a face
    STRIDE = 256  # vertices, or neighbours of one, between two looks at `stop` in the loop that moves
    FACES = 256  # between two such looks
    POLL_EVERY = 1 << 14  # edges or vertices, each a few accesses to memory: 20 to 500 µs
    SHORT = 32  # the longest list that is sorted by inserting

    # The stages of `smooth_together`; all after these are steps.
    COUNTING = 0
    LISTING = 1
    CLOSING = 2
    STEPS = 3


cdef struct Lists:
    Py_ssize_t vertices
    Py_ssize_t faces
    int64_t *starts  # of the room for each vertex's list, and the end of the last; before that, the ends at each vertex
    int32_t *items
    int64_t room  # for items
    int64_t *offsets  # of each list once the gaps are closed; before that, how long the list before it is
    int32_t *neighbors


cdef inline bint is_face(Py_ssize_t vertices, int64_t a, int64_t b, int64_t c) noexcept nogil:
    return (
        (<uint64_t> a < <uint64_t> vertices) & (<uint64_t> b < <uint64_t> vertices)
        & (<uint64_t> c < <uint64_t> vertices)
    )


cdef inline int add_up_counts(int64_t *starts, Py_ssize_t count, Poll *stop) noexcept nogil:
    """Makes numbers, which come after the place where the first list begins, the places where others begin."""
    cdef Py_ssize_t index
    cdef int64_t work = 0
    cdef int status
    starts[0] = 0
    for index in range(count):
        starts[index + 1] += starts[index]
        status = poll_each(stop, &work, 1, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline bint take_ends(
    const Lists *self, bint listing, Py_ssize_t first, Py_ssize_t rows, Py_ssize_t vertex, Py_ssize_t one,
    Py_ssize_t other,
) noexcept nogil:
    """Counts two ends at a vertex, or lists them if they were counted; none where it is another than these."""
    cdef int64_t place
    if <uint64_t> (vertex - first) >= <uint64_t> rows:
        return True
    if not listing:
        self.starts[vertex + 1] += 2
        return True
    place = self.starts[vertex] + self.offsets[vertex + 1]
    if rarely(place + 2 > self.starts[vertex + 1]):
        return False
    self.items[place] = <int32_t> one
    self.items[place + 1] = <int32_t> other
    self.offsets[vertex + 1] += 2
    return True


cdef inline int go_through(
    const index_t *faces, const Lists *lists, bint listing, Py_ssize_t first, Py_ssize_t rows, Poll *stop
) noexcept nogil:
    """Counts the ends at each of these vertices in `starts`, or lists them: faces may be others the second time.

    The numbers stand in the place after the vertex's own, where `add_up_counts` expects them.
    """
    cdef int64_t a, b, c, work = 0
    cdef Py_ssize_t face = 0, row, pause
    cdef bint taken
    cdef int status
    for row in range(first, first + rows):
        if not listing:
            lists.starts[row + 1] = 0
        elif rarely(lists.starts[row] < 0 or lists.starts[row + 1] > lists.room):
            return FACES_CHANGED
        else:
            lists.offsets[row + 1] = 0
    while face < lists.faces:
        pause = min(face + FACES, lists.faces)
        status = poll_each(stop, &work, pause - face, POLL_EVERY)
        if status != OK:
            return status
        while face < pause:
            a, b, c = faces[3 * face], faces[3 * face + 1], faces[3 * face + 2]
            if rarely(not is_face(lists.vertices, a, b, c)):
                return BAD_FACE
            taken = take_ends(lists, listing, first, rows, a, b, c)
            taken &= take_ends(lists, listing, first, rows, b, c, a)
            taken &= take_ends(lists, listing, first, rows, c, a, b)
            if rarely(not taken):
                return FACES_CHANGED
            face += 1
    return OK


cdef inline int64_t sort_short(int32_t *items, int64_t length, int32_t vertex) noexcept nogil:
    """Sorts a list in place, by inserting, each number once and `vertex` not at all; returns how many are left."""
    cdef int64_t item, place, count = 0, index
    cdef int32_t number
    for item in range(length):
        number = items[item]
        place = count
        while place > 0 and items[place - 1] > number:
            place -= 1
        if number == vertex or (place > 0 and items[place - 1] == number):
            continue
        index = count
        while index > place:
            items[index] = items[index - 1]
            index -= 1
        items[place] = number
        count += 1
    return count


cdef inline void sift(int32_t *items, int64_t place, int64_t length) noexcept nogil:
    """Lets a number sink to its place in a heap that has the largest on top."""
    cdef int32_t number = items[place]
    cdef int64_t below = 2 * place + 1
    while below < length:
        below += below + 1 < length and items[below + 1] > items[below]
        if items[below] <= number:
            break
        items[place] = items[below]
        place = below
        below = 2 * place + 1
    items[place] = number


cdef inline int sort_long(int32_t *items, int64_t length, int64_t *work, Poll *stop) noexcept nogil:
    """Heapsort: a vertex of all faces takes no more memory or, by and large, time than others."""
    cdef int64_t place, top
    cdef int32_t last
    cdef int status
    for place in range(length // 2 - 1, -1, -1):
        sift(items, place, length)
        status = poll_each(stop, work, 16, POLL_EVERY)
        if status != OK:
            return status
    for top in range(length - 1, 0, -1):
        last = items[top]
        items[top] = items[0]
        items[0] = last
        sift(items, 0, top)
        status = poll_each(stop, work, 16, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline int sort_lists(
    const Lists *lists, Py_ssize_t first, Py_ssize_t rows, int64_t *work, Poll *stop
) noexcept nogil:
    """Puts each vertex's list in order, without what it has twice and without the vertex itself."""
    cdef int64_t length, count, item
    cdef int32_t *items
    cdef Py_ssize_t vertex
    cdef int status
    for vertex in range(first, first + rows):
        items = lists.items + lists.starts[vertex]
        length = lists.offsets[vertex + 1]
        if length <= SHORT:
            count = sort_short(items, length, <int32_t> vertex)
        else:
            status = sort_long(items, length, work, stop)
            if status != OK:
                return status
            count = 0
            for item in range(length):
                if items[item] != vertex and (count == 0 or items[item] != items[count - 1]):
                    items[count] = items[item]
                    count += 1
                status = poll_each(stop, work, 1, POLL_EVERY)
                if status != OK:
                    return status
        lists.offsets[vertex + 1] = count
        if (vertex - first) % STRIDE == STRIDE - 1 or vertex - first == rows - 1:
            advance(stop, (vertex - first) % STRIDE + 1)
        status = poll_each(stop, work, 1 + length, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline int close_gaps(
    const Lists *lists, Py_ssize_t first, Py_ssize_t rows, int64_t *work, Poll *stop
) noexcept nogil:
    cdef int64_t begin, end, item
    cdef const int32_t *items
    cdef Py_ssize_t vertex
    cdef int status
    for vertex in range(first, first + rows):
        begin, end = lists.offsets[vertex], lists.offsets[vertex + 1]
        if rarely(begin < 0 or end < begin or end > lists.room or lists.starts[vertex] < 0
                  or lists.starts[vertex] > lists.room - (end - begin)):
            return BAD_NEIGHBORS
        items = lists.items + lists.starts[vertex] - begin
        for item in range(begin, end):
            lists.neighbors[item] = items[item]
            if rarely(item % STRIDE == STRIDE - 1):
                status = poll_each(stop, work, STRIDE, POLL_EVERY)
                if status != OK:
                    return status
        status = poll_each(stop, work, 8, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline int list_some(
    const void *faces, bint are_long, const Lists *lists, int stage, Py_ssize_t first, Py_ssize_t rows, Poll *stop
) noexcept nogil:
    """Does one of the three stages for some vertices."""
    cdef int64_t work = 0
    cdef int status
    if stage == CLOSING:
        return close_gaps(lists, first, rows, &work, stop)
    if are_long:
        status = go_through(<const int64_t *> faces, lists, stage == LISTING, first, rows, stop)
    else:
        status = go_through(<const int32_t *> faces, lists, stage == LISTING, first, rows, stop)
    if status != OK or stage == COUNTING:
        return status
    return sort_lists(lists, first, rows, &work, stop)


cdef inline int after(const Lists *lists, int64_t stage, Poll *stop) noexcept nogil:
    """Does what comes between a stage and the next."""
    if stage == COUNTING:
        return add_up_counts(lists.starts, lists.vertices, stop)
    if stage == LISTING:
        return add_up_counts(lists.offsets, lists.vertices, stop)
    return OK


cdef inline int mesh_neighbors(
    const void *faces, bint are_long, Py_ssize_t face_count, Py_ssize_t vertices, int64_t *offsets, int32_t *neighbors,
    Poll *stop,
) noexcept nogil:
    """Writes the neighbours of vertex v to neighbors[offsets[v] : offsets[v + 1]], which has room for ENDS a face."""
    cdef Lists lists
    cdef int stage, status = OK
    if <size_t> face_count > SIZE_MAX // ENDS // sizeof(int64_t) or <size_t> vertices >= SIZE_MAX // sizeof(int64_t):
        return NO_MEMORY
    lists.vertices, lists.faces, lists.room = vertices, face_count, ENDS * face_count
    lists.offsets, lists.neighbors = offsets, neighbors
    lists.starts = <int64_t *> malloc((<size_t> vertices + 1) * sizeof(int64_t))
    lists.items = <int32_t *> malloc(<size_t> face_count * ENDS * sizeof(int32_t) + 1)
    if lists.starts == NULL or lists.items == NULL:
        status = NO_MEMORY
    for stage in range(STEPS):
        if status == OK:
            status = list_some(faces, are_long, &lists, stage, 0, vertices, stop)
        if status == OK:
            status = after(&lists, stage, stop)
    free(lists.items)
    free(lists.starts)
    return status


cdef struct Mesh:
    Py_ssize_t vertices
    const int64_t *offsets
    const int32_t *neighbors
    int64_t ends  # the length of `neighbors`
    double factor


cdef inline void add(real *total, const real *position) noexcept nogil:
    total[0] += position[0]
    total[1] += position[1]
    total[2] += position[2]
    total[3] += position[3]


cdef inline bint add_six(const Mesh *mesh, int64_t begin, const real *positions, real *total) noexcept nogil:
    """Adds up six neighbours, unless one is the last vertex or none."""
    cdef const int32_t *others = mesh.neighbors + begin
    cdef uint64_t a = <uint64_t> others[0], b = <uint64_t> others[1], c = <uint64_t> others[2]
    cdef uint64_t d = <uint64_t> others[3], e = <uint64_t> others[4], f = <uint64_t> others[5]
    cdef uint64_t last = mesh.vertices - 1
    if rarely((a >= last) | (b >= last) | (c >= last) | (d >= last) | (e >= last) | (f >= last)):
        return False
    add(total, positions + 3 * a)
    add(total, positions + 3 * b)
    add(total, positions + 3 * c)
    add(total, positions + 3 * d)
    add(total, positions + 3 * e)
    add(total, positions + 3 * f)
    return True


cdef inline bint add_up(
    const Mesh *mesh, int64_t begin, int64_t end, const real *positions, real *total
) noexcept nogil:
    """Adds neighbours up, if they are vertices."""
    cdef uint64_t other, last = mesh.vertices - 1
    cdef int64_t item
    cdef const real *here
    for item in range(begin, end):
        other = <uint64_t> mesh.neighbors[item]
        if rarely(other > last):
            return False
        here = positions + 3 * other
        if rarely(other == last):  # nothing follows it
            total[0] += here[0]
            total[1] += here[1]
            total[2] += here[2]
        else:
            add(total, here)
    return True


cdef inline int move(
    const Mesh *mesh, Py_ssize_t first, Py_ssize_t rows, const real *positions, real *moved, Poll *stop, int64_t *work
) noexcept nogil:
    """Writes to moved[i] the position of vertex first + i after one step."""
    cdef Py_ssize_t row = 0, pause, part, vertex
    cdef int64_t begin, end
    cdef real factor = <real> mesh.factor, count
    cdef real total[4]
    cdef const real *here
    cdef int status
    while row < rows:
        part = min(<Py_ssize_t> STRIDE, rows - row)
        pause = row + part
        while row < pause:
            vertex = first + row
            begin, end = mesh.offsets[vertex], mesh.offsets[vertex + 1]
            if rarely(begin < 0 or end < begin or end > mesh.ends):
                return BAD_NEIGHBORS
            count = <real> (end - begin)
            total[0] = total[1] = total[2] = total[3] = 0
            while rarely(end - begin > STRIDE):
                if not add_up(mesh, begin, begin + STRIDE, positions, &total[0]):
                    return BAD_NEIGHBORS
                begin += STRIDE
                status = poll_each(stop, work, STRIDE, POLL_EVERY)
                if status != OK:
                    return status
            # Six is the mean in a large closed mesh.
            if end - begin == 6 and add_six(mesh, begin, positions, &total[0]):
                pass
            elif rarely(not add_up(mesh, begin, end, positions, &total[0])):
                return BAD_NEIGHBORS
            here = positions + 3 * vertex
            if count > 0:
                moved[3 * row] = here[0] + factor * (total[0] / count - here[0])
                moved[3 * row + 1] = here[1] + factor * (total[1] / count - here[1])
                moved[3 * row + 2] = here[2] + factor * (total[2] / count - here[2])
            else:
                moved[3 * row] = here[0]
                moved[3 * row + 1] = here[1]
                moved[3 * row + 2] = here[2]
            row += 1
        advance(stop, part)
        status = poll_each(stop, work, STRIDE, POLL_EVERY)
        if status != OK:
            return status
    return OK


cdef inline int smooth(
    const Mesh *mesh, Py_ssize_t first, Py_ssize_t rows, const real *positions, int64_t iterations, real *moved,
    Poll *stop
) noexcept nogil:
    """Goes back and forth between `moved` and scratch memory, so that the last step ends in `moved`."""
    cdef real *spare = NULL
    cdef const real *source = positions
    cdef real *target
    cdef int64_t iteration, work = 0
    cdef Py_ssize_t index
    cdef int status = OK
    if rows == 0:
        return OK  # `move` polls as it gets on, and without vertices it does not
    if iterations > 1:
        spare = <real *> malloc(<size_t> rows * 3 * sizeof(real) + 1)
        if spare == NULL:
            return NO_MEMORY
    for iteration in range(iterations):
        target = moved if (iterations - iteration) % 2 else spare
        status = move(mesh, first, rows, source, target, stop, &work)
        if status != OK:
            break
        source = target
    free(spare)
    if iterations == 0:
        for index in range(3 * rows):
            moved[index] = positions[3 * first + index]
    return status


cdef inline int smooth_mesh(
    const Mesh *mesh, Py_ssize_t first, Py_ssize_t rows, const void *positions, bint are_double, int64_t iterations,
    void *moved, Poll *stop
) noexcept nogil:
    """Writes to moved[i] the position of vertex first + i after so many steps: one at most, unless rows are all."""
    if are_double:
        return smooth(mesh, first, rows, <const double *> positions, iterations, <double *> moved, stop)
    return smooth(mesh, first, rows, <const float *> positions, iterations, <float *> moved, stop)


cdef inline int smooth_faces(
    Mesh *mesh, const void *faces, bint are_long, Py_ssize_t face_count, const void *positions, bint are_double,
    int64_t iterations, void *moved, Poll *stop
) noexcept nogil:
    """`mesh_neighbors`, then `smooth_mesh` of all vertices. `mesh` comes without neighbours, and leaves without."""
    cdef int64_t *offsets = NULL
    cdef int32_t *neighbors = NULL
    cdef int status = NO_MEMORY
    if (<size_t> face_count <= SIZE_MAX // ENDS // sizeof(int64_t)
            and <size_t> mesh.vertices < SIZE_MAX // sizeof(int64_t)):
        offsets = <int64_t *> malloc((<size_t> mesh.vertices + 1) * sizeof(int64_t))
        neighbors = <int32_t *> malloc(<size_t> face_count * ENDS * sizeof(int32_t) + 1)
    if offsets != NULL and neighbors != NULL:
        status = mesh_neighbors(faces, are_long, face_count, mesh.vertices, offsets, neighbors, stop)
    if status == OK:
        mesh.offsets, mesh.neighbors, mesh.ends = offsets, neighbors, offsets[mesh.vertices]
        status = smooth_mesh(mesh, 0, mesh.vertices, positions, are_double, iterations, moved, stop)
        mesh.offsets, mesh.neighbors, mesh.ends = NULL, NULL, 0
    free(neighbors)
    free(offsets)
    return status


cdef inline const void *at_row(const void *positions, bint are_double, Py_ssize_t row) noexcept nogil:
    return <const char *> positions + row * 3 * <Py_ssize_t> (sizeof(double) if are_double else sizeof(float))


cdef inline int smooth_together(
    Team *team, Mesh *mesh, const Lists *lists, const void *faces, bint are_long, const void *positions,
    bint are_double, int64_t iterations, void *spare, void *moved, Py_ssize_t calls, Poll *stop
) noexcept nogil:
    """Takes part in what `smooth_faces` does, with about so many calls; all is done when all that take part return.

    `mesh` comes without neighbours. Steps go back and forth between `moved` and `spare`, so that the last ends in
    `moved`; there are some steps, and vertices.
    """
    cdef Py_ssize_t vertices = mesh.vertices, share = (vertices + calls - 1) // calls
    # Small enough for all to end at the same time, large enough for what it takes to take them.
    cdef Py_ssize_t at_once = min(max(vertices // (8 * calls), <Py_ssize_t> STRIDE), <Py_ssize_t> 16 * STRIDE)
    cdef Turn turn
    cdef int64_t step, work = 0
    cdef const void *source
    cdef void *target
    cdef int status = OK
    turn.stage = 0
    while True:
        # In the first stages, each goes through all faces for its vertices.
        status = take_turn(
            team, STEPS + iterations, vertices, share if turn.stage < CLOSING else at_once, &turn, stop
        )
        if status != OK or turn.rows == 0:
            return status
        if turn.stage < STEPS:
            status = list_some(faces, are_long, lists, <int> turn.stage, turn.first, turn.rows, stop)
        else:
            step = turn.stage - STEPS
            mesh.offsets, mesh.neighbors, mesh.ends = lists.offsets, lists.neighbors, lists.room
            target = moved if (iterations - step) % 2 else spare
            source = positions if step == 0 else spare if target == moved else moved
            if are_double:
                status = move(
                    mesh, turn.first, turn.rows, <const double *> source,
                    <double *> at_row(target, True, turn.first), stop, &work,
                )
            else:
                status = move(
                    mesh, turn.first, turn.rows, <const float *> source,
                    <float *> at_row(target, False, turn.first), stop, &work,
                )
        if status == OK and end_turn(team, &turn, vertices):
            status = after(lists, turn.stage, stop)
            if status == OK:
                close_stage(team, &turn)
        if status != OK:
            return status
