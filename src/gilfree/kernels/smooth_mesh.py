"""Laplacian smoothing: every vertex of a mesh moves towards the middle of its neighbours."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from gilfree._kernels import finite_float, hold, integer, releases
from gilfree.kernels._kernel import Kernel, Work, share
from gilfree.kernels._lazy import _arrays, _csr, np
from gilfree.watching import watches, watching
from gilfree.workers import Crew, Workers, cpu_count, crew

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KERNEL", "smooth_mesh", "smooth_mesh_pure"]

AXES = CORNERS = 3
ENDS = 6  # of edges, in a face, as in the core
MAX_VERTICES = 2**31 - 1
MAX_ITERATIONS = 2**31 - 1

# Measured, in seconds: to list the ends of a face's edges, to move a vertex, and to look at one of its neighbours.
FACE = 25e-9
VERTEX = 4e-9
NEIGHBOR = 1e-9

# An iteration is a step that all workers have to finish before the next one begins. It is cut if it takes so long.
CUT_FROM_SECONDS = 50e-6
TEAM_WORDS = 16  # through which calls that work together know what is left to do, as in the core
MOST_TOGETHER = 2**29 - 3  # iterations


def smooth_mesh(
    vertices: "ArrayLike",
    faces: "ArrayLike",
    *,
    iterations: int = 10,
    factor: float = 0.5,
    out: "NDArray[np.floating[Any]] | None" = None,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> "NDArray[np.floating[Any]]":
    """Smooth a triangle mesh by moving each vertex towards the mean of its neighbours.

    In every iteration all vertices move at once, by ``factor`` of the way from where they are to the mean of where
    their neighbours are (uniform Laplacian smoothing). Neighbours are the vertices at the other ends of a vertex's
    edges, each counted once, however many faces share the edge.

    Parameters
    ----------
    vertices : array_like
        Their positions, shape (n, 3). float32 and float64 are used as they are; other real numbers become float64.
    faces : array_like of int
        The numbers of each triangle's three vertices, shape (m, 3), from 0 to n − 1. int32 and int64 are used as they
        are. A triangle may name a vertex more than once; it then has fewer edges.
    iterations : int
        How many times to move, 0 or more.
    factor : float
        How far to move: 0 is not at all, 1 is all the way. Other finite numbers are legal; from 0 to 1, nothing leaves
        the convex hull.
    out : ndarray, optional
        Where to write the new positions: shape (n, 3), of the dtype of the vertices.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    ndarray
        The new positions, shape (n, 3), of the dtype of the vertices. Those without neighbours are where they were.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or shape, or a face names a vertex that does not exist. No vertex was moved.

    Notes
    -----
    Takes time in proportion to n + m for the lists of neighbours, and for each iteration; memory for 12 numbers a face
    and some more a vertex. Means are added up in the order of the vertices' numbers, in the dtype of the vertices. NaN
    and infinity spread to the neighbours.

    Vertices are cut among the workers, within each iteration, if one takes some 50 µs or more; after it the workers
    wait for each other. For the lists, each worker goes through all faces. Workers that share no memory are sent the
    mesh again for each iteration, and the lists that the calling thread makes, which hardly ever pays.

    Thread safety: safe on shared objects, for arguments are only read; ``out`` has to be the call's own.

    References
    ----------
    .. [1] D. A. Field, "Laplacian smoothing and Delaunay triangulations", Communications in Applied Numerical Methods 4
       (1988) 709-712.

    Examples
    --------
    A pyramid over a square, whose apex sinks towards the corners and they towards it and each other:

    >>> import gilfree
    >>> vertices = [[0.0, 0, 3], [1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]
    >>> faces = [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1]]
    >>> gilfree.smooth_mesh(vertices, faces, iterations=1)
    array([[ 0. ,  0. ,  1.5],
           [ 0.5,  0.5,  0.5],
           [-0.5,  0.5,  0.5],
           [-0.5, -0.5,  0.5],
           [ 0.5, -0.5,  0.5]])
    """
    positions, triangles = _arrays.float_array("vertices", vertices, 2), _csr.index_array("faces", faces, 2)
    count = len(positions)
    if positions.shape[1] != AXES:
        raise ValueError(f"vertices: wanted shape (n, 3), got {positions.shape}")
    if triangles.shape[1] != CORNERS:
        raise ValueError(f"faces: wanted shape (m, 3), got {triangles.shape}")
    if count > MAX_VERTICES:
        raise ValueError(f"vertices: wanted at most {MAX_VERTICES}, got {count}")
    iterations = integer("iterations", iterations, 0, MAX_ITERATIONS)
    factor = finite_float("factor", factor)

    step_seconds = VERTEX * count + NEIGHBOR * ENDS * len(triangles)
    seconds = FACE * len(triangles) + step_seconds * iterations
    release = releases(release_gil, seconds)
    if watches and (watch := watching()) is not None:
        with watch.call("smooth_mesh", count * (1 + iterations)):
            return smooth_mesh(
                positions,
                triangles,
                iterations=iterations,
                factor=factor,
                out=out,
                workers=workers,
                release_gil=release,
            )
    who = None if workers.__class__ is int and workers == 1 else crew(workers)
    if who and _cut_steps(who, workers, step_seconds) and 0 < iterations <= MOST_TOGETHER and count > 0:
        if who.kind == "elsewhere":
            offsets, neighbors = _neighbors(triangles, count, release_gil=release)
            inputs = range(count), positions, offsets, neighbors, factor, iterations
            return _step_by_step(inputs, step_seconds, out, workers, release_gil=release)
        calls = min(who.size, cpu_count())  # more would wait for each other
        mesh = positions, triangles, factor, iterations, calls
        return _together(mesh, seconds, out, workers, release_gil=release)
    moved: NDArray[Any] = _arrays.compute(
        Meshes,
        (positions, triangles, factor, iterations),
        count,
        0.0,  # for what is not cut, and knows already whether it releases
        (("moved", positions.shape, positions.dtype),),
        out,
        1,
        release,
    )
    return moved


def smooth_mesh_pure(
    vertices: Sequence[Sequence[float]], faces: Sequence[Sequence[int]], *, iterations: int = 10, factor: float = 0.5
) -> list[list[float]]:
    """`smooth_mesh` in pure Python: the new positions as a list of rows."""
    positions = [[float(x) for x in vertex] for vertex in vertices]
    neighbors: list[set[int]] = [set() for _ in positions]
    for face in faces:
        for one in face:
            neighbors[one].update(other for other in face if other != one)
    ordered = [sorted(others) for others in neighbors]
    for _ in range(iterations):
        positions = [
            moved(position, [positions[other] for other in others], factor) if others else position
            for position, others in zip(positions, ordered, strict=True)
        ]
    return positions


def moved(position: Sequence[float], neighbors: Sequence[Sequence[float]], factor: float) -> list[float]:
    """Return the position, moved by this part of the way to the mean of its neighbours'."""
    # Not by `sum`, which compensates for rounding since Python 3.12.
    means = [reduce(add, axis) / len(neighbors) for axis in zip(*neighbors, strict=True)]
    return [x + factor * (mean - x) for x, mean in zip(position, means, strict=True)]


