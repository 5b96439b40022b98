"""Uniform Laplacian smoothing of a triangle mesh: who is whose neighbour, and steps towards the mean of one's own.

`mesh_neighbors` lists each vertex's neighbours in ascending order. It sorts nothing: first all ends of edges are
listed, at the vertex where they begin, in the order of the faces; then the lists are gone through from the first vertex
to the last, and each is entered at its neighbours. What is entered at a vertex so comes in ascending order, and an edge
that several faces share comes several times in a row.

`smooth_mesh` reads positions as four numbers of which the last is not used, because registers hold four. `smooth_faces`
is both, one after the other.
"""

from libc.stdint cimport SIZE_MAX, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from gilfree.cores.stop cimport (
    BAD_FACE, BAD_NEIGHBORS, FACES_CHANGED, NO_MEMORY, OK, Poll, advance, advance_each, poll_each, rarely
)

ctypedef fused index_t:
    int32_t
    int64_t

ctypedef fused real:
    float
    double

cdef enum:
    ENDS = 6  # of edges, two at each corner of a face
    STRIDE = 256  # vertices, or neighbours of one, between two looks at `stop` in the loop that moves
    POLL_EVERY = 1 << 14  # edges or vertices, each a few accesses to memory: 20 to 500 µs


cdef struct Lists:
    int64_t *starts  # of each vertex's list, and the end of the last
    int64_t *ends  # so far
    int32_t *items


cdef inline bint push(Lists *self, Py_ssize_t vertex, Py_ssize_t one, Py_ssize_t other) noexcept nogil:
    """Lists two ends at a vertex, if they were counted."""
    cdef int64_t place = self.ends[vertex]
    if rarely(place + 2 > self.starts[vertex + 1]):
        return False
    self.items[place] = <int32_t> one
    self.items[place + 1] = <int32_t> other
    self.ends[vertex] = place + 2
    return True


cdef inline int list_ends(
    const index_t *faces, Py_ssize_t face_count, Py_ssize_t vertices, Lists *lists, Poll *stop
) noexcept nogil:
    """Faces are read twice, and may be others the second time."""
    cdef int64_t *starts = lists.starts
    cdef int64_t a, b, c, work = 0, untold = 0
    cdef Py_ssize_t face, vertex
    cdef int status
    for face in range(face_count):
        a, b, c = faces[3 * face], faces[3 * face + 1], faces[3 * face + 2]
        if rarely(<uint64_t> a >= <uint64_t> vertices or <uint64_t> b >= <uint64_t> vertices or
                  <uint64_t> c >= <uint64_t> vertices):
            return BAD_FACE
        starts[a + 1] += 2
        starts[b + 1] += 2
        starts[c + 1] += 2
        status = poll_each(stop, &work, 1, POLL_EVERY)
        if status != OK:
            return status
    for vertex in range(vertices):
        lists.ends[vertex] = starts[vertex]
        starts[vertex + 1] += starts[vertex]
        status = poll_each(stop, &work, 1, POLL_EVERY)
        if status != OK:
            return status
    for face in range(face_count):
        a, b, c = faces[3 * face], faces[3 * face + 1], faces[3 * face + 2]
        if rarely(<uint64_t> a >= <uint64_t> vertices or <uint64_t> b >= <uint64_t> vertices or
                  <uint64_t> c >= <uint64_t> vertices):
            return BAD_FACE
        if rarely(not (push(lists, a, b, c) and push(lists, b, c, a) and push(lists, c, a, b))):
            return FACES_CHANGED
        status = poll_each(stop, &work, 1, POLL_EVERY)
        if status != OK:
            return status
        advance_each(stop, &untold, 1, STRIDE)
    advance(stop, untold)
    return OK


cdef inline int enter(
    Lists *lists, Py_ssize_t vertices, int64_t *offsets, int32_t *neighbors, Poll *stop
) noexcept nogil:
    """Enters each vertex at its neighbours, once, and closes the gaps."""
    cdef int64_t *starts = lists.starts
    cdef int64_t *ends = lists.ends
    cdef int64_t item, place, filled = 0, work = 0
    cdef Py_ssize_t vertex
    cdef int32_t other
    cdef int status
    for vertex in range(vertices):
        ends[vertex] = starts[vertex]
    for vertex in range(vertices):
        for item in range(starts[vertex], starts[vertex + 1]):
            other = lists.items[item]
            place = ends[other]
            if other != vertex and (place == starts[other] or neighbors[place - 1] != vertex):
                neighbors[place] = <int32_t> vertex
                ends[other] = place + 1
            status = poll_each(stop, &work, 1, POLL_EVERY)
            if status != OK:
                return status
    for vertex in range(vertices):
        offsets[vertex] = filled
        for item in range(starts[vertex], ends[vertex]):
            neighbors[filled] = neighbors[item]
            filled += 1
        status = poll_each(stop, &work, 1 + ends[vertex] - starts[vertex], POLL_EVERY)
        if status != OK:
            return status
    offsets[vertices] = filled
    return OK


cdef inline int mesh_neighbors(
    const void *faces, bint are_long, Py_ssize_t face_count, Py_ssize_t vertices, int64_t *offsets, int32_t *neighbors,
    Poll *stop,
) noexcept nogil:
    """Writes the neighbours of vertex v to neighbors[offsets[v] : offsets[v + 1]], which has room for ENDS a face."""
    cdef Lists lists
    cdef int status
    if <size_t> face_count > SIZE_MAX // ENDS // sizeof(int64_t) or <size_t> vertices >= SIZE_MAX // sizeof(int64_t):
        return NO_MEMORY
    lists.starts = <int64_t *> calloc(<size_t> vertices + 1, sizeof(int64_t))
    lists.ends = <int64_t *> malloc((<size_t> vertices + 1) * sizeof(int64_t))
    lists.items = <int32_t *> malloc(<size_t> face_count * ENDS * sizeof(int32_t) + 1)
    if lists.starts == NULL or lists.ends == NULL or lists.items == NULL:
        status = NO_MEMORY
    elif are_long:
        status = list_ends(<const int64_t *> faces, face_count, vertices, &lists, stop)
    else:
        status = list_ends(<const int32_t *> faces, face_count, vertices, &lists, stop)
    if status == OK:
        status = enter(&lists, vertices, offsets, neighbors, stop)
    free(lists.items)
    free(lists.ends)
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
