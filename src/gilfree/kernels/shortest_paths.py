"""Shortest paths through a graph, from some of its nodes to all."""

from array import array
from collections import deque
from heapq import heappop, heappush
from math import cbrt, inf
from typing import TYPE_CHECKING, Any, TypeAlias

from gilfree.kernels._kernel import Kernel, Work
from gilfree.kernels._lazy import _arrays, _csr, np
from gilfree.workers import Workers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Result: TypeAlias = NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.int32]]

__all__ = ["KERNEL", "shortest_paths", "shortest_paths_pure"]

MAX_NODES = 2**31 - 1
NO_PREDECESSOR = -9999


def shortest_paths(
    graph: Any,  # noqa: ANN401 - whatever has the four attributes, or a tuple of them
    sources: "ArrayLike",
    *,
    unweighted: bool = False,
    return_predecessors: bool = False,
    out: "Result | None" = None,
    workers: Workers = 1,
    release_gil: bool | None = None,
) -> "Result":
    """Measure the shortest paths from each source to every node of a graph.

    A path is as long as the sum of its weights, added up in float64 from the source on; the distance is the smallest
    such sum, and that exactly, so that it depends on neither the algorithm nor the machine.

    Parameters
    ----------
    graph : CSR array or matrix, or tuple
        The n nodes' edges in compressed sparse rows, as SciPy's CSR arrays and matrices or anything else with ``data``,
        ``indices``, ``indptr`` and ``shape``, or as a tuple of these four. Row u holds the edges from node u:
        ``data[k]`` is the weight of that to ``indices[k]``, for k from ``indptr[u]`` to ``indptr[u + 1]``. Arrays of
        float32 or float64, and of int32 or int64, are used in place. A stored 0 is an edge of weight 0. An infinite
        weight is as good as no edge, and so is a path that is longer than the largest float64.
    sources : int or array_like of int
        Nodes to start from, shape (s,). They may repeat.
    unweighted : bool
        Count edges, whatever their weights: breadth-first search. ``data`` is not looked at and may be None.
    return_predecessors : bool
        Return also where the paths come from.
    out : ndarray or tuple of ndarray, optional
        Where to write the distances, or the distances and the predecessors: of their shape, float64 and int32.
    workers : int, Executor or callable
        Who does the work: a number of threads (−1: one for each CPU), an executor, or a callable like `map`.
    release_gil : bool, optional
        Whether to release the GIL during the computation. By default calls of more than some 50 µs do.

    Returns
    -------
    distances : ndarray
        Length of the shortest path from each source to each node, ``inf`` where there is none. Shape (s, n), or (n,)
        where ``sources`` is a single number; float64.
    predecessors : ndarray
        The node before the last on such a path, and −9999 at the source and where there is no path. Of several shortest
        paths one is chosen, always the same. Same shape; int32. Only with ``return_predecessors``.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or shape; a source or one of ``indices`` is no node; ``indptr`` does not ascend
        from 0 to at most ``len(indices)``; a weight is negative or NaN; there are 2**31 nodes or more. Nothing was
        computed, except where another thread changes the graph during the call and so makes it wrong.

    Notes
    -----
    Dijkstra's algorithm [1]_ with a radix heap [2]_ takes O(n + e) steps for each source: an edge is moved between
    buckets at most as often as a float64 has hexadecimal digits, and a few times as a rule. Sources are cut among the
    workers, each of which looks over the whole graph once and needs memory in proportion to the edges that wait in its
    queue at once.

    Thread safety: safe on shared objects, for arguments are only read; ``out`` has to be the call's own.

    References
    ----------
    .. [1] E. W. Dijkstra, "A note on two problems in connexion with graphs", Numer. Math. 1 (1959) 269-271.
    .. [2] R. K. Ahuja, K. Mehlhorn, J. B. Orlin, R. E. Tarjan, "Faster algorithms for the shortest path problem",
       J. ACM 37 (1990) 213-223.

    Examples
    --------
    Four nodes; the way from 0 to 1 is shorter by way of 2, and none leads to 3:

    >>> import gilfree
    >>> graph = ([7.0, 2.0, 3.0, 1.0], [1, 2, 1, 0], [0, 2, 2, 3, 4], (4, 4))
    >>> gilfree.shortest_paths(graph, 0)
    array([ 0.,  5.,  2., inf])
    >>> distances, predecessors = gilfree.shortest_paths(graph, [0, 3], return_predecessors=True)
    >>> distances
    array([[ 0.,  5.,  2., inf],
           [ 1.,  6.,  3.,  0.]])
    >>> predecessors
    array([[-9999,     2,     0, -9999],
           [    3,     2,     0, -9999]], dtype=int32)
    >>> gilfree.shortest_paths(graph, 0, unweighted=True)
    array([ 0.,  1.,  1., inf])
    """
    data, indices, indptr, (nodes, _) = _csr.csr(
        "graph", graph, with_data=not unweighted, square=True, largest=MAX_NODES
    )
    rows, single = _sources(sources, nodes)
    count = len(rows)
    shape = (nodes,) if single else (count, nodes)
    specs: _arrays.Specs = (("distances", shape, _arrays.FLOAT64),)
    if return_predecessors:
        specs = (*specs, ("predecessors", shape, _arrays.INT32))
    result: Result = _arrays.compute(
        Sources,
        (data, indices, indptr, rows),
        count,
        count * _seconds(nodes, indices.size, unweighted=data is None),
        specs,
        out,
        workers,
        release_gil,
        single=single,
    )
    return result