class Meshes(Work):
    """A mesh as a whole."""

    __slots__ = ()
    core = "smooth_faces"


class Together(Work):
    """A mesh as a whole, in which all calls share: a row is a call."""

    __slots__ = ()
    core = "smooth_together"
    cut = ()


class Faces(Work):
    """Faces, whose edges the calling thread lists at the vertices."""

    __slots__ = ()
    core = "mesh_neighbors"


class Vertices(Work):
    """Vertices, all of which move at once."""

    __slots__ = ()
    core = "smooth_mesh"


def _cut_steps(who: Crew, workers: Workers, seconds: float) -> bool:
    """Return whether iterations of so long are to be cut: always for workers that the caller brought."""
    return who.kind != "threads" or not hasattr(workers, "__index__") or (who.size > 1 and seconds >= CUT_FROM_SECONDS)


def _together(
    mesh: tuple[Any, ...], seconds: float, out: "NDArray[Any] | None", workers: Workers, *, release_gil: bool
) -> "NDArray[Any]":
    """Have workers that share memory list the neighbours and make the iterations, in so many calls of the core."""
    positions, triangles, *_, calls = mesh
    count, ends = len(positions), ENDS * len(triangles)
    if out is None:
        moved: NDArray[Any] = np.empty_like(positions)
    else:
        [moved] = _arrays.outputs(out, (("moved", positions.shape, positions.dtype),), [positions, triangles])
    lists = [np.empty(size, dtype) for size, dtype in 2 * ((count + 1, np.int64), (ends, np.int32))]
    inputs = (*mesh, np.zeros(TEAM_WORDS, np.int64), *lists, np.empty_like(positions), moved)
    held = hold((positions, triangles, moved), np.ndarray)
    share(Together(inputs, (), calls, seconds), workers, release_gil)
    del held
    if out is None:
        return moved
    _arrays.finish(out, [moved])
    return out


def _step(
    inputs: tuple[Any, ...],
    seconds: float,
    out: "NDArray[Any] | None",
    workers: Workers,
    release_gil: bool,  # noqa: FBT001
) -> "NDArray[Any]":
    """Make all the iterations that the inputs ask for, each of so many seconds."""
    positions = inputs[1]
    specs = (("moved", positions.shape, positions.dtype),)
    moved: NDArray[Any] = _arrays.compute(
        Vertices, inputs, len(positions), 1e-6 + seconds * inputs[-1], specs, out, workers, release_gil
    )
    return moved


def _step_by_step(
    inputs: tuple[Any, ...], seconds: float, out: "NDArray[Any] | None", workers: Workers, *, release_gil: bool
) -> "NDArray[Any]":
    """Have workers that share no memory make one iteration after the other."""
    rows, positions, *mesh, iterations = inputs
    if out is not None:
        return _step((rows, positions, *mesh, 0), seconds, out, workers, release_gil)  # which raises
    for _ in range(iterations):
        positions = _step((rows, positions, *mesh, 1), seconds, None, workers, release_gil)
    moved: NDArray[Any] = positions
    return moved


def _neighbors(
    triangles: "NDArray[Any]", count: int, *, release_gil: bool
) -> "tuple[NDArray[np.int64], NDArray[np.int32]]":
    """Return each vertex's neighbours: those of v are ``neighbors[offsets[v]:offsets[v + 1]]``."""
    faces = len(triangles)
    specs = (("offsets", (count + 1,), _arrays.INT64), ("neighbors", (ENDS * faces,), _arrays.INT32))
    offsets, neighbors = _arrays.compute(Faces, (triangles,), faces, FACE * faces, specs, None, 1, release_gil)
    return offsets, neighbors[: offsets.item(-1)]


KERNEL = Kernel(
    name="smooth_mesh",
    dwarf="unstructured grids",
    functions=(smooth_mesh,),
    twins=(smooth_mesh_pure,),
)
