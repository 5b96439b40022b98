"""Nearest neighbours: the points with the smallest Euclidean distance to each query, exactly."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gilfree._kernels import integer
from gilfree.kernels._kernel import Kernel, Work
from gilfree.kernels._lazy import _arrays, np
from gilfree.workers import Workers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KERNEL", "nearest_neighbors", "nearest_neighbors_pure"]


def nearest_neighbors(
    queries: "ArrayLike",
    points: "ArrayLike",
    k: int = 1,
    *,
    out: "tuple[NDArray[np.floating[Any]], NDArray[np.int64]] | None" = None,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> "tuple[NDArray[np.floating[Any]], NDArray[np.int64]]":
    """Find the k points nearest to each query, by Euclidean distance.

    The result is exact: that of comparing every query with every point by √Σ(q − p)², summed in float64. Points at
    equal distance are ranked by index.

    Parameters
    ----------
    queries : array_like
        Shape (q, d), finite. float32 and float64 are used as they are; other real numbers become float64.
    points : array_like
        Shape (p, d), finite. If one of the two is float32 and the other is not, both become float64.
    k : int
        How many neighbours to find, from 1 to p.
    out : tuple of ndarray, optional
        Where to write the distances (q, k), of the inputs' dtype, and the indices (q, k), int64.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    distances : ndarray
        Shape (q, k), of the inputs' common dtype; ascending in each row.
    indices : ndarray
        Which points these are: shape (q, k), int64.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or shape or has a coordinate that is NaN or infinite, or k is out of range.
        A non-finite coordinate is found during the computation; ``out`` may then hold part of a result.

    Notes
    -----
    Takes time in proportion to q·p·d, and memory for q·k results and some megabytes. Most points are ruled out in
    float32, by a bound that allows for every rounding error, and only those that may be among the nearest are measured.
    So the speed depends on the data and the result does not: it is bit for bit the same for any number of workers,
    any cut of the queries and any instruction set. The filter loses its edge where many points are equally far from a
    query to some six digits, or where nearly all points are far closer to each other than to the first, the middle and
    the last of them. Distances are as accurate as the formula, far from the origin too. Where their squares leave the
    range of float64, as those of distances above 1e154 do, points tie at infinity; likewise at zero.

    Queries are cut among the workers. From about eight queries up (fewer in few dimensions), those of a call or chunk
    share a rearranged copy of the points, so that many queries at once are far cheaper than one by one.

    Thread safety: safe on shared objects, for arguments are only read; ``out`` has to be the call's own.

    References
    ----------
    .. [1] K. Goto and R. A. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM Transactions on
       Mathematical Software 34 (2008) 12: the order of work.
    .. [2] N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition, SIAM 2002, §3.1: the bound.

    Examples
    --------
    >>> import gilfree
    >>> distances, indices = gilfree.nearest_neighbors([[0.0, 0.0]], [[3.0, 4.0], [6.0, 8.0], [0.0, 1.0]], k=2)
    >>> distances
    array([[1., 5.]])
    >>> indices
    array([[2, 0]])
    """
    q, p = _arrays.float_arrays(0, ("queries", queries, 2), ("points", points, 2))
    (rows, dimensions), (count, others) = q.shape, p.shape
    if dimensions != others:
        raise ValueError(
            "points: wanted as many coordinates as the queries have, "
            f"{dimensions}, got {others} (shapes {q.shape} and {p.shape})"
        )
    k = integer("k", k, 1, count, ", the number of points")
    shape = (rows, k)
    result: tuple[NDArray[Any], NDArray[np.int64]] = _arrays.compute(
        Queries,
        (q, p, k),
        rows,
        _seconds(rows, count, dimensions, k),
        (("distances", shape, q.dtype), ("indices", shape, _arrays.INT64)),
        out,
        workers,
        release_gil,
    )
    return result


class Queries(Work):
    """Queries, each of which is compared with all points."""

    __slots__ = ()
    core = "nearest_neighbors"

    @property
    def each(self) -> int:
        """The points; without coordinates the first k will do."""
        return len(self.inputs[1]) if self.inputs[1].shape[1] else int(self.inputs[2])

    @property
    def chunk_seconds(self) -> float:
        """What it takes to prepare the points."""
        return _packing_seconds(*self.inputs[1].shape)


def nearest_neighbors_pure(
    queries: Sequence[Sequence[float]], points: Sequence[Sequence[float]], k: int = 1
) -> tuple[list[list[float]], list[list[int]]]:
    """`nearest_neighbors` in pure Python: distances and indices as lists of rows."""
    distances, indices = [], []
    for query in queries:
        ranked = sorted((squared_distance(query, point), index) for index, point in enumerate(points))[:k]
        distances.append([math.sqrt(squared) for squared, _ in ranked])
        indices.append([index for _, index in ranked])
    return distances, indices


def squared_distance(a: Sequence[float], b: Sequence[float]) -> float:
    """Return Σ(a − b)²."""
    total = 0.0
    for x, y in zip(a, b, strict=True):
        difference = float(x) - float(y)
        total += difference * difference
    return total


def _seconds(rows: int, count: int, dimensions: int, k: int) -> float:
    """Return about how long the search takes."""
    # Of points in random order, the n-th is among the k nearest so far, and has to be measured, with probability k/n.
    measured = rows * k * (1 + math.log(count / k)) * (60e-9 + 0.3e-9 * dimensions)
    if rows < 8 and rows < 2 + dimensions // 16:  # noqa: PLR2004 - as in the core: too few to pack the points for
        return 1e-6 + measured + rows * count * (5e-9 + 0.1e-9 * dimensions)
    return 1e-6 + measured + _packing_seconds(count, dimensions) + rows * count * (0.3e-9 + 0.02e-9 * dimensions)


def _packing_seconds(count: int, dimensions: int) -> float:
    """Return about how long it takes to prepare the points."""
    return count * (4e-9 + 0.5e-9 * dimensions)


KERNEL = Kernel(
    name="nearest_neighbors",
    dwarf="dense linear algebra",
    functions=(nearest_neighbors,),
    twins=(nearest_neighbors_pure,),
)
