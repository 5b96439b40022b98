"""The Laplace operator on a cube of grid points: the matrix of most solvers' first example, seven entries a row."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from ._problem import Call, Effort, Peer, Problem

__all__ = ["PROBLEM"]

# Points along an edge of the cube.
SIZES = {"tiny": 20, "small": 8, "medium": 128, "large": 200}
# A matrix of few columns and long rows, times many vectors: hours of work in little memory.
ENDLESS_ROWS, ENDLESS_COLUMNS, ENDLESS_ENTRIES, ENDLESS_VECTORS = 64, 16, 200_000, 100_000

Matrix = tuple[Any, Any, Any, tuple[int, int]]


def make(size: str) -> Call:
    """Return the matrix of this size and a vector."""
    rng = np.random.default_rng(20)
    if size == "endless":
        entries = ENDLESS_ROWS * ENDLESS_ENTRIES
        matrix = (
            rng.random(entries),
            rng.integers(0, ENDLESS_COLUMNS, entries, dtype=np.int32),
            np.arange(0, entries + 1, ENDLESS_ENTRIES, dtype=np.int32),
            (ENDLESS_ROWS, ENDLESS_COLUMNS),
        )
        return Call((matrix, rng.random((ENDLESS_COLUMNS, ENDLESS_VECTORS))))
    matrix = laplacian(SIZES[size])
    return Call((matrix, rng.standard_normal(matrix[3][1])))


@cache
def laplacian(side: int) -> Matrix:
    """Return the second differences in three directions, and zero beyond the cube's faces."""
    points = np.arange(side**3, dtype=np.int32)
    place = np.stack([points // side**2, points // side % side, points % side], axis=1)
    # In ascending order of columns, the point itself in the middle.
    steps = np.array([-(side**2), -side, -1, 0, 1, side, side**2], np.int32)
    inside = np.column_stack([place > 0, np.ones(points.size, bool), place[:, ::-1] < side - 1])
    indices = (points[:, None] + steps)[inside]
    data = np.broadcast_to([-1.0, -1.0, -1.0, 6.0, -1.0, -1.0, -1.0], inside.shape)[inside]
    indptr = np.concatenate([[0], np.cumsum(inside.sum(axis=1))]).astype(np.int32)
    return data, indices, indptr, (points.size, points.size)


def split(call: Call, count: int) -> list[Call]:
    """Cut the matrix into bands of rows."""
    (data, indices, indptr, (rows, columns)), x = call.args
    count = min(count, rows)
    bounds = [rows * part // count for part in range(count + 1)]
    calls = []
    for start, stop in pairwise(bounds):
        first, last = int(indptr[start]), int(indptr[stop])
        band = (data[first:last], indices[first:last], indptr[start : stop + 1] - indptr[start])
        calls.append(Call(((*band, (stop - start, columns)), x), call.kwargs))
    return calls


def units(call: Call) -> int:
    """Return the number of entries times that of vectors."""
    (_, indices, _, _), x = call.args
    return int(indices.size * (x.size // x.shape[0]))


def effort(call: Call) -> Effort:
    """Return the bytes of the matrix and of both vectors."""
    (data, indices, indptr, (rows, _)), x = call.args
    size = data.nbytes + indices.nbytes + indptr.nbytes + x.nbytes + rows * (x.nbytes // x.shape[0])
    return Effort("reads", float(size), "the matrix and both vectors, once", size)


def same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    """Tell whether all sums are equal but for rounding, which comes in another order."""
    return np.shape(ours) == np.shape(theirs) and np.allclose(theirs, ours, rtol=1e-12, atol=1e-12)


def scipy_peer(call: Call) -> Callable[[], Any]:
    """SciPy's product."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - an optional peer

    (data, indices, indptr, shape), x = call.args
    matrix = csr_array((data, indices, indptr), shape=shape)
    return lambda: matrix @ x


def numba_peer(call: Call) -> Callable[[], Any]:
    """Compile the loop that everybody writes."""
    import numba  # noqa: PLC0415 - an optional peer

    @numba.njit  # type: ignore[untyped-decorator]
    def product(data: Any, indices: Any, indptr: Any, x: Any) -> Any:  # noqa: ANN401
        y = np.empty(len(indptr) - 1)
        for row in range(y.size):
            total = 0.0
            for entry in range(indptr[row], indptr[row + 1]):
                total += data[entry] * x[indices[entry]]
            y[row] = total
        return y

    (data, indices, indptr, _), x = call.args
    product(data, indices, indptr[:2], x)
    return lambda: product(data, indices, indptr, x)


PROBLEM = Problem(
    kernel="sparse_matvec",
    source="the seven-point Laplace operator on a cube of grid points",
    unit="entries",
    make=make,
    split=split,
    units=units,
    same=same,
    effort=effort,
    peers=(Peer("scipy.sparse @", "scipy", scipy_peer), Peer("numba", "numba", numba_peer)),
)