class Sources(Work):
    """Sources, from each of which all nodes are looked for."""

    __slots__ = ()
    core = "shortest_paths"
    cut = (3,)

    @property
    def each(self) -> int:
        """The nodes."""
        return len(self.inputs[2]) - 1

    @property
    def chunk_seconds(self) -> float:
        """What it takes to look the graph over."""
        return (len(self.inputs[1]) + len(self.inputs[2])) * 0.5e-9


def shortest_paths_pure(
    graph: Any,  # noqa: ANN401
    sources: Any,  # noqa: ANN401
    *,
    unweighted: bool = False,
    return_predecessors: bool = False,
) -> Any:  # noqa: ANN401
    """`shortest_paths` in pure Python: lists, and of several shortest paths perhaps another."""
    if not isinstance(graph, tuple):
        graph = graph.data, graph.indices, graph.indptr, graph.shape
    data, indices, indptr, shape = graph
    weights = [1.0] * len(indices) if unweighted else [float(weight) for weight in data]
    nodes = int(shape[0])
    edges = [
        [(int(indices[edge]), weights[edge]) for edge in range(int(indptr[node]), int(indptr[node + 1]))]
        for node in range(nodes)
    ]
    find = breadth_first if unweighted else dijkstra
    single = not hasattr(sources, "__len__")
    found = [find(edges, int(source)) for source in ([sources] if single else sources)]
    distances, predecessors = [row for row, _ in found], [row for _, row in found]
    if single:
        distances, predecessors = distances[0], predecessors[0]  # type: ignore[assignment]
    return (distances, predecessors) if return_predecessors else distances


def dijkstra(edges: list[list[tuple[int, float]]], source: int) -> tuple[list[float], list[int]]:
    """Return distances and predecessors, given each node's (target, weight)."""
    distances, predecessors = [inf] * len(edges), [NO_PREDECESSOR] * len(edges)
    distances[source] = 0.0
    queue = [(0.0, source)]
    while queue:
        distance, node = heappop(queue)
        if distance > distances[node]:
            continue  # a shorter path was found after this one
        for target, weight in edges[node]:
            through = distance + weight
            if through < distances[target]:
                distances[target] = through
                predecessors[target] = node
                heappush(queue, (through, target))
    return distances, predecessors


def breadth_first(edges: list[list[tuple[int, float]]], source: int) -> tuple[list[float], list[int]]:
    """Return distances and predecessors where every edge has length 1."""
    distances, predecessors = [inf] * len(edges), [NO_PREDECESSOR] * len(edges)
    distances[source] = 0.0
    queue = deque([source])
    while queue:
        node = queue.popleft()
        for target, _ in edges[node]:
            if distances[target] == inf:
                distances[target] = distances[node] + 1.0
                predecessors[target] = node
                queue.append(target)
    return distances, predecessors


def _sources(value: object, nodes: int) -> "tuple[NDArray[np.int64] | array[int], bool]":
    """Return the sources as int64, a copy, which no other thread can change; and whether it was one by itself."""
    if type(value) is int and 0 <= value < nodes:
        return array("q", (value,)), True  # in half the time that NumPy takes
    try:
        given = np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"sources: wanted an int or an array of ints, got what NumPy makes none of ({error})"
        ) from None
    if given.dtype.kind not in "iu" and given.size:
        raise TypeError(f"sources: wanted an int or array of ints, got dtype {given.dtype}")
    if given.ndim > 1:
        raise ValueError(f"sources: wanted at most 1 dimension, got {given.ndim} (shape {given.shape})")
    starts = given.astype(np.int64).reshape(-1)
    listed = starts.tolist()  # for a few numbers much faster than NumPy's minimum and maximum
    if listed and not (min(listed) >= 0 and max(listed) < nodes):
        wrong = next(source for source in listed if not 0 <= source < nodes)
        raise ValueError(f"sources: wanted nodes from 0 to {nodes - 1}, got {wrong}")
    return starts, given.ndim == 0


def _seconds(nodes: int, edges: int, *, unweighted: bool) -> float:
    """Estimate the time for one source: the larger the graph, the more of its accesses miss the caches."""
    growth = min(cbrt(nodes / 1000), 16.0) if nodes > 1000 else 1.0  # noqa: PLR2004
    return (nodes + edges) * (1e-9 if unweighted else 3.5e-9) * growth


KERNEL = Kernel(
    name="shortest_paths",
    dwarf="graph traversal",
    functions=(shortest_paths,),
    twins=(shortest_paths_pure,),
)
